"""Which words of a manifest's ``engine`` need the person's own: what a shell runs, and doors.

Rules: a manifest may be a stranger's. Lines for a shell, options of a batch system, whose hours it
uses, an interpreter and a scheduler's address are used only with ``--trust``, or where the person's
own configuration lists them, word for word.
"""

from __future__ import annotations

import json
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
        NotAllowed: There are words that it needs; all are told.
    """
    if permission.is_trusted:
        return
    doors = [door for door in _open_doors(options) if door[1] not in permission.engines]
    if doors:
        told = ", ".join(f"engine.{key}: {text!r} {what}" for key, text, what in doors)
        wanted = dict.fromkeys([*sorted(permission.engines), *(text for _, text, _ in doors)])
        words = ", ".join(json.dumps(text, ensure_ascii=False) for text in wanted)
        raise NotAllowed(
            f"{name}: {told}, and a manifest may be a stranger's: nothing was done. If you want "
            f"that, say --trust, or write engines = [{words}] under [manifests] in "
            f"{permission.file}"
        ).about("engines")


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
