"""Options and arguments that several verbs share, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qbatch.cli.amounts import Price
from qbatch.cli.completing import complete_selection, complete_settings

Function = TypeVar("Function", bound=Callable[..., Any])

#: A manifest file. That it exists is the loader's business: it says so with the usual words.
manifest_argument = click.argument("manifest", type=click.Path(path_type=Path))

#: A run folder, or the manifest whose run is meant.
run_argument = click.argument("run", metavar="RUN", type=click.Path(path_type=Path))

overrides_option = click.option(
    "-S",
    "--set",
    "overrides",
    metavar="PATH=VALUE",
    multiple=True,
    shell_complete=complete_settings,
    help="Set a value of the manifest: a sweep axis or a path (a=1,2,3 sweeps). Repeatable.",
)

trust_option = click.option(
    "--trust",
    is_flag=True,
    help="Let the manifest run Python circuits and the command of its `notify` here, send "
    "credentials and notices wherever it says, and tell an engine what a shell, a centre or a "
    "cluster would act on.",
)

verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Tell each step of each job at a cloud: ids, states, how long it took.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON to stdout.")

out_option = click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="The run folder, instead of runs/NAME of the project.",
)

only_expression_option = click.option(
    "-k",
    "expression",
    metavar="EXPR",
    shell_complete=complete_selection,
    help="Only points that match, as in 'backend=noisy and shots>=1000'.",
)

reuse_option = click.option(
    "--reuse",
    metavar="RUN",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Count what this run folder or archive, also other people's, has of the same points.",
)

no_report_option = click.option(
    "--no-report", is_flag=True, help="Write no report; `qbatch report` can later."
)

max_cost_option = click.option(
    "--max-cost",
    "max_cost",
    metavar="PRICE",
    type=Price(),
    multiple=True,
    help="Most that the run may cost in all, as in 5usd or 40credits. Repeatable.",
)

yes_option = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


def cases_options(function: Function) -> Function:
    """``--junit FILE`` and ``--summary FILE``: what was judged, for a CI service."""
    file = click.Path(path_type=Path, dir_okay=False)
    junit = click.option(
        "--junit", metavar="FILE", type=file, help="Also write a JUnit file, a case for each claim."
    )
    summary = click.option(
        "--summary",
        metavar="FILE",
        type=file,
        help="Also write it as Markdown at the end of FILE, such as $GITHUB_STEP_SUMMARY.",
    )
    return junit(summary(function))


def output_option(what: str, *, required: bool = False) -> Callable[[Function], Function]:
    """``-o FILE``, with what is written there."""
    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        required=required,
        type=click.Path(path_type=Path, dir_okay=False),
        help=what,
    )
