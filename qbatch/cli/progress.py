"""How a run tells how far it is: a bar on a terminal, lines without one, JSON lines when asked.

Rules: talk goes to stderr, JSON lines to stdout; a stream that is closed (EPIPE) is not written to
again and never ends the run; a line at most every `QUIET_S` seconds, however many points finish.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

if TYPE_CHECKING:
    from rich.progress import TaskID

#: Seconds between two lines of progress; doubled up to the second figure as the run goes on.
QUIET_S = (1.0, 30.0)

#: Failures told one by one; more are only counted.
MAX_TOLD = 10


class Teller(Protocol):
    """What the verb `run` tells its progress to."""

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        """So many points, or jobs, are to be run, of which some were done before the run began.

        It began so many seconds ago.
        """

    def advanced(self, done: int, failed: int, held: int = 0) -> None:
        """So many are done, of which so many failed, and so many are held."""

    def said(self, text: str) -> None:
        """Something a person should read, between the lines of progress."""

    def event(self, facts: Mapping[str, Any]) -> None:
        """One step of one point, for those who want every one."""

    def aside(self) -> AbstractContextManager[None]:
        """While inside, the terminal is a question's."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def open_teller(*, as_json: bool) -> Teller:
    """The teller that suits the streams of this process."""
    if as_json:
        return JsonTeller(sys.stdout)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return BarTeller(sys.stderr)
    return LineTeller(sys.stderr)


class Outlet:
    """A stream that may close before the run ends."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._is_open = True
        self._is_plain = not stream.isatty() or bool(os.environ.get("NO_COLOR"))

    def write(self, line: str) -> None:
        """Write a line, or nothing once nobody reads any more."""
        if not self._is_open:
            return
        try:
            self._stream.write((click.unstyle(line) if self._is_plain else line) + "\n")
            self._stream.flush()
        except OSError:  # a reader or a terminal that is gone, or a disk that is full, ends no run
            self._is_open = False


class Pace:
    """Points, or jobs, per second and the time left, from what this process did.

    >>> pace = Pace(100, now=0.0)
    >>> pace.text(done=25, now=5.0)
    '5.0 points/s, 15 s left'
    """

    def __init__(self, total: int, now: float, done: int = 0, unit: str = "point") -> None:
        self._total = total
        self._unit = unit
        self._done_before = done
        self._started = now

    def text(self, done: int, now: float) -> str:
        """Rate and time left, or "" before the first new point."""
        elapsed, new = now - self._started, done - self._done_before
        if new <= 0 or elapsed <= 0:
            return ""
        from qbatch.report.numbers import duration

        rate = new / elapsed
        said = format_rate(rate, self._unit)
        left = (self._total - done) / rate
        return f"{said}, {duration(left)} left" if done < self._total else said


def format_rate(rate: float, unit: str = "point") -> str:
    """``472 points/s``; below one a second, ``12 points/min``.

    >>> format_rate(0.2)
    '12 points/min'
    """
    if rate < 1:
        return f"{rate * 60:.3g} {unit}s/min"
    return f"{rate:,.0f} {unit}s/s" if rate >= 10 else f"{rate:.1f} {unit}s/s"


def format_trouble(failed: int, held: int) -> str:
    """What is not as it should be, or "".

    >>> format_trouble(2, 1)
    '2 failed, 1 held'
    """
    from qbatch.notation import whole

    parts = [f"{whole(failed)} failed"] if failed else []
    return ", ".join([*parts, f"{whole(held)} held"] if held else parts)


class LineTeller:
    """One line per change, at most every few seconds: for logs and pipes."""

    def __init__(self, stream: IO[str]) -> None:
        self._outlet = Outlet(stream)
        self._pace = Pace(0, 0.0)
        self._next = 0.0
        self._quiet = QUIET_S[0]
        self._name, self._total, self._unit = "", 0, ""
        self._told = (0, 0, 0)

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        now = time.monotonic()
        self._name, self._total, self._unit = name, total, unit
        self._pace = Pace(total, now - ran_s, done, unit)
        self._next = now + self._quiet

    def advanced(self, done: int, failed: int, held: int = 0) -> None:
        now = time.monotonic()
        if (done, failed, held) == self._told or (now < self._next and done < self._total):
            return
        self._told = (done, failed, held)
        self._quiet = min(self._quiet * 1.5, QUIET_S[1])
        self._next = now + self._quiet
        from qbatch.notation import whole

        parts = [f"{self._name}: {whole(done)}/{whole(self._total)} {self._unit}s"]
        parts += [trouble] if (trouble := format_trouble(failed, held)) else []
        parts += [text] if (text := self._pace.text(done, now)) else []
        self._outlet.write(", ".join(parts))

    def said(self, text: str) -> None:
        self._outlet.write(text)

    def event(self, facts: Mapping[str, Any]) -> None:
        return

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return


class JsonTeller:
    """A JSON object a line, on stdout: for programs."""

    def __init__(self, stream: IO[str]) -> None:
        self._outlet = Outlet(stream)

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        self.event({"event": "started", "name": name, f"{unit}s": total, "done": done})

    def advanced(self, done: int, failed: int, held: int = 0) -> None:
        self.event({"event": "progress", "done": done, "failed": failed, "held": held})

    def said(self, text: str) -> None:
        self.event({"event": "message", "text": click.unstyle(text)})

    def event(self, facts: Mapping[str, Any]) -> None:
        self._outlet.write(json.dumps(facts, ensure_ascii=False))

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return


class BarTeller:
    """A bar with points done, rate and time left."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[number]}"),
            TextColumn("{task.fields[pace]}"),
            TextColumn("[red]{task.fields[failed]}"),
            console=Console(file=stream, force_terminal=True, highlight=False, soft_wrap=True),
            refresh_per_second=8,
        )
        self._task: TaskID | None = None
        self._total, self._unit, self._pace = 0, "", Pace(0, 0.0)

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        with suppress(OSError):
            self._progress.start()
        self._total, self._unit = total, unit
        self._pace = Pace(total, time.monotonic() - ran_s, done, unit)
        self._task = self._progress.add_task(
            name, total=total, completed=done, number=self._number(done), pace="", failed=""
        )

    def advanced(self, done: int, failed: int, held: int = 0) -> None:
        assert self._task is not None
        self._progress.update(
            self._task,
            completed=done,
            number=self._number(done),
            pace=self._pace.text(done, time.monotonic()),
            failed=format_trouble(failed, held),
        )

    def _number(self, done: int) -> str:
        from qbatch.notation import whole

        return f"{whole(done)}/{whole(self._total)} {self._unit}s"

    def said(self, text: str) -> None:
        from rich.text import Text

        with suppress(OSError):
            self._progress.console.print(Text.from_ansi(text))

    def event(self, facts: Mapping[str, Any]) -> None:
        return

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def close(self) -> None:
        with suppress(OSError):  # a terminal that is gone ends no run
            self._progress.stop()
