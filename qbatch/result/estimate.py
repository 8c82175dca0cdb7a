"""Estimates: a value, its standard error, and an interval that never pretends to certainty.

Why this interval. For anything bounded between a and b whose shots have mean v and variance s²,
the score interval solves |v - µ| = z √(σ²/n) with σ² estimated after z² pseudo-shots, half at a
and half at b:

    (n v + z² (a + b)/2 ± z √(n s² + z² (b - a)²/4)) / (n + z²)

For two-valued outcomes (a probability, one product of Z) this is exactly Wilson's interval (mapped
to [-1, 1] for a product). For sums it takes the full variance per shot, correlations between terms
included. It stays within [a, b], contains v, and keeps a width when all shots agree: 100 shots that
all say 1 do not prove 1. The standard error is the plain √(s²/n), zero when all shots agree.

Coverage swings about the level as every interval on whole numbers does: where a rare outcome is
expected about once, Wilson's dips to 0.86 at level 0.95. It is tested by simulation
(tests/result/test_coverage.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbatch.result.notation import NotationError

if TYPE_CHECKING:
    from qbatch.result.counts import Counts
    from qbatch.result.observable import Observable


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number measured with finitely many shots.

    Attributes:
        value: The plain estimate.
        se: Standard error, 0 or more.
        low: Lower end of the interval; low <= value <= high.
        high: Upper end of the interval.
        floor: For distances only: what a perfect device would on average show with as many shots.
    """

    value: float
    se: float
    low: float
    high: float
    floor: float | None = None


@lru_cache(maxsize=64)
def normal_quantile(level: float) -> float:
    """Find z such that a standard normal variable is within ±z with probability `level`.

    Raises:
        ValueError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"interval level {level} is impossible; write one between 0 and 1")
    return NormalDist().inv_cdf((1 + level) / 2)


def score_estimate(
    value: float, variance: float, shots: int, bounds: tuple[float, float], level: float
) -> Estimate:
    """Estimate the mean of something bounded from the mean and variance of its shots.

    Args:
        value: Mean over the shots.
        variance: Mean squared deviation over the shots (divided by `shots`).
        shots: 1 or more.
        bounds: Smallest and largest value one shot can have.
        level: Confidence, between 0 and 1.

    Raises:
        ValueError: There are no shots, or the level is impossible.
    """
    if shots < 1:
        raise ValueError("no shots, no estimate")
    bottom, top = bounds
    z2 = normal_quantile(level) ** 2
    middle = shots * value + z2 * (bottom + top) / 2
    half = math.sqrt(z2 * (shots * variance + z2 * (top - bottom) ** 2 / 4))
    low, high = (middle - half) / (shots + z2), (middle + half) / (shots + z2)
    return Estimate(
        value,
        math.sqrt(variance / shots),
        min(max(low, bottom), value),
        max(min(high, top), value),
    )


def wilson(successes: int, shots: int, level: float = 0.95) -> Estimate:
    """Estimate a proportion, with Wilson's interval (J. Am. Stat. Assoc. 22, 209, 1927).

    >>> wilson(0, 10).high.__round__(4)
    0.2775
    """
    share = successes / shots if shots else 0.0
    return score_estimate(share, share * (1 - share), shots, (0.0, 1.0), level)


def expectation_value(counts: Counts, observable: Observable, level: float = 0.95) -> Estimate:
    """Estimate an observable's expectation value.

    Args:
        counts: At least one shot.
        observable: On bits that `counts` has.
        level: Confidence of the interval.

    Returns:
        Value, its standard error √(variance per shot / shots) (for one product of Z
        √((1 - value²)/shots)), and the score interval.

    Raises:
        ValueError: There are no shots.
    """
    shots = counts.shots
    values = observable.values(counts)
    bottom, top = observable.bounds
    weights = counts.counts / max(shots, 1)
    value = min(max(float(weights @ values), bottom), top)  # a float's last digit may go beyond
    variance = float(weights @ (values - value) ** 2)
    return score_estimate(value, variance, shots, (bottom, top), level)


def probability(counts: Counts, pattern: str, level: float = 0.95) -> Estimate:
    """Estimate the probability of the outcomes that match `pattern`, with Wilson's interval.

    Raises:
        NotationError: The pattern does not fit the registers.
        ValueError: There are no shots.
    """
    import numpy as np

    wanted = parse_pattern(pattern, counts.registers)
    matches = np.ones(len(counts), dtype=bool)
    for bit, value in wanted.items():
        matches &= counts.bit(bit) == value
    return wilson(int(counts.counts[matches].sum()), counts.shots, level)


def parse_pattern(pattern: str, registers: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Read a pattern of ``0``, ``1`` and ``*`` (either), written as a bitstring is.

    Spaces between registers may be left out.

    Returns:
        Classical bit -> 0 or 1, for each bit that must have a certain value.

    Raises:
        NotationError: Other characters, another width, or spaces elsewhere than between registers.

    >>> parse_pattern("1 0*", [("a", 2), ("b", 1)])
    {1: 0, 2: 1}
    """
    strange = next((i for i, letter in enumerate(pattern) if letter not in "01* "), None)
    if strange is not None:
        raise NotationError(f"{pattern[strange]!r} is none of 0, 1 and *", strange + 1)
    num_bits = sum(bits for _, bits in registers)
    letters = pattern.replace(" ", "")
    words = [len(word) for word in pattern.split(" ")]
    sizes = [bits for _, bits in reversed(registers)]
    if len(letters) != num_bits or (" " in pattern and words != sizes):
        layout = " ".join(f"{name}[{bits}]" for name, bits in reversed(registers))
        raise NotationError(
            f"{pattern!r} has {len(letters)} of {num_bits} bits or a misplaced space; "
            f"write one 0, 1 or * for each bit of {layout}, bit 0 rightmost"
        )
    return {bit: int(letter) for bit, letter in enumerate(reversed(letters)) if letter in "01"}
