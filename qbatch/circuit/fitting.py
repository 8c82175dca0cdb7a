"""Circuits translated to what a machine has, before they are written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

from qbatch.errors import CircuitError, Place

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
        return passes.run(circuit)
    except QiskitError as error:
        raise CircuitError(place, f"cannot be fitted to the target: {error.message}") from error


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
