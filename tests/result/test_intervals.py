"""S1 and S4: intervals are what their definitions say, computed in the tests by other ways."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from qbatch.result import Counts, expectation_value, parse_observable, wilson
from qbatch.result.intervals import clopper_pearson, mean_intervals, normal_quantile

LEVELS = (0.5, 0.68, 0.95, 0.999)
BOUNDS = (-6.0, 6.0)
samples = st.dictionaries(
    st.integers(-6, 6).map(float), st.integers(1, 400), min_size=1, max_size=5
)


def arrays(sample: dict[float, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(sorted(sample)), np.array([sample[value] for value in sorted(sample)])


def kl_inf(values: np.ndarray, counts: np.ndarray, mean: float, top: float) -> float:
    """Honda and Takemura's KL_inf in its dual form, by a library's minimiser."""
    shares, most = counts / counts.sum(), 1 / (top - mean)

    def loss(weight: float) -> float:
        return -float(shares @ np.log(np.maximum(1 - weight * (values - mean), 1e-300)))

    found = optimize.minimize_scalar(
        loss, bounds=(0, most), method="bounded", options={"xatol": 1e-12}
    )
    return max(0.0, -found.fun, -loss(most * (1 - 1e-13)))


def largest_likely_mean(values: np.ndarray, counts: np.ndarray, top: float, level: float) -> float:
    limit = normal_quantile(level) ** 2 / 2 / counts.sum()
    mean = float(counts @ values / counts.sum())
    if kl_inf(values, counts, top - 1e-12, top) <= limit or mean == top:
        return top
    return float(
        optimize.brentq(lambda m: kl_inf(values, counts, m, top) - limit, mean, top - 1e-12)
    )


@settings(max_examples=60)
@given(samples, st.sampled_from(LEVELS))
def test_empirical_likelihood_is_what_minimising_the_divergence_gives(
    sample: dict[float, int], level: float
) -> None:
    values, counts = arrays(sample)
    (low, high), _ = mean_intervals(values, counts, BOUNDS, level)
    assert high == pytest.approx(largest_likely_mean(values, counts, 6.0, level), abs=2e-6)
    assert low == pytest.approx(-largest_likely_mean(-values, counts, 6.0, level), abs=2e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("ones", "shots"), [(0, 7), (1, 7), (30, 1000), (999_999, 1_000_000)])
def test_for_two_values_it_is_where_the_binary_divergence_is_reached(
    ones: int, shots: int, level: float
) -> None:
    def binary(p: float, m: float) -> float:
        terms = ((p, m), (1 - p, 1 - m))
        return sum(a * math.log(a / b) for a, b in terms if a > 0)

    values = np.array([0.0, 1.0] if ones else [0.0])
    counts = np.array([shots - ones, ones] if ones else [shots])
    (low, high), _ = mean_intervals(values, counts, (0.0, 1.0), level)
    limit = normal_quantile(level) ** 2 / 2 / shots
    assert binary(ones / shots, high) == pytest.approx(limit, rel=1e-5)
    assert low == 0 if ones == 0 else binary(ones / shots, low) == pytest.approx(limit, rel=1e-5)


def test_shots_that_all_agree_leave_what_the_closed_form_says() -> None:
    (low, high), (least, most) = mean_intervals(np.array([2.0]), np.array([50]), BOUNDS, 0.95)
    assert high == pytest.approx(6 - 4 * math.exp(-(1.959964**2) / 100), abs=1e-6)
    assert low == pytest.approx(-6 + 8 * math.exp(-(1.959964**2) / 100), abs=1e-6)
    assert most == pytest.approx(2 + 4 * (1 - 0.025 ** (1 / 50)), rel=0.003)
    assert least == pytest.approx(2 - 8 * (1 - 0.025 ** (1 / 50)), rel=0.01)


@pytest.mark.parametrize("shots", [1, 2, 10, 1000, 10**7])
@pytest.mark.parametrize("level", LEVELS)
def test_clopper_and_pearsons_ends_leave_exactly_the_tails(shots: int, level: float) -> None:
    for ones in {0, 1, shots // 3, shots - 1, shots}:
        low, high = clopper_pearson(ones, shots, level)
        tail = (1 - level) / 2
        assert (
            low == 0 if ones == 0 else stats.binom.sf(ones - 1, shots, low) == pytest.approx(tail)
        )
        assert (
            high == 1
            if ones == shots
            else stats.binom.cdf(ones, shots, high) == pytest.approx(tail)
        )


@given(st.integers(1, 10_000), st.floats(0, 1), st.sampled_from(LEVELS))
def test_wilsons_ends_solve_the_score_equation(shots: int, part: float, level: float) -> None:
    ones = round(part * shots)
    estimate = wilson(ones, shots, level)
    z = stats.norm.ppf((1 + level) / 2)
    for end in (estimate.low, estimate.high):
        assert abs(ones / shots - end) == pytest.approx(
            z * math.sqrt(end * (1 - end) / shots), abs=1e-9
        )


@pytest.mark.parametrize("shots", [2, 3, 10, 100, 10_000])
def test_gaffkes_interval_of_two_values_is_clopper_and_pearsons(shots: int) -> None:
    for ones in range(1, shots, max(1, shots // 10)):
        counts = np.array([shots - ones, ones])
        _, (low, high) = mean_intervals(np.array([0.0, 1.0]), counts, (0.0, 1.0), 0.95)
        tails = stats.binom.sf(ones - 1, shots, low), stats.binom.cdf(ones, shots, high)
        assert min(tails) > 0.95 * 0.025  # the saddlepoint errs to the safe side
        assert max(tails) < 1.0005 * 0.025


@settings(max_examples=15)
@given(samples)
def test_gaffkes_ends_are_quantiles_of_means_under_dirichlet_weights(
    sample: dict[float, int],
) -> None:
    values, counts = arrays(sample)
    _, (low, high) = mean_intervals(values.copy(), counts, BOUNDS, 0.95)
    rng = np.random.default_rng(1)
    for end, x in ((high, values), (-low, -values)):
        means = rng.dirichlet(np.append(counts, 1), size=20_000) @ np.append(x, 6.0)
        if counts @ x < 6 * counts.sum():
            assert 0.020 < np.mean(means > end) < 0.0285


def one_sided_errors(
    p: np.ndarray, values: np.ndarray, shots: int, ends: Callable[[np.ndarray], tuple[float, float]]
) -> tuple[float, float]:
    """Exact probabilities that the truth lies below the interval and above it."""
    truth, below, above = float(p @ values), 0.0, 0.0
    for ones in range(shots + 1):
        for twos in range(shots + 1 - ones):
            drawn = np.array([shots - ones - twos, ones, twos])
            chance = stats.multinomial.pmf(drawn, shots, p)
            low, high = ends(drawn)
            below += chance * (truth < low - 1e-12)
            above += chance * (truth > high + 1e-12)
    return below, above


@pytest.mark.parametrize("shots", [1, 2, 3, 7, 12])
def test_judging_three_values_is_wrong_at_most_as_often_as_said(shots: int) -> None:
    """S4."""
    values = np.array([-2.0, 1.0, 2.0])
    found = {}
    for ones in range(shots + 1):
        for twos in range(shots + 1 - ones):
            drawn = np.array([shots - ones - twos, ones, twos])
            kept = drawn > 0
            found[drawn.tobytes()] = mean_intervals(values[kept], drawn[kept], (-2.0, 2.0), 0.95)[1]
    for p in (
        [0.5, 0.3, 0.2],
        [0.02, 0.9, 0.08],
        [0.9, 0.09, 0.01],
        [0.01, 0.29, 0.7],
        [0, 0.6, 0.4],
    ):
        errors = one_sided_errors(np.array(p), values, shots, lambda drawn: found[drawn.tobytes()])
        assert max(errors) <= 0.025


@pytest.mark.parametrize("shots", [1, 5, 30])
def test_judging_a_proportion_is_wrong_at_most_as_often_as_said(shots: int) -> None:
    """S4."""
    ends = [wilson(ones, shots).judged for ones in range(shots + 1)]
    for p in np.linspace(0.001, 0.999, 199):
        chances = stats.binom.pmf(np.arange(shots + 1), shots, p)
        assert sum(c for c, (low, _) in zip(chances, ends, strict=True) if p < low) <= 0.025
        assert sum(c for c, (_, high) in zip(chances, ends, strict=True) if p > high) <= 0.025


@pytest.mark.parametrize("level", [1e-6, 0.01, 0.999999, 1 - 1e-16])
@pytest.mark.parametrize("numbers", [{"00": 1}, {"00": 5, "11": 1}, {"01": 10_000_000}])
@pytest.mark.parametrize("text", ["Z0", "Z0 + Z1", "Z0 + 1000000 Z1", "0 Z0 + 3"])
def test_extreme_levels_and_samples_have_ordered_finite_ends(
    level: float, numbers: dict[str, int], text: str
) -> None:
    observable = parse_observable(text, 2)
    estimate = expectation_value(Counts.from_dict((("c", 2),), numbers), observable, level)
    low, high = observable.bounds
    least, most = estimate.judged
    slack = 1e-9 * max(abs(low), abs(high))
    assert low - slack <= estimate.low <= estimate.value <= estimate.high <= high + slack
    assert low - slack <= least <= estimate.value <= most <= high + slack


def test_pooled_counts_are_analysed_as_one_run_of_all_shots_is() -> None:
    """S2."""
    rng = np.random.default_rng(2)
    observable = parse_observable("Z0 + 0.1 Z1 - 0.7 Z0 Z1", 2)
    parts = [
        Counts.from_ints((("c", 2),), np.arange(4), rng.multinomial(100, [0.4, 0.3, 0.2, 0.1]))
        for _ in range(10)
    ]
    pooled, backwards = parts[0], parts[-1]
    for part in parts[1:]:
        pooled = pooled + part
    for part in parts[-2::-1]:
        backwards = backwards + part
    once = Counts.from_dict((("c", 2),), pooled.to_dict())
    assert expectation_value(pooled, observable) == expectation_value(once, observable)
    assert expectation_value(backwards, observable) == expectation_value(once, observable)
