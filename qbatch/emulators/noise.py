"""Noise of emulated machines: what a fault script's switch says of it, and how it is simulated.

After each gate on one qubit, or on two, these are with a probability replaced by the maximally
mixed state; gates on more are spelled out in such ones first. Each measured bit is flipped with a
probability. Simulators that a cloud offers have no noise but what their own options ask for.

    switches:
      oqc: {noise: true}          # the usual noise, `USUAL`; false: none
      scaleway: {noise: {depolarizing: {one_qubit: 0.001, two_qubit: 0.01}, readout: 0.02}}

How it changes over time is said beside that, see `drift`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from qbatch.emulators.aer import native_operations

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qiskit import QuantumCircuit


class NoiseError(ValueError):
    """What is said of noise is wrong; the message says where and what is known."""


@dataclass(frozen=True)
class Noise:
    """Noise of a machine.

    Attributes:
        one_qubit: Probability with which a gate on one qubit leaves it maximally mixed.
        two_qubit: The same of a gate on two qubits.
        readout: Probability with which a measured bit is flipped.
    """

    one_qubit: float = 0.0
    two_qubit: float = 0.0
    readout: float = 0.0

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"machines depolarize with {self.one_qubit:g} after a gate, with {self.two_qubit:g} "
            f"after one on two qubits, and flip {self.readout:g} of the bits read"
        )


#: Channels of one strength that are kept; a machine that drifts has one for each job.
MOST_CHANNELS = 256

#: What ``noise: true`` means.
USUAL = Noise(one_qubit=0.001, two_qubit=0.01, readout=0.02)


def read_noise(written: Any) -> Noise | None:
    """Read a switch; None: there is no noise.

    Raises:
        NoiseError: It is not of the shape described in the module's head.
    """
    if written is None or isinstance(written, Noise):
        return written
    if isinstance(written, bool):
        return USUAL if written else None
    found = _shares(written, "noise", ("readout",), nested="depolarizing")
    gates = _shares(found.pop("depolarizing", {}), "noise.depolarizing", ("one_qubit", "two_qubit"))
    noise = Noise(**gates, **found)
    return noise if noise != Noise() else None


def _shares(written: Any, where: str, known: tuple[str, ...], *, nested: str = "") -> Any:
    names = ", ".join((*known, nested) if nested else known)
    if not isinstance(written, Mapping):
        raise NoiseError(f"{where}: {written!r} is no object; write {names}, or true or false")
    for name, value in written.items():
        if name == nested:
            continue
        if name not in known:
            raise NoiseError(f"{where}: unknown key {name!r}; known: {names}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise NoiseError(f"{where}.{name}: {value!r} is no probability; write 0 to 1")
    return dict(written)


def noisy(circuit: QuantumCircuit, noise: Noise) -> QuantumCircuit:
    """Put noise after each gate, also within branches and loops."""
    if any(len(one.qubits) > 2 for one in _gates(circuit)):
        circuit = _in_pairs(circuit)
    return _with_channels(circuit, noise)


def _gates(circuit: QuantumCircuit) -> list[Any]:
    from qiskit.circuit import Gate

    found = [one for one in circuit.data if isinstance(one.operation, Gate)]
    for one in circuit.data:
        for block in getattr(one.operation, "blocks", ()):
            found += _gates(block)
    return found


def _in_pairs(circuit: QuantumCircuit) -> QuantumCircuit:
    """Spell out gates on more than two qubits."""
    from qiskit import transpile
    from qiskit.circuit.library import get_standard_gate_name_mapping

    gates = get_standard_gate_name_mapping()
    narrow = {name for name in native_operations() & set(gates) if gates[name].num_qubits <= 2}
    return transpile(circuit, basis_gates=sorted(narrow), optimization_level=0)


def _with_channels(circuit: QuantumCircuit, noise: Noise) -> QuantumCircuit:
    from qiskit.circuit import Gate

    found = circuit.copy_empty_like()
    for one in circuit.data:
        blocks = getattr(one.operation, "blocks", ())
        if blocks:
            within = [_with_channels(block, noise) for block in blocks]
            found.append(one.operation.replace_blocks(within), one.qubits, one.clbits)
            continue
        found.append(one)
        width = len(one.qubits)
        share = {1: noise.one_qubit, 2: noise.two_qubit}.get(width, 0.0)
        if share and isinstance(one.operation, Gate):
            found.append(_channel(share, width), one.qubits)
    return found


def in_matrices(circuit: QuantumCircuit) -> QuantumCircuit:
    """Write gates that Aer's density matrices do not know as matrices; branches have none."""
    from qiskit.circuit import Gate
    from qiskit.circuit.library import UnitaryGate

    found = circuit.copy_empty_like()
    for one in circuit.data:
        operation = one.operation
        if isinstance(operation, Gate) and operation.name not in _density_operations():
            operation = UnitaryGate(operation.to_matrix())
        found.append(operation, one.qubits, one.clbits)
    return found


@cache
def _density_operations() -> frozenset[str]:
    from qiskit_aer import AerSimulator

    return frozenset(AerSimulator(method="density_matrix").configuration().basis_gates)


@lru_cache(MOST_CHANNELS)
def _channel(share: float, width: int) -> Any:
    from qiskit_aer.noise import depolarizing_error

    return depolarizing_error(share, width).to_instruction()


@lru_cache(MOST_CHANNELS)
def readout_model(share: float) -> Any:
    """Return Aer's model of bits that are flipped as they are measured."""
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[1 - share, share], [share, 1 - share]]))
    return model


def flipped(probabilities: npt.NDArray[np.float64], share: float) -> npt.NDArray[np.float64]:
    """Return probabilities of outcomes, shape (2**bits,), once each bit may have been flipped."""
    import numpy as np

    found = np.asarray(probabilities, dtype=float)
    bits = found.size.bit_length() - 1
    for bit in range(bits):
        pairs = found.reshape(-1, 2, 1 << bit)
        found = ((1 - share) * pairs + share * pairs[:, ::-1]).reshape(-1)
    return found
