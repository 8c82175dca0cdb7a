"""Jobs so small that only what surrounds them counts."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

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
        yield _no_op(Path(name))


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


def _no_op(folder: Path) -> Row:
    sys.path.insert(0, str(Path(__file__).parents[1] / "executor"))
    import trio
    from fake_drivers import FakeLocal, plan_of

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    points = 5_000
    plan = plan_of(points, "local")
    driver = FakeLocal(max_jobs=100)

    async def work() -> None:
        with Snapshot(folder / "no-op", durability="normal") as snapshot:
            await execute(plan, snapshot, {"local": driver}, {"local": driver.target})

    start = time.perf_counter()
    trio.run(work)
    ours = points / (time.perf_counter() - start)
    theirs = _doit(folder)
    return Row(
        "no-op jobs, recorded with results, one process",
        f"{ours:,.0f} jobs/s",
        "doit",
        f"{theirs:,.0f} tasks/s" if theirs else "not installed",
        f"{ours / theirs:.2f} x" if theirs else "",
        ">= 1 x",
    )


def _doit(folder: Path) -> float | None:
    """Return doit's no-op tasks a second, its start-up taken off; None where it is missing."""
    if not importlib.util.find_spec("doit"):
        return None
    Path(folder, "dodo.py").write_text(DODO)
    Path(folder, "one.py").write_text(DODO.replace("5000", "1"))
    times = []
    for file in ("one.py", "dodo.py"):
        start = time.perf_counter()
        command = [sys.executable, "-m", "doit", "-f", file]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return 4_999 / (times[1] - times[0])
