"""When a call is made again: attempts, pauses, and the gate that all calls to one provider pass.

Rules: reads are repeated freely, within patience; what spends is repeated only when the executor
knows that nothing was bought. A provider in trouble is asked by one call at a time: the gate.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import trio

from qbatch.executor.waits import Cause, Waits

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


class Gate:
    """Shut while a provider is in trouble; then one call at a time tries it, until one succeeds.

    Args:
        waits: Notes for how long callers stood before it.
        cause: What this is called there.
    """

    def __init__(self, waits: Waits, cause: Cause) -> None:
        self._waits = waits
        self._cause = cause
        self._opens_at = 0.0
        self._is_troubled = False
        self._probe = trio.Lock()

    def shut(self, for_s: float) -> None:
        """Let nothing pass for so many seconds from now."""
        self._is_troubled = True
        self._opens_at = max(self._opens_at, trio.current_time() + for_s)

    async def wait_open(self) -> None:
        """Wait while it is shut; who passes later may find it shut again."""
        if self._is_troubled:
            with self._waits.waiting(self._cause):
                await trio.sleep_until(self._opens_at)

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Wait for the gate, make the call inside.

        Without an exception the gate is open afterwards, unless it was shut meanwhile.
        """
        if not self._is_troubled:
            yield
            return
        with self._waits.waiting(self._cause):
            await self._probe.acquire()
            try:
                while (wait_s := self._opens_at - trio.current_time()) > 0:
                    await trio.sleep(wait_s)
            except BaseException:
                self._probe.release()
                raise
        try:
            yield
            self._is_troubled = trio.current_time() < self._opens_at
        finally:
            self._probe.release()
