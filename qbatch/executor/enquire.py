"""Questions to drivers outside a run, from plain code: harmless, all at once, with a time limit.

What goes wrong with one driver is its answer, and keeps no other from answering.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from typing import TypeVar

import trio

from qbatch.errors import Misspoke, ProviderError, Unavailable
from qbatch.executor.retry import Retry
from qbatch.providers import Driver
from qbatch.providers.kit.wire import Wire

T = TypeVar("T")

#: A person is waiting: two tries, and no answer after this long is one, seconds.
ATTEMPTS = 2
LIMIT_S = 60.0
CLOCK_LIMIT_S = 15.0


def enquire(
    drivers: Mapping[str, Driver], question: Callable[[Driver], Awaitable[T]]
) -> dict[str, T | ProviderError]:
    """Ask every driver the same, close them all, and return the answers in the same order."""

    async def ask_all() -> dict[str, T | ProviderError]:
        answers: dict[str, T | ProviderError] = {}

        async def ask(name: str) -> None:
            answers[name] = await _ask(drivers[name], question)

        async with trio.open_nursery() as nursery:
            for name in drivers:
                nursery.start_soon(ask, name)
        return {name: answers[name] for name in drivers}

    return trio.run(ask_all)


async def _ask(driver: Driver, question: Callable[[Driver], Awaitable[T]]) -> T | ProviderError:
    failures, retry, random = 0, Retry(), Random(0)
    try:
        with trio.move_on_after(LIMIT_S):
            while True:
                try:
                    return await question(driver)
                except Unavailable as error:
                    failures += 1
                    if failures >= ATTEMPTS:
                        return error
                    await trio.sleep(retry.pause_s(failures, random, error.retry_after_s))
                except ProviderError as error:
                    return error
        return Unavailable(f"no answer within {LIMIT_S:g} s")
    finally:
        await driver.aclose()


def read_clocks(urls: Iterable[str]) -> dict[str, float | ProviderError]:
    """Ask services for the time: URL -> their clock minus ours, seconds, good to one or so.

    Any answer counts, whatever its status; a service that sends no time is `Misspoke`.
    """

    async def ask_all() -> dict[str, float | ProviderError]:
        found: dict[str, float | ProviderError] = {}

        async def ask(url: str) -> None:
            try:
                found[url] = await _read_clock(url)
            except ProviderError as error:
                found[url] = error

        async with trio.open_nursery() as nursery:
            for url in dict.fromkeys(urls):
                nursery.start_soon(ask, url)
        return found

    return trio.run(ask_all)


async def _read_clock(url: str) -> float:
    async with Wire("clock", deadline_s=CLOCK_LIMIT_S) as wire:
        before = datetime.now(UTC)
        reply = await wire.send("GET", url, is_bare=True)
        after = datetime.now(UTC)
    try:
        theirs = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError) as error:
        raise Misspoke(f"{url}: sends no Date") from error
    ours = before + (after - before) / 2
    return (theirs - ours).total_seconds() + 0.5  # a Date is cut to the second
