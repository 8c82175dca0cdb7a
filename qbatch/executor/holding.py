"""A run folder as a run takes it: the old one moved out of the way, the new one held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.executor.events import Observer, Warned
from qbatch.executor.noting import now_text
from qbatch.plan.aging import aged_contents
from qbatch.snapshot import set_aside
from qbatch.snapshot.borrowing import Borrower

if TYPE_CHECKING:
    from qbatch.job import JobState
    from qbatch.manifest import Manifest
    from qbatch.plan import Plan
    from qbatch.providers import Driver, Surroundings, Target


def begin_anew(folder: Path, observer: Observer) -> None:
    """Move the run that is kept in a folder out of the way, and say where it is."""
    moved = set_aside(folder)
    if moved is None:
        return
    new_folder, in_flight = moved
    text = f"the old run is in {new_folder}"
    if in_flight:
        text += (
            f"; {in_flight} of its jobs may still be at a provider: `qbatch fetch {new_folder}` "
            f"brings their results home, `qbatch cancel {new_folder}` stops them"
        )
    observer(Warned(text))


def finish(
    snapshot: Borrower, plan: Plan, targets: Mapping[str, Target], observer: Observer
) -> dict[JobState, int] | None:
    """Hold shots of other runs against those that were bought since, and note the end of a run.

    Args:
        snapshot: The run folder, held.
        plan: What is wanted: what is missing of it by that stands in the folder then.
        targets: Backend -> what it takes.
        observer: Told of what is put aside.

    Returns:
        How many points are in each state by then; None: as many as before.
    """
    aside = snapshot.review(aged_contents(plan))
    for each in aside:
        observer(Warned(str(each)))
    if aside:
        observer(Warned("`qbatch run` buys the shots that are missing by that"))
        snapshot.register(
            plan.points(are_written=True),
            setting_of=plan.setting_text,
            bounds={name: target.bounds for name, target in targets.items()},
            identities=plan.identities,
            has_bases=plan.has_bases,
        )
    snapshot.set_meta(finished_at=now_text())
    return snapshot.counts_by_state() if aside else None


def open_snapshot(
    folder: Path, manifest: Manifest, drivers: Mapping[str, Driver], around: Surroundings
) -> Borrower:
    """Take a run folder; as durable as its backends ask for."""
    is_free = all(driver.is_local for driver in drivers.values())
    durability = manifest.run.durability or ("normal" if is_free else "full")
    if not around.is_virtual:
        return Borrower(folder, durability=durability, now=around.now)
    return Borrower(folder, durability="normal", now=around.now)
