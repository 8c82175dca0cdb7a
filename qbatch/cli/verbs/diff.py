"""``qbatch diff``: what two runs have differently."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.options import cases_options, json_option, output_option
from qbatch.cli.tables import say

if TYPE_CHECKING:
    from qbatch.cli.exits import Exit
    from qbatch.difference import Difference

    ToleranceType = click.ParamType[tuple[str, float]]
else:  # older ones take no argument
    ToleranceType = click.ParamType

_COLOURS = {"changed": "red", "undecided": "yellow", "same": "green"}
#: Of lines of a circuit that changed.
_CIRCUIT_COLOURS = {"-": "red", "+": "green", "…": "bright_black"}


class Tolerance(ToleranceType):
    """A change that is tolerated: of all numbers, ``0.02``, or of one, ``zz=0.02``."""

    name = "tolerance"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        number, _, text = str(value).rpartition("=")
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not 0 <= found < math.inf:
            self.fail(f"{value!r} is none; write a number, 0.02, or zz=0.02 for one number of many")
        return number.strip(), found


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--within",
    metavar="CHANGE",
    type=Tolerance(),
    multiple=True,
    help="A change that is tolerated, 0.02 or zz=0.02: same is then only what lies within it. "
    "Repeatable.",
)
@click.option(
    "--error-rate",
    metavar="SHARE",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.01,
    show_default=True,
    help="Chance that anything is called changed where nothing is.",
)
@cases_options
@output_option("Also write a page with both curves over each other (HTML).")
@json_option
def diff(
    first: str,
    second: str,
    within: tuple[tuple[str, float], ...],
    error_rate: float,
    junit: Path | None,
    summary: Path | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Say which numbers changed from A to B, beyond what shot noise explains.

    A and B are run folders, manifests, files of `qbatch export` (.json, .csv), or REV:path of such
    a file in git. Points are matched by circuit, backend and parameters; all comparisons are judged
    together. Exit code 0 when all are the same, 5 when something changed, 4 when nothing did but
    something is undecided.
    """
    from qbatch.cli.cases import cases_of, write_cases
    from qbatch.cli.files import write_text
    from qbatch.cli.runs import open_analysed
    from qbatch.difference import compare, open_side
    from qbatch.difference.telling import as_json as facts

    sides = [open_side(name, open_analysed) for name in (first, second)]
    found = compare(*sides, error_rate=error_rate, within=dict(within))
    if as_json:
        click.echo(json.dumps(facts(found), ensure_ascii=False))
    else:
        tell_difference(found)
    write_cases(f"{first} → {second}", cases_of(found), junit, summary)
    if output is not None:
        from qbatch.difference.page import page

        write_text(output, page(found))
    return exit_of(found)


def exit_of(found: Difference) -> Exit:
    """The exit code that a comparison amounts to."""
    from qbatch.cli.exits import Exit

    codes = {"changed": Exit.CHECKS_FAILED, "undecided": Exit.UNDECIDED, "same": Exit.DONE}
    return codes[found.word.value]


def tell_difference(found: Difference) -> None:
    """Tell a person what was compared, and what changed."""
    from qbatch.difference.telling import lines

    for word, line in lines(found):
        if word in _CIRCUIT_COLOURS:
            say(click.style(line, fg=_CIRCUIT_COLOURS[word]), " " * 2)
            continue
        head = f"{click.style(word.ljust(9), fg=_COLOURS[word])}  " if word else ""
        say(head + line)
