"""``qbatch import``: what another program saved becomes a run folder; nothing is run again."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.options import out_option
from qbatch.cli.tables import say, tell
from qbatch.job import IN_FLIGHT


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@out_option
@click.option(
    "--register",
    metavar="NAME",
    help="Keep this register of results whose registers were counted apart.",
)
def import_(file: Path, out: Path | None, register: str | None) -> None:
    """Take over FILE, jobs that OQC's own client saved, one or a composite, as a run folder.

    Results stand in it as they are; tasks in flight keep their ids, so that `fetch` finds them.
    """
    from qbatch.exchange.oqc.adopt import adopt_oqc
    from qbatch.report.numbers import count_of

    adopted = adopt_oqc(file, out=out, register=register)
    for note in adopted.notes:
        tell(f"{click.style('note:', fg='yellow')} {note}")
    states = ", ".join(f"{number} {state}" for state, number in adopted.states.items())
    total = count_of(sum(adopted.states.values()), "point")
    say(f"{adopted.folder}: {total}: {states}")
    if any(state in IN_FLIGHT for state in adopted.states):
        tell(f"`qbatch fetch {adopted.folder}` asks for those in flight")
