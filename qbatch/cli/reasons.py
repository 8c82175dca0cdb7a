"""A plan held against its run folder: why each point would run, or not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qbatch.plan import Plan, Reason, Stored
    from qbatch.plan.points import Only
    from qbatch.snapshot import Run


def explain(plan: Plan, folder: Path, only: Only | None) -> Iterator[Reason]:
    """Yield, in run order, why each point would run or not."""
    from qbatch.plan import reasons

    stored = _stored(folder) if (folder / "snapshot.db").exists() else {}
    return (each for each in reasons(plan, stored) if only is None or only(each.point))


def _stored(folder: Path) -> dict[str, Stored]:
    from qbatch.plan import Stored
    from qbatch.snapshot import Run

    run = Run(folder)
    return {
        found.id: Stored(
            found.name,
            found.state,
            found.shots,
            found.repeat,
            found.parameters,
            partial(_setting_of, run, found.id),
        )
        for points in (run, run.removed())
        for found in points
    }


def _setting_of(run: Run, id_: str) -> dict[str, Any]:
    """Read when a change is to be explained; results are not kept in memory until then."""
    return run.setting_of(run[id_])
