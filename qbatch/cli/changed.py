"""Circuits that changed, for a person at a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.tables import say

if TYPE_CHECKING:
    from qbatch.circuit.changes import CircuitChange
    from qbatch.plan.pinning.reasons import Change, Reason

#: Lines of one circuit, and circuits, that are shown where not all was asked for.
MOST_LINES = 24
MOST_CIRCUITS = 3

_COLOURS = {"-": "red", "+": "green", "…": "bright_black"}


def tell_circuits(reasons: Iterable[Reason], *, is_whole: bool) -> None:
    """Show what changed in the circuits of points, once for all that have one change.

    Args:
        reasons: Why each point would run.
        is_whole: All of it, however long.
    """
    found: dict[tuple[str, CircuitChange], list[str]] = {}
    for reason in reasons:
        for change in reason.changes:
            if change.circuit is not None:
                key = reason.point.circuit, change.circuit
                found.setdefault(key, []).append(reason.point.name)
    for number, ((name, circuit), points) in enumerate(found.items()):
        if number == MOST_CIRCUITS and not is_whole:
            say(f"  and {len(found) - number} more changes of circuits; --all shows them")
            return
        more = f" and {len(points) - 1} more" if len(points) > 1 else ""
        where = f" at {points[0]}{more}" if len(found) > 1 else ""
        say(f"circuit {name}{where}: {circuit}")
        tell_change(circuit, None if is_whole else MOST_LINES, "  ")


def tell_change(change: CircuitChange, most: int | None, indent: str) -> None:
    """Show what changed in one circuit, as many lines as may be."""
    for line in change.lines if most is None else change.folded(most):
        colour = _COLOURS.get(line.sign)
        text = click.style(str(line), fg=colour) if colour else str(line)
        say(indent + text, indent + "  ")


def change_facts(change: Change) -> dict[str, Any]:
    """One leaf in which two points differ, for programs; of a circuit also line by line."""
    facts = {"leaf": change.leaf, "old": change.old, "new": change.new}
    if change.circuit is not None:
        facts["lines"] = [str(line) for line in change.circuit.lines]
    return facts
