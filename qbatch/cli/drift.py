"""``qbatch show RUN --drift``: each machine's references over the time of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.tables import format_table, say, tell
from qbatch.instants import in_zone

if TYPE_CHECKING:
    from qbatch.snapshot import Run
    from qbatch.snapshot.drifted import Bad


def show_drift(run: Run, *, as_json: bool) -> None:
    """Show what references tell of drift, each of them, and which are of a bad stretch."""
    from qbatch.result.estimate import wilson
    from qbatch.snapshot.drifted import drifted_in

    bad = drifted_in(run)
    found = run.drift()
    if as_json:
        click.echo(json.dumps([{**each.facts(), **_stretches(each, bad)} for each in found]))
        return
    if not found:
        tell("no references of a cloud tell of drift: `run: {reference: …}` in the manifest")
    level = run.manifest.analysis.intervals.level
    for each in found:
        say(f"{click.style(each.backend, bold=True)}: {each.verdict}")
        in_bad = {
            number
            for one in bad
            if one.found.backend == each.backend
            for number in range(one.stretch.first, one.stretch.end)
        }
        rows = []
        for number, (at, ones, shots) in enumerate(
            zip(each.times, each.ones, each.shots, strict=True)
        ):
            share = wilson(ones, shots, level)
            interval = f"{share.low:.4f} to {share.high:.4f}"
            when = in_zone(at)
            told = "bad stretch" if number in in_bad else ""
            rows.append([str(number + 1), when, str(shots), f"{share.value:.4f}", interval, told])
        head = ["", "ran at", "shots", f"share of {each.outcome}", f"{level:.0%}", ""]
        click.echo(format_table(head, rows, indent="  "))
        for one in bad:
            if one.found.backend == each.backend:
                say(f"{len(one.jobs)} jobs were {one.why}")
        for warning in each.warnings:
            tell(f"warning: {warning}")


def _stretches(found: Any, bad: list[Bad]) -> dict[str, Any]:
    return {
        "stretches": [
            {
                "first": one.stretch.first + 1,
                "last": one.stretch.end,
                "share": one.stretch.share,
                "usual": one.stretch.usual,
                "p": one.stretch.p,
                "jobs": len(one.jobs),
            }
            for one in bad
            if one.found.backend == found.backend
        ]
    }
