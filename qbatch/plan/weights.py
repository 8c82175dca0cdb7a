"""What the settings of a point weigh: by how much a shot of each varies in its observables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from qbatch.result.grouping import Basis
    from qbatch.result.pauli import PauliSum


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
