"""A run's report files, written from one reading of the run and put in place whole.

Rule: one report is written at a time in a process: of two writers of one folder the later one's
files stay (a refresh that is still under way when the run ends must not overwrite the last report).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Self

from qbatch.arguments import TEXT, Kind, takes
from qbatch.errors import SelectionError
from qbatch.exchange.csv_rows import CsvRows
from qbatch.exchange.exports import BINARY_FORMATS, export
from qbatch.notation import visible
from qbatch.report.calibrations import MachineCells
from qbatch.report.content import Content
from qbatch.report.figures import draw_figures
from qbatch.report.files import make_folder, replacing_text, write_pieces
from qbatch.report.html import HtmlRows, html_pieces
from qbatch.report.markdown import MarkdownRows, markdown_lines
from qbatch.report.overview import Overview
from qbatch.report.rows import Columns, Floors, Point, Run, stretches
from qbatch.report.template import output_name, render_template

#: Format -> file name in the run folder.
FILES = {
    "md": "report.md",
    "html": "report.html",
    "csv": "results.csv",
    "json": "results.json",
    "netcdf": "results.nc",
    "parquet": "results.parquet",
}
FIGURES = "figures"
_PAGES = frozenset({"md", "html"})
_WRITING = Lock()

#: Takes in points, of whatever number.
Taker = Callable[[Sequence[Point]], None]


def write_report(
    run: Run, formats: Sequence[str] | None = None, folder: Path | None = None
) -> list[Path]:
    """Write a run's report files.

    Args:
        run: Read once for pages and CSV together; once more for each further format.
        formats: Of FILES; None: those the manifest asks for.
        folder: Where to; None: the run folder.

    Returns:
        The files written: pages first, figures not among them. The person's own template, if the
        manifest names one, is rendered too whenever a page is asked for.

    Raises:
        SelectionError: A format is unknown.
        ReportError: The person's own template is wrong; all other files are written by then.
        SnapshotError: A file cannot be written.
    """
    wanted = tuple(run.manifest.report.formats if formats is None else formats)
    for name in wanted:
        if name not in FILES:
            raise SelectionError(f"no report format {name!r}; there are {', '.join(FILES)}")
    with _WRITING:
        place = run.folder if folder is None else folder
        make_folder(place)
        return _write(run, wanted, place)


def _write(run: Run, wanted: Sequence[str], folder: Path) -> list[Path]:
    written = []
    if not _PAGES.isdisjoint(wanted):
        written += _write_pages(run, wanted, folder)
    elif "csv" in wanted:
        export(run, "csv", folder / FILES["csv"])
        written.append(folder / FILES["csv"])
    for name in ("json", *BINARY_FORMATS):
        if name in wanted:
            export(run, name, folder / FILES[name])
            written.append(folder / FILES[name])
    return written


class _Reading:
    """One reading of a run, for the pages `wanted`: feed it every point, then ask for pages."""

    def __init__(self, run: Run, wanted: Sequence[str]) -> None:
        self.run = run
        self.columns = Columns.of(run)
        floors = Floors(run.manifest)
        self.overview = Overview.of(run, self.columns)
        machines = MachineCells(run)
        self.markdown = MarkdownRows(self.columns, floors, machines=machines)
        self.html = HtmlRows(self.columns, floors, machines)
        pages = {"md": self.markdown.add_all, "html": self.html.add_all}
        self._takers: list[Taker] = [
            self.overview.add_all,
            *(add for name, add in pages.items() if name in wanted),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.html.close()

    def read(self, *takers: Taker) -> None:
        """Read the run once, for the pages and for `takers`."""
        all_takers = (*self._takers, *takers)
        for points in stretches(self.run):
            for take in all_takers:
                take(points)
        self.overview.finish()

    @cached_property
    def content(self) -> Content:
        """All that is said besides the rows; draws the figures."""
        figures = draw_figures(self.overview.series, self.run.manifest, self.overview.fits)
        return Content(self.run, self.columns, self.overview, tuple(figures))

    def pieces(self, name: str) -> Iterator[str]:
        """Text of a page."""
        if name == "html":
            return map(visible, html_pieces(self.content, self.html))
        lines = markdown_lines(self.content, self.markdown, FIGURES)
        return (f"{visible(line)}\n" for line in lines)


def _write_pages(run: Run, wanted: Sequence[str], folder: Path) -> list[Path]:
    template, table = run.manifest.report.template, folder / FILES["csv"]
    with _Reading(run, wanted) as reading:
        # A page that leaves rows out has them all beside it.
        is_cut = "md" in wanted and not reading.markdown.has_room_for(len(run))
        has_table = "csv" in wanted or is_cut
        if has_table:
            with replacing_text(table) as file:
                reading.read(CsvRows(run, reading.columns, file).add_all)
        else:
            reading.read()
        drawn = [figure for figure in reading.content.figures if figure.svg]
        if drawn and ("md" in wanted or template):
            make_folder(folder / FIGURES)
            for figure in drawn:
                write_pieces(folder / FIGURES / f"{figure.slug}.svg", [figure.svg])
        written = []
        for name in ("md", "html"):
            if name in wanted:
                write_pieces(folder / FILES[name], reading.pieces(name))
                written.append(folder / FILES[name])
        if has_table:
            written.append(table)
        if template:
            path = folder / output_name(template)
            write_pieces(path, render_template(reading.content, template, FIGURES))
            written += [] if path in written else [path]
    return written


_RUN = Kind("a qbatch.Run, as open_run returns it", lambda value: hasattr(value, "targets"))


@takes(run=_RUN, format=TEXT)
def render(run: Run, format: str = "md") -> str:
    """Return a run's report as text, as `write_report` would write it.

    Args:
        run: From `open_run`.
        format: md, html, csv, json or counts.

    Raises:
        TypeError: An argument is of another kind.
        SelectionError: The format is unknown or binary.
    """
    if format not in _PAGES:
        out = io.StringIO()
        export(run, format, out)
        return out.getvalue()
    with _Reading(run, (format,)) as reading:
        reading.read()
        return "".join(reading.pieces(format))
