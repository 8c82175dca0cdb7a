"""Interleaved points are bought in an order that no axis follows; nothing else of them changes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import PAIR, WAVE, names, plan_of

from qbatch.bases import point_of
from qbatch.plan import Plan, SweepPoint
from qbatch.plan.turns import in_turn, told_turns, turns_facts

GRID = {"gamma": {"linspace": [0, 3, 12]}, "beta": {"linspace": [0, 3, 5]}}
BACKENDS = {"a": {"provider": "local"}, "b": {"provider": "local", "noise": {"readout": 0.1}}}


def grid(order: str | None = "interleave", **more: object) -> Plan:
    return plan_of({"matrix": GRID, **({"order": order} if order else {}), **more})


def turn(plan: Plan, *backends: str) -> list[SweepPoint]:
    return list(in_turn(plan, backends or ("sim",)))


def followed(points: Sequence[SweepPoint], name: str) -> float:
    """How far an axis goes along with the order, as numpy says."""
    values = [float(str(dict(point.parameters)[name])) for point in points]
    return abs(float(np.corrcoef(values, range(len(values)))[0, 1]))


def test_no_axis_goes_along_with_the_turn_of_interleaved_points() -> None:
    listed, mixed = [*grid().points()], turn(grid())
    assert followed(listed, "gamma") > 0.99
    assert followed(mixed, "gamma") < 0.05
    assert followed(mixed, "beta") < 0.05


@pytest.mark.parametrize("number", [5, 8, 21])
def test_also_a_single_short_axis_is_freed_of_time(number: int) -> None:
    matrix = {"gamma": {"linspace": [0, 3, number]}, "beta": [0.5]}
    assert followed(turn(plan_of({"matrix": matrix, "order": "interleave"})), "gamma") < 0.02


def test_each_value_of_words_is_spread_evenly() -> None:
    circuits = {"wave": {"qasm": WAVE}, "pair": {"qasm": PAIR}}
    matrix = {"circuit": ["wave", "pair"], "shots": [1, 2, 3, 4, 5, 6], "gamma": [1], "beta": [1]}
    mixed = turn(plan_of({"matrix": matrix, "order": "interleave"}, circuits=circuits))
    at = [n for n, point in enumerate(mixed) if point.circuit == "wave"]
    assert np.mean(at) == pytest.approx(np.mean(range(len(mixed))), abs=0.6)


@pytest.mark.slow
@given(
    repeat=st.integers(1, 3),
    seed=st.integers(0, 9),
    first=st.sampled_from(["interleave", None, "random", "as-written"]),
)
def test_all_are_bought_once_and_listed_as_ever(repeat: int, seed: int, first: str | None) -> None:
    plan = plan_of(
        {"matrix": {"backend": ["a", "b"], "gamma": [0, 1, 2], "beta": [5]}, "repeat": repeat,
         "seed": seed, **({"order": first} if first else {})},
        backends=BACKENDS,
    )  # fmt: skip
    mixed = turn(plan, "a", "b")
    assert sorted(p.id for p in mixed) == sorted(p.id for p in plan.bought())
    if first == "interleave":
        sweep = {"matrix": {"backend": ["a", "b"], "gamma": [0, 1, 2], "beta": [5]}}
        plain = plan_of({**sweep, "repeat": repeat, "seed": seed}, backends=BACKENDS)
        assert names(plan) == names(plain)
        assert [p.id for p in plan.points()] == [p.id for p in plain.points()]
        copies = [copy for copy, _ in groupby(p.repeat for p in turn(plan, "a"))]
        assert copies == sorted(copies)
    elif first is None:
        listed = [point.id for point in plan.bought()]
        assert [point.id for point in mixed] == listed


def test_a_run_that_is_taken_up_goes_on_in_the_same_order() -> None:
    plan = grid(repeat=2)
    whole = [point.id for point in turn(plan)]
    assert [point.id for point in turn(grid(repeat=2))] == whole
    places = [3, 50, 51, 77, 100]
    left = {point.id for point in plan.points_at(places)}
    rest = [point.id for point in in_turn(plan, ("sim",), places=places)]
    assert rest == [one for one in whole if one in left]
    some = in_turn(plan, ("sim",), lambda point: point.repeat == 2)
    assert [point.id for point in some] == whole[60:]


def test_settings_of_a_point_stay_together() -> None:
    observables = {"observables": {"xx": "X0 X1", "zz": "Z0 Z1"}}
    plan = plan_of(
        {"repeat": 6, "order": "interleave"}, circuits={"pair": {"qasm": PAIR}},
        analysis=observables,
    )  # fmt: skip
    mixed = [point_of(point.name) for point in turn(plan)]
    assert len(mixed) == 12
    assert len([*groupby(mixed)]) == 6


def test_a_plan_says_how_far_axes_follow_time() -> None:
    (line,) = told_turns(grid())
    assert "points of sim are bought interleaved: no axis goes along with time by more" in line
    facts = turns_facts(grid())["turns"]["sim"]
    assert facts["gamma"] == pytest.approx(followed(turn(grid()), "gamma"))
    assert not [*told_turns(grid(None))]
    assert turns_facts(grid(None)) == {}


def test_shots_of_forms_and_calibrations_are_no_axis() -> None:
    """All points have the same shots; their further settings have others."""
    mitigation = {"twirl": {"n": 16}, "readout": {"shots": 9}}
    analysis = {"observables": {"z": "Z0"}, "mitigation": mitigation}
    plan = plan_of({"matrix": GRID, "order": "interleave"}, analysis=analysis)
    assert turns_facts(plan)["turns"]["sim"].keys() == {"gamma", "beta"}


@pytest.mark.slow
def test_many_points_are_mixed_in_parts_that_are_drawn() -> None:
    matrix = {"gamma": {"linspace": [0, 3, 300]}, "beta": {"linspace": [0, 3, 200]}}
    mixed = turn(plan_of({"matrix": matrix, "order": "interleave"}))
    assert len({point.id for point in mixed}) == 60_000
    assert followed(mixed, "gamma") < 0.02
    assert followed(mixed, "beta") < 0.02
