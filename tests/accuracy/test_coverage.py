"""Shots used, targets reached and intervals right, over simulated experiments; see the guide."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import qbatch
from qbatch.accuracy.deciding import Figure, decide
from qbatch.manifest.accuracy import Accuracy
from qbatch.result import wilson
from qbatch.result.spread import spread
from tests.proving import patiently

GUIDE = Path(qbatch.__file__).parent / "guide" / "adaptive.md"

#: Target, min: of each the probabilities.
CASES = [
    (target, least, p)
    for target, least in ((0.01, 200), (0.02, 50))
    for p in (0.002, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.998)
]


class Seen(NamedTuple):
    """What became of one point.

    Attributes:
        shots: That it took.
        error: That these really give.
        told: That is told.
        is_right: Whether the interval holds the truth.
    """

    shots: int
    error: float
    told: float
    is_right: bool


def experiment(p: float, wish: Accuracy, rng: np.random.Generator) -> Seen:
    shots, rounds = wish.min, 0
    ones = int(rng.binomial(shots, p))
    while True:
        estimate = wilson(ones, shots)
        found = spread(np.array([0.0, 1.0]), np.array([shots - ones, ones]), (0.0, 1.0))
        figure = Figure(estimate.value, estimate.high - estimate.low, {"s": found})
        decision = decide(wish, {"p": figure}, {"s": shots}, rounds)
        assert shots <= wish.max
        if decision.is_last:
            error = math.sqrt(p * (1 - p) / shots)
            return Seen(shots, error, estimate.se, estimate.low <= p <= estimate.high)
        more = decision.wanted["s"] - shots
        ones, shots, rounds = ones + int(rng.binomial(more, p)), shots + more, rounds + 1


def wish_of(target: float, least: int, most: int = 100_000) -> Accuracy:
    return Accuracy.model_validate({"target_se": target, "of": ("p",), "min": least, "max": most})


def oracle(p: float, wish: Accuracy) -> int:
    """What somebody takes who knows the variance."""
    return min(wish.max, max(wish.min, math.ceil(p * (1 - p) / wish.target**2)))


def coverage_at(p: float, shots: int) -> float:
    """How often Wilson's interval is right at a fixed number of shots; summed, not drawn."""
    from scipy.stats import binom

    ones = range(shots + 1)
    right = (n for n in ones if (e := wilson(n, shots)).low <= p <= e.high)
    return float(sum(binom.pmf(n, shots, p) for n in right))


def row(target: float, least: int, p: float, number: int = 2_000) -> list[float]:
    """Shots over the oracle's, true errors within 1.1 targets, coverage, and a fixed one's."""
    rng, wish = np.random.default_rng([7, least, round(p * 1e6)]), wish_of(target, least)
    seen = [experiment(p, wish, rng) for _ in range(number)]
    best = oracle(p, wish)
    return [
        float(np.mean([each.shots for each in seen])) / best,
        float(np.mean([each.error <= 1.1 * target for each in seen])),
        float(np.mean([each.is_right for each in seen])),
        coverage_at(p, best),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("target", "least", "p"), CASES)
def test_intervals_are_right_as_often_as_at_a_fixed_number_of_shots(
    target: float, least: int, p: float
) -> None:
    """Three standard errors of 2,000 experiments below the fixed one's, or 0.93, at most."""
    found = row(target, least, p)
    _, _, right, fixed = found
    assert right >= min(fixed, 0.945) - 0.017
    assert found == pytest.approx(told(f"| {target} | {least} | {p} |"), abs=0.0006)


class Sweep(NamedTuple):
    """What became of one sweep.

    Attributes:
        shots: Of all its points, over the oracle's.
        within: The share of its points whose true error is within 1.1 targets.
        told: The share of those whose told error is within the target.
    """

    shots: float
    within: float
    told: float


def sweeps(number: int, target: float = 0.01, least: int = 200) -> list[Sweep]:
    """Sweeps over fifteen angles of a qubit, to one error."""
    rng, wish = np.random.default_rng(11), wish_of(target, least, 20_000)
    probabilities = np.sin(np.linspace(0.05, math.pi / 2, 15)) ** 2
    best = sum(oracle(p, wish) for p in probabilities)
    found = []
    for _ in range(number):
        seen = [experiment(p, wish, rng) for p in probabilities]
        shots = sum(each.shots for each in seen) / best
        within = float(np.mean([each.error <= 1.1 * target for each in seen]))
        reached = float(np.mean([each.told <= 1.0001 * target for each in seen]))
        found.append(Sweep(shots, within, reached))
    return found


def sweeps_row(found: list[Sweep]) -> list[float]:
    shots = [each.shots for each in found]
    within, reached = ([getattr(one, key) for one in found] for key in ("within", "told"))
    return [
        min(shots),
        float(np.mean(shots)),
        max(shots),
        *map(float, map(np.mean, (within, reached))),
    ]


@pytest.mark.slow
def test_sweeps_take_what_an_oracle_takes_and_reach_their_targets() -> None:
    """200 sweeps over the angles of a qubit: within 15 % of the oracle's shots, 95 % reached."""
    found = sweeps(patiently(200))
    assert all(abs(each.shots - 1) <= 0.15 for each in found)
    assert all(each.within >= 0.8 for each in found)
    least, mean, most, within, reached = sweeps_row(found)
    assert within >= 0.95
    assert reached == 1
    if len(found) == 200:
        assert [least, mean, most, within, reached] == pytest.approx(
            told("| 200 sweeps |"), abs=0.0006
        )


def told(begin: str) -> list[float]:
    """The figures of a row of the guide's tables."""
    (line,) = (each for each in GUIDE.read_text("utf-8").splitlines() if each.startswith(begin))
    return [float(cell) for cell in line.removeprefix(begin).strip("| ").split("|")]


def table() -> str:
    """The guide's table; `python -m tests.accuracy.test_coverage` prints it."""
    head = "| target | min | p | shots / oracle's | within 1.1 | interval right | fixed |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for target, least, p in CASES:
        numbers = " | ".join(f"{number:.3f}" for number in row(target, least, p))
        lines.append(f"| {target} | {least} | {p} | {numbers} |")
    figures = " | ".join(f"{number:.3f}" for number in sweeps_row(sweeps(200)))
    lines += ["", f"| 200 sweeps | {figures} |"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
