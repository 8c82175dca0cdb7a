"""Columns of values or texts, of which each point of a block has one row.

Rule: axes that are zipped together are read as whole rows, which are made once for all points and
shared by all that read the same columns; one by one, each point would look up each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat, takewhile
from operator import add
from typing import Any

from qbatch.plan.geometry.grid import Index

#: (position in a point's index, values); position -1 always gives the one value there is.
Located = tuple[int, Sequence[Any]]

#: Fewer columns of one position are looked up one by one.
_FEWEST = 4

#: Cells of rows made beforehand, and how many such tables of a block there are, at most.
_MOST_CELLS, _MOST_TABLES = 1 << 20, 8

Row = tuple[Any, ...]

#: Makes rows of columns, or finds those made before; None: they would take too much memory.
RowsOf = Callable[[Sequence[Sequence[Any]]], Sequence[Row] | None]


class RowTables:
    """The rows of one block's columns, made once for all its layouts."""

    def __init__(self) -> None:
        #: By the columns' ids, with the columns themselves, so that these last.
        self._made: dict[tuple[int, ...], tuple[Sequence[Sequence[Any]], Sequence[Row]]] = {}

    def __call__(self, columns: Sequence[Sequence[Any]]) -> Sequence[Row] | None:
        key = tuple(map(id, columns))
        if key not in self._made:
            cells = len(columns) * len(columns[0])
            if cells > _MOST_CELLS or len(self._made) >= _MOST_TABLES:
                return None
            self._made[key] = columns, list(zip(*columns, strict=True))
        return self._made[key][1]


class Columns:
    """Some columns, in order."""

    __slots__ = ("_position", "_rest", "_rows")

    def __init__(self, columns: Sequence[Located], rows_of: RowsOf) -> None:
        self._position = columns[0][0] if columns else -1
        together = list(takewhile(lambda each: each[0] == self._position, columns))
        rows = None
        if self._position >= 0 and len(together) >= _FEWEST:
            rows = rows_of([values for _, values in together])
        self._rows = rows
        self._rest = tuple(columns if rows is None else columns[len(together) :])

    def and_last(self, column: Sequence[Any]) -> Columns:
        """Return these columns with one more, that has the same value in each row."""
        found = Columns((), lambda _: None)
        found._position, found._rows = self._position, self._rows
        found._rest = (*self._rest, (-1, column))
        return found

    def with_last(self, column: Sequence[Any]) -> Columns:
        """Return these columns with other values in the last one, which is no row made before."""
        found = Columns((), lambda _: None)
        found._position, found._rows = self._position, self._rows
        *others, (at, _) = self._rest
        found._rest = (*others, (at, column))
        return found

    def at(self, index: Index) -> Row:
        """Return what the point at `index` has in each column."""
        rest = tuple([column[index[at]] for at, column in self._rest])
        return rest if self._rows is None else self._rows[index[self._position]] + rest

    def rows(self, places: Sequence[Sequence[int]]) -> Iterator[Row]:
        """Yield what points have in each column, for many of them in less time than one by one.

        Args:
            places: Position in an index -> of each point what its index has there.
        """
        columns = [taken(values, at, places) for at, values in self._rest]
        rest = zip(*columns, strict=True) if columns else repeat((), len(places[-1]))
        if self._rows is None:
            return rest
        return map(add, map(self._rows.__getitem__, places[self._position]), rest)


def taken(values: Sequence[Any], at: int, places: Sequence[Sequence[int]]) -> Iterable[Any]:
    """Return of each point what a column has for it; see `Columns.rows`."""
    rows = places[at]
    first, last = rows[0], rows[-1]
    if at >= 0 and last - first + 1 == len(rows) and rows == tuple(range(first, last + 1)):
        found: Sequence[Any] = values[first : last + 1]
        return found
    return map(values.__getitem__, rows)


class Always(Sequence[Any]):
    """A column of one value, whatever the row."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        return self._value
