"""``qbatch archive``: a run as one file that proves itself."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.options import out_option, output_option, run_argument
from qbatch.cli.tables import tell


@click.command()
@run_argument
@output_option("The zip file; without it NAME.zip in the current folder.")
@out_option
def archive(run: Path, output: Path | None, out: Path | None) -> None:
    """Write RUN as one zip file: manifest, circuits, counts, numbers, report, versions.

    It is an RO-Crate, and `qbatch verify` checks it on any machine. Its digest goes to stdout: kept
    elsewhere, it proves that nothing was changed.
    """
    from qbatch.archive import write_archive
    from qbatch.cli.files import named_by_person
    from qbatch.cli.runs import open_named

    opened = open_named(run, out)
    path = Path(f"{opened.name}.zip") if output is None else output
    with named_by_person():
        digest = write_archive(opened, path)
    tell(f"wrote {path}; its digest, to be kept elsewhere:")
    click.echo(digest)
