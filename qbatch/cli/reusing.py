"""What a plan has from other runs, as `qbatch plan` tells it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.providers import Target


@dataclass(frozen=True, slots=True)
class FromOthers:
    """The run folder of a plan with what comes from other runs.

    Attributes:
        folder: As it would be; a copy, where something comes.
        lines: What comes, and what does not, in words.
        facts: The same as JSON: of each other run.
    """

    folder: Path
    lines: tuple[str, ...] = ()
    facts: tuple[dict[str, Any], ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """What `plan --json` has of it beside the plan."""
        return {"reused": self.facts} if self.lines else {}


def from_others(
    plan: Plan,
    targets: Mapping[str, Target],
    folder: Path,
    named: Sequence[Path],
    now: Callable[[], float],
) -> FromOthers:
    """Return how a run folder would be with what other runs have; it stays as it is.

    Args:
        plan: What is wanted; where it is to reach an accuracy, it has then what is wanted next.
        targets: Backend -> what it is now.
        folder: Of the plan's run.
        named: Run folders or manifests.
        now: UTC, seconds since 1970.

    Raises:
        SelectionError: One is no run, or has nothing that the plan asks for.
        SnapshotError: One cannot be read.
    """
    if not (named or plan.manifest.reuse):
        return FromOthers(folder)
    from qbatch.accuracy.standing import wanted_next
    from qbatch.executor.reuse import gathered, seen_with, shots_of, told_of
    from qbatch.snapshot.from_runs import by_run

    others = gathered(named, plan, targets, folder)
    context = click.get_current_context()
    seen, borrowed = context.with_resource(seen_with(folder, others, now, plan))
    if plan.has_accuracies:
        plan.wanted = wanted_next(seen or folder, plan)
    facts = (each.facts() for each in by_run(shots_of(borrowed.taken)))
    return FromOthers(seen or folder, (*told_of(borrowed), *others.notes), (*facts,))
