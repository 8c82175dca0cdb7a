"""The lock that keeps two runners of one run folder apart, and the note its holder leaves.

The lock is held by the operating system and so dies with its process: there is no stale
lock and nothing to clean up. Its file says who holds it, for the message to the second runner. It
also says whether the journal was open and how many steps were durable, so that a lost or damaged
``-wal`` file is noticed: SQLite takes such a file for a shorter one.

Rules: the note has a fixed size and is written in place, so that a full disk cannot take it away;
its second half, the number of steps, is written after each step and not synced. After the death of
a process it is exact. After a power cut it may be behind the journal, or, where that is not synced
either, before it.

Behind it stands the seal: a digest of the snapshot as its last holder left it. It says nothing but
whether the file is that one, byte for byte, so it need not be durable, nor be taken away.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
import zlib
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from qbatch.errors import RunLockedError, SnapshotError
from qbatch.frozen import dataclass
from qbatch.instants import told_if_known
from qbatch.snapshot.faults import unusable
from qbatch.system import is_alive, read_at, try_lock, write_at

NAME = "snapshot.lock"

#: What the last holder left: nothing written yet, steps in the ``-wal`` file, all folded in, or
#: files half exchanged for mended ones.
Journal = Literal["new", "open", "closed", "mending"]

#: "full" survives power loss, "normal" the death of the process.
Durability = Literal["full", "normal"]

#: `holder_of` takes the lock for an instant, and a new holder needs one to write its name: a runner
#: that meets either tries again this often.
PROBES, PROBE_S = 4, 0.05

#: Where the number of steps stands, and how long it is with its CRC and newline.
STEPS_AT, STEPS_BYTES = 512, 26

#: Where the seal stands, and how long it is: a SHA-256.
SEAL_AT, SEAL_BYTES = 544, 32

#: Where Linux says what is open, and under which name it is now.
_OPEN_FILES = Path("/proc/self/fd")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

_NO_LOCKS = {errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Note:
    """What the holder of a lock wrote.

    Attributes:
        pid, host, started_at: The holder.
        journal: See `Journal`.
        durability: Of its steps.
        boot: Which start of its machine it ran under; "" where that cannot be told.
        inode: Of the lock's file, by which a copy of it is known; 0: not noted.
        is_copy: The folder may be one of several copies, so another may have bought its points.
        steps: Durable so far; None: not known.
        seal: See `database.is_sealed`; b"": there is none.
    """

    pid: int | None = None
    host: str = ""
    started_at: str = ""
    journal: Journal = "new"
    durability: Durability = "full"
    boot: str = ""
    inode: int = 0
    is_copy: bool = False
    steps: int | None = None
    seal: bytes = b""

    def is_of(self, inode: int) -> bool:
        """Whether a lock's file is the one that this was noted in, and not a copy of it."""
        return self.host == socket.gethostname() and self.inode in (0, inode)

    @property
    def is_exact(self) -> bool:
        """Every step counted must be there: no power cut can have taken one."""
        return self.durability == "full" or (self.boot != "" and self.boot == _boot_id())


class RunLock:
    """The lock of one run folder, taken when made.

    Attributes:
        note: As it is in the file.
    """

    def __init__(self, folder: Path, durability: Durability = "full") -> None:
        self.path = folder / NAME
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise unusable(self.path, error) from error
        try:
            self._take()
            self.found = _read(self._fd)
            _, inode = self.identity
            is_known = self.found.journal == "new" or self.found.is_of(inode)
            self.note = replace(
                self.found,
                inode=inode,
                is_copy=self.found.is_copy or not is_known,
                pid=os.getpid(),
                host=socket.gethostname(),
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            self._write()
        except BaseException:
            os.close(self._fd)
            raise
        self._durability: Durability = durability
        self._elsewhere = -1

    def _take(self) -> None:
        patience = PROBES
        while not _try_lock(self._fd, self.path):
            patience -= 1
            if patience:
                time.sleep(PROBE_S)
                continue
            raise RunLockedError(_who(self.path, _read_holder(self._fd)))
        probe = os.open(self.path, os.O_RDWR)
        try:
            if _try_lock(probe, self.path):
                raise SnapshotError(
                    f"{self.path}: this file system takes locks but does not keep them; "
                    "use --out DIR with a folder on a local disk"
                )
        finally:
            os.close(probe)

    def _write(self) -> None:
        facts = asdict(self.note)
        del facts["steps"], facts["seal"]
        text = json.dumps(facts).encode()[: STEPS_AT - 1].ljust(STEPS_AT - 1) + b"\n"
        try:
            write_at(self._fd, text, 0)
            os.fsync(self._fd)
        except OSError as error:
            raise unusable(self.path, error) from error

    def mark_open(self, steps: int) -> None:
        """Note, durably, that from now on the ``-wal`` file holds steps of the run."""
        self.note = replace(self.note, journal="open", durability=self._durability, boot=_boot_id())
        self._write()
        self.count(steps)

    def mark_as_copy(self) -> None:
        """Note, durably and for ever, that the folder may be one of several copies."""
        self.note = replace(self.note, is_copy=True)
        self._write()

    def mark(self, journal: Literal["closed", "mending"]) -> None:
        """Note, durably, that all is folded in, or that files are about to be exchanged."""
        self.note = replace(self.note, journal=journal)
        self._write()

    def count(self, steps: int) -> None:
        """Note how many steps are durable; it does not matter where that fails."""
        text = b"%016d" % steps
        line = b"%s %08x\n" % (text, zlib.crc32(text))
        with suppress(OSError):
            write_at(self._fd, line, STEPS_AT)
            if self._elsewhere >= 0:
                write_at(self._elsewhere, line, 0)

    def seal(self, digest: bytes) -> None:
        """Note what the snapshot is now; it does not matter where that fails."""
        with suppress(OSError):
            write_at(self._fd, digest, SEAL_AT)

    def count_elsewhere(self, path: Path, steps: int) -> None:
        """Note how many steps are durable in a file outside of the folder, too.

        Where it says that there were more, the folder is an older copy that was put back. A file
        that cannot be used is passed over, for it only adds to what the lock itself tells.
        """
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._elsewhere = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            known = _steps_in(read_at(self._elsewhere, STEPS_BYTES, 0))
            if known is not None and known > steps:
                self.mark_as_copy()
            self.count(steps)

    @property
    def identity(self) -> tuple[int, int]:
        """What tells the held file from all others on this machine: device and inode."""
        found = os.fstat(self._fd)
        return found.st_dev, found.st_ino

    def place_now(self) -> Path | None:
        """The folder that the held file is in now; None: it is in none, or that cannot be told."""
        try:
            found = (_OPEN_FILES / str(self._fd)).readlink()
            is_there = os.path.samestat(found.stat(), os.fstat(self._fd))
        except OSError:
            return None
        return found.parent if is_there else None

    def release(self) -> None:
        """Let the next runner in. Repeatable."""
        for fd in (self._fd, self._elsewhere):
            if fd >= 0:
                os.close(fd)
        self._fd = self._elsewhere = -1


def holder_of(folder: Path) -> str | None:
    """Return who holds the lock of `folder` now, in words, or None.

    Raises:
        SnapshotError: This file system has no locks.
    """
    path = folder / NAME
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try_lock(fd, path) else _who(path, _read_holder(fd))
    finally:
        os.close(fd)


def read_note(folder: Path) -> Note:
    """What the present or last holder of the lock of `folder` noted; needs no lock."""
    try:
        fd = os.open(folder / NAME, os.O_RDONLY)
    except OSError:
        return Note()
    try:
        return _read(fd)
    finally:
        os.close(fd)


def _try_lock(fd: int, path: Path) -> bool:
    try:
        return try_lock(fd)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            raise SnapshotError(
                f"{path}: this file system has no locks ({error.strerror}), so two runners could "
                "not be kept apart; use --out DIR with a folder on a local disk"
            ) from error
        raise unusable(path, error) from error


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _read(fd: int) -> Note:
    text = read_at(fd, 4096, 0)
    try:
        note = Note(**json.loads(text[:STEPS_AT]))
    except (ValueError, TypeError):
        note = Note()
    if not isinstance(note.pid, int | None) or note.journal not in get_args(Journal):
        note = Note()
    steps, seal = text[STEPS_AT : STEPS_AT + STEPS_BYTES], text[SEAL_AT : SEAL_AT + SEAL_BYTES]
    return replace(note, steps=_steps_in(steps), seal=seal)


def _steps_in(text: bytes) -> int | None:
    number, _, crc = text.partition(b" ")
    if crc != b"%08x\n" % zlib.crc32(number):
        return None
    return int(number)


def _read_holder(fd: int) -> Note:
    """Who holds the lock: not who held it before, where the new holder is just writing its name."""
    for _ in range(PROBES):
        note = _read(fd)
        if note.pid is not None and (note.host != socket.gethostname() or is_alive(note.pid)):
            return note
        time.sleep(PROBE_S)
    return _read(fd)


def _who(path: Path, holder: Note) -> str:
    return (
        f"{path.parent}: another qbatch run holds this folder: process {holder.pid or '?'} "
        f"on {holder.host or '?'}, since {told_if_known(holder.started_at) or '?'}; wait for it, "
        "or stop it (Ctrl-C) and give this command again; another run takes a folder of its own "
        "with --out DIR"
    )
