"""Batch jobs of a backend that computes elsewhere now: cancelled, for nobody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.errors import ProviderError
from qbatch.providers.local.engines.slurm.commands import Slurm, seen_at
from qbatch.providers.local.engines.slurm.files import Files, Place, files_of, is_key
from qbatch.providers.local.engines.slurm.states import rank

if TYPE_CHECKING:
    from qbatch.job import CompositeJob
    from qbatch.providers import Intent, Surroundings


async def forsake(surroundings: Surroundings, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
    """Cancel the batch jobs that composite jobs were sent as; see `qbatch.providers.Forsakes`.

    Only the names count that this run gives in this folder: what another engine had is none of
    Slurm's, and what another folder sent is that folder's. Their files go away, so that a batch job
    that could not be cancelled ends as it begins.
    """
    folder = surroundings.run_folder
    if folder is None:
        return ""
    slurm = Slurm(surroundings.environ)
    known = [(files_of(folder, surroundings.run_id, one), intent.key) for one, intent in sent]
    ours = [files for files, key in known if files.key == key]
    others = [files._replace(key=key) for files, key in known if files.key != key and is_key(key)]
    told = [await _cancel(slurm, ours), await _leave(slurm, others)]
    return "; ".join(filter(None, told))


async def _cancel(slurm: Slurm, ours: Sequence[Files]) -> str:
    if not ours:
        return ""
    places = sorted(place for files in ours for place in files.places)
    try:
        await slurm.cancel(places)
        told = (
            f"{_batch_jobs(ours)} that this run had sent to Slurm were cancelled: their points are "
            "computed here, by another engine"
        )
    except ProviderError as error:
        told = (
            f"{_batch_jobs(ours)} of this run may still be queued, and their points are computed "
            f"here, by another engine ({error}); cancel them on a login node: {_by_hand(places)}"
        )
    for files in ours:
        files.remove()
    return told


async def _leave(slurm: Slurm, others: Sequence[Files]) -> str:
    """Say which batch jobs go on that were sent before this folder was copied, or was moved."""
    if not others:
        return ""
    places = [place for files in others for place in files.places]
    try:
        found = await slurm.queue(place.name for place in places)
    except ProviderError:
        return ""
    there = [at for at in places if (seen := seen_at(found, [at])) and rank(seen.state)]
    if not there:
        return ""
    return (
        f"{_batch_jobs(there)} of Slurm's were sent from another folder, of which this one is a "
        "copy, or which it was before it was moved: they are left as they are, and their points "
        f"are computed here; if nobody waits for them, cancel them: {_by_hand(there)}"
    )


def _batch_jobs(several: Sequence[object]) -> str:
    return f"{len(several)} batch job{'s' if len(several) > 1 else ''}"


def _by_hand(places: Sequence[Place]) -> str:
    names = sorted({place.name for place in places})
    if len(names) == 1:
        return f"scancel --name={names[0]}"
    return f"for key in {' '.join(names)}; do scancel --name=$key; done"
