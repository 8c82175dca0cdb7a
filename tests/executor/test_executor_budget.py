"""Budgets: reserved at the intent, settled by the bill, given back on refusal, never exceeded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing
from fake_drivers import (
    FakeCloud,
    at_once,
    lost_after,
    lost_before,
    plan_of,
    play,
    raising,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from qbatch.errors import Misspoke, Refused
from qbatch.executor.budget import Budget, Excess, Key
from qbatch.job import JobState
from qbatch.plan.pricing.limits import Limit
from qbatch.providers import Price
from qbatch.purchase import Event
from qbatch.snapshot import Entry, Run, Snapshot
from qbatch.snapshot.doubles import Double


def credits(amount: float, backend: str | None = None) -> Limit:
    return Limit("budget", "credits", amount, backend)


def ledger_of(folder: Path) -> list[Entry]:
    with Run(folder) as run:
        return [each.entry for each in run.ledger()]


def spent(folder: Path) -> dict[str, float]:
    with Run(folder) as run:
        return run.spent()


# -- a run --------------------------------------------------------------------------------------


def test_no_limit_is_exceeded_however_many_jobs_are_sent_at_once(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=50)
    played = play(tmp_path, plan_of(40, "cloud"), cloud, limits=(credits(7),))
    assert len(cloud.ledger.jobs) == played.summary.completed == 7
    assert spent(tmp_path) == {"credits": 7.0}
    assert "makes 8 credits" in played.summary.over_budget["cloud"].replace("would make", "makes")


def test_the_limit_holds_over_all_calls_of_a_run(tmp_path: Path) -> None:
    cloud, plan = FakeCloud(), plan_of(10, "cloud")
    for limit in (3, 3, 5):
        play(tmp_path, plan, cloud, limits=(credits(limit),))
        assert len(cloud.ledger.jobs) == limit


def test_each_backend_has_its_own_limit_and_all_together_another(tmp_path: Path) -> None:
    one, two = FakeCloud(), FakeCloud()
    limits = (credits(2, "one"), credits(6))
    play(tmp_path, plan_of(10, "one", "two"), {"one": one, "two": two}, limits=limits)
    assert len(one.ledger.jobs) <= 2
    assert len(one.ledger.jobs) + len(two.ledger.jobs) == 6


def test_other_units_count_only_where_they_can_be_converted(tmp_path: Path) -> None:
    dear = (Limit("budget.total", "usd", 0.05),)
    cloud = FakeCloud()
    play(tmp_path / "without", plan_of(10, "cloud"), cloud, limits=dear)
    assert len(cloud.ledger.jobs) == 10
    cloud = FakeCloud()
    rates = {("credits", "usd"): 0.01}
    play(tmp_path / "with", plan_of(10, "cloud"), cloud, limits=dear, rates=rates)
    assert len(cloud.ledger.jobs) == 5


def test_what_was_refused_is_given_back(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1)
    cloud.script["submit"] = [raising(Refused("cloud: too deep"))]
    play(tmp_path, plan_of(4, "cloud"), cloud, limits=(credits(2),))
    assert len(cloud.ledger.jobs) == 2
    assert [entry.billed for entry in ledger_of(tmp_path)] == [0.0, 1.0, 1.0]
    assert ledger_of(tmp_path)[0].billed_by == "not bought"


def test_a_bill_below_what_was_reserved_leaves_room_for_more(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=8)
    cloud.most = 5.0
    played = play(tmp_path, plan_of(6, "cloud"), cloud, limits=(credits(10),))
    assert played.summary.completed == 6
    assert {entry.reserved for entry in ledger_of(tmp_path)} == {5.0}
    assert spent(tmp_path) == {"credits": 6.0}
    assert played.summary.waits["cloud"]


def test_of_a_composite_job_as_much_is_bought_as_there_is_money_for(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=6)
    played = play(tmp_path, plan_of(12, "cloud"), cloud, limits=(credits(8),))
    assert len(cloud.ledger.jobs) == played.summary.completed == 8
    assert played.elapsed_s < 2 * cloud.works_s  # for exact prices no bill is waited for


def test_the_parts_of_a_composite_job_wait_for_each_others_bills(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=4)
    cloud.most = 10.0
    played = play(tmp_path, plan_of(4, "cloud"), cloud, limits=(credits(20),))
    assert played.summary.completed == 4
    assert not played.summary.over_budget


QUOTED = Price("credits", quoted=True, source="quoted for each job")


@pytest.mark.parametrize("in_flight", [1, 4, 16])
def test_m6_what_is_quoted_at_nothing_and_billed_goes_beyond_no_limit_but_by_the_first_bill(
    tmp_path: Path, in_flight: int
) -> None:
    cloud = FakeCloud(price=QUOTED, in_flight=in_flight)
    cloud.quote, cloud.bill = 0.0, 19.0
    played = play(tmp_path, plan_of(20, "cloud"), cloud, limits=(credits(50),))
    assert len(cloud.ledger.jobs) == 2, "a third would make 57"
    assert spent(tmp_path) == {"credits": 38.0}
    assert "allows 50 credits" in played.summary.over_budget["cloud"]
    again = play(tmp_path, plan_of(20, "cloud"), cloud, limits=(credits(50),))
    assert again.summary.over_budget
    assert len(cloud.ledger.jobs) == 2


def test_m6_by_what_a_bill_went_beyond_its_quote_is_reserved_for_every_later_one(
    tmp_path: Path,
) -> None:
    cloud = FakeCloud(price=QUOTED, in_flight=2)
    cloud.quote, cloud.bill = 1.0, 10.0
    play(tmp_path, plan_of(20, "cloud"), cloud, limits=(credits(50),))
    assert spent(tmp_path)["credits"] <= 50
    assert [entry.reserved for entry in ledger_of(tmp_path)] == [1.0, 1.0, 10.0, 10.0, 10.0]


@pytest.mark.parametrize("bill", [0.0, None])
def test_m6_what_is_quoted_at_nothing_and_costs_nothing_is_bought_side_by_side_after_the_first(
    tmp_path: Path, bill: float | None
) -> None:
    cloud = FakeCloud(price=QUOTED, in_flight=16)
    cloud.quote, cloud.bill = 0.0, bill
    played = play(tmp_path, plan_of(17, "cloud"), cloud, limits=(credits(50),))
    assert played.summary.completed == 17
    assert played.elapsed_s < 4 * cloud.works_s


def test_m6_without_a_limit_nothing_waits_for_a_bill(tmp_path: Path) -> None:
    cloud = FakeCloud(price=QUOTED, in_flight=16)
    cloud.quote, cloud.bill = 0.0, 19.0
    assert play(tmp_path, plan_of(16, "cloud"), cloud).elapsed_s < 2 * cloud.works_s


def test_what_a_person_says_was_not_taken_leaves_room_to_buy_it(tmp_path: Path) -> None:
    cloud, limits = FakeCloud(), (credits(2),)
    cloud.script["submit"] = [lost_before]
    cloud.located = at_once()
    play(tmp_path, plan_of(2, "cloud"), cloud, limits=limits)
    with Run(tmp_path) as run:
        (held,) = [point.id for point in run if point.state is JobState.HELD]
    with Snapshot(tmp_path) as snapshot:
        snapshot.resolve(held, Event.RESUBMITTED)
    cloud.located = None
    played = play(tmp_path, plan_of(2, "cloud"), cloud, limits=limits)
    assert played.summary.states == {JobState.COMPLETED: 2}
    assert spent(tmp_path) == {"credits": 2.0}


def test_what_was_taken_and_is_bought_again_takes_room_twice(tmp_path: Path) -> None:
    plan, cloud = plan_of(1, "cloud"), FakeCloud()
    cloud.script["fetch"] = [raising(Misspoke("no result in it"))] * 20
    assert play(tmp_path, plan, cloud, limits=(credits(1),)).summary.held == 1
    with Snapshot(tmp_path) as snapshot:
        snapshot.resolve(next(plan.points()).id, Event.RESUBMITTED)
    cloud.script.clear()
    play(tmp_path, plan, cloud, limits=(credits(1),))
    assert len(cloud.ledger.jobs) == 1
    assert play(tmp_path, plan, cloud, limits=(credits(2),)).summary.completed == 1
    assert [entry.counted for entry in ledger_of(tmp_path)] == [1.0, 1.0]


def test_a_composite_job_with_one_price_for_all_is_not_split(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=6, price=Price("credits", per_composite=6.0))
    play(tmp_path, plan_of(12, "cloud"), cloud, limits=(credits(8),))
    assert len(cloud.ledger.jobs) == 6


@pytest.mark.parametrize(("budget", "most", "least"), [(0.5, 0.0, 0.0), (50.0, 10.0, 60.0)])
def test_a_budget_that_no_part_would_fit_is_not_tried_with_halves(
    tmp_path: Path, budget: float, most: float, least: float
) -> None:
    """Each try is an upload; IBM reserves 300 s for the smallest job, so a thousand were made."""
    cloud = FakeCloud(max_jobs=16)
    cloud.most, cloud.least = most, least
    play(tmp_path, plan_of(16, "cloud"), cloud, limits=(credits(budget),))
    assert (cloud.ledger.calls["prepare"], len(cloud.ledger.jobs)) == (1, 0)


def test_a_budget_that_a_part_fits_buys_that_part(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=16)
    play(tmp_path, plan_of(16, "cloud"), cloud, limits=(credits(7),))
    assert len(cloud.ledger.jobs) == 7
    assert cloud.ledger.calls["submit"] <= 3  # 4, 2 and 1


def test_a_held_job_keeps_its_reservation(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1)
    cloud.script["submit"] = [lost_after]
    cloud.located = at_once("look in the web console")
    played = play(tmp_path, plan_of(5, "cloud"), cloud, limits=(credits(3),))
    assert played.summary.held == 1
    assert len(cloud.ledger.jobs) == 3
    open_ones = [entry for entry in ledger_of(tmp_path) if entry.billed is None]
    assert [entry.counted for entry in open_ones] == [1.0]


def test_a_person_is_asked_and_may_raise_the_limit(tmp_path: Path) -> None:
    asked: list[Excess] = []

    def ask(excess: Excess) -> float | None:
        asked.append(excess)
        return 4.0 if len(asked) == 1 else None

    cloud = FakeCloud()
    played = play(tmp_path, plan_of(9, "cloud"), cloud, limits=(credits(2),), ask_more=ask)
    assert len(cloud.ledger.jobs) == played.summary.completed == 4
    assert [each.limit.amount for each in asked] == [2.0, 4.0]
    assert played.summary.over_budget


def test_what_a_release_bills_less_is_a_refund_and_what_it_bills_more_is_billed(
    tmp_path: Path,
) -> None:
    for final, figures in ((0.25, (1.0, 0.75)), (1.5, (1.5, 0.0))):
        folder = tmp_path / str(final)
        cloud = FakeCloud()
        cloud.final_bill = final
        play(folder, plan_of(1, "cloud"), cloud)
        (entry,) = ledger_of(folder)
        assert (entry.billed, entry.refunded) == figures
        assert spent(folder) == {"credits": final}


def test_each_figure_has_its_source(tmp_path: Path) -> None:
    cloud = FakeCloud()
    play(tmp_path, plan_of(1, "cloud"), cloud)
    (entry,) = ledger_of(tmp_path)
    assert (entry.backend, entry.unit, entry.generation) == ("cloud", "credits", 1)
    assert (entry.quoted, entry.quoted_by) == (1.0, cloud.target.price.source)
    assert (entry.billed, entry.billed_by) == (1.0, "told by the provider")


def test_a_firm_quote_is_the_bill_where_none_is_sent(tmp_path: Path) -> None:
    cloud = FakeCloud(price=Price("credits", quoted=True, source="quoted for each job"))
    cloud.quote, cloud.bill = 3.0, None
    play(tmp_path, plan_of(2, "cloud"), cloud, limits=(credits(5),))
    (entry,) = ledger_of(tmp_path)
    assert (entry.quoted, entry.quoted_by) == (3.0, "quoted by the provider")
    assert (entry.billed, entry.billed_by) == (3.0, "as quoted")


def test_what_is_free_has_no_ledger(tmp_path: Path) -> None:
    cloud = FakeCloud(price=Price())
    assert play(tmp_path, plan_of(2, "cloud"), cloud).summary.completed == 2
    assert ledger_of(tmp_path) == []


def test_detaching_waits_for_no_bill(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=8)
    played = play(tmp_path, plan_of(6, "cloud"), cloud, limits=(credits(3),), detach=True)
    assert len(cloud.ledger.jobs) == 3
    assert played.elapsed_s < cloud.works_s
    assert played.summary.states[JobState.SUBMITTED] == 3


# -- the account --------------------------------------------------------------------------------


def test_a_reservation_is_all_or_none_and_not_counted_twice() -> None:
    limit = Limit("--max-cost", "usd", 10)
    budget = Budget([limit])
    both = {("a", 1): 4.0, ("b", 1): 4.0}
    assert budget.reserve("q", "usd", both) is None
    assert budget.reserve("q", "usd", both) is None  # sent again
    refusal = budget.reserve("q", "usd", {("c", 1): 3.0, ("d", 1): 0.0})
    assert str(refusal) == "3.00 USD more would make 11.00 USD; --max-cost allows 10.00 USD"
    budget.release([("b", 1)])
    assert budget.reserve("q", "usd", {("c", 1): 3.0}) is None
    assert budget.taken(limit) == 7.0
    assert budget.reserve("q", "credits", {("x", 1): 99.0}) is None  # not limited


def test_a_double_counts_as_it_was_told_last_and_who_waits_is_woken() -> None:
    limit = Limit("--max-cost", "usd", 10)
    budget = Budget([limit])
    double = Double("d7", "q", ("a",), "queued", False, "", 6.0, "usd", "by the cloud")
    budget.count_doubles([double])
    budget.count_doubles([double])  # seen again
    assert budget.taken(limit) == 6.0
    assert isinstance(budget.reserve("q", "usd", {("a", 1): 5.0}), Excess)

    async def free() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(budget.wait_for_change)
            await trio.testing.wait_all_tasks_blocked()
            budget.count_doubles([replace(double, cost=0.0, status="cancelled", is_over=True)])

    trio.run(free)
    assert budget.reserve("q", "usd", {("a", 1): 5.0}) is None
    assert budget.taken(limit) == 5.0


def test_once_a_limit_is_exceeded_even_what_is_quoted_at_nothing_is_refused() -> None:
    """M6: quotes of 0 with bills of 19 passed every limit."""
    limit = Limit("--max-cost", "credits", 50)
    budget = Budget([limit])
    for name in "abc":
        assert budget.reserve("q", "credits", {(name, 1): 0.0}) is None
        budget.settle("q", "credits", {(name, 1): 19.0})
    refusal = budget.reserve("q", "credits", {("d", 1): 0.0})
    assert str(refusal) == "0 credits more would make 57 credits; --max-cost allows 50 credits"
    assert budget.reserve("free", "credits", {}) is None  # what is free is not bought


AMOUNTS = st.floats(0, 10).map(lambda amount: round(amount, 3))
KEYS = st.tuples(st.sampled_from("abcdef"), st.integers(1, 2))
#: A purchase always happens at one place, in its unit.
PLACES = {name: ("one", "credits") if name < "d" else ("two", "usd") for name in "abcdef"}
LIMITS = (credits(20), credits(9, "one"), Limit("budget.total", "usd", 12.0))
RATES = {("credits", "usd"): 0.5}


class Accounts(RuleBasedStateMachine):
    """Any order of reserving, billing and giving back, against sums done anew each time."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(LIMITS, RATES)
        self.counted: dict[Key, float] = {}
        self.is_billed_beyond = False

    def total(self, limit: Limit, counted: dict[Key, float]) -> float:
        found = 0.0
        for (name, _), amount in counted.items():
            backend, unit = PLACES[name]
            factor = 1.0 if unit == limit.unit else RATES.get((unit, limit.unit), 0.0)
            found += amount * factor * (limit.backend in (None, backend))
        return found

    @rule(key=KEYS, amount=AMOUNTS)
    def reserve(self, key: Key, amount: float) -> None:
        after = {**self.counted, key: amount}
        fits = all(
            self.total(limit, after) <= limit.amount + 1e-6
            or self.total(limit, {key: 1.0}) == 0  # it does not count there
            for limit in LIMITS
        )
        excess = self.budget.reserve(*PLACES[key[0]], {key: amount})
        assert (excess is None) == fits
        if excess is None:
            self.counted = after

    @rule(key=KEYS, amount=AMOUNTS)
    def bill(self, key: Key, amount: float) -> None:
        if key in self.counted:
            self.is_billed_beyond |= amount > self.counted[key]
            self.budget.settle(*PLACES[key[0]], {key: amount})
            self.counted[key] = amount

    @rule(key=KEYS)
    def give_back(self, key: Key) -> None:
        self.budget.release([key])
        self.counted.pop(key, None)

    @invariant()
    def sums_agree_and_no_reservation_went_beyond(self) -> None:
        for limit in LIMITS:
            taken = self.budget.taken(limit)
            assert taken == pytest.approx(self.total(limit, self.counted), abs=1e-6)
            assert self.is_billed_beyond or taken <= limit.amount + 1e-6


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
