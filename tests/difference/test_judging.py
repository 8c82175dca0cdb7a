"""What is called changed, held against scipy, Holm's procedure by hand, and simulation."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import qbatch
from qbatch.difference import Side, Word, compare
from qbatch.errors import SelectionError
from qbatch.result import Estimate
from tests.difference.simulated import SHARES, false_alarms, power, side_of_shares
from tests.proving import patiently

GUIDE = Path(qbatch.__file__).parent / "guide" / "comparing.md"


def holm(p_values: list[float], rate: float) -> set[int]:
    """Which are rejected, by the book."""
    rejected: set[int] = set()
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    for rank, at in enumerate(order):
        if p_values[at] > rate / (len(p_values) - rank):
            break
        rejected.add(at)
    return rejected


@pytest.mark.parametrize("seed", range(8))
def test_p_values_are_fishers_and_verdicts_are_holms(seed: int) -> None:
    random = np.random.default_rng(seed)
    there = [min(1.0, share + (0.08 if at % 3 == 0 else 0.0)) for at, share in enumerate(SHARES)]
    found = compare(
        side_of_shares("a", SHARES, 1000, random),
        side_of_shares("b", there, 1000, random),
        error_rate=0.05,
    )
    p_values = []
    for one in found.changes:
        ones = [round((1 - side.value) / 2 * 1000) for side in (one.here, one.there)]
        table = [[ones[0], 1000 - ones[0]], [ones[1], 1000 - ones[1]]]
        p_values.append(float(stats.fisher_exact(table).pvalue))
    assert [one.p_value for one in found.changes] == pytest.approx(p_values, rel=1e-6, abs=1e-15)
    changed = {at for at, one in enumerate(found.changes) if one.word is Word.CHANGED}
    assert changed == holm(p_values, 0.05)


def test_the_interval_of_a_change_is_newcombes() -> None:
    """Newcombe's method 10, Stat. Med. 17, 873 (1998), example (a): 56/70 and 48/80."""
    here, there = (wilson_by_hand(*pair) for pair in ((48, 80), (56, 70)))
    found = compare(one_number("a", here), one_number("b", there))
    (one,) = found.changes
    assert (one.change, one.low, one.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def wilson_by_hand(ones: int, shots: int) -> Estimate:
    z, p = 1.959964, ones / shots
    middle = (p + z * z / (2 * shots)) / (1 + z * z / shots)
    half = z / (1 + z * z / shots) * math.sqrt(p * (1 - p) / shots + z * z / (4 * shots * shots))
    return Estimate(p, math.sqrt(p * (1 - p) / shots), middle - half, middle + half)


def one_number(name: str, estimate: Estimate, shots: int = 100) -> Side:
    from qbatch.difference.sides import Asked, Told

    told = Told(name, Asked("one", "sim", (), shots), shots, {"z": estimate})
    return Side(name, [told], 0, 0.95, None, {})


@pytest.mark.parametrize("knows_shots", [True, False])
def test_runs_of_one_manifest_are_seldom_called_changed(knows_shots: bool) -> None:
    assert false_alarms(60, knows_shots=knows_shots, shots=300) <= 9  # P < 1e-3 at 5 %


@pytest.mark.slow
@pytest.mark.parametrize("shots", [100, 1000, 10_000])
@pytest.mark.parametrize("knows_shots", [True, False])
def test_of_a_thousand_pairs_as_many_are_called_changed_as_is_said(
    knows_shots: bool, shots: int
) -> None:
    pairs = 1000
    found = false_alarms(pairs, knows_shots=knows_shots, shots=shots) / pairs
    assert found <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / pairs)
    assert found == pytest.approx(percents(f"| {shots:,} |")[not knows_shots], abs=0.0006)


def percents(begin: str) -> list[float]:
    """The figures of a row of the guide's tables."""
    (line,) = (each for each in GUIDE.read_text("utf-8").splitlines() if each.startswith(begin))
    return [float(text) / 100 for text in re.findall(r"([\d.]+) %", line)]


@pytest.mark.slow
@pytest.mark.parametrize("shift", range(1, 6))
def test_the_guides_power_curve_is_as_often_as_shifts_are_seen(shift: int) -> None:
    pairs, expected = patiently(150), percents("| seen |")[shift - 1]
    error = math.sqrt(max(expected * (1 - expected), 0.02) / pairs)
    assert abs(power(shift, pairs) - expected) <= 4 * error


@pytest.mark.parametrize(("shift", "expected"), [(1, 0.0), (3, 0.3), (5, 0.9)])
def test_a_shift_is_seen_as_often_as_its_size_says(shift: float, expected: float) -> None:
    """One number at eight points, one of them shifted by so many standard errors of its change."""
    pairs = 40
    seen = power(shift, pairs)
    limit = stats.norm.sf(stats.norm.isf(0.05 / 16) - shift)  # Bonferroni's, Holm's first step
    assert abs(seen - limit) <= 3.5 * math.sqrt(max(limit * (1 - limit), 0.02) / pairs)
    assert limit >= expected


def test_what_is_said_to_be_seen_is_seen_four_times_out_of_five() -> None:
    shots, pairs = 2000, 60
    random = np.random.default_rng(5)
    told = compare(*(side_of_shares(n, [0.5] * 4, shots, random) for n in "ab"), error_rate=0.05)
    step = told.changes[0].detectable / 2  # of Z, which is 1 - 2 p
    seen = 0
    for _ in range(pairs):
        here = side_of_shares("a", [0.5] * 4, shots, random)
        there = side_of_shares("b", [0.5 + step, 0.5, 0.5, 0.5], shots, random)
        seen += compare(here, there, error_rate=0.05).changes[0].word is Word.CHANGED
    assert 0.62 <= seen / pairs <= 0.95


@pytest.mark.parametrize("knows_shots", [True, False])
def test_repeats_that_scatter_are_no_change(knows_shots: bool) -> None:
    """Each repeat drifts by far more than shot noise, on both sides alike."""
    called = []
    for seed in range(30):
        random = np.random.default_rng(seed)
        sides = [
            side_of_shares(
                name, [0.5] * 3, 10_000, random, repeats=4, scatter=0.05, knows_shots=knows_shots
            )
            for name in "ab"
        ]
        found = compare(*sides, error_rate=0.05)
        called += [one.word for one in found.changes]
        assert all(
            one.reason == "repeats of one run differ as much"
            for one in found.changes
            if one.word is Word.UNDECIDED
        )
    assert called.count(Word.CHANGED) <= 5
    assert called.count(Word.UNDECIDED) > 50


def test_a_change_beyond_the_scatter_of_repeats_is_one() -> None:
    random = np.random.default_rng(3)
    here = side_of_shares("a", [0.3], 10_000, random, repeats=5, scatter=0.01)
    there = side_of_shares("b", [0.7], 10_000, random, repeats=5, scatter=0.01)
    assert compare(here, there).word is Word.CHANGED


def test_a_tolerance_asks_for_an_interval_within_it() -> None:
    random = np.random.default_rng(4)
    many = [side_of_shares(name, [0.5], 1_000_000, random) for name in "ab"]
    few = [side_of_shares(name, [0.5], 100, random) for name in "ab"]
    assert compare(*many, within={"z": 0.02}).word is Word.SAME
    assert compare(*few, within={"": 0.02}).word is Word.UNDECIDED
    assert compare(*few).word is Word.SAME
    moved = side_of_shares("b", [0.505], 1_000_000, random)
    assert compare(many[0], moved).word is Word.CHANGED
    assert compare(many[0], moved, within={"z": 0.02}).word is Word.SAME
    with pytest.raises(SelectionError, match="a tolerance is given for 'zz'"):
        compare(*many, within={"zz": 0.1})


def test_one_shot_each_shows_nothing() -> None:
    random = np.random.default_rng(6)
    found = compare(*(side_of_shares(name, [0.5], 1, random) for name in "ab"))
    assert found.word is Word.UNDECIDED
    assert found.changes[0].reason == "too few shots to show any change"


def test_sides_that_ask_nothing_in_common_are_told_what_they_ask() -> None:
    random = np.random.default_rng(6)
    here = side_of_shares("a", [0.5], 10, random)
    there = side_of_shares("b", [0.5], 10, random)
    other = [one.asked._replace(backend="qpu") for one in there.told]
    moved = replace(
        there, told=[replace(one, asked=a) for one, a in zip(there.told, other, strict=True)]
    )
    with pytest.raises(SelectionError, match=r"a asks .*backend sim.* b asks .*backend qpu"):
        compare(here, moved)


def test_points_are_named_as_plans_name_them() -> None:
    random = np.random.default_rng(8)
    sides = []
    for name in "ab":
        side = side_of_shares(name, [0.5, 0.5], 10, random)
        told = [
            replace(one, asked=one.asked._replace(parameters=(("theta", value),)))
            for one, value in zip(side.told, (math.pi / 2, math.pi), strict=True)
        ]
        sides.append(replace(side, told=told))
    found = compare(*sides)
    assert [found.name(one.asked) for one in found.changes] == ["theta=1.5708", "theta=3.14159"]
