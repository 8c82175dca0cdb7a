"""The mean over the randomised forms of a twirled circuit, and how it errs.

The forms are drawn independently, and so are the shots of each: the mean of all shots estimates the
mean over all forms that there are, which is what twirling means. It errs by the shots and by which
forms were drawn. How far the forms' own means are apart tells both at once (a sample of clusters,
as Cochran's Sampling Techniques, chapter 9, has it): its variance is that of n numbers, whose
quantiles are Student's. What a coherent error makes of a number is mostly skewed, as the square of
a sum of random signs is; so each arm is that of Hall's transformation (J. R. Stat. Soc. B 54, 221,
1992), by the third moment of the forms' means, as far as it is not of the shots. The interval is
that which the shots alone would give, with its shape near bounds, each arm made wider by that.

The forms' means may be close together by chance, as few shots of each mostly are that nearly all
agree. So the ratio of the two standard errors is never taken below `LEAST`; and what claims are
judged on is never narrower than what the shots alone would give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.estimate import Estimate, around, mean_of_shots
from qbatch.result.independent import Sample, sum_intervals
from qbatch.result.intervals import Interval, normal_quantile

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Standard error by the forms' means, over that by the shots: never taken for less.
LEAST = 0.7


@dataclass(frozen=True, slots=True)
class OfForms:
    """What shots of all forms are worth, in one basis at one scale.

    Attributes:
        sample: Of all shots.
        away: Of each form how far its mean is from that of all, times its share of the shots and
            the number of forms. Of one circuit that is not twirled: empty.
    """

    sample: Sample
    away: tuple[float, ...] = ()


def together(samples: Sequence[Sample], *, are_forms: bool = True) -> OfForms:
    """Join what the shots of each form are worth.

    Args:
        samples: One of each form, always in the same order.
        are_forms: Whether they are; else there is one.
    """
    import numpy as np

    if not are_forms:
        (only,) = samples
        return OfForms(only)
    values = np.concatenate([each.values for each in samples])
    numbers = np.concatenate([each.counts for each in samples])
    distinct, places = np.unique(values, return_inverse=True)
    counts = np.bincount(places, numbers, len(distinct)).astype(np.int64)
    bounds = (min(each.bounds[0] for each in samples), max(each.bounds[1] for each in samples))
    is_two_valued = all(each.is_two_valued and each.bounds == bounds for each in samples)
    joined = Sample(distinct, counts, bounds, is_two_valued)
    mean, shots = joined.mean, joined.shots
    size = len(samples)
    away = tuple(size * each.shots / shots * (each.mean - mean) for each in samples)
    return OfForms(joined, away)


def added(parts: Sequence[tuple[float, Sequence[float]]]) -> list[float]:
    """Return how far each form is away in a sum: of weights, and what is away in each part."""
    columns = zip(*(away for _, away in parts), strict=True)
    weights = [weight for weight, _ in parts]
    return [
        math.fsum(weight * each for weight, each in zip(weights, column, strict=True))
        for column in columns
    ]


def squared_error(away: Sequence[float]) -> float:
    """Return the variance of the mean, by how far the forms' are apart."""
    return math.fsum(each**2 for each in away) / (len(away) * (len(away) - 1))


@dataclass(frozen=True, slots=True)
class Wider:
    """By how much an interval of the shots alone is made wider.

    Attributes:
        se: The standard error.
        low: The lower arm of the interval.
        high: Its upper arm.
    """

    se: float = 1.0
    low: float = 1.0
    high: float = 1.0

    def ends(self, plain: Interval, value: float) -> Interval:
        """Return what is told in place of an interval about a value."""
        return value + self.low * (plain[0] - value), value + self.high * (plain[1] - value)

    def judged(self, plain: Interval, value: float) -> Interval:
        """Return what claims are judged on in place of an interval about a value."""
        return Wider(self.se, max(1.0, self.low), max(1.0, self.high)).ends(plain, value)


def wider(away: Sequence[float], by_shots: float, others: float, level: float) -> Wider:
    """Tell by how much an interval is made wider for the choice of forms.

    Args:
        away: Of each form, how far it is from the mean; fewer than two: nothing is twirled.
        by_shots: Variance of the mean by the shots of all forms.
        others: Of what else it errs by, which is independent of them.
        level: Confidence of the interval.
    """
    if len(away) < 2 or not by_shots:
        return Wider()
    found = squared_error(away)
    ratio = max(LEAST, math.sqrt(found / by_shots))
    arms = (ratio * arm for arm in arms_of(away, found, by_shots, level))
    return Wider(
        *(math.sqrt((w**2 * by_shots + others) / (by_shots + others)) for w in (ratio, *arms))
    )


def arms_of(
    away: Sequence[float], found: float, by_shots: float, level: float
) -> tuple[float, float]:
    """Tell how many times as long the arms of a mean of forms are as those of many alike.

    Args:
        away: Of each form, how far it is from the mean, in whatever unit.
        found: Variance of the mean, by the forms.
        by_shots: By the shots alone.
        level: Confidence of the interval.

    Returns:
        Of the lower arm, and of the upper one.
    """
    skewness = _skewness(away) * max(0.0, 1 - by_shots / found) if found else 0.0
    quantile = widened_by(len(away), level) * normal_quantile(level)
    low, high = (abs(_arm(end, skewness, len(away))) for end in (quantile, -quantile))
    return low / normal_quantile(level), high / normal_quantile(level)


@dataclass(frozen=True, slots=True, eq=False)
class ByForm:
    """By what a number errs in each form, shots and all.

    Attributes:
        errors: Of each form; products of those of two numbers are their covariance.
        by_shots: Variance by the shots alone.
    """

    errors: Floats
    by_shots: float

    @classmethod
    def of(cls, away: Sequence[float], by_shots: float) -> ByForm:
        """Make them of how far each form is away."""
        import numpy as np

        size = len(away)
        return cls(np.array(away) / math.sqrt(size * (size - 1)), by_shots)

    def times(self, weight: float) -> ByForm:
        """Return those of a number that is so many times as large."""
        return ByForm(weight * self.errors, weight**2 * self.by_shots)

    def plus(self, other: ByForm | None) -> ByForm:
        """Return those of a sum, of shots of their own."""
        if other is None:
            return self
        return ByForm(self.errors + other.errors, self.by_shots + other.by_shots)

    def arms(self, level: float) -> tuple[float, float]:
        """Tell how many times as long its arms are as those of many forms that are alike."""
        found = float(self.errors @ self.errors)
        return arms_of(self.errors.tolist(), found, self.by_shots, level)


def _skewness(away: Sequence[float]) -> float:
    """Skewness of the forms' means, drawn up for how few they are."""
    size = len(away)
    second, third = (math.fsum(each**power for each in away) / size for power in (2, 3))
    skewness: float = third / second**1.5
    return skewness * math.sqrt(size * (size - 1)) / (size - 2)


def _arm(quantile: float, skewness: float, size: int) -> float:
    """Undo Hall's transformation: from a quantile to how far the mean is away, in errors."""
    root = math.sqrt(size)
    moved = quantile / root - skewness / (6 * size)
    if abs(skewness) < 1e-6:
        return root * moved
    return root * 3 / skewness * (math.cbrt(1 + skewness * moved) - 1)


@lru_cache(maxsize=64)
def widened_by(forms: int, level: float = 0.95) -> float:
    """Tell how many times as wide an interval is for so many forms as for very many."""
    from scipy.special import stdtrit

    return float(stdtrit(forms - 1, (1 + level) / 2)) / normal_quantile(level)


def mean_of_forms(
    parts: Sequence[OfForms], known: float, further: Sequence[Sample], level: float
) -> Estimate:
    """Estimate a sum of means over forms.

    Args:
        parts: Of each basis.
        known: What is added, whatever the shots say.
        further: Samples of mean 0 that it errs by, too, such as those of a calibration.
        level: Confidence of the interval.
    """
    known = math.fsum([known, *(each.sample.mean for each in parts if _is_known(each.sample))])
    moving = [each for each in parts if not _is_known(each.sample)]
    samples = [*(each.sample for each in moving), *further]
    if not moving:
        return Estimate(known, 0.0, known, known)
    plain = _plain(samples, level)
    by_shots = sum(each.sample.squared_error for each in moving)
    others = sum(each.squared_error for each in further)
    by = wider(added([(1.0, each.away) for each in moving]), by_shots, others, level)
    ends = [sum(sample.bounds[end] for sample in samples) for end in (0, 1)]
    told, judged = (
        (max(low, ends[0]), min(high, ends[1]))
        for low, high in (
            by.ends((plain.low, plain.high), plain.value),
            by.judged(plain.judged, plain.value),
        )
    )
    made = around(plain.value, by.se * plain.se, told, judged)
    return _moved(made, known)


def _is_known(sample: Sample) -> bool:
    """Whether shots can have one worth alone."""
    return sample.bounds[1] - sample.bounds[0] <= 1e-12 * max(1.0, abs(sample.bounds[0]))


def _plain(samples: Sequence[Sample], level: float) -> Estimate:
    """Estimate a sum of means from the shots alone."""
    if len(samples) == 1:
        (only,) = samples
        two = only.is_two_valued
        return mean_of_shots(only.values, only.counts, only.bounds, level, is_two_valued=two)
    told, judged = sum_intervals(samples, level)
    value = math.fsum(each.mean for each in samples)
    return around(value, math.sqrt(sum(each.squared_error for each in samples)), told, judged)


def _moved(found: Estimate, by: float) -> Estimate:
    least, most = found.judged
    ends = (found.low + by, found.high + by)
    return replace(
        found,
        value=found.value + by,
        low=ends[0],
        high=ends[1],
        judged_low=least + by,
        judged_high=most + by,
    )
