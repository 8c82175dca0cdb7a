"""What operating systems do each in its own way: locks of files, reading at a place, pipes.

POSIX systems have ``flock``; Windows has locks of bytes, which its C library calls ``locking``.
Both are held by an open file, die with its process, and keep out another open file of the same
process too. Windows keeps others from reading bytes that are locked, so the byte lies far behind
all that is ever written: <https://learn.microsoft.com/cpp/c-runtime-library/reference/locking>.
"""

from __future__ import annotations

import errno
import os
import sys
import time

#: Where the byte lies that is locked on Windows.
_LOCKED_AT = 1 << 30

#: How often a lock is tried again that somebody else holds, seconds.
_AGAIN_S = 0.02


def try_lock(fd: int) -> bool:
    """Lock an open file, unless another holds its lock; it is released when `fd` is closed.

    Raises:
        OSError: Of the system; ``ENOSYS`` where it has no such locks.
    """
    try:
        import fcntl
    except ImportError:
        return _try_lock_byte(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(fd: int) -> None:
    """Lock an open file once nobody else has it locked.

    Raises:
        OSError: See `try_lock`.
    """
    try:
        import fcntl
    except ImportError:
        while not _try_lock_byte(fd):
            time.sleep(_AGAIN_S)
    else:
        fcntl.flock(fd, fcntl.LOCK_EX)


def _try_lock_byte(fd: int) -> bool:
    try:
        import msvcrt
    except ImportError as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    place = os.lseek(fd, 0, os.SEEK_CUR)
    os.lseek(fd, _LOCKED_AT, os.SEEK_SET)
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EDEADLK):
            return False
        raise
    finally:
        os.lseek(fd, place, os.SEEK_SET)
    return True


def read_at(fd: int, size: int, offset: int) -> bytes:
    """Read up to `size` bytes from `offset` on."""
    if hasattr(os, "pread"):
        return os.pread(fd, size, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


def write_at(fd: int, text: bytes, offset: int) -> None:
    """Write bytes to `offset` and after it."""
    if hasattr(os, "pwrite"):
        os.pwrite(fd, text, offset)
        return
    os.lseek(fd, offset, os.SEEK_SET)
    os.write(fd, text)


def make_pipe(size: int) -> tuple[int, int]:
    """Make a pipe that holds `size` bytes, where the system can be asked for that.

    Returns:
        File descriptors: where it is read, and where it is written.
    """
    ends = os.pipe()
    try:
        import fcntl
    except ImportError:
        return ends
    if sys.platform == "linux":
        fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, size)
    return ends


def is_alive(pid: int) -> bool:
    """Whether there is a process with this id; True where it cannot be asked without harm."""
    if os.name == "nt":  # signal 0 is Ctrl-C there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
