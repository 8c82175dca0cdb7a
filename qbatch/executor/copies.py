"""A run folder that was copied: both would buy what neither knows of the other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import SnapshotError
from qbatch.job import JobState
from qbatch.plan import jobs_in, states_left
from qbatch.snapshot import Run

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.plan.points import Only
    from qbatch.providers import Driver


def refuse_copy(
    folder: Path,
    plan: Plan,
    drivers: Mapping[str, Driver],
    only: Only | None,
    states: Collection[JobState],
) -> None:
    """Refuse to buy in a copy while the run folder that it was copied from is still there.

    Before the folder is taken, so that nobody is asked in vain; only runs in it change what it
    says of itself.

    Args:
        folder: The run folder.
        plan: What is wanted in it.
        drivers: Of the backends that the run needs.
        only: Points to run; None: all.
        states: Where the jobs stand that it would buy.

    Raises:
        SnapshotError: Both would buy the same points, under the same names.
    """
    clouds = {name for name, driver in drivers.items() if not driver.is_local}
    if not clouds:
        return
    try:
        known = Run(folder)
    except SnapshotError:  # there is none yet, or it is damaged: taking it will tell
        return
    with known:
        other = _original_of(known)
        if other is None or not _is_left_to_buy(known, plan, clouds, only, states):
            return
    raise SnapshotError(
        f"{folder} is a copy of {other}, which is still there: both would buy the same points. "
        "Go on in one of them and remove the other, or rename it and never run it; "
        "to buy all of it again, run with another --out"
    )


def _original_of(known: Run) -> Path | None:
    """The folder in which a run was before, where that is another one and still has it."""
    noted = Path(known.meta.get("run_folder") or known.folder)
    try:
        if noted.samefile(known.folder):
            return None
        with Run(noted) as other:
            return noted if other.meta.get("run_id") == known.meta.get("run_id") else None
    except (OSError, SnapshotError):  # gone, or nothing that could go on
        return None


def _is_left_to_buy(
    known: Run, plan: Plan, clouds: Collection[str], only: Only | None, states: Collection[JobState]
) -> bool:
    for point, job in known.stored_points():
        if job.state is JobState.SUBMITTING and point.backend in clouds:
            return True  # it is sent again where its cloud does not have it
    jobs = jobs_in(known)
    points = (point for point in plan.bought(only) if point.backend in clouds)
    left = (states_left(jobs.get(point.id, ()), point.shots) for point in points)
    return any(not found.isdisjoint(states) for found in left)
