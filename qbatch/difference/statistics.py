"""What two estimates, or the repeats of two sides, say of a change; see `judging`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.difference.sides import Measured
from qbatch.frozen import dataclass
from qbatch.result import Estimate, chi_squared_p, homogeneity_p, shot_values
from qbatch.result.intervals import normal_quantile

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How a change errs.

    Attributes:
        change: What came out.
        low: Lower end of its interval.
        high: Its upper end.
        down: How far below what came out the truth may be: a standard error.
        up: How far above.
        freedom: Of Student's quantiles, where forms of a twirled circuit tell that, of which there
            are few; None: they are normal.
    """

    change: float
    low: float
    high: float
    down: float
    up: float
    freedom: int | None = None

    @property
    def p_value(self) -> float:
        """The p-value of the change, by the standard error that points at none."""
        spread = self.down if self.change > 0 else self.up
        if not self.change:
            return 1.0
        return _two_sided(abs(self.change) / spread, self.freedom) if spread else 0.0

    @property
    def error(self) -> float:
        """A standard error that is not 0 where all shots agree."""
        return math.hypot(self.down, self.up) / math.sqrt(2)

    def ends(self, level: float) -> tuple[float, float]:
        """The interval of another level."""
        times = quantile(level, self.freedom)
        return self.change - times * self.down, self.change + times * self.up


def quantile(level: float, freedom: int | None = None) -> float:
    """Find how many standard errors an interval reaches to each side; see `Uncertainty`."""
    if freedom is None:
        return normal_quantile(level)
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, (1 - level) / 2))


def _two_sided(errors: float, freedom: int | None) -> float:
    if freedom is None:
        return math.erfc(errors / math.sqrt(2))
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -errors))


def of_independent(
    here: Estimate, there: Estimate, levels: tuple[float, float], freedom: int | None = None
) -> Uncertainty:
    """Tell how the change between two independent estimates errs, by MOVER.

    >>> one, other = Estimate(0.5, 0.05, 0.4, 0.6), Estimate(0.7, 0.05, 0.6, 0.8)
    >>> found = of_independent(one, other, (0.95, 0.95))
    >>> round(found.low, 4), round(found.high, 4)
    (0.0586, 0.3414)
    """
    change = there.value - here.value
    times = [quantile(level, freedom) for level in levels]
    below = (here.high - here.value, there.value - there.low)
    above = (here.value - here.low, there.high - there.value)
    down, up = (math.hypot(a / times[0], b / times[1]) for a, b in (below, above))
    low, high = change - math.hypot(*below), change + math.hypot(*above)
    return Uncertainty(change, low, high, down, up, freedom)


def standard_error(estimate: Estimate, level: float) -> float:
    """A standard error that is not 0 where all shots agree."""
    return (estimate.high - estimate.low) / 2 / normal_quantile(level)


def pooled_estimate(
    number: str, measured: Measured, *, are_independent: bool = True
) -> Estimate | None:
    """One estimate of all repeats, weighted by their shots; None where a repeat has none.

    Args:
        number: Its name.
        measured: The repeats.
        are_independent: Else they err together, by as much as they may at the worst.
    """
    found = [told.get(number) for told in measured.estimates]
    if not found or None in found:
        return None
    if len(found) == 1:
        return found[0]
    total = sum(measured.shots)
    weights = [shots / total for shots in measured.shots]
    each = [(one, weight) for one, weight in zip(found, weights, strict=True) if one is not None]
    value = sum(weight * one.value for one, weight in each)
    joined = _hypot if are_independent else math.fsum
    se = joined([weight * one.se for one, weight in each])
    down = joined([weight * (one.value - one.low) for one, weight in each])
    up = joined([weight * (one.high - one.value) for one, weight in each])
    return Estimate(value, se, value - down, value + up)


def _hypot(many: Sequence[float]) -> float:
    return math.hypot(*many)


def scatter_p(number: str, measured: Measured, analysis: Analysis) -> float:
    """How likely shot noise alone makes a side's repeats differ so much; 1 without repeats."""
    if len(measured.counts) < 2:
        return 1.0
    return homogeneity_p([shot_values(one, analysis)[number] for one in measured.counts])


def estimated_scatter_p(
    number: str, measured: Measured, level: float, owns: Sequence[float]
) -> float:
    """The same of repeats that tell estimates alone: χ² of their values, by their intervals.

    Args:
        number: Its name.
        measured: The repeats.
        level: Of their intervals.
        owns: Which share of its standard error each does not have in common with the others.
    """
    found = [told[number] for told in measured.estimates]
    errors = [own * standard_error(one, level) for one, own in zip(found, owns, strict=True)]
    weights = [1 / error**2 if error else 0.0 for error in errors]
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
