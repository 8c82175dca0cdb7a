"""A run folder that is held for writing, and its durable steps.

Rules: every write stands inside ``with steps.transaction()`` and is durable when that ends; before
each, the folder's path still leads to the files that are held. What is read goes through a second
connection that sees whole steps alone.

Who looked through all of it, or made it, seals it at the end; what has its seal is not looked
through again (`database.is_sealed`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from qbatch.errors import SnapshotError
from qbatch.snapshot import database, registration
from qbatch.snapshot.doubles import DOUBLES, Double, dump_doubles, read_doubles
from qbatch.snapshot.epochs import (
    EPOCHS,
    dump_epochs,
    keep_calibration,
    read_epochs,
    with_reading,
)
from qbatch.snapshot.faults import damaged, translated, unusable
from qbatch.snapshot.lock import Durability, RunLock
from qbatch.snapshot.place import Place
from qbatch.snapshot.programs import keep_programs
from qbatch.snapshot.quotes import QUOTES, Recalled, dump_quotes, read_quotes
from qbatch.snapshot.reading import (
    BY_CONTENT,
    IDS,
    PLAN,
    check_number_of_points,
    checked,
    read_fact,
    read_meta,
    write_meta,
)
from qbatch.snapshot.schema import (
    Mismatch,
    dump,
    event_rows,
)
from qbatch.snapshot.standing import remove_standing, write_standing
from qbatch.snapshot.trust import (
    Trust,
)


class Steps:
    """A run folder, held for writing; what it takes and raises: see `Snapshot`."""

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
        self._steps, self._is_closed, self._is_compared = 0, False, False
        with ExitStack() as stack:
            self._lock = RunLock(folder, durability)
            stack.callback(self._lock.release)
            with translated(self.path):
                self._is_sound = database.is_sealed(self.path, self._lock.found)
            self._db = database.open_writer(
                folder, durability, self._lock.found, has_seal=self._is_sound
            )
            stack.callback(self._db.close)
            self._data_version = database.data_version(self._db)
            self._place, self._lost = Place(folder, self._lock), ""
            self._begin()
            self._reader = database.open_reader(folder, is_checked=True)
            stack.callback(self._reader.close)
            self._place = Place(folder, self._lock)  # now with its journal
            self._trust = Trust(self._reader, self.path, is_sound=self._is_sound)
            check_number_of_points(self._reader, self.path)
            stack.pop_all()

    def _begin(self) -> None:
        self._steps = database.num_steps(self._db)
        with translated(self.path), checked(self.path):
            is_new = read_fact(self._db, PLAN) is None
        if is_new:
            self._is_sound = True
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
        try:
            self.close()
        except SnapshotError as found:  # what went wrong first is told
            if self._lost and isinstance(error, SnapshotError):
                raise found from error  # nothing was found in a folder that is not there

    def close(self) -> None:
        """Fold the journal in and let the next runner in. Repeatable."""
        try:
            with translated(self.path):
                self._close_database()
        finally:
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
            is_ours = database.data_version(self._db) == self._data_version
            try:
                busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self._db.close()
            if not busy:
                self._lock.mark("closed")
        if is_ours and not busy:
            self._seal()
        remove_standing(self.folder)  # not before it is known that this is our folder still

    def _seal(self) -> None:
        """Tell the next holder that this is what was looked through, where it was.

        Not where another program wrote into it meanwhile: that was not looked through. Without a
        seal the next one looks for itself: it does not matter where this fails.
        """
        if self._is_sound or (self._is_compared and self._trust.has_checked_purchases):
            with suppress(OSError):
                self._lock.seal(database.seal_of(self.path))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One durable step; all that is written inside happens, or nothing of it."""
        self._check_place()
        before = self._steps
        try:
            with database.transaction(self._db, self.path):
                yield
                if self._steps == before:
                    self._add_events(float(self.now()), [(None, "")])
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

    def _add_events(
        self, at: float, moves: Iterable[tuple[int | None, str]], note: str = ""
    ) -> None:
        """Write moves; they are numbered without a gap, so that it is known how many there are."""
        rows = event_rows(self._steps + 1, at, moves, note)
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._steps += len(rows)

    def meta(self) -> dict[str, str]:
        """What is known of the run as a whole."""
        with translated(self.path), checked(self.path):
            return read_meta(self._reader)

    def fact(self, key: str) -> str | None:
        """One of these facts: the others, the manifest among them, are not read for it."""
        with translated(self.path), checked(self.path):
            return read_fact(self._reader, key)

    def set_meta(self, **values: str) -> None:
        """Note facts of the run as a whole, in a step of their own."""
        with self.transaction():
            write_meta(self._db, values)

    def latest_move(self) -> int:
        """The number of the step by which a job moved last; 0 where none did yet."""
        found = "SELECT seq FROM events WHERE job IS NOT NULL ORDER BY seq DESC LIMIT 1"
        with translated(self.path), checked(self.path):
            row = self._reader.execute(found).fetchone()
        return 0 if row is None else int(row[0])

    def note_calibration(self, backend: str, calibration: Any) -> None:
        """Keep the calibration that came with a result, inside the caller's transaction.

        The newest is the target's.
        """
        keep_calibration(self._db, calibration)
        known = json.loads(read_meta(self._db).get("calibrations", "{}"))
        if known.get(backend) != calibration:
            write_meta(self._db, {"calibrations": dump({**known, backend: calibration})})

    def note_programs(self, programs: Mapping[str, str]) -> None:
        """Keep what circuits are translated to: key of a setting -> program."""
        with self.transaction():
            keep_programs(self._db, programs)

    def note_reading(self, backend: str, calibration: Any, at: float) -> None:
        """Keep what a machine's calibration was at an instant, in the caller's transaction."""
        digest = keep_calibration(self._db, calibration)
        epochs = read_epochs(read_meta(self._db))
        epochs[backend] = with_reading(epochs.get(backend, ()), digest, at)
        write_meta(self._db, {EPOCHS: dump_epochs(epochs)})

    def note_doubles(self, found: Iterable[Double]) -> None:
        """Keep what is seen now of jobs that the run did not order, in the caller's transaction."""
        known = read_doubles(read_meta(self._db)) | {each.id: each for each in found}
        write_meta(self._db, {DOUBLES: dump_doubles(known)})

    def note_quotes(self, told: Iterable[Recalled]) -> None:
        """Keep quotes that held jobs back, inside the caller's transaction."""
        known = read_quotes(read_meta(self._db), self.now())
        write_meta(self._db, {QUOTES: dump_quotes(known, told)})

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchall()

    def _row(self, sql: str, values: Sequence[Any]) -> Any:
        with translated(self.path):
            return self._reader.execute(sql, values).fetchone()
