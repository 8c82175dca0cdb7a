"""How fast: pauses between polls, submissions per window, composite jobs at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING

import trio

from qbatch.executor.waits import Cause, Waits

if TYPE_CHECKING:
    from qbatch.providers import Rate

#: A pause grows by this factor from poll to poll without news.
GROWTH = 1.5

#: Beyond the longest pause, one may grow to this share of the time without news, and to so many
#: seconds: after an hour in a queue, three minutes more do not matter, but requests do.
SHARE, MOST_S = 0.05, 300.0

#: Most times in a row that a first pause must be long enough before a shorter one is tried.
MOST_TRIED = 16

#: Pauses of a driver whose `poll` waits by itself, after an answer without news.
IDLE_S = (0.002, 0.1)


class FirstPause:
    """The pause after news, as short as jobs that were just sent are known to be over.

    It is halved while most of what is asked about after it is over already, and doubled
    where it is not; each time it takes twice as many such polls until a shorter one is tried.

    Args:
        soonest_s: The shortest that it may be, seconds.
        usual_s: The longest, by which it begins.
    """

    def __init__(self, soonest_s: float, usual_s: float) -> None:
        self._soonest, self._usual = soonest_s, usual_s
        self.pause_s = usual_s
        self._wanted, self._found = 1, 0

    def judge(self, *, was_late: bool) -> None:
        """Learn from a poll after this pause; `was_late`: most of what was asked was over."""
        if was_late:
            self._found += 1
            if self._found >= self._wanted:
                self.pause_s, self._found = max(self.pause_s / 2, self._soonest), 0
        elif self.pause_s < self._usual:
            self.pause_s, self._found = min(2 * self.pause_s, self._usual), 0
            self._wanted = min(2 * self._wanted, MOST_TRIED)


class PollPace:
    """Pauses between polls: from shortest to longest, back to shortest when there is news.

    Args:
        poll_s: Shortest and longest, seconds; (0, 0) when `poll` itself waits for news.
        random: For the jitter of ±10 % that keeps runs from asking in step.
        soonest_s: How short the first pause after news may become where jobs are over as soon;
            None: not shorter than the shortest.
    """

    def __init__(
        self, poll_s: tuple[float, float], random: Random, soonest_s: float | None = None
    ) -> None:
        self.waits_itself = poll_s[1] <= 0
        self._shortest, self._longest = IDLE_S if self.waits_itself else poll_s
        self._random = random
        usual = 0.0 if self.waits_itself else self._shortest
        self._first = FirstPause(usual if soonest_s is None else min(soonest_s, usual), usual)
        self._pause = usual
        self._is_first = True
        self._was_first = False
        self._waited = 0.0

    def next_s(self) -> float:
        """Seconds to wait before the next poll; each call makes the one after longer."""
        pause = self._pause
        self._was_first, self._is_first = self._is_first, False
        self._waited += pause
        longest = self._longest
        if not self.waits_itself:
            longest = max(longest, min(SHARE * self._waited, MOST_S))
        self._pause = min(longest, max(pause * GROWTH, self._shortest))
        return pause * (0.9 + 0.2 * self._random.random())

    def news(self) -> None:
        """Something happened: ask soon again."""
        self._waited = 0.0
        self._pause = self._first.pause_s
        self._is_first = True

    def heard(self, num_over: int, num_told: int) -> None:
        """A poll told of so many jobs, so many of which were over: learn how soon to ask."""
        if self._was_first and num_told:
            self._first.judge(was_late=2 * num_over > num_told)


@dataclass
class Window:
    """Submissions that still count against one rate."""

    rate: Rate
    sent: deque[tuple[float, int]] = field(default_factory=deque)

    def weight(self, jobs: int) -> int:
        return jobs if self.rate.of == "jobs" else 1

    def wait_s(self, jobs: int, now: float) -> float:
        """Seconds until `jobs` more fit; more than fit in any window may go in an empty one."""
        while self.sent and self.sent[0][0] <= now - self.rate.window_s:
            self.sent.popleft()
        excess = sum(weight for _, weight in self.sent) + self.weight(jobs) - self.rate.calls
        for at, weight in self.sent:
            if excess <= 0:
                break
            excess -= weight
            if excess <= 0 or at == self.sent[-1][0]:
                return max(at + self.rate.window_s - now, 1e-3)
        return 0.0


class RateLimit:
    """At most so many submissions in any window, those of earlier runs included.

    Args:
        rates: The target's.
        waits: Notes how long callers waited, and for whose limit.
    """

    def __init__(self, rates: Sequence[Rate], waits: Waits) -> None:
        self._windows = [Window(rate) for rate in rates]
        self._waits = waits
        self._turn = trio.Lock()

    def count_past(self, past: Iterable[tuple[float, int]]) -> None:
        """Count submissions of earlier runs: (seconds ago, jobs), oldest first."""
        for ago_s, jobs in past:
            self._note(jobs, trio.current_time() - ago_s)

    def _note(self, jobs: int, at: float) -> None:
        for window in self._windows:
            window.sent.append((at, window.weight(jobs)))

    async def wait_turn(self, jobs: int) -> None:
        """Wait until a submission of so many jobs is allowed, first come first served; count it."""
        if not self._windows:
            return
        async with self._turn:
            while limit := self._limit(jobs):
                wait_s, rate = limit
                with self._waits.waiting(Cause.RATE, why=f"takes {rate}", for_s=wait_s):
                    await trio.sleep(wait_s)
            self._note(jobs, trio.current_time())

    def _limit(self, jobs: int) -> tuple[float, Rate] | None:
        """Seconds until all rates allow it, and the one that does so last; None: now."""
        now = trio.current_time()
        waits = [(window.wait_s(jobs, now), window.rate) for window in self._windows]
        wait_s, rate = max(waits, key=itemgetter(0))
        return (wait_s, rate) if wait_s else None


class Slots:
    """How many composite jobs may be open; those found open at the start always count.

    A slot that comes free is the first waiter's at once: who asks again and again, as the plan's
    points do, takes none that a calibration or another backend has waited for longer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lot = trio.lowlevel.ParkingLot()
        self.taken = 0

    async def take(self, waits: Waits, cause: Cause) -> None:
        """Wait for a free slot, first come first served; note the wait under `cause`."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.is_full:
            with waits.waiting(cause):
                await self._lot.park()  # `free` counts it
        else:
            self.taken += 1

    @property
    def is_full(self) -> bool:
        """None is free."""
        return self.taken >= self._limit

    def occupy(self) -> None:
        """Count one that is open already, limit or not."""
        self.taken += 1

    def free(self) -> None:
        """Give one back."""
        self.taken -= 1
        if self._lot and not self.is_full:
            self.taken += 1
            self._lot.unpark()
