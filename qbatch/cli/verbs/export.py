"""``qbatch export``: results for other programs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.options import out_option, output_option, run_argument
from qbatch.cli.tables import tell

if TYPE_CHECKING:
    from qbatch.snapshot import Run

_TABLES = (
    *("csv", "counts", "json", "ledger", "fits", "reused", "across", "zne", "columns"),
    "calibrations",
)
_TEXT = (*_TABLES, "md", "html", "oqc-snapshot")
_BINARY = ("netcdf", "parquet", "capsule")

#: How files of a format are called; without one, and to stdout, it is CSV.
_ENDINGS = {
    "": "csv",
    ".csv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".md": "md",
    ".html": "html",
    ".htm": "html",
    ".nc": "netcdf",
    ".parquet": "parquet",
    ".capsule": "capsule",
}


if TYPE_CHECKING:
    FormatChoice = click.Choice[str]
else:  # older ones take no argument
    FormatChoice = click.Choice


class Format(FormatChoice):
    """A format of ours, or one that an installed package offers."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            from qbatch.circuit.installed import offered
            from qbatch.exchange.exports import EXPORTERS

            if value in (there := offered(EXPORTERS)):
                return value
            return click.Choice((*self.choices, *there)).convert(value, param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@run_argument
@click.option(
    "-f",
    "--format",
    "format_",
    type=Format((*_TEXT, *_BINARY)),
    help="By default what the file's name ends in (.csv, .json, .md, .html, .nc, .parquet, "
    ".capsule), else csv. csv: a row per point; counts: a row per outcome of each point; json: "
    "all of it; ledger: a row per purchase; fits: a row per fitted parameter; "
    "reused: a row per job of another run; "
    "oqc-snapshot: the points on OQC, for OQC's own client; capsule: a sealed Marqov capsule, as a "
    "new folder or a .capsule file. Installed packages may offer more.",
)
@output_option("Write it there instead of to stdout; binary formats need it.")
@out_option
def export(run: Path, format_: str | None, output: Path | None, out: Path | None) -> None:
    """Write RUN's results as a table or a document."""
    from qbatch.cli.files import named_by_person
    from qbatch.cli.runs import open_analysed

    format_ = format_ or _format_of(output)
    opened = open_analysed(run, out)
    with named_by_person():
        _write(opened, format_, output)
    if format_ == "oqc-snapshot":
        _warn_of_oqc_client(opened)
    if output is not None:
        tell(f"wrote {output}")


def _format_of(output: Path | None) -> str:
    """Return the format that a file's name tells.

    Raises:
        UsageError: None is called so.
    """
    ending = "" if output is None else output.suffix.lower()
    if ending not in _ENDINGS:
        raise click.UsageError(
            f"no format is known by {ending!r}; write -f FORMAT, or a name that ends in "
            f"{', '.join(filter(None, _ENDINGS))}"
        )
    return _ENDINGS[ending]


def _write(run: Run, format_: str, output: Path | None) -> None:
    from qbatch.exchange.exports import export as write
    from qbatch.report import render
    from qbatch.report.files import write_pieces

    if format_ in ("md", "html"):
        text = render(run, format_)
        click.echo(text, nl=False) if output is None else write_pieces(output, [text])
    elif format_ == "capsule" and output is not None:
        _seal(run, output)
    else:
        write(run, format_, sys.stdout if output is None else output)


def _seal(run: Run, path: Path) -> None:
    """Write a capsule, and say its id: what proves later that nobody changed it."""
    from qbatch.exchange.capsule import write_capsule

    click.echo(write_capsule(run, path))
    tell("that is its id: keep it elsewhere, to verify the capsule against it")


def _warn_of_oqc_client(run: Run) -> None:
    """Say what is left out, and what OQC's client does with finished jobs."""
    from qbatch.exchange.oqc.export import other_backends
    from qbatch.report.numbers import count_of

    others = other_backends(run)
    if left_out := sum(
        point.backend in others for point, _ in run.stored_points() if point.in_plan
    ):
        tell(f"{count_of(left_out, 'point')} of other providers left out")
    tell(
        "beware: execute() of OQC's client on the loaded jobs buys every finished one again; "
        "read their outputs instead"
    )
