"""Which words of a manifest's ``engine`` need the person's own: what a shell runs, and doors.

Rules: a manifest may be a stranger's. Lines for a shell, options of a batch system, whose hours it
uses, an interpreter and a scheduler's address are used only with ``--trust``, or where the person's
own configuration lists them, word for word.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.errors import NotAllowed

if TYPE_CHECKING:
    from qbatch.providers.kit.permission import Permission
    from qbatch.providers.local.engines.options import EngineOptions


def check_permitted(name: str, options: EngineOptions, permission: Permission) -> None:
    """See that the person agrees to what an engine is told.

    Args:
        name: The backend's.
        options: Of the manifest.
        permission: What the person lets manifests do.

    Raises:
        NotAllowed: There is a word that it needs.
    """
    if permission.is_trusted:
        return
    for key, text, what in _open_doors(options):
        if text not in permission.engines:
            raise NotAllowed(
                f"{name}: engine.{key}: {text!r} {what}, and a manifest may be a stranger's: "
                f"nothing was done. If you want that, say --trust, or write engines = [{text!r}] "
                f"under [manifests] in {permission.file}"
            )


def _open_doors(options: EngineOptions) -> Iterator[tuple[str, str, str]]:
    """Yield where it stands, the word, and what would become of it."""
    if options.dask is not None:
        yield "dask", options.dask, "would be connected to and sent work"
    if (slurm := options.slurm) is not None:
        if slurm.setup:
            yield "slurm.setup", slurm.setup, "would be run by a shell"
        if slurm.python is not None:
            yield "slurm.python", slurm.python, "would be run on the nodes"
        if slurm.account is not None:
            yield "slurm.account", slurm.account, "would be charged with a centre's hours"
        if slurm.qos is not None:
            yield "slurm.qos", slurm.qos, "would be asked of a centre, and may be charged higher"
        for text in slurm.extra:
            yield "slurm.extra", text, "would be given to sbatch"
