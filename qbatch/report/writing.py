"""A run's report files, written from one reading of the run and put in place whole."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from qbatch.errors import SelectionError
from qbatch.report.content import Content
from qbatch.report.exports import BINARY_FORMATS, CsvRows, export
from qbatch.report.figures import draw_figures
from qbatch.report.files import replacing_text, write_pieces
from qbatch.report.html import HtmlRows, html_pieces
from qbatch.report.markdown import MAX_ROWS, MarkdownRows, markdown_lines
from qbatch.report.rows import Columns, Floors, Run
from qbatch.report.survey import Survey
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
        SourceError: The person's own template is wrong; all other files are written by then.
        SnapshotError: A file cannot be written.
    """
    wanted = tuple(run.manifest.report.formats if formats is None else formats)
    for name in wanted:
        if name not in FILES:
            raise SelectionError(f"no report format {name!r}; there are {', '.join(FILES)}")
    folder = run.folder if folder is None else folder
    columns, floors = Columns.of(run), Floors(run.manifest)
    written = []
    if _PAGES.isdisjoint(wanted):
        if "csv" in wanted:
            export(run, "csv", folder / FILES["csv"])
            written.append(folder / FILES["csv"])
    else:
        written += _write_pages(run, wanted, folder, columns, floors)
    for name in ("json", *BINARY_FORMATS):
        if name in wanted:
            export(run, name, folder / FILES[name])
            written.append(folder / FILES[name])
    return written


def _write_pages(
    run: Run, wanted: Sequence[str], folder: Path, columns: Columns, floors: Floors
) -> list[Path]:
    written, template = [], run.manifest.report.template
    with ExitStack() as stack:
        survey = Survey.of(run, columns)
        markdown = MarkdownRows(columns, floors)
        html = HtmlRows(columns, floors)
        stack.callback(html.close)
        table = _read(run, survey, wanted, folder, markdown, html)
        figures = tuple(draw_figures(survey.series, run.manifest))
        content = Content(run, columns, survey, figures)
        if "md" in wanted or template:
            for figure in figures:
                if figure.svg:
                    write_pieces(folder / FIGURES / f"{figure.slug}.svg", [figure.svg])
        if "md" in wanted:
            lines = markdown_lines(content, markdown, FIGURES)
            write_pieces(folder / FILES["md"], (f"{line}\n" for line in lines))
            written.append(folder / FILES["md"])
        if "html" in wanted:
            write_pieces(folder / FILES["html"], html_pieces(content, html))
            written.append(folder / FILES["html"])
        if table is not None:
            written.append(table)
        if template:
            path = folder / output_name(template)
            write_pieces(path, render_template(content, template, FIGURES))
            written += [] if path in written else [path]
    return written


def _read(
    run: Run,
    survey: Survey,
    wanted: Sequence[str],
    folder: Path,
    markdown: MarkdownRows,
    html: HtmlRows,
) -> Path | None:
    """Read the run once, for everything; return the CSV's path if one was written.

    A Markdown page that had to leave rows out has them beside it in the CSV, asked for or not.
    """
    path = folder / FILES["csv"]
    with ExitStack() as stack:
        table = None
        if "csv" in wanted:
            table = CsvRows(survey.columns, stack.enter_context(replacing_text(path)))
        for point in run:
            survey.add(point)
            if table is not None:
                table.add(point)
            if "md" in wanted:
                markdown.add(point)
            if "html" in wanted:
                html.add(point)
    if table is None and markdown.left_out:
        export(run, "csv", path)
        return path
    return path if table is not None else None


def render(run: Run, format: str = "md") -> str:
    """Return a run's report as text, as `write_report` would write it.

    Args:
        run: From `open_run`.
        format: md, html, csv, json or counts.

    Raises:
        SelectionError: The format is unknown or binary.
    """
    if format not in _PAGES:
        out = io.StringIO()
        export(run, format, out)
        return out.getvalue()
    return "".join(_pieces(run, format))


def _pieces(run: Run, format: str) -> Iterator[str]:
    columns, floors = Columns.of(run), Floors(run.manifest)
    survey = Survey.of(run, columns)
    markdown, html = MarkdownRows(columns, floors, MAX_ROWS), HtmlRows(columns, floors)
    try:
        for point in run:
            survey.add(point)
            if format == "md":
                markdown.add(point)
            else:
                html.add(point)
        figures = tuple(draw_figures(survey.series, run.manifest))
        content = Content(run, columns, survey, figures)
        if format == "md":
            yield from (f"{line}\n" for line in markdown_lines(content, markdown, FIGURES))
        else:
            yield from html_pieces(content, html)
    finally:
        html.close()
