"""The value without noise: by curves that numpy and closed forms give, with its interval.

Coverage over many ways of measuring: `coverage_of_zne`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.result.extrapolation import (
    NoExtrapolationError,
    Scaled,
    extrapolated,
    widened,
)
from qbatch.result.independent import Sample
from tests.proving import Allowance
from tests.result.coverage_of_zne import FITS, KINDS, SHOTS, row


def shots(mean: float, number: int) -> Sample:
    """Shots of ±1 with this mean, as nearly as can be."""
    ones = round(number * (1 + mean) / 2)
    there = [(value, n) for value, n in ((-1.0, number - ones), (1.0, ones)) if n]
    values, counts = (np.array(column) for column in zip(*there, strict=True))
    return Sample(values, counts, (-1.0, 1.0), True)


def at(scales: list[float], means: list[float], number: int = 10**6) -> list[Scaled]:
    return [Scaled(s, [shots(m, number)]) for s, m in zip(scales, means, strict=True)]


@given(st.lists(st.floats(-0.9, 0.9), min_size=3, max_size=5))
@settings(max_examples=30, deadline=None)
def test_richardson_is_the_polynomial_through_all_values(means: list[float]) -> None:
    scales = [1, 1.5, 2.25, 3, 4][: len(means)]
    found = at(scales, means)
    theirs = np.polynomial.Polynomial.fit(scales, [each.value for each in found], len(means) - 1)
    told = extrapolated(found, "richardson")
    assert told.estimate.value == pytest.approx(float(theirs(0)), abs=1e-9)
    assert told.dof == 0
    assert told.p is None


@given(st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=6))
@settings(max_examples=30, deadline=None)
def test_a_line_is_that_of_weighted_least_squares(means: list[float]) -> None:
    scales = [1, 1.5, 2, 3, 4, 5][: len(means)]
    found = at(scales, means)
    errors = np.array([each.se for each in found])
    values = [each.value for each in found]
    slope, theirs = np.polyfit(scales, values, 1, w=1 / errors)
    told = extrapolated(found, "linear")
    assert told.estimate.value == pytest.approx(theirs, abs=2e-5)
    chi2 = float((((slope * np.array(scales) + theirs) - values) ** 2 / errors**2).sum())
    assert told.chi2 == pytest.approx(chi2, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(("height", "end"), [(0.9, 0.0), (-0.6, 0.25), (0.5, 0.25), (1, 0)])
def test_a_decay_is_followed_to_no_noise(height: float, end: float) -> None:
    scales = [1.0, 2.0, 3.0]
    means = [end + height * math.exp(-0.3 * scale) for scale in scales]
    told = extrapolated(at(scales, means, 10**8), "exponential", end)
    assert told.estimate.value == pytest.approx(end + height, abs=1e-5)
    assert told.estimate.low < end + height < told.estimate.high


def test_a_decay_that_is_not_seen_is_no_number() -> None:
    with pytest.raises(NoExtrapolationError, match="standard errors away from 0"):
        extrapolated(at([1, 2, 3], [0.1, 0.02, 0.01], 100), "exponential")


def test_what_has_no_noise_is_what_it_is_and_keeps_a_width() -> None:
    for fit in ("linear", "richardson", "exponential"):
        told = extrapolated(at([1, 2, 3], [1, 1, 1], 1000), fit).estimate
        assert told.value == pytest.approx(1, abs=1e-12)
        assert told.se == 0
        assert 0.9 < told.low < told.value <= told.high


def test_values_that_lie_on_no_line_widen_the_interval() -> None:
    straight = extrapolated(at([1, 2, 3], [0.9, 0.8, 0.7]), "linear")
    bent = extrapolated(at([1, 2, 3], [0.9, 0.85, 0.7]), "linear")
    assert straight.p is not None
    assert bent.p is not None
    assert straight.p > 0.9
    assert bent.p < 1e-6
    assert bent.estimate.se > 10 * straight.estimate.se


def test_parts_in_several_bases_add_up() -> None:
    found = [Scaled(s, [shots(0.5 - 0.1 * s, 1000), shots(0.3, 4000)], 2.0) for s in (1, 2, 3)]
    told = extrapolated(found, "linear")
    assert told.estimate.value == pytest.approx(2.8, abs=2e-3)
    assert told.values == pytest.approx([2.7, 2.6, 2.5])


def test_a_number_that_no_shot_decides_is_known() -> None:
    told = extrapolated([Scaled(1, [], 3.0), Scaled(2, [], 3.0)], "linear").estimate
    assert (told.low, told.value, told.high) == (3, 3, 3)


def test_what_the_plan_says_of_errors_is_what_they_become() -> None:
    for scales, fit in (([1, 2, 3], "richardson"), ([1, 1.5, 2, 3], "linear")):
        found = at([float(scale) for scale in scales], [0.5] * len(scales), 10**5)
        ratio = extrapolated(found, fit).estimate.se / found[0].se
        assert ratio == pytest.approx(widened(scales, fit), rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("fit", FITS)
def test_the_interval_covers_what_is_true_as_often_as_it_says(fit: str) -> None:
    assert 0.9 <= row(fit, "product", 1000, 150, seed=7).covered <= 0.995


@pytest.mark.slow
@pytest.mark.parametrize("fit", FITS)
def test_coverage_is_nominal_at_100_to_100_000_shots(fit: str) -> None:
    """Of 800 experiments a share of 95 % strays by 0.8 %, of 300 by 1.3 %."""
    allowance = Allowance(5.0)
    for kind in KINDS:
        for shots in SHOTS:
            found = row(fit, kind, shots, 300 if allowance.is_spent else 800, seed=3)
            assert 0.91 <= found.covered <= 0.985, found
            assert found.judged >= 0.92, found
