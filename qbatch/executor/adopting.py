"""Looking a job up that a person says is a held one's, before that is believed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Refused
from qbatch.executor.resume import stored_active
from qbatch.job import JobState
from qbatch.providers import Answer, Missing, NotTaken, open_driver
from qbatch.purchase import Event
from qbatch.snapshot import Run, Snapshot

if TYPE_CHECKING:
    from qbatch.executor.active import ActiveJob
    from qbatch.providers import Surroundings


def check_adopted(folder: Path, point_id: str, adopted: str, surroundings: Surroundings) -> bool:
    """Ask the cloud for the job that is to be adopted; one question, nothing is written.

    Args:
        folder: The run folder.
        point_id: Of the held job, or of its point.
        adopted: The job's id at the provider.
        surroundings: What the driver may see of the world.

    Returns:
        True when the cloud knows it; False when there is nothing left to ask it with.

    Raises:
        Refused: The cloud does not know such a job.
        ProviderError: It cannot be asked.
    """
    with Run(folder) as run:
        manifest, run_id = run.manifest, run.meta.get("run_id", "")
    with Snapshot(folder) as snapshot:
        active = _held_in(snapshot, point_id)
    if active is None:
        return False
    (key,) = active.ids_in(JobState.HELD)
    name = active.batch.composite.backend
    adopting = active.happens(key, Event.ADOPTED, provider_job_id=adopted, status="", error="")
    active.rows[key] = adopting.row

    async def ask() -> list[Answer]:
        driver = open_driver(
            manifest.backends[name],
            name=name,
            folder=manifest.folder,
            surroundings=replace(surroundings, run_id=run_id),
            settings={order.settings: None for order in active.batch.orders},
        )
        try:
            await driver.describe()
            return [one for one in await driver.poll([active.current()]) if one.job_id == key]
        finally:
            await driver.aclose()

    answers = trio.run(ask)
    if any(isinstance(one, (Missing, NotTaken)) for one in answers):
        raise Refused(f"{name}: knows no job {adopted!r}; `qbatch jobs` lists them")
    return bool(answers)


def _held_in(snapshot: Snapshot, point_id: str) -> ActiveJob | None:
    """The composite job of a held job, of which only that is asked about; None: it is closed."""
    ids = {point_id, *(row.job.id for row in snapshot.all_jobs_of([point_id]))}
    for stored in snapshot.open_composites():
        active = stored_active(snapshot, stored)
        held = [key for key in active.ids_in(JobState.HELD) if key in ids]
        if held:
            active.split_off(set(active.ids) - {held[0]})
            return active
    return None
