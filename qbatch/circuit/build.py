"""From OpenQASM text to Qiskit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.circuit.facts import CircuitFacts, Register
from qbatch.errors import CircuitError, Place

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qbatch.circuit.sources import Circuit

_built: dict[str, QuantumCircuit] = {}
_parses = 0


def parses() -> int:
    """How many texts this process has turned into Qiskit circuits."""
    return _parses


def build(circuit: Circuit) -> QuantumCircuit:
    """Return `circuit` with free Parameters; the same object for the same text: do not change it."""
    if circuit.sha256 not in _built:
        _built[circuit.sha256] = _load(circuit.text, circuit.version, Place(circuit.name))
    return _built[circuit.sha256]


def _load(text: str, version: str, place: Place) -> QuantumCircuit:
    global _parses
    from qiskit import qasm2, qasm3

    _parses += 1
    try:
        if version == "2.0":
            instructions = qasm2.LEGACY_CUSTOM_INSTRUCTIONS
            return qasm2.loads(text, custom_instructions=instructions)
        return qasm3.loads(text)
    except (qasm2.QASM2Error, qasm3.QASM3Error) as error:
        raise CircuitError(place, str(error)) from error


def analyse(text: str, version: str, place: Place) -> CircuitFacts:
    """Compute the facts of a text."""
    from qiskit.circuit import Gate

    circuit = _load(text, version, place)
    gates = [item for item in circuit.data if isinstance(item.operation, Gate)]
    measured = {
        circuit.find_bit(item.clbits[0]).index: circuit.find_bit(item.qubits[0]).index
        for item in circuit.data
        if item.operation.name == "measure"
    }
    dynamic = any(item.operation.name in ("if_else", "while_loop", "reset") for item in circuit)
    return CircuitFacts(
        num_qubits=circuit.num_qubits,
        num_bits=circuit.num_clbits,
        registers=tuple(Register(r.name, r.size) for r in circuit.cregs),
        parameters=tuple(p.name for p in circuit.parameters),
        depth=circuit.depth(),
        num_gates=len(gates),
        num_two_qubit_gates=sum(len(item.qubits) == 2 for item in gates),
        gates=tuple(sorted({item.operation.name for item in gates})),
        is_dynamic=dynamic,
        is_clifford=False,
        measured_bits=tuple(sorted(measured)),
        terminal=() if dynamic else tuple(measured.get(i) for i in range(circuit.num_clbits)),
    )
