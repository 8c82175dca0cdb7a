"""Asking a run to end: once, it finishes its books; twice, it leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import trio


def signals() -> list[signal.Signals]:
    """Those that ask a run to end; not SIGHUP where it is ignored, as under ``nohup``."""
    names = ["SIGINT", "SIGTERM"]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        names.append("SIGHUP")
    return [signal.Signals[name] for name in names]


class Stop:
    """A request to stop, made from any thread or signal handler.

    Attributes:
        level: 0 nobody asked; 1 submit no more, finish what is being written down; 2 leave now.
        reason: The first one's.
        signal: The signal that asked first, or None.
    """

    def __init__(self) -> None:
        self.level = 0
        self.reason = ""
        self.signal: int | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._once: trio.Event | None = None
        self._twice: trio.Event | None = None

    def request(self, reason: str = "asked to stop", *, signal_number: int | None = None) -> None:
        """Ask; the second time it is urgent."""
        if self.level == 0:
            self.reason, self.signal = reason, signal_number
        self.level += 1
        if self._token is not None:
            self._token.run_sync_soon(self._ring)

    def attach(self) -> None:
        """Begin to listen, in the trio thread of the run."""
        self._token = trio.lowlevel.current_trio_token()
        self._once, self._twice = trio.Event(), trio.Event()
        self._ring()

    def _ring(self) -> None:
        for level, event in ((1, self._once), (2, self._twice)):
            if event is not None and self.level >= level:
                event.set()

    async def wait_once(self) -> None:
        """Wait until somebody asks."""
        assert self._once is not None
        await self._once.wait()

    async def wait_twice(self) -> None:
        """Wait until somebody asks for the second time."""
        assert self._twice is not None
        await self._twice.wait()


@asynccontextmanager
async def signals_to(stop: Stop) -> AsyncIterator[None]:
    """While inside, SIGINT, SIGTERM and SIGHUP ask `stop`; main thread only."""

    async def listen() -> None:
        with trio.open_signal_receiver(*signals()) as received:
            async for number in received:
                stop.request(signal.Signals(number).name, signal_number=number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        yield
        nursery.cancel_scope.cancel()


@contextmanager
def signals_raise() -> Iterator[None]:
    """While inside, a signal ends what the main thread does, as it ends any other program.

    For questions to a person: while they wait, no task runs that could hear of a `Stop`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _end) for number in signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: object) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
