"""A plan held against its run folder: why each point would run, or not."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from qbatch.plan import Plan, Stored
    from qbatch.snapshot import Run


def points_known(folder: Path, plan: Plan) -> dict[str, Stored]:
    """The points of a run folder, by the ids a plan knows them by; nothing where there is none.

    Raises:
        SnapshotError: It is damaged.
    """
    from qbatch.snapshot import is_run_folder

    return _stored(folder, plan) if is_run_folder(folder) else {}


def recall(folder: Path, plan: Plan, now: Callable[[], float]) -> None:
    """Let a plan know what clouds quoted lately above what a person was shown."""
    from qbatch.snapshot import is_run_folder

    if is_run_folder(folder):
        from qbatch.snapshot import Run
        from qbatch.snapshot.quotes import recalled_prices

        with Run(folder) as run:
            plan.recalled = recalled_prices(run.meta, now())


def _stored(folder: Path, plan: Plan) -> dict[str, Stored]:
    from qbatch.plan import Stored, jobs_in, known_as
    from qbatch.snapshot import Run

    run = Run(folder)
    jobs = jobs_in(run)
    planned = {id_ for id_, _ in plan.ids_and_names()} if run.has_former_ids else set()
    found: dict[str, Stored] = {}
    for points in (run.settings(), run.removed()):
        for point in points:
            if point.same_as:
                continue
            ids = known_as(run, point)
            id_ = next((id_ for id_ in reversed(ids) if id_ in planned), ids[0])
            found.setdefault(
                id_,
                Stored(
                    point.name,
                    point.state,
                    point.shots,
                    point.repeat,
                    point.parameters,
                    partial(_setting_of, run, point.id),
                    jobs[id_],
                ),
            )
    return found


def _setting_of(run: Run, id_: str) -> dict[str, Any]:
    """Read when a change is to be explained; results are not kept in memory until then."""
    return run.setting_of(run[id_])
