"""A run folder of which another run takes finished jobs: what it gives, each with where it is from.

Rules: it is read only, beside whoever runs in it, and each row is checked. What it says is a
stranger's: nothing of it is executed or followed, its texts are cut, its counts must be what they
say they are. The replies of clouds stay where they are.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from qbatch.calibration import text_of
from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass
from qbatch.job import ACCOUNT
from qbatch.snapshot.epochs import as_facts
from qbatch.snapshot.faults import translated
from qbatch.snapshot.origins import Origin, origins_at, read_origins
from qbatch.snapshot.reading import checked
from qbatch.snapshot.reused import IMPORTED, LONGEST, REUSED, Reused
from qbatch.snapshot.run import Run
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    Mismatch,
    StoredPoint,
    job_from_row,
    point_from_row,
)

#: Rows read at once.
_ROWS = 500

#: Counts longer than this are no result of a run, bytes.
_MOST_BYTES = 256 << 20

_SELECT = f"""
SELECT {POINT_COLUMNS}, {JOB_COLUMNS}, results.at, results.counts, results.facts,
    coalesce(composites.memo, '{{}}')
FROM points JOIN jobs USING (ordinal) JOIN results USING (ordinal)
LEFT JOIN composites ON composites.ordinal = jobs.composite
WHERE jobs.state = 'completed' AND points.shots > 0 AND points.ordinal > ?
    AND length(results.counts) < {_MOST_BYTES}
ORDER BY points.ordinal LIMIT {_ROWS}
"""


@dataclass(frozen=True, slots=True)
class Lent:
    """A finished job of another run.

    Attributes:
        point: What it bought.
        counts: As they are packed.
        facts: What its provider said, without where it comes from.
        vector: The state before measurement, packed; None where none was kept.
        reused: Where it comes from.
        is_emulated: An emulator stood in for the cloud.
        lacks_vector: The run kept a state, and it is not here.
        calibrations: Texts of those that its facts name, where they are kept.
    """

    point: StoredPoint
    counts: bytes
    facts: dict[str, Any]
    vector: bytes | None
    reused: Reused
    is_emulated: bool
    lacks_vector: bool = False
    calibrations: tuple[str, ...] = ()


class Lender(Run):
    """A run folder of which finished jobs are taken."""

    def check_can_lend(self) -> None:
        """See that it is a run whose points are known by their content.

        Raises:
            SnapshotError: It is not.
        """
        if self.has_former_ids:
            raise SnapshotError(
                f"{self.folder}: it was written by an earlier qbatch; `qbatch run` with its "
                "manifest goes on in it, then its shots can be reused"
            )

    def finished(self, ids: Container[str]) -> Iterator[Lent]:
        """Yield the finished jobs of these contents."""
        self._trust.check("points", "jobs", "results", "composites")
        last = -1
        while page := self._page(last):
            for row in page:
                with checked(self.path):
                    point = point_from_row(row[:NUM_POINT_COLUMNS])
                last = point.ordinal
                if point.point_id in ids:
                    yield self._lent(point, row[NUM_POINT_COLUMNS:])

    def _page(self, last: int) -> list[Any]:
        with translated(self.path):
            return self._db.execute(_SELECT, (last,)).fetchall()

    def _lent(self, point: StoredPoint, row: Sequence[Any]) -> Lent:
        *columns, at, counts, facts, memo = row
        with checked(self.path):
            job = job_from_row(columns[:NUM_JOB_COLUMNS], point.id)
            told = json.loads(facts)
            if not isinstance(told, dict):
                raise Mismatch(f"facts of row {point.ordinal}")
        reused = Reused.of(told) or self._reused(point, job, float(at), memo)
        told.pop(REUSED, None)
        emulated = point.backend in self._emulated
        vector = self._vector(point.ordinal)
        held = self.calibrations.at(point.ordinal)
        texts = (self._calibration(digest) for digest in held.digests)
        told |= as_facts(held)
        kept = (*filter(None, texts),)
        return Lent(point, counts, told, vector, reused, emulated, calibrations=kept)

    @lru_cache(maxsize=64)  # noqa: B019 (a lender lives for one reading)
    def _calibration(self, digest: str) -> str:
        document = self.calibrations.document(digest)
        return "" if document is None else text_of(document)

    def _reused(self, point: StoredPoint, row: JobRow, at: float, memo: str) -> Reused:
        is_imported = row.submitted_at is None and point.ordinal in self._imported
        origin = None if is_imported else self._origin_at(row.submitted_at or at)
        job = row.job
        return Reused(
            run=_cut(self._facts.get("run_id", "")),
            name=_cut(self._facts.get("name", "") or self.folder.name),
            folder=_cut(str(self.folder)),
            job=point.id,
            start=point.start,
            provider_job_id=_cut(job.provider_job_id or ""),
            account=_cut(str(json.loads(memo).get(ACCOUNT, ""))),
            user=_cut(origin.user if origin else ""),
            host=_cut(origin.host if origin else ""),
            sent_at=row.submitted_at,
            completed_at=at,
            cost=job.cost,
            unit=_cut(job.unit),
            imported=_cut(Path(self._facts.get("imported_from", "?")).name if is_imported else ""),
        )

    def _vector(self, ordinal: int) -> bytes | None:
        if not self._has_vectors:
            return None
        ((*_, vector),) = self._large("results", "ordinal = ?", (ordinal,))
        return None if vector is None else bytes(vector)

    @cached_property
    def _has_vectors(self) -> bool:
        rows = self._rows("SELECT 1 FROM results WHERE vector_crc IS NOT NULL LIMIT 1")
        return bool(rows)

    @cached_property
    def _imported(self) -> frozenset[int]:
        """Rows of jobs that another program bought."""
        if "imported_from" not in self._facts:
            return frozenset()
        rows = self._rows("SELECT DISTINCT job FROM raw WHERE kind = ?", (IMPORTED,), of=("raw",))
        return frozenset(int(job) for (job,) in rows)

    @cached_property
    def _facts(self) -> dict[str, str]:
        return self.meta

    @cached_property
    def _emulated(self) -> frozenset[str]:
        return self.emulated

    @cached_property
    def _origins(self) -> list[Origin]:
        return read_origins(self._facts)

    @lru_cache(maxsize=64)  # noqa: B019 (a lender lives for one reading)
    def _origin_at(self, at: float) -> Origin | None:
        return next(iter(origins_at(self._origins, [at])), None)


def _cut(text: str) -> str:
    return text[:LONGEST]
