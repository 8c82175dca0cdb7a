"""Intervals of distances from a target: guaranteed, for every number of shots and every target.

All outcomes outside the target are one cell, which changes no metric: k cells of the target with
frequencies p̂ and probabilities q > 0, and the cell outside (none where the target is everything).
P is the true distribution, `tail` = (1 - level)/2 what each side may miss.

**Two cells.** Every metric is a function of one proportion, and its interval the image of Clopper
and Pearson's.

**Total variation**, the largest P(A) - q(A) over sets A of cells.

- Upper end: the set A* that attains it is unknown but fixed, so Clopper and Pearson's upper end of
  P(A*), less q(A*), holds; the largest of these over all sets is told. (Found for fractions of
  cells, which is a concave problem and only wider.)
- Lower end, the better of two at tail/2 each: (a) the measured distance less what it is too large
  on average, at most ½√((k - 1)/n) (Cauchy and Schwarz), and less √(ln(2/tail)/2n) (McDiarmid
  1989); (b) a third of the shots chooses A, and the others bound P(A) - q(A) from below.

**Hellinger and fidelity**, from the overlap B = Σ√(p q).

- Both ends at tail/2 by the triangle inequality: the measured frequencies are within
  √(1 - exp(-ε/2n)) of P, with n KL(P̂, P) <= ε by Agrawal (IEEE Trans. Inf. Theory 66, 6297,
  2020).
- Overlap from above at tail/2: for every t, B <= ½ Σ(t p + q/t); a third of the shots chooses t,
  and the others bound the mean of t/2 by Gaffke's interval.
- Overlap from below at tail/2: by Clopper and Pearson's lower end of each cell; beyond 4 cells the
  better of that and B̂ - √(2 ln(1/tail')/n), for B̂ is too small on average and no shot changes it
  much (Maurer 2006), at half of it each.

The split is random, seeded by the counts themselves: equal counts are split equally.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.result.intervals import Interval, clopper_pearson, mean_intervals, tail_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

_FEW = 4
#: Shots as the target would have them, added to those that choose t: they keep t bounded.
_PRIOR_SHOTS = 4.0
_PLACES = 24
_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts, cell by cell.

    Attributes:
        counts: Shots in each cell of the target, shape (k,), 0 or more.
        q: The target's probabilities, shape (k,), above 0, adding up to 1.
        outside: Shots outside the target.
        is_everything: True when there is no outcome outside.
        seed: Of the split.
    """

    counts: Ints
    q: Floats
    outside: int
    is_everything: bool
    seed: int

    @property
    def shots(self) -> int:
        return int(self.counts.sum()) + self.outside

    @property
    def number(self) -> int:
        """Of cells, the one outside included."""
        return len(self.q) + (not self.is_everything)

    @property
    def tvd(self) -> float:
        shots = self.shots
        return (float(abs(self.counts / shots - self.q).sum()) + self.outside / shots) / 2

    @property
    def overlap(self) -> float:
        import numpy as np

        return min(1.0, float(np.sqrt(self.counts / self.shots) @ np.sqrt(self.q)))

    def split(self) -> tuple[Cells, Cells]:
        """A random third of the shots, and the others."""
        import numpy as np

        rng = np.random.default_rng(self.seed)
        first, outside = rng.binomial(self.counts, 1 / 3), int(rng.binomial(self.outside, 1 / 3))
        return (
            Cells(first, self.q, outside, self.is_everything, 0),
            Cells(self.counts - first, self.q, self.outside - outside, self.is_everything, 0),
        )


def tvd_interval(cells: Cells, level: float) -> Interval:
    """Bound the total variation from the target."""
    tail = tail_of(level)
    if cells.number == 2:
        return _image(cells, level, lambda p, q: abs(p - q), 0.0)
    lower = max(0.0, _tvd_by_mean(cells, tail / 2), _tvd_by_split(cells, tail / 2))
    return lower, min(1.0, _largest_excess(cells, tail))


def overlap_interval(cells: Cells, level: float) -> Interval:
    """Bound the overlap Σ√(p q) with the target."""
    tail = tail_of(level)
    if cells.number == 2:
        return _image(cells, level, _overlap_of_two, 1.0)
    least, most = _by_triangle(cells, tail / 2)
    lower = _overlap_from_below(cells, tail / 2)
    return max(0.0, least, lower), min(1.0, most, _overlap_by_split(cells, tail / 2))


def _image(
    cells: Cells, level: float, metric: Callable[[float, float], float], best: float
) -> Interval:
    """Interval of a metric that has its best value where the first cell's share is q."""
    q = float(cells.q[0])
    low, high = clopper_pearson(int(cells.counts[0]), cells.shots, level)
    ends = [metric(low, q), metric(high, q), *([best] if low <= q <= high else [])]
    return min(ends), max(ends)


def _overlap_of_two(p: float, q: float) -> float:
    return math.sqrt(p * q) + math.sqrt(max(0.0, 1 - p) * max(0.0, 1 - q))


def _largest_excess(cells: Cells, tail: float) -> float:
    """Largest over all sets of cells of the upper end of P(A), less q(A).

    Cells join in the order of q/p̂, the best first: over fractions of cells the least q(A) for a
    given share x of the shots is convex in x, and the upper end of P(A) is concave in it.
    """
    import numpy as np
    from scipy.special import betaincinv

    shots = cells.shots
    seen = cells.counts > 0
    q, shares = cells.q[seen], cells.counts[seen] / shots
    order = np.argsort(q / shares, kind="stable")
    taken = np.concatenate(([0.0], np.cumsum([cells.outside / shots, *shares[order]])))
    given = np.concatenate(([0.0, 0.0], np.cumsum(q[order])))
    taken[-1] = 1.0
    low, high, best = 0.0, 1.0, 0.0
    for _ in range(_ROUNDS):
        x = np.linspace(low, high, _PLACES)
        inner = np.minimum(x, 1 - 1e-15)
        ends = betaincinv(shots * inner + 1, shots * (1 - inner), 1 - tail)
        excess = np.where(x >= 1, 1.0, ends) - np.interp(x, taken, given)
        at = int(excess.argmax())
        best = max(best, float(excess[at]))
        low, high = float(x[max(0, at - 1)]), float(x[min(_PLACES - 1, at + 1)])
    return best


def _tvd_by_mean(cells: Cells, tail: float) -> float:
    shots = cells.shots
    bias = math.sqrt((len(cells.q) - 1) / shots) / 2
    return cells.tvd - bias - math.sqrt(-math.log(tail) / (2 * shots))


def _tvd_by_split(cells: Cells, tail: float) -> float:
    """Lower end of P(A) - q(A), A chosen by other shots."""
    first, second = cells.split()
    if not second.shots:
        return 0.0
    chosen = first.counts > max(1, first.shots) * cells.q
    inside = int(second.counts[chosen].sum()) + second.outside
    low, _ = clopper_pearson(inside, second.shots, 1 - 2 * tail)
    return low - float(cells.q[chosen].sum())


def _by_triangle(cells: Cells, tail: float) -> Interval:
    reach = hellinger_radius(cells.number, cells.shots, tail)
    value = math.sqrt(1 - cells.overlap)
    return 1 - min(1.0, value + reach) ** 2, 1 - max(0.0, value - reach) ** 2


def hellinger_radius(cells: int, shots: int, tail: float) -> float:
    """Distance that frequencies over so many cells keep to their source, but for `tail` of cases.

    P(n KL >= ε) <= exp(-ε) (e ε/m)^m with m = cells - 1 and ε > m; and B >= exp(-KL/2).
    """
    m = cells - 1
    epsilon = m + math.sqrt(-2 * m * math.log(tail)) - math.log(tail)
    for _ in range(60):  # Newton's method, on a convex function from above
        excess = epsilon - m * (1 + math.log(epsilon / m)) + math.log(tail)
        step = excess / (1 - m / epsilon)
        epsilon -= step
        if abs(step) < 1e-12 * epsilon:
            break
    return math.sqrt(-math.expm1(-epsilon / (2 * shots)))


def _overlap_by_split(cells: Cells, tail: float) -> float:
    """Upper end of ½ Σ(t p + q/t), t chosen by other shots."""
    import numpy as np

    first, second = cells.split()
    if not second.shots:
        return 1.0
    p = (first.counts + _PRIOR_SHOTS * cells.q) / (first.shots + _PRIOR_SHOTS)
    half = np.append(np.sqrt(cells.q / p) / 2, 0.0)
    values, places = np.unique(half, return_inverse=True)
    shots = np.bincount(places, np.append(second.counts, second.outside), len(values))
    seen = shots > 0
    _, (_, most) = mean_intervals(
        values[seen], shots[seen].astype(np.int64), (0.0, float(values[-1])), 1 - 2 * tail
    )
    return most + float(np.sqrt(cells.q * p).sum()) / 2


def _overlap_from_below(cells: Cells, tail: float) -> float:
    if len(cells.q) <= _FEW:
        return _overlap_one_by_one(cells, tail)
    by_change = cells.overlap - math.sqrt(-2 * math.log(tail / 2) / cells.shots)
    return max(by_change, _overlap_one_by_one(cells, tail / 2))


def _overlap_one_by_one(cells: Cells, tail: float) -> float:
    """Overlap with the lower end of each cell's share, all of which hold together."""
    import numpy as np
    from scipy.special import betaincinv

    seen = cells.counts > 0
    counts = cells.counts[seen]
    lower = betaincinv(counts, cells.shots - counts + 1, tail / len(cells.q))
    return float(np.sqrt(cells.q[seen] * lower).sum())
