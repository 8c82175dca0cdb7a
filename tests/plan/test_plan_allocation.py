"""Shots spread over a point's settings by what these weigh: how many each has, and what is said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_making import mistakes_of, plan_of

from qbatch.plan import Plan
from qbatch.plan.allocation import allocations_of, told_allocations
from qbatch.plan.weights import Weight, allocated

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
"""
SWEEP = {"matrix": {"theta": [0.3, 0.7]}, "seed": 5}
ENERGY = "0.4 X0 X1 + 0.3 Z0 - 0.4 Z1 - 0.1 Y0 Y1"


def bell_plan(
    allocate: str = "by_weight",
    shots: int = 1000,
    observables: dict[str, str] | None = None,
    sweep: Any = None,
    **analysis: Any,
) -> Plan:
    return plan_of(
        sweep or SWEEP,
        circuits={"bell": {"qasm": BELL}},
        shots=shots,
        allocate=allocate,
        analysis={"observables": observables or {"energy": ENERGY}, **analysis},
    )


def shots_of(plan: Plan) -> list[int]:
    return [point.shots for point in plan.points()]


def variance(weights: Sequence[Weight], spread: Sequence[int]) -> float:
    return sum(each.variance / n for each, n in zip(weights, spread, strict=True))


@given(
    st.lists(
        st.builds(Weight, st.sampled_from([0.0, 0.01, 0.25, 1.0, 3.0, 16.0]), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 14),
)
@settings(max_examples=150, deadline=None)
def test_no_other_way_to_spread_the_same_sum_has_less_variance(
    weights: list[Weight], shots: int
) -> None:
    found = allocated(weights, shots)
    total, fewest = shots * len(weights), max(1, math.ceil(0.8 * shots))
    least = [shots if each.keeps else fewest for each in weights]
    ways = (
        (*some, total - sum(some)) for some in product(range(1, total + 1), repeat=len(weights) - 1)
    )
    best = min(
        variance(weights, way)
        for way in ways
        if all(n >= low for n, low in zip(way, least, strict=True))
    )
    assert sum(found) == total
    assert all(n >= low for n, low in zip(found, least, strict=True))
    assert variance(weights, found) == pytest.approx(best, rel=1e-12)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(1, 10**9))
def test_the_sum_of_the_shots_stays(variances: list[float], shots: int) -> None:
    found = allocated([Weight(each) for each in variances], shots)
    assert sum(found) == shots * len(variances)
    assert min(found) >= max(1, 0.8 * shots)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=40),
    st.integers(10, 10**6),
)
def test_whatever_varies_even_shots_are_hardly_better(
    settings: list[tuple[float, float]], shots: int
) -> None:
    """Shots go by what a setting weighs; what its shots really vary by is anything."""
    found = allocated([Weight(weight) for weight, _ in settings], shots)
    mine = sum(varies / n for (_, varies), n in zip(settings, found, strict=True))
    even = sum(varies for _, varies in settings) / shots
    assert mine <= even / 0.8 * (1 + 1e-9)


def test_shots_are_as_the_norm_of_the_coefficients_that_a_setting_tells() -> None:
    """2,200 of 3,000 are left beside the fewest of one, as 0.5 to 0.4."""
    assert shots_of(bell_plan()) == 2 * [1222, 978, 800]
    told = allocations_of(bell_plan())["bell"]
    even = (0.25 + 0.16 + 0.01) / 1000
    share = (0.25 / 1222 + 0.16 / 978 + 0.01 / 800) / even
    assert told.errors[0] == pytest.approx(math.sqrt(share), rel=1e-6)


def test_variances_of_several_observables_add_up() -> None:
    plan = bell_plan(observables={"a": "3 Z0 + 3 X0 X1", "b": "4 Z0 + 5 X0 X1"})
    assert shots_of(plan) == 2 * [923, 1077]  # sqrt(9 + 16) to sqrt(9 + 25)


def test_a_setting_has_most_of_the_shots_at_least_and_all_if_outcomes_are_read() -> None:
    assert shots_of(bell_plan(observables={"e": "0.001 Z0 + X0 X1"})) == 2 * [800, 1200]
    plan = bell_plan(observables={"e": "0.001 Z0 + X0 X1"}, probabilities={"p": "11"})
    assert shots_of(plan) == 2 * [1000, 1000]
    plan = bell_plan(observables={"e": "3 Z0 + X0 X1"}, probabilities={"p": "11"})
    assert shots_of(plan) == 2 * [1200, 800]


def test_a_setting_keeps_its_content() -> None:
    even, spread = ([*bell_plan(how).points()] for how in ("evenly", "by_weight"))
    assert [point.id for point in even] == [point.id for point in spread]
    assert sum(point.shots for point in even) == sum(point.shots for point in spread)


def test_each_point_has_the_shots_of_its_own_sum() -> None:
    include = [
        {"circuit": "bell", "backend": "sim", "theta": 1.0, "shots": 50},
        {"circuit": "bell", "backend": "sim", "theta": 2.0, "shots": 80},
    ]
    plan = bell_plan(sweep={**SWEEP, "include": include})
    assert shots_of(plan)[6:] == [61, 49, 40, 98, 78, 64]
    assert plan.summary({}).shots == sum(shots_of(plan)) == 6390
    assert shots_of(plan)[:3] == [1222, 978, 800]
    assert [shots for *_, shots in plan.pins()] == shots_of(plan)


def test_scales_of_noise_weigh_as_the_extrapolation_makes_of_them() -> None:
    zne = {"scales": [1, 3, 5], "fit": "richardson"}
    plan = bell_plan(observables={"e": "Z0"}, mitigation={"zne": zne})
    at = np.array([1.0, 3.0, 5.0])
    by = np.array([np.polyfit(at, unit, 2)[2] for unit in np.eye(3)])  # each value's part at 0
    wanted = np.sqrt(by**2 + [1, 0, 0])[:2]  # the third has the fewest
    assert shots_of(plan)[:2] == pytest.approx(2200 * wanted / wanted.sum(), abs=1)
    assert shots_of(plan)[2] == 800


def test_calibrations_have_their_own_shots() -> None:
    readout = {"mitigation": {"readout": {"shots": 77}}}
    found = {p.name: p.shots for p in bell_plan(**readout).points()}
    assert found['theta=0.3,calibration="11"'] == 77
    assert [found[p.name] for p in bell_plan().points()] == shots_of(bell_plan())


def test_the_plan_says_how_shots_are_spread() -> None:
    (said,) = told_allocations(bell_plan(shots=100))
    assert "as written 122, X0 X1 98, Y0 Y1 80" in said
    assert "0.95 times" in said
    assert [*told_allocations(bell_plan("evenly"))] == []
    (said,) = told_allocations(bell_plan(observables={"z": "Z0"}))
    assert said == "allocate: by_weight changes nothing here: each point is measured in one setting"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"sweep": {"matrix": {"shots": [10, 20]}}}, "shots are an axis"),
        ({"shots": {"target_se": 0.1, "of": "e"}}, "standard error 0.1 of e"),
        ({"analysis": {"probabilities": {"p": "1"}}}, "there are none"),
        (
            {"analysis": {"observables": {"e": "Z0 + X0"}, "mitigation": {"twirl": {"n": 16}}}},
            "twirl shares them out evenly among forms",
        ),
    ],
)
def test_what_cannot_be_spread_is_refused_with_the_reason(keys: dict[str, Any], said: str) -> None:
    whole = {"analysis": {"observables": {"e": "Z0 + X0"}}, "allocate": "by_weight", **keys}
    (mistake,) = mistakes_of(whole.pop("sweep", {"matrix": {"gamma": [1], "beta": [1]}}), **whole)
    assert "allocate" in mistake
    assert said in mistake
