"""Which jobs buy what is missing of a sample, held against counting shot by shot."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from qbatch.shots import Bounds, Shots, cut, missing

BOUNDS = st.tuples(st.integers(1, 8), st.none() | st.integers(0, 8)).map(
    lambda pair: Bounds(pair[0], None if pair[1] is None else sum(pair))
)


def shots_of(runs: list[Shots]) -> list[int]:
    return [shot for start, number in runs for shot in range(start, start + number)]


@st.composite
def samples(draw: st.DrawFn) -> list[Shots]:
    """Runs that do not overlap, in any order."""
    found, at = [], 0
    for gap, number in draw(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=4)):
        found.append((at + gap, number))
        at += gap + number
    return draw(st.permutations(found))


@given(samples(), st.integers(0, 80), BOUNDS)
def test_jobs_are_within_bounds_and_buy_no_shot_twice(
    had: list[Shots], wanted: int, bounds: Bounds
) -> None:
    found = missing(had, wanted, bounds)
    assert found == sorted(found)
    assert len({*shots_of(had), *shots_of(found)}) == len(shots_of(had)) + len(shots_of(found))
    for _, number in found:
        assert bounds.least <= number <= (bounds.most or number)


@given(samples(), st.integers(0, 80), BOUNDS)
def test_as_many_shots_are_there_as_are_wanted_or_too_few_more_for_a_job_less(
    had: list[Shots], wanted: int, bounds: Bounds
) -> None:
    found = missing(had, wanted, bounds)
    there = len(shots_of(had)) + len(shots_of(found))
    if not found:
        assert there >= wanted
        return
    assert wanted <= there
    if bounds.least == 1:
        assert there == wanted
    assert all(there - number < wanted for _, number in found)


@given(samples(), st.integers(0, 80), st.integers(1, 9))
def test_without_a_least_number_the_lowest_free_shots_are_taken(
    had: list[Shots], wanted: int, most: int
) -> None:
    there = set(shots_of(had))
    free = [shot for shot in range(200) if shot not in there][: max(0, wanted - len(there))]
    assert shots_of(missing(had, wanted, Bounds(1, most))) == free


@given(st.integers(1, 500), BOUNDS)
def test_a_sample_is_cut_into_the_fewest_jobs_as_even_as_possible(
    wanted: int, bounds: Bounds
) -> None:
    sizes = [number for _, number in missing([], wanted, bounds)]
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) - min(sizes) <= 1
    assert bounds.most is None or (len(sizes) - 1) * bounds.most < wanted
    assert bounds.divides(wanted) == (sum(sizes) == wanted)
    assert [size for size, times in cut(wanted, bounds) for _ in range(times)] == sizes


@given(st.integers(1, 500), BOUNDS, st.randoms(use_true_random=False))
def test_jobs_that_are_still_missing_are_the_same_whichever_are_there(
    wanted: int, bounds: Bounds, order: random.Random
) -> None:
    jobs = missing([], wanted, bounds)
    there = [job for job in jobs if order.random() < 0.5]
    assert missing(there, wanted, bounds) == [job for job in jobs if job not in there]
