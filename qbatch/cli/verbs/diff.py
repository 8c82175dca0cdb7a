"""``qbatch diff``: what two runs have differently."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.completing import complete_axes, complete_mapped
from qbatch.cli.options import cases_options, json_option, output_option
from qbatch.cli.tables import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qbatch.cli.exits import Exit
    from qbatch.difference import Difference

    ToleranceType = click.ParamType[tuple[str, float]]
    PairType = click.ParamType[tuple[str, str]]
else:  # older ones take no argument
    ToleranceType = PairType = click.ParamType

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


class Mapped(PairType):
    """A backend of A and one of B: ``ibm=oqc``."""

    name = "pair"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        here, _, there = (part.strip() for part in str(value).partition("="))
        if not here or not there:
            self.fail(f"{value!r} is no pair; write a backend of A and one of B, as ibm=oqc")
        return here, there


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="[B]", required=False)
@click.option(
    "--map",
    "mapped",
    metavar="IBM=OQC",
    type=Mapped(),
    shell_complete=complete_mapped,
    multiple=True,
    help="Compare a backend of A with another one of B. Repeatable.",
)
@click.option(
    "--between",
    metavar="AXIS[=V,V…]",
    shell_complete=complete_axes,
    help="Compare the values of an axis of A (backend, circuit, a parameter) with each other.",
)
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
    second: str | None,
    mapped: tuple[tuple[str, str], ...],
    between: str | None,
    within: tuple[tuple[str, float], ...],
    error_rate: float,
    junit: Path | None,
    summary: Path | None,
    output: Path | None,
    as_json: bool,
) -> int:
    """Say which numbers changed from A to B, beyond what shot noise explains.

    A and B are run folders, manifests, files of `qbatch export` (.json, .csv), archives (.zip), or
    REV:path of an exported file in git. Points are matched by circuit, backend and parameters; all
    comparisons are judged together. With --between, A alone is compared: each of its devices with
    each, say.

    Exit code 0 when all are the same, 5 when something changed, 4 when nothing did but something is
    undecided.
    """
    from qbatch.cli.cases import cases_of, write_cases
    from qbatch.cli.files import write_text
    from qbatch.difference.telling import as_json as facts

    found = _compared(first, second, dict(mapped), between, error_rate, dict(within))
    name = f"{first} → {second}" if second else f"{first} between {between}"
    write_cases(name, cases_of(found), junit, summary)
    if output is not None:
        from qbatch.difference.page import page

        write_text(output, page(found))
    if as_json:
        click.echo(json.dumps(facts(found), ensure_ascii=False))
    else:
        tell_difference(found)
    return exit_of(found)


def _compared(
    first: str,
    second: str | None,
    mapped: Mapping[str, str],
    between: str | None,
    error_rate: float,
    within: Mapping[str, float],
) -> Difference:
    """Compare what was named.

    Raises:
        UsageError: The options and arguments do not go together.
    """
    from qbatch.cli.runs import open_analysed
    from qbatch.difference import compare_between, compare_mapped, open_side

    if between is not None:
        if second is not None or mapped:
            raise click.UsageError("--between compares A with itself; leave out B and --map")
        axis, _, values = between.partition("=")
        texts = [text.strip() for text in values.split(",") if text.strip()]
        side = open_side(first, open_analysed)
        return compare_between(side, axis.strip(), texts, error_rate=error_rate, within=within)
    if second is None:
        raise click.UsageError("name B, or what to compare within A, as --between backend")
    here, there = (open_side(name, open_analysed) for name in (first, second))
    return compare_mapped(here, there, mapped, error_rate=error_rate, within=within)


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
