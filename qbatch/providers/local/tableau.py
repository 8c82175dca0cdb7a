"""Clifford gates for simulators that know no other, found by their matrices at a point's values.

Rules: a gate is Clifford by what it does, not by its name: rx(pi/2) is, rx(0.3) is not. What it is
turned into is multiplied out and compared, so that no angle is rounded in silence. The same answer
is given before a run (`misfit`) and in it (`in_tableau_gates`).
"""

from __future__ import annotations

import cmath
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from qbatch.errors import QbatchError, Refused
from qbatch.providers.local.batching import is_open
from qbatch.providers.local.plain import matrix_of
from qbatch.providers.local.points import assigned
from qbatch.providers.local.prepare import as_written
from qbatch.providers.local.translation import is_standard
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Gates that Aer's tableau and stim take as they are.
PRIMITIVE = frozenset(
    ("cx", "cy", "cz", "h", "id", "s", "sdg", "swap", "sx", "sxdg", "x", "y", "z")
)

#: Methods that follow no measurement while they run, with the method to take instead.
WITHOUT_CONTROL_FLOW = {"stim": "stabilizer", "extended_stabilizer": "statevector"}

#: Nearer than this to a Clifford gate, entry by entry and up to a phase, is one.
_NEAR = 1e-9

#: Gates on more qubits are none: their matrices are not looked at.
_MOST_QUBITS = 3

#: A gate's name and the qubits, by number within the gate, it acts on.
Step = tuple[str, tuple[int, ...]]


class NotCliffordError(Exception):
    """A gate at its values; the text names both."""


def steps_of(operation: Any) -> Sequence[Step]:
    """Return primitive gates that do what a bound gate does, up to a phase.

    Raises:
        NotCliffordError: There are none.
    """
    if is_standard(operation) and operation.name in PRIMITIVE:
        return ((operation.name, tuple(range(operation.num_qubits))),)
    matrix = matrix_of(operation) if operation.num_qubits <= _MOST_QUBITS else None
    steps = None if matrix is None else _steps(matrix.tobytes(), operation.num_qubits)
    if steps is None:
        angles = ", ".join(f"{float(p):.6g}" for p in operation.params if not _is_text(p))
        raise NotCliffordError(f"{operation.name}({angles})" if angles else str(operation.name))
    return steps


def _is_text(parameter: Any) -> bool:
    return not isinstance(parameter, int | float)


@lru_cache(4096)
def _steps(matrix_bytes: bytes, num_qubits: int) -> Sequence[Step] | None:
    import numpy as np
    from qiskit.exceptions import QiskitError
    from qiskit.quantum_info import Clifford, Operator

    matrix = np.frombuffer(matrix_bytes, np.complex128).reshape(2**num_qubits, -1)
    if num_qubits == 0:
        return ()
    try:
        circuit = Clifford.from_matrix(matrix).to_circuit()
    except QiskitError:
        return None
    product = Operator(circuit).data
    overlap = np.trace(product.conj().T @ matrix)
    phase = cmath.exp(1j * cmath.phase(overlap))
    if np.abs(product * phase - matrix).max() > _NEAR:
        return None
    return tuple(
        (item.operation.name, tuple(circuit.find_bit(qubit).index for qubit in item.qubits))
        for item in circuit.data
    )


def in_tableau_gates(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a bound circuit in primitive gates; what is no gate stays.

    Raises:
        Refused: A gate is no Clifford gate.
    """
    from qiskit.circuit import CircuitInstruction, ControlFlowOp, Gate

    made = circuit.copy_empty_like()
    for item in circuit.data:
        operation = item.operation
        if isinstance(operation, ControlFlowOp):
            blocks = [in_tableau_gates(block) for block in operation.blocks]
            turned = operation.replace_blocks(blocks)
            made.append(CircuitInstruction(turned, item.qubits, item.clbits))
        elif not isinstance(operation, Gate):
            made.append(item)
        else:
            for name, on in steps_or_refusal(operation):
                getattr(made, name)(*(item.qubits[index] for index in on))
    return made


def steps_or_refusal(operation: Any, method: str = "stabilizer") -> Sequence[Step]:
    """Return `steps_of` a gate.

    Raises:
        Refused: It is no Clifford gate.
    """
    try:
        return steps_of(operation)
    except NotCliffordError as error:
        raise Refused(f"local: {_said(str(error), method)}") from error


def _said(gate: str, method: str) -> str:
    return (
        f"{gate} is no Clifford gate, and method: {method} simulates no other; "
        "take method: automatic"
    )


def misfit(program: Program, rows: Iterable[Sequence[float]]) -> str | None:
    """Say why a method for some circuits only cannot run a circuit at some of its points.

    Args:
        program: With the method chosen.
        rows: The points' values, in the order of `CircuitFacts.parameters`.

    Returns:
        The first gate that is none, and at how many points; None where all is well.
    """
    method = program.settings.method
    try:
        circuit = as_written(program)
    except QbatchError as error:
        return str(error)
    if method in WITHOUT_CONTROL_FLOW and (blocks := _control_flow(circuit)):
        return f"{method} knows no {blocks}; take method: {WITHOUT_CONTROL_FLOW[method]}"
    if method not in ("stabilizer", "stim"):
        return None
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    names = program.circuit.facts.parameters
    parameters = [by_name.get(name) for name in names]
    wrong = [(v, gate) for v in rows if (gate := _strange_gate(circuit, parameters, v))]
    if not wrong:
        return None
    values, gate = wrong[0]
    told = ", ".join(f"{name} = {value:.6g}" for name, value in zip(names, values, strict=True))
    number = f", and at {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return _said(gate, method) + (f" (at {told[:80]}{number})" if told else "")


def _control_flow(circuit: QuantumCircuit) -> str:
    names = (each.name for each in _operations(circuit) if hasattr(each, "blocks"))
    return next(names, "")


def _strange_gate(
    circuit: QuantumCircuit, parameters: Sequence[Any], values: Sequence[float]
) -> str:
    """Return the first gate that is none at these values, "" where all are."""
    try:
        bound = assigned(circuit, parameters, values)
        for operation in _operations(bound):
            if not hasattr(operation, "blocks") and not is_open(operation):
                steps_of(operation)
    except Refused:
        return ""  # the point fails by itself, with its reason
    except NotCliffordError as error:
        return str(error)
    return ""


def _operations(circuit: QuantumCircuit) -> Iterator[Any]:
    """Gates and control flow, also those in branches and loops."""
    from qiskit.circuit import ControlFlowOp, Gate

    for item in circuit.data:
        if isinstance(item.operation, Gate):
            yield item.operation
        elif isinstance(item.operation, ControlFlowOp):
            yield item.operation
            for block in item.operation.blocks:
                yield from _operations(block)
