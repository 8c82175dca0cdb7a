"""Rows of a long table, made of columns: what all rows have in common is written once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

#: A column: the text of each row, or the one text that all have.
Texts = Sequence[str] | str


def joined(columns: Iterable[Texts], number: int, *, between: str = "", end: str = "") -> str:
    """The text of all rows.

    Args:
        columns: What stands in a row, one after the other.
        number: Of rows.
        between: Stands between two columns.
        end: Stands after each row.

    >>> joined([["a", "b"], "100 %", ["c", "d"]], 2, between=", ", end=";")
    'a, 100 %, c;b, 100 %, d;'
    """
    several, common = [], []
    for column in columns:
        if isinstance(column, str):
            common.append(column.replace("%", "%%"))
        else:
            common.append("%s")
            several.append(column)
    row = between.join(common) + end.replace("%", "%%")
    cells = zip(*several, strict=True) if several else itertools.repeat((), number)
    return "".join(map(row.__mod__, cells))
