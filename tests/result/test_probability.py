"""Probabilities by pattern, and distances from a target, carry honest intervals."""

from __future__ import annotations

import math
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import Counts, NotationError, distances, probability, wilson

AB = (("a", 2), ("b", 1))
BELL = {"00": 0.5, "11": 0.5}
C2 = (("c", 2),)
outcomes = st.dictionaries(st.integers(0, 7), st.integers(1, 50), min_size=1)


@given(outcomes, st.text("01*", min_size=3, max_size=3))
def test_a_pattern_matches_as_a_glob_of_question_marks_does(
    numbers: dict[int, int], pattern: str
) -> None:
    counts = Counts.from_ints(AB, list(numbers), list(numbers.values()))
    glob = f"{pattern[0]} {pattern[1:]}".replace("*", "?")
    hits = sum(n for key, n in counts.to_dict().items() if fnmatchcase(key, glob))
    assert probability(counts, pattern) == wilson(hits, counts.shots)
    assert probability(counts, f"{pattern[0]} {pattern[1:]}") == wilson(hits, counts.shots)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("00", r"2 of 3 bits .* b\[1\] a\[2\]"),
        ("00 1", "misplaced space"),
        ("0x1", "column 2: 'x' is none of"),
        ("", "0 of 3 bits"),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused(pattern: str, problem: str) -> None:
    with pytest.raises(NotationError, match=problem):
        probability(Counts.from_dict(AB, {"000": 1}), pattern)


def test_wilsons_interval_is_the_textbooks() -> None:
    estimate = wilson(81, 263)  # Newcombe, Stat. Med. 17, 857 (1998), table I
    assert (estimate.low, estimate.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


@given(outcomes, st.sampled_from([0.68, 0.95, 0.999]))
def test_distances_are_what_their_formulas_say(numbers: dict[int, int], level: float) -> None:
    counts = Counts.from_ints(AB, list(numbers), list(numbers.values()))
    target = {"000": 0.25, "0 11": 0.25, "101": 0.5}
    asked = {0: 0.25, 3: 0.25, 5: 0.5}
    p = {key: n / counts.shots for key, n in numbers.items()}
    tvd = sum(abs(p.get(key, 0) - asked.get(key, 0)) for key in range(8)) / 2
    overlap = sum(math.sqrt(p.get(key, 0) * q) for key, q in asked.items())
    found = distances(counts, target, ["tvd", "hellinger", "fidelity"], level)
    assert found["tvd"][0].value == pytest.approx(tvd)
    assert found["hellinger"][0].value == pytest.approx(math.sqrt(max(0, 1 - overlap)), abs=1e-7)
    assert found["fidelity"][0].value == pytest.approx(overlap**2)
    for estimate, floor in found.values():
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
        assert estimate.floor == floor


def test_distances_repeat_bit_for_bit() -> None:
    counts = Counts.from_dict(C2, {"00": 480, "11": 500, "01": 20})
    assert distances(counts, BELL, ["tvd"]) == distances(counts, dict(BELL), ["tvd"])


def test_a_wide_register_has_distances_too() -> None:
    zeros, ones = "0" * 120, "1" * 120
    counts = Counts.from_dict((("c", 120),), {zeros: 400, ones: 500, "01" * 60: 100})
    estimate, _ = distances(counts, {ones: 0.5, zeros: 0.5}, ["tvd"])["tvd"]
    assert estimate.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"00": 0.5, "11": 0.4}, "add up to 0.9"),
        ({"00": 1.5, "11": -0.5}, "-0.5 is no probability"),
        ({"00": 0.5, "1": 0.5}, "does not fit"),
        ({"00": math.nan, "11": 0.5}, "no probability"),
        ({}, "add up to 0"),
    ],
)
def test_a_target_that_is_no_distribution_is_refused(
    target: dict[str, float], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        distances(Counts.from_dict(C2, {"00": 1}), target, ["tvd"])


def test_the_same_outcome_twice_in_a_target_is_refused() -> None:
    counts = Counts.from_dict(AB, {"000": 1})
    with pytest.raises(ValueError, match="stands twice"):
        distances(counts, {"000": 0.5, "0 00": 0.5}, ["tvd"])


def test_an_unknown_metric_is_named() -> None:
    with pytest.raises(ValueError, match="'kl' is unknown"):
        distances(Counts.from_dict(C2, {"00": 1}), BELL, ["kl"])


@pytest.mark.parametrize("metric", ["tvd", "hellinger", "fidelity"])
def test_shots_that_all_agree_leave_room_for_what_they_did_not_show(metric: str) -> None:
    few, many = (
        distances(Counts.from_dict(C2, {"00": shots}), {"00": 1.0}, [metric])[metric][0]
        for shots in (5, 5000)
    )
    assert few.low < few.high
    assert 0 < many.high - many.low < (few.high - few.low) / 10


def test_the_distance_of_agreeing_shots_is_bounded_like_their_proportion() -> None:
    estimate, _ = distances(Counts.from_dict(C2, {"00": 50}), {"00": 1.0}, ["tvd"])["tvd"]
    assert (estimate.low, estimate.high) == pytest.approx(wilson(0, 50).judged)
