"""Intervals for what is bounded: proportions, and means over shots of sums of terms.

Two intervals are made of each. One is told: it holds the truth `level` of the time on average and
is as short as such an interval can be. The other is for judging claims: it is wrong on each side at
most (1 - level)/2 of the time.

==========  ===============================  =============================================
            told                             for judging
==========  ===============================  =============================================
proportion  Wilson (1927)                    Clopper and Pearson (1934)
mean        empirical likelihood (Owen 1988) Gaffke's, which is Clopper and Pearson's where
            with both bounds as allowed      there are two values
            atoms
==========  ===============================  =============================================

**Empirical likelihood.** The upper end is the largest mean µ of a distribution Q over the observed
values and the upper bound b with n·KL(P̂, Q) <= z²/2, P̂ being the observed frequencies; so
n·KL_inf(P̂, µ) <= z²/2 (Honda and Takemura 2010). The lower end is the mirror image with the lower
bound. Shots that all agree at v leave b - (b - v) exp(-z²/2n).

**Gaffke's.** The upper end is the quantile of the mean of the observed values and b under weights
drawn from a Dirichlet(n₁, …, n_m, 1) distribution. That it is never wrong more often than it says
is proven for two values (where it is a beta quantile) and conjectured otherwise (Gaffke 2005;
Learned-Miller and Thomas 2019); tests/result/coverage.py looks for counter-examples. The quantile
comes from Barndorff-Nielsen's saddlepoint formula, which errs to the safe side: by 3 % of the
tail's probability at level 0.95, by 10 % where a few shots all agree.

How both are computed: `qbatch.result.likelihood`.

**What is not reached.** Wilson's coverage falls to 0.838 at level 0.95 (a rare outcome expected
0.177 times), and empirical likelihood's to 0.86 where a sum takes practically two values.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbatch.result.likelihood import gaffkes_end, likely_end

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

Interval = tuple[float, float]

#: Observed values this close to a bound, as a share of the range, are at it.
_AT_BOUND = 1e-9


def tail_of(level: float) -> float:
    """Probability that each side of an interval leaves out.

    Raises:
        ValueError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"interval level {level} is impossible; write one between 0 and 1")
    return (1 - level) / 2


@lru_cache(maxsize=64)
def normal_quantile(level: float) -> float:
    """Find z such that a standard normal variable is within ±z with probability `level`.

    Raises:
        ValueError: `level` is not between 0 and 1.
    """
    return -NormalDist().inv_cdf(tail_of(level))


def wilson_interval(successes: int, shots: int, level: float) -> Interval:
    """Give Wilson's interval of a proportion (J. Am. Stat. Assoc. 22, 209, 1927)."""
    z2 = normal_quantile(level) ** 2
    middle = successes + z2 / 2
    half = math.sqrt(z2 * (successes * ((shots - successes) / shots) + z2 / 4))
    low, high = (middle - half) / (shots + z2), (middle + half) / (shots + z2)
    return (low if successes else 0.0), (high if successes < shots else 1.0)


def clopper_pearson(successes: int, shots: int, level: float) -> Interval:
    """Give Clopper and Pearson's interval of a proportion (Biometrika 26, 404, 1934).

    On each side it is wrong at most (1 - level)/2 of the time, for every number of shots.

    >>> [round(end, 4) for end in clopper_pearson(0, 10, 0.95)]
    [0.0, 0.3085]
    """
    tail = tail_of(level)
    low, high = 0.0, 1.0
    if successes:
        low = _beta_quantile(successes, shots - successes + 1, tail)
    if successes < shots:
        high = 1.0 - _beta_quantile(shots - successes, successes + 1, tail)
    return low, high


def _beta_quantile(a: int, b: int, tail: float) -> float:
    if b == 1:
        return math.exp(math.log(tail) / a)
    if a == 1:
        return -math.expm1(math.log1p(-tail) / b)
    from scipy.special import betaincinv

    return float(betaincinv(a, b, tail))


def mean_intervals(
    values: Floats, counts: Ints, bounds: Interval, level: float
) -> tuple[Interval, Interval]:
    """Give the intervals of a mean over shots: empirical likelihood's, and Gaffke's for judging.

    Args:
        values: Distinct values of shots, ascending, shape (m,), within `bounds`.
        counts: How many shots had each, shape (m,), 1 or more.
        bounds: Smallest and largest value a shot can have, different.
        level: Confidence, between 0 and 1.
    """
    bottom, top = bounds
    z, size = normal_quantile(level), top - bottom
    share = (values - bottom) / size
    share[share < _AT_BOUND] = 0.0
    share[share > 1 - _AT_BOUND] = 1.0
    mirrored, backwards = 1 - share[::-1], counts[::-1]
    found = []
    for end in (likely_end, gaffkes_end):
        low = top - size * end(mirrored, backwards, z)
        found.append((low, bottom + size * end(share, counts, z)))
    likely, gaffkes = found
    return likely, gaffkes
