"""Intervals hold the truth as often as they say: measured on thousands of seeded experiments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from qbatch.result import (
    Counts,
    Estimate,
    distances,
    expectation_value,
    parse_observable,
    probability,
    scatter,
)

pytestmark = pytest.mark.slow
EXPERIMENTS = 2000


def coverage(
    p: list[float], shots: int, truth: float, estimate: Callable[[Counts], Estimate], seed: int
) -> float:
    """Share of seeded experiments whose interval holds the truth."""
    width = (len(p) - 1).bit_length()
    hits = 0
    for drawn in np.random.default_rng(seed).multinomial(shots, p, size=EXPERIMENTS):
        found = estimate(Counts.from_ints((("c", width),), np.arange(len(p)), drawn))
        hits += found.low <= truth <= found.high
    return hits / EXPERIMENTS


def test_probabilities_dip_no_deeper_than_wilsons_and_hold_the_level_on_average() -> None:
    shares = [
        coverage([1 - p, p], shots, p, lambda c: probability(c, "1"), seed=1)
        for p in (0.003, 0.01, 0.1, 0.5, 0.97)
        for shots in (20, 100, 1000)
    ]
    assert min(shares) >= 0.85
    assert np.mean(shares) >= 0.94


@pytest.mark.parametrize("text", ["Z0 Z1", "3 - 0.5 Z0 Z1 - 0.5 Z1 Z2 - 0.5 Z2 Z0", "Z0 + 2 Z1"])
def test_observables_dip_no_deeper_than_wilsons_and_hold_the_level_on_average(text: str) -> None:
    observable = parse_observable(text, 3)
    every = Counts.from_ints((("c", 3),), np.arange(8), np.ones(8, dtype=np.int64))
    shares = []
    for noise in (0.0, 0.003, 0.1, 1.0):
        p = np.full(8, noise / 8)
        p[[0, 7]] += (1 - noise) / 2
        truth = float(p @ observable.values(every))
        shares += [
            coverage(list(p), shots, truth, lambda c: expectation_value(c, observable), seed=2)
            for shots in (20, 100, 1000)
        ]
    assert min(shares) >= 0.85
    assert np.mean(shares) >= 0.94


@pytest.mark.parametrize("metric", ["tvd", "hellinger", "fidelity"])
@pytest.mark.parametrize("shots", [50, 1000])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
def test_distances_hold_the_truth_at_least_as_often_as_they_say(
    metric: str, noise: float, shots: int
) -> None:
    q = {"00": 0.5, "11": 0.5}
    p = np.array([0.5, 0, 0, 0.5]) * (1 - noise) + noise / 4
    overlap = 2 * np.sqrt(p[0] / 2)
    truth = {
        "tvd": noise / 2,
        "hellinger": np.sqrt(max(0, 1 - overlap)),
        "fidelity": overlap**2,
    }[metric]
    share = coverage(list(p), shots, truth, lambda c: distances(c, q, [metric])[metric][0], seed=3)
    assert share >= 0.94


def test_a_distribution_too_wide_for_its_shots_is_still_covered() -> None:
    width, shots = 10, 200
    p = [1 / 2**width] * 2**width
    target = {format(k, f"0{width}b"): 2.0 / 2**width for k in range(2 ** (width - 1))}
    rng = np.random.default_rng(4)
    for drawn in rng.multinomial(shots, p, size=20):
        counts = Counts.from_ints((("c", width),), np.arange(2**width), drawn)
        estimate, floor = distances(counts, target, ["tvd"])["tvd"]
        assert estimate.low <= 0.5 <= estimate.high
        assert 0.6 < floor < 0.8


def test_shot_noise_is_called_excessive_as_rarely_as_said() -> None:
    rng = np.random.default_rng(5)
    excessive = 0
    for _ in range(EXPERIMENTS):
        ones = rng.binomial(400, 0.3, size=6)
        repeats = [{0.0: 400 - int(n), 1.0: int(n)} for n in ones]
        excessive += scatter(repeats).p_value < 0.05
    assert 0.02 < excessive / EXPERIMENTS < 0.065
