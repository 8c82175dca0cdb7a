"""Rounds at a cloud that writes down what it sold: consent, budgets, stops, and no shot twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from selling import CLOUD, Shop, check_book, plan_of

from qbatch.accuracy.deciding import REACHED
from qbatch.accuracy.kept import read_rounds
from qbatch.accuracy.standing import decided_in
from qbatch.executor import Stop, Summary, execute
from qbatch.executor.agreed import Agreed
from qbatch.executor.consent import offer_of
from qbatch.executor.engine import Settings
from qbatch.executor.rounds import Rounds
from qbatch.plan.pricing.limits import Limit
from qbatch.plan.pricing.offer import Offer
from qbatch.providers import Price
from qbatch.snapshot import Run
from qbatch.snapshot.borrowing import Borrower
from tests.daily import mostly_slow

THETAS = [0.5, 1.0, 1.5]
WISH = "{target_se: 0.03, of: z, min: 100, max: 1500}"


def play_rounds(
    folder: Path,
    shop: Shop,
    *,
    stop_s: float | None = None,
    limits: tuple[Limit, ...] = (),
    thetas: Sequence[float] = THETAS,
    aim: str = "worst",
) -> tuple[Summary, Offer]:
    """A call of `run`, from the offer on, on a virtual clock."""
    plan = plan_of(thetas, f"{WISH}\nbudget: {{aim: {aim}}}", CLOUD)
    plan.wanted = decided_in(folder, plan)
    settings = replace(Settings.of(plan.manifest), is_inline=True, limits=limits)

    async def main() -> tuple[Summary, Offer]:
        stop, targets, drivers = Stop(), {"at": await shop.describe()}, {"at": shop}
        offer = offer_of(folder, plan, targets, drivers, None, settings)
        agreed = Agreed.to(offer)
        assert offer.left.jobs <= offer.most.jobs  # both are told before anything is bought

        async def work(how: Settings) -> Summary:
            return await execute(
                plan, snapshot, drivers, targets, settings=how, stop=stop, agreed=agreed
            )

        async def end() -> None:
            await trio.sleep(stop_s or 1e9)
            stop.request("enough")

        with Borrower(folder, now=lambda: 1.8e9 + trio.current_time()) as snapshot:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end)
                told = Rounds(plan, snapshot, settings, lambda event: None, None, targets)
                summary = await told.run(work)
                nursery.cancel_scope.cancel()
        return summary, offer

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def decisions_in(folder: Path) -> list[object]:
    with Run(folder) as found:
        return [(each.round, each.point, each.decision) for each in read_rounds(found.meta)]


def test_what_was_offered_covers_all_rounds_and_no_more_is_bought(tmp_path: Path) -> None:
    shop = Shop()
    summary, offer = play_rounds(tmp_path, shop)
    assert not summary.not_agreed
    check_book(tmp_path, shop, THETAS)
    bought = sum(len(runs) for runs in shop.accepted.values())
    sold = sum(n for runs in shop.accepted.values() for _, n in runs)
    assert sold <= offer.most.shots == 3 * 1500
    assert 3 < bought <= offer.most.jobs
    assert offer.left.shots == 300
    with Run(tmp_path) as found:
        assert found.spent()["credits"] <= offer.prices["credits"]
        assert all(point.estimates["z"].se <= 0.03 for point in found)


@pytest.mark.parametrize("every_s", mostly_slow([7.0, 1.0, 40.0]))
def test_cut_off_again_and_again_it_decides_and_buys_the_same(
    every_s: float, tmp_path: Path
) -> None:
    whole, cut = Shop(), Shop()
    play_rounds(tmp_path / "whole", whole)
    for _ in range(20):
        play_rounds(tmp_path / "cut", cut, stop_s=every_s)
        cut.works_s = 0.0  # what was sent is done by the next call
    play_rounds(tmp_path / "cut", cut)
    assert cut.sold == whole.sold
    assert decisions_in(tmp_path / "cut") == decisions_in(tmp_path / "whole")
    last = decisions_in(tmp_path / "cut")[-1]
    assert last[2].why == REACHED  # type: ignore[index]


@pytest.mark.parametrize("credits", [3.0, 4.0, 5.0])
def test_a_budget_is_never_passed(credits: float, tmp_path: Path) -> None:
    shop = Shop()
    for _ in range(2):
        play_rounds(tmp_path, shop, limits=(Limit("budget", "credits", credits),))
        assert len(shop.ledger.jobs) <= credits
    check_book(tmp_path, shop, THETAS)


def test_a_failed_job_is_bought_again_by_the_next_call_alone(tmp_path: Path) -> None:
    shop = Shop()
    shop.failing = {(1.0, 0)}
    play_rounds(tmp_path, shop)
    assert 1.0 not in shop.sold
    assert sum(shop.ledger.times_bought.values()) == len(shop.ledger.times_bought)
    shop.failing.clear()
    play_rounds(tmp_path, shop)
    check_book(tmp_path, shop, THETAS)
    with Run(tmp_path) as found:
        assert all(point.estimates["z"].se <= 0.03 for point in found)


MIXED = [math.pi / 2, math.asin(0.5), math.asin(0.25)]


def shots_sold(folder: Path, aim: str, credits: float) -> list[int]:
    """Shots of each state where so much money does not reach, bought by the hundred."""
    shop = Shop(price=Price("credits", per_shot=0.01))
    shop.bill = None
    limits = (Limit("ample", "credits", 1000), Limit("budget", "credits", credits))
    for _ in range(3):  # the later calls find nothing more to buy
        summary, _ = play_rounds(folder, shop, limits=limits, thetas=MIXED, aim=aim)
    check_book(folder, shop, MIXED)
    assert summary.over_budget["at"].startswith("budget does not reach for the target of ")
    sold = [sum(n for _, n in shop.sold[theta]) for theta in MIXED]
    assert sum(sold) <= 100 * credits
    return sold


def test_money_goes_where_it_lowers_the_worst_or_the_sum_most(tmp_path: Path) -> None:
    """By hand, from the errors that the first hundred shots of each show."""
    found = {aim: shots_sold(tmp_path / aim, aim, 9.0) for aim in ("worst", "total")}
    with Run(tmp_path / "worst") as run:
        first = [each.decision.errors["z"] for each in read_rounds(run.meta)[:3]]

    def errors(shots: Sequence[float]) -> list[float]:
        return [e * math.sqrt(100 / n) for e, n in zip(first, shots, strict=True)]

    high = [800 * e**2 / sum(each**2 for each in first[:2]) for e in first[:2]]
    best = {"worst": [*high, 100]}  # the third is below what the others reach
    share = [e ** (2 / 3) for e in first]
    best["total"] = [900 * each / sum(share) for each in share]
    assert max(errors(found["worst"])) <= 1.05 * max(errors(best["worst"]))
    assert sum(errors(found["total"])) <= 1.02 * sum(errors(best["total"]))
    assert max(errors(found["total"])) > max(errors(found["worst"]))
