"""When a call is made again: attempts, pauses, and the back-off shared by calls to a provider.

Rules: reads are repeated freely, within patience; what spends is repeated only when the executor
knows that nothing was bought. A provider in trouble is asked by one call at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import trio

from qbatch.executor.waits import Cause, Waits
from qbatch.frozen import dataclass

#: A provider cannot ask for more; a clock set wrong by a day must not stop a run for a year.
MAX_RETRY_AFTER_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when.

    Attributes:
        attempts: Calls in all, for what spends and for a provider that never answered yet.
        first_s: Pause after the first failure, seconds, before jitter.
        longest_s: No pause grows beyond it, seconds, but where the provider asks for more.
        patience_s: How long reads of a provider that did answer before are repeated, seconds.
    """

    attempts: int = 4
    first_s: float = 1.0
    longest_s: float = 60.0
    patience_s: float = 7200.0

    def pause_s(self, failures: int, random: Random, retry_after_s: float | None = None) -> float:
        """Pause after so many failures in a row (1 or more): doubling, half of it jitter.

        Args:
            failures: In a row.
            random: Seeded: a run is repeatable on a virtual clock.
            retry_after_s: What the provider asked for; never undercut.
        """
        grown = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 30))
        pause = grown * (0.5 + random.random() / 2)
        if retry_after_s is None:
            return pause
        return max(0.0, min(retry_after_s, MAX_RETRY_AFTER_S)) + pause * 0.1


class Backoff:
    """A pause while a provider is in trouble; then one call at a time tries it, until one succeeds.

    Args:
        waits: Notes for how long callers waited for it.
        cause: What this is called there.
    """

    def __init__(self, waits: Waits, cause: Cause) -> None:
        self._waits = waits
        self._cause = cause
        self._ends_at = 0.0
        self._is_troubled = False
        self._probe = trio.Lock()

    def pause(self, for_s: float, why: str) -> None:
        """No call is made for so many seconds from now, for this reason."""
        self._is_troubled = True
        self._ends_at = max(self._ends_at, trio.current_time() + for_s)
        self._waits.trouble(self._cause, why, self._ends_at - trio.current_time())

    def forget(self) -> None:
        """It is over, or nobody is left to try it."""
        self._waits.trouble_ends(self._cause)

    async def wait(self) -> None:
        """Wait while it lasts; it may begin again later."""
        if self._is_troubled:
            with self._waits.waiting(self._cause):
                await trio.sleep_until(self._ends_at)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for its end, make the call inside.

        Without an exception all calls are made again afterwards, unless it was prolonged meanwhile.
        """
        if not self._is_troubled:
            yield
            return
        with self._waits.waiting(self._cause):
            await self._probe.acquire()
            try:
                while (wait_s := self._ends_at - trio.current_time()) > 0:
                    await trio.sleep(wait_s)
            except BaseException:
                self._probe.release()
                raise
        try:
            yield
            self._is_troubled = trio.current_time() < self._ends_at
            if not self._is_troubled:
                self._waits.trouble_ends(self._cause)
        finally:
            self._probe.release()
