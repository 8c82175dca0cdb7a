"""What two estimates, or the repeats of two sides, say of a change; see `judging`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.difference.sides import Measured
from qbatch.result import Estimate, chi_squared_p, homogeneity_p, shot_values
from qbatch.result.intervals import normal_quantile

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis


def change_interval(here: Estimate, there: Estimate) -> tuple[float, float]:
    """The interval of ``there.value - here.value``, of independent estimates, by MOVER.

    >>> low, high = change_interval(Estimate(0.5, 0.05, 0.4, 0.6), Estimate(0.7, 0.05, 0.6, 0.8))
    >>> round(low, 4), round(high, 4)
    (0.0586, 0.3414)
    """
    change = there.value - here.value
    down = math.hypot(there.value - there.low, here.high - here.value)
    up = math.hypot(there.high - there.value, here.value - here.low)
    return change - down, change + up


def scaled(estimate: Estimate, by: float) -> Estimate:
    """An estimate whose interval is so many times as wide."""
    value = estimate.value
    low, high = value - by * (value - estimate.low), value + by * (estimate.high - value)
    return Estimate(value, estimate.se, low, high)


def standard_error(estimate: Estimate, level: float) -> float:
    """A standard error that is not 0 where all shots agree."""
    return (estimate.high - estimate.low) / 2 / normal_quantile(level)


def p_of_estimates(here: Estimate, there: Estimate, levels: tuple[float, float]) -> float:
    """The p-value of a change between two estimates, by the halves that point at each other."""
    change = there.value - here.value
    if change == 0:
        return 1.0
    ends = (here.high, there.low) if change > 0 else (here.low, there.high)
    halves = [
        abs(end - one.value) / normal_quantile(level)
        for end, one, level in zip(ends, (here, there), levels, strict=True)
    ]
    spread = math.hypot(*halves)
    return math.erfc(abs(change) / spread / math.sqrt(2)) if spread else 0.0


def pooled_estimate(number: str, measured: Measured) -> Estimate | None:
    """One estimate of all repeats, weighted by their shots; None where a repeat has none."""
    found = [told.get(number) for told in measured.estimates]
    if not found or None in found:
        return None
    if len(found) == 1:
        return found[0]
    total = sum(measured.shots)
    weights = [shots / total for shots in measured.shots]
    each = [(one, weight) for one, weight in zip(found, weights, strict=True) if one is not None]
    value = sum(weight * one.value for one, weight in each)
    se = math.hypot(*(weight * one.se for one, weight in each))
    down = math.hypot(*(weight * (one.value - one.low) for one, weight in each))
    up = math.hypot(*(weight * (one.high - one.value) for one, weight in each))
    return Estimate(value, se, value - down, value + up)


def scatter_p(number: str, measured: Measured, analysis: Analysis) -> float:
    """How likely shot noise alone makes a side's repeats differ so much; 1 without repeats."""
    if len(measured.counts) < 2:
        return 1.0
    return homogeneity_p([shot_values(one, analysis)[number] for one in measured.counts])


def estimated_scatter_p(number: str, measured: Measured, level: float) -> float:
    """The same of repeats that tell estimates alone: χ² of their values, by their intervals."""
    found = [told[number] for told in measured.estimates]
    if len(found) < 2:
        return 1.0
    weights = [1 / standard_error(one, level) ** 2 if one.high > one.low else 0.0 for one in found]
    if not sum(weights):
        return 1.0
    values = [one.value for one in found]
    mean = _product(weights, values) / sum(weights)
    squares = [(value - mean) ** 2 for value in values]
    return chi_squared_p(_product(weights, squares), len(found) - 1)


def _product(one: Sequence[float], other: Sequence[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def between_p(number: str, mine: Measured, others: Measured) -> float:
    """Student's p-value of the change against the scatter of repeats; 0 where none tell it."""
    groups = [[told[number].value for told in side.estimates] for side in (mine, others)]
    return students_p(groups[0], groups[1])


def students_p(mine: Sequence[float], others: Sequence[float]) -> float:
    """Student's p-value of a change of the mean against the scatter within; 0 without any."""
    groups = [mine, others]
    freedom = sum(len(group) - 1 for group in groups)
    if not freedom:
        return 0.0
    means = [math.fsum(group) / len(group) for group in groups]
    squares = math.fsum(
        (value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group
    )
    spread = math.sqrt(squares / freedom * sum(1 / len(group) for group in groups))
    if not spread:
        return 0.0
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(means[1] - means[0]) / spread))
