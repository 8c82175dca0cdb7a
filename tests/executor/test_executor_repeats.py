"""P21: where a cloud takes one key once, a lost answer is found by sending the same again.

The cloud's own book is the judge: nothing is in it twice, whatever was lost, killed or refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, lost_after, lost_before, plan_of, play, raising

from qbatch.errors import Misspoke, Refused, Unavailable
from qbatch.executor import Stop, collect
from qbatch.executor.events import ignore
from qbatch.executor.looking import FOUND_BY_RUN
from qbatch.job import JobState
from qbatch.plan.pricing.limits import Limit
from qbatch.providers import Answer, Batch, Intent, NotTaken, Price, Repeatable
from qbatch.snapshot import Run


class OnceCloud(FakeCloud):
    """Takes a purchase once under its key, and has no other look-up."""

    def __init__(self, *faults: object, **options: object) -> None:
        life_s = options.pop("life_s", math.inf)
        super().__init__(**options)  # type: ignore[arg-type]
        self.script["submit"] = list(faults)  # type: ignore[arg-type]
        self.repeated: list[Intent] = []
        self.life_s: Any = life_s

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        if any(batch.provider_job_ids):
            return await super().locate(batch, intent)
        self.located = Repeatable("", error="look at the web page", life_s=self.life_s)
        found = await super().locate(batch, intent)
        self.located = None
        return found

    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        self.repeated.append(intent)

        def act() -> list[Answer]:
            found = [self._find(order.id) for order in batch.orders]
            return [
                self._buy(one.job_id, intent.key) if isinstance(one, NotTaken) else one
                for one in found
            ]

        return await self._call("repeat", act)  # type: ignore[no-any-return]


def reserved(folder: Path) -> list[float]:
    """What counts against budgets, by purchase."""
    with Run(folder) as run:
        return [purchase.entry.counted for purchase in run.ledger()]


def stopped(after_s: float) -> object:
    async def stop_later(stop: Stop) -> None:
        await trio.sleep(after_s)
        stop.request("SIGTERM", signal_number=15)

    return stop_later


def test_what_was_taken_is_found_by_sending_it_again(tmp_path: Path) -> None:
    cloud = OnceCloud(lost_after)
    played = play(tmp_path, plan_of(3, "cloud"), cloud)
    assert played.summary.completed == 3
    assert set(cloud.ledger.times_bought.values()) == {1}
    (intent,) = cloud.repeated
    assert intent.key == cloud.ledger.jobs[0].key
    assert intent.body == b"body of " + intent.key.encode()
    assert cloud.ledger.calls["submit"] == 3


def test_what_never_arrived_is_bought_by_sending_it_again(tmp_path: Path) -> None:
    cloud = OnceCloud(lost_before)
    assert play(tmp_path, plan_of(3, "cloud"), cloud).summary.completed == 3
    assert set(cloud.ledger.times_bought.values()) == {1}
    assert cloud.ledger.calls["submit"] == 3
    assert len(cloud.repeated) == 1


@pytest.mark.parametrize(
    "trouble", [Unavailable("cloud: 503", retry_after_s=5.0), Misspoke("cloud: no receipt")]
)
def test_it_is_sent_again_until_it_is_answered(
    tmp_path: Path, trouble: Unavailable | Misspoke
) -> None:
    cloud = OnceCloud(lost_after)
    cloud.script["repeat"] = [lost_after, raising(trouble)]
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1
    assert len(cloud.repeated) == 3
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_a_refusal_of_the_second_sending_says_nothing_of_the_first(tmp_path: Path) -> None:
    cloud, plan = OnceCloud(lost_after), plan_of(1, "cloud")
    cloud.script["repeat"] = [raising(Refused("cloud: 402 no money"))]
    assert play(tmp_path, plan, cloud).summary.held == 1
    with Run(tmp_path) as run:
        (error,) = [point.job.error for point in run]
    assert "402 no money" in error
    assert reserved(tmp_path) == [1.0]
    assert play(tmp_path, plan, cloud).summary.completed == 1
    assert set(cloud.ledger.times_bought.values()) == {1}


@pytest.mark.parametrize("fault", [lost_after, lost_before])
def test_neither_fetch_nor_cancel_sends_anything_but_the_next_run_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: object
) -> None:
    cloud, plan = OnceCloud(fault), plan_of(1, "cloud")
    cloud.script["repeat"] = [lost_before] * 40
    play(tmp_path, plan, cloud, beside=[stopped(5)])  # type: ignore[list-item]
    with Run(tmp_path) as run:
        assert [point.state for point in run] == [JobState.SUBMITTING]
    sent = len(cloud.repeated)
    cloud.script["repeat"] = []
    monkeypatch.setattr(collect, "open_driver", lambda *_, **__: cloud)
    collect.fetch_run(tmp_path, wait=True, observer=ignore).close()
    collect.cancel_run(tmp_path, None, observer=ignore).close()
    assert len(cloud.repeated) == sent
    with Run(tmp_path) as run:
        (point,) = run
        assert point.state is JobState.HELD
        assert point.job.error == f"look at the web page; {FOUND_BY_RUN}"
    assert reserved(tmp_path) == [1.0]
    assert play(tmp_path, plan, cloud).summary.completed == 1
    assert set(cloud.ledger.times_bought.values()) == {1}
    assert {one.key for one in cloud.repeated} == {cloud.ledger.jobs[0].key}


@pytest.mark.parametrize(("later_s", "held"), [(86_000.0, 0), (87_000.0, 1)])
def test_a_key_is_sent_again_only_as_long_as_it_is_trusted(
    tmp_path: Path, later_s: float, held: int
) -> None:
    cloud, plan = OnceCloud(lost_before, life_s=86_400.0), plan_of(1, "cloud")
    cloud.script["repeat"] = [lost_before] * 40
    play(tmp_path, plan, cloud, beside=[stopped(5)])  # type: ignore[list-item]
    cloud.script["repeat"] = []
    assert play(tmp_path, plan, cloud, clock_s=later_s).summary.held == held
    assert len(cloud.ledger.jobs) == 1 - held
    with Run(tmp_path) as run:
        (point,) = run
    assert ("its key may be forgotten by now" in point.job.error) is bool(held)


def test_what_may_be_bought_counts_against_the_budget_while_it_is_sent_again(
    tmp_path: Path,
) -> None:
    cloud = OnceCloud(lost_after, price=Price("credits", per_job=1.0))
    limits = (Limit("budget", "credits", 2.0),)
    played = play(tmp_path, plan_of(3, "cloud"), cloud, limits=limits)
    assert played.summary.completed == 2
    assert len(cloud.ledger.jobs) == 2
    assert sum(reserved(tmp_path)) == 2.0
