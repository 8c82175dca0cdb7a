"""Derived numbers of a run: each formula of the manifest, a number for each group of points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.across.fits import read_fits
from qbatch.across.intervals import Intervals
from qbatch.across.numbers import AcrossNumber
from qbatch.across.own import read_own
from qbatch.across.points import MOST_POINTS, Points
from qbatch.across.quantity import Extreme, Quantity, UndecidedError
from qbatch.across.tables import Missing, RefusedError, Tables

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.across.own import OwnOfGroup
    from qbatch.across.tables import Cell
    from qbatch.manifest.models import Value

#: Extremes as a reader knows them.
_WORDS = {"max": "largest", "min": "smallest", "argmax": "largest", "argmin": "smallest"}


def derived_numbers(
    points: Points,
    fits: Callable[[], Sequence[Fitted]],
    own: Callable[[], Sequence[OwnOfGroup]],
) -> Iterator[AcrossNumber]:
    """Yield each derived number of the manifest, for each of its groups, in order.

    Args:
        points: Of a run.
        fits: Returns those of these points.
        own: Returns what own functions say of groups of them.
    """
    names = points.manifest.analysis.derived
    if not names:
        return
    if points.left_out:
        many = f"{len(points) + points.left_out:,}"
        said = f"{many} points are too many for numbers across points (at most {MOST_POINTS:,})"
        yield from (AcrossNumber(name, {}, "", None, said) for name in names)
        return
    tables, intervals = Tables(points, fits, own), Intervals(points)
    for name in names:
        try:
            groups = tables.derived(name).groups()
        except RefusedError as error:
            yield AcrossNumber(name, {}, "", None, str(error))
            continue
        for group, cell in groups:
            yield _number(name, group, cell, tables, intervals)


def _number(
    name: str, group: Mapping[str, Value], cell: Cell, tables: Tables, intervals: Intervals
) -> AcrossNumber:
    label = ",".join(f"{axis}={tables.text(axis, value)}" for axis, value in group.items())
    if isinstance(cell, Missing):
        return AcrossNumber(name, group, label, None, str(cell))
    try:
        estimate = intervals.estimate(cell)
    except UndecidedError as error:
        return AcrossNumber(name, group, label, None, str(error), cell.points)
    note = _notes(cell, tables, intervals)
    return AcrossNumber(name, group, label, estimate, "", cell.points, note)


def _notes(cell: Quantity, tables: Tables, intervals: Intervals) -> str:
    """Say where extremes were found, among how many points, and whether an interval is wide."""
    told = []
    if cell in intervals.wide:
        told.append("interval rather too wide: it turns near there, or its parts share shots")
    for source in cell.sources:
        if isinstance(source, Extreme):
            among = f"{_WORDS[source.function]} of {len(source.members)}"
            best = intervals.best_of(source)
            place = "" if best is None else f", at {source.axis}={tables.text(source.axis, best)}"
            told.append(among + place)
    return "; ".join(told)


def axes_left(points: Points) -> dict[str, tuple[str, ...] | RefusedError]:
    """Tell along which axes each derived number has several values.

    Args:
        points: Of a run or a plan; none need be measured.

    Returns:
        Name -> axes, or why the formula means nothing for these points.
    """
    tables = Tables(points, lambda: tuple(read_fits(points)), lambda: tuple(read_own(points)))
    found: dict[str, tuple[str, ...] | RefusedError] = {}
    for name in points.manifest.analysis.derived:
        try:
            found[name] = tables.derived(name).axes
        except RefusedError as error:
            found[name] = error
    return found
