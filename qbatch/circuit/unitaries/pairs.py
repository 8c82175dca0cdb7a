"""A unitary on two qubits in gates known by name, to rounding.

Qiskit's own definition of one takes it for a gate of a simpler kind where their fidelity is above
1 - 1e-9, so that amplitudes miss up to 4.5e-5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def is_pair(gate: Any) -> bool:
    """Tell whether a gate is given as a matrix on two qubits."""
    from qiskit.circuit.library import UnitaryGate

    return isinstance(gate, UnitaryGate) and gate.num_qubits == 2


def exact_pair(gate: Any) -> QuantumCircuit:
    """Return a circuit of rz, ry, rxx, ryy and rzz that is this gate, up to a global phase.

    Args:
        gate: A `UnitaryGate` on two qubits.
    """
    from qiskit.synthesis import TwoQubitWeylDecomposition

    decomposed = TwoQubitWeylDecomposition(gate.to_matrix(), fidelity=None)
    circuit: QuantumCircuit = decomposed.circuit(simplify=False)
    return circuit
