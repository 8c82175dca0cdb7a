"""``allocate: by_weight``: a point's shots, spread over its settings by what these tell.

A setting that tells terms of coefficients c of an observable has, over states of which nothing is
known, the variance Σc² a shot: its terms are ±1, and independent in the mixed state. The variance
of the sum is Σ w/n over the settings, w their variances and n their shots, and least, for one sum
of shots, where n is as √w (Neyman 1934). Of several observables the variances are added up; of
mitigated numbers each setting's counts by the square of its weight in the extrapolation.

Rules: the sum of the shots stays what it is evenly; each setting has at least four fifths of
`shots`, so that whatever the state is, the standard error is at most 1/√0.8 = 1.12 times that of
even shots: a setting that weighs little may be all that varies, as near an eigenstate of the heavy
terms. With a tenth it was 1.4 times there, and hardly less elsewhere. What outcomes themselves are
read from keeps `shots`. A setting's content does not depend on how many shots of it are wanted, so
what was bought counts.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

if TYPE_CHECKING:
    from qbatch.result.grouping import Basis
    from qbatch.result.pauli import PauliSum

#: The least share of `shots` that a setting has.
LEAST = 0.8


class Weight(NamedTuple):
    """What a setting weighs among those of its point.

    Attributes:
        variance: Of a shot of it, in the sum of all observables.
        keeps: Its outcomes are read themselves: it has `shots` shots or more.
    """

    variance: float
    keeps: bool = False


def variances_of(sums: Sequence[PauliSum], bases: Sequence[Basis]) -> tuple[float, ...]:
    """Return the variance of a shot in each basis, of states of which nothing is known.

    Of an observable's terms with coefficients c that are told there it is Σc²: each is ±1, and in
    the mixed state they are independent. Those of several observables are added up.
    """
    from qbatch.result.grouping import split

    if len(bases) < 2:
        return (1.0,) * len(bases)
    parts = [split(each, bases) for each in sums]
    return tuple(
        math.fsum(c * c for part in together for c, _ in part.terms)
        for together in zip(*parts, strict=True)
    ) or (0.0,) * len(bases)


def allocated(weights: Sequence[Weight], shots: int) -> tuple[int, ...]:
    """Spread a sum of shots over settings, so that the variance is the least there can be.

    Args:
        weights: Of each setting.
        shots: Of each, evenly; the sum is so many for each.

    >>> allocated([Weight(1.44), Weight(1.0)], 1000)
    (1091, 909)
    >>> allocated([Weight(1.0), Weight(0.0)], 1000)
    (1200, 800)
    """
    variances = [each.variance for each in weights]
    total = shots * len(variances)
    if not sum(variances):
        return (shots,) * len(variances)
    fewest = max(1, math.ceil(LEAST * shots))
    least = [shots if each.keeps else fewest for each in weights]
    # A shot more is bought where it lowers the variance by a price, which is to be found.
    low, high = (sum(map(math.sqrt, variances)) / total) ** 2 / 4, max(variances)
    while high - low > 1e-15 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if sum(_bought(variances, least, middle)) > total:
            low = middle
        else:
            high = middle
    found = _bought(variances, least, high)
    gains = [(-_gain(v, n), at) for at, (v, n) in enumerate(zip(variances, found, strict=True))]
    heapq.heapify(gains)
    for _ in range(total - sum(found)):
        _, at = heapq.heappop(gains)
        found[at] += 1
        heapq.heappush(gains, (-_gain(variances[at], found[at]), at))
    return tuple(found)


def _gain(variance: float, shots: int) -> float:
    """By how much a shot more lowers the variance."""
    return variance / (shots * (shots + 1))


def _bought(variances: Sequence[float], least: Sequence[int], price: float) -> list[int]:
    """How many shots each setting has, if one is bought where it gains more than `price`."""
    return [
        max(low, math.floor(0.5 + math.sqrt(0.25 + variance / price)))
        for variance, low in zip(variances, least, strict=True)
    ]


class Spread(Sequence[int]):
    """A setting's shots in place of a column of `shots`.

    Args:
        shots: The column.
        weights: Of all settings of the point.
        at: Which of them it is.
        made: Shots -> what `allocated` says, shared by the settings.
    """

    __slots__ = ("_at", "_made", "_shots", "_weights")

    def __init__(
        self,
        shots: Sequence[int],
        weights: Sequence[Weight],
        at: int,
        made: dict[int, tuple[int, ...]],
    ) -> None:
        self._shots, self._weights, self._at, self._made = shots, weights, at, made

    def __len__(self) -> int:
        return len(self._shots)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self.of(shots) for shots in self._shots[index]]
        return self.of(self._shots[index])

    def of(self, shots: int) -> int:
        """Return how many it has where `shots` are asked for."""
        if shots not in self._made:
            self._made[shots] = allocated(self._weights, shots)
        return self._made[shots][self._at]


def spread_over(shots: Sequence[int], weights: Sequence[Weight]) -> list[Sequence[int]]:
    """Return a column of shots as each setting of these weights has it."""
    made: dict[int, tuple[int, ...]] = {}
    return [Spread(shots, weights, at, made) for at in range(len(weights))]
