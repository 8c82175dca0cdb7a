"""A run at a terminal, redrawn in place: a bar, and below it a line or two for each backend.

Rules: a line is never longer than the terminal is wide, and says first what may not be cut off;
it is made anew at each drawing, so that the time waited goes on while nothing happens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from qbatch.cli.pace import RunPace
from qbatch.cli.waiting import Waits, format_wait, is_held_up
from qbatch.executor import BackendProgress
from qbatch.notation import amount, duration, whole

#: Characters of the bar, and of a run's or a backend's name, at most.
BAR, NAME = 30, 24

#: Backends shown; more are counted.
MOST_BACKENDS = 8


class Board:
    """What is shown of a run, to be set by its teller.

    Attributes:
        trouble: What is not as it should be; "" where all is.
        backends: Backend -> how far it is.
        waits: Backend -> what it waits for.
        is_over: Nothing is waited for any more.
    """

    def __init__(self, name: str, total: int, done: int, began: float, unit: str = "point") -> None:
        self._name, self._total, self._done, self._began = name, total, done, began
        self._unit = unit
        self._pace = RunPace(began, done, unit)
        self._ended: dict[str, float] = {}
        self.trouble = ""
        self.backends: Mapping[str, BackendProgress] = {}
        self.waits: Waits = {}
        self.is_over = False

    def advance(self, done: int, total: int) -> None:
        """So many points are done, of so many that are known by now to be run."""
        self._done, self._total = done, total

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(options.max_width):
            line.truncate(options.max_width, overflow="ellipsis")
            line.no_wrap, line.end = True, "\n"
            yield line

    def lines(self, width: int) -> Iterator[Text]:
        """Yield its lines; the bar is as long as there is room for."""
        now = time.monotonic()
        is_held = is_held_up(self.waits)
        pace = self._pace.text(self._done, self._total, now, self.backends, is_held_up=is_held)
        parts = [f"{whole(self._done)}/{whole(self._total)} {self._unit}s", pace]
        text = Text.assemble(*(f" {part}" for part in parts if part))
        if self.trouble:
            text.append(f" {self.trouble}", "red")
        name = _short(self._name)
        yield Text.assemble(name, self._bar(width - len(name) - 1 - len(text)), text)
        shown = {name: one for name, one in self.backends.items() if one.total or one.in_flight}
        if len(shown) < 2 and all(one.is_local for one in shown.values()):
            return
        for name, one in list(shown.items())[:MOST_BACKENDS]:
            yield Text(f"  {_short(name)}: {_standing(one)}, {self._elapsed(name, one, now)}")
            if not self.is_over:
                yield from self._waiting(name)
        if len(shown) > MOST_BACKENDS:
            yield Text(f"  and {len(shown) - MOST_BACKENDS} more backends")

    def _elapsed(self, name: str, one: BackendProgress, now: float) -> str:
        """How long a backend is at work, or was until its last point."""
        is_over = one.completed + one.failed + one.cancelled >= one.total and not one.in_flight
        end = self._ended.setdefault(name, now) if is_over else now
        return duration(end - self._began)

    def _bar(self, room: int) -> Text:
        length = min(BAR, room)
        if length < 5:
            return Text("")
        full = min(length * self._done // max(self._total, 1), length)
        return Text.assemble(" ", ("━" * full, "green"), ("━" * (length - full), "bright_black"))

    def _waiting(self, name: str) -> Iterator[Text]:
        waits = self.waits.get(name, ())
        for wait in waits[:1]:
            yield Text(f"    {format_wait(wait, time.time())}", "yellow")


def _short(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _standing(one: BackendProgress) -> str:
    running = one.in_flight - one.queued
    numbers = {
        "running": running,
        "queued": one.queued,
        "failed": one.failed,
        "cancelled": one.cancelled,
        "held": one.held,
    }
    parts = [f"{whole(one.completed)}/{whole(one.total)} done"]
    parts += [f"{whole(number)} {word}" for word, number in numbers.items() if number]
    mark = " (emulated)" if one.is_emulated else ""
    parts += [f"{amount(one.spent, one.unit)}{mark} spent"] if one.unit else []
    return ", ".join(parts)
