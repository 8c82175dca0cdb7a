"""S3: distances' floors and intervals are held against sums over every outcome, and brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qbatch.result import METRICS, Counts, distances, sampling_floor
from qbatch.result.nearness import Cells, hellinger_radius, tvd_interval

C2 = (("c", 2),)


def metrics_of(p: np.ndarray, q: np.ndarray) -> dict[str, float]:
    overlap = float(np.sqrt(p * q).sum())
    hellinger = math.sqrt(max(0.0, 1 - overlap))
    return {"tvd": float(abs(p - q).sum()) / 2, "hellinger": hellinger, "fidelity": overlap**2}


def target_of(q: np.ndarray) -> dict[str, float]:
    width = max(2, (len(q) - 1).bit_length())
    return {format(i, f"0{width}b"): float(p) for i, p in enumerate(q) if p}


def compositions(shots: int, cells: int) -> np.ndarray:
    ranges = itertools.product(range(shots + 1), repeat=cells - 1)
    return np.array([(*c, shots - sum(c)) for c in ranges if sum(c) <= shots])


@pytest.mark.parametrize("q", [(0.5, 0.5), (0.03, 0.97), (0.2, 0.3, 0.5), (0.01, 0.01, 0.98)])
@pytest.mark.parametrize("shots", [1, 2, 10, 40])
def test_the_floor_is_the_mean_over_everything_that_can_come(
    q: tuple[float, ...], shots: int
) -> None:
    probabilities = np.array(q)
    every = compositions(shots, len(q))
    chances = stats.multinomial.pmf(every, shots, probabilities)
    expected = dict.fromkeys(METRICS, 0.0)
    for chance, counts in zip(chances, every, strict=True):
        for name, value in metrics_of(counts / shots, probabilities).items():
            expected[name] += chance * value
    found = sampling_floor(target_of(probabilities), C2, shots)
    assert found["tvd"] == pytest.approx(expected["tvd"], rel=1e-9)
    drawn = 1e-9 if len(q) == 2 else 0.005
    assert found["hellinger"] == pytest.approx(expected["hellinger"], rel=drawn)
    assert 1 - found["fidelity"] == pytest.approx(1 - expected["fidelity"], rel=drawn)


def test_a_certain_outcomes_floor_is_zero() -> None:
    assert sampling_floor({"01": 1.0, "00": 0.0}, C2, 9) == {
        "tvd": 0.0,
        "hellinger": 0.0,
        "fidelity": 1.0,
    }


@pytest.mark.parametrize("shots", [300, 10_000, 10**7])
@pytest.mark.parametrize("k", [2, 3, 64])
def test_many_shots_floors_are_what_a_chi_squared_variable_says(k: int, shots: int) -> None:
    q = np.full(k, 1 / k)
    floors = sampling_floor(target_of(q), (("c", 6 if k > 3 else 2),), shots)
    mean_deviation = k * math.sqrt(2 / math.pi * (1 - 1 / k) / k / shots) / 2
    mean_chi = math.sqrt(2) * math.exp(math.lgamma(k / 2) - math.lgamma((k - 1) / 2))
    slack = 0.006 + 0.9 * k / shots
    assert floors["tvd"] == pytest.approx(mean_deviation, rel=slack)
    assert floors["hellinger"] == pytest.approx(mean_chi / math.sqrt(8 * shots), rel=slack)
    assert 1 - floors["fidelity"] == pytest.approx((k - 1) / (4 * shots), rel=slack)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=5),
    st.integers(0, 30),
    st.lists(st.integers(1, 9), min_size=5, max_size=5),
)
def test_the_upper_end_of_tvd_is_no_less_than_over_any_set_of_cells(
    counts: list[int], outside: int, weights: list[int]
) -> None:
    shots = sum(counts) + outside
    if not shots:
        return
    q = np.array(weights[: len(counts)]) / sum(weights[: len(counts)])
    cells = Cells(np.array(counts), q, outside, False, 0)
    largest = 0.0
    for chosen in itertools.product((0, 1), repeat=len(counts)):
        came = outside + sum(c for c, is_in in zip(counts, chosen, strict=True) if is_in)
        end = 1.0 if came == shots else stats.beta.ppf(0.975, came + 1, shots - came)
        largest = max(largest, end - float(q @ chosen))
    high = tvd_interval(cells, 0.95)[1]
    assert largest - 1e-4 <= high <= 1
    assert high <= largest + 0.12 + 1 / math.sqrt(shots)


@pytest.mark.parametrize("cells", [2, 3, 10, 1000])
@pytest.mark.parametrize("tail", [0.2, 0.025, 1e-6])
def test_the_radius_solves_agrawals_bound(cells: int, tail: float) -> None:
    shots, m = 10**6, cells - 1
    epsilon = -2 * shots * math.log1p(-(hellinger_radius(cells, shots, tail) ** 2))
    assert epsilon > m
    assert -epsilon + m * (1 + math.log(epsilon / m)) == pytest.approx(math.log(tail), rel=1e-4)


@pytest.mark.parametrize("shots", [1, 2, 5, 14])
@pytest.mark.parametrize(
    ("p", "q"),
    [
        ((0.5, 0, 0, 0.5), (0.5, 0, 0, 0.5)),
        ((0.48, 0.02, 0, 0.5), (0.5, 0, 0, 0.5)),
        ((0.1, 0.8, 0.1, 0), (0.5, 0, 0, 0.5)),
        ((0.2, 0.3, 0.5, 0), (0.2, 0.3, 0.5, 0)),
        ((0.9, 0.1, 0, 0), (1, 0, 0, 0)),
    ],
)
def test_each_side_of_a_distances_interval_misses_as_rarely_as_said(
    p: tuple[float, ...], q: tuple[float, ...], shots: int
) -> None:
    true, target = np.array(p), np.array(q)
    truth, wrong = metrics_of(true, target), dict.fromkeys(itertools.product(METRICS, "<>"), 0.0)
    every = compositions(shots, 4)
    every = every[(every[:, true == 0] == 0).all(axis=1)]
    for counts in every:
        chance = stats.multinomial.pmf(counts, shots, true)
        measured = Counts.from_ints(C2, np.arange(4), counts)
        for name, (estimate, _) in distances(measured, target_of(target), METRICS).items():
            wrong[name, "<"] += chance * (truth[name] < estimate.low - 1e-9)
            wrong[name, ">"] += chance * (truth[name] > estimate.high + 1e-9)
    assert max(wrong.values()) <= 0.025


def test_noise_outside_the_target_is_bounded_as_closely_as_a_proportion() -> None:
    counts = Counts.from_dict(C2, {"00": 5001, "11": 4899, "01": 60, "10": 40})
    estimate, _ = distances(counts, {"00": 0.5, "11": 0.5}, ["tvd"])["tvd"]
    assert estimate.value == pytest.approx(0.0101)
    assert 0.0 < estimate.low < 0.0101 < estimate.high < 0.03


def test_pooled_counts_have_the_same_distances_whatever_their_order() -> None:
    """S2."""
    rng = np.random.default_rng(1)
    parts = [
        Counts.from_ints(C2, np.arange(4), rng.multinomial(100, [0.4, 0.1, 0.05, 0.45]))
        for _ in range(10)
    ]
    forwards, backwards = parts[0], parts[-1]
    for i in range(1, 10):
        forwards, backwards = forwards + parts[i], backwards + parts[-1 - i]
    target = {"00": 0.5, "11": 0.5}
    once = Counts.from_dict(C2, dict(reversed(forwards.to_dict().items())))
    assert distances(forwards, target, METRICS) == distances(backwards, target, METRICS)
    assert distances(once, target, METRICS) == distances(forwards, target, METRICS)


@pytest.mark.parametrize("level", [1e-6, 0.5, 1 - 1e-12])
@pytest.mark.parametrize("numbers", [{"00": 1}, {"01": 3}, {"00": 5_000_000, "11": 5_000_001}])
def test_extremes_have_ordered_ends(level: float, numbers: dict[str, int]) -> None:
    counts = Counts.from_dict(C2, numbers)
    for target in ({"00": 0.5, "11": 0.5}, {"00": 1.0}, {"00": 0.1, "01": 0.2, "10": 0.7, "11": 0}):
        for estimate, _ in distances(counts, target, METRICS, level).values():
            assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
            assert estimate.se >= 0


@pytest.mark.parametrize("shots", [50, 1000, 100_000])
def test_shots_of_a_wide_target_itself_are_not_told_to_be_away_from_it(shots: int) -> None:
    q = np.full(256, 1 / 256)
    for drawn in np.random.default_rng(3).multinomial(shots, q, size=20):
        counts = Counts.from_ints((("c", 8),), np.arange(256), drawn)
        found = {name: pair[0] for name, pair in distances(counts, target_of(q), METRICS).items()}
        assert found["tvd"].low == found["hellinger"].low == 0
        assert found["fidelity"].high == 1
        assert found["tvd"].value > 0.3 / math.sqrt(shots)
