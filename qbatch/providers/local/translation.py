"""Circuits in gates that a simulation method knows, by definitions first and rules after.

Rules: `transpile()` is never called (63 ms each time). What a circuit of the person's own calls a
gate is never mistaken for the library's gate of the same name. A gate on three or more qubits that
the method does not know is replaced by its definition, again and again; what is then left on one
or two qubits and not known is translated by Qiskit's table of equivalences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.providers.local.batching import is_open

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.dagcircuit import DAGCircuit
    from qiskit.transpiler import PassManager

_CONTROL_FLOW = frozenset({"if_else", "while_loop", "for_loop", "switch_case"})

#: Instructions that are neither gates nor to be translated.
_KEPT = _CONTROL_FLOW | {
    *("measure", "reset", "barrier", "delay", "store", "break_loop", "continue_loop"),
    *("kraus", "quantum_channel", "save_probabilities", "save_statevector"),
}


#: Gates that a method lists and does not take at every angle.
_OVERSTATED: Mapping[str, frozenset[str]] = {
    "extended_stabilizer": frozenset({"rz"}),
    "stabilizer": frozenset({"rz"}),
}


def is_standard(operation: Any) -> bool:
    """Whether an operation is of Qiskit's own library, so that its name says what it does."""
    kind = getattr(operation, "base_class", type(operation))
    return bool(kind.__module__.startswith(("qiskit.circuit.library", "qiskit_aer.")))


def written_out(circuit: QuantumCircuit, max_qubits: int | None = None) -> QuantumCircuit:
    """Replace gates by their definitions: the circuit's own, and those on too many qubits."""
    from qiskit.circuit import Gate

    def stays(operation: Any) -> bool:
        if not isinstance(operation, Gate):
            return True
        few = max_qubits is None or operation.num_qubits <= max_qubits
        return few and is_standard(operation)

    return _expanded(circuit, stays)


def translated(
    circuit: QuantumCircuit, method: str, batched: frozenset[str] | None = None
) -> QuantumCircuit:
    """Translate what a method does not know into gates that it does; always a copy.

    Args:
        circuit: Of standard gates, and of the person's own.
        method: Of Aer.
        batched: Gates that may keep open angles; others with such are replaced by their
            definitions. None: any gate may.

    Raises:
        Refused: A gate has no definition.
        QiskitError: There is no way to say it in these gates.
    """
    known = known_gates(method)
    rules = _translatable()

    def stays(operation: Any) -> bool:
        if operation.name in _KEPT:
            return True
        if not is_standard(operation):
            return False
        if is_open(operation) and batched is not None and operation.name not in batched:
            return False
        return operation.name in known or operation.name in rules

    expanded = _expanded(circuit, stays)
    if _names(expanded) <= known:
        return expanded.copy()
    told: QuantumCircuit = _translator(method).run(expanded)
    return told


def in_matrices(
    circuit: QuantumCircuit, open_gates: frozenset[str], most_qubits: int
) -> QuantumCircuit:
    """Replace gates by their definitions until each has a matrix, or is one of `open_gates`.

    Args:
        circuit: Of standard gates, and of the person's own.
        open_gates: That may keep open angles.
        most_qubits: Gates on more are replaced too.

    Raises:
        Refused: A gate has no definition.
    """

    def stays(operation: Any) -> bool:
        if operation.name in _KEPT:
            return True
        if not is_standard(operation) or operation.num_qubits > most_qubits:
            return False
        return operation.name in open_gates if is_open(operation) else _has_matrix(operation)

    return _expanded(circuit, stays)


def _has_matrix(operation: Any) -> bool:
    from qiskit.exceptions import QiskitError

    try:
        operation.to_matrix()
    except (QiskitError, AttributeError):
        return False
    return True


def _expanded(circuit: QuantumCircuit, stays: Callable[[Any], bool]) -> QuantumCircuit:
    from qiskit.converters import circuit_to_dag, dag_to_circuit

    if all(_stays_whole(item.operation, stays) for item in circuit.data):
        return circuit
    return dag_to_circuit(_expand(circuit_to_dag(circuit), stays))


def _stays_whole(operation: Any, stays: Callable[[Any], bool]) -> bool:
    blocks = getattr(operation, "blocks", ())
    return stays(operation) and all(
        _stays_whole(item.operation, stays) for block in blocks for item in block.data
    )


def _expand(dag: DAGCircuit, stays: Callable[[Any], bool]) -> DAGCircuit:
    from qiskit.circuit import ControlFlowOp
    from qiskit.converters import circuit_to_dag

    for node in dag.op_nodes():
        if isinstance(node.op, ControlFlowOp):
            blocks = [_expanded(block, stays) for block in node.op.blocks]
            dag.substitute_node(node, node.op.replace_blocks(blocks))
        elif not stays(node.op):
            definition = node.op.definition
            if definition is None:
                raise Refused(
                    f"local: gate {node.op.name} has no definition to simulate; "
                    "use a gate that is defined"
                )
            dag.substitute_node_with_dag(node, _expand(circuit_to_dag(definition), stays))
    return dag


def _names(circuit: QuantumCircuit) -> set[str]:
    names = set()
    for item in circuit.data:
        names.add(item.operation.name)
        for block in getattr(item.operation, "blocks", ()):
            names |= _names(block)
    return names


@cache
def known_gates(method: str) -> frozenset[str]:
    """Return the names of all that a method of Aer takes."""
    from qiskit_aer.backends.backend_utils import BASIS_GATES

    return _KEPT | (frozenset(BASIS_GATES[method]) - _OVERSTATED.get(method, frozenset()))


@cache
def _translatable() -> frozenset[str]:
    """Gates on one and two qubits for which Qiskit's table of equivalences has rules."""
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    return frozenset(name for name, gate in standard.items() if 1 <= gate.num_qubits <= 2)


@cache
def _translator(method: str) -> PassManager:
    from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
    from qiskit.transpiler import PassManager
    from qiskit.transpiler.passes import BasisTranslator

    return PassManager([BasisTranslator(SessionEquivalenceLibrary, sorted(known_gates(method)))])


@cache
def transpiler(optimization_level: int, seed: int) -> PassManager:
    """Return Qiskit's preset passes for gates that `statevector` knows."""
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import generate_preset_pass_manager

    gates = known_gates("statevector") & (get_standard_gate_name_mapping().keys() | _CONTROL_FLOW)
    return generate_preset_pass_manager(
        optimization_level, basis_gates=sorted(gates), seed_transpiler=seed
    )
