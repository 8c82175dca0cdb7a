"""``qbatch export``: results for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from qbatch.cli.options import out_option, output_option, run_argument

_TEXT = ("csv", "counts", "json", "md", "html")
_BINARY = ("netcdf", "parquet")


@click.command()
@run_argument
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice((*_TEXT, *_BINARY)),
    default="csv",
    show_default=True,
    help="csv: a row per point; counts: a row per outcome of each point; json: all of it.",
)
@output_option("Write it there instead of to stdout; binary formats need it.")
@out_option
def export(run: Path, format_: str, output: Path | None, out: Path | None) -> None:
    """Write RUN's results as a table or a document."""
    from qbatch.cli.runs import open_named
    from qbatch.report import export as write
    from qbatch.report import render

    opened = open_named(run, out)
    if format_ in ("md", "html"):
        text = render(opened, format_)
        click.echo(text, nl=False) if output is None else output.write_text(text, "utf-8")
    else:
        write(opened, format_, sys.stdout if output is None else output)
    if output is not None:
        click.echo(f"wrote {output}", err=True)
