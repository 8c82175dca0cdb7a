"""One figure of a run: one of its report's, or one named in Python or at the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from qbatch.across import read_across
from qbatch.errors import SelectionError, SourceErrors
from qbatch.manifest.objects import read_plot
from qbatch.notation import listed
from qbatch.plan.geometry.where import choices, has_any
from qbatch.report.figures import Figure, draw, title_of
from qbatch.report.rows import Columns, Floors, Run, axes_of, stretches
from qbatch.report.series import Series, open_series
from qbatch.snapshot.machine_columns import MachineColumns

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Plot


def draw_one(run: Run, asked: Mapping[str, Any]) -> Figure:
    """Draw a figure over the finished points of a run.

    Args:
        run: Read once.
        asked: Keys of a manifest's plot -> values; None: left out.

    Raises:
        SelectionError: It is no plot that the manifest could name.
    """
    series = asked_for(run, asked, "plot()")
    # Ids in a picture are those of the page that it stands on: of two figures they differ.
    number = crc32(json.dumps([str(run.folder), repr(series.plot)]).encode())
    figure = draw(series, run.manifest, number, fits_of(run))
    return replace(figure, slug=figure.slug.replace(f"figure-{number}", "figure"))


def asked_for(run: Run, asked: Mapping[str, Any], call: str) -> Series:
    """Read what a figure shows.

    Args:
        run: Read once.
        asked: Keys of a manifest's plot -> values; None: left out.
        call: What asks for it, for messages: ``plot()``, or a command.

    Raises:
        SelectionError: It is no plot that the manifest could name.
    """
    columns = Columns.of(run)
    given = {key: value for key, value in asked.items() if value is not None}
    try:
        plot = read_plot(given, run.axes, columns.numbers, call)
    except SourceErrors as error:
        raise SelectionError(str(error)) from error
    _check_where(run, plot, columns, call)
    machines = MachineColumns(run)
    return _filled(run, Series(plot, columns, Floors(run.manifest), machines=machines))


def _check_where(run: Run, plot: Plot, columns: Columns, call: str) -> None:
    """See that a figure is about values that its axes have.

    Raises:
        SelectionError: An axis has none of them.
    """
    named = {"circuit": [*run.manifest.circuits], "backend": [*run.manifest.backends]}
    for name, wanted in plot.where.items():
        there = columns.values.get(name) or named.get(name)
        if there is not None and not has_any(there, wanted):
            asked = listed(map(str, choices(wanted)))
            raise SelectionError(
                f"{call}: where.{name}: no point has {asked}; there are {listed(map(str, there))}"
            )


def of_report(run: Run, number: int | None) -> Series:
    """Read what a figure of the run's report shows.

    Args:
        run: Read once.
        number: Counted from 1; None: the only one.

    Raises:
        SelectionError: There is none of this number, or there are several.
    """
    all_series = open_series(run, Columns.of(run))
    if number is None and len(all_series) == 1:
        number = 1
    if number is None or not 1 <= number <= len(all_series):
        said = "several figures" if number is None else f"no figure {number}"
        raise SelectionError(f"the report has {said}; {_listed(all_series)}")
    return _filled(run, all_series[number - 1])


def _listed(all_series: Sequence[Series]) -> str:
    titles = (series.plot.title or title_of(series) for series in all_series)
    told = ", ".join(f"{number}: {title}" for number, title in enumerate(titles, start=1))
    return f"choose one by its number ({told}), or name an axis and a number with -x and -y"


def _filled(run: Run, series: Series) -> Series:
    for points in stretches(run):
        for point in points:
            series.add(point, axes_of(point))
    return series


def fits_of(run: Run) -> tuple[Fitted, ...]:
    """Return the run's fits, for curves through points."""
    return tuple(read_across(run).fits) if run.manifest.analysis.fits else ()
