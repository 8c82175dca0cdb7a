"""A sum of Paulis from the counts of several bases: a sum of means that are independent.

Each basis's part is a mean over its own shots (`expectation_value`): the covariances of terms that
are told by the same counts are in its variance, exactly, and in its interval. The parts are
independent, so variances add up, and the interval of the sum is made of the intervals of the parts
by the squares of their arms (MOVER: Zou and Donner 2008):

    low = Σ valueᵢ - √Σ (valueᵢ - lowᵢ)²,    high = Σ valueᵢ + √Σ (highᵢ - valueᵢ)²

for the intervals that are told and those that claims are judged on. Arms that differ stay so, and
a part of which all shots agree keeps its width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate, expectation_value
from qbatch.result.grouping import Basis, split
from qbatch.result.intervals import Interval
from qbatch.result.pauli import PauliSum


def combined(parts: Sequence[Estimate]) -> Estimate:
    """Estimate a sum of means that independent shots estimate.

    Args:
        parts: At least one, all of one level. One alone is returned as it is.

    Raises:
        ValueError: There is none.
    """
    if not parts:
        raise ValueError("no estimates, no sum")
    if len(parts) == 1:
        return parts[0]
    value = math.fsum(part.value for part in parts)
    low, high = _moved(value, parts, [(part.low, part.high) for part in parts])
    least, most = _moved(value, parts, [part.judged for part in parts])
    se = math.hypot(*(part.se for part in parts))
    return Estimate(value, se, low, high, judged_low=least, judged_high=most)


def _moved(value: float, parts: Sequence[Estimate], intervals: Sequence[Interval]) -> Interval:
    """Return the interval around `value` of which the arms are those of the parts, squared."""
    down = math.hypot(*(p.value - low for p, (low, _) in zip(parts, intervals, strict=True)))
    up = math.hypot(*(high - p.value for p, (_, high) in zip(parts, intervals, strict=True)))
    return value - down, value + up


def expectation_of(
    whole: PauliSum, counts: Mapping[Basis, Counts], level: float = 0.95
) -> Estimate:
    """Estimate a sum of Paulis from the counts of each basis.

    Args:
        whole: On bits that the counts have.
        counts: Of each basis, at least one shot each where the basis tells something; in the order
            in which terms look for one that measures them (`split`).
        level: Confidence of the interval.

    Raises:
        ValueError: No basis measures some term, or one has no shots.
    """
    parts = split(whole, [*counts])
    used = [
        expectation_value(found, part, level)
        for part, found in zip(parts, counts.values(), strict=True)
        if part.terms or part.constant
    ]
    return combined(used or [Estimate(0.0, 0.0, 0.0, 0.0)])
