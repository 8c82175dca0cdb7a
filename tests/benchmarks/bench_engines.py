"""One sweep on 1, 2 and 4 workers of each engine; all counts must be equal.

What is not installed here is left out. A batch job starts an interpreter, so a batch system wants
work of minutes; here it gets seconds, and its row shows what that costs.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from measuring import Row

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))

import cluster
import dask_cluster
from sweeps import Commands, write_sweep

WORKERS = (1, 2, 4)
POINTS, SHOTS = 48, 20_000


def measure() -> Iterator[Row]:
    with ExitStack() as stack:
        found = {workers: _processes(stack, workers) for workers in WORKERS}
        yield from _rows("processes", found)
        if not cluster.missing():
            slurm = _start_slurm(stack)
            yield from _rows("slurm", {n: _slurm(stack, slurm, n) for n in WORKERS})
        if find_spec("distributed"):
            yield from _rows("dask", {n: _dask(stack, n) for n in WORKERS})


def _rows(engine: str, found: dict[int, tuple[float, str]]) -> Iterator[Row]:
    first_s, _ = found[WORKERS[0]]
    for workers, (took_s, counts) in found.items():
        yield Row(
            f"{2 * POINTS} points by {engine}, {workers} at once; counts {counts[:12]}",
            f"{took_s:.1f} s",
            f"{engine}, 1 at once",
            f"{first_s:.1f} s",
            f"{first_s / took_s:.2f} x",
            "equal counts",
        )


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="engines")))


def _timed(commands: Commands) -> tuple[float, str]:
    began = time.perf_counter()
    commands("run", "sweep.yaml", "--yes", "--trust", "--no-report")
    return time.perf_counter() - began, commands.hash()


def _processes(stack: ExitStack, workers: int) -> tuple[float, str]:
    folder = _folder(stack)
    write_sweep(folder, points=POINTS, shots=SHOTS, processes={"workers": workers})
    return _timed(Commands(folder, os.environ))


def _start_slurm(stack: ExitStack) -> cluster.Cluster:
    one = cluster.Cluster(_folder(stack))
    stack.callback(one.stop)
    one.start()
    return one


def _slurm(stack: ExitStack, slurm: cluster.Cluster, workers: int) -> tuple[float, str]:
    folder = _folder(stack)
    jobs = 2 * POINTS // max(WORKERS)
    write_sweep(folder, points=POINTS, shots=SHOTS, jobs=jobs, in_flight=workers, slurm={})
    return _timed(Commands(folder, slurm.environ))


def _dask(stack: ExitStack, workers: int) -> tuple[float, str]:
    folder = _folder(stack)
    (folder / "dask").mkdir()
    one = dask_cluster.Cluster(folder / "dask")
    stack.callback(one.stop)
    one.start_all(workers)
    write_sweep(folder, points=POINTS, shots=SHOTS, dask=one.address)
    found = _timed(Commands(folder, os.environ))
    one.stop()
    return found
