"""A plan held against its run folder: why each point would run, or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from qbatch.plan import Plan, Stored


def points_known(folder: Path, plan: Plan) -> dict[str, Stored]:
    """The points of a run folder, by the ids a plan knows them by; nothing where there is none.

    Raises:
        SnapshotError: It is damaged.
    """
    from qbatch.snapshot import is_run_folder

    if not is_run_folder(folder):
        return {}
    from qbatch.plan.pinning.stored import stored_in
    from qbatch.snapshot import Run

    return stored_in(Run(folder), plan)


def recall(folder: Path, plan: Plan, now: Callable[[], float]) -> None:
    """Let a plan know what clouds quoted lately above what a person was shown."""
    from qbatch.snapshot import is_run_folder

    if is_run_folder(folder):
        from qbatch.snapshot import Run
        from qbatch.snapshot.quotes import recalled_prices

        with Run(folder) as run:
            plan.recalled = recalled_prices(run.meta, now())
