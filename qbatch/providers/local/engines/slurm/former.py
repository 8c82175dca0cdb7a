"""Batch jobs of a backend that computes elsewhere now: cancelled, for nobody waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.errors import ProviderError
from qbatch.providers.local.engines.slurm.commands import Slurm
from qbatch.providers.local.engines.slurm.files import files_of

if TYPE_CHECKING:
    from qbatch.job import CompositeJob
    from qbatch.providers import Intent, Surroundings


async def forsake(surroundings: Surroundings, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
    """Cancel the batch jobs that composite jobs were sent as; see `qbatch.providers.Forsakes`.

    Only the names count that this run gives: what another engine had is none of Slurm's. Their
    files go away, so that a batch job that could not be cancelled ends as it begins.
    """
    folder = surroundings.run_folder
    if folder is None:
        return ""
    known = [(files_of(folder, surroundings.run_id, one), intent) for one, intent in sent]
    ours = [files for files, intent in known if intent.key == files.key]
    if not ours:
        return ""
    keys = sorted(files.key for files in ours)
    batch_jobs = f"{len(keys)} batch job{'s' if len(keys) > 1 else ''}"
    try:
        await Slurm(surroundings.environ).cancel(keys)
        told = (
            f"{batch_jobs} that this run had sent to Slurm were cancelled: their points are "
            "computed here, by another engine"
        )
    except ProviderError as error:
        told = (
            f"{batch_jobs} of this run may still be queued, and their points are computed here, by "
            f"another engine ({error}); cancel them on a login node: {_by_hand(keys)}"
        )
    for files in ours:
        files.remove()
    return told


def _by_hand(keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return f"scancel --name={keys[0]}"
    return f"for key in {' '.join(keys)}; do scancel --name=$key; done"
