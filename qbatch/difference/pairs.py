"""One number at one thing asked, on both sides: a comparison before it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.difference.sides import Asked
from qbatch.difference.statistics import Uncertainty, of_independent
from qbatch.result import Estimate, Histogram, homogeneity_p, smallest_p
from qbatch.result.estimate import wilson

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis
    from qbatch.result import Counts

#: Outcomes told apart where a run has no numbers.
MOST_OUTCOMES = 32


@dataclass(slots=True)
class Pair:
    """One comparison before it is judged."""

    number: str
    asked: Asked
    here: Estimate
    there: Estimate
    shots: tuple[int, int]
    errs: Uncertainty
    p_value: float
    smallest: float
    scatter_p: float = 1.0
    between_p: float = 0.0


def pair_of(
    number: str,
    asked: Asked,
    estimates: tuple[Estimate, Estimate],
    shots: tuple[int, int],
    two: tuple[Histogram, Histogram],
    levels: tuple[float, float],
) -> Pair:
    """Compare a number of which both sides know the shots."""
    errs = of_independent(*estimates, levels)
    is_two_valued = len({value for one in two for value, n in one.items() if n}) <= 2
    smallest = smallest_p(tuple(sorted(shots)), two_valued=is_two_valued)
    return Pair(number, asked, *estimates, shots, errs, homogeneity_p(two), smallest)


def outcomes_pair(asked: Asked, mine: Counts, others: Counts, analysis: Analysis) -> Pair:
    """Compare the outcomes: of those told apart, the one that differs most clearly."""
    ours, theirs = mine.to_dict(), others.to_dict()
    shots = mine.shots, others.shots
    both = {bits: ours.get(bits, 0) + theirs.get(bits, 0) for bits in {*ours, *theirs}}
    told_apart = sorted(both, key=lambda bits: (-both[bits], bits))[:MOST_OUTCOMES]
    tests = []
    for bits in told_apart:
        ones = ours.get(bits, 0), theirs.get(bits, 0)
        two = [{1.0: n, 0.0: total - n} for n, total in zip(ones, shots, strict=True)]
        tests.append((homogeneity_p(two), bits, ones))
    p_value, bits, ones = min(tests)
    level = analysis.intervals.level
    here, there = (wilson(n, total, level) for n, total in zip(ones, shots, strict=True))
    errs = of_independent(here, there, (level, level))
    ways = len(told_apart)
    smallest = min(1.0, ways * smallest_p(tuple(sorted(shots))))
    p_value = min(1.0, ways * p_value)
    return Pair(f"P({bits})", asked, here, there, shots, errs, p_value, smallest)


def are_equal(mine: Mapping[str, Counts], others: Mapping[str, Counts]) -> bool:
    """Whether the same settings have the same counts."""
    return mine.keys() == others.keys() and all(
        one.to_dict() == others[id_].to_dict() for id_, one in mine.items()
    )
