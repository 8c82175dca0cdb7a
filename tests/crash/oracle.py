"""What came of a case, by the emulated clouds' own books; qbatch's journal is only held against it.

What jobs buy is judged, a point at a time where one job buys it, else a run of its shots. Bought
twice: with more than one accepted job, those aside that the cloud itself ended without a result.
Lost: the cloud completed it and the run folder has no result and does not hold it. Wrong: a result
that is not the one its point can give, or that another job gave.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.snapshot import PointResult, Run
from qbatch.snapshot.doubles import read_doubles
from tests.crash.experiments import Experiment
from tests.crash.money import compare, split_doubles

#: States of the ledger after which a point may be bought again.
WITHOUT_RESULT = ("failed", "cancelled", "expired")


@dataclass
class Verdict:
    """What a case came to.

    Attributes:
        points: Of the manifest, or runs of their shots where several jobs buy a point.
        bought: Jobs that the cloud accepted and did not end without a result, in points.
        states: State in the run folder -> points.
        twice, lost, wrong: See the module's head.
        unexplained: Points that stand in no allowed state, and held or failed ones without a
            reason.
        words: A sentence for each thing that is not as it should be.
    """

    points: int
    bought: int = 0
    states: dict[str, int] = field(default_factory=dict)
    twice: int = 0
    lost: int = 0
    wrong: int = 0
    unexplained: int = 0
    noticed: int = 0
    off: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def held(self) -> int:
        return self.states.get("held", 0)


def judge(
    folder: Path, experiment: Experiment, ledger: Sequence[Mapping[str, Any]], allowed: set[str]
) -> Verdict:
    """Hold a run folder against the cloud's ledger.

    Args:
        folder: The run folder.
        experiment: What was run there, by nobody else on this cloud.
        ledger: All that the cloud accepted.
        allowed: States in which points may be in the end.
    """
    verdict = Verdict(experiment.jobs)
    try:
        run = Run(folder)
    except SnapshotError as error:
        verdict.lost, verdict.words = experiment.jobs, [f"{error}; bought: {ledger}"]
        return verdict
    with run:
        jobs = {job.job.id: job for job in all_jobs(run)}
        ordered, beside = split_doubles(ledger, read_doubles(run.meta))
        verdict.noticed = len(beside)
        bought, strangers = _sorted_by_point(folder, experiment.cloud, run.meta["run_id"], ordered)
        if missing := experiment.missing(jobs.values()):
            verdict.lost += missing
            verdict.words.append(f"the run folder has {len(jobs)} points")
        for entry in strangers:
            verdict.twice += 1
            verdict.words.append(f"bought without an intent that tells of it: {entry}")
        for id_, job in jobs.items():
            _judge_job(verdict, job, experiment, bought[id_], allowed)
        for point in run:
            if point.pieces and point.state is JobState.COMPLETED:
                _judge_counts(verdict, point, experiment, experiment.shots)
        wrong_sums = compare(run, ledger)
        verdict.off += len(wrong_sums)
        verdict.words += wrong_sums
    return verdict


def _judge_job(
    verdict: Verdict,
    point: PointResult,
    experiment: Experiment,
    entries: Sequence[Mapping[str, Any]],
    allowed: set[str],
) -> None:
    state = point.state.value
    verdict.states[state] = verdict.states.get(state, 0) + 1
    live = [entry for entry in entries if entry["state"] not in WITHOUT_RESULT]
    verdict.bought += len(live)
    told = f"{point.name} is {state} ({point.job.error or point.job.status})"
    if len(live) > 1:
        verdict.twice += len(live) - 1
        ids = ", ".join(f"{entry['id']} {entry['state']}" for entry in entries)
        verdict.words.append(f"{point.name} was bought {len(live)} times: {ids}")
    if state not in allowed:
        verdict.unexplained += 1
        verdict.words.append(told)
    if state == "failed" and not any(one["state"] in WITHOUT_RESULT for one in entries):
        verdict.unexplained += 1
        verdict.words.append(f"{told}, but did not fail at the cloud")
    if state in ("held", "failed") and not point.job.error:
        verdict.unexplained += 1
        verdict.words.append(f"{told}, without a reason")
    if point.state is JobState.COMPLETED:
        _judge_result(verdict, point, experiment, live)
    elif point.state is not JobState.HELD and any(one["state"] == "completed" for one in live):
        verdict.lost += 1
        verdict.words.append(f"{told}, but the cloud completed it")


def _judge_result(
    verdict: Verdict,
    point: PointResult,
    experiment: Experiment,
    live: Sequence[Mapping[str, Any]],
) -> None:
    _judge_counts(verdict, point, experiment, experiment.shots_of(point))
    if point.job.provider_job_id not in [entry["id"] for entry in live]:
        verdict.wrong += 1
        verdict.words.append(f"{point.name} is completed as {point.job.provider_job_id}, not as")
        verdict.words.extend(f"  {entry}" for entry in live)


def _judge_counts(verdict: Verdict, point: PointResult, experiment: Experiment, shots: int) -> None:
    found = None if point.counts is None else point.counts.to_dict()
    wanted = experiment.amiss(point.parameters, found or {}, shots)
    if wanted:
        verdict.wrong += 1
        verdict.words.append(f"{point.name} has {found} instead of {wanted}")


def _sorted_by_point(
    folder: Path, cloud: str, run_id: str, ledger: Sequence[Mapping[str, Any]]
) -> tuple[Mapping[str, list[Mapping[str, Any]]], list[Mapping[str, Any]]]:
    """Return point -> its entries, and the entries that belong to no point."""
    ids, jobs = _read_intents(folder)
    bought: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    strangers = []
    for entry in ledger:
        if cloud == "ibm-direct-access":  # a job of many points, under the id that we chose
            meant = jobs.get(entry["key"], set())
        else:
            meant = {one for one in ids if _is_named_after(entry, run_id, one)}
        for one in meant:
            bought[one].append(entry)
        if not meant:
            strangers.append(entry)
    return bought, strangers


def _is_named_after(entry: Mapping[str, Any], run_id: str, point_id: str) -> bool:
    """Whether a job's name, which we chose, holds the run's id and the point's."""
    parts = entry["name"].replace("/", "-").split("-")
    return run_id in parts and any(
        len(part) >= 12 and part != run_id and point_id.startswith(part) for part in parts
    )


def _read_intents(folder: Path) -> tuple[list[str], Mapping[str, set[str]]]:
    """Return the ids of all points, and the key of each intent -> ids of the points in it."""
    db = sqlite3.connect(f"file:{folder / 'snapshot.db'}?mode=ro", uri=True)
    try:
        ids = {ordinal: key.hex() for ordinal, key in db.execute("SELECT ordinal, id FROM points")}
        rows = db.execute(
            "SELECT intents.key, composites.jobs FROM intents"
            " JOIN composites ON composites.ordinal = intents.composite"
        )
        jobs: dict[str, set[str]] = defaultdict(set)
        for key, children in rows:  # one that was certainly not taken is sent under its key again
            jobs[key] |= {ids[ordinal] for ordinal in json.loads(children)}
    finally:
        db.close()
    return list(ids.values()), jobs


def entries_of(
    folder: Path, cloud: str, ledger: Sequence[Mapping[str, Any]], point_id: str
) -> list[Mapping[str, Any]]:
    """Return the jobs that stand in the ledger for a point, those that may have a result first.

    Of the others only those that the run does not know: one of them may be what it holds.
    """
    with Run(folder) as run:
        bought, _ = _sorted_by_point(folder, cloud, run.meta["run_id"], ledger)
        points = (*run, *run.references())
        known = {job.provider_job_id for point in points for job in run.attempts_of(point)}
    entries = bought[point_id]
    hopeful = [entry for entry in entries if entry["state"] not in WITHOUT_RESULT]
    others = [entry for entry in entries if entry["state"] in WITHOUT_RESULT]
    return [*hopeful, *(entry for entry in others if entry["id"] not in known)]


def held_points(folder: Path) -> list[str]:
    """Return the ids of held points, or of those of their jobs that are held, each once."""
    with Run(folder) as run:
        held = (job.job.id for job in all_jobs(run) if job.state is JobState.HELD)
        return list(dict.fromkeys(held))


def all_jobs(run: Run) -> list[PointResult]:
    """Return what was bought for its points, and its references."""
    return [job for point in (*run, *run.references()) for job in point.jobs]
