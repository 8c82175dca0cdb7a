"""``qbatch report``: write a run's report again, as the manifest asks or in other formats."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.configured import report_formats
from qbatch.cli.options import out_option, run_argument
from qbatch.configuration.words import FORMATS


@click.command()
@run_argument
@click.option(
    "-f",
    "--format",
    "formats",
    type=click.Choice(FORMATS),
    multiple=True,
    help="Write this, not what the manifest or your configuration asks for. Repeatable.",
)
@click.option(
    "--to",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write there, not into the run folder.",
)
@out_option
def report(run: Path, formats: tuple[str, ...], to: Path | None, out: Path | None) -> None:
    """Write the report of RUN again: pages, figures, tables.

    Where RUN is the manifest, with the analysis, checks and figures that it has now.
    """
    from contextlib import nullcontext

    from qbatch.cli.files import named_by_person
    from qbatch.cli.runs import open_analysed
    from qbatch.report import write_report

    opened = open_analysed(run, out)
    with named_by_person() if to else nullcontext():
        written = write_report(opened, formats or report_formats(opened), to)
    for path in written:
        click.echo(path)
