"""What a run folder gives when it is put together with others: purchases, results, replies.

Rule: a folder that may know more than a merged one would, for a provider may still hold something
of it, is refused.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qbatch.errors import SnapshotError
from qbatch.job import IN_FLIGHT, JobState
from qbatch.manifest.decisions import kept_decisions
from qbatch.providers import is_here
from qbatch.purchase import ASKED
from qbatch.snapshot.attempts import Attempt
from qbatch.snapshot.doubles import read_doubles
from qbatch.snapshot.epochs import KEY
from qbatch.snapshot.faults import translated
from qbatch.snapshot.jobs import NewResult
from qbatch.snapshot.ledger import Entry
from qbatch.snapshot.programs import KEY as PROGRAM
from qbatch.snapshot.reading import checked
from qbatch.snapshot.reused import IMPORTED, REUSED, Reused, reused_of
from qbatch.snapshot.run import Run
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    StoredPoint,
    job_from_row,
    point_from_row,
)

#: A purchase: backend, job and its provider's id; where it has none, folder, job and attempt.
Key = tuple[str, str, str]

#: Where an attempt has come to nothing yet; what is in flight here was computed by a dead run.
_NOTHING_YET = IN_FLIGHT | {JobState.CREATED}


@dataclass(slots=True)
class PastAttempt:
    """An attempt at a job, with its entry in the ledger, where it has one.

    Attributes:
        is_reused: Another run made it, and counts what it cost.
    """

    generation: int
    attempt: Attempt | None
    entry: Entry | None
    key: Key
    is_reused: bool = False


class Source(Run):
    """A run folder that is read, and held so that nothing changes in it.

    Attributes:
        imported: Backends of which some folder of a merge has imported jobs: what another
            program's file numbers as it likes is known by its provider's id alone.
    """

    imported: frozenset[str] = frozenset()

    def backends_imported(self) -> frozenset[str]:
        """Backends of which it has jobs that were imported."""
        rows = self._rows(
            "SELECT DISTINCT backend FROM raw JOIN points ON raw.job = points.ordinal"
            " WHERE kind = ?",
            (IMPORTED,),
            of=("raw", "points"),
        )
        return frozenset(backend for (backend,) in rows)

    def copy_to(self, path: Path) -> None:
        """Write a copy of its snapshot."""
        with translated(path), closing(sqlite3.connect(path)) as copy:
            self._db.backup(copy)

    def at_providers(self) -> int:
        """How many of its jobs a provider may hold; what was computed here ended with its run."""
        here = {name for name, one in self.manifest.backends.items() if is_here(one)}
        flying = sum(
            job.state in IN_FLIGHT
            for point, job in self.stored_points()
            if point.backend not in here
        )
        marks = ", ".join("?" * len(ASKED))
        rows = self._rows(
            f"SELECT backend, num_jobs FROM composites WHERE stage IN ({marks})",
            sorted(ASKED),
            of=("composites",),
        )
        sent = sum(int(number) for backend, number in rows if backend not in here)
        return max(flying, sent)

    def pieces(self) -> Iterator[tuple[StoredPoint, JobRow]]:
        """Yield what each job buys, and the job."""
        sql = (
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal)"
            " ORDER BY points.start, points.ordinal"
        )
        with checked(self.path):
            for row in self._rows(sql, of=("points", "jobs")):
                point = point_from_row(row[:NUM_POINT_COLUMNS])
                yield point, job_from_row(row[NUM_POINT_COLUMNS:], point.id)

    def purchases_of(self) -> dict[int, list[PastAttempt]]:
        """Row -> every attempt at its job that may have bought something, oldest first."""
        entries = {(e.entry.ordinal, e.entry.generation): e.entry for e in self.ledger()}
        ended = {(job, each.generation): each for job, each in self.ended_attempts()}
        rows = {row.ordinal: (point, row) for point, row in self.pieces()}
        found: dict[int, list[PastAttempt]] = defaultdict(list)
        current = {
            (at, row.job.generation)
            for at, (_, row) in rows.items()
            if row.job.state not in _NOTHING_YET
        }
        for at, generation in sorted({*entries, *ended, *current}):
            point, row = rows[at]
            attempt = ended.get((at, generation))
            is_current = generation == row.job.generation and row.job.state not in _NOTHING_YET
            provider_id = attempt.provider_job_id if attempt is not None else None
            if is_current:
                provider_id = row.job.provider_job_id
            key = self.meta.get("run_id", ""), point.id, f"attempt {generation}"
            if provider_id:
                key = point.backend, point.id, provider_id
            reused = self.reused_at(at) if is_current else None
            if reused is not None:
                key = point.backend, *reused.key
            if point.backend in self.imported and key[0] == point.backend:
                key = point.backend, "", key[2]
            entry = entries.get((at, generation))
            made = PastAttempt(generation, attempt, entry, key, reused is not None)
            found[at].append(made)
        return found

    def result_of(self, ordinal: int) -> NewResult:
        """What a job measured."""
        ((counts, facts, analysis, estimates, vector),) = self._rows(
            "SELECT counts, facts, analysis, estimates, statevector FROM results WHERE ordinal = ?",
            (ordinal,),
            of=("results",),
        )
        return NewResult(counts, json.loads(facts), analysis, estimates, statevector=vector)

    def stored_at(self, ordinal: int) -> float:
        """When a job's result was stored, seconds since 1970."""
        sql = "SELECT at FROM results WHERE ordinal = ?"
        ((at,),) = self._rows(sql, (ordinal,), of=("results",))
        return float(at)

    def reused_at(self, ordinal: int) -> Reused | None:
        """Where the shots of a job come from that another run bought; None: from this one."""
        if REUSED not in self.meta:
            return None
        sql = "SELECT facts FROM results WHERE ordinal = ?"
        rows = self._rows(sql, (ordinal,), of=("results",))
        return reused_of(rows[0][0]) if rows else None

    def replies_of(self, ordinal: int) -> list[Any]:
        """Columns at, kind, body_crc and body of what its provider said."""
        rows = self._large("raw", "job = ?", (ordinal,))
        return [(at, kind, body_crc, body) for _, at, kind, body_crc, _, body in rows]

    def setting_row(self, key: str) -> Any:
        return self._large("settings", "key = ?", (key,))

    def calibration_rows(self) -> Any:
        """Rows of the calibrations that it knows."""
        return self._large("settings", "key GLOB ?", (f"{KEY}*",))

    def program_rows(self) -> Any:
        """Rows of the programs that it knows."""
        return self._large("settings", "key GLOB ?", (f"{PROGRAM}*",))

    def composite_row(self, ordinal: int | None) -> Any:
        """Columns id, backend, generation, jobs, memo, sent_at, key and body; None for none."""
        rows = self._rows(
            "SELECT id, backend, generation, jobs, memo, sent_at, key, body FROM composites"
            " LEFT JOIN intents ON composite = ordinal WHERE ordinal = ?",
            (ordinal,),
            of=("composites", "intents"),
        )
        return rows[0] if rows else None


def check_sources(sources: Sequence[Source]) -> None:
    first, asked = sources[0], dict[str, Source]()
    for source in sources:
        if source.has_former_ids or not source.has_plan:
            raise SnapshotError(
                f"{source.folder}: it was cut off early, or written by an earlier qbatch; "
                "`qbatch run` with its manifest goes on in it, then merge"
            )
        if source.meta.get("manifest") != first.meta.get("manifest"):
            raise SnapshotError(
                f"{source.folder}: it is of another manifest than {first.folder}, or of another "
                "version of it; `qbatch run` in both with one manifest, then merge"
            )
        if source.is_rehearsal != first.is_rehearsal:
            raise SnapshotError(
                f"{source.folder}: of it and {first.folder} one is a rehearsal; those never mix"
            )
        for name in source.targets:
            other = asked.setdefault(name, source)
            if (name in source.emulated) != (name in other.emulated):
                raise SnapshotError(
                    f"{source.folder}: of it and {other.folder} one had an emulator in place of "
                    f"the cloud of backend {name!r}; those never mix"
                )
        if held := source.at_providers():
            jobs = "1 job" if held == 1 else f"{held} jobs"
            raise SnapshotError(
                f"{source.folder}: {jobs} of it may still be at a provider, and only that folder "
                f"knows of them: `qbatch fetch {source.folder}`, `cancel` or `resolve` first"
            )
    _check_decided(sources)
    _check_doubles(sources)


def _check_decided(sources: Sequence[Source]) -> None:
    """See that no two decided one question otherwise."""
    known = dict[Any, tuple[Source, str]]()
    for source in sources:
        for each in kept_decisions(source.meta, str(source.folder)):
            other, chosen = known.setdefault(each.question, (source, each.chosen))
            if chosen != each.chosen:
                raise SnapshotError(
                    f"{source.folder}: backend {each.backend!r} was decided to be {each.chosen} "
                    f"there, and {chosen} in {other.folder}: they are of two machines, and stay "
                    "apart; `qbatch diff` compares them"
                ).about("any-of")


def _check_doubles(sources: Sequence[Source]) -> None:
    doubles = [(source, each) for source in sources for each in read_doubles(source.meta).values()]
    over = {double.id for _, double in doubles if double.is_over}
    for source, double in doubles:
        if double.id not in over:
            manifest = source.meta.get("manifest_path", "MANIFEST")
            raise SnapshotError(
                f"{source.folder}: {double}; it may run still, and only from that folder it is "
                f"seen: wait, or stop it (`qbatch jobs {manifest} --backend {double.backend} "
                f"--cancel {double.id}`), let `qbatch run` look there again, then merge; where its "
                f"cloud cannot be asked any more, `qbatch resolve {source.folder} --double "
                f"{double.id} --cost N` says that it is over, and for how much"
            )
