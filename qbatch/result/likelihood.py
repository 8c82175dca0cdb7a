"""Upper ends of the mean of what lies between 0 and 1: one root for each, all found at once.

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

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_MOST_STEPS = 100
_FARTHEST = 36.0  # exp(-36) is below a float's last digit
_CLOSE = 1e-9  # of a standard deviation


def upper_ends(x: Floats, counts: Ints, z: float) -> tuple[Floats, Floats]:
    """Find the upper ends of the mean of each of some samples.

    Args:
        x: Values, shape (samples, m), between 0 and 1.
        counts: How many shots had each, shape (m,), 1 or more.
        z: Normal quantile of the level.

    Returns:
        Empirical likelihood's and Gaffke's, shape (samples,) each.
    """
    import numpy as np

    rows = len(x)
    ends = np.ones(2 * rows)
    ends[:rows], is_free = _free_ends(x, counts, z)
    is_sought = np.append(~is_free, np.ones(rows, dtype=bool)) & ~np.tile((x == 1).all(axis=1), 2)
    if is_sought.any():
        padded = np.hstack((np.vstack((x, x)), np.ones((2 * rows, 1))))
        weights = np.tile(np.append(counts.astype(float), 0.0), (2 * rows, 1))
        weights[rows:, -1] = 1.0
        family = _Family(padded[is_sought], weights[is_sought])
        ends[is_sought] = _solved(family, (np.arange(2 * rows) >= rows)[is_sought], z)
    return ends[:rows], ends[rows:]


def _free_ends(x: Floats, counts: Ints, z: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Ends of empirical likelihood where the bound takes weight, and which rows are such.

    It does where no shot is at the bound and the end is above 1 - 1/E[1/(1 - x)].
    """
    import numpy as np

    shots = counts.sum()
    share = counts / shots
    is_apart = ~(x == 1).any(axis=1)
    rest = np.where(is_apart[:, None], 1 - x, 1.0)
    left = np.exp(np.log(rest) @ share - z * z / (2 * shots))
    return np.where(is_apart, 1 - left, 1.0), is_apart & (left * ((1 / rest) @ share) <= 1)


class _Family:
    """Weights ∝ n/(S - x), for each row of x at a place of its own.

    A place is y >= 0 with g = 1 - exp(-y).
    """

    def __init__(self, x: Floats, weights: Floats) -> None:
        self.total = weights.sum(axis=1)
        self.share = weights / self.total[:, None]
        self.mean = (self.share * x).sum(axis=1)
        self.gap = 1 - self.mean
        self._away = (x - self.mean[:, None]) / self.gap[:, None]

    def look(self, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean of the weights, r and u."""
        import numpy as np

        g = -np.expm1(-y)
        d = g[:, None] * self._away
        rest = (1 - self._away) + self._away * np.exp(-y)[:, None]  # 1 - d, without cancellation
        rest = np.maximum(rest, 1e-300)
        weighted = self.share * d / rest
        e = np.einsum("ij,ij->i", weighted, d)
        squares = np.einsum("ij,ij->i", weighted, d / rest)
        divergence = np.einsum("ij,ij->i", self.share, np.log(rest)) + np.log1p(e)
        mean = self.mean + self.gap / np.maximum(g, 1e-300) * e / (1 + e)
        r = np.sqrt(2 * self.total * np.maximum(divergence, 0.0))
        u = np.sqrt(self.total * np.maximum(squares - e * e, 0.0)) / (1 + e)
        return mean, r, u

    def first(self, z: float) -> Floats:
        """Place where r is about `z`, were the sample normal."""
        import numpy as np

        spread = np.sqrt(self.total * np.einsum("ij,ij->i", self.share, self._away**2))
        g = z / np.maximum(spread, 1e-300)
        place: Floats = np.minimum(g, 1.0) + np.log1p(np.maximum(g - 1, 0.0)).clip(0, 30)
        return place


def _solved(family: _Family, is_corrected: Any, z: float) -> Floats:
    """Mean of the weights where each row's score is `z`."""
    import numpy as np

    ends = np.empty(len(family.total))

    def excess(y: Floats) -> Floats:
        mean, r, u = family.look(y)
        ends[:] = mean
        is_far = is_corrected & (r > 1e-4) & (u > 0)
        safe = np.where(is_far, r, 1.0)
        correction = np.log(np.where(is_far, u, 1.0) / safe) / safe
        return r + correction - z

    _find_roots(excess, family.first(z), -z)
    return ends


def _find_roots(excess: Callable[[Floats], Floats], first: Floats, at_zero: float) -> None:
    """Call `excess`, increasing in each of its places, until all it returns is next to 0.

    Secants, kept between the places already known to be too low and too high.
    """
    import numpy as np

    low, high = np.zeros_like(first), np.full_like(first, _FARTHEST)
    before, before_excess, now = low, np.full_like(first, at_zero), first
    for _ in range(_MOST_STEPS):
        found = excess(now)
        is_done = (np.abs(found) <= _CLOSE) | (high - low <= 1e-15 * high)
        if is_done.all():
            return
        low, high = np.where(found < 0, now, low), np.where(found > 0, now, high)
        slope = (found - before_excess) / np.where(now == before, 1.0, now - before)
        following = now - found / np.where(slope > 0, slope, 1.0)
        is_wild = (slope <= 0) | (following <= low) | (following >= high)
        following = np.where(is_wild, (low + high) / 2, following)
        before, before_excess = now, found
        now = np.where(is_done, now, following)
