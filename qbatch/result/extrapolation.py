"""The value that a number would have without noise, from its values at several scales of the noise.

Every curve's value at scale 0 is, near the values found, a sum of them with weights: Richardson's
exactly (Lagrange's polynomial, at 0), a line's that of weighted least squares, a decay's that of
its last step. So the interval is that of a sum of means of independent shots
(`qbatch.result.independent`), each worth its weight times what it was; of a decay it is laid
about the logarithm of the height, which is nearly normal where the height is not.

Points weigh by their own errors. Few shots tell their scatter badly, and a value that came out near
a bound by chance would weigh too much; so each variance is drawn to that of all scales together,
as if `_DRAWN` shots had been added. Where the values scatter about the curve more than shot noise
lets them (p < `POOR`), the interval is wider by √(χ²/degrees of freedom), as that of every fit is.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.estimate import Estimate, around
from qbatch.result.independent import Sample, sum_intervals
from qbatch.result.twirled import Wider, added, squared_error, wider

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Below this probability the values do not lie on the curve; as for fits over an axis.
POOR = 0.01

#: Shots by which the scatter at each scale is drawn to that at all scales.
_DRAWN = 20.0

#: Standard errors by which two values, or more, must be apart from what a decay ends in.
_APART = 3.0


#: Weights of the numbers, by ascending scale -> samples of mean 0 that err in all of them.
Shared = Callable[[Sequence[float]], Sequence[Sample]]


class NoExtrapolationError(ValueError):
    """Nothing can be said of the value without noise; the message says why."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """A number at one scale of the noise: a sum of means, each of shots of its own.

    Attributes:
        scale: Of the noise.
        samples: What is measured.
        known: What is added, whatever the shots say.
        away: Of each sample how far each form of a twirled circuit is from its mean, the same
            number of forms in all; each empty where circuits are not twirled.
    """

    scale: float
    samples: Sequence[Sample]
    known: float = 0.0
    away: Sequence[Sequence[float]] = ()

    @property
    def value(self) -> float:
        """The number."""
        return math.fsum([self.known, *(sample.mean for sample in self.samples)])

    @property
    def by_shots(self) -> float:
        """Its variance by the shots alone: 0 where they all agree."""
        return sum(sample.squared_error for sample in self.samples)

    @property
    def apart(self) -> float:
        """Its variance by how far forms are apart; that by the shots where there are none."""
        away = added([(1.0, each) for each in self.away])
        return squared_error(away) if len(away) > 1 else self.by_shots

    @property
    def se(self) -> float:
        """Its standard error, plain: 0 where all shots agree."""
        return math.sqrt(self.apart)


@dataclass(frozen=True, slots=True)
class Extrapolation:
    """What a number would be without noise, and what that is made of.

    Attributes:
        estimate: The value at scale 0.
        scales: Of the noise, ascending.
        values: The number at each.
        errors: Their standard errors.
        chi2: Sum of squares of how far they are from the curve, in errors.
        dof: Values less parameters; 0: the curve goes through all of them, whatever they are.
        p: Probability that shot noise alone gives so large a `chi2`; None without `dof`.
        weights: How fast the estimate rises with each of the values.
    """

    estimate: Estimate
    scales: tuple[float, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]
    chi2: float
    dof: int
    p: float | None
    weights: tuple[float, ...]


def extrapolated(
    found: Sequence[Scaled],
    fit: str,
    asymptote: float = 0.0,
    level: float = 0.95,
    shared: Shared | None = None,
) -> Extrapolation:
    """Extrapolate a number to no noise.

    Args:
        found: The number at two or more scales, distinct.
        fit: linear, richardson or exponential.
        asymptote: What a decay ends in.
        level: Confidence of the interval.
        shared: What errs together in the numbers at all scales; None: nothing does.

    Raises:
        NoExtrapolationError: The decay is not seen, or its fit does not converge.
    """
    import numpy as np

    found = sorted(found, key=lambda each: each.scale)
    scales = np.array([each.scale for each in found])
    values = np.array([each.value for each in found])
    if not any(each.samples for each in found):  # an observable that is a number
        known = Estimate(found[0].known, 0.0, found[0].known, found[0].known)
        errors = tuple(each.se for each in found)
        none = (0.0,) * len(errors)
        return Extrapolation(known, (*scales,), (*values,), errors, 0.0, 0, None, none)
    variances = _variances(found)
    if fit == "exponential":
        curve = _decay(scales, values, variances, asymptote)
    else:
        curve = _polynomial(scales, values, variances, len(found) if fit == "richardson" else 2)
    chi2 = float(((values - curve.fitted) ** 2 / variances).sum())
    dof = len(found) - curve.parameters
    p = _p_value(chi2, dof) if dof else None
    scattered = math.sqrt(chi2 / dof) if p is not None and p < POOR else 1.0
    weights = tuple(map(float, curve.weights))
    further = shared(weights) if shared is not None else []
    estimate = _estimate(found, curve, scattered, level, further)
    plain = tuple(float(each.se) for each in found)
    told = tuple(map(float, scales)), tuple(map(float, values))
    return Extrapolation(estimate, *told, plain, chi2, dof, p, weights)


def widened(scales: Sequence[float], fit: str) -> float:
    """Tell how many times as large as a value's own error that of the value at scale 0 is.

    All values having the same error; of a decay the line's, than which it is not better.
    """
    return math.hypot(*shares(scales, fit))


def shares(scales: Sequence[float], fit: str) -> list[float]:
    """Tell with which weight the value at each scale stands in that at scale 0.

    All values having the same error; of a decay those of a line.
    """
    import numpy as np

    at, same = np.array(scales, dtype=float), np.ones(len(scales))
    curve = _polynomial(at, same, same, len(at) if fit == "richardson" else 2)
    return [*map(float, curve.weights)]


@dataclass(frozen=True, slots=True)
class _Curve:
    """A fitted curve.

    Attributes:
        value: At scale 0.
        weights: How fast it rises with each of the values.
        fitted: Its values at the scales.
        parameters: How many it has.
        height: Of a decay, at scale 0; None for others.
    """

    value: float
    weights: Floats
    fitted: Floats
    parameters: int
    height: float | None = None


def _variances(found: Sequence[Scaled]) -> Floats:
    """Squared errors of the values, each drawn to what all scales together say of the scatter.

    Likewise what all scales together say of forms of twirled circuits.
    """
    import numpy as np

    columns = zip(*(each.samples for each in found), strict=True)
    total = np.zeros(len(found))
    for column in columns:
        shots = np.array([float(sample.shots) for sample in column])
        scatter = np.array([sample.squared_error for sample in column]) * shots
        bottom, top = column[0].bounds
        together = float((shots * scatter).sum() / shots.sum())
        if not together:  # as if a quarter of a shot were worth the other bound
            together = (top - bottom) ** 2 / (4 * float(shots.sum()))
        total += (shots * scatter + _DRAWN * together) / (shots + _DRAWN) / shots
    plain = sum(each.by_shots for each in found)
    return total * max(1.0, sum(each.apart for each in found) / plain) if plain else total


def _polynomial(scales: Floats, values: Floats, variances: Floats, parameters: int) -> _Curve:
    """Fit a polynomial of so many parameters, by weighted least squares."""
    import numpy as np

    powers = np.vander(scales, parameters, increasing=True)
    rooted = powers / np.sqrt(variances)[:, None]
    rows = np.linalg.pinv(rooted) / np.sqrt(variances)
    fitted = powers @ (rows @ values)
    weights = _lagrange(scales) if parameters == len(scales) else rows[0]
    return _Curve(float(weights @ values), weights, fitted, parameters)


def _lagrange(scales: Floats) -> Floats:
    """Weights of the values in the polynomial through all of them, at 0."""
    import numpy as np

    return np.array(
        [
            math.prod(other / (other - own) for k, other in enumerate(scales) if k != number)
            for number, own in enumerate(scales)
        ]
    )


def _decay(scales: Floats, values: Floats, variances: Floats, asymptote: float) -> _Curve:
    """Fit asymptote + height · exp(-rate · scale).

    Raises:
        NoExtrapolationError: The values are not apart from the asymptote, or it does not converge.
    """
    import numpy as np
    from scipy.optimize import OptimizeWarning, curve_fit

    heights, errors = values - asymptote, np.sqrt(variances)
    sign = 1.0 if float((heights / variances).sum()) >= 0 else -1.0
    if np.count_nonzero(sign * heights > _APART * errors) < 2:
        raise NoExtrapolationError(
            f"fewer than two values are {_APART:g} standard errors away from {asymptote:g}, in "
            "which the decay ends; take smaller scales or more shots"
        )

    def decay(scale: Floats, height: float, rate: float) -> Floats:
        return np.asarray(height * np.exp(np.clip(-rate * scale, -700, 700)))

    def slopes(scale: Floats, height: float, rate: float) -> Floats:
        shape = decay(scale, 1.0, rate)
        return np.stack([shape, -scale * height * shape], axis=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # said of a decay without any error
        try:
            begin = _first_decay(scales, sign * heights, errors)
            (height, rate), _ = curve_fit(
                decay, scales, heights, (sign * begin[0], begin[1]), errors, True, jac=slopes
            )
        except RuntimeError as error:
            raise NoExtrapolationError(f"the decay's fit does not converge: {error}") from error
    rooted = slopes(scales, height, rate) / errors[:, None]
    if not np.isfinite(rooted).all() or np.linalg.matrix_rank(rooted) < 2:
        raise NoExtrapolationError(
            "the decay's fit leaves its height open; ask for more factors, or more shots"
        )
    weights = (np.linalg.pinv(rooted) / errors)[0]
    fitted = asymptote + decay(scales, height, rate)
    return _Curve(asymptote + float(height), weights, fitted, 2, float(height))


def _first_decay(scales: Floats, heights: Floats, errors: Floats) -> tuple[float, float]:
    """Return height and rate of a line through the logarithms of what is apart from 0."""
    import numpy as np

    apart = heights > _APART * errors
    weights = heights[apart] / errors[apart]
    slope, start = np.polyfit(scales[apart], np.log(heights[apart]), 1, w=weights)
    return math.exp(start), -float(slope)


def _estimate(
    found: Sequence[Scaled],
    curve: _Curve,
    scattered: float,
    level: float,
    further: Sequence[Sample],
) -> Estimate:
    parts = [
        (float(weight), sample)
        for each, weight in zip(found, curve.weights, strict=True)
        for sample in each.samples
        if weight
    ]
    by = _wider(found, curve, level, further)
    parts += [(1.0, sample) for sample in further]
    weighed = [_times(sample, weight) for weight, sample in parts]
    middle = math.fsum(sample.mean for sample in weighed)
    plain_told, plain_judged = sum_intervals(weighed, level)
    told, judged = (
        tuple(_laid(curve, scattered * (end - middle)) for end in ends)
        for ends in (by.ends(plain_told, middle), by.judged(plain_judged, middle))
    )
    plain = math.sqrt(sum(weight**2 * sample.squared_error for weight, sample in parts))
    se = scattered * by.se * plain
    return around(curve.value, se, (told[0], told[1]), (judged[0], judged[1]))


def _wider(
    found: Sequence[Scaled], curve: _Curve, level: float, further: Sequence[Sample]
) -> Wider:
    """Tell by how much the interval is wider for the forms of circuits that are twirled."""
    weights = [*map(float, curve.weights)]
    away = added(
        [(w, each) for w, one in zip(weights, found, strict=True) for each in one.away if w]
    )
    by_shots = sum(w**2 * one.by_shots for w, one in zip(weights, found, strict=True))
    return wider(away, by_shots, sum(each.squared_error for each in further), level)


def _laid(curve: _Curve, away: float) -> float:
    """Lay what is so far from the value: about the logarithm of a decay's height."""
    if curve.height is None:
        return curve.value + away
    return curve.value - curve.height + curve.height * math.exp(away / curve.height)


def _times(sample: Sample, weight: float) -> Sample:
    """What shots are worth, each times a weight, not 0."""
    if weight < 0:
        return _times(sample.mirrored(), -weight)
    bottom, top = sample.bounds
    bounds = (weight * bottom, weight * top)
    return replace(sample, values=weight * sample.values, bounds=bounds)


def _p_value(chi2: float, dof: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(dof, chi2))
