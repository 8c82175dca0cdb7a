"""Points that were made, kept for who asks for them again, where they are few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from qbatch.plan.geometry.grid import Index
from qbatch.plan.identity import SweepPoint
from qbatch.plan.layout import Layout

#: So many values are kept, and so many a point has beside those of its axes.
MOST_VALUES, OWN_VALUES = 400_000, 10

_T = TypeVar("_T")

Rows = Iterator[tuple[Layout, Index]]


class Made:
    """The points of one plan.

    Args:
        num_axes: How many the plan has.
    """

    def __init__(self, num_axes: int) -> None:
        self._most = MOST_VALUES // (num_axes + OWN_VALUES)
        self._points: Sequence[SweepPoint] = ()

    def points(self, rows: Rows, *, are_written: bool) -> Iterator[SweepPoint]:
        """Yield all, in run order; with their parameters written they are kept.

        Args:
            rows: Layout and index of each; they may be left alone.
            are_written: Their parameters are asked for as text.
        """
        if self._points:
            return iter(self._points)
        made = (layout.point_at(index, is_written=are_written) for layout, index in rows)
        return self._keeping(made) if are_written else made

    def _keeping(self, points: Iterator[SweepPoint]) -> Iterator[SweepPoint]:
        made: list[SweepPoint] = []
        for point in points:
            if len(made) <= self._most:
                made.append(point)
            yield point
        if len(made) <= self._most:
            self._points = made

    def at(self, rows: Rows, places: Iterable[int]) -> Iterator[SweepPoint]:
        """Yield the points at these places, counted from 0, and make no others."""
        if self._points:
            return chosen(iter(self._points), places)
        return (layout.point_at(index) for layout, index in chosen(rows, places))


def chosen(found: Iterator[_T], places: Iterable[int]) -> Iterator[_T]:
    """Yield what stands at these places, counted from 0."""
    past = 0
    for place in sorted(places):
        yield from islice(found, place - past, place - past + 1)
        past = place + 1
