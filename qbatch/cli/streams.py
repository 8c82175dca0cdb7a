"""The standard streams and names of files as qbatch needs them, whatever started it.

Rules: the locale decides nothing. A stream that is closed (service managers start programs so) is
read as "nobody is there" and written to as "nobody reads". Its number is taken at once, so that no
database is ever opened as number 2, where a library's last words would end up in it. What is
redirected is UTF-8, as files are; at a terminal, what its encoding lacks is shown as "?",
and what turns or breaks its lines as a mark.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from typing import Any

from qbatch.notation import unturned


def begin_in_utf8() -> None:
    """Begin this process anew in Python's UTF-8 mode, where the locale has other names for files.

    Manifests are UTF-8 and name files; under ``LC_ALL=C`` with that mode off, Python could not open
    them by these names, nor make a run folder of theirs.
    """
    if sys.getfilesystemencoding() != "utf-8":
        command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, command)


def prepare_streams() -> None:
    """Open what is closed, and see that no character can stop an output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _take(number)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: SIM115, PTH123
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            is_shown = stream.isatty()
            stream.reconfigure(encoding=None if is_shown else "utf-8", errors="replace")
            if is_shown:
                setattr(sys, name, _Terminal(stream))


class _Terminal:
    """A terminal to which nothing goes that turns or breaks the lines it shows."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(unturned(text))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _take(number: int) -> None:
    """Open the null device as a file descriptor, unless that is open."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)
