"""P20: quotes are asked for before anybody agrees to a price; nothing is bought by that."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from fake_drivers import FakeCloud, plan_of
from trio.testing import MockClock

from qbatch.errors import Misspoke, Refused, Unavailable
from qbatch.executor.quoting import ask_quotes
from qbatch.plan import Plan
from qbatch.providers import Batch, Prepared, Price, Quote


class Auction(FakeCloud):
    """Quotes two credits for a shot, or three at once; needs two looks, as real ones do."""

    def __init__(self) -> None:
        super().__init__(price=Price("credits", quoted=True))

    async def prepare(self, batch: Batch) -> Prepared:
        (order,) = batch.orders
        if not batch.composite.memo:
            return Prepared({"preparation": "p"}, ready=False, again_s=2.0)
        offers = [["slow", 2.0 * order.shots, True], ["fast", 3.0 * order.shots, False]]
        return await self._call("prepare", lambda: Prepared({"offers": offers}))  # type: ignore[no-any-return]

    def quotes(self, batch: Batch) -> Sequence[Quote]:
        return [Quote(*each) for each in batch.composite.memo["offers"]]


def asked(plan: Plan, cloud: FakeCloud) -> list[str]:
    async def main() -> list[str]:
        return [*map(str, await ask_quotes(plan, {"cloud": cloud}, {"cloud": cloud.target}))]

    return trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_plan_knows_its_quotes_and_nothing_was_bought() -> None:
    cloud, plan = Auction(), plan_of(5, "cloud")
    assert asked(plan, cloud) == []
    ((_, shots),) = plan.quotes
    assert plan.quotes[next(iter(plan.quotes))][0] == Quote("slow", 2.0 * shots, is_chosen=True)
    assert plan.summary({"cloud": cloud.target}).prices == {"credits": 5 * 2.0 * shots}
    assert cloud.ledger.calls == {"prepare": 1}


def test_a_cloud_that_quotes_in_one_way_is_not_asked_for_others() -> None:
    cloud, plan = FakeCloud(price=Price("credits", quoted=True)), plan_of(5, "cloud")
    assert asked(plan, cloud) == []
    assert (plan.quotes, cloud.ledger.calls["prepare"]) == ({}, 0)


def test_what_cannot_be_quoted_is_told_and_stops_nothing() -> None:
    for error in (
        Refused("cloud: preparation failed: too deep"),
        Misspoke("cloud: a quote without a price"),
        Unavailable("cloud: fake is Offline", is_full=True, retry_after_s=60.0),
    ):
        cloud, plan = Auction(), plan_of(2, "cloud")

        def fail(_: object, error: Exception = error) -> None:
            raise error

        cloud.script["prepare"] = [fail]
        (told,) = asked(plan, cloud)
        assert told.startswith("backend 'cloud': no quote for circuit ")
        assert str(error) in told
        assert plan.quotes == {}


def test_an_answer_that_is_lost_is_asked_for_once_more() -> None:
    cloud, plan = Auction(), plan_of(2, "cloud")

    def lose(_: object) -> None:
        raise Unavailable("cloud: no answer")

    cloud.script["prepare"] = [lose]
    assert asked(plan, cloud) == []
    assert len(plan.quotes) == 1
    cloud.script["prepare"] = [lose] * 9
    (told,) = asked(plan_of(2, "cloud"), cloud)
    assert "no answer" in told


def test_a_preparation_that_never_ends_is_left_in_time() -> None:
    class Lazy(Auction):
        async def prepare(self, batch: Batch) -> Prepared:
            return Prepared({"preparation": "p"}, ready=False, again_s=2.0)

    (told,) = asked(plan_of(2, "cloud"), Lazy())
    assert told.endswith("no answer within 60 s")
