"""Runs that began elsewhere, taken over: what OQC's own client saved becomes a run folder.

The folder holds a manifest made for it (programs inline, one backend per QPU and configuration)
and a snapshot in which every saved job is a point: results are stored as they are, nothing is run
again. What the client saved of a job is kept whole beside it. Where each job is, `cases` decides.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from qbatch.drafts import draft_beside
from qbatch.errors import Place, SelectionError, SnapshotError, SourceError
from qbatch.exchange.oqc.cases import Case, read_cases
from qbatch.exchange.oqc.format import SavedError, SavedJob, SavedResult
from qbatch.exchange.oqc.manifest import Wish, manifest_text
from qbatch.executor.fetching import pack_result
from qbatch.frozen import dataclass
from qbatch.job import CompositeJob, Job, JobState
from qbatch.manifest import parse_manifest
from qbatch.manifest.models import Analysis
from qbatch.plan import Plan, SweepPoint, canonical_json, expand
from qbatch.plan.identity import id_of, seed_of, short_key
from qbatch.plan.packing import composite_id
from qbatch.plan.pinning.lock import installed_versions
from qbatch.providers import Fetched
from qbatch.providers.oqc.memo import OqcMemo
from qbatch.purchase import CompositeEvent
from qbatch.snapshot import JobRow, Snapshot
from qbatch.snapshot.estimates import analysis_key
from qbatch.snapshot.reused import IMPORTED

#: Children of one composite job, as taken over.
MAX_CHILDREN = 500

#: Name of the manifest in the run folder.
MANIFEST = "manifest.yaml"


@dataclass(frozen=True, slots=True)
class Adopted:
    """What an import came to.

    Attributes:
        folder: The run folder.
        states: Points in each state.
        notes: What a person should know, a sentence each.
    """

    folder: Path
    states: Mapping[JobState, int]
    notes: Sequence[str]


def adopt_oqc(file: Path, *, out: Path | None = None, register: str | None = None) -> Adopted:
    """Take over a file of OQC's client.

    Args:
        file: One job, or a composite.
        out: The run folder; None: ``runs/NAME`` under the current folder, NAME as the file's.
        register: Kept of results whose registers were counted apart, so that joint counts cannot
            be known.

    Raises:
        SourceError: It is no such file, or holds nothing that can be taken over.
        SelectionError: There is a run in the folder already, or `register` is needed.
        SnapshotError: The folder cannot be written.
    """
    name = "".join(char if char.isalnum() or char in "-_." else "-" for char in file.stem)
    folder = out or Path("runs") / name
    if folder.exists() and any(folder.iterdir()):
        raise SelectionError(f"{folder}: is not empty; name another folder with --out DIR")
    cases = read_cases(file, register)
    wishes = [case.wish for case in cases if not case.wish.problem]
    if not wishes:
        problem = cases[0].wish.problem if cases else "it holds no jobs"
        raise SourceError(
            Place(str(file)), f"nothing to take over: {problem}; give its client's own file of jobs"
        )
    text = manifest_text(wishes, name, file.name)
    plan = expand(parse_manifest(text, file=str(folder / MANIFEST), folder=folder.absolute()))
    with _appearing(folder) as fresh:
        (fresh / MANIFEST).write_text(text, "utf-8")
        meta = {
            "manifest_path": str(folder / MANIFEST),
            "imported_from": str(file.absolute()),
        }
        states = _write(fresh, plan, cases, meta)
    return Adopted(folder, states, list(_notes(cases)))


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `folder` at the end: a run is there whole or not at all.

    Half a run would hold points as `created` that were bought elsewhere.
    """
    fresh = draft_beside(folder)
    try:
        fresh.mkdir(parents=True)
        yield fresh
        fresh.rename(folder)
    except OSError as error:
        raise SnapshotError(f"{folder}: cannot be written: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


class _Clock:
    """The time that is written down: when things happened, where the file tells."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def __call__(self) -> float:
        return time.time() if self.at is None else self.at.timestamp()


def _write(
    folder: Path, plan: Plan, cases: Sequence[Case], meta: Mapping[str, str]
) -> dict[JobState, int]:
    analysis, clock = plan.manifest.analysis, _Clock()
    with Snapshot(folder, now=clock) as snapshot:
        _note(snapshot, plan, meta)
        points = _points(plan, cases)
        extra = [
            point for point, _ in points.values() if point.setting not in plan.factory.settings
        ]
        settings = {point.setting: text for point, text in points.values() if text}
        snapshot.register(
            chain(plan.points(), extra),
            setting_of=lambda key: settings.get(key) or plan.setting_text(key),
            has_bases=plan.has_bases,
        )
        rows = snapshot.jobs_of(points[case.number][0].id for case in cases)
        with snapshot.transaction():
            for case, row in zip(cases, rows, strict=True):
                _write_case(snapshot, case, row, analysis, clock)
            clock.at = None
            for members in _composites(cases):
                _write_composite(snapshot, members)
        snapshot.set_meta(finished_at=_now())
        return snapshot.counts_by_state()


def _note(snapshot: Snapshot, plan: Plan, meta: Mapping[str, str]) -> None:
    manifest = plan.manifest
    snapshot.set_meta(
        run_id=secrets.token_hex(8),
        run_folder=str(snapshot.folder.resolve()),
        versions=json.dumps(installed_versions()),
        selection="",
        started_at=_now(),
        finished_at="",
        name=manifest.name,
        manifest=manifest.text,
        manifest_folder=str(manifest.folder.absolute()),
        overrides="[]",
        axes=json.dumps(list(plan.axes)),
        targets="{}",
        **meta,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _points(plan: Plan, cases: Sequence[Case]) -> dict[int, tuple[SweepPoint, str]]:
    """The point of each case; with the text of its setting, where the plan does not have it."""
    by_place = {(p.circuit, p.backend, p.shots, p.repeat): p for p in plan.points()}
    copies: Counter[tuple[str, str, int]] = Counter()
    found: dict[int, tuple[SweepPoint, str]] = {}
    for case in cases:
        wish = case.wish
        place = (wish.circuit, wish.backend, wish.shots)
        copies[place] += 1
        copy = copies[place]
        planned = by_place.get((*place, copy))
        found[case.number] = (planned, "") if planned else _unplanned(wish, copy)
    return found


def _unplanned(wish: Wish, copy: int) -> tuple[SweepPoint, str]:
    """A point that no manifest can ask for, so that what is known of it has its place."""
    backend = {"provider": "oqc", "target": wish.target, "options": dict(wish.options)}
    setting = {"backend": {k: v for k, v in backend.items() if v}, "circuit": wish.program}
    text = canonical_json({**setting, "seed": 0})
    id_ = id_of({**setting, "seed": 0, "parameters": {}, "repeat": copy, "shots": wish.shots})
    name = f"circuit={wish.circuit},backend={wish.backend},shots={wish.shots}"
    name += f"#{copy}" if copy > 1 else ""
    return (
        SweepPoint(
            id_,
            name,
            wish.circuit,
            wish.backend,
            wish.shots,
            copy,
            (),
            seed_of(id_),
            short_key("unplanned", text),
        ),
        text,
    )


def _write_case(
    snapshot: Snapshot,
    case: Case,
    row: JobRow,
    analysis: Analysis,
    clock: _Clock,
) -> None:
    """Store one job: its earlier attempts, where it is, its result, and all that was saved."""
    saved = case.saved
    for generation, item in enumerate(case.earlier, 1):
        clock.at = item.received
        snapshot.save_attempts([replace(row, job=_earlier(row.job.id, generation, item))])
    latest = saved.result or saved.error
    clock.at = latest.received if latest else None
    # A task that may never have been submitted has no id of its own yet: `locate` decides.
    is_lost = case.state is JobState.SUBMITTING
    job = Job(
        row.job.id,
        case.state,
        generation=len(case.earlier) + 1,
        provider_job_id=None if is_lost or saved.task_id is None else str(saved.task_id),
        status=saved.state,
        error=case.error,
    )
    case.row = replace(row, job=job)
    snapshot.save_jobs([case.row], note="imported")
    if case.counts is not None and saved.result is not None:
        fetched = Fetched(job.id, case.counts, facts=_told(saved, saved.result))
        packed = pack_result(fetched, analysis, analysis_key(analysis))
        snapshot.save_result(row.ordinal, packed)
    kept = {
        "number": case.number,
        "as": [job.generation, job.state.value],
        "job": saved.model_dump(mode="json"),
    }
    snapshot.save_raw(row.ordinal, IMPORTED, json.dumps(kept, ensure_ascii=False).encode())


def _earlier(job_id: str, generation: int, item: SavedResult | SavedError) -> Job:
    task_id = None if item.task_id is None else str(item.task_id)
    if isinstance(item, SavedResult):
        return Job(job_id, JobState.COMPLETED, generation, task_id, status="COMPLETED")
    return Job(job_id, JobState.FAILED, generation, task_id, status="FAILED", error=str(item.told))


def _told(saved: SavedJob, result: SavedResult) -> dict[str, Any]:
    """What OQC said about how it ran, under the names its replies have."""
    facts = {
        "tag": saved.tag,
        "hybrid_marker": saved.hybrid_marker,
        "timings": result.timings or saved.timings,
        "execution_metadata": result.metrics or saved.metrics,
        "metadata": result.metadata or saved.metadata,
    }
    return {name: value for name, value in facts.items() if value}


def _composites(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """What is in flight, by backend and by whether it is known to have been submitted."""
    together: dict[tuple[str, bool], list[Case]] = defaultdict(list)
    for case in cases:
        if case.is_at_oqc:
            together[case.wish.backend, case.state is JobState.SUBMITTING].append(case)
    for members in together.values():
        for start in range(0, len(members), MAX_CHILDREN):
            yield members[start : start + MAX_CHILDREN]


def _write_composite(snapshot: Snapshot, cases: Sequence[Case]) -> None:
    """Put down tasks of one backend that are in flight as if they had been sent together."""
    rows = [case.row for case in cases if case.row is not None]
    task_ids = [str(case.saved.task_id) for case in cases]
    ids = tuple(row.job.id for row in rows)
    memo: OqcMemo = {"task_ids": task_ids, "qpu_id": cases[0].wish.target}
    composite = CompositeJob(composite_id(ids, 1), cases[0].wish.backend, ids, 1, memo)
    ordinal = snapshot.add_composite(composite, [row.ordinal for row in rows])
    tasks = [
        {"program": case.saved.program, "qpu_id": case.wish.target, "task_id": task_id}
        for case, task_id in zip(cases, task_ids, strict=True)
    ]
    snapshot.save_intent(ordinal, task_ids[0], json.dumps({"tasks": tasks}).encode())
    if cases[0].state is not JobState.SUBMITTING:
        snapshot.happens(ordinal, CompositeEvent.ANSWERED)
    snapshot.save_jobs([replace(row, composite=ordinal) for row in rows], note="in flight")


def _notes(cases: Sequence[Case]) -> Iterator[str]:
    def count(test: Callable[[Case], bool]) -> int:
        return sum(map(test, cases))

    unplanned = [case for case in cases if case.wish.problem]
    if unplanned:
        first = unplanned[0]
        yield (
            f"{len(unplanned)} of {len(cases)} jobs are kept but are not in the manifest: "
            f"job {first.number + 1}: {first.wish.problem}"
        )
    if doubtful := count(lambda case: case.saved.state == "FAILED" and case.is_at_oqc):
        yield (
            f"{doubtful} jobs that the client calls failed met a failed request, not a failed "
            "task: they are taken as in flight"
        )
    if odd := count(lambda c: c.counts is not None and c.counts.shots != c.wish.shots):
        yield f"{odd} results have another number of shots than was asked for; they are kept so"
