"""Threads of a worker: which circuits have several, and that they change no bit."""

from __future__ import annotations

import random

import numpy as np
import pytest
from simulating import HEAD, circuit, settings

from qbatch.providers.local.engines.command import Command
from qbatch.providers.local.prepare import prepare
from qbatch.providers.local.settings import Settings
from qbatch.providers.local.work import THREADS, Program, settled

#: Above these many qubits Aer computes with several threads.
SERIAL_QUBITS = 14

AER = settings(options={"method": "statevector"})


def written(rng: random.Random, num_qubits: int, num_measured: int) -> str:
    """Write a circuit of generated gates, three layers deep."""
    lines = [f"{HEAD}qubit[{num_qubits}] q; bit[{num_measured}] c;"]
    for _ in range(3):
        for k in range(num_qubits):
            gate = rng.choice(["rx({a})", "ry({a})", "rz({a})", "h", "t", "sx"])
            lines.append(f"{gate.format(a=rng.uniform(-7, 7))} q[{k}];")
        pairs = rng.sample(range(num_qubits), num_qubits)
        for one, other in zip(pairs[::2], pairs[1::2], strict=False):
            gate = rng.choice(["cx", "cz", "swap", "cp({a})", "crx({a})"])
            lines.append(f"{gate.format(a=rng.uniform(-7, 7))} q[{one}], q[{other}];")
    qubits = rng.sample(range(num_qubits), num_measured)
    return "\n".join([*lines, *(f"c[{bit}] = measure q[{q}];" for bit, q in enumerate(qubits))])


def computed(text: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> tuple[int, np.ndarray]:
    """How many threads a worker that may use some gives to a circuit, and its probabilities."""
    monkeypatch.setenv(THREADS, str(threads))
    made = circuit(text)
    ready = prepare(Program(made, settled(made.facts, AER)))
    data = ready.simulator.run(ready.circuit, shots=1).result().data(0)
    return ready.simulator.options.max_parallel_threads, np.asarray(data["probabilities"])


@pytest.mark.parametrize("seed", range(6))
def test_probabilities_of_all_qubits_are_the_same_bit_for_bit_with_several_threads(
    seed, monkeypatch
):
    rng = random.Random(seed)
    num_qubits = SERIAL_QUBITS + 1 + seed % 2
    text = written(rng, num_qubits, num_qubits)
    one, by_one = computed(text, 1, monkeypatch)
    several, by_several = computed(text, 2 + seed % 2, monkeypatch)
    assert (one, several) == (1, 2 + seed % 2)
    assert by_one.tobytes() == by_several.tobytes()


def long(num_qubits: int, num_gates: int) -> str:
    """Write a circuit of so many gates that measures all qubits."""
    rng = random.Random(num_gates)
    lines = [f"{HEAD}qubit[{num_qubits}] q; bit[{num_qubits}] c;"]
    for _ in range(num_gates):
        one, other = rng.sample(range(num_qubits), 2)
        gate = rng.choice([f"rx({rng.uniform(-7, 7)})", f"ry({rng.uniform(-7, 7)})", "cx"])
        lines.append(f"cx q[{one}], q[{other}];" if gate == "cx" else f"{gate} q[{one}];")
    return "\n".join([*lines, "c = measure q;"])


@pytest.mark.slow
def test_probabilities_of_long_circuits_are_the_same_bit_for_bit(monkeypatch):
    """Where Aer joins gates in several threads, it joins others than in one."""
    text = long(SERIAL_QUBITS + 1, 12_000)
    one, by_one = computed(text, 1, monkeypatch)
    only, by_several = computed(text, 2, monkeypatch)
    assert by_one.tobytes() == by_several.tobytes()
    assert (one, only) == (1, 1)


@pytest.mark.slow
def test_circuits_have_several_threads_below_5000_instructions(monkeypatch):
    assert threads_of(long(3, 4_998), AER, monkeypatch) == 2  # and what is saved
    assert threads_of(long(3, 4_999), AER, monkeypatch) == 1


def threads_of(text: str, using: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv(THREADS, "2")
    made = circuit(text)
    ready = prepare(Program(made, settled(made.facts, using)))
    return int(ready.simulator.options.max_parallel_threads)


def test_where_threads_would_change_sums_there_is_one(monkeypatch):
    rng = random.Random(1)
    assert threads_of(written(rng, 5, 5), AER, monkeypatch) == 2
    assert threads_of(written(rng, 5, 4), AER, monkeypatch) == 1
    noisy = settings(
        noise={"depolarizing": {"two_qubit": 0.1}}, options={"method": "density_matrix"}
    )
    assert threads_of(written(rng, 3, 3), noisy, monkeypatch) == 1
    shot_by_shot = settings(
        noise={"depolarizing": {"two_qubit": 0.1}}, options={"method": "statevector"}
    )
    assert threads_of(written(rng, 3, 3), shot_by_shot, monkeypatch) == 1


def test_a_worker_has_the_threads_that_it_may_use():
    told = Command(threads=3).environ
    assert (told[THREADS], told["OMP_NUM_THREADS"], told["OPENBLAS_NUM_THREADS"]) == ("3", "3", "1")
    assert Command().environ["OMP_NUM_THREADS"] == "1"
