"""``qbatch plan``: what would run, how often, what it costs, and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.options import (
    json_option,
    manifest_argument,
    only_expression_option,
    out_option,
    output_option,
    overrides_option,
    trust_option,
)

if TYPE_CHECKING:
    from qbatch.plan import Plan, PlanSummary
    from qbatch.plan.reasons import Reason

#: Points listed, unless --all.
LISTED = 20


@click.command()
@manifest_argument
@overrides_option
@only_expression_option
@click.option("--all", "all_points", is_flag=True, help="List every point, however many.")
@output_option("Save the plan; `qbatch run --plan FILE` runs exactly that.")
@out_option
@trust_option
@json_option
def plan(
    manifest: Path,
    overrides: tuple[str, ...],
    expression: str | None,
    all_points: bool,
    output: Path | None,
    out: Path | None,
    trust: bool,
    as_json: bool,
) -> None:
    """Show what `qbatch run MANIFEST` would do, and why; run nothing."""
    from qbatch.cli.reasons import explain
    from qbatch.cli.runs import folder_of
    from qbatch.cli.targets import describe, open_drivers
    from qbatch.manifest import load_manifest
    from qbatch.plan import check_targets, expand, notices, save_plan, select
    from qbatch.report.numbers import count_of

    made = expand(load_manifest(manifest, overrides=overrides, trust=trust))
    drivers = open_drivers(made.manifest, made.manifest.backends)
    targets = describe(drivers)
    check_targets(made, targets, drivers)
    only = None if expression is None else select(expression, made.axes)
    summary = made.summary(targets, only)
    told = explain(made, folder_of(made.manifest, out), only)
    if as_json:
        _tell_json(made, summary, told, all_points)
    else:
        _tell(made, summary, told, None if all_points else LISTED)
        for notice in notices(made, targets):
            click.echo(notice, err=True)
    if output is not None:
        number = save_plan(made, output, selection=expression or "")
        click.echo(f"wrote {output}: {count_of(number, 'point')}", err=True)


def _tell_json(made: Plan, summary: PlanSummary, told: Iterator[Reason], all_points: bool) -> None:
    facts: dict[str, Any] = {"name": made.manifest.name, **summary.to_dict()}
    why: Counter[str] = Counter()
    listed = []
    would_run = 0
    for reason in told:
        why[reason.why.value] += 1
        would_run += reason.why.runs
        if all_points:
            listed.append(_facts(reason))
    facts |= {"would_run": would_run, "why": dict(why)}
    if all_points:
        facts["list"] = listed
    click.echo(json.dumps(facts, ensure_ascii=False))


def _facts(reason: Reason) -> dict[str, Any]:
    point = reason.point
    return {
        "id": point.id,
        "point": point.name,
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.shots,
        "repeat": point.repeat,
        "parameters": dict(point.parameters),
        "why": reason.why.value,
        "changes": [
            {"leaf": change.leaf, "old": change.old, "new": change.new} for change in reason.changes
        ],
    }


def _tell(made: Plan, summary: PlanSummary, told: Iterator[Reason], limit: int | None) -> None:
    from qbatch.cli.tables import format_table
    from qbatch.cli.words import headline
    from qbatch.report.numbers import amount, whole

    click.echo(headline(made.manifest.name, summary))
    rows = [
        [
            each.backend,
            each.target,
            whole(each.points),
            whole(each.shots),
            "?" if each.composite_jobs is None else whole(each.composite_jobs),
            amount(each.price, each.unit) if each.price else _unpriced(each.unit),
            each.formula if each.price else "",
        ]
        for each in summary.backends
    ]
    head = ["backend", "target", "points", "shots", "composite jobs", "price", "formula"]
    click.echo(format_table(head, rows, indent="  "))
    _tell_reasons(told, limit)


def _unpriced(unit: str) -> str:
    return f"{unit} as quoted" if unit else "free"


def _tell_reasons(told: Iterator[Reason], limit: int | None) -> None:
    from qbatch.report.numbers import whole

    why: Counter[str] = Counter()
    listed: list[Reason] = []
    for reason in told:
        if limit is None or len(listed) < limit:
            listed.append(reason)
        why[reason.why.value] += 1
    click.echo("why: " + (", ".join(f"{whole(n)} {word}" for word, n in why.items()) or "nothing"))
    width = max((len(reason.point.name) for reason in listed), default=0)
    for reason in listed:
        click.echo(f"  {reason.point.id[:8]}  {reason.point.name.ljust(width)}  {reason}")
    if why.total() > len(listed):
        click.echo(f"  and {whole(why.total() - len(listed))} more; --all lists them, -k selects")
