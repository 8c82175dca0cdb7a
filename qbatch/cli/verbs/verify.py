"""``qbatch verify``: whether an archive is what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.amounts import Number
from qbatch.cli.options import json_option
from qbatch.cli.tables import say

if TYPE_CHECKING:
    from qbatch.archive import Finding, Repeated, Verified

#: Findings told; JSON has all.
MOST_TOLD = 20


@click.command()
@click.argument("archive", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--sample",
    metavar="N",
    type=Number(0, is_whole=True),
    default=5,
    show_default=True,
    help="Run so many of its simulated points again; 0: none.",
)
@click.option("--digest", metavar="HEX", help="The digest that was kept: it must be this one.")
@json_option
def verify(archive: Path, sample: float, digest: str | None, as_json: bool) -> int:
    """Check an archive of `qbatch archive`, offline.

    Every file's digest, every point's id and every number are computed anew, and some simulated
    points run again, whose counts must be the same bit for bit. Nothing that the archive holds is
    run but those circuits, here, in the simulator. Exit code 0 when all holds, 5 when something
    does not.
    """
    from qbatch.archive import Finding, repeat_points
    from qbatch.archive import verify as verified
    from qbatch.cli.exits import Exit

    found = verified(archive)
    if digest is not None and digest.strip().lower().removeprefix("sha256:") != found.digest:
        found.findings.insert(0, Finding(str(archive), "is not the archive with that digest"))
    again = repeat_points(found, int(sample))
    findings = [*found.findings, *again.findings]
    if as_json:
        click.echo(json.dumps(_facts(found, again, findings), ensure_ascii=False))
    else:
        _tell(found, again, findings)
    return Exit.CHECKS_FAILED if findings else Exit.DONE


def _facts(found: Verified, again: Repeated, findings: list[Finding]) -> dict[str, Any]:
    return {
        "qbatch": 1,
        "archive": str(found.archive.path),
        "digest": found.digest,
        "holds": not findings,
        "files": found.files,
        "ids": found.ids,
        "numbers": found.numbers,
        "not_computed": found.not_computed,
        "run_again": again.points,
        "simulated": again.of,
        "note": again.note,
        "findings": [{"where": one.where, "problem": one.problem} for one in findings],
    }


def _tell(found: Verified, again: Repeated, findings: list[Finding]) -> None:
    from qbatch.report.numbers import count_of

    say(f"digest {found.digest}")
    say(f"{count_of(found.files, 'file')}, each compared with its SHA-256")
    say(f"{count_of(found.ids, 'point')}, each id made anew from circuit, backend and parameters")
    say(f"{count_of(found.numbers, 'number')} computed anew from counts")
    for name, why in found.not_computed.items():
        say(f"    not computed: {name} {why}")
    say(f"{count_of(again.points, 'point')} of {again.of} simulated ones run again")
    for one in findings[:MOST_TOLD]:
        say(f"{click.style('does not hold', fg='red')}  {one.where}: {one.problem}")
    if len(findings) > MOST_TOLD:
        say(f"and {len(findings) - MOST_TOLD} more: --json has them")
    if again.note:
        say(again.note)
    say(click.style("all of it holds", fg="green") if not findings else "not all of it holds")
