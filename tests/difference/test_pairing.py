"""Backends compared with each other: pairs by what else they ask, all of them one family."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from qbatch.difference import Side, Word, compare, compare_between, compare_mapped, standings
from qbatch.errors import SelectionError
from tests.difference.simulated import side_of_shares

FOUR = {"good": 0.02, "fair": 0.1, "twin": 0.1, "poor": 0.3}


def devices(shares: dict[str, float], seed: int, *, points: int = 2, shots: int = 4000) -> Side:
    """One run of several devices; at each point a device measures 1 with its own share."""
    random = np.random.default_rng(seed)
    told = []
    for name, share in shares.items():
        side = side_of_shares(name, [share] * points, shots, random)
        told += [replace(one, asked=one.asked._replace(backend=name)) for one in side.told]
    return replace(side, name="runs/devices", told=told)


def only(run: Side, name: str) -> Side:
    """One of its devices, under a name that all have."""
    told = [one for one in run.told if one.asked.backend == name]
    return replace(run, told=[replace(t, asked=t.asked._replace(backend="any")) for t in told])


def test_each_pair_is_judged_as_two_sides_would_be_but_all_as_one_family() -> None:
    run = devices(FOUR, 1)
    found = compare_between(run, "backend")
    assert len(found.changes) == 6 * 2
    for one in found.changes:
        pair = tuple(one.asked.backend.split(" → "))
        two = compare(*(only(run, name) for name in pair)).changes
        (alone,) = (each for each in two if each.asked.parameters == one.asked.parameters)
        assert (one.here, one.there, one.p_value) == (alone.here, alone.there, alone.p_value)
        assert one.detectable > alone.detectable
    assert {tuple(one.asked.backend.split(" → ")) for one in found.changes} == {
        *combinations(FOUR, 2)
    }


def test_devices_stand_in_their_order_and_equal_ones_are_not_told_apart() -> None:
    for standing in standings(compare_between(devices(FOUR, 2), "backend")):
        first, *middle, last = standing.estimates
        assert (first, {*middle}, last) == ("good", {"fair", "twin"}, "poor")
        assert standing.apart == [True, False, True]
        assert standing.order.count(" > ") == 2
        assert standing.order.count(" ≈ ") == 1


@pytest.mark.slow
def test_equal_devices_are_hardly_ever_told_apart() -> None:
    """At an error rate of 5 %, of 15 pairs at a point: 300 runs, 4 standard errors above."""
    equal = dict.fromkeys("abcdef", 0.3)
    runs = (devices(equal, seed, points=1, shots=500) for seed in range(300))
    alarms = sum(
        compare_between(run, "backend", error_rate=0.05).word is Word.CHANGED for run in runs
    )
    assert alarms <= 300 * 0.05 + 4 * (300 * 0.05 * 0.95) ** 0.5


def test_values_are_taken_in_the_order_in_which_they_are_named() -> None:
    found = compare_between(devices(FOUR, 3), "backend", ["poor", "good"])
    assert {one.change > 0 for one in found.changes} == {True}  # z falls with the share
    assert [side.name for side in found.sides] == [
        "runs/devices, backend=poor",
        "runs/devices, backend=good",
    ]
    assert not list(standings(found))


def test_any_axis_is_compared_at_all_the_others() -> None:
    found = compare_between(devices(FOUR, 4), "x", ["1.0", "0"])
    assert [one.asked.backend for one in found.changes] == [*FOUR]
    assert {found.sides[0].own(one.asked).values["x"] for one in found.changes} == {1}


def test_a_backend_is_compared_with_another_one_of_another_run() -> None:
    monday, friday = devices(FOUR, 5), devices(FOUR, 6)
    found = compare_mapped(monday, friday, {"good": "poor"})
    words = {one.asked.backend: one.word for one in found.changes}
    assert words == {"good → poor": Word.CHANGED, "fair": Word.SAME, "twin": Word.SAME}
    assert {asked.backend for asked in found.only[0]} == {"poor"}


@pytest.mark.parametrize(
    ("axis", "values", "told"),
    [
        (
            "bakend",
            [],
            "runs/devices has no axis 'bakend'; did you mean 'backend'?",
        ),
        ("backend", ["good", "por"], "runs/devices has no backend 'por'; did you mean 'poor'?"),
        ("backend", ["good", "good"], "a value of backend is named twice"),
        ("backend", ["good"], "backend has one value only, good"),
        ("circuit", [], "circuit has one value only, one"),
        ("shots", [], "shots say how well a number is known"),
    ],
)
def test_what_cannot_be_compared_is_said(axis: str, values: list[str], told: str) -> None:
    with pytest.raises(SelectionError) as caught:
        compare_between(devices(FOUR, 7), axis, values)
    assert told in str(caught.value)


def test_too_many_values_are_refused_with_those_to_name() -> None:
    run = side_of_shares("many", [0.5] * 17, 10, np.random.default_rng(8))
    with pytest.raises(SelectionError, match=r"17 values, of which 16 .* --between x=0,1"):
        compare_between(run, "x")


@pytest.mark.parametrize(
    ("backends", "told"),
    [
        ({"god": "poor"}, "runs/devices has no backend 'god'; did you mean 'good'?"),
        ({"good": "por"}, "runs/devices has no backend 'por'"),
        ({"good": "poor", "fair": "poor"}, "two backends of A are mapped to one of B"),
    ],
)
def test_a_backend_that_is_not_there_is_mapped_to_none(backends: dict[str, str], told: str) -> None:
    with pytest.raises(SelectionError) as caught:
        compare_mapped(devices(FOUR, 9), devices(FOUR, 10), backends)
    assert told in str(caught.value)
