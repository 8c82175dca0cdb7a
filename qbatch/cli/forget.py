"""``qbatch forget``: drop points, or a whole run, with their results."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.options import only_expression_option, out_option, run_argument, yes_option


@click.command()
@run_argument
@click.argument("points", nargs=-1)
@only_expression_option
@click.option("--removed", is_flag=True, help="Points that the manifest has no more.")
@out_option
@yes_option
def forget(
    run: Path,
    points: tuple[str, ...],
    expression: str | None,
    removed: bool,
    out: Path | None,
    yes: bool,
) -> None:
    """Drop POINTS of RUN with their results; without POINTS, -k or --removed, the whole run.

    What is forgotten is gone: `qbatch run` computes it again.
    """
    from qbatch.cli.runs import ask, choose, open_named
    from qbatch.report.numbers import count_of

    with open_named(run, out) as opened:
        folder, number = opened.folder, len(opened)
        if not (points or expression or removed):
            ask(f"Delete {folder} with its {count_of(number, 'point')}?", yes=yes)
            _delete(folder)
            click.echo(f"forgot {folder}", err=True)
            return
        chosen = opened.removed() if removed else choose(opened, points, expression)
        ids = [point.id for point in chosen]
    if ids:
        ask(f"Forget {count_of(len(ids), 'point')} of {folder} with all results?", yes=yes)
        _forget(folder, ids)
    click.echo(f"forgot {count_of(len(ids), 'point')} of {folder}", err=True)


def _forget(folder: Path, ids: list[str]) -> None:
    from qbatch.snapshot import Snapshot

    with Snapshot(folder) as snapshot:
        snapshot.forget(ids)


def _delete(folder: Path) -> None:
    """Delete a run folder, once sure that no runner is at work in it."""
    import shutil

    from qbatch.errors import SnapshotError
    from qbatch.snapshot import Snapshot

    Snapshot(folder).close()
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise SnapshotError(f"{folder}: cannot be deleted: {error.strerror}") from error
