"""``qbatch retry``: run failed and cancelled points again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qbatch.cli.options import (
    json_option,
    max_cost_option,
    no_report_option,
    only_expression_option,
    out_option,
    run_argument,
    trust_option,
    verbose_option,
    yes_option,
)
from qbatch.cli.tables import tell
from qbatch.job import JobState

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.snapshot.put_aside import PutAside

#: From which states points are retried.
RETRIED = frozenset({JobState.FAILED, JobState.CANCELLED})


@click.command()
@run_argument
@only_expression_option
@click.option(
    "--drifted",
    is_flag=True,
    help="Points that ran while a machine was not as usual, by its references, instead.",
)
@max_cost_option
@no_report_option
@out_option
@trust_option
@yes_option
@verbose_option
@json_option
def retry(
    run: Path,
    expression: str | None,
    drifted: bool,
    max_cost: tuple[str, ...],
    no_report: bool,
    out: Path | None,
    trust: bool,
    yes: bool,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run the failed and cancelled points of RUN again, as its manifest has them now.

    Points that the manifest has changed since they failed are run as they are now. With --drifted
    it buys again what ran in a bad stretch; what it gave is kept aside and counts no more.
    """
    from qbatch.cli.consent import Consent
    from qbatch.cli.exits import Exit
    from qbatch.cli.running import run_manifest, tell_nothing
    from qbatch.cli.runs import open_named
    from qbatch.errors import SelectionError
    from qbatch.executor import Options
    from qbatch.plan.pricing.limits import parse_limits

    with open_named(run, out) as opened:
        meta, folder = opened.meta, opened.folder
    if "manifest_path" not in meta:
        raise SelectionError(f"{folder}: the run never began; `qbatch run` its manifest")
    manifest = _manifest(run, folder, meta)
    if not manifest.is_file():
        raise SelectionError(f"{folder}: its manifest {manifest} is gone; put it back")
    overrides = tuple(json.loads(meta["overrides"]))
    plan = _planned(manifest, meta["manifest"], overrides, folder, trust=trust)
    limits = parse_limits(max_cost)
    options = Options(out=folder, overrides=overrides, trust=trust, max_cost=limits, plan=plan)
    if not drifted:
        mended = _mended(folder, plan)
        chosen = replace(options, select=expression)
        options = replace(chosen, points=mended) if mended else replace(chosen, only="failed")
    elif aside := _drifted(folder, plan, expression):
        options = replace(options, put_aside=aside, points=frozenset(each.id for each in aside))
    else:
        if as_json:
            tell_nothing(folder)
        return Exit.DONE
    consent, report = Consent(yes=yes), not no_report
    return run_manifest(manifest, options, consent, as_json=as_json, report=report, verbose=verbose)


def _drifted(folder: Path, plan: Plan, expression: str | None) -> tuple[PutAside, ...]:
    """Say what of the run ran in bad stretches; return what of it is to be set aside."""
    from qbatch.cli.runs import choose
    from qbatch.snapshot import Run
    from qbatch.snapshot.drifted import to_buy_again

    ids = {point.id for point in plan.bought()}
    with Run(folder) as run:
        if expression is not None:
            chosen = choose(run, (), expression)
            ids &= {each.id for point in chosen for each in point.each_setting}
        found = to_buy_again(run, ids)
        verdicts = [f"{each.backend}: {each.verdict}" for each in run.drift()]
    for line in found.stretches:
        tell(line)
    if not found.jobs:
        tell("\n".join(verdicts or [f"{folder}: no references of a cloud tell of drift"]))
        if found.again:
            tell(
                f"{found.again} jobs of a bad stretch were bought again for a drift before; "
                "`qbatch forget RUN POINT` drops what they gave, and `qbatch run` buys them anew"
            )
        tell("there is no bad stretch to buy again")
    return found.jobs


def _planned(
    manifest: Path, kept: str, overrides: tuple[str, ...], folder: Path, *, trust: bool
) -> Plan:
    """Plan a manifest as it is now, its targets as they were decided; a bare circuit as asked."""
    from qbatch.cli.choices import decided
    from qbatch.cli.permits import surroundings_of
    from qbatch.manifest.bare import is_circuit, manifest_of
    from qbatch.plan import expand, read_file

    if is_circuit(manifest):
        return expand(manifest_of(kept, manifest, overrides=overrides))
    now = read_file(manifest, overrides=overrides, trust=trust)
    return expand(decided(now, folder, surroundings_of(now, trust=trust)))


def _mended(folder: Path, plan: Plan) -> frozenset[str]:
    """All that is to be retried, by id, where some of it is another point by now; else none."""
    from qbatch.cli.reasons import points_known
    from qbatch.plan import Why, reasons

    known = points_known(folder, plan)
    if all(one.state not in RETRIED for one in known.values()):
        return frozenset()
    found = [*reasons(plan, known)]
    changed = {
        one.point.id
        for one in found
        if one.why is Why.CHANGED and known[one.before].state in RETRIED
    }
    failed = {one.point.id for one in found if one.why in (Why.FAILED, Why.CANCELLED)}
    return frozenset(failed | changed) if changed else frozenset()


def _manifest(run: Path, folder: Path, meta: Mapping[str, str]) -> Path:
    """The manifest that was named, else the run's; short where the current folder holds it."""
    from qbatch.errors import SelectionError
    from qbatch.snapshot import owner_of
    from qbatch.snapshot.home import is_believed

    if run.is_file() and not run.resolve().is_relative_to(folder.resolve()):
        return run
    noted = Path(meta["manifest_folder"], Path(meta["manifest_path"]).name)
    owner = owner_of(folder)
    full = owner if owner is not None and owner.is_file() else noted
    if not is_believed(full.parent, folder):
        raise SelectionError(
            f"{folder}: it says that its manifest is {full}, and it was not run there: name the "
            f"manifest, as in `qbatch retry MANIFEST --out {folder}`"
        )
    return full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full
