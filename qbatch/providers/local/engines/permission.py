"""Which words of a manifest's ``engine`` need the person's own: what a shell runs, and doors.

Rules: a manifest may be a stranger's. Lines for a shell, options of a batch system, whose hours it
uses, an interpreter and a scheduler's address are used only with ``--trust``, or where the person's
own configuration lists them, word for word; and so is each text for an engine of a package, of
which nobody here knows what it does with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.providers.kit.permission import Door

if TYPE_CHECKING:
    from qbatch.providers.local.engines.options import EngineOptions


def doors_of(name: str, options: EngineOptions) -> Iterator[Door]:
    """Yield what the engine of a backend is told that the person has to agree to."""
    at = f"{name}: engine"
    if options.dask is not None:
        yield Door(f"{at}.dask", options.dask, "would be connected to and sent work")
    if options.installed is not None:
        given = "would be given to the engine, as a command may be"
        for key, value in (options.arguments or {}).items():
            for each in value if isinstance(value, tuple) else (value,):
                if isinstance(each, str):
                    yield Door(f"{at}.with.{key}", each, given)
    if (slurm := options.slurm) is not None:
        if slurm.setup:
            yield Door(f"{at}.slurm.setup", slurm.setup, "would be run by a shell")
        if slurm.python is not None:
            yield Door(f"{at}.slurm.python", slurm.python, "would be run on the nodes")
        if slurm.account is not None:
            charged = "would be charged with a centre's hours"
            yield Door(f"{at}.slurm.account", slurm.account, charged)
        if slurm.qos is not None:
            asked = "would be asked of a centre, and may be charged higher"
            yield Door(f"{at}.slurm.qos", slurm.qos, asked)
        for text in slurm.extra:
            yield Door(f"{at}.slurm.extra", text, "would be given to sbatch")
