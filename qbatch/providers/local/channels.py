"""Noise put into a circuit: a channel after each gate as written, before each measurement.

Rules: channels are instructions of the circuit, so that neither Aer's basis nor its fusion decides
which gates are noisy. A mixture of gates and resets is an error of Aer's; what is none is plain
Kraus matrices: where any of Aer's errors holds such, Aer says all of them by matrices and finds
those of many a depolarizing error not. Readout errors are no channels: they are applied to
probabilities (`sampling.misread`), or by Aer where shots are simulated one by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qbatch.providers.local.noise import GateTimes, NoiseModel

#: Seconds in Qiskit's units of a delay.
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}

#: A channel and the qubits, by number, it acts on.
Placed = tuple[Any, tuple[int, ...]]

#: Names of instructions that are channels.
CHANNELS = frozenset({"kraus", "quantum_channel"})


def with_channels(
    circuit: QuantumCircuit, noise: NoiseModel, qubits: Sequence[int] | None = None
) -> QuantumCircuit:
    """Return a copy with noise around its instructions, also within branches and loops.

    Args:
        circuit: Gates on at most two qubits each.
        noise: What to put in.
        qubits: Number of each of the circuit's qubits, where it is a block of another circuit.

    Raises:
        Refused: The calibration says nothing of a gate, or a delay has no length in seconds.
    """
    from qiskit.circuit import CircuitInstruction, ControlFlowOp

    numbers = list(range(circuit.num_qubits)) if qubits is None else list(qubits)
    here = {number: circuit.qubits[index] for index, number in enumerate(numbers)}
    noisy = circuit.copy_empty_like()
    for item in circuit.data:
        operation = item.operation
        on = tuple(numbers[circuit.find_bit(qubit).index] for qubit in item.qubits)
        if isinstance(operation, ControlFlowOp):
            blocks = [with_channels(block, noise, on) for block in operation.blocks]
            operation = operation.replace_blocks(blocks)
        placed = [*_around(operation, on, noise)]
        measures = operation.name == "measure"
        if not measures:
            noisy.append(CircuitInstruction(operation, item.qubits, item.clbits))
        for channel, targets in placed:
            noisy.append(CircuitInstruction(channel, [here[target] for target in targets]))
        if measures:
            noisy.append(item)
    return noisy


def _around(operation: Any, on: tuple[int, ...], noise: NoiseModel) -> Iterator[Placed]:
    from qiskit.circuit import Gate

    if operation.name == "delay":
        if noise.relaxes:
            yield from _relaxations(on, _delay_s(operation), noise)
    elif operation.name == "measure":
        yield from _relaxations(on, _measure_s(noise), noise)
    elif isinstance(operation, Gate) and on:
        if noise.calibration:
            yield from _calibrated(operation.name, on, noise)
            return
        if noise.depolarizing:
            strengths = (noise.depolarizing.one_qubit, noise.depolarizing.two_qubit)
            yield from _depolarizing(on, strengths[len(on) - 1])
        if noise.relaxation:
            yield from _relaxations(on, _gate_s(noise.relaxation.gate_time, len(on)), noise)


def _gate_s(times: GateTimes, num_qubits: int) -> float:
    return times.one_qubit if num_qubits == 1 else times.two_qubit


def _measure_s(noise: NoiseModel) -> float:
    if noise.calibration:
        return noise.calibration.measure_time
    return noise.relaxation.gate_time.measure if noise.relaxation else 0.0


def _delay_s(delay: Any) -> float:
    if delay.unit not in _UNITS or not isinstance(delay.duration, int | float):
        raise Refused(
            f"local: a delay of {delay.duration} {delay.unit} cannot relax its qubits; "
            "write its length as a number in s, ms, us or ns"
        )
    return float(delay.duration) * _UNITS[delay.unit]


def _calibrated(name: str, on: tuple[int, ...], noise: NoiseModel) -> Iterator[Placed]:
    assert noise.calibration is not None
    entry = noise.calibration.gate(name, on)
    if entry is None:
        where = "qubit " + str(on[0]) if len(on) == 1 else "qubits " + ", ".join(map(str, on))
        raise Refused(
            f"local: the calibration says nothing of gate {name} on {where}; "
            f'add {{"gate": "{name}", …}} to its gates'
        )
    relaxations = [*_relaxations(on, entry.time, noise)]
    strength = entry.depolarizing or 0.0
    if entry.error is not None:
        strength = _unexplained(entry.error, [channel for channel, _ in relaxations], len(on))
    yield from _depolarizing(on, strength)
    yield from relaxations


def _unexplained(error: float, relaxations: Sequence[Any], num_qubits: int) -> float:
    """Return Aer's depolarizing parameter that makes up what relaxation leaves of an infidelity.

    Source: qiskit_aer.noise.device.models, `_device_depolarizing_error`.
    """
    fidelity = _joint_fidelity(relaxations, num_qubits)
    dimension = 1 << num_qubits
    if error <= 1 - fidelity:
        return 0.0
    strength = dimension * (error - (1 - fidelity)) / (dimension * fidelity - 1)
    return min(strength, dimension**2 / (dimension**2 - 1))


def _joint_fidelity(relaxations: Sequence[Any], num_qubits: int) -> float:
    """Return the average gate fidelity of single-qubit channels side by side."""
    from qiskit.quantum_info import process_fidelity

    joint = 1.0
    for channel in relaxations:
        joint *= float(process_fidelity(superoperator(channel), require_cp=False, require_tp=False))
    dimension = 1 << num_qubits
    return (dimension * joint + 1) / (dimension + 1)


def _relaxations(on: tuple[int, ...], time_s: float, noise: NoiseModel) -> Iterator[Placed]:
    for qubit in on:
        t1, t2 = _lifetimes(qubit, noise)
        if time_s > 0 and (t1 is not None or t2 is not None):
            yield _relaxation(t1, t2, time_s), (qubit,)


def _lifetimes(qubit: int, noise: NoiseModel) -> tuple[float | None, float | None]:
    if noise.calibration:
        return noise.calibration.qubits[qubit].t1, noise.calibration.qubits[qubit].t2
    if noise.relaxation:
        return noise.relaxation.t1, noise.relaxation.t2
    return None, None


def _depolarizing(on: tuple[int, ...], strength: float) -> Iterator[Placed]:
    if strength > 0:
        yield _depolarizing_channel(strength, len(on)), on


@cache
def _depolarizing_channel(strength: float, num_qubits: int) -> Any:
    from qiskit_aer.noise import depolarizing_error

    return depolarizing_error(strength, num_qubits).to_instruction()


@cache
def _relaxation(t1: float | None, t2: float | None, time_s: float) -> Any:
    from qiskit_aer.noise import thermal_relaxation_error

    longest = math.inf if t1 is None else t1
    coherent = 2 * longest if t2 is None else t2
    if coherent > longest:
        return _damping(longest, coherent, time_s)
    return thermal_relaxation_error(longest, coherent, time_s).to_instruction()


def _damping(t1: float, t2: float, time_s: float) -> Any:
    """Return relaxation that no mixture of gates and resets is: amplitude damping, then Z at times.

    Z's probability makes coherences decay as exp(-time/t2); damping leaves exp(-time/2t1) of them.
    """
    import numpy as np
    from qiskit.circuit import Instruction

    decayed = -math.expm1(-time_s / t1)
    flipped = -math.expm1(time_s / (2 * t1) - time_s / t2) / 2
    kept = np.diag([1.0, math.exp(-time_s / (2 * t1))])
    terms = [
        math.sqrt(1 - flipped) * kept,
        math.sqrt(max(flipped, 0.0)) * np.diag([1.0, -1.0]) @ kept,
        np.array([[0.0, math.sqrt(decayed)], [0.0, 0.0]]),
    ]
    return Instruction("kraus", 1, 0, [term.astype(complex) for term in terms if term.any()])


def identity(channel: Any) -> object:
    """Return what is equal for equal channels of a circuit, as long as the circuit is there.

    A circuit that is bound has copies of its instructions, which share what they were made of.
    """
    if channel.name == "kraus":
        return tuple(matrix.tobytes() for matrix in channel.params)
    return id(channel._quantum_error)


def superoperator(channel: Any) -> Any:
    """Return a channel's superoperator, nothing left out of it."""
    from qiskit.quantum_info import Kraus, SuperOp

    if channel.name == "kraus":
        return SuperOp(Kraus(channel.params))
    # the error itself: made of its instruction, what is less probable than 1e-8 is left out
    return SuperOp(channel._quantum_error)
