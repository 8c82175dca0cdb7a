"""``qbatch fetch``: bring home what is done at the clouds."""

from __future__ import annotations

from pathlib import Path

import click

from qbatch.cli.options import (
    json_option,
    no_report_option,
    out_option,
    run_argument,
    trust_option,
    verbose_option,
)


@click.command()
@run_argument
@click.option("-w", "--wait", is_flag=True, help="Until nothing is at a cloud any more.")
@no_report_option
@out_option
@trust_option
@verbose_option
@json_option
def fetch(
    run: Path,
    wait: bool,
    no_report: bool,
    out: Path | None,
    trust: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Ask the clouds about everything of RUN that is in flight, and download what is finished.

    Submits nothing new; what was cut off while it was sent is looked for. Exit code 9 while jobs
    are still at a cloud or held, 0 when all points are done.
    """
    from qbatch.cli.in_flight import ask_clouds, judge_whole
    from qbatch.cli.permits import surroundings_of
    from qbatch.cli.runs import check_points, open_named
    from qbatch.executor.collect import fetch_run

    with open_named(run, out) as opened:
        check_points(opened)
        folder = opened.folder
        around = surroundings_of(opened.manifest, trust=trust)
    return ask_clouds(
        lambda observer: fetch_run(folder, wait=wait, observer=observer, surroundings=around),
        judge_whole,
        as_json=as_json,
        report=not no_report,
        verbose=verbose,
    )
