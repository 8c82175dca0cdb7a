"""Jobs so small that only what surrounds them counts."""

from __future__ import annotations

import importlib.util
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from by_hand import counts_by_hand, opened, write_jobs, write_points
from measuring import Row, ms

BELL = """\
qbatch: 1
name: bell
circuits:
  bell:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      ry(theta) q[0];
      cx q[0], q[1];
      c = measure q;
backends:
  sim: {provider: local, limits: {workers: 1}}
sweep:
  matrix:
    theta: {linspace: [0, pi, %d]}
"""

CLIFFORD = """\
qbatch: 1
name: clifford
circuits:
  ghz:
    template: ghz.qasm.j2
    with: {n: 100}
backends:
  sim: {provider: local, options: {method: METHOD}, limits: {workers: 1}}
shots: 10240
sweep: {repeat: %d}
"""

GHZ = """\
OPENQASM 3.0;
include "stdgates.inc";
qubit[{{ n }}] q;
bit[{{ n }}] c;
h q[0];
{% for k in range(n - 1) %}cx q[{{ k }}], q[{{ k + 1 }}];
{% endfor %}c = measure q;
"""

DODO = """\
def task_no_op():
    for k in range(5000):
        yield {"name": str(k), "actions": [lambda: None]}
"""


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as name:
        yield _bell(Path(name))
        Path(name, "ghz.qasm.j2").write_text(GHZ)
        ours = _per_job(Path(name), "automatic", CLIFFORD.replace("METHOD", "automatic"), 50, 1_250)
        yield _clifford(ours, "automatic", "Aer's stabilizer, its counts", _raw_aer(20), "<= 0.1 x")
        if importlib.util.find_spec("stim"):
            beside, theirs = "stim's sampler and numpy.unique of its packed shots", _raw_stim(200)
            yield _clifford(ours, "automatic", beside, theirs, "<= 1 x")
            ours = _per_job(Path(name), "ghz", CLIFFORD.replace("METHOD", "stim"), 50, 650)
            yield _clifford(ours, "stim", beside, theirs, "<= 1.5 x")
        yield from _no_op(Path(name))


def _per_job(folder: Path, name: str, text: str, small: int, large: int) -> float:
    """Return the seconds of each further job, after a run that does not count: it imports."""
    _run(folder, f"{name}-warm", text % 2)
    short = _run(folder, f"{name}-small", text % small)
    return (_run(folder, f"{name}-large", text % large) - short) / (large - small)


def _run(folder: Path, name: str, text: str) -> float:
    """Return the seconds of a whole run in this process, start-up included."""
    from qbatch import run

    path = Path(folder, f"{name}.yaml")
    path.write_text(text)
    start = time.perf_counter()
    run(path, out=Path(folder, f"run-{name}"))
    return time.perf_counter() - start


def _bell(folder: Path) -> Row:
    ours = _per_job(folder, "bell", BELL, 100, 6_100)
    theirs = _raw_bell(1_000)
    return Row(
        "a Bell-like pair, 1,024 shots, another angle each, recorded, one worker",
        ms(ours),
        "AerSimulator.run() of a prepared circuit",
        ms(theirs),
        f"{ours / theirs:.2f} x",
        "<= 2 x",
    )


def _raw_bell(jobs: int) -> float:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(max_parallel_threads=1)
    circuit = QuantumCircuit(2, 2)
    circuit.ry(1.0, 0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    start = 0.0
    for k in range(jobs + 10):
        if k == 10:
            start = time.perf_counter()
        simulator.run(circuit, shots=1024).result().get_counts()
    return (time.perf_counter() - start) / jobs


def _clifford(ours: float, method: str, beside: str, theirs: float, wanted: str) -> Row:
    return Row(
        f"GHZ of 100 qubits, 10,240 shots, method {method}, recorded",
        ms(ours),
        beside,
        ms(theirs),
        f"{ours / theirs:.2g} x",
        wanted,
    )


def _raw_aer(jobs: int) -> float:
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(method="stabilizer", max_parallel_threads=1)
    circuit = QuantumCircuit(100, 100)
    circuit.h(0)
    for k in range(99):
        circuit.cx(k, k + 1)
    circuit.measure(range(100), range(100))
    start = time.perf_counter()
    for seed in range(jobs):
        simulator.run(circuit, shots=10_240, seed_simulator=seed).result().get_counts()
    return (time.perf_counter() - start) / jobs


def _raw_stim(jobs: int) -> float:
    import numpy as np
    import stim

    circuit = stim.Circuit("H 0")
    for k in range(99):
        circuit.append("CX", [k, k + 1])
    circuit.append("M", range(100))
    start = time.perf_counter()
    for seed in range(jobs):
        packed = circuit.compile_sampler(seed=seed).sample_bit_packed(10_240)
        np.unique(packed.view("V13").ravel(), return_counts=True)
    return (time.perf_counter() - start) / jobs


def _no_op(folder: Path) -> Iterator[Row]:
    ours, by_hand, theirs = _through_executor(folder), rows_by_hand(folder), _doit(folder)
    if theirs is None:
        print("  (doit is not installed: no-op jobs are not measured)")
        return
    for what, measured, wanted in (
        ("no-op jobs, recorded with results, one process", ours, ">= 1 x"),
        ("the same rows written by hand: 9 for a job, nothing planned or told", by_hand, ""),
    ):
        yield Row(
            what,
            _rate(measured, "jobs"),
            "doit",
            _rate(theirs, "tasks"),
            f"{theirs.wall_s / measured.wall_s:.2f} x, CPU {theirs.cpu_s / measured.cpu_s:.2f} x",
            wanted,
        )


class Cost(NamedTuple):
    """Seconds that one of many takes, and of processor time."""

    wall_s: float
    cpu_s: float


def _rate(cost: Cost, of: str) -> str:
    return f"{1 / cost.wall_s:,.0f} {of}/s, {cost.cpu_s * 1e6:.0f} µs CPU"


def _median(work: Callable[[int], Cost], rounds: int = 3) -> Cost:
    """Return the median costs of work that is told which round it is, after one that warms up."""
    found = [work(number) for number in range(rounds + 1)][1:]
    return Cost(*(statistics.median(each) for each in zip(*found, strict=True)))


@contextmanager
def _timed(costs: list[Cost], number: int) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    costs.append(Cost(wall / number, cpu / number))


def _through_executor(folder: Path, jobs: int = 5_000) -> Cost:
    """Return what a job costs of a simulator that has the counts at once."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "executor"))
    import trio
    from fake_drivers import FakeLocal, plan_of

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    plan = plan_of(jobs, "local")

    async def work(number: int, driver: FakeLocal) -> None:
        with Snapshot(folder / f"no-op-{number}", durability="normal") as snapshot:
            await execute(plan, snapshot, {"local": driver}, {"local": driver.target})

    def run(number: int) -> Cost:
        costs: list[Cost] = []
        driver = FakeLocal(max_jobs=100)
        with _timed(costs, jobs):
            trio.run(work, number, driver)
        return costs[0]

    return _median(run)


def rows_by_hand(folder: Path, jobs: int = 5_000, at_once: int = 100) -> Cost:
    """Return what a job costs of a loop that writes the rows of such a run, and does no more.

    A job leaves its point, its first state, three moves of it, an event for each, and its result;
    each row has its check value, and 100 jobs share three commits.
    """

    def write(number: int) -> Cost:
        costs: list[Cost] = []
        with opened(folder / f"by-hand-{number}.db") as db, _timed(costs, jobs):
            write_points(db, [json.dumps({"theta": at / jobs}) for at in range(jobs)])
            for first in range(1, jobs + 1, at_once):
                write_jobs(db, first, [counts_by_hand() for _ in range(at_once)])
        return costs[0]

    return _median(write)


def _doit(folder: Path, tasks: int = 5_000) -> Cost | None:
    """Return what a no-op task of doit's costs, its start-up taken off; None: it is missing."""
    if not importlib.util.find_spec("doit"):
        return None
    Path(folder, "dodo.py").write_text(DODO)
    Path(folder, "one.py").write_text(DODO.replace(f"{tasks}", "1"))

    def run(number: int) -> Cost:
        costs: list[Cost] = []
        for file in ("one.py", "dodo.py"):
            command = [sys.executable, "-m", "doit", "--db-file", f"{file}-{number}", "-f", file]
            before, start = _of_children(), time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            costs.append(Cost(time.perf_counter() - start, _of_children() - before))
        one, all_ = costs
        more = tasks - 1
        return Cost((all_.wall_s - one.wall_s) / more, (all_.cpu_s - one.cpu_s) / more)

    return _median(run)


def _of_children() -> float:
    """Return the processor time of all processes that were waited for, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
