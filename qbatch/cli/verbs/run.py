"""``qbatch run``: run what is missing of a manifest, and write the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from qbatch.cli.amounts import Duration, Number
from qbatch.cli.bare import Named, circuit_options
from qbatch.cli.options import (
    json_option,
    manifest_argument,
    max_cost_option,
    no_report_option,
    only_expression_option,
    out_option,
    overrides_option,
    reuse_option,
    trust_option,
    verbose_option,
    yes_option,
)

if TYPE_CHECKING:
    from qbatch.cli.consent import Consent
    from qbatch.executor import Options

#: Parameter -> flag, of those that a rehearsal could not obey.
NOT_REHEARSED = {
    "only": "--only",
    "saved_plan": "--plan",
    "frozen": "--frozen",
    "detach": "--detach",
    "fresh": "--fresh",
    "reuse": "--reuse",
    "check": "--check",
    "verbose": "--verbose",
}


@click.command(epilog="A circuit is FILE.qasm, FILE.py (its function build) or FILE.py:FUNCTION.")
@manifest_argument
@circuit_options(saves=True)
@overrides_option
@only_expression_option
@click.option(
    "--only",
    type=click.Choice(["failed", "missing"]),
    help="Only points that failed (or were cancelled), or only those never run.",
)
@click.option("-x", "--fail-fast", is_flag=True, help="Stop at the first point that fails.")
@click.option(
    "--plan",
    "saved_plan",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Run exactly the plan that `qbatch plan -o FILE` saved; refuse if anything changed.",
)
@click.option("--frozen", is_flag=True, help="Refuse if qbatch.lock would change.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Set the old run folder aside and begin anew.",
)
@reuse_option
@max_cost_option
@click.option(
    "--detach", is_flag=True, help="Submit what fits, then leave; `qbatch fetch` gets the results."
)
@click.option(
    "--wait",
    metavar="TIME",
    type=Duration(),
    help="Leave a cloud, and its jobs there, where nothing comes on for so long: 30m, 2h.",
)
@click.option(
    "--rehearse",
    is_flag=True,
    help="Run it against emulated clouds in virtual time: how long, how dear, what holds it up.",
)
@click.option(
    "--queue-s",
    "queues_s",
    metavar="SHORT LONG",
    type=Number(0),
    nargs=2,
    help="With --rehearse: seconds a job queues at least and at most, instead of 60 and 3600.",
)
@click.option(
    "--noise",
    is_flag=True,
    help="With --rehearse: the emulated machines are noisy, so that there is something to mend.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Where all is done, exit code 5 if a check fails, 4 if one is undecided.",
)
@no_report_option
@out_option
@trust_option
@yes_option
@verbose_option
@json_option
def run(
    named: Named,
    overrides: tuple[str, ...],
    expression: str | None,
    only: Literal["failed", "missing"] | None,
    fail_fast: bool,
    saved_plan: Path | None,
    frozen: bool,
    fresh: bool,
    reuse: tuple[Path, ...],
    max_cost: tuple[str, ...],
    detach: bool,
    wait: str | None,
    rehearse: bool,
    queues_s: tuple[float, float] | None,
    noise: bool,
    check: bool,
    no_report: bool,
    out: Path | None,
    trust: bool,
    yes: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run what is missing of MANIFEST, or a circuit without one, and write the report.

    Running again does only what is missing. One Ctrl-C stops and saves, two leave at once.
    """
    from qbatch.cli.running import run_manifest
    from qbatch.executor import Options
    from qbatch.plan.pricing.limits import parse_limits

    _check_flags(named)
    options = Options(
        out=out,
        fresh=fresh,
        only=only,
        select=expression,
        overrides=overrides if wait is None else (*overrides, f"run.wait={wait}"),
        reuse=reuse,
        trust=trust,
        fail_fast=fail_fast or None,
        max_cost=parse_limits(max_cost),
        detach=detach,
    )
    options, told = named.planned(options), {"as_json": as_json, "report": not no_report}
    if rehearse:
        return _rehearse(named.path, options, queues_s, noise=noise, **told)
    consent = _consent(saved_plan, frozen=frozen, yes=yes)
    return run_manifest(named.path, options, consent, check=check, verbose=verbose, **told)


def _consent(saved_plan: Path | None, *, frozen: bool, yes: bool) -> Consent:
    from qbatch.cli.consent import Consent
    from qbatch.plan import load_plan

    return Consent(load_plan(saved_plan) if saved_plan else None, frozen=frozen, yes=yes)


def _check_flags(named: Named) -> None:
    """See that no flag was given that a rehearsal, or anything else, could not obey."""
    given = click.get_current_context().params
    if named.circuit is not None and given["frozen"]:
        raise click.UsageError("--frozen is for a manifest; --save FILE writes that of a circuit")
    if not given["rehearse"]:
        if given["queues_s"]:
            raise click.UsageError("--queue-s is for --rehearse only; add --rehearse")
        if given["noise"]:
            raise click.UsageError(
                "--noise is for --rehearse only; simulators of this machine have `noise` in the "
                "manifest"
            )
        return
    for name, flag in NOT_REHEARSED.items():
        if given[name]:
            raise click.UsageError(
                f"--rehearse runs all of a manifest in a folder of its own; leave {flag} out"
            )


def _rehearse(
    manifest: Path,
    options: Options,
    queues_s: tuple[float, float] | None,
    *,
    noise: bool,
    as_json: bool,
    report: bool,
) -> int:
    from qbatch.cli.rehearsal import rehearse_manifest
    from qbatch.executor.rehearsal import QUEUES_S

    return rehearse_manifest(
        manifest,
        options,
        queues_s=sorted(queues_s or QUEUES_S),
        noise=noise,
        as_json=as_json,
        report=report,
    )
