"""``qbatch cancel``: stop jobs that are at a cloud."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.completing import complete_points
from qbatch.cli.options import (
    json_option,
    no_report_option,
    only_expression_option,
    out_option,
    run_argument,
    trust_option,
    yes_option,
)
from qbatch.cli.tables import tell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from qbatch.cli.exits import Exit
    from qbatch.snapshot import PointResult, Run


@click.command()
@run_argument
@click.argument("points", nargs=-1, shell_complete=complete_points)
@only_expression_option
@no_report_option
@out_option
@trust_option
@yes_option
@json_option
def cancel(
    run: Path,
    points: tuple[str, ...],
    expression: str | None,
    no_report: bool,
    out: Path | None,
    trust: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Cancel at their clouds what is in flight of RUN: all of it, POINTS, or what -k selects.

    Says what the clouds made of it: a job that was done already is fetched instead. What a cloud
    bills for a cancelled job is its own affair. `qbatch run` would submit cancelled points again.
    A job that is bought for other points, too, is left alone until these are named as well.
    Exit code 0 when nothing that was meant is in flight any more, 9 while something is.
    """
    from qbatch.cli.in_flight import ask_clouds
    from qbatch.cli.permits import surroundings_of
    from qbatch.cli.runs import ask, choose, open_named
    from qbatch.executor.collect import cancel_run
    from qbatch.report.numbers import count_of
    from qbatch.snapshot import jobs_of

    with open_named(run, out) as opened:
        folder = opened.folder
        around = surroundings_of(opened.manifest, trust=trust)
        is_all, kept = not (points or expression), dict[str, str]()
        meant = {each.job.id for each in opened.in_flight()}  # removed points too
        number = len(meant)
        if not is_all:
            found = [*choose(opened, points, expression, is_exact=True)]
            meant &= {part.job.id for part in jobs_of(found)}
            kept = _bought_for_others(opened, found, meant)
            meant -= kept.keys()
            if not meant:
                return _nothing_to_do(opened, kept, as_json=as_json)
        if meant:
            ask(f"Cancel {len(meant)} of {count_of(number, 'job')} of {folder}?", yes=yes)
    only = None if is_all else meant.__contains__
    return ask_clouds(
        lambda observer: cancel_run(folder, only, observer=observer, surroundings=around),
        lambda after: _judge(after, meant | kept.keys()),
        as_json=as_json,
        report=not no_report,
        cancels=True,
    )


def _bought_for_others(run: Run, found: Iterable[PointResult], jobs: set[str]) -> dict[str, str]:
    """Return which of the jobs are for a point, or a setting, that is not `found`, and say so."""
    from qbatch.notation import listed
    from qbatch.report.numbers import count_of

    chosen, kept = {(each.id, each.name) for each in found}, dict[str, str]()
    for each in run.settings():
        if (each.id, each.name) not in chosen:
            for part in each.jobs:
                if part.job.id in jobs:
                    kept.setdefault(part.job.id, each.name)
    if kept:
        others = listed(list(dict.fromkeys(kept.values())), 3)
        number = count_of(len(kept), "job")
        tell(f"left alone: {number}, bought for {others} as well; name that, too, to cancel")
    return kept


def _nothing_to_do(run: Run, kept: Collection[str], *, as_json: bool) -> Exit:
    """What it comes to where no job is to be cancelled, those left alone told before."""
    from qbatch.cli.exits import Exit
    from qbatch.cli.in_flight import tell_nothing

    code = Exit.PENDING if kept else Exit.DONE
    if not kept:
        tell("none of these points is in flight")
    if as_json:
        tell_nothing(run, code, cancels=True)
    return code


def _judge(run: Run, meant: set[str]) -> Exit:
    from qbatch.cli.exits import Exit

    return Exit.PENDING if any(p.job.id in meant for p in run.in_flight()) else Exit.DONE
