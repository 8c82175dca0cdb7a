from __future__ import annotations

import pytest
from plan_making import PAIR, plan_of

from qbatch.errors import SourceErrors
from qbatch.instants import in_zone
from qbatch.plan import check_targets, notices, price_formula
from qbatch.providers import Price, Target

BACKENDS = {
    "a": {"provider": "local"},
    "b": {"provider": "local", "noise": {"readout": 0.1}},
}


def plan(**more):
    sweep = {"matrix": {"shots": [100, 1000]}, "repeat": 3, **more}
    return plan_of(sweep, circuits={"pair": {"qasm": PAIR}}, backends=BACKENDS)


def test_a_summary_adds_up_points_shots_and_jobs() -> None:
    target = Target("aer", max_jobs=4, seconds_per_job=0.5, seconds_per_shot=0.001)
    found = plan().summary({"a": target, "b": target})
    assert (found.points, found.jobs, found.shots, found.composite_jobs) == (12, 12, 6600, 4)
    assert found.seconds == pytest.approx(6 * 0.5 + 3.3)
    assert found.to_dict()["backends"][0]["target"] == "aer"


def test_prices_apply_minimum_and_composite_and_units_never_add_up() -> None:
    dear = Price("usd", per_job=0.3, per_shot=0.01, minimum=2.0, per_composite=1.0, source="page")
    other = Price("credits", per_shot=1.0)
    targets = {"a": Target("x", max_jobs=6, price=dear), "b": Target("y", price=other)}
    found = plan().summary(targets)
    assert found.prices == {"usd": pytest.approx(3 * 2.0 + 3 * 10.3 + 1), "credits": 3300}
    assert found.backends[0].source == "page"


@pytest.mark.parametrize(
    ("price", "formula"),
    [
        (Price(), "free"),
        (Price("usd", per_job=0.3, per_shot=0.01), "0.3 + 0.01 x shots USD per job"),
        (Price("usd", per_shot=0.01, minimum=1), "max(1, 0.01 x shots) USD per job"),
        (Price("credits", per_composite=5), "5 credits per composite job"),
    ],
)
def test_a_price_is_printed_with_its_formula(price: Price, formula: str) -> None:
    assert price_formula(price) == formula


def test_what_nobody_was_asked_is_left_open() -> None:
    found = plan().summary({"a": Target("aer")})
    assert found.composite_jobs is None
    assert found.seconds is None
    assert found.backends[1].price is None


def test_a_summary_of_a_selection_or_a_sample_counts_its_points_only() -> None:
    targets = {name: Target("t", max_jobs=2) for name in BACKENDS}
    found = plan().summary(targets, lambda point: point.shots == 100 and point.backend == "a")
    assert (found.points, found.shots, found.composite_jobs) == (3, 300, 2)
    assert plan(sample={"n": 2}).summary(targets).points == 6


class Driver:
    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem
        self.orders = []

    def check(self, order, target) -> str | None:
        self.orders.append(order)
        return self.problem


def test_each_circuit_is_checked_once_on_each_backend() -> None:
    driver = Driver()
    targets = {name: Target("t") for name in BACKENDS}
    check_targets(plan(), targets, dict.fromkeys(BACKENDS, driver))
    assert [order.shots for order in driver.orders] == [1000, 1000]


def test_what_cannot_run_is_told_at_the_circuit_and_at_the_backend() -> None:
    targets = {"a": Target("odd", min_shots=90, max_shots=160), "b": Target("t", min_shots=200)}
    with pytest.raises(SourceErrors) as raised:
        check_targets(plan(), targets, {"a": Driver("too wide"), "b": Driver()})
    text = "\n".join(map(str, raised.value.exceptions))
    assert "circuit 'pair' on backend 'a': too wide" in text
    assert "100 shots are too few; it takes 200 or more" in text
    assert "odd" not in text


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (90, 499, None),
        (100, 100, None),
        (10, 1, "it takes no jobs: each would have 10 shots or more, and 1 or fewer"),
        (1, 0, "it takes no jobs: each would have 1 shots or more, and 0 or fewer"),
        (90, 92, "100 shots cannot be divided into jobs of 90 to 92; write 92 or 180"),
    ],
)
def test_shots_must_come_out_in_jobs_that_the_target_takes(
    least: int, most: int, said: str | None
) -> None:
    targets = {"a": Target("odd", min_shots=least, max_shots=most)}
    driver = Driver()
    if said is None:
        check_targets(plan(), targets, {"a": driver})
        assert max(order.shots for order in driver.orders) <= most
        return
    with pytest.raises(SourceErrors) as raised:
        check_targets(plan(), targets, {"a": driver})
    assert f"backend 'a' (odd): {said}" in str(raised.value.exceptions[0])


def test_each_job_of_a_point_has_its_price() -> None:
    price = Price("usd", per_job=1.0, per_shot=0.01)
    found = plan().summary(
        {"a": Target("x", max_shots=400, price=price)}, lambda p: p.backend == "a"
    )
    assert (found.points, found.jobs, found.shots) == (6, 3 + 3 * 3, 3300)
    assert found.prices == {"usd": pytest.approx(12 * 1.0 + 33)}


def test_an_offline_backend_is_noticed_with_its_next_window() -> None:
    opens = in_zone("2026-12-01T08:00Z", "minute")
    targets = {
        "a": Target("t"),
        "b": Target("qpu", online=False, next_window_at="2026-12-01T08:00Z"),
    }
    assert notices(plan(), targets) == [f"backend 'b' (qpu) is offline; next window {opens}"]


def test_a_driver_that_can_tell_is_asked_how_long_its_points_take() -> None:
    class Slow:
        def estimate_s(self, order) -> float:
            return order.shots / 100

    targets = {name: Target("t") for name in BACKENDS}
    found = plan().summary(targets, drivers={"a": Slow(), "b": Slow()})
    assert found.seconds == pytest.approx(3 * (1 + 10))  # the two work side by side
    assert plan().summary(targets, drivers={"a": Slow()}).seconds is None
