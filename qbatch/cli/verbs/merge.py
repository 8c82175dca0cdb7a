"""``qbatch merge``: run folders of one manifest become one."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.tables import say, tell


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="The new run folder.",
)
def merge(folders: tuple[Path, ...], output: Path) -> int:
    """Put FOLDERS, run folders of one manifest, together into a new one.

    For shards of a sweep (`run -k`) that ran at several machines or by several people. Results are
    taken by content, the first folder's where several have the same shots; every purchase counts
    once, also those whose results are not used. FOLDERS stay as they are.
    """
    from qbatch.cli.runs import exit_of, open_named
    from qbatch.errors import SelectionError
    from qbatch.report.numbers import count_of
    from qbatch.snapshot import merge as merge_folders

    if len(folders) < 2:
        raise SelectionError("merge takes two run folders or more")
    sources = []
    for folder in folders:
        with open_named(folder) as opened:
            sources.append(opened.folder)
    merged = merge_folders(sources, output)
    told = f"{count_of(merged.taken, 'job')} taken from {', '.join(map(str, sources[1:]))}"
    if merged.spare:
        told += f"; {merged.spare} not used, for these shots were there: what they cost counts"
    if merged.repeated:
        told += f"; {count_of(merged.repeated, 'attempt')} in several folders, counted once"
    say(f"{output}: {told}")
    warning = click.style("warning:", fg="yellow")
    for copy in merged.copies:
        tell(
            f"{warning} {copy} may be a copy of another run folder: what that one bought meanwhile "
            f"is not known in {output}, and not looked for; if it is none of these, merge it too"
        )
    say(f"go on only in {output}: what runs in the old folders from now on is not known there")
    with open_named(output) as opened:
        states = opened.counts_by_state()
    say(", ".join(f"{number} {state}" for state, number in states.items()))
    return exit_of(states)
