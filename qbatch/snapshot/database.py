"""The SQLite file itself: made, opened, checked, and written in transactions.

Rules: one writer connection, used by one step at a time; readers have their own and never block
it (WAL). ``synchronous=FULL`` where a job can cost money, NORMAL where it cannot: NORMAL survives
any death of the process, FULL a power cut too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from qbatch.errors import SnapshotError
from qbatch.snapshot import faults
from qbatch.snapshot.faults import translated
from qbatch.snapshot.lock import NAME as LOCK
from qbatch.snapshot.lock import Journal
from qbatch.snapshot.schema import APPLICATION_ID, PAGE_BYTES, SCHEMA_VERSION, TABLES

Durability = Literal["full", "normal"]

NAME = "snapshot.db"

#: Larger files are not read whole before a run; SQLite and the rows' CRCs check what is read.
MAX_CHECKED_BYTES = 64 << 20


def open_writer(folder: Path, durability: Durability, journal: Journal) -> sqlite3.Connection:
    """Open the snapshot of `folder` for writing; make it when there is none.

    Args:
        folder: The run folder; its lock is held.
        durability: "full" survives power loss, "normal" the death of the process.
        journal: What the last holder of the lock left behind.

    Raises:
        SnapshotError: It is damaged, newer than this qbatch, or the folder cannot be written.
    """
    path = folder / NAME
    with translated(path):
        _check_files(path, journal)
        is_new = journal == "new" or not path.exists()
        connection = _connect(path, "rwc")
        try:
            if is_new and _is_empty(connection):
                _make(connection)
            else:
                _check(connection, path)
            _set_up(connection, durability)
        except BaseException:
            connection.close()
            raise
    return connection


def open_reader(folder: Path) -> sqlite3.Connection:
    """Open the snapshot of `folder` for reading only, beside a runner or without one.

    Raises:
        SnapshotError: There is none, or it is damaged or newer than this qbatch.
    """
    path = folder / NAME
    if not path.exists():
        raise SnapshotError(f"{folder}: no run here (no {NAME}); `qbatch run` makes one")
    with translated(path):
        connection = _connect(path, "ro")
        try:
            _check_version(connection, path)
        except sqlite3.OperationalError:
            connection.close()
            connection = _reopen_immutable(path)
        except BaseException:
            connection.close()
            raise
    return connection


def _reopen_immutable(path: Path) -> sqlite3.Connection:
    """Read a finished run in a folder where SQLite may not put its own files."""
    wal = path.with_name(f"{NAME}-wal")
    if wal.exists() and wal.stat().st_size > 0:
        raise SnapshotError(
            f"{path}: the run was cut off and the folder is not writable, so its last steps "
            "cannot be read; make it writable, or copy it whole to where it is"
        )
    connection = _connect(path, "ro&immutable=1")
    try:
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_files(path: Path, journal: Journal) -> None:
    """Refuse a folder that has lost a file since its last holder: steps would be missing."""
    lost = None
    if journal == "open" and not path.exists():
        lost = f"{path}: it is missing, and the last run of this folder was cut off"
    elif journal == "open" and not path.with_name(f"{NAME}-wal").exists():
        lost = f"{path}-wal: it is missing; it held the last steps of a run that was cut off"
    if lost:
        raise SnapshotError(
            f"{lost}; restore the folder from a copy, or start again with --fresh (it is set "
            f"aside, not deleted), or, if nothing can be lost, delete {LOCK} and run again"
        )


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=30.0,
    )
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner == version == 0 and _is_empty(connection):
        raise SnapshotError(
            f"{path}: it is empty; restore it from a copy, or start again with --fresh "
            "(the folder is set aside, not deleted)"
        )
    if owner != APPLICATION_ID:
        raise SnapshotError(f"{path}: this SQLite file was not written by qbatch")
    if version > SCHEMA_VERSION:
        raise SnapshotError(
            f"{path}: written by a newer qbatch (snapshot version {version}; this qbatch reads "
            f"up to {SCHEMA_VERSION}); upgrade qbatch, or use --out DIR"
        )
    if version < SCHEMA_VERSION:
        raise SnapshotError(
            f"{path}: written by an older qbatch (snapshot version {version}; this qbatch reads "
            f"{SCHEMA_VERSION}); finish it with that one, or start again with --fresh (the folder "
            "is set aside, not deleted)"
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema").fetchone() is None


def _check(connection: sqlite3.Connection, path: Path) -> None:
    _check_version(connection, path)
    if path.stat().st_size > MAX_CHECKED_BYTES:
        return
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise faults.damaged(path, str(verdict).replace("\n", " "))


def _make(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
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
