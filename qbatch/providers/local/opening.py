"""Which driver a local backend has, and where it computes: by its ``engine``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from qbatch.providers.local.driver import LocalDriver, Place
from qbatch.providers.local.engines.inline import Inline
from qbatch.providers.local.engines.options import EngineOptions, Processes, Slurm, memory_bytes
from qbatch.providers.local.engines.permission import doors_of
from qbatch.providers.local.engines.slurm.allocation import cpus_of, is_in_allocation
from qbatch.providers.local.method import machine_bytes, num_cores
from qbatch.providers.local.settings import read_settings

if TYPE_CHECKING:
    from qbatch.job import CompositeJob
    from qbatch.manifest.models import Backend
    from qbatch.providers import Driver, Intent, Surroundings
    from qbatch.providers.local.engines.contract import Engine


def open_simulator(backend: Backend, name: str, surroundings: Surroundings) -> Driver:
    """Return the driver of a local backend.

    Args:
        backend: Of a manifest.
        name: The backend's in the manifest.
        surroundings: Under a virtual clock all is computed in this process, whatever the engine.

    Raises:
        Refused: The backend's settings are wrong, or its engine needs the person's word.
    """
    settings = read_settings(backend, surroundings.folder)
    engine = EngineOptions.model_validate(dict(backend.engine or {"processes": {}}))
    here = _here(backend, engine.processes or Processes())
    if surroundings.is_virtual:
        here = Place(Inline, here.capacity, here.memory, here.memory_source)
        return LocalDriver(name, settings, here, backend.timeout_s)
    forsake = partial(_forsake, surroundings)
    surroundings.permission.check_doors("engines", doors_of(name, engine))
    if engine.slurm is not None:
        if is_in_allocation(surroundings.environ) and not surroundings.only_sees:
            place = _allocated(surroundings.environ, engine.slurm)
            return LocalDriver(name, settings, place, backend.timeout_s, forsake)
        from qbatch.providers.local.engines.slurm.driver import SlurmDriver

        return SlurmDriver(name, settings, engine.slurm, surroundings)
    if engine.dask is not None:
        here = Place(partial(_dask, engine.dask), 1, None, is_elsewhere=True, is_asked=True)
    if engine.installed is not None:
        from qbatch.providers.local.engines.offered import open_offered
        from qbatch.providers.local.engines.offers import told_of

        opening = partial(open_offered, engine.installed, engine.arguments or {})
        here = Place(opening, 1, None, is_elsewhere=True, engine_name=told_of(engine.installed))
    return LocalDriver(name, settings, here, backend.timeout_s, forsake)


def _here(backend: Backend, options: Processes) -> Place:
    threads = options.threads
    workers = options.workers or backend.limits.workers or max(1, num_cores() // threads)
    limit = backend.limits.memory_gb
    memory, source = machine_bytes(), "this machine has"
    if limit:
        memory, source = int(limit * 1e9), "limits.memory_gb allows"
    elif options.memory:
        memory, source = memory_bytes(options.memory), "engine.processes.memory allows"
    return Place(partial(_processes, workers, memory, threads), workers, memory, source)


def _allocated(environ: Mapping[str, str], options: Slurm) -> Place:
    unused = ", ".join(options.given)
    remark = (
        f"inside an allocation of Slurm's workers are steps of it, so of engine.slurm is not used: "
        f"{unused}; ask for it with salloc or sbatch"
    )
    return Place(
        partial(_steps, environ),
        cpus_of(environ),
        None,
        is_elsewhere=True,
        remark=remark if unused else "",
    )


async def _forsake(surroundings: Surroundings, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
    from qbatch.providers.local.engines.slurm.former import forsake

    return await forsake(surroundings, sent)


def _dask(address: str) -> Engine:
    from qbatch.providers.local.engines import dask

    return dask.Dask(address)


def _steps(environ: Mapping[str, str]) -> Engine:
    from qbatch.providers.local.engines import pool
    from qbatch.providers.local.engines.slurm.steps import step_of

    return pool.Processes(cpus_of(environ), command=step_of(environ))


def _processes(workers: int, memory: int, threads: int) -> Engine:
    from qbatch.providers.local.engines import pool  # with trio, for which a plan need not wait
    from qbatch.providers.local.engines.command import Command

    return pool.Processes(workers, memory, Command(threads=threads))
