"""A world whose time runs faster, for qbatch and for the emulated clouds alike.

What the proof needs is real: real processes, real sockets, real files, real SIGKILL. What it cannot
wait for is time: a minute until a list is believed, half a minute between two looks, Retry-After.
So trio's clock and the calendar run `RATE` times as fast in both processes, from one epoch. No
constant, pause or time-out of qbatch is changed; all of them, and the clouds' queues, delays and
lives of tokens, keep their proportions. Computing and sockets do not get faster with it: measured
by that clock this is a slow machine on a slow network, which makes the test harder, not easier.
"""

from __future__ import annotations

import time
from functools import partial

import trio

#: Seconds of that world in one of ours: a time-out of 30 s is 1.5 s long here.
RATE = 20.0


class FastClock(trio.abc.Clock):
    """Trio's time, faster."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._origin = time.perf_counter()

    def start_clock(self) -> None:
        """Begin; nothing needs to be done."""

    def current_time(self) -> float:
        return (time.perf_counter() - self._origin) * self._rate

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return (deadline - self.current_time()) / self._rate


def hasten(rate: float, epoch: float) -> None:
    """Let time run faster in this process; before anything that keeps `time.time` is imported.

    Args:
        rate: How much.
        epoch: When this world's calendar agreed with the real one; seconds since 1970.
    """
    slow, run = time.time, trio.run

    def fast() -> float:
        return epoch + (slow() - epoch) * rate

    def run_fast(*args: object, **options: object) -> object:
        return run(*args, **{"clock": FastClock(rate), **options})  # type: ignore[arg-type]

    time.time = fast
    trio.run = partial(run_fast)
