"""Whether samples of single shots come from one distribution: tests that are right at any size.

What is compared are groups (backends, repeats) of shots of one number, each group a histogram
value -> shots. The null hypothesis is that the groups differ by chance alone: given all shots
together, every way of dealing them out to the groups is equally likely. So nothing is assumed about
the distribution, and a group may have one shot only.

===============  ===========================================================================
two groups, two  Fisher's exact test
values
large groups     χ² of the groups' means: for two values with the pooled variance (Pearson's),
                 else with each group's own (Welch), so that groups which differ in variance
                 but not in mean are not told apart
small groups     the same χ² against deals drawn at random (seeded), until 20 exceed it
                 (Besag and Clifford, Biometrika 78, 301, 1991)
far tails of     what no number of draws shows: Fisher's test of each group against the rest,
small groups     or Bernstein's inequality for deals (Hoeffding, J. Am. Stat. Assoc. 58, 13,
                 1963), times the number of groups; doubled, as the better of two is taken
===============  ===========================================================================

Groups are large where the χ² tail is right to about a tenth down to `TRUSTED_P`: the first terms
of Edgeworth's series are small there. The choice between rows depends on all shots together and on
the groups' sizes, never on who got which shots.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Table = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

#: Value -> how many shots had it.
Histogram = Mapping[float, int]

#: χ² is used where it holds down to here.
TRUSTED_P = 1e-7
#: √(χ²) of that for one degree of freedom.
_TRUSTED_Z = 5.33
#: Deals drawn at most, and where so many cannot tell anything.
DRAWS = 10_000
FEW_DRAWS = 400
_ENOUGH = 20
_UNINTERESTING = 0.2
_SEED = 20_261_128
#: numpy draws from urns up to this size.
_LARGEST_URN = 10**9
#: A window this wide around Fisher's table is summed; a result far out of a wider one is certain.
_WIDEST = 200_000


def chi_squared_p(chi_squared: float, freedom: float) -> float:
    """Return the probability that χ² with so many degrees of freedom is this large or larger.

    >>> round(chi_squared_p(3.84, 1), 3), chi_squared_p(0, 3)
    (0.05, 1.0)
    """
    from scipy.special import chdtrc

    return float(chdtrc(freedom, max(chi_squared, 0.0)))


def fisher_p(ones: int, shots: int, other_ones: int, other_shots: int) -> float:
    """Return the two-sided p-value of Fisher's exact test: of all deals no likelier than this one.

    >>> round(fisher_p(8, 10, 1, 6), 4)
    0.035
    """
    import numpy as np
    from scipy.special import gammaln

    total, marked = shots + other_shots, ones + other_ones
    if not shots or not other_shots or marked in (0, total):
        return 1.0
    mean = shots * marked / total
    spread = math.sqrt(mean * (1 - marked / total) * other_shots / max(total - 1, 1))
    reach = 3 * abs(ones - mean) + 12 * spread + 20
    if reach > _WIDEST and abs(ones - mean) > 30 * spread:
        return chi_squared_p(((ones - mean) / spread) ** 2, 1)
    lowest = max(0, marked - other_shots, math.floor(mean - reach))
    highest = min(shots, marked, math.ceil(mean + reach))
    k = np.arange(lowest, highest + 1)
    logs = -(
        gammaln(k + 1)
        + gammaln(shots - k + 1)
        + gammaln(marked - k + 1)
        + gammaln(other_shots - marked + k + 1)
    )
    weights = np.exp(logs - logs.max())
    here = weights[ones - lowest]
    return min(1.0, float(weights[weights <= here * (1 + 1e-7)].sum() / weights.sum()))


def homogeneity_p(groups: Sequence[Histogram], draws: int = DRAWS) -> float:
    """Return how likely chance alone makes the groups' means differ so much or more.

    Args:
        groups: Of shots of one number; those without shots do not count.
        draws: Deals drawn at most; the smallest p-value that they can give is 2 / (draws + 1).
    """
    import numpy as np

    filled = [group for group in groups if sum(group.values())]
    seen = {value for group in filled for value, shots in group.items() if shots}
    values = np.array(sorted(seen), dtype=np.float64)
    if len(filled) < 2 or len(values) < 2:
        return 1.0
    table = np.array([[group.get(value, 0) for value in values.tolist()] for group in filled])
    if table.shape == (2, 2):
        (_, ones), (_, other_ones) = table.tolist()
        return fisher_p(ones, int(table[0].sum()), other_ones, int(table[1].sum()))
    return _of_table(table.astype(np.int64), values, draws)


def _of_table(table: Table, values: Floats, draws: int) -> float:
    seen = float(_statistic(table[None], values)[0])
    p_value = chi_squared_p(seen, len(table) - 1)
    if _is_trusted(table, values) or table.sum() > _LARGEST_URN or p_value > _UNINTERESTING:
        return p_value
    tail = _tail_p(table, values)
    if tail < 1 / (draws + 1):
        return min(1.0, 2 * tail)
    return min(1.0, 2 * min(tail, _drawn_p(table, values, seen, draws)))


def _statistic(tables: Table, values: Floats) -> Floats:
    """χ² of each table's means: of two values with the pooled variance, else with their own."""
    import numpy as np

    sizes = tables[0].sum(axis=1).astype(np.float64)
    pooled = tables[0].sum(axis=0)
    total = sizes.sum()
    centre = float(pooled @ values) / total
    off = values - centre
    variance = float(pooled @ off**2) / (total - 1)
    means = (tables @ off) / sizes
    if len(values) == 2:
        return np.asarray((means**2 @ sizes) / variance)
    # One pseudo-shot with the pooled variance keeps a group whose shots agree from certainty.
    own = ((tables @ off**2) - sizes * means**2 + variance) / sizes
    weights = sizes / np.maximum(own, 1e-300)
    middle = (means * weights).sum(axis=1) / weights.sum(axis=1)
    return np.asarray(((means - middle[:, None]) ** 2 * weights).sum(axis=1))


def _is_trusted(table: Table, values: Floats) -> bool:
    """Whether χ² is right to a tenth or so down to `TRUSTED_P`: skewness and size say so."""
    sizes, pooled = table.sum(axis=1), table.sum(axis=0)
    off = values - pooled @ values / sizes.sum()
    second = float(pooled @ off**2) / sizes.sum()
    third = abs(float(pooled @ off**3)) / sizes.sum()
    smallest = int(sizes.min())
    skewness = third / second**1.5 / math.sqrt(smallest)
    by_skewness = skewness * _TRUSTED_Z**3 / 6 < 0.45
    return by_skewness and smallest > _TRUSTED_Z**4 / (4 * 0.45)


def _tail_p(table: Table, values: Floats) -> float:
    """Bound the p-value from above, far out too, by comparing each group with all of them."""
    sizes, pooled = table.sum(axis=1).tolist(), table.sum(axis=0)
    total = sum(sizes)
    if len(values) == 2:
        ones, marked = table[:, 1].tolist(), int(pooled[1])
        found = min(
            fisher_p(one, size, marked - one, total - size)
            for one, size in set(zip(ones, sizes, strict=True))
        )
        return min(1.0, len(sizes) * found)
    off = values - pooled @ values / total
    variance, reach = float(pooled @ off**2) / total, float(values[-1] - values[0])
    bounds = []
    for row, size in zip(table, sizes, strict=True):
        mean = float(row @ off) / size
        own = max(variance, float(row @ off**2) / size - mean**2)
        bounds.append(2 * math.exp(-size * mean**2 / (2 * own + 2 / 3 * reach * abs(mean))))
    return min(1.0, len(sizes) * min(bounds))


def _drawn_p(table: Table, values: Floats, seen: float, draws: int) -> float:
    """Deal all shots out anew, again and again; stop when enough deals are as uneven."""
    import numpy as np

    random = np.random.default_rng(_SEED)
    exceeding = done = 0
    while done < draws:
        batch = min(max(100, done), draws - done)
        found = _statistic(_deals(table, random, batch), values)
        as_uneven = np.flatnonzero(found >= seen * (1 - 1e-9) - 1e-12)
        if exceeding + len(as_uneven) >= _ENOUGH:
            last = int(as_uneven[_ENOUGH - exceeding - 1])
            return _ENOUGH / (done + last + 1)
        exceeding, done = exceeding + len(as_uneven), done + batch
    return (exceeding + 1) / (done + 1)


def _deals(table: Table, random: np.random.Generator, number: int) -> Table:
    """Random tables with the sums of `table`, shape (number, groups, values)."""
    import numpy as np

    sizes, pooled = table.sum(axis=1), table.sum(axis=0)
    left = np.tile(pooled, (number, 1))
    deals = np.zeros((number, *table.shape), dtype=np.int64)
    for group, size in enumerate(sizes[:-1].tolist()):
        wanted, rest = np.full(number, size), left.sum(axis=1)
        for value in range(len(pooled) - 1):
            rest = rest - left[:, value]
            got = random.hypergeometric(left[:, value], rest, wanted)
            deals[:, group, value] = got
            wanted = wanted - got
        deals[:, group, -1] = wanted
        left = left - deals[:, group]
    deals[:, -1] = left
    return deals


@lru_cache(maxsize=4096)
def smallest_p(sizes: tuple[int, ...], draws: int = DRAWS, *, two_valued: bool = True) -> float:
    """Return the p-value of the clearest difference that groups of these sizes can show."""
    shots = [0, 0]
    dealt: list[dict[float, int]] = []
    for size in sorted(sizes, reverse=True):
        side = 0 if shots[0] <= shots[1] else 1
        shots[side] += size
        dealt.append({float(side): size})
    if not two_valued and dealt:
        ((value, size),) = dealt[-1].items()
        dealt[-1] = {value: size - 1, 2 * value - 0.5: 1}
    return homogeneity_p(dealt, draws)


def family(p_values: Sequence[float], smallest: Sequence[float], alarm: float) -> list[bool | None]:
    """Say which differences are more than chance, all tests taken together.

    Holm's procedure (Scand. J. Stat. 6, 65, 1979) over those tests that could have told anything
    (Tarone, Biometrics 46, 515, 1990).

    Args:
        p_values: One a test.
        smallest: The smallest that each could have had.
        alarm: Chance that any is called different where none is.

    Returns:
        For each test True (different), False (no more than chance), None (too few shots to say).
    """
    least = sorted(smallest)
    share = next(
        (k for k in range(1, len(least)) if bisect_right(least, alarm / k) <= k), len(least)
    )
    able = [at for at, one in enumerate(smallest) if one <= alarm / max(share, 1)]
    found: list[bool | None] = [None] * len(p_values)
    left, is_different = len(able), True
    for at in sorted(able, key=lambda at: p_values[at]):
        is_different = is_different and p_values[at] <= alarm / left
        found[at] = is_different
        left -= 1
    return found
