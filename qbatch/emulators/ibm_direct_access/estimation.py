"""The estimator: expectation values of every pub, with the spread of a finite number of shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qbatch.emulators.aer import for_aer
from qbatch.emulators.ibm_direct_access import typed
from qbatch.emulators.ibm_direct_access.circuits import (
    Machine,
    Ready,
    Source,
    bound,
    read_circuit,
)
from qbatch.emulators.ibm_direct_access.payload import MOST_POINTS
from qbatch.emulators.ibm_direct_access.typed import InputError
from qbatch.emulators.noise import Noise, in_matrices, noisy
from qbatch.emulators.simulation import MOST_NOISY_QUBITS

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Runs that a circuit with a reset is averaged over.
RESET_RUNS = 1000


@dataclass(frozen=True)
class Estimated:
    """Values and standard errors of one pub, of the broadcast shape."""

    evs: NDArray[np.float64]
    stds: NDArray[np.float64]
    metadata: Mapping[str, Any]


def estimate(ready: Ready, machine: Machine, rng: np.random.Generator) -> Estimated:
    """Estimate every observable at every point of a pub.

    Raises:
        InputError: Words of a wrong length, shapes that do not broadcast, a circuit that measures.
    """
    observables = ready.pub.observables
    assert observables is not None
    words = list(dict.fromkeys(word for one in observables.flat for word in one))
    _check_circuit(ready, machine, len(words[0]))
    rows = [ready.row(index) for index in np.ndindex(ready.shape)]
    try:
        both = np.broadcast(np.arange(len(rows)).reshape(ready.shape), observables)
    except ValueError as error:
        text = f"shapes {ready.shape} and {observables.shape} do not broadcast"
        raise InputError(f"{ready.where}: {text}") from error
    if both.size > MOST_POINTS:
        raise InputError(f"{ready.where}: more than {MOST_POINTS} values")
    evs, variances = np.zeros(both.shape), np.zeros(both.shape)
    exact = [
        dict(zip(words, expectations(ready.source, row, tuple(words), machine.noise), strict=True))
        for row in rows
    ]
    for at, (point, observable) in enumerate(both):
        for word, coefficient in observable.items():
            mean, variance = _measured(exact[int(point)][word], word, ready.pub.shots, rng)
            evs.flat[at] += coefficient * mean
            variances.flat[at] += coefficient**2 * variance
    metadata = {
        "shots": ready.pub.shots,
        "target_precision": ready.pub.precision,
        "circuit_metadata": ready.read.circuit.metadata or {},
    }
    return Estimated(evs, np.sqrt(variances), metadata)


def _check_circuit(ready: Ready, machine: Machine, length: int) -> None:
    """Words are as wide as the machine, or as the circuit when that has qubits of its own."""
    circuit = ready.read.circuit
    widths = {machine.qubits, circuit.num_qubits}
    if length not in widths:
        allowed = " or ".join(map(str, sorted(widths)))
        raise InputError(f"{ready.where}: Pauli words of {length} letters, {allowed} are needed")
    if any(one.operation.name == "measure" or hasattr(one.operation, "blocks") for one in circuit):
        raise InputError(f"{ready.where}: an estimator's circuit must not measure")


def _measured(exact: float, word: str, shots: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return a Pauli word's mean over `shots` and that mean's variance."""
    if not set(word) - {"I"}:
        return 1.0, 0.0
    chance = min(max((1 + exact) / 2, 0.0), 1.0)
    mean = 2 * float(rng.binomial(shots, chance)) / shots - 1
    return mean, (1 - mean**2) / shots


@lru_cache(maxsize=8_192)
def expectations(
    source: Source, row: tuple[float, ...], words: tuple[str, ...], noise: Noise | None = None
) -> tuple[float, ...]:
    """Return exact expectation values; letters beyond the circuit act on qubits left alone.

    Each letter's bit may be flipped as it is read, which shrinks the value by 1 - 2e.
    """
    circuit = bound(read_circuit(source), row)
    touched = sorted(
        {
            circuit.find_bit(qubit).index
            for one in circuit
            if one.operation.name != "barrier"
            for qubit in one.qubits
        }
    )
    letters = [[word[::-1][qubit] for qubit in touched] for word in words]
    still = [
        {letter for qubit, letter in enumerate(word[::-1]) if qubit not in touched}
        for word in words
    ]
    wanted = [at for at, found in enumerate(still) if not found & {"X", "Y"}]
    values = [0.0] * len(words)
    computed = _compute(_narrow(circuit, touched), [letters[at] for at in wanted], noise)
    kept = 1 - 2 * noise.readout if noise else 1.0
    for at, value in zip(wanted, computed, strict=True):
        values[at] = value * kept ** len(words[at].replace("I", ""))
    return tuple(values)


def _narrow(circuit: QuantumCircuit, touched: Sequence[int]) -> QuantumCircuit:
    from qiskit import QuantumCircuit

    place = {qubit: at for at, qubit in enumerate(touched)}
    narrow = QuantumCircuit(len(touched))
    for one in circuit:
        if one.operation.name != "barrier":
            narrow.append(one.operation, [place[circuit.find_bit(q).index] for q in one.qubits])
    return narrow


def _compute(
    circuit: QuantumCircuit, letters: Sequence[Sequence[str]], noise: Noise | None
) -> list[float]:
    """Return the expectation values of Pauli letters, the first for qubit 0.

    Those of noisy circuits on many qubits are means over `RESET_RUNS` runs.
    """
    from qiskit.quantum_info import Pauli
    from qiskit_aer import AerSimulator

    distinct = list(dict.fromkeys("".join(one) for one in letters))
    values = {word: 1.0 for word in distinct if not set(word) - {"I"}}
    asked = [word for word in distinct if word not in values]
    if asked:
        circuit, aer = for_aer(circuit), AerSimulator(max_parallel_threads=1)
        is_averaged = "reset" in circuit.count_ops()
        if noise:
            circuit = noisy(circuit, noise)
            if circuit.num_qubits <= MOST_NOISY_QUBITS:
                circuit = in_matrices(circuit)
                aer.set_options(method="density_matrix")
            else:
                is_averaged = True
        for word in asked:
            circuit.save_expectation_value(
                Pauli(word[::-1]), list(range(circuit.num_qubits)), label=word
            )
        shots = RESET_RUNS if is_averaged else 1
        data = aer.run(circuit, shots=shots, seed_simulator=1).result().data(0)
        values |= {word: float(data[word]) for word in asked}
    return [values["".join(one)] for one in letters]


# -- results -------------------------------------------------------------------------------------


def typed_data(estimated: Estimated) -> dict[str, Any]:
    """Write a pub's data for Qiskit's decoders."""
    fields = {"evs": typed.array(estimated.evs), "stds": typed.array(estimated.stds)}
    return typed.data_bin(fields, estimated.evs.shape, "ndarray")


def plain_data(estimated: Estimated) -> dict[str, Any]:
    return {"evs": estimated.evs.tolist(), "stds": estimated.stds.tolist()}
