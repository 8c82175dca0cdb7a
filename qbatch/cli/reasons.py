"""A plan held against its run folder: why each point would run, or not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qbatch.plan import Plan, Stored, Survey
    from qbatch.plan.points import Only
    from qbatch.snapshot import Run


def explain(plan: Plan, folder: Path, only: Only | None, *, limit: int) -> Survey:
    """Say why the points would run or not: how many each, and the first `limit` in run order."""
    from qbatch.plan import survey
    from qbatch.snapshot import is_run_folder

    stored = _stored(folder) if is_run_folder(folder) else {}
    return survey(plan, stored, only, limit=limit)


def _stored(folder: Path) -> dict[str, Stored]:
    from qbatch.plan import Stored, known_as
    from qbatch.snapshot import Run

    run = Run(folder)
    return {
        id_: Stored(
            found.name,
            found.state,
            found.shots,
            found.repeat,
            found.parameters,
            partial(_setting_of, run, found.id),
        )
        for points in (run, run.removed())
        for found in points
        if not found.same_as
        for id_ in known_as(run, found)
    }


def _setting_of(run: Run, id_: str) -> dict[str, Any]:
    """Read when a change is to be explained; results are not kept in memory until then."""
    return run.setting_of(run[id_])
