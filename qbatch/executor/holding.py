"""A run folder as a run takes it: the old one moved out of the way, the new one held."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.executor.events import Observer, Warned
from qbatch.executor.noting import now_text
from qbatch.snapshot import set_aside
from qbatch.snapshot.borrowing import Borrower

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.providers import Driver, Surroundings


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


def finish(snapshot: Borrower, observer: Observer) -> None:
    """Hold shots of other runs against those that were bought since, and note the end of a run."""
    aside = snapshot.review()
    for each in aside:
        observer(Warned(str(each)))
    if aside:
        observer(Warned("`qbatch run` buys the shots that are missing by that"))
    snapshot.set_meta(finished_at=now_text())


def open_snapshot(
    folder: Path, manifest: Manifest, drivers: Mapping[str, Driver], around: Surroundings
) -> Borrower:
    """Take a run folder; as durable as its backends ask for."""
    is_free = all(driver.is_local for driver in drivers.values())
    durability = manifest.run.durability or ("normal" if is_free else "full")
    if not around.is_virtual:
        return Borrower(folder, durability=durability, now=around.now)
    return Borrower(folder, durability="normal", now=around.now)
