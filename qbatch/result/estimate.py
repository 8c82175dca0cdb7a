"""Estimates: a value, its standard error, and an interval that never pretends to certainty.

A probability and an observable that has two values (one product of Z, a projector) are proportions:
Wilson's interval is told, and claims are judged on Clopper and Pearson's. An observable that has
more values is a mean of bounded shots: empirical likelihood's interval is told, and claims are
judged on Gaffke's. Why these, and how good they are: `qbatch.result.intervals`. They take the full
variance per shot, correlations between terms included, stay within what is attainable, contain the
value, and keep a width when all shots agree: 100 shots that all say 1 do not prove 1. The standard
error is the plain √(s²/n), zero when all shots agree.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.few import FEW
from qbatch.result.intervals import (
    Interval,
    clopper_pearson,
    mean_intervals,
    normal_quantile,
    wilson_interval,
)
from qbatch.result.pattern import count_matches

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.counts import Counts
    from qbatch.result.observable import Observable

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number measured with finitely many shots.

    Attributes:
        value: The plain estimate.
        se: Standard error, 0 or more.
        low: Lower end of the interval; low <= value <= high.
        high: Upper end of the interval.
        floor: For distances only: what a perfect device would on average show with as many shots.
        judged_low: Lower end of the interval that claims are judged on; None: `low`.
        judged_high: Its upper end; None: `high`.
    """

    value: float
    se: float
    low: float
    high: float
    floor: float | None = None
    judged_low: float | None = None
    judged_high: float | None = None

    def __str__(self) -> str:
        """Value, standard error, interval; an error of 0 where all shots agree would say too much.

        >>> print(wilson(5, 10))
        0.5 ± 0.16 [0.2366, 0.7634]
        """
        error = f" ± {self.se:.2g}" if self.se else ""
        return f"{self.value:.4g}{error} [{self.low:.4g}, {self.high:.4g}]"

    @property
    def judged(self) -> Interval:
        """What claims are judged on: wrong on each side at most (1 - level)/2 of the time."""
        return (
            self.low if self.judged_low is None else self.judged_low,
            self.high if self.judged_high is None else self.judged_high,
        )


def wilson(successes: int, shots: int, level: float = 0.95) -> Estimate:
    """Estimate a proportion, with Wilson's interval, to be judged on Clopper and Pearson's.

    Raises:
        ValueError: There are no shots, or the level is impossible.

    >>> wilson(0, 10).high.__round__(4)
    0.2775
    """
    return _proportion(successes, shots, (0.0, 1.0), level)


@lru_cache(maxsize=4096)  # a sweep of 1,000 shots has no more than 1,001 of them
def _proportion(successes: int, shots: int, bounds: Interval, level: float) -> Estimate:
    """Estimate the mean of what is worth bounds[1] `successes` times and bounds[0] otherwise."""
    if shots < 1:
        raise ValueError("no shots, no estimate; give counts of one or more")
    bottom, top = bounds
    share, rest = successes / shots, (shots - successes) / shots
    value = bottom * rest + top * share
    told = wilson_interval(successes, shots, level)
    judged = clopper_pearson(successes, shots, level)
    ends = (
        (bottom * (1 - low) + top * low, bottom * (1 - high) + top * high)
        for low, high in (told, judged)
    )
    return around(value, (top - bottom) * math.sqrt(share * rest / shots), *ends)


def around(value: float, se: float, told: Interval, judged: Interval) -> Estimate:
    """Make an estimate of which the intervals hold the value, whatever was rounded."""
    (low, high), (least, most) = told, judged
    return Estimate(
        value,
        se,
        min(low, value),
        max(high, value),
        judged_low=min(least, value),
        judged_high=max(most, value),
    )


def expectation_value(counts: Counts, observable: Observable, level: float = 0.95) -> Estimate:
    """Estimate an observable's expectation value.

    Args:
        counts: At least one shot.
        observable: On bits that `counts` has.
        level: Confidence of the interval.

    Returns:
        Value, its standard error √(variance per shot / shots) (for one product of Z
        √((1 - value²)/shots)), and the interval.

    Raises:
        ValueError: There are no shots, or the level is impossible.
    """
    is_two_valued, bounds = observable.reach.is_two_valued, observable.bounds
    is_product = is_two_valued and len(observable.terms) == 1
    if is_product and len(counts) <= FEW and bounds[0] < bounds[1]:
        return _proportion(_successes(counts, observable), counts.shots, bounds, level)
    values = observable.values(counts)
    return mean_of_shots(values, counts.counts, bounds, level, is_two_valued=is_two_valued)


def mean_of_shots(
    values: Floats,
    counts: Ints,
    bounds: Interval,
    level: float = 0.95,
    *,
    is_two_valued: bool = False,
) -> Estimate:
    """Estimate the mean of what shots are worth.

    Args:
        values: Of each outcome, within `bounds`.
        counts: How many shots had each outcome.
        bounds: No shot is worth less or more.
        level: Confidence of the interval.
        is_two_valued: Whether shots can be worth nothing but the two bounds.

    Raises:
        ValueError: There are no shots, or the level is impossible.
    """
    shots = int(counts.sum())
    if shots < 1:
        raise ValueError("no shots, no estimate; give counts of one or more")
    normal_quantile(level)
    bottom, top = bounds
    if bottom == top:
        return Estimate(bottom, 0.0, bottom, bottom)
    if is_two_valued:
        return _proportion(int(counts[values > (bottom + top) / 2].sum()), shots, bounds, level)
    return _mean(*_distinct(values.clip(bottom, top), counts), bounds, level)


def _successes(counts: Counts, observable: Observable) -> int:
    """Count the shots worth the most of a product of Z, of a few outcomes one by one."""
    ((coefficient, bits),) = observable.terms
    mask = sum(1 << bit for bit in bits)
    shots = [0, 0]
    for outcome, times in counts.to_ints().items():
        shots[(outcome & mask).bit_count() & 1] += times
    middle = sum(observable.bounds) / 2
    worth = (observable.constant + coefficient, observable.constant - coefficient)
    return sum(times for each, times in zip(worth, shots, strict=True) if each > middle)


def values_of(counts: Counts, observable: Observable) -> tuple[Floats, Ints]:
    """Tell what shots were worth: distinct values, ascending, and how many shots had each."""
    return _distinct(observable.values(counts).clip(*observable.bounds), counts.counts)


def _distinct(values: Floats, counts: Ints) -> tuple[Floats, Ints]:
    """Distinct values, ascending, and how many shots had each."""
    import numpy as np

    distinct, places = np.unique(values, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)


def _mean(values: Floats, counts: Ints, bounds: Interval, level: float) -> Estimate:
    """Estimate the mean of what is worth distinct `values` so many times."""
    shots, size = int(counts.sum()), bounds[1] - bounds[0]
    shares = counts / shots
    value = min(max(float(shares @ values), bounds[0]), bounds[1])
    variance = float(shares @ ((values - value) / size) ** 2)
    se = size * math.sqrt(variance / shots) if len(values) > 1 else 0.0
    return around(value, se, *mean_intervals(values, counts, bounds, level))


def probability(counts: Counts, pattern: str, level: float = 0.95) -> Estimate:
    """Estimate the probability of the outcomes that fit `pattern`, with Wilson's interval.

    Raises:
        NotationError: The pattern does not fit the registers.
        ValueError: There are no shots.
    """
    return wilson(count_matches(counts, pattern), counts.shots, level)
