"""How far values go along with the order in which they stand; plain Python, as plans use it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

#: Of values that are no numbers, so many are looked at.
MOST_VALUES = 16

#: A column of numbers: mean 0, length 1.
Column = Sequence[float]


def worst_of(order: Sequence[int], columns: Iterable[Column]) -> float:
    """Return the largest correlation of a column with its place in an order, without sign."""
    turn = standardized(range(len(order)))
    return max(
        (
            abs(sum(column[at] * one for at, one in zip(order, turn, strict=True)))
            for column in columns
        ),
        default=0.0,
    )


def columns_of(values: Sequence[object]) -> list[Column]:
    """Return what is correlated of an axis: its numbers, else each of its values as 1 and 0."""
    if len(set(values)) < 2:
        return []
    numbers = [
        float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)
    ]
    if len(numbers) == len(values):
        return [standardized(numbers)]
    each = list(dict.fromkeys(values))[:MOST_VALUES]
    return [standardized([float(one == value) for one in values]) for value in each]


def standardized(numbers: Sequence[float]) -> Column:
    """Return numbers with their mean taken off, and of length 1 in all; zeros if they agree."""
    mean = math.fsum(numbers) / max(1, len(numbers))
    off = [one - mean for one in numbers]
    length = math.sqrt(math.fsum(one * one for one in off))
    return [one / length for one in off] if length else off
