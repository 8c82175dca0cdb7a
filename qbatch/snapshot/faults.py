"""Foreign errors of the disk and of SQLite become `SnapshotError`s here, with path and remedy.

Also the fuse of the crash tests: ``QBATCH_KILL_AT_WRITE=N`` kills this process with SIGKILL at the
N-th journal step (each commit counts twice, before and after). Unset, it costs one comparison.
"""

from __future__ import annotations

import errno
import itertools
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qbatch.errors import SnapshotError

#: SQLite's primary result code -> what is wrong and how to mend it.
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full; make room, then run again: nothing done is lost",
    sqlite3.SQLITE_READONLY: "it cannot be written; make the folder writable, or use --out DIR",
    sqlite3.SQLITE_PERM: "it cannot be opened; check the folder's permissions",
    sqlite3.SQLITE_AUTH: "it cannot be opened; check the folder's permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that the folder exists and is writable",
    sqlite3.SQLITE_BUSY: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; close that program and try again",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore the folder from a copy, or start again "
    "with --fresh (the damaged folder is set aside, not deleted)",
    sqlite3.SQLITE_NOTADB: "it is no snapshot, or it is damaged; restore the folder from a copy, "
    "or start again with --fresh (the damaged folder is set aside, not deleted)",
    sqlite3.SQLITE_IOERR: "the disk failed to read or write; check it (and its free space), "
    "then run again: nothing done is lost",
}

_ERRNO_REMEDIES = {
    errno.ENOSPC: _REMEDIES[sqlite3.SQLITE_FULL],
    errno.EDQUOT: "the disk quota is used up; make room, then run again: nothing done is lost",
    errno.EFBIG: "the file may not grow any more (ulimit -f); raise the limit, then run again",
    errno.EACCES: _REMEDIES[sqlite3.SQLITE_READONLY],
    errno.EPERM: _REMEDIES[sqlite3.SQLITE_READONLY],
    errno.EROFS: _REMEDIES[sqlite3.SQLITE_READONLY],
    errno.EIO: _REMEDIES[sqlite3.SQLITE_IOERR],
}


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the operating system raise about `path` into `SnapshotError`."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # used after it was closed: our bug, or the notebook's
    except sqlite3.Error as error:
        raise damaged_or_blocked(path, error) from error
    except UnicodeDecodeError as error:
        raise damaged(path, "text is not UTF-8") from error
    except OSError as error:
        raise unusable(path, error) from error


def damaged_or_blocked(path: Path, error: sqlite3.Error) -> SnapshotError:
    """Say what SQLite's `error` about `path` means to the person."""
    code = getattr(error, "sqlite_errorcode", None)
    remedy = _REMEDIES.get(code & 0xFF) if code is not None else None
    if remedy is None:
        remedy = _REMEDIES[sqlite3.SQLITE_CORRUPT]
    return SnapshotError(f"{path}: {remedy} (SQLite: {error})")


def unusable(path: Path, error: OSError) -> SnapshotError:
    """Say what the operating system's `error` about `path` means to the person."""
    reason = error.strerror or str(error)
    remedy = _ERRNO_REMEDIES.get(error.errno or 0, "check the folder, or use --out DIR")
    return SnapshotError(f"{path}: {remedy} ({reason})")


def damaged(path: Path, what: str) -> SnapshotError:
    """Say that `what` inside the snapshot at `path` cannot be trusted."""
    return SnapshotError(f"{path}: {what}: {_REMEDIES[sqlite3.SQLITE_CORRUPT]}")


def make_fuse(setting: str | None) -> Callable[[], None] | None:
    """Return what kills this process with SIGKILL when it is called for the N-th time; or None.

    Args:
        setting: N, as written; None or "": there is none.
    """
    if not setting:
        return None
    limit, steps = int(setting), itertools.count(1)

    def burn() -> None:
        if next(steps) >= limit:
            os.kill(os.getpid(), signal.SIGKILL)

    return burn


#: Called before and after every commit; None in real life.
FUSE = make_fuse(os.environ.get("QBATCH_KILL_AT_WRITE"))
