"""Asking a provider what its target takes, before anything is sent there."""

from __future__ import annotations

from random import Random

import trio

from qbatch.errors import Unavailable
from qbatch.executor.retry import Retry
from qbatch.executor.waits import Cause, Waits
from qbatch.providers import Driver, Target


async def describe(driver: Driver, retry: Retry, random: Random, waits: Waits) -> Target:
    """Ask, and ask again as often as for anything else; each pause is told.

    Raises:
        ProviderError: It cannot be reached, or refuses.
    """
    failures = 0
    while True:
        try:
            target = await driver.describe()
        except Unavailable as error:
            failures += 1
            if failures >= retry.attempts:
                raise
            pause_s = retry.pause_s(failures, random, error.retry_after_s)
            waits.trouble(Cause.BACK_OFF, str(error), pause_s)
            await trio.sleep(pause_s)
        else:
            waits.trouble_ends(Cause.BACK_OFF)
            return target
