"""Several numbers of the same counts: how they depend on one another, and sums of them.

What is a mean over shots (observables, probabilities) has a value at each shot; so has a weighted
sum of such numbers, which is then one bounded mean over shots like any other, with an interval that
has all dependence in it and keeps a width where all shots agree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from qbatch.result.analysis import AnalysisLike
from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate, mean_of_shots
from qbatch.result.notation import NotationError
from qbatch.result.observable import parse_observable
from qbatch.result.pattern import matches_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Bits up to which every outcome is looked at, for what a sum can be worth.
MOST_BITS = 10


def values_at_shots(
    counts: Counts, analysis: AnalysisLike, names: Collection[str]
) -> dict[str, Floats] | None:
    """Tell what each outcome is worth for some numbers, in the order of ``counts.outcomes``.

    Returns:
        Name -> values, shape (k,); None where one of the names is no mean over these shots: a
        distance, or what these counts do not tell.
    """
    try:
        return {name: _values(counts, analysis, name) for name in names}
    except (KeyError, NotationError):
        return None


def _values(counts: Counts, analysis: AnalysisLike, name: str) -> Floats:
    if name in analysis.observables:
        text = analysis.observables[name]
        return parse_observable(text, counts.num_bits, counts.registers).values(counts)
    return matches_of(counts, analysis.probabilities[name]).astype(float)


def weighted_sum(
    counts: Counts, analysis: AnalysisLike, weights: Mapping[str, float], level: float
) -> Estimate | None:
    """Estimate a weighted sum of numbers of the same counts.

    Returns:
        Its value with intervals; None where one of the numbers is no mean over these shots.

    Raises:
        ValueError: There are no shots.
    """
    found = values_at_shots(counts, analysis, weights)
    if found is None:
        return None
    values = _sum(found, weights)
    attainable = _attainable(counts, analysis, weights)
    if attainable is None:
        bottom, top = _bounds(counts, analysis, weights)
        return mean_of_shots(values, counts.counts, (bottom, top), level)
    bounds = float(attainable.min()), float(attainable.max())
    is_two_valued = _distinct(attainable) <= 2
    return mean_of_shots(values, counts.counts, bounds, level, is_two_valued=is_two_valued)


def correlations(
    counts: Counts, analysis: AnalysisLike, names: Collection[str]
) -> npt.NDArray[np.float64] | None:
    """Return the correlations between numbers of the same counts, shape (m, m).

    A number whose shots all agree is taken as independent of the others: nothing else is seen.
    None where one of the numbers is no mean over these shots.
    """
    import numpy as np

    found = values_at_shots(counts, analysis, names)
    if found is None:
        return None
    rows = np.array([found[name] for name in names])
    shares = counts.counts / counts.shots
    rows = rows - (rows @ shares)[:, None]
    covariance = (rows * shares) @ rows.T
    sizes = np.sqrt(np.diag(covariance))
    scale = np.where(sizes > 1e-12 * np.abs(rows).max(initial=1.0), sizes, np.inf)
    matrix = covariance / np.outer(scale, scale)
    np.fill_diagonal(matrix, 1.0)
    clipped: Floats = np.clip(matrix, -1.0, 1.0)
    return clipped


def _sum(values: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    first, *others = (weight * values[name] for name, weight in weights.items())
    for other in others:
        first = first + other
    return first


def _attainable(
    counts: Counts, analysis: AnalysisLike, weights: Mapping[str, float]
) -> Floats | None:
    """What the sum is worth at each outcome that there can be; None where they are too many."""
    if counts.num_bits > MOST_BITS:
        return None
    outcomes = range(1 << counts.num_bits)
    every = Counts.from_ints(counts.registers, outcomes, [1] * len(outcomes))
    found = values_at_shots(every, analysis, weights)
    return None if found is None else _sum(found, weights)


def _distinct(values: Floats) -> int:
    import numpy as np

    size = float(np.abs(values).max(initial=0.0)) or 1.0
    return len(np.unique(np.round(values / size, 9)))


def _bounds(
    counts: Counts, analysis: AnalysisLike, weights: Mapping[str, float]
) -> tuple[float, float]:
    """Between what the sum is at any shot: perhaps too wide, never too narrow."""
    low = high = 0.0
    for name, weight in weights.items():
        ends = (0.0, 1.0)
        if name in analysis.observables:
            text = analysis.observables[name]
            ends = parse_observable(text, counts.num_bits, counts.registers).bounds
        low += min(weight * end for end in ends)
        high += max(weight * end for end in ends)
    return low, high
