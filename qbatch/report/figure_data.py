"""What a figure draws, as CSV: a row for each point, or for each bar of outcomes.

Rules: the numbers behind the picture, unrounded, under the names of the manifest (an axis of shots
is ``shots_asked``: ``shots`` is what was measured); texts cannot be taken for formulas by a
spreadsheet.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from qbatch.exchange.csv_rows import cell
from qbatch.report.series import Series


def csv_of(series: Series) -> str:
    """Return what a figure draws, with the names of its columns in the first row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    rows = _outcomes(series) if series.shows_outcomes else _marks(series)
    writer.writerows([cell(one) if isinstance(one, str) else one for one in row] for row in rows)
    return out.getvalue()


def _marks(series: Series) -> Iterator[Sequence[Any]]:
    plot, number = series.plot, series.number
    axes = [("facet", plot.facet), ("color", plot.color), ("x", plot.x)]
    axes += [("y", plot.y)] if plot.y != number else []
    shown = [(key, name) for key, name in axes if name is not None and name != number]
    errors = [number, f"{number}_se", f"{number}_low", f"{number}_high"] if number else []
    columns = ("shots_asked" if name == "shots" else name for _, name in shown)
    yield ["point", *columns, *errors, "shots"]
    for mark in series.marks:
        found = mark.estimate
        told = (found.value, found.se, found.low, found.high) if found else (None,) * 4
        values = [getattr(mark, key) for key, _ in shown]
        yield [mark.name, *values, *(told if number else ()), mark.shots]


def _outcomes(series: Series) -> Iterator[Sequence[Any]]:
    plot = series.plot
    shown = [(at, name) for at, name in enumerate((plot.facet, plot.color)) if name is not None]
    yield [*(name for _, name in shown), "outcome", "count"]
    for key, counts in series.outcomes.items():
        for outcome, count in counts.top(len(counts)):
            yield [*(key[at] for at, _ in shown), outcome, count]
