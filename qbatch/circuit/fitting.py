"""Circuits translated to what a machine has, before they are written.

Rules: a gate of free angles is translated by itself, and the phase that this leaves is dropped, for
nothing can see it once all gates are written out. Qiskit would add the phases of all gates up, and
a sum of a few dozen terms over few inputs takes it for ever.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING, Any

from qbatch.errors import CircuitError, Place
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


@dataclass(frozen=True, slots=True)
class Fit:
    """What a program is translated to before it is written.

    Attributes:
        basis: Qiskit's names of the gates to write it in.
        coupling: Pairs of qubits that a gate may act on, in that order; (): all. A qubit in none
            of them is not used.
        num_qubits: The machine's; 0: only the circuit's own. With it the program is written on the
            machine's physical qubits (``$0``, OpenQASM 3).
        layout: The physical qubit of each of the circuit's; (): the transpiler's choice.
        errors: (gate, qubits) -> error rate by which that choice is made; (): all alike.
        optimization_level: 0 to 3, as Qiskit counts.
        seed: Of what in it is left to chance.
    """

    basis: tuple[str, ...]
    coupling: tuple[tuple[int, int], ...] = ()
    num_qubits: int = 0
    layout: tuple[int, ...] = ()
    errors: tuple[tuple[str, tuple[int, ...], float], ...] = ()
    optimization_level: int = 0
    seed: int = 0


def translated(circuit: QuantumCircuit, fit: Fit, place: Place) -> QuantumCircuit:
    """Translate a circuit; an error is told at `place`."""
    from qiskit.exceptions import QiskitError
    from qiskit.transpiler import generate_preset_pass_manager

    asked: dict[str, Any] = {"basis_gates": list(fit.basis)}
    if fit.num_qubits:
        asked = {"target": _machine(fit), "initial_layout": list(fit.layout) or None}
    passes = generate_preset_pass_manager(
        optimization_level=fit.optimization_level, seed_transpiler=fit.seed, **asked
    )
    try:
        return passes.run(_in_numbers_or_basis(circuit, fit.basis))
    except QiskitError as error:
        raise CircuitError(place, f"cannot be fitted to the target: {error.message}") from error


def _in_numbers_or_basis(circuit: QuantumCircuit, basis: tuple[str, ...]) -> QuantumCircuit:
    """Return a copy in which gates outside the basis have no free angles."""
    from qiskit.circuit import ControlFlowOp

    found = circuit.copy_empty_like()
    found.global_phase = 0
    for item in circuit.data:
        operation = item.operation
        if isinstance(operation, ControlFlowOp):
            blocks = [_in_numbers_or_basis(block, basis) for block in operation.blocks]
            found.append(operation.replace_blocks(blocks), item.qubits, item.clbits)
        elif operation.name in (*basis, "delay") or not _is_free(operation):
            found.append(item)
        else:
            parts = _parts(operation, basis)
            here = dict(zip(parts.qubits, item.qubits, strict=True))
            for part in parts.data:
                found.append(_settled(part.operation), [here[qubit] for qubit in part.qubits])
    return found


def _parts(operation: Any, basis: tuple[str, ...]) -> QuantumCircuit:
    """Return what a gate of free angles is in the basis, up to a phase."""
    kind = operation.base_class
    if not kind.__module__ or not kind.__module__.startswith("qiskit.circuit.library"):
        return _in_numbers_or_basis(operation.definition, basis)
    made, angles = _general(
        kind, getattr(operation, "ctrl_state", None), len(operation.params), basis
    )
    return made.assign_parameters(dict(zip(angles, operation.params, strict=True)), strict=False)


@cache
def _general(kind: Any, state: int | None, count: int, basis: tuple[str, ...]) -> Any:
    """Return a library gate of any angles in the basis, and its angles."""
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit import Parameter

    angles = [Parameter(f"angle_{number}") for number in range(count)]
    gate = kind(*angles) if state is None else kind(*angles, ctrl_state=state)
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    made = transpile(circuit, basis_gates=list(basis), optimization_level=0)
    made.global_phase = 0
    return made, angles


def _settled(operation: Any) -> Any:
    """Return a gate whose angles are numbers where their parameters have no part in them."""
    angles = [
        float(angle) if _is_free(operation) and _is_settled(angle) else angle
        for angle in operation.params
    ]
    return operation if angles == operation.params else operation.base_class(*angles)


def _is_settled(angle: Any) -> bool:
    return hasattr(angle, "parameters") and bool(angle.is_real())


def _is_free(operation: Any) -> bool:
    return any(getattr(angle, "parameters", ()) for angle in operation.params)


def _machine(fit: Fit) -> Any:
    """Return the machine as Qiskit's transpiler wants it; gates it does not know are left out."""
    from qiskit.circuit import IfElseOp, WhileLoopOp
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import InstructionProperties, Target

    known, target = get_standard_gate_name_mapping(), Target(num_qubits=fit.num_qubits)
    errors = {(name, qubits): error for name, qubits, error in fit.errors}
    pairs = list(fit.coupling) or list(permutations(range(fit.num_qubits), 2))
    singles = [(q,) for q in sorted({q for pair in pairs for q in pair})] or [(0,)]
    for name in dict.fromkeys((*fit.basis, "measure", "reset", "delay")):
        gate = known.get(name)
        if gate is None or gate.num_qubits > 2:
            continue
        places = singles if gate.num_qubits == 1 else pairs
        found = {at: InstructionProperties(error=errors.get((name, at))) for at in places}
        target.add_instruction(gate, found)
    target.add_instruction(IfElseOp, name="if_else")
    target.add_instruction(WhileLoopOp, name="while_loop")
    return target
