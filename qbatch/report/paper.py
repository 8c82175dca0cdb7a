"""A figure as a paper prints it: in a column's width, with a journal's size of type, as a file.

Rules: the same series and the same drawing as in a report, by other settings; equal data give equal
bytes (no dates inside). The caption says how many points and shots, what is shaded, and of which
run and day it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.notation import whole
from qbatch.report.canvas import INK, Canvas
from qbatch.report.figure_data import csv_of
from qbatch.report.figures import set_for, settings_of, title_of, why_empty
from qbatch.report.files import replacing
from qbatch.report.one_figure import fits_of
from qbatch.report.rows import Run
from qbatch.report.series import Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

_CM, _MM = 1 / 2.54, 1 / 25.4

#: Endings of files -> what their metadata is called there; None leaves dates out.
_METADATA: Mapping[str, Mapping[str, str | None]] = {
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": "qbatch", "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": "qbatch"},
}
_DOTS_PER_INCH = 600


@dataclass(frozen=True, slots=True)
class Style:
    """How a journal wants figures.

    Attributes:
        column_in: Width of one column, inches.
        page_in: Width of both.
        points: Size of type.
        line_points: Width of lines.
    """

    column_in: float
    page_in: float
    points: float
    line_points: float


#: By the journals' instructions to authors: APS 8.6 and 17.8 cm, capitals of 2 mm; IEEE 3.5 and
#: 7.16 inches, 8 points; Nature 89 and 183 mm, 5 to 7 points.
STYLES: Mapping[str, Style] = {
    "aps": Style(8.6 * _CM, 17.8 * _CM, 8.0, 1.0),
    "ieee": Style(3.5, 7.16, 8.0, 1.0),
    "nature": Style(89 * _MM, 183 * _MM, 7.0, 0.8),
}


def save_for_paper(run: Run, series: Series, path: Path, style: Style, *, is_wide: bool) -> str:
    """Write a figure into a file and return its caption.

    Args:
        run: Whose figure it is.
        series: What it shows.
        path: Ends in ``.pdf`` or ``.svg`` (lines and type), in ``.png`` (600 dots per inch), or
            in ``.csv``: what is drawn.
        style: Of the journal.
        is_wide: Over both columns.

    Raises:
        SelectionError: The ending is another, or nothing can be drawn.
        UnwritableError: The file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in {*_METADATA, ".csv"}:
        raise SelectionError(f"{path}: the file has to end in {', '.join(_METADATA)} or .csv")
    if not series.marks and not series.outcomes:
        raise SelectionError(f"{path}: there is no figure: {why_empty(series)}")
    from qbatch.report import drawing  # brings matplotlib

    width = style.page_in if is_wide else style.column_in
    canvas = Canvas(series, run.manifest, {}, [], fits_of(run), width_in=width)
    title = series.plot.title or title_of(series)
    metadata = {"Title": f"{title} ({run.name})", **_METADATA.get(ending, {})}
    with set_for(_settings(style)):
        sheet = drawing.draw(canvas)
        _blacken(sheet)
        with replacing(path) as fresh:
            if ending == ".csv":
                fresh.write_text(csv_of(series), "utf-8")
            else:
                sheet.savefig(fresh, format=ending[1:], dpi=_DOTS_PER_INCH, metadata=metadata)
    return f"{title}. {' '.join(canvas.caption)} {_told_run(run, series)}"


def _settings(style: Style) -> dict[str, Any]:
    return settings_of("black", "white", style.points) | {
        "lines.linewidth": style.line_points,
        "lines.markersize": style.points / 2.4,
        "legend.fontsize": style.points - 1,
        "pdf.fonttype": 42,  # type that editors and journals' checks can read
        "svg.fonttype": "none",
        "svg.hashsalt": "qbatch",
    }


def _blacken(sheet: Sheet) -> None:
    """Make black what stands for the page's own colour of text."""
    from matplotlib.colors import same_color
    from matplotlib.lines import Line2D

    for line in sheet.findobj(Line2D):
        assert isinstance(line, Line2D)
        if same_color(line.get_color(), INK):
            line.set_color("black")


def _told_run(run: Run, series: Series) -> str:
    from qbatch import __version__

    shots = sorted({mark.shots for mark in series.marks if mark.shots})
    few = f"{whole(shots[0])} to " if len(shots) > 1 else ""
    told = [f"{few}{whole(shots[-1])} shots a point."] if shots else []
    begun = run.meta.get("created_at")
    day = f", begun on {datetime.fromisoformat(begun):%Y-%m-%d}" if begun else ""
    return " ".join([*told, f"Run {run.name}{day}; qbatch {__version__}."])
