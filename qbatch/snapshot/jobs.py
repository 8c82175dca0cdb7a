"""Points and their jobs in a run folder: registered, found, moved, measured.

Rule: nothing here knows the table of purchases; moves of a job were checked by `job` before.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from qbatch.errors import SelectionError, SnapshotError
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.purchase import ENDED, CompositeEvent
from qbatch.shots import Bounds
from qbatch.snapshot import attempts, database, registration
from qbatch.snapshot.comparing import Identities, Point
from qbatch.snapshot.composites import Composites
from qbatch.snapshot.faults import damaged, translated
from qbatch.snapshot.former import Former, convert
from qbatch.snapshot.reading import (
    BY_CONTENT,
    IDS,
    checked,
    counts_by_state,
    jobs_by_backend,
    num_further,
    num_settings,
    num_shown,
    read_fact,
)
from qbatch.snapshot.registration import Registered, SettingOf
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    StoredPart,
    StoredPoint,
    checked_point,
    crc_of,
    dump,
    job_from_row,
    part_from_row,
    point_from_row,
    result_crc,
    with_crcs,
)
from qbatch.snapshot.trust import (
    RULES,
    check_large,
)


@dataclass(frozen=True, slots=True)
class NewResult:
    """The measured side of a completed job, ready to be stored.

    Attributes:
        counts: `Counts.pack()`.
        facts: JSON.
        analysis: Which analysis `estimates` belong to (`estimates.analysis_key`).
        estimates: `estimates.dump_estimates`.
        statevector: `complex128`, C order, as bytes; or None.
        raw: The reply as received, redacted; b"" where there is none.
        log: What the provider logged, about its composite job as a whole; b"" for nothing.
    """

    counts: bytes
    facts: Mapping[str, Any]
    analysis: str = ""
    estimates: str = "{}"
    statevector: bytes | None = None
    raw: bytes = b""
    log: bytes = b""


_UPDATE_JOB = """
UPDATE jobs SET state = ?2, generation = ?3, composite = ?4, provider_job_id = ?5,
    status = ?6, error = ?7, cost = ?8, unit = ?9, submitted_at = ?10, updated_at = ?11, crc = ?12,
    room = NULL
WHERE ordinal = ?1
"""


class Jobs(Composites):
    """Points, where their jobs are, and what they measured."""

    def register(
        self,
        points: Iterable[Point],
        *,
        setting_of: SettingOf | None = None,
        former: Former | None = None,
        bounds: Mapping[str, Bounds] | None = None,
        identities: Identities | None = None,
        has_bases: bool = False,
    ) -> Registered:
        """Bring the points in line with a plan: one pass, one step; see `registration`.

        Args:
            points: In plan order.
            setting_of: Text of a point's `setting`.
            former: By what the points of a folder of a former version are known again.
            bounds: Backend -> how many shots one job of it may take; of others, as before.
            identities: Makes those of all the points, where that is faster than the points are.
            has_bases: Some of them may be settings in bases of their own.

        Raises:
            SnapshotError: It is such a folder, and `former` is not given.
        """
        with self.transaction():
            if read_fact(self._db, IDS) != BY_CONTENT:
                if former is None:
                    raise SnapshotError(
                        f"{self.path}: its points have ids of a former kind; `qbatch run` with its "
                        "manifest converts them"
                    )
                convert(self._db, former)
            registered, resized = registration.register(
                self._db,
                points,
                setting_of,
                bounds or {},
                identities,
                has_bases=has_bases,
                is_sound=self._is_sound,
            )
            for composite in self._prepared_of(resized):
                self.happens(composite, CompositeEvent.UNWANTED)
        self._is_compared = True
        if registered.added:
            database.checkpoint(self._db, self.path)
        return registered

    def _prepared_of(self, ordinals: Collection[int]) -> list[int]:
        """Composite jobs that were prepared, and not sent, with one of these jobs in them."""
        rows = self._db.execute("SELECT ordinal, jobs FROM composites WHERE stage = 'created'")
        return [at for at, jobs in rows if not set(json.loads(jobs)).isdisjoint(ordinals)]

    def counts_by_state(self) -> dict[JobState, int]:
        """Points of the plan in each state; states without points are left out."""
        return counts_by_state(self._reader, self.path)

    def jobs_by_backend(self) -> dict[tuple[str, JobState], int]:
        """Jobs of the plan of each backend in each state; where there are none is left out."""
        return jobs_by_backend(self._reader, self.path)

    def has_a_job_for_each_point(self) -> bool:
        """Whether each point of the plan is bought by one job, and by none that others share."""
        with translated(self.path), checked(self.path):
            settings = num_settings(self._reader) or (0, 0)
            return not (num_further(self._reader)[1] or num_shown(self._reader) or settings[0])

    def pieces_of(self, point_id: str) -> list[tuple[StoredPoint, JobRow]]:
        """What the plan needs of a point, each with its job, by the shots where it starts."""
        rows = self._rows(
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal)"
            " WHERE ((points.id = ?1 AND points.content IS NULL) OR points.content = ?1)"
            " AND points.position IS NOT NULL AND points.shots > 0 ORDER BY points.start",
            (bytes.fromhex(point_id),),
        )
        with checked(self.path):
            return [_point_and_job(row) for row in rows]

    def jobs_of(self, ids: Iterable[str]) -> list[JobRow]:
        """The jobs with these ids, in their order; a point's own job has the id of the point.

        Raises:
            SelectionError: One is not registered.
        """
        return [self._job_of(id_) for id_ in ids]

    def all_jobs_of(self, point_ids: Iterable[str]) -> list[JobRow]:
        """All jobs of these points.

        Raises:
            SelectionError: One is not registered.
        """
        found: list[JobRow] = []
        for point_id in point_ids:
            own = self._job_of(point_id)
            rows = self._rows(
                f"SELECT points.id, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal)"
                " WHERE points.content = ? AND points.ordinal <> ?",
                (bytes.fromhex(point_id), own.ordinal),
            )
            with checked(self.path):
                found += [own, *(job_from_row(row[1:], row[0].hex()) for row in rows)]
        return found

    def _job_of(self, point_id: str) -> JobRow:
        row = self._find(point_id)
        if row is None:
            raise SelectionError(f"{self.folder}: no point {point_id}; `qbatch show` lists them")
        return row

    def _find(self, point_id: str) -> JobRow | None:
        """The job of a point; the point's row is read too, for an index may be damaged."""
        row = self._row(
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal) "
            "WHERE points.id = ?1 OR (points.content = ?1 AND points.start = 0)",
            (bytes.fromhex(point_id),),
        )
        if row is None:
            with translated(self.path):
                database.check_by(self._reader, self.path, "integrity_check(points)")
            return None
        with checked(self.path):
            checked_point(row)
            return job_from_row(row[NUM_POINT_COLUMNS:], row[1].hex())

    def few_in(
        self, states: Collection[JobState], most: int
    ) -> dict[str, list[tuple[StoredPart, JobRow]]] | None:
        """What the plan needs of points, with jobs in one of `states`, by the points' ids.

        None when there are more than `most`.
        """
        marks = ", ".join("?" * len(states))
        rows = self._rows(
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM jobs JOIN points USING (ordinal) "
            f"WHERE state IN ({marks}) AND position IS NOT NULL AND shots > 0 LIMIT ?",
            (*(state.value for state in states), most + 1),
        )
        if len(rows) > most:
            return None
        found: dict[str, list[tuple[StoredPart, JobRow]]] = {}
        with checked(self.path):
            for row in rows:
                part = part_from_row(row)
                job = job_from_row(row[NUM_POINT_COLUMNS:], part.id)
                found.setdefault(part.point_id, []).append((part, job))
        return found

    def places_of(self, ordinals: Iterable[int]) -> set[int]:
        """Where the points of these rows stand in the plan, counted from 0."""
        rows = self._rows(
            "SELECT position FROM points WHERE position IS NOT NULL"
            " AND ordinal IN (SELECT value FROM json_each(?))",
            (json.dumps(list(ordinals)),),
        )
        return {int(position) for (position,) in rows}

    def rows_at(self, ordinals: Iterable[int]) -> list[tuple[StoredPoint, JobRow]]:
        """Points and jobs at these rows, in their order."""
        return [self._row_at(ordinal) for ordinal in ordinals]

    def _row_at(self, ordinal: int) -> tuple[StoredPoint, JobRow]:
        row = self._row(
            f"SELECT {POINT_COLUMNS}, {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal) "
            "WHERE points.ordinal = ?",
            (ordinal,),
        )
        if row is None:
            raise damaged(self.path, f"row {ordinal} is missing")
        with checked(self.path):
            return _point_and_job(row)

    def save_jobs(self, rows: Iterable[JobRow], *, note: str = "") -> None:
        """Write where these jobs are now, and one event each."""
        now, moved = float(self.now()), list(rows)
        self._db.executemany(_UPDATE_JOB, with_crcs([row.values(now) for row in moved]))
        self._add_events(now, [(row.ordinal, row.job.state.value) for row in moved], note)
        if ended := [row for row in moved if row.job.state in ENDED]:
            attempts.save(self._db, ended, now)

    def save_result(self, ordinal: int, result: NewResult, *, at: float | None = None) -> None:
        """Store what a job measured: in the same step as its move to COMPLETED.

        Args:
            ordinal: Row of its point.
            result: What it measured.
            at: When it was there, seconds since 1970; None: now.
        """
        facts, vector = dump(result.facts), result.statevector
        vector_crc = None if vector is None else zlib.crc32(vector)
        values = (result.counts, facts, result.analysis, result.estimates, vector_crc)
        now = float(self.now() if at is None else at)
        self._db.execute(
            "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (ordinal, now, *values, result_crc(ordinal, now, *values), vector),
        )
        self.save_raw(ordinal, "result", result.raw)
        self.save_raw(ordinal, "log", result.log)

    def save_attempts(self, rows: Iterable[JobRow]) -> None:
        """Keep earlier attempts that this folder did not see end; they end now."""
        attempts.save(self._db, rows, self.now())

    def save_raw(self, ordinal: int, kind: str, body: bytes) -> None:
        """Keep a reply about a job as it was sent; nothing for an empty one."""
        if not body:
            return
        packed = zlib.compress(body, 1)
        values = (ordinal, float(self.now()), kind, zlib.crc32(packed))
        self._db.execute(
            "INSERT OR REPLACE INTO raw VALUES (?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), packed),
        )

    def setting(self, key: str) -> str:
        """Canonical text of the setting that `StoredPoint.setting` names."""
        rule = RULES["settings"]
        found = self._row(f"SELECT {rule.columns}, body FROM settings WHERE key = ?", (key,))
        if found is None:
            raise damaged(self.path, f"setting {key!r} is missing")
        with checked(self.path):
            rule.check(found[:-1])
            check_large("settings", found)
            return zlib.decompress(found[-1]).decode()


def _point_and_job(row: Sequence[Any]) -> tuple[StoredPoint, JobRow]:
    """Read `POINT_COLUMNS` and `JOB_COLUMNS`."""
    point = point_from_row(row[:NUM_POINT_COLUMNS])
    return point, job_from_row(row[NUM_POINT_COLUMNS:], point.id)
