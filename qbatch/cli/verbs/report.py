"""``qbatch report``: write a run's report again, as the manifest asks or in other formats."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.options import out_option, run_argument

_FORMATS = ("md", "html", "csv", "json", "netcdf", "parquet")


@click.command()
@run_argument
@click.option(
    "-f",
    "--format",
    "formats",
    type=click.Choice(_FORMATS),
    multiple=True,
    help="Write this, not what the manifest asks for. Repeatable.",
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
        written = write_report(opened, formats or None, to)
    for path in written:
        click.echo(path)
