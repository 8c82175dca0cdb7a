"""``qbatch check``: the manifest's checks, judged on intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.cases import write_cases
from qbatch.cli.options import cases_options, json_option, out_option, run_argument
from qbatch.cli.tables import say, tell
from qbatch.cli.verbs.diff import exit_of, tell_difference

if TYPE_CHECKING:
    from qbatch.cli.cases import Case
    from qbatch.difference import Difference
    from qbatch.report.judging import CheckResult, Judgement
    from qbatch.snapshot import Run

_COLOURS = {"pass": "green", "fail": "red", "undecided": "yellow"}

#: Points told of each check that does not pass.
MAX_TOLD = 5


@click.command()
@run_argument
@cases_options
@click.option(
    "--against",
    metavar="RUN",
    help="Also compare with another run, or a file of `qbatch export`, as `qbatch diff` does: what "
    "changed fails.",
)
@out_option
@json_option
def check(
    run: Path,
    junit: Path | None,
    summary: Path | None,
    against: str | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Judge the checks of RUN's manifest, each on the interval of every point it is about.

    Exit code 0 when all pass, 5 when one fails, 4 when none fails but one is undecided: more shots
    would tell.
    """
    from qbatch.cli.exits import Exit
    from qbatch.cli.runs import check_points, open_analysed
    from qbatch.report.judging import judge_run, overall

    opened = open_analysed(run, out)
    check_points(opened)
    results = judge_run(opened)
    found = None if against is None else _compared(against, run, opened)
    write_cases(opened.name, _cases(opened, results, found), junit, summary)
    if as_json:
        click.echo(json.dumps(_document(results, found), ensure_ascii=False))
    else:
        _tell(opened, results)
        if found is not None:
            tell_difference(found)
    verdicts = {"pass": Exit.DONE, "fail": Exit.CHECKS_FAILED, "undecided": Exit.UNDECIDED}
    codes = {verdicts[overall(results)], Exit.DONE if found is None else exit_of(found)}
    return next(code for code in (Exit.CHECKS_FAILED, Exit.UNDECIDED, Exit.DONE) if code in codes)


def _compared(against: str, name: Path, run: Run) -> Difference:
    """Compare a run with another, from which changes are counted."""
    from qbatch.cli.runs import open_analysed
    from qbatch.difference import compare, open_side, side_of

    return compare(open_side(against, open_analysed), side_of(str(name), run))


def _document(results: list[CheckResult], found: Difference | None) -> Any:
    """What `--json` writes: a list of checks, or with a comparison both by name."""
    checks = [_facts(result) for result in results]
    if found is None:
        return checks
    from qbatch.difference.telling import as_json

    return {"checks": checks, "diff": as_json(found)}


def _facts(result: CheckResult) -> dict[str, Any]:
    return {
        "that": result.check.text,
        "where": dict(result.where),
        "verdict": result.verdict.value,
        "points": {verdict.value: number for verdict, number in result.numbers.items()},
        "first": [
            {"id": one.id, "point": one.name, "verdict": one.verdict.value, "reason": one.reason}
            for one in result.judgements
        ],
    }


def _tell(run: Run, results: list[CheckResult]) -> None:
    if not results:
        left_out = " left with points by its -S" if run.manifest.checks else ""
        tell(f"{run.name}: its manifest has no checks{left_out}")
    for result, where in zip(results, _wheres(run, results), strict=True):
        verdict = result.verdict.value
        word = click.style(verdict.ljust(9), fg=_COLOURS[verdict])
        say(f"{word}  {result.check.text}{where}  ({result.summary})")
        bad = [one for one in result.judgements if one.verdict.value != "pass"]
        for one in bad[:MAX_TOLD]:
            say(f"           {one.verdict.value} {one.name}: {one.reason}")
        if len(bad) > MAX_TOLD:
            say("           and more: --json has them")


def _wheres(run: Run, results: list[CheckResult]) -> list[str]:
    """Say which points each check is about, values as in the names of points."""
    from qbatch.plan.geometry.written import values_by_axis, writers_of
    from qbatch.report.numbers import plain

    writers = writers_of(values_by_axis(run.manifest))
    told = []
    for result in results:
        parts = []
        for axis, wanted in result.where.items():
            values = wanted if isinstance(wanted, tuple | list) else (wanted,)
            parts.append(f"{axis}={'|'.join(map(writers.get(axis, plain), values))}")
        told.append(f"  where {', '.join(parts)}" if parts else "")
    return told


def _cases(run: Run, results: list[CheckResult], found: Difference | None) -> Iterator[Case]:
    from qbatch.cli.cases import Case, cases_of

    for result, where in zip(results, _wheres(run, results), strict=True):
        lines = [*map(_line, result.judgements)]
        yield Case(result.check.text + where, result.verdict.value, result.summary, lines)
    if found is not None:
        yield from cases_of(found)


def _line(one: Judgement) -> str:
    return f"{one.verdict.value} {one.name}: {one.reason}"
