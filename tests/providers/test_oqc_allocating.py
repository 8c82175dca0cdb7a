"""OQC's task ids: one request for all that want some, and nobody's loss when one is left."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Refused, Unavailable
from qbatch.providers.kit.wire import Reply
from qbatch.providers.oqc.allocating import MOST_IDS, Allocation


class Desk:
    """Where ids are asked for: takes a second for each request, and notes how many were wanted.

    Args:
        most: More at once are refused.
        failures: Raised by the first requests instead.
        short: Ids that every answer lacks.
        gives: So many at most, though more are asked for.
        bears: More at once break it.
    """

    def __init__(
        self,
        *,
        most: int = 10_000,
        failures: tuple[ProviderError, ...] = (),
        short: int = 0,
        gives: int = 10_000,
        bears: int = 10_000,
    ) -> None:
        self.asked: list[int] = []
        self._most = most
        self._failures = list(failures)
        self._short = short
        self._gives = gives
        self._bears = bears
        self._numbers = itertools.count()

    async def known(self) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {"id": "qpu:uk:2:desk"}

    async def ask(self, method: str, path: str, *, json: dict[str, Any]) -> Reply:
        count = json["task_count"]
        self.asked.append(count)
        await trio.sleep(1)
        if self._failures:
            raise self._failures.pop(0)
        if count > self._most:
            raise Refused(f"at most {self._most}")
        if count > self._bears:
            raise Unavailable("500 Internal Server Error")
        given = min(count - self._short, self._gives)
        return reply([f"id-{next(self._numbers)}" for _ in range(given)])


def reply(ids: list[str]) -> Reply:
    return Reply("oqc", "POST /tasks", 200, {}, json.dumps(ids).encode())


async def take(desk: Desk, *counts: int) -> list[list[str] | ProviderError]:
    """Let as many composite jobs want ids at the same time; what each got."""
    allocation: Any = Allocation(desk, "qbatch/run1")  # type: ignore[arg-type]
    got: dict[int, list[str] | ProviderError] = {}

    async def want(number: int, count: int) -> None:
        try:
            got[number] = list(await allocation.take(count))
        except ProviderError as error:
            got[number] = error

    async with trio.open_nursery() as nursery:
        for number, count in enumerate(counts):
            nursery.start_soon(want, number, count)
    return [got[number] for number in range(len(counts))]


async def test_those_that_come_together_ask_once_and_share_no_id() -> None:
    desk = Desk()
    got: list[Any] = await take(desk, *range(1, 17))
    assert desk.asked == [sum(range(1, 17))]
    assert [len(ids) for ids in got] == [*range(1, 17)]
    assert len({one for ids in got for one in ids}) == sum(range(1, 17))


async def test_who_comes_while_others_ask_goes_with_the_next_request() -> None:
    desk = Desk()
    allocation = Allocation(desk, "qbatch/run1")  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        for late_s in (0.0, 0.3, 0.6, 0.9):
            nursery.start_soon(take_late, allocation, late_s)
    assert desk.asked == [1, 3]


async def take_late(allocation: Allocation, late_s: float) -> None:
    await trio.sleep(late_s)
    assert len(await allocation.take(1)) == 1


async def test_a_request_is_for_no_more_ids_than_it_may() -> None:
    desk = Desk()
    await take(desk, *[MOST_IDS // 3] * 4, 2 * MOST_IDS)
    assert sorted(desk.asked) == [MOST_IDS // 3, 3 * (MOST_IDS // 3), 2 * MOST_IDS]


@pytest.mark.parametrize("failure", [Unavailable("busy", retry_after_s=60), CredentialsError("?")])
async def test_a_failure_is_told_to_all_that_asked_and_nobody_asks_on(
    failure: ProviderError,
) -> None:
    desk = Desk(failures=(failure,))
    assert await take(desk, 1, 1, 1) == [failure] * 3
    assert desk.asked == [3]


async def test_where_several_at_once_are_refused_each_asks_by_itself() -> None:
    desk = Desk(most=2)
    got: list[Any] = await take(desk, 1, 2, 3)
    assert [len(ids) for ids in got[:2]] == [1, 2]
    assert isinstance(got[2], Refused)
    assert desk.asked[0] == 6
    assert sorted(desk.asked[1:]) == [1, 2, 3]


async def test_a_service_that_gives_fewer_than_asked_for_costs_nobody_its_ids() -> None:
    desk = Desk(gives=50)
    got: list[Any] = await take(desk, *[40] * 8, 51)
    assert [len(ids) for ids in got[:8]] == [40] * 8
    assert len({one for ids in got[:8] for one in ids}) == 8 * 40
    assert isinstance(got[8], Misspoke)
    assert sorted(desk.asked) == [*[40] * 8, 51, 371]


async def test_a_service_that_breaks_at_large_numbers_is_asked_for_fewer_next_time() -> None:
    desk = Desk(bears=50)
    allocation: Any = Allocation(desk, "qbatch/run1")  # type: ignore[arg-type]
    failures: list[int] = []

    async def want() -> None:
        for attempt in itertools.count():
            try:
                assert len(await allocation.take(20)) == 20
                break
            except Unavailable:
                failures.append(attempt)
                await trio.sleep(10)  # all ask again at the same time

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(want)
    assert max(failures) == 1
    assert desk.asked[:2] == [800, 100]
    assert {*desk.asked[2:]} <= {100, 20}
    assert desk.asked.count(20) == 40


async def test_a_limit_of_requests_makes_them_no_smaller() -> None:
    desk = Desk(failures=(Unavailable("429", is_full=True, retry_after_s=60),))
    allocation: Any = Allocation(desk, "qbatch/run1")  # type: ignore[arg-type]
    outcomes: list[str] = []

    async def want() -> None:
        for _ in range(2):
            try:
                await allocation.take(1)
                outcomes.append("ids")
            except Unavailable:
                outcomes.append("wait")

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(want)
    assert outcomes == ["wait"] * 5 + ["ids"] * 5
    assert desk.asked == [5, 5]


async def test_too_few_ids_are_given_to_nobody() -> None:
    got = await take(Desk(short=1), 2, 2)
    assert [type(one) for one in got] == [Misspoke, Misspoke]


async def test_who_goes_away_while_it_asks_for_all_leaves_them_to_ask_again() -> None:
    desk = Desk()
    allocation = Allocation(desk, "qbatch/run1")  # type: ignore[arg-type]
    got: list[str] = []

    async def stay() -> None:
        got.extend(await allocation.take(2))

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(0.5):
            nursery.start_soon(stay)
            await allocation.take(1)
    assert len(got) == 2
    assert desk.asked == [3, 2]
