"""The durable state of one run folder: what was planned, sent, answered and measured.

Rules: the holder of a `Snapshot` holds the folder's lock. Every write stands inside
``with snapshot.transaction()`` and is durable when that ends. Nothing here knows trio, a provider
or a manifest; the moves of a job were checked by `job` before they come here.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

from qbatch.errors import SelectionError, SnapshotError
from qbatch.job import IN_FLIGHT, CompositeJob, Job, JobState
from qbatch.purchase import TABLE, Event
from qbatch.snapshot import attempts, database, ledger, registration
from qbatch.snapshot.faults import damaged, translated, unusable
from qbatch.snapshot.former import Former, convert
from qbatch.snapshot.ledger import NOT_BOUGHT, Entry
from qbatch.snapshot.lock import Durability, RunLock
from qbatch.snapshot.place import Place
from qbatch.snapshot.reading import (
    BY_CONTENT,
    IDS,
    PLAN,
    PURCHASES,
    check_number_of_points,
    checked,
    counts_by_state,
    jobs_by_backend,
    read_fact,
    read_meta,
    write_meta,
)
from qbatch.snapshot.registration import Point, Registered, SettingOf
from qbatch.snapshot.schema import (
    JOB_COLUMNS,
    NUM_POINT_COLUMNS,
    POINT_COLUMNS,
    JobRow,
    Mismatch,
    StoredPoint,
    checked_point,
    crc_of,
    dump,
    job_from_row,
    point_from_row,
    result_crc,
)
from qbatch.snapshot.standing import remove_standing, write_standing
from qbatch.snapshot.trust import (
    COMPOSITE_COLUMNS,
    NUM_COMPOSITE_COLUMNS,
    RULES,
    Trust,
    check_composite,
    check_large,
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
        self._steps, self._is_closed = 0, False
        with ExitStack() as stack:
            self._lock = RunLock(folder, durability)
            stack.callback(self._lock.release)
            self._db = database.open_writer(folder, durability, self._lock.found)
            stack.callback(self._db.close)
            self._place, self._lost = Place(folder, self._lock), ""
            self._begin()
            self._reader = database.open_reader(folder, is_checked=True)
            stack.callback(self._reader.close)
            self._place = Place(folder, self._lock)  # now with its journal
            self._trust = Trust(self._reader, self.path)
            check_number_of_points(self._reader, self.path)
            stack.pop_all()

    def _begin(self) -> None:
        self._steps = database.num_steps(self._db)
        with translated(self.path), checked(self.path):
            is_new = read_fact(self._db, PLAN) is None
        if is_new:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            with self.transaction():
                write_meta(self._db, {"created_at": now, IDS: BY_CONTENT})
                registration.note_numbers(self._db)
        if self._lock.found.durability == "normal":  # its steps are not on the disk yet
            database.checkpoint(self._db, self.path)
        self._lock.mark_open(self._steps)

    @property
    def may_be_copy(self) -> bool:
        """Whether another copy of this folder may have bought its points."""
        return self._lock.note.is_copy

    def count_elsewhere(self, path: Path) -> None:
        """Keep the number of steps in a file outside of the folder: see `may_be_copy`."""
        self._lock.count_elsewhere(path, self._steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        with suppress(SnapshotError):  # what went wrong first is told
            self.close()

    def close(self) -> None:
        """Fold the journal in and let the next runner in. Repeatable."""
        try:
            with translated(self.path):
                self._close_database()
        finally:
            remove_standing(self.folder)
            self._lock.release()

    def save_standing(self, facts: Mapping[str, Any]) -> None:
        """Let other processes read how far the run is; see `standing`."""
        write_standing(self.folder, self._lock.note, facts)

    def _close_database(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._check_place()
        finally:
            self._reader.close()
            try:
                busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self._db.close()
            if not busy:
                self._lock.mark("closed")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable step; all that is written inside happens, or nothing of it."""
        self._check_place()
        before = self._steps
        try:
            with database.transaction(self._db, self.path):
                yield
                if self._steps == before:
                    self._add_events([(float(self.now()), None, "", "")])
        except BaseException as error:
            self._steps = before
            if isinstance(error, Mismatch):
                raise damaged(self.path, str(error)) from error
            raise
        self._lock.count(self._steps)

    def _check_place(self) -> None:
        """Refuse to go on where the folder's path leads to another one, or to none.

        Raises:
            SnapshotError: It says where the folder, or what it held, is now.
        """
        if not self._lost and not self._place.is_kept():
            self._lost = self._place.leave(self._db, self._steps)
        if self._lost:
            raise SnapshotError(self._lost)

    def _add_events(self, events: Iterable[tuple[float, int | None, str, str]]) -> None:
        """Write moves; they are numbered without a gap, so that it is known how many there are."""
        rows = [(seq, *event) for seq, event in enumerate(events, self._steps + 1)]
        self._db.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", [(*row, crc_of(row)) for row in rows]
        )
        self._steps += len(rows)

    # -- meta ---------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """What is known of the run as a whole."""
        with translated(self.path), checked(self.path):
            return read_meta(self._reader)

    def set_meta(self, **values: str) -> None:
        """Note facts of the run as a whole, in a step of their own."""
        with self.transaction():
            write_meta(self._db, values)

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchall()

    def _row(self, sql: str, values: Sequence[Any]) -> Any:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchone()

    # -- points and jobs ----------------------------------------------------------------------

    def register(
        self,
        points: Iterable[Point],
        *,
        setting_of: SettingOf | None = None,
        former: Former | None = None,
    ) -> Registered:
        """Bring the points in line with a plan: one pass, one step; see `registration`.

        Args:
            points: In plan order.
            setting_of: Text of a point's `setting`.
            former: By what the points of a folder of a former version are known again.

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
            registered, resized = registration.register(self._db, points, setting_of)
            for composite in self._prepared_of(resized):
                self.set_stage(composite, "closed")
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
            raise SelectionError(f"{self.folder}: no point {point_id}")
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
    ) -> dict[str, list[tuple[StoredPoint, JobRow]]] | None:
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
        found: dict[str, list[tuple[StoredPoint, JobRow]]] = {}
        with checked(self.path):
            for row in rows:
                piece = _point_and_job(row)
                found.setdefault(piece[0].point_id, []).append(piece)
        return found

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
        now = float(self.now())
        values = [(row, row.values(now)) for row in rows]
        self._db.executemany(_UPDATE_JOB, [(*columns, row.ordinal) for row, columns in values])
        self._add_events((now, row.ordinal, row.job.state.value, note) for row, _ in values)
        if ended := [row for row, _ in values if row.job.state in attempts.ENDED]:
            attempts.save(self._db, ended, now)

    def save_result(self, ordinal: int, result: NewResult) -> None:
        """Store what a job measured: in the same step as its move to COMPLETED."""
        facts, vector = dump(result.facts), result.statevector
        vector_crc = None if vector is None else zlib.crc32(vector)
        values = (result.counts, facts, result.analysis, result.estimates, vector_crc)
        now = float(self.now())
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

    # -- composite jobs -----------------------------------------------------------------------

    def add_composite(self, composite: CompositeJob, children: Sequence[int]) -> int:
        """Begin a composite job over the points at rows `children`; return its row."""
        last = self._db.execute("SELECT coalesce(max(ordinal), 0) FROM composites").fetchone()
        ordinal = int(last[0]) + 1
        values = _composite_values(ordinal, composite, children)
        stage = ("created", float(self.now()), None, None)
        self._db.execute(
            "INSERT INTO composites VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), *stage, crc_of((ordinal, *stage))),
        )
        return ordinal

    def save_memo(self, ordinal: int, composite: CompositeJob, children: Sequence[int]) -> None:
        """Keep what the driver wants remembered."""
        values = _composite_values(ordinal, composite, children)
        self._db.execute(
            "UPDATE composites SET memo = ?, crc = ? WHERE ordinal = ?",
            (values[-1], crc_of(values), ordinal),
        )

    def reserve(self, entries: Iterable[Entry]) -> None:
        """Enter purchases into the ledger: in the same step as their intent."""
        entries = list(entries)
        if not entries:
            return
        known = [ledger.find(self._db, entry.ordinal, entry.generation) for entry in entries]
        ledger.save(self._db, entries)
        number = int(read_fact(self._db, PURCHASES) or 0) + known.count(None)
        write_meta(self._db, {PURCHASES: str(number)})

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
        now = float(self.now())
        values = (ordinal, key, now, zlib.crc32(body))
        self._db.execute(
            "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?)",
            (*values, crc_of(values), body),
        )
        self._move(ordinal, "submitting", sent_at=now)

    def set_stage(self, ordinal: int, stage: Stage) -> None:
        """Say where a composite job is now."""
        self._move(ordinal, stage, closed_at=float(self.now()) if stage == "closed" else None)

    def _move(
        self,
        ordinal: int,
        stage: Stage,
        *,
        sent_at: float | None = None,
        closed_at: float | None = None,
    ) -> None:
        row = self._db.execute(
            f"SELECT {COMPOSITE_COLUMNS} FROM composites WHERE ordinal = ?", (ordinal,)
        ).fetchone()
        check_composite(row)
        values = (stage, row[9], row[10] if sent_at is None else sent_at, closed_at)
        self._db.execute(
            "UPDATE composites SET stage = ?, created_at = ?, sent_at = ?, closed_at = ?,"
            " moved = ? WHERE ordinal = ?",
            (*values, crc_of((ordinal, *values)), ordinal),
        )

    def open_composites(self) -> list[StoredComposite]:
        """All composite jobs that are not closed, oldest first."""
        self._trust.check("composites", "intents", "ledger", "attempts", "moves")
        rows = self._rows(
            f"SELECT {COMPOSITE_COLUMNS}, intents.key, intents.body_crc, intents.body"
            " FROM composites LEFT JOIN intents ON intents.composite = composites.ordinal"
            " WHERE stage <> 'closed' ORDER BY composites.ordinal"
        )
        with checked(self.path):
            return [_composite(row) for row in rows]

    def sent_since(self, backend: str, since: float) -> list[tuple[float, int]]:
        """When composite jobs were sent to `backend` after `since`, and with how many children."""
        self._trust.check("composites")
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
            for row in self.all_jobs_of(point_ids)
            if row.job.state in (JobState.FAILED, JobState.CANCELLED)
        ]
        with self.transaction():
            self.save_jobs(rows, note="retry")
        return len(rows)

    def resolve(self, point_id: str, state: JobState, **changes: Any) -> Job:
        """Decide about a held job: SUBMITTED (with `provider_job_id`), CREATED or FAILED.

        Raises:
            SelectionError: It is not held; or it cannot be adopted, and the message says why.
        """
        row = self._held_job_of(point_id)
        is_over = False
        if state is JobState.SUBMITTED:
            self._check_is_free(changes["provider_job_id"], row)
            is_over = self._is_over(row)
        elif state is JobState.CREATED:
            changes["generation"] = row.job.generation + 1
        job = row.job.moved_to(state, **changes)
        with self.transaction():
            if is_over and row.composite is not None:
                self._move(row.composite, "submitted")
            if state is JobState.CREATED:
                attempts.save(self._db, [row], self.now())
                self.bill({(row.ordinal, row.job.generation): 0.0}, f"{NOT_BOUGHT}, says a person")
            self.save_jobs([replace(row, job=job)], note="resolved by hand")
        return job

    def _held_job_of(self, id_: str) -> JobRow:
        """The held job with this id, or of the point with this id.

        Raises:
            SelectionError: There is none, or there are several.
        """
        own = self._job_of(id_)
        held = [own] if own.job.state is JobState.HELD else []
        if own.job.id == id_ or not held:
            held = [row for row in self.all_jobs_of([id_]) if row.job.state is JobState.HELD]
        if not held:
            raise SelectionError(f"{own.job.id[:12]} is {own.job.state}, not held")
        if len(held) > 1:
            ids = ", ".join(row.job.id[:12] for row in held)
            raise SelectionError(f"{id_[:12]} has several held jobs ({ids}); name one of them")
        return held[0]

    def _is_over(self, row: JobRow) -> bool:
        """Whether the composite job of a job that is to be adopted is closed.

        Raises:
            SelectionError: Nothing is left of it to ask its provider with.
        """
        found = self._row(
            "SELECT stage FROM composites JOIN intents ON composite = ordinal WHERE ordinal = ?",
            (row.composite,),
        )
        if found is None:
            raise SelectionError(
                f"{row.job.id[:12]} cannot be adopted, for how it was sent is not known here any "
                "more: --resubmit it or --give-up"
            )
        return bool(found[0] == "closed")

    def _check_is_free(self, provider_job_id: str, row: JobRow) -> None:
        """Refuse another point's job; one under a key of ours is of all that were sent in it."""
        owner = self._row(
            "SELECT points.name FROM jobs JOIN points USING (ordinal)"
            " LEFT JOIN intents ON intents.composite = jobs.composite"
            " WHERE provider_job_id = ? AND ordinal <> ?"
            " AND (jobs.composite IS NOT ? OR intents.key IS NOT provider_job_id)",
            (provider_job_id, row.ordinal, row.composite),
        )
        if owner is not None:
            raise SelectionError(
                f"{provider_job_id} is the job of {owner[0]}, so it holds no result of "
                f"{row.job.id[:12]}; look again under which name it was sent"
            )

    def forget(self, point_ids: Iterable[str]) -> int:
        """Remove points with all their history; return how many.

        Raises:
            SelectionError: One of them may still be at a provider.
        """
        ids = list(dict.fromkeys(point_ids))
        rows = self.all_jobs_of(ids)
        for row in rows:
            if row.job.state in IN_FLIGHT:
                raise SelectionError(
                    f"{row.job.id[:12]} is {row.job.state}: cancel or resolve it first"
                )
        prepared = self._prepared_with(rows)
        with self.transaction():
            for composite in prepared:
                self.set_stage(composite, "closed")
            ordinals = [(row.ordinal,) for row in rows]
            for table, column in _TABLES_OF_A_POINT:
                self._db.executemany(f"DELETE FROM {table} WHERE {column} = ?", ordinals)
            registration.note_numbers(self._db)
            ledger.note_number(self._db)
        return len(ids)

    def _prepared_with(self, rows: Iterable[JobRow]) -> list[int]:
        """Composite jobs with some of these in them that were prepared, and not sent.

        Raises:
            SelectionError: One was sent and is not over: its provider is asked by all of them.
        """
        ids, found = {row.ordinal: row.job.id for row in rows}, []
        for stored in self.open_composites():
            mine = [ids[child] for child in stored.children if child in ids]
            if mine and stored.stage != "created":
                raise SelectionError(
                    f"{mine[0][:12]} was sent together with points that are not over; `qbatch run` "
                    "or `qbatch fetch` first, and `qbatch resolve` what is held"
                )
            found += [stored.ordinal] if mine else []
        return found


_TABLES_OF_A_POINT = (
    ("points", "ordinal"),
    ("places", "point"),
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
        TABLE[job.state][Event.AGAIN].state,
        generation=job.generation + 1,
        provider_job_id=None,
        status="",
        error="",
        cost=None,
        unit="",
    )


def _point_and_job(row: Sequence[Any]) -> tuple[StoredPoint, JobRow]:
    """Read `POINT_COLUMNS` and `JOB_COLUMNS`."""
    point = point_from_row(row[:NUM_POINT_COLUMNS])
    return point, job_from_row(row[NUM_POINT_COLUMNS:], point.id)


def _composite_values(
    ordinal: int, composite: CompositeJob, children: Sequence[int]
) -> tuple[Any, ...]:
    """Columns ordinal, id, backend, generation, jobs, num_jobs, memo."""
    jobs, memo = dump(list(children)), dump(composite.memo)
    head = (ordinal, composite.id, composite.backend, composite.generation)
    return (*head, jobs, len(children), memo)


def _composite(row: Sequence[Any]) -> StoredComposite:
    check_composite(row)
    ordinal, key, backend, generation, jobs, _, memo, _, stage, created_at, sent_at = row[:11]
    if stage not in _STAGES:
        raise Mismatch(f"composite job row {ordinal}")
    intent = None
    intent_key, body_crc, body = row[NUM_COMPOSITE_COLUMNS:]
    if intent_key is not None:
        if zlib.crc32(body) != body_crc:
            raise Mismatch(f"intent row {ordinal}")
        intent = (intent_key, body)
    return StoredComposite(
        ordinal,
        stage,
        key,
        backend,
        generation,
        tuple(json.loads(jobs)),
        json.loads(memo),
        created_at,
        sent_at,
        intent,
    )
