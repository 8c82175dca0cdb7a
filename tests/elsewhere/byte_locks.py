"""Windows' ``locking`` as its documentation has it, over the C library's ``flock``.

A lock belongs to an open file, keeps out every other one, and is told by EACCES.
<https://learn.microsoft.com/cpp/c-runtime-library/reference/locking>
"""

from __future__ import annotations

import ctypes
import errno
import os

LK_NBLCK = 2

_LOCK_EX, _LOCK_NB = 2, 4

_C_LIBRARY = ctypes.CDLL(None, use_errno=True)


def locking(fd: int, mode: int, nbytes: int, /) -> None:
    assert (mode, nbytes) == (LK_NBLCK, 1)
    assert os.lseek(fd, 0, os.SEEK_CUR) > os.fstat(fd).st_size  # what is locked cannot be read
    if _C_LIBRARY.flock(fd, _LOCK_EX | _LOCK_NB):
        number = ctypes.get_errno()
        number = errno.EACCES if number == errno.EWOULDBLOCK else number
        raise OSError(number, os.strerror(number))
