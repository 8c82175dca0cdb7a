"""Upper ends of the mean of what lies between 0 and 1.

Both methods of `qbatch.result.intervals` walk one family of weights over the observed values x and
the bound 1: w_i ∝ n_i/(S - x_i), S >= 1. With c the mean of the sample, g = (1 - c)/(S - c), which
lies between 0 and 1, and d = g (x - c)/(1 - c), E meaning over the sample,

    e = E[d²/(1 - d)]
    mean of the weights     µ = c + (1 - c)/g · e/(1 + e)
    divergence           KL = E[log(1 - d)] + log(1 + e)
    r = √(2 n KL),        u = √(n (E[d²/(1 - d)²] - e²))/(1 + e)

Empirical likelihood's end is µ where r = z; or, where no shot is at the bound and r < z up to
g = 1, 1 - µ = exp(E[log(1 - x)] - z²/2n): the bound takes the weight that the shots leave.

Gaffke's end is µ where r + log(u/r)/r = z, with one shot more, at the bound: Barndorff-Nielsen's
formula for the chance that weights drawn from a Dirichlet distribution have a mean above µ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_MOST_STEPS = 100
_FARTHEST = 36.0  # exp(-36) is below a float's last digit
_CLOSE = 1e-9  # of a standard deviation


def likely_end(x: Floats, counts: Ints, z: float) -> float:
    """Find the upper end of empirical likelihood.

    Args:
        x: Distinct values, shape (m,), between 0 and 1, ascending.
        counts: How many shots had each, shape (m,), 1 or more.
        z: Normal quantile of the level.
    """
    import numpy as np

    shots = int(counts.sum())
    if x[-1] < 1:
        share = counts / shots
        left = math.exp(float(share @ np.log1p(-x)) - z * z / (2 * shots))
        if left * float(share @ (1 / (1 - x))) <= 1:
            return 1 - left
    elif len(x) == 1:
        return 1.0
    family = _Family(x, counts.astype(float))
    return _end(family, lambda r, _: r - z, z)


def gaffkes_end(x: Floats, counts: Ints, z: float) -> float:
    """Find the upper end of Gaffke's interval; arguments as those of `likely_end`."""
    import numpy as np

    if len(x) == 1:  # a beta quantile
        tail = math.erfc(z / math.sqrt(2)) / 2
        return 1 - (1 - float(x[0])) * math.exp(math.log(tail) / int(counts[0]))
    weights = counts.astype(float)
    if x[-1] == 1:
        weights[-1] += 1
    else:
        x, weights = np.append(x, 1.0), np.append(weights, 1.0)

    def excess(r: float, u: float) -> float:
        return r + (math.log(u / r) / r if r > 1e-4 and u > 0 else 0.0) - z

    return _end(_Family(x, weights), excess, z)


class _Family:
    """Weights ∝ n/(S - x), at a place y >= 0 with g = 1 - exp(-y)."""

    def __init__(self, x: Floats, weights: Floats) -> None:
        self.total = float(weights.sum())
        self._share = weights / self.total
        self._mean = float(self._share @ x)
        self._gap = 1 - self._mean
        self._away = (x - self._mean) / self._gap
        self._short = 1 - self._away

    def look(self, y: float) -> tuple[float, float, float]:
        """Mean of the weights, r and u."""
        import numpy as np

        g = -math.expm1(-y)
        d = self._away * g
        rest = np.maximum(self._short + self._away * math.exp(-y), 1e-300)  # 1 - d, not cancelled
        over = d / rest
        weighted = self._share * over
        e, squares = float(weighted @ d), float(weighted @ over)
        divergence = float(self._share @ np.log(rest)) + math.log1p(e)
        mean = self._mean + (self._gap / g * e / (1 + e) if g > 0 else 0.0)
        r = math.sqrt(2 * self.total * max(divergence, 0.0))
        u = math.sqrt(self.total * max(squares - e * e, 0.0)) / (1 + e)
        return mean, r, u

    def first(self, z: float) -> float:
        """Place where r is about `z`, were the sample normal."""
        spread = math.sqrt(self.total * float(self._share @ self._away**2))
        g = z / max(spread, 1e-300)
        return g if g <= 1 else min(1 + math.log(g), 30.0)


def _end(family: _Family, excess: Callable[[float, float], float], z: float) -> float:
    """Mean of the weights where `excess` of r and u, which increases, is 0.

    Secants, kept between the places already known to be too low and too high.
    """
    low, high = 0.0, _FARTHEST
    before, before_excess, now = 0.0, -z, family.first(z)
    mean = 1.0
    for _ in range(_MOST_STEPS):
        mean, r, u = family.look(now)
        found = excess(r, u)
        if abs(found) <= _CLOSE or high - low <= 1e-15 * high:
            break
        low, high = (now, high) if found < 0 else (low, now)
        slope = (found - before_excess) / (now - before) if now != before else 0.0
        before, before_excess = now, found
        now = now - found / slope if slope > 0 else low
        if not low < now < high:
            now = (low + high) / 2
    return mean
