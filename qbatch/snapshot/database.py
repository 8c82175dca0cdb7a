"""The SQLite file itself: made, opened, checked, and written in transactions.

Rules: one writer connection, used by one step at a time; readers have their own and never block
it (WAL). ``synchronous=FULL`` where a job can cost money, NORMAL where it cannot: NORMAL survives
any death of the process, FULL a power cut too. Before a file is trusted it is looked through by a
connection that cannot write: one that can takes a damaged ``-wal`` file away when it is closed.

Where a disk has no WAL, a step that was cut off is undone from the ``-journal`` file it left. Only
a connection that can write does that, and nothing is judged before: until then the snapshot is half
of one step and half of another.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from qbatch.drafts import draft_beside
from qbatch.errors import SnapshotError
from qbatch.snapshot import faults
from qbatch.snapshot.faults import translated
from qbatch.snapshot.former import note_bought
from qbatch.snapshot.lock import Durability, Note, read_note
from qbatch.snapshot.paths import SNAPSHOT
from qbatch.snapshot.schema import (
    APPLICATION_ID,
    FORMER_VIEWS,
    PAGE_BYTES,
    SCHEMA_VERSION,
    TABLES,
)
from qbatch.snapshot.undo import is_whole_undo

NAME = SNAPSHOT

#: Of larger files only the tables about purchases are looked through; of the others, what is read.
MAX_CHECKED_BYTES = 64 << 20

#: Larger files are not sealed: to read all of one takes longer than what a seal saves.
MAX_SEALED_BYTES = 1 << 30

#: How long to wait for a writer where readers and writers wait for one another, seconds.
PATIENCE_S = 30.0

#: Where the head of the file says in which version its tables are.
_VERSION = slice(60, 64)

_ABOUT_PURCHASES = ("meta", "settings", "composites", "intents", "attempts", "ledger")


def open_writer(
    folder: Path, durability: Durability, note: Note, *, has_seal: bool = False
) -> sqlite3.Connection:
    """Open the snapshot of `folder` for writing; make it when there is none.

    Args:
        folder: The run folder; its lock is held.
        durability: "full" survives power loss, "normal" the death of the process.
        note: What the last holder of the lock left behind.
        has_seal: It is as that holder left it: see `is_sealed`.

    Raises:
        SnapshotError: It is damaged, newer than this qbatch, or the folder cannot be written.
    """
    path = folder / NAME
    with translated(path):
        if note.journal != "mending" and path.exists() and is_cut_off(path):
            undo_cut_off(path)
        is_new = note.journal == "new" and (not path.exists() or _is_unborn(path))
        if not is_new:
            with closing(open_reader(folder, has_seal=has_seal)) as reader:
                version = version_of(reader)
            if version in FORMER_VIEWS:
                _upgrade(path, version)
        connection = _connect(path, "rwc")
        try:
            if is_new:
                _make(connection)
            _set_up(connection, durability)
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(
    folder: Path, *, is_checked: bool = False, has_seal: bool = False
) -> sqlite3.Connection:
    """Open the snapshot of `folder` for reading only, beside a runner or without one.

    Args:
        folder: The run folder.
        is_checked: It was looked through just now.
        has_seal: Its pages are as they were left: see `is_sealed`.

    Raises:
        SnapshotError: There is none, or it is damaged or newer than this qbatch.
    """
    path = folder / NAME
    note = read_note(folder)
    if note.journal == "mending":
        raise SnapshotError(
            f"{path}: mending it was cut off; `qbatch doctor {folder} --repair` finishes it"
        )
    if not path.exists() and note.journal == "new":
        raise SnapshotError(f"{folder}: no run here (no {NAME}); `qbatch run` makes one")
    if not path.exists():
        raise _lost(path, f"{path}: it is missing")
    has_journal = _has_bytes(journal_of(path))
    with translated(path):
        connection = _open_reader(path, note)
        if is_checked:
            return connection
        try:
            if not has_seal:
                _check_pages(connection, path)
            _check_steps(connection, path, note, has_journal=has_journal)
        except BaseException:
            connection.close()
            raise
    return connection


def seal_of(path: Path) -> bytes:
    """What tells a snapshot, all of it folded in, from any other; b"": it is too large to be told.

    Raises:
        OSError: It cannot be read.
    """
    if path.stat().st_size > MAX_SEALED_BYTES:
        return b""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def is_sealed(path: Path, note: Note) -> bool:
    """Whether a snapshot is byte for byte what a holder left that had looked through it.

    So nothing of it was lost, put back or spoilt at rest, and what was checked then holds still. A
    file of which this cannot be said is looked through again. Its lock is held.

    Args:
        path: The snapshot.
        note: What the last holder of the lock left behind.
    """
    if not note.seal or not path.exists() or _has_bytes(journal_of(path)):
        return False
    return not _has_bytes(undo_of(path)) and seal_of(path) == note.seal


def journal_of(path: Path) -> Path:
    """The ``-wal`` file of a snapshot."""
    return path.with_name(f"{path.name}-wal")


def undo_of(path: Path) -> Path:
    """The ``-journal`` file of a snapshot, where its disk has no WAL: what undoes the last step."""
    return path.with_name(f"{path.name}-journal")


def is_cut_off(path: Path) -> bool:
    """Whether a step may be half done, and its ``-journal`` file undoes it.

    A file that begins with a zero was not synced yet, and nothing was written that it could undo.
    """
    if not _has_bytes(undo := undo_of(path)):
        return False
    with undo.open("rb") as file:
        return file.read(1) != b"\0"


def undo_cut_off(path: Path) -> None:
    """Let SQLite undo a step that was cut off; a step of a runner that goes on is left alone.

    Raises:
        SnapshotError: The folder cannot be written, or the files are damaged.
        sqlite3.Error: What is left is no snapshot.
    """
    try:
        undo = undo_of(path).read_bytes()
    except FileNotFoundError:  # somebody else undid it
        return
    if not is_whole_undo(undo):
        raise faults.damaged(undo_of(path), "it does not undo all of a step")
    if _has_bytes(journal_of(path)):  # it would be taken away by a connection that can write
        raise faults.damaged(path, "it has both a -wal and a -journal file")
    if not all(os.access(each, os.W_OK) for each in (path.parent, path)):
        raise SnapshotError(f"{path}: {faults.HALF_DONE}")
    with closing(_connect(path, "rw")) as connection:
        _is_empty(connection)


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _open_reader(path: Path, note: Note) -> sqlite3.Connection:
    """Open it for reading, whatever state it was left in, and know that it is ours."""
    try:
        return _opened(path, "ro", note)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_READONLY_ROLLBACK:
            undo_cut_off(path)
            return _opened(path, "ro", note)
        is_in_use = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        if is_in_use or _has_bytes(undo_of(path)):
            raise
    # A finished run in a folder where SQLite may not put its own files.
    if _has_bytes(journal_of(path)):
        raise SnapshotError(
            f"{path}: the run was cut off and the folder is not writable, so its last steps "
            "cannot be read; make it writable, or copy it whole to where it is"
        )
    return _opened(path, "ro&immutable=1", note)


def _opened(path: Path, mode: str, note: Note) -> sqlite3.Connection:
    connection = _connect(path, mode)
    try:
        if note.journal == "new" and not _is_begun(connection):
            raise SnapshotError(
                f"{path.parent}: no run here yet: it has only just begun, or was cut off at once; "
                "`qbatch run` goes on"
            )
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def num_steps(connection: sqlite3.Connection) -> int:
    """How many steps a snapshot has."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def _check_steps(
    connection: sqlite3.Connection, path: Path, note: Note, *, has_journal: bool
) -> None:
    """Refuse a snapshot that is older than its last holder left it."""
    if note.steps is not None:
        missing = note.steps - num_steps(connection)
        if missing <= 0 or not note.is_exact:
            return
        what = "it is damaged or cut short" if has_journal else "it is missing"
        steps = "step" if missing == 1 else f"{missing} steps"
        raise _lost(path, f"{journal_of(path)}: {what}; it held the last {steps} of the run")
    if note.journal == "open" and not has_journal:
        what = "it is missing; it held the last steps of a run that was cut off"
        raise _lost(path, f"{journal_of(path)}: {what}")


def _lost(path: Path, what: str) -> SnapshotError:
    return SnapshotError(f"{what}; {faults.remedy(path)}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=PATIENCE_S,
    )
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = version_of(connection)
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner == version == 0 and _is_empty(connection):
        raise SnapshotError(
            f"{path}: it is empty; restore it from a copy, or start again with --fresh "
            "(the folder is set aside, not deleted)"
        )
    if owner != APPLICATION_ID:
        raise _lost(path, f"{path}: this SQLite file was not written by qbatch, or is damaged")
    if version > SCHEMA_VERSION:
        raise SnapshotError(
            f"{path}: written by a newer qbatch (snapshot version {version}; this qbatch reads "
            f"up to {SCHEMA_VERSION}); upgrade qbatch, or use --out DIR"
        )
    if version in FORMER_VIEWS:
        for view in FORMER_VIEWS[version]:
            connection.execute(view)
    elif version < SCHEMA_VERSION:
        raise SnapshotError(
            f"{path}: written by an older qbatch (snapshot version {version}; this qbatch reads "
            f"{SCHEMA_VERSION}); finish it with that one, or start again with --fresh (the folder "
            "is set aside, not deleted)"
        )


def data_version(connection: sqlite3.Connection) -> int:
    """What changes while a connection is open when another one writes, and only then."""
    return int(connection.execute("PRAGMA main.data_version").fetchone()[0])


def version_of(connection: sqlite3.Connection) -> int:
    """In which version of the tables a snapshot is written."""
    return int(connection.execute("PRAGMA main.user_version").fetchone()[0])


def version_in(path: Path) -> int:
    """The same, of a file that may be damaged, as its head says."""
    with path.open("rb") as file:
        head = file.read(_VERSION.stop)
    return int.from_bytes(head[_VERSION], "big")


def _upgrade(path: Path, version: int) -> None:
    """Write a snapshot of a former version anew, row by row as it is, in place of the old file.

    What each attempt bought is noted with it. The file is the one or the other at any moment;
    readers that have the old one open keep it.
    """
    with closing(_connect(path, "rw")) as old:
        old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found = old.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        tables = [row[0] for row in found]
    fresh = draft_beside(path)
    try:
        _copy_tables(path, fresh, tables, version)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def _copy_tables(path: Path, fresh: Path, tables: Iterable[str], version: int) -> None:
    with closing(make_new(fresh)) as new:
        new.execute("PRAGMA synchronous=FULL")
        new.execute("ATTACH ? AS old", (path.resolve().as_uri(),))
        new.execute("BEGIN IMMEDIATE")
        for name in tables:
            columns = ", ".join(row[1] for row in new.execute(f"PRAGMA old.table_info({name})"))
            new.execute(f"INSERT INTO main.{name}({columns}) SELECT {columns} FROM old.{name}")
        note_bought(new, version)
        new.execute("COMMIT")
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def sync_folder(folder: Path) -> None:
    """Make the new names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _is_unborn(path: Path) -> bool:
    """Tell whether a run was cut off before its first step."""
    with closing(_connect(path, "ro")) as connection:
        return not _is_begun(connection)


def _is_begun(connection: sqlite3.Connection) -> bool:
    """Tell whether a snapshot has a first step; what is none of ours is not judged here."""
    if _is_empty(connection):
        return False
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return True
    tables = ("meta", "points", "jobs", "events")
    return any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in tables)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    is_small = path.stat().st_size <= MAX_CHECKED_BYTES
    for pragma in ("quick_check",) if is_small else map("quick_check({})".format, _ABOUT_PURCHASES):
        check_by(connection, path, pragma)


def check_by(connection: sqlite3.Connection, path: Path, pragma: str) -> None:
    """Let SQLite look through its pages, and raise what it finds as a `SnapshotError`."""
    verdict = str(connection.execute(f"PRAGMA main.{pragma}").fetchone()[0])
    if verdict != "ok":
        raise faults.damaged(path, verdict.replace("\n", " "))


def make_new(path: Path) -> sqlite3.Connection:
    """Make a snapshot without anything in it, and open it for writing."""
    connection = _connect(path, "rwc")
    _make(connection)
    return connection


def _make(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    if _is_empty(connection):
        make_tables(connection)


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables, in one step."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in TABLES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _set_up(connection: sqlite3.Connection, durability: Durability) -> None:
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":  # no shared memory here: slower, as safe, and readers wait for the writer
        connection.execute("PRAGMA journal_mode=DELETE")
        durability = "full"
    connection.execute(f"PRAGMA synchronous={durability.upper()}")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA cache_size=-16000")


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One commit; on return it is as durable as the connection was asked to make it.

    Raises:
        SnapshotError: It could not be written; nothing of it was.
    """
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            if faults.FUSE is not None:
                faults.FUSE()
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if faults.FUSE is not None:
            faults.FUSE()


def checkpoint(connection: sqlite3.Connection, path: Path) -> None:
    """Fold the ``-wal`` file into the snapshot, as far as readers allow."""
    with translated(path):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
