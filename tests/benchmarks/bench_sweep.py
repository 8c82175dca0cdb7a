"""A parametric sweep on the embedded simulator beside Aer driven by hand."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from by_hand import opened, write_jobs, write_points
from measuring import Row, ms

QUBITS, DEPTH, SHOTS = 10, 10, 1024
NAMES = [f"t{k}" for k in range(2 * QUBITS * DEPTH)]

MANIFEST = """\
qbatch: 1
name: sweep
circuits:
  ansatz: ansatz.qasm
backends:
  sim: {provider: local, limits: {workers: 2}}
shots: 1024
sweep:
  zip:
"""


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Path(folder, "ansatz.qasm").write_text(qasm())
        run_qbatch(folder, 20)  # does not count: it imports
        small, large = run_qbatch(folder, 500), run_qbatch(folder, 1_500)
        ours = 1_000 / (large - small)
        pool = raw_pool(1_000)
        with busy_neighbours(2):
            small, large = run_qbatch(folder, 500), run_qbatch(folder, 1_500)
            crowded, crowded_pool = 1_000 / (large - small), raw_pool(1_000)
        late = lateness_s(folder, 1_500)
    yield Row(
        "lateness of a 5 ms heartbeat in the run's loop: median, 99 in 100, worst",
        f"{late[len(late) // 2] * 1e3:.1f}, {late[len(late) * 99 // 100] * 1e3:.1f}, "
        f"{late[-1] * 1e3:.1f} ms",
        "",
        "",
        "",
        "99 in 100 <= 20 ms, worst <= 50 ms",
    )
    yield Row(
        "1,000 points more, beside two busy loops",
        f"{crowded:.0f} points/s",
        "the pool, beside them too",
        f"{crowded_pool:.0f} points/s",
        f"{crowded / crowded_pool:.2f} x",
        ">= 0.85 x",
    )
    yield Row(
        "1,000 points more, journal and results stored",
        f"{ours:.0f} points/s",
        "two-process pool over Aer's parameter_binds",
        f"{pool:.0f} points/s",
        f"{ours / pool:.2f} x",
        ">= 5 x",
    )
    yield _floor(1_000)
    yield from guard_rows(1_000)
    loop = loop_people_write(16)
    yield Row(
        "the same",
        f"{ours:.0f} points/s",
        "bind + transpile() + run() in a loop",
        f"{loop:.1f} points/s",
        f"{ours / loop:.0f} x",
        ">= 50 x",
    )


def _floor(points: int) -> Row:
    """What of a recorded sweep nobody can leave out, beside what the goal leaves for all of it."""
    least, pool = least_s(points), pool_cpu_s(points)
    return Row(
        "a point's computing, counting and packing, its rows by hand; processor time",
        ms(least),
        "a fifth of what the pool takes",
        ms(pool / 5),
        f"{least / (pool / 5):.2f} x",
        "",
    )


def least_s(points: int) -> float:
    """Return the processor's seconds of a point of which nothing is planned, checked or told."""
    import numpy as np

    from qbatch.circuit import open_circuit
    from qbatch.manifest.models import Backend, Circuit
    from qbatch.providers.local.engine import simulate_and_pack
    from qbatch.providers.local.settings import read_settings
    from qbatch.providers.local.work import Chunk, Evolution, Program, Sampling, settled

    values = np.random.default_rng(points).uniform(0, 6, (points, len(NAMES))).tolist()
    with tempfile.TemporaryDirectory() as name, opened(Path(name, "rows.db")) as db:
        ansatz = open_circuit("ansatz", Circuit(qasm=qasm()), folder=Path(name)).circuit({})
        settings = settled(ansatz.facts, read_settings(Backend(provider="local"), Path(name)))
        program = Program(ansatz, settings)
        packed = pickle.dumps(program)

        def chunk(first: int) -> Chunk:
            each = enumerate(values[first : first + 100], first)
            evolutions = [Evolution(row, (Sampling(str(k), SHOTS, k),)) for k, row in each]
            return Chunk(program.key, packed, tuple(evolutions), 0.0, 0)

        simulate_and_pack(chunk(0))  # prepares the circuit
        start = time.process_time()
        write_points(db, [json.dumps(list(zip(NAMES, row, strict=True))) for row in values])
        for first in range(0, points, 100):
            write_jobs(db, first + 1, simulate_and_pack(chunk(first)).packed)
        return (time.process_time() - start) / points


def pool_cpu_s(points: int) -> float:
    """Return the processor's seconds that the raw pool takes for a point, start-up taken off."""

    def of(number: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        raw_pool(number)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    few = of(100)
    return (of(points + 100) - few) / points


def guard_rows(points: int) -> Iterator[Row]:
    """What it costs to hold a circuit against a plain computation, beside computing its points."""
    first, second, computing = guard_s(points)
    for what, ours, wanted in (("first", first, "<= 5 %"), ("second", second, "nothing: <= 0.5 %")):
        yield Row(
            f"the {what} time a circuit is met: a point held against a plain computation",
            ms(ours),
            f"computing {points} points of it in one process",
            ms(computing),
            f"{100 * ours / computing:.2f} %",
            wanted,
        )


def guard_s(points: int, rounds: int = 7) -> tuple[float, float, float]:
    """Return the processor's seconds of a first look, of a second, and of all points: medians."""
    import numpy as np

    from qbatch.circuit import open_circuit
    from qbatch.manifest.models import Backend, Circuit
    from qbatch.providers.local.exact import data_of
    from qbatch.providers.local.guard import checked
    from qbatch.providers.local.prepare import prepare
    from qbatch.providers.local.settings import read_settings
    from qbatch.providers.local.work import CHUNK_EVOLUTIONS, Program, settled

    with tempfile.TemporaryDirectory() as name, own_cache(Path(name)) as forget:
        ansatz = open_circuit("ansatz", Circuit(qasm=qasm()), folder=Path(name)).circuit({})
        settings = settled(ansatz.facts, read_settings(Backend(provider="local"), Path(name)))
        program = Program(ansatz, settings)
        values = np.random.default_rng(points).uniform(0, 6, (points, len(NAMES))).tolist()
        chunk = values[:CHUNK_EVOLUTIONS]
        prepared = prepare(program)
        times: list[list[float]] = [[], [], []]

        def timed(index: int, work: Callable[[], object]) -> None:
            start = time.process_time()
            work()
            times[index].append(time.process_time() - start)

        for _ in range(rounds):
            forget()
            timed(0, lambda: checked(prepared, program, chunk))
            timed(1, lambda: checked(prepared, program, chunk))
            timed(2, lambda: data_of(prepared, chunk))
        first, second, computing = map(statistics.median, times)
        return first, second, computing * points / len(chunk)


@contextmanager
def own_cache(folder: Path) -> Iterator[Callable[[], None]]:
    """Keep what can be computed again in a folder of its own; yield what empties it."""
    before = os.environ.get("QBATCH_CACHE_DIR")
    os.environ["QBATCH_CACHE_DIR"] = str(folder / "cache")
    try:
        yield lambda: shutil.rmtree(folder / "cache", ignore_errors=True)
    finally:
        if before is None:
            del os.environ["QBATCH_CACHE_DIR"]
        else:
            os.environ["QBATCH_CACHE_DIR"] = before


@contextmanager
def busy_neighbours(number: int) -> Iterator[None]:
    """Let so many other processes use what processor they can get."""
    spin = [sys.executable, "-c", "while True: pass"]
    neighbours = [subprocess.Popen(spin) for _ in range(number)]
    try:
        yield
    finally:
        for one in neighbours:
            one.kill()
            one.wait()


def lateness_s(folder: Path, points: int) -> list[float]:
    """Return how late a heartbeat came in a run's loop from its first job on, seconds, ascending.

    What comes before is one piece of work: the plan of a manifest with 200 axes.
    """
    import trio

    from qbatch.executor import Event, JobMoved, run_async
    from qbatch.manifest import load_manifest

    manifest = load_manifest(Path(folder, f"sweep{points}.yaml"))
    late: list[float] = []
    began = trio.Event()

    def observe(event: Event) -> None:
        if isinstance(event, JobMoved):
            began.set()

    async def beat() -> None:
        await began.wait()
        while True:
            start = time.perf_counter()
            await trio.sleep(0.005)
            late.append(time.perf_counter() - start - 0.005)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat)
            await run_async(manifest, out=Path(folder, "late"), observer=observe, approve=True)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return sorted(late)


def qasm() -> str:
    lines = ["OPENQASM 3.0;", 'include "stdgates.inc";', *(f"input float {n};" for n in NAMES)]
    lines += [f"qubit[{QUBITS}] q;", f"bit[{QUBITS}] c;"]
    names = iter(NAMES)
    for _ in range(DEPTH):
        for q in range(QUBITS):
            lines += [f"ry({next(names)}) q[{q}];", f"rz({next(names)}) q[{q}];"]
        lines += [f"cx q[{q}], q[{q + 1}];" for q in range(QUBITS - 1)]
    return "\n".join([*lines, "c = measure q;", ""])


def run_qbatch(folder: Path, points: int) -> float:
    """Return the seconds of a run, plan and start of the workers included.

    Not included is reading the manifest: its file has a value of 200 axes for each point.
    """
    import numpy as np

    from qbatch import run
    from qbatch.manifest import load_manifest

    values = np.random.default_rng(points).uniform(0, 6, (points, len(NAMES)))
    path = Path(folder, f"sweep{points}.yaml")
    axes = (f"    {n}: {[round(v, 6) for v in values[:, k].tolist()]}" for k, n in enumerate(NAMES))
    path.write_text(MANIFEST + "\n".join(axes) + "\n")
    manifest = load_manifest(path)
    start = time.perf_counter()
    run(manifest, out=Path(folder, f"run{points}"), fresh=True)
    return time.perf_counter() - start


_circuit = None


def circuit():
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector

    values = ParameterVector("t", len(NAMES))
    made = QuantumCircuit(QUBITS, QUBITS)
    index = iter(values)
    for _ in range(DEPTH):
        for q in range(QUBITS):
            made.ry(next(index), q)
            made.rz(next(index), q)
        for q in range(QUBITS - 1):
            made.cx(q, q + 1)
    made.measure(range(QUBITS), range(QUBITS))
    return made, values


def batch(points: int) -> int:
    """Run some points in one Aer call and take their counts, as a worker of the raw pool."""
    global _circuit
    import numpy as np
    from qiskit_aer import AerSimulator

    _circuit = _circuit or circuit()
    made, parameters = _circuit
    values = np.random.default_rng(points).uniform(0, 6, (points, len(NAMES)))
    simulator = AerSimulator(method="statevector", max_parallel_threads=1)
    binds = {p: values[:, k].tolist() for k, p in enumerate(parameters)}
    result = simulator.run([made], shots=SHOTS, parameter_binds=[binds]).result()
    for k in range(points):
        result.get_counts(k)
    return points


def raw_pool(points: int) -> float:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(batch, [4, 4]))
        start = time.perf_counter()
        done = sum(pool.map(batch, [50] * (points // 50)))
        return done / (time.perf_counter() - start)


def loop_people_write(points: int) -> float:
    import numpy as np
    from qiskit import transpile
    from qiskit_aer import AerSimulator

    made, _ = circuit()
    simulator = AerSimulator()
    values = np.random.default_rng(1).uniform(0, 6, (points + 1, len(NAMES)))
    start = 0.0
    for k, row in enumerate(values):
        if k == 1:
            start = time.perf_counter()
        bound = transpile(made.assign_parameters(row), simulator)
        simulator.run(bound, shots=SHOTS).result().get_counts()
    return points / (time.perf_counter() - start)
