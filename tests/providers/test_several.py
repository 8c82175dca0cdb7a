"""One backend with several settings, behind one driver: each order meets its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from qbatch.errors import Refused, Unavailable
from qbatch.job import CompositeJob
from qbatch.manifest.paths import SettingValues
from qbatch.providers import (
    Answer,
    Batch,
    Done,
    Driver,
    Intent,
    Order,
    Part,
    Price,
    Target,
    contract,
)
from qbatch.providers.listing import Lists
from qbatch.providers.several import open_several


def settings(value: float) -> SettingValues:
    return ((("options", "x"), value),)


def order(value: float | None, id_: str = "0") -> Order:
    circuit: Any = None
    return Order(id_, "p", circuit, {}, 1, 0, () if value is None else settings(value))


def batch(*orders: Order) -> Batch:
    ids = tuple(one.id for one in orders)
    return Batch(CompositeJob("c", "b", ids, 1), orders)


class Fake:
    """A driver that notes what it was asked."""

    is_local = False

    def __init__(self, target: Target, failure: Exception | None = None) -> None:
        self.target = target
        self.failure = failure
        self.asked: list[tuple[str, Any]] = []
        self.news = trio.Event()
        self.closed = False

    async def describe(self) -> Target:
        return self.target

    def account(self) -> str:
        return str(self.target.facts.get("account", "ours"))

    def check(self, order: Order, target: Target) -> str | None:
        self.asked.append(("check", target.name))
        return None

    def intend(self, batch: Batch) -> Intent:
        self.asked.append(("intend", batch.composite.job_ids))
        return Intent("k", b"")

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        self.asked.append(("submit", batch.composite.job_ids))
        return []

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        self.asked.append(("poll", [one.composite.job_ids for one in batches]))
        if self.failure:
            raise self.failure
        if self.target.poll_s == (0.0, 0.0):
            await self.news.wait()
        ids = [job_id for one in batches for job_id in one.composite.job_ids]
        return [Done(job_id) for job_id in ids]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        return {batch.orders[0].id: 1.0}

    async def aclose(self) -> None:
        self.closed = True
        if self.failure:
            raise self.failure


def opened(kind: type[Fake] = Fake, **targets: Any) -> tuple[Driver, dict[SettingValues, Fake]]:
    """A driver of settings 1 and 2, and those it opened."""
    made: dict[SettingValues, Fake] = {}

    def open_one(one: SettingValues) -> Any:
        made[one] = kind(replace(Target(f"t{len(made) + 1}"), **targets))
        return made[one]

    return open_several(open_one, [settings(1), settings(2)], "b"), made


def test_each_call_goes_to_the_driver_of_its_settings() -> None:
    driver, made = opened()

    async def act() -> None:
        for value, id_ in ((1, "a"), (2, "b"), (1, "c")):
            intent = driver.intend(batch(order(value, id_)))
            await driver.submit(batch(order(value, id_)), intent)
            assert await driver.release(batch(order(value, id_))) == {id_: 1.0}

    trio.run(act)
    assert made[settings(1)].asked == [
        ("intend", ("a",)), ("submit", ("a",)), ("intend", ("c",)), ("submit", ("c",)),
    ]  # fmt: skip
    assert made[settings(2)].asked == [("intend", ("b",)), ("submit", ("b",))]


def test_all_are_asked_for_news_and_one_that_fails_takes_none_from_the_others() -> None:
    driver, made = opened()
    made[settings(2)].failure = Unavailable("down")
    both = [batch(order(1, "a")), batch(order(2, "b")), batch(order(1, "c"))]

    async def act() -> None:
        assert [update.job_id for update in await driver.poll(both)] == ["a", "c"]
        with pytest.raises(Unavailable):
            await driver.poll([both[1]])
        made[settings(1)].failure = Unavailable("down too")
        with pytest.raises(Unavailable):
            await driver.poll(both)

    trio.run(act)
    assert made[settings(1)].asked[0] == ("poll", [("a",), ("c",)])


class InParts(Fake):
    """A driver that tells of one job at a time."""

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        told = await super().poll(batches)
        return Part(told[:1]) if len(told) > 1 else told


def test_a_part_of_the_news_is_told_at_once_unless_a_driver_failed() -> None:
    driver, made = opened(InParts)
    both = [batch(order(1, "a")), batch(order(2, "b"), order(2, "c"))]

    async def act() -> None:
        news = await driver.poll(both)
        assert isinstance(news, Part)
        assert [update.job_id for update in news] == ["a", "b"]
        made[settings(1)].failure = Unavailable("down", retry_after_s=60)
        assert not isinstance(await driver.poll(both), Part)

    trio.run(act)


def test_where_drivers_wait_for_news_the_first_to_have_some_ends_the_wait() -> None:
    driver, made = opened(poll_s=(0.0, 0.0))
    made[settings(2)].news.set()

    async def act() -> None:
        await driver.describe()
        with trio.fail_after(1):
            news = await driver.poll([batch(order(1, "a")), batch(order(2, "b"))])
        assert [update.job_id for update in news] == ["b"]

    trio.run(act)


def test_the_order_of_a_point_that_is_gone_meets_a_driver_of_its_own() -> None:
    driver, made = opened()
    trio.run(driver.submit, batch(order(3, "old")), Intent("k", b""))
    assert made[settings(3)].asked == [("submit", ("old",))]


def test_targets_are_told_as_one_and_checked_each_by_its_own() -> None:
    driver, made = opened()
    made[settings(1)].target = Target("t", num_qubits=5, facts={"a": 1, "b": 2})
    made[settings(2)].target = Target("u", num_qubits=3, facts={"a": 1, "b": 3})
    target = trio.run(driver.describe)
    assert (target.name, target.num_qubits, target.facts) == ("t, u", 3, {"a": 1})
    driver.check(order(2), target)
    assert made[settings(2)].asked == [("check", "u")]


@pytest.mark.parametrize(
    "other", [{"price": Price("usd", per_job=2)}, {"max_shots": 10}, {"in_flight": 9}]
)
def test_a_setting_that_changes_price_or_limits_is_refused(other: dict[str, Any]) -> None:
    driver, made = opened()
    made[settings(2)].target = Target("t", **other)
    (name,) = other
    with pytest.raises(Refused, match=rf"b: its {name} depends on options.x, .* or "):
        trio.run(driver.describe)


def optional() -> list[Any]:
    """Every protocol that a driver may have beside `Driver`, and that is about a batch."""
    found = [each for each in vars(contract).values() if getattr(each, "_is_protocol", False)]
    found = [each for each in found if getattr(each, "_is_runtime_protocol", False)]
    return [each for each in found if each not in (contract.GetsReady, contract.TellsCalibration)]


@pytest.mark.parametrize("protocol", optional(), ids=lambda each: each.__name__)
def test_what_drivers_offer_beside_the_rest_is_offered(protocol: Any) -> None:
    methods = [name for name in vars(protocol) if not name.startswith("_")]
    assert methods

    async def noted(self: Fake, asked: Any, *_: Any) -> Any:
        self.asked.append(("asked", asked))
        return ["news"]

    offering: Any = type("Offering", (Fake,), dict.fromkeys(methods, noted))
    assert not isinstance(opened()[0], protocol)
    driver, made = opened(offering)
    assert isinstance(driver, protocol)
    asked = {"Translates": order(2), "Leaves": [batch(order(2))]}.get(
        protocol.__name__, batch(order(2))
    )
    more = {"Repeats": [Intent("k", b"")]}.get(protocol.__name__, [])
    for name in methods:
        found = getattr(driver, name)(asked, *more)
        trio.run(lambda found=found: found)
    # Where jobs were sent before is no matter of a setting: the first is asked.
    one, other = (1, 2) if protocol is contract.Forsakes else (2, 1)
    assert made[settings(one)].asked == [("asked", asked)] * len(methods)
    assert not made[settings(other)].asked


def test_all_get_ready() -> None:
    async def get_ready(self: Fake) -> None:
        self.asked.append(("ready", None))

    assert not isinstance(opened()[0], contract.GetsReady)
    driver, made = opened(type("Slow", (Fake,), {"get_ready": get_ready}))
    assert isinstance(driver, contract.GetsReady)
    trio.run(driver.get_ready)
    assert [one.asked for one in made.values()] == [[("ready", None)]] * len(made)


def test_the_calibration_is_that_of_the_machine() -> None:
    async def read_calibration(self: Fake) -> Any:
        self.asked.append(("calibration", None))
        return {"t1": [1e-4]}

    assert not isinstance(opened()[0], contract.TellsCalibration)
    driver, made = opened(type("Telling", (Fake,), {"read_calibration": read_calibration}))
    assert isinstance(driver, contract.TellsCalibration)
    assert trio.run(driver.read_calibration) == {"t1": [1e-4]}
    assert sum(len(one.asked) for one in made.values()) == 1


def test_all_are_closed_even_if_one_cannot_be() -> None:
    driver, made = opened()
    made[settings(2)].failure = Unavailable("down")
    with pytest.raises(Unavailable):
        trio.run(driver.aclose)
    assert all(one.closed for one in made.values())


def test_settings_of_one_account_only() -> None:
    driver, made = opened()
    assert driver.account() == "ours"
    made[settings(2)].target = replace(Target("t2"), facts={"account": "theirs"})
    with pytest.raises(Refused, match=r"b: its account depends on options\.x, ours or theirs"):
        driver.account()


def test_the_jobs_of_the_account_are_those_of_any_setting() -> None:
    class Listing(Fake):
        def jobs_at_cloud(self) -> Any:
            return self.target.name

    def several(kind: type[Fake]) -> Any:
        return open_several(
            lambda one: kind(Target(f"t{one}")), [settings(1.0), settings(2.0)], "b"
        )

    assert several(Listing).jobs_at_cloud() == f"t{settings(1.0)}"
    assert not isinstance(several(Fake), Lists)
