"""Foreign errors of the disk and of SQLite become `SnapshotError`s here, with path and remedy.

Also the fuse of the crash tests: ``QBATCH_KILL_AT_WRITE=N`` kills this process with SIGKILL at the
N-th journal step (each commit counts twice, before and after). Unset, it costs one comparison.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from qbatch.errors import SnapshotError

#: Room that a run needs to go on, beside what its ``-wal`` file is folded in with, bytes.
ROOM_BYTES = 1 << 20

_UNWRITABLE = "it cannot be written; make the folder writable, or use --out DIR"
_UNOPENED = "it cannot be opened; check that the folder exists, and its permissions"
_LOCKED = "another program keeps it locked; close that program and try again"
_FAILED = "the disk failed to read or write; check it, then run again: nothing done is lost"

#: Of a snapshot that only who may write can read, for a step has to be undone first.
HALF_DONE = (
    "the run was cut off in the middle of a step and the folder is not writable, so that step "
    "cannot be undone; make it writable, or copy it whole to where it is"
)

#: Of one that was cut off after it had been opened.
_CUT_OFF = "the run was cut off in the middle of a step; open it again"

#: SQLite's primary result code -> what is wrong and how to mend it; what is not here is damage.
_REMEDIES = {
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNOPENED,
    sqlite3.SQLITE_AUTH: _UNOPENED,
    sqlite3.SQLITE_CANTOPEN: _UNOPENED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
}

_ERRNO_REMEDIES = {
    errno.EDQUOT: "the disk quota is used up; make room, then run again: nothing done is lost",
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
    errno.EROFS: _UNWRITABLE,
    errno.EIO: _FAILED,
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
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    code = extended & 0xFF
    if extended == sqlite3.SQLITE_READONLY_ROLLBACK:
        told = _CUT_OFF
    elif code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        is_full = code == sqlite3.SQLITE_FULL
        told = _no_room(path, is_full=is_full) or _FAILED
    elif code in _REMEDIES:
        told = _REMEDIES[code]
    else:
        what = "it is no snapshot, or it is damaged"
        told = f"{what if code == sqlite3.SQLITE_NOTADB else 'it is damaged'}; {remedy(path)}"
    return SnapshotError(f"{path}: {told} (SQLite: {error})")


def unusable(path: Path, error: OSError) -> SnapshotError:
    """Say what the operating system's `error` about `path` means to the person."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EFBIG):
        told = _no_room(path, is_full=error.errno == errno.ENOSPC) or _FAILED
    else:
        told = _ERRNO_REMEDIES.get(error.errno or 0, "check the folder, or use --out DIR")
    return SnapshotError(f"{path}: {told} ({reason})")


def damaged(path: Path, what: str) -> SnapshotError:
    """Say that `what` inside the snapshot at `path` cannot be trusted."""
    return SnapshotError(f"{path}: {what}: it is damaged; {remedy(path)}")


def remedy(path: Path) -> str:
    """What a person can do about a damaged snapshot."""
    return (
        f"`qbatch doctor {path.parent}` says what can be mended; else restore the folder from a "
        "copy, or start again with --fresh (the damaged folder is set aside, not deleted): either "
        "may buy again what is not in it"
    )


def _no_room(path: Path, *, is_full: bool) -> str | None:
    """Say how much room there is and how much is needed; None: there is enough.

    SQLite takes a limit of the process for a failure of the disk, and so it does where the last
    bytes went between its question and ours.
    """
    journal = path.with_name(f"{path.name}-wal")
    sizes = [each.stat().st_size for each in (path, journal) if each.exists()]
    needed = ROOM_BYTES + sum(sizes[1:])
    limit = _file_limit()
    if limit is not None and max(sizes, default=0) + ROOM_BYTES > limit:
        more = _bytes(max(sizes, default=0) + needed)
        return (
            f"no file may grow beyond {_bytes(limit)} (ulimit -f); allow {more} or more, then run "
            "again: nothing done is lost"
        )
    free = shutil.disk_usage(next(each for each in path.absolute().parents if each.exists())).free
    if not is_full and free >= needed:
        return None
    return (
        f"the disk is full: {_bytes(free)} free, {_bytes(needed)} or more are needed; make room, "
        "then run again: nothing done is lost"
    )


def _file_limit() -> int | None:
    """The largest file that this process may write, bytes; None: there is no limit."""
    try:
        import resource
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return None if soft == resource.RLIM_INFINITY else soft


def _bytes(number: int) -> str:
    """``1.05 MB``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number} bytes"


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
