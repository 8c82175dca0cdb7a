"""How much single shots differ: from which it follows how many of them an accuracy takes.

The variance per shot is that of the shots with half a shot more at each end of what one can be
worth, so that shots that all agree do not prove that the next ones will. Beside it stands what the
variance may well be, for that is an estimate too: its own standard error more, but no more than a
tenth, for where little is known yet another look is cheaper than what a bound would ask for.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from qbatch.result.estimate import values_of
from qbatch.result.grouping import Basis, split
from qbatch.result.pattern import count_matches
from qbatch.result.pauli import parse_pauli

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.analysis import AnalysisLike
    from qbatch.result.counts import Counts

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


#: Of a variance, as a share of it.
MOST_DOUBT = 0.1


class Spread(NamedTuple):
    """How far shots of one setting are apart in what they tell of a number.

    Attributes:
        shots: From how many this is known.
        variance: Per shot.
        likely_most: What that may well be.
    """

    shots: int
    variance: float
    likely_most: float


def spreads_of(
    counts: Mapping[str, Counts],
    bases: Sequence[str],
    analysis: AnalysisLike,
    names: Collection[str],
) -> dict[str, dict[str, Spread]]:
    """Tell of numbers how much the shots of each setting that tells them differ.

    Args:
        counts: Basis -> counts; of every basis.
        bases: Of all settings of the point.
        analysis: Where the numbers are.
        names: Observables and probabilities of it.

    Returns:
        Name -> basis -> spread; without those whose shots tell nothing of the number.

    Raises:
        ValueError: Something does not fit the registers, or a setting has no counts.
    """
    return {name: _spreads(name, counts, bases, analysis) for name in names}


def _spreads(
    name: str, counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> dict[str, Spread]:
    import numpy as np

    if name in analysis.probabilities:
        there = counts[""]
        ones = count_matches(there, analysis.probabilities[name])
        numbers = np.array([there.shots - ones, ones], dtype=np.int64)
        return {"": spread(np.array([0.0, 1.0]), numbers, (0.0, 1.0))}
    some = next(iter(counts.values()))
    whole = parse_pauli(analysis.observables[name], some.num_bits, some.registers)
    parts = split(whole, [Basis.parse(basis) for basis in bases])
    return {
        basis: spread(*values_of(counts[basis], part), part.bounds)
        for basis, part in zip(bases, parts, strict=True)
        if part.terms
    }


def spread(values: Floats, counts: Ints, bounds: tuple[float, float]) -> Spread:
    """Tell how much shots differ.

    Args:
        values: Distinct.
        counts: How many shots were worth each.
        bounds: No shot is worth less or more.

    >>> import numpy as np
    >>> found = spread(np.array([0.0, 1.0]), np.array([100, 0]), (0.0, 1.0))
    >>> found.shots, round(found.variance, 4)
    (100, 0.0049)
    """
    import numpy as np

    shots = int(counts.sum())
    values, weights = np.append(values, bounds), np.append(counts, (0.5, 0.5))
    total = float(weights.sum())
    mean = float(values @ weights) / total
    squares = (values - mean) ** 2
    variance = float(squares @ weights) / total
    fourth = float(squares**2 @ weights) / total
    doubt = math.sqrt(max(0.0, fourth - variance**2) / total)
    return Spread(shots, variance, variance + min(doubt, MOST_DOUBT * variance))
