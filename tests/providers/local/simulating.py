"""What the tests of the local provider share: circuits, settings, and ways to run them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from qbatch.circuit import Circuit, open_circuit
from qbatch.job import CompositeJob
from qbatch.manifest.models import Backend
from qbatch.providers import ENDS, Answer, Batch, Done, Driver, Fetched, Order
from qbatch.providers.local.engine import simulate
from qbatch.providers.local.prepare import prepare
from qbatch.providers.local.sampling import misread
from qbatch.providers.local.settings import Settings, read_settings
from qbatch.providers.local.work import Program, cut, settled
from qbatch.result import Counts

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BELL = HEAD + "qubit[2] q; bit[2] c;\nh q[0]; cx q[0], q[1];\nc = measure q;\n"
WAVE = HEAD + "input float theta;\nqubit[1] q; bit[1] c;\nry(theta) q[0];\nc = measure q;\n"
ANSATZ = (
    HEAD
    + "input float a; input float b;\nqubit[4] q; bit[4] c;\n"
    + "".join(f"ry(a) q[{k}]; rz({k + 1} * b) q[{k}];\n" for k in range(4))
    + "cx q[0], q[1]; cx q[1], q[2]; cx q[2], q[3];\nrx(b) q[3];\nc = measure q;\n"
)
#: A bit measured early decides what happens later.
FEEDBACK = (
    HEAD
    + "input float theta;\nqubit[2] q; bit[1] early; bit[2] late;\n"
    + "ry(theta) q[0];\nearly[0] = measure q[0];\nif (early[0]) { x q[1]; }\n"
    + "reset q[0];\nlate = measure q;\n"
)


@cache
def circuit(text: str) -> Circuit:
    spec = SimpleNamespace(file=None, qasm=text, template=None, python=None, arguments={})
    return open_circuit("circuit", spec, folder=Path()).circuit({})


def settings(folder: Path = Path(), **backend: Any) -> Settings:
    return read_settings(Backend(provider="local", **backend), folder)


def order(text: str, number: int = 0, *, shots: int = 1000, **parameters: float) -> Order:
    return Order(
        id=f"{number:064x}",
        name=f"point {number}",
        circuit=circuit(text),
        parameters=parameters,
        shots=shots,
        seed=number * 0x9E3779B97F4A7C15 % 2**63,
    )


def run(orders: Sequence[Order], using: Settings) -> dict[str, Counts | str]:
    """Simulate in this process; counts, or why there are none, by order id."""
    circuits = {one.id: one.circuit for one in orders}
    found: dict[str, Counts | str] = {}
    for chunk in cut(orders, using):
        answer, start = simulate(chunk), 0
        for job_id, size in zip(chunk.job_ids, answer.sizes, strict=True):
            rows = slice(start, start + size)
            start += size
            found[job_id] = answer.errors.get(job_id) or Counts(
                tuple((r.name, r.num_bits) for r in circuits[job_id].facts.registers),
                answer.outcomes[rows],
                answer.counts[rows],
            )
    return found


def counts(one: Order, using: Settings) -> Counts:
    found = run([one], using)[one.id]
    assert isinstance(found, Counts), found
    return found


def failure(one: Order, using: Settings) -> str:
    found = run([one], using)[one.id]
    assert isinstance(found, str), found
    return found


def probabilities(text: str, using: Settings, **parameters: float) -> np.ndarray:
    """Exact probabilities of what is read from the measured qubits, lowest qubit as bit 0."""
    made = circuit(text)
    ready = prepare(Program(made, settled(made.facts, using)))
    assert ready.measured is not None, "not simulated exactly"
    bound = ready.circuit.assign_parameters(
        {p: parameters[p.name] for p in ready.parameters if p is not None}
    )
    data = ready.simulator.run(bound, shots=1).result().data(0)
    return misread(data["probabilities"], ready.flips)


def parity(distribution: Mapping[str, int] | np.ndarray) -> float:
    """Expectation value of Z on every bit."""
    if isinstance(distribution, np.ndarray):
        signs = [1 - 2 * (index.bit_count() % 2) for index in range(len(distribution))]
        return float(np.dot(signs, distribution))
    total = sum(distribution.values())
    return sum(n * (-1) ** key.count("1") for key, n in distribution.items()) / total


def batch(orders: Sequence[Order], name: str = "composite") -> Batch:
    composite = CompositeJob(name, "backend", tuple(one.id for one in orders))
    return Batch(composite, tuple(orders))


async def submit(driver: Driver, *batches: Batch) -> None:
    for one in batches:
        await driver.prepare(one)
        await driver.submit(one, driver.intend(one))


async def wait_ended(driver: Driver, batches: Sequence[Batch]) -> dict[str, Answer]:
    """Poll until every job has ended."""
    left = {job_id for one in batches for job_id in one.composite.job_ids}
    ended: dict[str, Answer] = {}
    while left - ended.keys():
        for update in await driver.poll(batches):
            if isinstance(update, ENDS):
                ended[update.job_id] = update
    return ended


async def compute(driver: Driver, batches: Iterable[Batch]) -> dict[str, Fetched]:
    """Run batches to their end; all must complete."""
    all_batches = [*batches]
    await submit(driver, *all_batches)
    ended = await wait_ended(driver, all_batches)
    assert {type(u) for u in ended.values()} == {Done}, ended
    found = {}
    for one in all_batches:
        for fetched in await driver.fetch(one, one.composite.job_ids):
            found[fetched.job_id] = fetched
        await driver.release(one)
    return found
