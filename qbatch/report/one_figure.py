"""One figure of a run, named in Python instead of in its manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zlib import crc32

from qbatch.across import read_across
from qbatch.errors import SelectionError, SourceErrors
from qbatch.manifest.objects import read_plot
from qbatch.report.figures import Figure, draw
from qbatch.report.rows import Columns, Floors, Run, axes_of, stretches
from qbatch.report.series import Series


def draw_one(run: Run, asked: Mapping[str, Any]) -> Figure:
    """Draw a figure over the finished points of a run.

    Args:
        run: Read once.
        asked: Keys of a manifest's plot -> values; None: left out.

    Raises:
        SelectionError: It is no plot that the manifest could name.
    """
    columns = Columns.of(run)
    given = {key: value for key, value in asked.items() if value is not None}
    try:
        plot = read_plot(given, run.axes, columns.numbers)
    except SourceErrors as error:
        raise SelectionError(str(error)) from error
    series = Series(plot, columns, Floors(run.manifest))
    for points in stretches(run):
        for point in points:
            series.add(point, axes_of(point))
    fits = read_across(run).fits if run.manifest.analysis.fits else ()
    # Ids in a picture are those of the page that it stands on: of two figures they differ.
    number = crc32(json.dumps([str(run.folder), repr(plot)]).encode())
    figure = draw(series, run.manifest, number, tuple(fits))
    return replace(figure, slug=figure.slug.replace(f"figure-{number}", "figure"))
