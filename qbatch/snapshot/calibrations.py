"""The calibrations of a run's machines as readers see them: which held for which job, and values.

Rule: what is known of jobs is read in one question, when it is first asked for.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.calibration import Column, Value, values_of
from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass
from qbatch.snapshot.epochs import KEY, KNOWN, Held, held_between, held_by, read_epochs
from qbatch.snapshot.reused import REUSED

if TYPE_CHECKING:
    from qbatch.snapshot.points import PointResult

#: Of each job with a result: its row, its backend, when it was sent and came home, what is told.
_JOBS = f"""
SELECT points.ordinal, points.backend, jobs.submitted_at, results.at,
    json_extract(facts, '$.calibration'), json_extract(facts, '$.calibrations'),
    instr(facts, '"{REUSED}":')
FROM results JOIN jobs USING (ordinal) JOIN points USING (ordinal)
WHERE jobs.state = 'completed' AND points.shots > 0
"""

#: How many documents are kept in memory, read.
_MOST_READ = 32


class Folder(Protocol):
    """What is asked of a run (`snapshot.Run`)."""

    @property
    def meta(self) -> Mapping[str, str]: ...
    def _rows(
        self, sql: str, values: Sequence[Any] = (), *, of: Sequence[str] = ()
    ) -> list[Any]: ...
    def _large(self, table: str, where: str, values: Sequence[Any]) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class MachineCalibration:
    """One calibration of one machine.

    Attributes:
        backend: Its name in the manifest.
        digest: By which it is known.
        first_at: When it was read first beside jobs, UTC; None where results told it.
        last_at: When it was read last.
        jobs: That ran with it for certain.
        unsure: Jobs that ran with it or with the one before or after it.
    """

    backend: str
    digest: str
    first_at: datetime | None
    last_at: datetime | None
    jobs: int
    unsure: int


class Calibrations:
    """What a run knows of its machines' calibrations.

    Args:
        run: Whose they are; read as it is asked.
    """

    def __init__(self, run: Folder) -> None:
        self._run = run
        self._document = lru_cache(maxsize=_MOST_READ)(self._read)

    def __bool__(self) -> bool:
        return self.is_known

    @cached_property
    def is_known(self) -> bool:
        """Whether there are any."""
        return KNOWN in self._run.meta

    @cached_property
    def _held(self) -> dict[int, tuple[str, Held]]:
        """Row of each job with a result of which something is known -> its backend, what held."""
        if not self.is_known:
            return {}
        epochs, found = read_epochs(self._run.meta), {}
        rows = self._run._rows(_JOBS, of=("results", "jobs", "points"))
        for ordinal, backend, sent_at, home_at, own, several, is_reused in rows:
            told: dict[str, Any] = {"calibration": own}
            if isinstance(several, str):
                told["calibrations"] = json.loads(several)
            held = held_by(told)
            if not held.digests and not is_reused and sent_at is not None:
                held = held_between(epochs.get(backend, ()), sent_at, home_at)
            if held.digests:
                found[ordinal] = backend, held
        return found

    def at(self, ordinal: int) -> Held:
        """Return what held while the job of a row ran."""
        return self._held.get(ordinal, ("", Held()))[1]

    def of_job(self, job: PointResult) -> Held:
        """Return what held while a job ran; a point of one job is its job."""
        return self.at(job.ordinal)

    def of_point(self, point: PointResult) -> list[tuple[PointResult, Held]]:
        """Return each of a point's finished jobs with what held, those of which that is known."""
        found = ((job, self.of_job(job)) for job in point.jobs) if self.is_known else ()
        return [(job, held) for job, held in found if held.digests]

    def digests_of(self, point: PointResult) -> tuple[str, ...]:
        """Return the calibrations that a point's jobs ran with, each once."""
        return (*dict.fromkeys(d for _, held in self.of_point(point) for d in held.digests),)

    def value_of(self, point: PointResult, column: Column) -> Value | None:
        """Return a number of the machine for a point; None where it is not known for all its jobs.

        Of several jobs it is the mean by their shots. Where the calibration changed while a job
        ran, it is known if both say the same.
        """
        if not self.is_known:
            return None
        total, shots, unit = 0.0, 0, ""
        for job in point.jobs:
            if not job.done:
                continue
            value = self.value_for(self.of_job(job), column)
            if value is None:
                return None
            total, shots, unit = total + value.value * job.done, shots + job.done, value.unit
        return Value(total / shots, unit) if shots else None

    def value_for(self, held: Held, column: Column) -> Value | None:
        """Return a number of the machine while a job ran; None where that is not known."""
        values = {self.values(digest).get(column) for digest in held.digests}
        return values.pop() if len(values) == 1 else None

    def values(self, digest: str) -> Mapping[Column, Value]:
        """Return the numbers that a calibration has; none where it is not kept."""
        return self._document(digest)[1]

    def document(self, digest: str) -> Any:
        """Return a calibration as its cloud told it; None where it is not kept."""
        return self._document(digest)[0]

    def _read(self, digest: str) -> tuple[Any, Mapping[Column, Value]]:
        try:
            rows = self._run._large("settings", "key = ?", (f"{KEY}{digest}",))
            found = json.loads(zlib.decompress(rows[0][-1])) if rows else None
        except (SnapshotError, ValueError, zlib.error):
            found = None  # damaged, and needed by nothing
        return found, values_of(found)

    def columns(self, backend: str | None = None) -> dict[Column, None]:
        """Return which numbers there are, of one machine or of all, each once."""
        digests = {each.digest: None for each in self if backend in (None, each.backend)}
        return {column: None for digest in digests for column in self.values(digest)}

    def __iter__(self) -> Iterator[MachineCalibration]:
        """Yield each machine's calibrations, in the order of time where that is known."""
        sure: Counter[tuple[str, str]] = Counter()
        unsure: Counter[tuple[str, str]] = Counter()
        for backend, held in self._held.values():
            for digest in held.digests:
                (sure if held.digest else unsure)[backend, digest] += 1
        met: dict[tuple[str, str], tuple[float, float] | None] = {}
        for backend, epochs in (read_epochs(self._run.meta) if self.is_known else {}).items():
            for one in epochs:
                first_at, _ = met.get((backend, one.digest)) or (one.first_at, 0.0)
                met[backend, one.digest] = first_at, one.last_at
        for key in (*sure, *unsure):
            met.setdefault(key, None)
        for key, span in met.items():
            read = (None, None) if span is None else (_instant(span[0]), _instant(span[1]))
            yield MachineCalibration(key[0], key[1], read[0], read[1], sure[key], unsure[key])


def _instant(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
