"""The durable state of one run folder: what was planned, sent, answered and measured.

Rules: the holder of a `Snapshot` holds the folder's lock. Every write stands inside
``with snapshot.transaction()`` and is durable when that ends. Nothing here knows trio, a provider
or a manifest; the moves of a job were checked by `job` before they come here.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from qbatch.errors import SelectionError
from qbatch.job import IN_FLIGHT, CompositeJob, Job, JobState
from qbatch.snapshot import attempts, database, ledger, registration
from qbatch.snapshot.database import Durability
from qbatch.snapshot.faults import damaged, translated, unusable
from qbatch.snapshot.ledger import Entry
from qbatch.snapshot.lock import RunLock
from qbatch.snapshot.reading import check_number_of_points, checked, counts_by_state
from qbatch.snapshot.registration import Point, Registered, SettingOf
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    Mismatch,
    StoredPoint,
    crc_of,
    dump,
    job_from_row,
    point_from_row,
    result_crc,
)

#: Where a composite job is. created: preparing, nothing bought. submitting: the intent is durable,
#: the outcome is not. submitted: answered. releasing: all results are here. closed: nothing left.
Stage = Literal["created", "submitting", "submitted", "releasing", "closed"]
_STAGES = frozenset(get_args(Stage))


@dataclass(frozen=True, slots=True)
class StoredComposite:
    """A composite job as the snapshot keeps it.

    Attributes:
        ordinal: Its row.
        children: Rows of its points, in the order sent.
        sent_at: When its intent became durable; UTC, seconds since 1970.
        intent: Key and exact bytes, once durable.
    """

    ordinal: int
    stage: Stage
    id: str
    backend: str
    generation: int
    children: tuple[int, ...]
    memo: Mapping[str, Any]
    created_at: float
    sent_at: float | None = None
    intent: tuple[str, bytes] | None = None


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


class Snapshot:
    """The snapshot of a run folder, held for writing.

    Args:
        folder: The run folder; made when missing.
        durability: "full" survives power loss, "normal" the death of the process.
        now: The clock; UTC, seconds since 1970.

    Raises:
        RunLockedError: Another runner holds the folder; the message names it.
        SnapshotError: The folder cannot be used: the message says why and how to mend it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        durability: Durability = "full",
        now: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.path = folder / database.NAME
        self.now = now
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(folder, error) from error
        self._lock = RunLock(folder)
        try:
            self._db = database.open_writer(folder, durability, self._lock.journal)
            self._begin()
            self._reader = database.open_reader(folder)
            check_number_of_points(self._reader, self.path)
        except BaseException:
            self._lock.release()
            raise

    def _begin(self) -> None:
        with self.transaction():
            self._set_new_meta("created_at", datetime.now(UTC).isoformat(timespec="seconds"))
            self._set_new_meta("points", "0")
        self._lock.mark_open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the journal in and let the next runner in. Repeatable."""
        try:
            with translated(self.path):
                self._close_database()
        finally:
            self._lock.release()

    def _close_database(self) -> None:
        try:
            self._reader.close()
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.ProgrammingError:
            return  # closed before
        self._db.close()
        if not busy:
            self._lock.mark_closed()

    def transaction(self) -> AbstractContextManager[None]:
        """One durable step; all that is written inside happens, or nothing of it."""
        return database.transaction(self._db, self.path)

    # -- meta ---------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """What is known of the run as a whole."""
        return dict(self._rows("SELECT key, value FROM meta"))

    def set_meta(self, **values: str) -> None:
        """Note facts of the run as a whole, in a step of their own."""
        with self.transaction():
            self._db.executemany(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                values.items(),
            )

    def _set_new_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchall()

    def _row(self, sql: str, values: Sequence[Any]) -> Any:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchone()

    # -- points and jobs ----------------------------------------------------------------------

    def register(
        self, points: Iterable[Point], *, setting_of: SettingOf | None = None
    ) -> Registered:
        """Bring the points in line with a plan: one pass, one step; see `registration`."""
        with self.transaction():
            registered = registration.register(self._db, points, setting_of)
        if registered.added:
            database.checkpoint(self._db, self.path)
        return registered

    def counts_by_state(self) -> dict[JobState, int]:
        """Points of the plan in each state; states without points are left out."""
        return counts_by_state(self._reader, self.path)

    def state_of(self, point_id: str) -> JobState | None:
        """Where the job of a point is; None when the point is not registered."""
        row = self._row(
            "SELECT state FROM jobs JOIN points USING (ordinal) WHERE id = ?",
            (bytes.fromhex(point_id),),
        )
        return None if row is None else JobState(row[0])

    def jobs_of(self, point_ids: Iterable[str]) -> list[JobRow]:
        """The jobs of these points, in their order.

        Raises:
            SelectionError: One is not registered.
        """
        return [self._job_of(point_id) for point_id in point_ids]

    def _job_of(self, point_id: str) -> JobRow:
        row = self._row(
            f"SELECT {JOB_COLUMNS} FROM points JOIN jobs USING (ordinal) WHERE points.id = ?",
            (bytes.fromhex(point_id),),
        )
        if row is None:
            raise SelectionError(f"{self.folder}: no point {point_id}")
        with checked(self.path):
            return job_from_row(row, point_id)

    def few_in(self, states: Collection[JobState], most: int) -> dict[str, JobRow] | None:
        """The jobs of the plan in one of `states`, by point id; None when there are too many."""
        marks = ", ".join("?" * len(states))
        rows = self._rows(
            f"SELECT id, {JOB_COLUMNS} FROM jobs JOIN points USING (ordinal) "
            f"WHERE state IN ({marks}) AND position IS NOT NULL LIMIT ?",
            (*(state.value for state in states), most + 1),
        )
        if len(rows) > most:
            return None
        with checked(self.path):
            return {row[0].hex(): job_from_row(row[1:], row[0].hex()) for row in rows}

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
            point = point_from_row(row[:NUM_POINT_COLUMNS])
            return point, job_from_row(row[NUM_POINT_COLUMNS:], point.id)

    def save_jobs(self, rows: Iterable[JobRow], *, note: str = "") -> None:
        """Write where these jobs are now, and one event each."""
        now = self.now()
        values = [(row, row.values(now)) for row in rows]
        self._db.executemany(_UPDATE_JOB, [(*columns, row.ordinal) for row, columns in values])
        self._db.executemany(
            "INSERT INTO events(at, job, state, note) VALUES (?, ?, ?, ?)",
            [(now, row.ordinal, row.job.state.value, note) for row, _ in values],
        )
        if ended := [row for row, _ in values if row.job.state in attempts.ENDED]:
            attempts.save(self._db, ended, now)

    def save_result(self, ordinal: int, result: NewResult) -> None:
        """Store what a job measured: in the same step as its move to COMPLETED."""
        facts, vector = dump(result.facts), result.statevector
        values = (result.counts, facts, result.analysis, result.estimates)
        crc = result_crc(ordinal, *values)
        vector_crc = None if vector is None else zlib.crc32(vector)
        self._db.execute(
            "INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (ordinal, self.now(), *values, crc, vector_crc, vector),
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
        self._db.execute(
            "INSERT OR REPLACE INTO raw VALUES (?, ?, ?, ?)",
            (ordinal, self.now(), kind, zlib.compress(body, 1)),
        )

    def setting(self, key: str) -> str:
        """Canonical text of the setting that `StoredPoint.setting` names."""
        found = self._row("SELECT body FROM settings WHERE key = ?", (key,))
        if found is None:
            raise damaged(self.path, f"setting {key!r} is missing")
        with checked(self.path):
            return zlib.decompress(found[0]).decode()

    # -- composite jobs -----------------------------------------------------------------------

    def add_composite(self, composite: CompositeJob, children: Sequence[int]) -> int:
        """Begin a composite job over the points at rows `children`; return its row."""
        values = _composite_values(composite, children)
        added = self._db.execute(
            "INSERT INTO composites(stage, id, backend, generation, jobs, memo, crc, num_jobs,"
            " created_at) VALUES ('created', ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), len(children), self.now()),
        )
        assert added.lastrowid is not None
        return added.lastrowid

    def save_memo(self, ordinal: int, composite: CompositeJob, children: Sequence[int]) -> None:
        """Keep what the driver wants remembered."""
        values = _composite_values(composite, children)
        self._db.execute(
            "UPDATE composites SET memo = ?, crc = ? WHERE ordinal = ?",
            (values[-1], crc_of(values), ordinal),
        )

    def reserve(self, entries: Iterable[Entry]) -> None:
        """Enter purchases into the ledger: in the same step as their intent."""
        ledger.save(self._db, entries)

    def quoted(self, ordinal: int, generation: int) -> float | None:
        """What a purchase was expected to cost; None: it is in no ledger."""
        with translated(self.path), checked(self.path):
            entry = ledger.find(self._db, ordinal, generation)
        return None if entry is None else entry.quoted

    def bill(self, bills: Mapping[tuple[int, int], float], source: str) -> None:
        """Note what purchases were charged: (row of a point, generation) -> amount."""
        ledger.bill(self._db, bills, source)

    def save_intent(self, ordinal: int, key: str, body: bytes) -> None:
        """Keep what is about to be sent; the composite job is `submitting` from here on."""
        now = self.now()
        self._db.execute(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?)",
            (ordinal, key, body, now, crc_of((ordinal, key, zlib.crc32(body)))),
        )
        self._db.execute(
            "UPDATE composites SET stage = 'submitting', sent_at = ? WHERE ordinal = ?",
            (now, ordinal),
        )

    def set_stage(self, ordinal: int, stage: Stage) -> None:
        """Say where a composite job is now."""
        closed_at = self.now() if stage == "closed" else None
        self._db.execute(
            "UPDATE composites SET stage = ?, closed_at = ? WHERE ordinal = ?",
            (stage, closed_at, ordinal),
        )

    def open_composites(self) -> list[StoredComposite]:
        """All composite jobs that are not closed, oldest first."""
        rows = self._rows(
            "SELECT composites.ordinal, stage, id, backend, generation, jobs, memo, created_at,"
            " sent_at, composites.crc, intents.key, intents.body, intents.crc FROM composites"
            " LEFT JOIN intents ON intents.composite = composites.ordinal"
            " WHERE stage <> 'closed' ORDER BY composites.ordinal"
        )
        with checked(self.path):
            return [_composite(row) for row in rows]

    def sent_since(self, backend: str, since: float) -> list[tuple[float, int]]:
        """When composite jobs were sent to `backend` after `since`, and with how many children."""
        return self._rows(
            "SELECT sent_at, num_jobs FROM composites WHERE backend = ? AND sent_at > ?"
            " ORDER BY sent_at",
            (backend, since),
        )

    def ledger(self) -> list[Entry]:
        """Every purchase so far, in flight or done."""
        with translated(self.path), checked(self.path):
            return list(ledger.read_all(self._reader))

    # -- what a person may change -------------------------------------------------------------

    def retry(self, point_ids: Iterable[str]) -> int:
        """Ask for another attempt at failed and cancelled jobs; return how many it took."""
        rows = [
            replace(row, job=again(row.job))
            for row in self.jobs_of(point_ids)
            if row.job.state in (JobState.FAILED, JobState.CANCELLED)
        ]
        with self.transaction():
            self.save_jobs(rows, note="retry")
        return len(rows)

    def resolve(self, point_id: str, state: JobState, **changes: Any) -> Job:
        """Decide about a held job: SUBMITTED (with `provider_job_id`), CREATED or FAILED."""
        (row,) = self.jobs_of([point_id])
        if row.job.state is not JobState.HELD:
            raise SelectionError(f"{row.job.id[:12]} is {row.job.state}, not held")
        if state is JobState.CREATED:
            changes["generation"] = row.job.generation + 1
        job = row.job.moved_to(state, **changes)
        with self.transaction():
            if job.generation > row.job.generation:
                attempts.save(self._db, [row], self.now())
            self.save_jobs([replace(row, job=job)], note="resolved by hand")
        return job

    def forget(self, point_ids: Iterable[str]) -> int:
        """Remove points with all their history; return how many.

        Raises:
            SelectionError: One of them may still be at a provider.
        """
        rows = self.jobs_of(point_ids)
        for row in rows:
            if row.job.state in IN_FLIGHT:
                raise SelectionError(
                    f"{row.job.id[:12]} is {row.job.state}: cancel or resolve it first"
                )
        with self.transaction():
            ordinals = [(row.ordinal,) for row in rows]
            for table, column in _TABLES_OF_A_POINT:
                self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", ordinals)
            self._db.execute(
                "UPDATE meta SET value = (SELECT count(*) FROM points) WHERE key = 'points'"
            )
        return len(rows)


_TABLES_OF_A_POINT = (
    ("points", "ordinal"),
    ("jobs", "ordinal"),
    ("results", "ordinal"),
    ("raw", "job"),
    ("events", "job"),
    ("attempts", "job"),
    ("ledger", "job"),
)

_UPDATE_JOB = """
UPDATE jobs SET state = ?, generation = ?, composite = ?, provider_job_id = ?,
    status = ?, error = ?, cost = ?, unit = ?, submitted_at = ?, updated_at = ?, crc = ?,
    room = NULL
WHERE ordinal = ?
"""


def again(job: Job) -> Job:
    """The next attempt at a job that failed or was cancelled."""
    return job.moved_to(
        JobState.CREATED,
        generation=job.generation + 1,
        provider_job_id=None,
        status="",
        error="",
        cost=None,
        unit="",
    )


def _composite_values(composite: CompositeJob, children: Sequence[int]) -> tuple[Any, ...]:
    """Columns id, backend, generation, jobs, memo."""
    jobs, memo = dump(list(children)), dump(composite.memo)
    return composite.id, composite.backend, composite.generation, jobs, memo


def _composite(row: Sequence[Any]) -> StoredComposite:
    ordinal, stage, key, backend, generation, jobs, memo, created_at, sent_at = row[:9]
    own_crc, intent_key, body, crc = row[9:]
    if own_crc != crc_of((key, backend, generation, jobs, memo)) or stage not in _STAGES:
        raise Mismatch(f"composite job row {ordinal}")
    intent = None
    if intent_key is not None:
        if crc != crc_of((ordinal, intent_key, zlib.crc32(body))):
            raise Mismatch(f"intent row {ordinal}")
        intent = (intent_key, body)
    children = tuple(json.loads(jobs))
    return StoredComposite(
        ordinal,
        stage,
        key,
        backend,
        generation,
        children,
        json.loads(memo),
        created_at,
        sent_at,
        intent,
    )
