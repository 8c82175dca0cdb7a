"""How large and how small a sum of products of Z can be.

A bound that is attained makes an interval no wider than it must be, so it is looked for by three
exact ways, for each group of terms that share bits:

1. Terms whose parities are independent (no product of some is the identity or another) take all
   signs: the bound is the sum of the coefficients' sizes.
2. Up to 16 independent parities are all tried, by one fast Walsh-Hadamard transform: a ring of 17
   has 16.
3. Bits are eliminated one after the other, each giving a table over its neighbours of at most 16
   bits: chains, rings, ladders and trees of any length (Bertelè and Brioschi 1972).

Where none applies the sum of the sizes is told: never too narrow, perhaps too wide. So it is where
tables would take more than 64 MiB at once: which bits meet is known before any table is made, terms
are added up within one table for each bit, and tables are counted while they are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: (coefficient, ascending bits), distinct, none without bits.
Terms = Sequence[tuple[float, tuple[int, ...]]]

_MOST_TRIED = 16
#: Numbers in the tables that wait for their bits to be eliminated: 64 MiB.
_MOST_KEPT = 1 << 23
#: Two sums closer than this share of the range are one.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Reach:
    """What the sum can be.

    Attributes:
        low: No outcome is worth less.
        high: No outcome is worth more.
        is_attained: True when there are outcomes worth `low` and `high`.
        is_two_valued: True when every outcome is worth `low` or `high`.
    """

    low: float
    high: float
    is_attained: bool
    is_two_valued: bool


def reach_of(terms: Terms) -> Reach:
    """Find the bounds of a sum of products of Z."""
    reaches = [_reach_of_group(group) for group in _groups(terms)]
    return Reach(
        sum(reach.low for reach in reaches),
        sum(reach.high for reach in reaches),
        all(reach.is_attained for reach in reaches),
        len(reaches) == 1 and reaches[0].is_two_valued,
    )


def _groups(terms: Terms) -> list[Terms]:
    """Split into groups that share no bit."""
    found: list[tuple[set[int], list[tuple[float, tuple[int, ...]]]]] = []
    for term in terms:
        bits, group = set(term[1]), [term]
        apart = []
        for others, members in found:
            if bits.isdisjoint(others):
                apart.append((others, members))
            else:
                bits |= others
                group = members + group
        found = [*apart, (bits, group)]
    return [group for _, group in found]


def _reach_of_group(terms: Terms) -> Reach:
    size = sum(abs(coefficient) for coefficient, _ in terms)
    rank, parities = _independent(bits for _, bits in terms)
    if rank == len(terms):
        return Reach(-size, size, True, rank == 1)
    if rank <= _MOST_TRIED:
        return _tried(rank, [c for c, _ in terms], parities)
    eliminated = _eliminated(terms)
    if eliminated is None:
        return Reach(-size, size, False, False)
    return Reach(*eliminated, True, False)


def _independent(products: Iterable[tuple[int, ...]]) -> tuple[int, list[int]]:
    """Find independent parities, and each product as a mask of those it is made of."""
    pivots: dict[int, tuple[int, int]] = {}  # highest bit -> what is left, made of which parities
    masks = []
    for product in products:
        rest, mask = sum(1 << bit for bit in product), 0
        while rest and rest.bit_length() in pivots:
            other, made_of = pivots[rest.bit_length()]
            rest, mask = rest ^ other, mask ^ made_of
        if rest:
            own = 1 << len(pivots)
            pivots[rest.bit_length()] = rest, mask ^ own
            mask = own
        masks.append(mask)
    return len(pivots), masks


def _tried(rank: int, coefficients: Sequence[float], parities: Sequence[int]) -> Reach:
    """Try every sign of `rank` independent parities."""
    import numpy as np

    worth = np.zeros(1 << rank)
    np.add.at(worth, np.array(parities), np.array(coefficients))
    worth = _worths(worth)
    low, high = float(worth.min()), float(worth.max())
    inner = np.minimum(worth - low, high - worth).max()
    return Reach(low, high, True, bool(inner <= _SAME * (high - low)))


def _worths(worth: Floats) -> Floats:
    """Return what each choice of signs is worth, from coefficients: Walsh-Hadamard.

    Args:
        worth: At each mask of parities, its coefficient.
    """
    import numpy as np

    for i in range(worth.size.bit_length() - 1):
        pairs = worth.reshape(-1, 2, 1 << i)
        worth = np.stack((pairs.sum(axis=1), pairs[:, 0] - pairs[:, 1]), axis=1).reshape(-1)
    return worth


#: Ascending bits, and what is still to be gained for each choice of them: axis 0 (the sum, minus
#: the sum), then an axis for each bit.
_Table = tuple[tuple[int, ...], "Floats"]


def _eliminated(terms: Terms) -> tuple[float, float] | None:
    """Bounds by eliminating bits, fewest neighbours first; None where tables grow too large."""
    order = _order(terms)
    if order is None:
        return None
    places = {bit: place for place, (bit, _) in enumerate(order)}
    own: list[list[tuple[float, tuple[int, ...]]]] = [[] for _ in order]
    for term in terms:
        own[min(places[bit] for bit in term[1])].append(term)
    tables: list[_Table] = []
    for (bit, neighbours), added in zip(order, own, strict=True):
        touched = [table for table in tables if bit in table[0]]
        tables = [table for table in tables if bit not in table[0]]
        tables.append(_best_over(bit, neighbours, added, touched))
        if sum(table.size for _, table in tables) > _MOST_KEPT:
            return None
    most, least = (sum(float(table[i]) for _, table in tables) for i in (0, 1))
    return -least, most


def _order(terms: Terms) -> list[tuple[int, tuple[int, ...]]] | None:
    """Say in which order bits are eliminated, each with its neighbours then; None: too many."""
    if any(len(bits) > _MOST_TRIED for _, bits in terms):
        return None
    around: dict[int, set[int]] = {}
    for _, bits in terms:
        for bit in bits:
            around.setdefault(bit, set()).update(bits)
    order = []
    while around:
        bit = min(around, key=lambda one: (len(around[one]), one))
        neighbours = around.pop(bit) - {bit}
        if len(neighbours) > _MOST_TRIED:
            return None
        order.append((bit, tuple(sorted(neighbours))))
        for other in neighbours:
            around[other] |= neighbours
            around[other].discard(bit)
    return order


def _best_over(
    bit: int, neighbours: tuple[int, ...], terms: Terms, tables: Sequence[_Table]
) -> _Table:
    """Add terms and tables up; take the better value of `bit` for each choice of its neighbours."""
    import numpy as np

    order = sorted((bit, *neighbours))
    masks = {one: 1 << place for place, one in enumerate(reversed(order))}
    worth = np.zeros(1 << len(order))
    for coefficient, bits in terms:
        worth[sum(masks[one] for one in bits)] += coefficient
    worth = _worths(worth).reshape((2,) * len(order))
    total = np.stack((worth, -worth))
    for bits, table in tables:
        total += table.reshape(2, *(2 if one in bits else 1 for one in order))
    return neighbours, total.max(axis=1 + order.index(bit))
