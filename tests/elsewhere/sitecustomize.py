"""Takes away, before anything else runs, what of this system Windows has not."""

from __future__ import annotations

import os
import signal
import subprocess  # goes by whether there is an msvcrt
import sys

import byte_locks

assert subprocess.Popen
sys.modules["msvcrt"] = byte_locks
for module in ("fcntl", "pwd", "grp", "termios", "tty", "pty"):
    sys.modules[module] = None  # type: ignore[assignment]
for name in ("pread", "pwrite", "getuid", "geteuid", "killpg", "statvfs", "sched_getaffinity"):
    delattr(os, name)
if hasattr(signal, "SIGHUP"):
    del signal.SIGHUP
