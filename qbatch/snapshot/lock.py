"""The lock that keeps two runners of one run folder apart.

It is held by the operating system (``flock``) and so dies with its process: there is no stale lock
and nothing to clean up. Its file says who holds it, for the message to the second runner, and
whether the journal was open, so that a lost ``-wal`` file is noticed.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from qbatch.errors import RunLockedError, SnapshotError
from qbatch.snapshot.faults import unusable

NAME = "snapshot.lock"

#: What the last holder left: nothing written yet, steps in the ``-wal`` file, or all folded in.
Journal = Literal["new", "open", "closed"]

#: `holder_of` takes the lock for an instant: a runner that meets it tries again this often.
PROBES, PROBE_S = 4, 0.05

_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


class RunLock:
    """The lock of one run folder, taken when made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unusable(self.path, error) from error
        try:
            self._take()
            self.journal: Journal = _read(self._fd).get("journal", "new")
        except BaseException:
            os.close(self._fd)
            raise
        self._write(self.journal)

    def _take(self) -> None:
        patience = PROBES
        while not _try_lock(self._fd, self.path):
            patience -= 1
            if patience:
                time.sleep(PROBE_S)
                continue
            raise RunLockedError(_who(self.path, _read(self._fd)))
        probe = os.open(self.path, os.O_RDWR)
        try:
            if _try_lock(probe, self.path):
                raise SnapshotError(
                    f"{self.path}: this file system takes locks but does not keep them; "
                    "use --out DIR with a folder on a local disk"
                )
        finally:
            os.close(probe)

    def _write(self, journal: Journal) -> None:
        self.journal = journal
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "journal": journal,
        }
        text = json.dumps(holder).encode() + b"\n"
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text, 0)
            os.fsync(self._fd)
        except OSError as error:
            raise unusable(self.path, error) from error

    def mark_open(self) -> None:
        """Note, durably, that from now on the ``-wal`` file holds steps of the run."""
        self._write("open")

    def mark_closed(self) -> None:
        """Note that the ``-wal`` file was folded into the snapshot."""
        self._write("closed")

    def release(self) -> None:
        """Let the next runner in. Repeatable."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def holder_of(folder: Path) -> str | None:
    """Return who holds the lock of `folder` now, in words, or None."""
    path = folder / NAME
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try_lock(fd, path) else _who(path, _read(fd))
    finally:
        os.close(fd)


def _try_lock(fd: int, path: Path) -> bool:
    try:
        import fcntl
    except ImportError as error:
        raise SnapshotError(f"{path}: this operating system has no flock") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise SnapshotError(
                f"{path}: this file system has no locks ({error.strerror}), so two runners could "
                "not be kept apart; use --out DIR with a folder on a local disk"
            ) from error
        raise unusable(path, error) from error
    return True


def _read(fd: int) -> dict[str, Any]:
    try:
        found = json.loads(os.pread(fd, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _who(path: Path, holder: dict[str, Any]) -> str:
    return (
        f"{path.parent}: another qbatch run holds this folder: process {holder.get('pid', '?')} "
        f"on {holder.get('host', '?')}, since {holder.get('started_at', '?')}; wait for it, "
        "stop it, or use --out DIR"
    )
