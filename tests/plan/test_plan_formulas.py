"""P42: axes that are made of other axes by a formula."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import mistakes_of, names, plan_of

WAVE = """OPENQASM 3.0;
include "stdgates.inc";
input float gamma;
qubit q;
bit c;
rx(gamma) q;
c = measure q;
"""
CIRCUITS = {"wave": {"qasm": WAVE}}


def values(sweep: Any, **more: Any) -> list[dict[str, Any]]:
    return [dict(point.parameters) for point in plan_of(sweep, circuits=CIRCUITS, **more).points()]


@given(
    st.lists(st.floats(-5, 5), min_size=2, max_size=5, unique=True),
    st.integers(1, 9),
)
def test_a_formula_is_worked_out_at_each_point(taus: list[float], f: int) -> None:
    """Python's own arithmetic is the independent answer; the axis adds no points."""
    sweep = {"matrix": {"tau": taus, "gamma": {"formula": "2*pi*f*tau + tau**2/3"}}}
    found = values(sweep, vars={"f": f})
    assert [point["tau"] for point in found] == taus
    expected = [2 * math.pi * f * tau + tau**2 / 3 for tau in taus]
    assert [point["gamma"] for point in found] == pytest.approx(expected)


def test_formulas_read_zipped_axes_and_one_another_in_any_order() -> None:
    sweep = {
        "matrix": {"gamma": {"formula": "half + b"}, "half": {"formula": "(a - b)/2"}},
        "zip": {"a": [1, 5], "b": [3, 4]},
    }
    assert [point["gamma"] for point in values(sweep)] == [2.0, 4.5]


def test_a_point_is_that_whose_values_are_written_out() -> None:
    made = plan_of({"matrix": {"t": [1, 2], "gamma": {"formula": "t/4"}}}, circuits=CIRCUITS)
    written = plan_of({"matrix": {"gamma": [0.25, 0.5]}}, circuits=CIRCUITS)
    assert [one.id for one in made.points()] == [one.id for one in written.points()]
    assert names(made) == ["t=1,gamma=0.25", "t=2,gamma=0.5"]


def test_a_trial_of_what_a_formula_reads_works_it_out_anew_and_keeps_the_order_of_axes() -> None:
    sweep = {"matrix": {"t": [1], "gamma": {"formula": "2*t"}}}
    made = plan_of(sweep, circuits=CIRCUITS, flags=["t=3,4"])
    assert names(made) == ["t=3,gamma=6", "t=4,gamma=8"]


@pytest.mark.parametrize(
    ("matrix", "told"),
    [
        ({"t": [1], "gamma": {"formula": "2*tt"}}, "'tt' is no axis of matrix or zip and no var"),
        ({"gamma": {"formula": "2*pi"}}, "reads no axis; write its value, as in [2*pi]"),
        ({"t": [1, 2], "s": [1, 2], "gamma": {"formula": "s*t"}}, "vary apart (s, t); zip them"),
        ({"t": ["x", 1], "gamma": {"formula": "2*t"}}, "t is x, which is no number"),
        (
            {"t": [1, 0], "gamma": {"formula": "1/t"}},
            "at t=0 the formula of 'gamma' divides by zero",
        ),
        ({"gamma": {"formula": "2*gamma"}}, "needs its own value"),
        ({"t": [1], "gamma": [1], "shots": {"formula": "t/2"}}, "0.5 is no whole number"),
        ({"t": [1], "gamma": [1], "backend": {"formula": "t"}}, "a formula makes numbers"),
    ],
)
def test_a_formula_that_cannot_be_worked_out_is_told_once_at_its_place(matrix, told) -> None:
    (found,) = mistakes_of({"matrix": matrix}, circuits=CIRCUITS)
    assert told in found
    assert found.startswith("m.yaml:")


def test_an_override_may_not_leave_what_a_formula_made_as_it_was() -> None:
    sweep = {"matrix": {"t": [1, 2], "gamma": {"formula": "2*t"}}}
    change = {"where": {"t": 1}, "set": {"t": 7}}
    (found,) = mistakes_of({**sweep, "overrides": [change]}, circuits=CIRCUITS)
    assert "'gamma' is made of t by a formula; set 'gamma' as well" in found
    both = {"where": {"t": 1}, "set": {"t": 7, "gamma": 14}}
    assert not mistakes_of({**sweep, "overrides": [both]}, circuits=CIRCUITS)
