"""The notices of one call: when they are given, each once, and what could not be told."""

from __future__ import annotations

import atexit
import math
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from qbatch.executor.budget import Excess
from qbatch.executor.events import Event, JobMoved, Observer, Summary
from qbatch.executor.notices.delivery import MOST_S, Running, Undelivered, deliveries, end_all
from qbatch.executor.notices.hooks import Hooks
from qbatch.executor.notices.notice import Notice, outcome_of
from qbatch.job import JobState
from qbatch.snapshot import Snapshot

Ask = Callable[[Excess], float | None]

#: After a notice of held jobs, those held since wait for so long, or for the run's end, seconds.
QUIET_S = 600.0

#: In the facts of a run: the end that was told last.
TOLD = "notified"


@dataclass
class Notices:
    """Tells those who are told, each in a thread beside the run.

    Attributes:
        hooks: Who is told.
        name: The manifest's.
        observer: Told of every event, before this looks at it.
    """

    hooks: Hooks
    name: str
    observer: Observer
    _threads: list[threading.Thread] = field(default_factory=list)
    _failures: list[str] = field(default_factory=list)
    _running: Running = field(default_factory=set)
    _held: int = 0
    _quiet_until: float = -math.inf
    _latest: float = 0.0

    def observe(self, event: Event) -> None:
        """Pass an event on, and tell of jobs that are held."""
        self.observer(event)
        if isinstance(event, JobMoved) and event.state is JobState.HELD:
            self._held += 1
            if (now := trio.current_time()) >= self._quiet_until:
                self._quiet_until = now + QUIET_S
                self._give(Notice("held", self.name, points={JobState.HELD: self._held}))

    def asking(self, ask: Ask | None) -> Ask | None:
        """Return a question that those are told of who may have to answer it."""
        if ask is None:
            return None

        def told(excess: Excess) -> float | None:
            self._give(Notice("asks", self.name))
            return ask(excess)

        return told

    @contextmanager
    def of_a_break(self) -> Iterator[None]:
        """Tell of an error that ends the run inside."""
        try:
            yield
        except Exception:
            self._give(Notice("ended", self.name, "error"))
            raise

    def end(self, snapshot: Snapshot, summary: Summary) -> None:
        """Tell that the run ended, once that is noted; an end that was told before is not again.

        A person who pressed Ctrl-C knows.

        Args:
            snapshot: The run folder, held.
            summary: Of this call.
        """
        if summary.signal == signal.SIGINT or self.hooks == Hooks():
            return
        outcome = outcome_of(summary.states)
        end = f"{snapshot.latest_move()} {outcome}"
        if snapshot.meta().get(TOLD) != end:
            snapshot.set_meta(**{TOLD: end})
            self._give(Notice("ended", self.name, outcome, summary.states))

    def failures(self) -> list[str]:
        """Wait until all were told, for bounded time, and return what could not be; each once.

        Ctrl-C ends the commands that are waited for, and no other run's.
        """
        try:
            for thread in self._threads:
                thread.join(max(0.0, self._latest - time.monotonic()))
        except BaseException:
            self._threads.clear()
            end_all(self._running)
            raise
        told, self._failures = self._failures, []
        return told

    def _give(self, notice: Notice) -> None:
        for deliver in deliveries(self.hooks, notice, self._running):
            if not self._threads:
                atexit.register(self._leave)
            self._latest = time.monotonic() + MOST_S + 1
            thread = threading.Thread(target=self._try, args=(deliver,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _try(self, deliver: Callable[[], None]) -> None:
        try:
            deliver()
        except Undelivered as error:
            self._failures.append(str(error))
        except Exception as error:  # told by its kind alone: its text may hold an address
            self._failures.append(f"run.notify: {type(error).__name__}; nobody was told by it")

    def _leave(self) -> None:
        """What nobody asked about by the end of the process is told then."""
        if self._threads:
            warn_of(self.failures)


def warn_of(failures: Callable[[], list[str]]) -> None:
    """Warn of what could not be told, once that is known."""
    for text in failures():
        warnings.warn(text, stacklevel=2)
