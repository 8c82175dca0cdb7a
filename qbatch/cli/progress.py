"""How a run tells how far it is: a bar on a terminal, lines without one, JSON lines when asked.

Rules: talk goes to stderr, JSON lines to stdout; a stream that is closed (EPIPE) is not written to
again and never ends the run; a line at most every `QUIET_S` seconds, however many points finish.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any, Protocol

import click

from qbatch.cli.configured import is_plain
from qbatch.cli.tables import wrapped

if TYPE_CHECKING:
    from qbatch.cli.board import Board
    from qbatch.cli.pace import RunPace
    from qbatch.executor import Cause, OpenWait, Progress

#: Seconds between two lines of progress; doubled up to the second figure as the run goes on.
QUIET_S = (1.0, 30.0)

#: A wait for a limit that is known to end sooner is no line. After a line, there is no other of
#: that cause for so long, each time for twice as long, but where the next pause is longer than
#: that and more than twice as long as any before. Seconds.
BRIEF_S, WAIT_QUIET_S = 10.0, 60.0

#: Drawings at a terminal, per second.
REDRAWS = 4

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

    def advanced(self, progress: Progress) -> None:
        """So far the run is, and where that is known, so far is each backend.

        There may be more to run than at the start: calibrations that grow old are bought again.
        """

    def waiting(self, backend: str, waits: tuple[OpenWait, ...]) -> None:
        """A backend waits for these from now on; (): for nothing."""

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
        self._is_plain = is_plain(stream)

    def say(self, text: str) -> None:
        """Write what a person reads, folded where there is no room."""
        self.write(wrapped(text, stream=self._stream))

    def write(self, line: str) -> None:
        """Write a line, or nothing once nobody reads any more."""
        if not self._is_open:
            return
        try:
            self._stream.write((click.unstyle(line) if self._is_plain else line) + "\n")
            self._stream.flush()
        except OSError:  # a reader or a terminal that is gone, or a disk that is full, ends no run
            self._is_open = False


def format_trouble(failed: int, cancelled: int, held: int) -> str:
    """What is not as it should be, or "".

    >>> format_trouble(2, 0, 1)
    '2 failed, 1 held'
    """
    from qbatch.notation import whole

    numbers = {"failed": failed, "cancelled": cancelled, "held": held}
    return ", ".join(f"{whole(number)} {word}" for word, number in numbers.items() if number)


class _ToldWait:
    """What was told of one backend's waits for one cause."""

    def __init__(self) -> None:
        self._until, self._quiet_s, self._longest_s = -math.inf, WAIT_QUIET_S, 0.0
        self._reasons: set[str] = set()

    def is_news(self, wait: OpenWait) -> bool:
        """Whether to tell it; it is taken as told then."""
        from qbatch.cli.waiting import ASKED_AGAIN
        from qbatch.executor import Cause

        now, pause_s = time.monotonic(), 0.0
        if wait.until is not None:
            if wait.cause not in ASKED_AGAIN and wait.until - wait.since < BRIEF_S:
                return False
            pause_s = wait.until - time.time()
        is_explained = wait.cause is Cause.QUEUE and wait.why not in {"", *self._reasons}
        is_brief = pause_s <= max(2 * self._longest_s, WAIT_QUIET_S)
        if now < self._until and is_brief and not is_explained:
            return False
        self._reasons.add(wait.why)
        self._until, self._quiet_s = now + self._quiet_s, 2 * self._quiet_s
        self._longest_s = max(pause_s, self._longest_s)
        return True


class LineTeller:
    """One line per change, at most every few seconds: for logs and pipes."""

    def __init__(self, stream: IO[str]) -> None:
        self._outlet = Outlet(stream)
        self._pace: RunPace | None = None
        self._next = 0.0
        self._quiet = QUIET_S[0]
        self._name, self._unit = "", ""
        self._told = (0, "")
        self._waits: dict[str, tuple[OpenWait, ...]] = {}
        self._told_waits: dict[tuple[str, Cause], _ToldWait] = {}

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        from qbatch.cli.pace import RunPace

        now = time.monotonic()
        self._name, self._unit = name, unit
        self._pace = RunPace(now - ran_s, done, unit)
        self._next = now + self._quiet

    def advanced(self, progress: Progress) -> None:
        from qbatch.cli.waiting import is_held_up

        assert self._pace is not None
        now = time.monotonic()
        done, total, backends = progress.done, progress.total, progress.backends
        pace = self._pace.text(done, total, now, backends, is_held_up=is_held_up(self._waits))
        trouble = format_trouble(progress.failed, progress.cancelled, progress.held)
        if (done, trouble) == self._told or (now < self._next and done < total):
            return
        self._told = (done, trouble)
        self._quiet = min(self._quiet * 1.5, QUIET_S[1])
        self._next = now + self._quiet
        from qbatch.notation import whole

        parts = [f"{self._name}: {whole(done)}/{whole(total)} {self._unit}s"]
        parts += [trouble] if trouble else []
        parts += [pace] if pace else []
        self._outlet.say(", ".join(parts))

    def waiting(self, backend: str, waits: tuple[OpenWait, ...]) -> None:
        from qbatch.cli.waiting import format_wait

        self._waits[backend] = waits
        now = time.time()
        for wait in waits:
            told = self._told_waits.setdefault((backend, wait.cause), _ToldWait())
            if told.is_news(wait):
                self._outlet.say(f"{backend}: {format_wait(wait, now)}")

    def said(self, text: str) -> None:
        self._outlet.say(text)

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

    def advanced(self, progress: Progress) -> None:
        names = ("total", "done", "failed", "cancelled", "held")
        facts = {name: getattr(progress, name) for name in names}
        told = {name: asdict(one) for name, one in progress.backends.items()}
        self.event({"event": "progress", **facts, **({"backends": told} if told else {})})

    def waiting(self, backend: str, waits: tuple[OpenWait, ...]) -> None:
        from qbatch.cli.waiting import facts_of

        self.event({"event": "waiting", "backend": backend, "waits": facts_of(waits)})

    def said(self, text: str) -> None:
        self.event({"event": "message", "text": click.unstyle(text)})

    def event(self, facts: Mapping[str, Any]) -> None:
        self._outlet.write(json.dumps(facts, ensure_ascii=False))

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return


class BarTeller:
    """A bar with points done, rate and time left, and a line or two for each backend."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._stream = stream
        self._console = Console(
            file=stream,
            force_terminal=True,
            no_color=is_plain(stream),
            highlight=False,
            soft_wrap=True,
        )
        self._live = Live(
            console=self._console, refresh_per_second=REDRAWS, vertical_overflow="crop"
        )
        self._board: Board | None = None
        self._waits: dict[str, tuple[OpenWait, ...]] = {}

    def started(
        self, name: str, total: int, done: int = 0, ran_s: float = 0.0, unit: str = "point"
    ) -> None:
        from qbatch.cli.board import Board

        self._board = Board(name, total, done, time.monotonic() - ran_s, unit)
        self._board.waits = self._waits
        self._live.update(self._board)
        with suppress(OSError):
            self._live.start()

    def advanced(self, progress: Progress) -> None:
        assert self._board is not None
        self._board.advance(progress.done, progress.total)
        self._board.trouble = format_trouble(progress.failed, progress.cancelled, progress.held)
        self._board.backends = progress.backends

    def waiting(self, backend: str, waits: tuple[OpenWait, ...]) -> None:
        self._waits[backend] = waits

    def said(self, text: str) -> None:
        from rich.text import Text

        with suppress(OSError):
            self._console.print(Text.from_ansi(wrapped(text, stream=self._stream)))

    def event(self, facts: Mapping[str, Any]) -> None:
        return

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def close(self) -> None:
        if self._board is not None:
            self._board.is_over = True
        with suppress(OSError):  # a terminal that is gone ends no run
            self._live.stop()
