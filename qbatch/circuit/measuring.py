"""A circuit measured in other bases: its text, with qubits rotated just before they are measured.

Rules: the text stays as the person wrote it, but for the lines put in. X of a classical bit is had
by an ``h`` on the qubit whose measurement writes that bit, Y by ``sdg`` and ``h``, before the
statement that measures it. That says X or Y of the qubit only where the measurement is its end and
nobody goes by its result in the circuit; elsewhere it is refused, with the reason.

A circuit that measures nothing, and has no classical bits, is measured whole: bit k from qubit k.
"""

from __future__ import annotations

from collections.abc import Mapping

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.outline import Outline, Statement, joined, outline_of, with_lines
from qbatch.circuit.program import Barrier, Gate, If, Measure, Operation, Program, Reset, While
from qbatch.circuit.qasm.conditions import bits_of
from qbatch.circuit.unchangeable import UnchangeableError
from qbatch.notation import listed

#: X's rotation and Y's, and what undoes each: gates; and ``U``, where the text has no ``h`` of the
#: library.
_ROTATIONS = {
    "X": ("h", "U(1.5707963267948966, 0, 3.141592653589793)"),
    "Y": ("sdg h", "U(1.5707963267948966, 0, 1.5707963267948966)"),
}
_UNDONE = {
    "X": ("h", "U(-1.5707963267948966, -3.141592653589793, 0)"),
    "Y": ("h s", "U(-1.5707963267948966, -1.5707963267948966, 0)"),
}

#: Name of the register that takes what a circuit without one ends in, as its writer names it.
_REGISTER = "c"


class UnfitBasisError(UnchangeableError):
    """A circuit cannot be measured so; the problem begins with the name of the bit."""


def measured_in(circuit: Circuit, basis: Mapping[int, str], scale: float = 1.0) -> Circuit:
    """Return a circuit with some bits' qubits measured in X or Y instead of Z.

    Args:
        circuit: Not changed. Without classical bits it is measured whole.
        basis: Classical bit -> "X" or "Y", such as `qbatch.result.grouping.Basis`; all other bits
            are measured as they are. Where it is empty and something is measured, the same circuit
            is returned.
        scale: Of the noise of its gates: the rotations are folded to the odd whole number below.

    Raises:
        UnfitBasisError: A bit is used in the circuit, its qubit goes on, or nothing is measured.
    """
    circuit = measured_whole(circuit)
    if not basis:
        return circuit
    outline = outline_of(circuit.text)
    lines: dict[int, list[str]] = {}
    for bit, letter in sorted(basis.items()):
        statement, qubit = _measurement(outline, bit)
        again = int((scale - 1) / 2 + 1e-9)
        rotation = _rotation(outline, letter, qubit, statement, again)
        lines.setdefault(statement.after, []).extend(rotation)
    return with_lines(circuit, lines)


def measured_whole(circuit: Circuit) -> Circuit:
    """Return a circuit that measures: the same one, or with bit k measured from qubit k at its end.

    Raises:
        UnfitBasisError: It has classical bits and measures nothing into them, or has no qubits.
    """
    facts = circuit.facts
    if facts.measured_bits:
        return circuit
    if facts.num_bits:
        names = listed([register.name for register in facts.registers])
        raise UnfitBasisError(f"nothing is measured into {names}; add a measurement")
    if not facts.num_qubits:
        raise UnfitBasisError("the circuit has no qubits; declare those that are measured")
    outline = outline_of(circuit.text)
    return with_lines(circuit, {outline.end: _readout(outline)})


def _measurement(outline: Outline, bit: int) -> tuple[Statement, int]:
    """Find the one statement that writes a bit, and the qubit that it measures into it.

    Raises:
        UnfitBasisError: The bit does not say what its qubit ended in.
    """
    name = _bit_name(outline.program, bit)
    writes = [
        (number, place, op.qubit)
        for number, statement in enumerate(outline.statements)
        for place, op in enumerate(statement.operations)
        if isinstance(op, Measure) and op.bit == bit
    ]
    if any(bit in bits for bits in map(_read_bits, outline.operations)):
        raise UnfitBasisError(
            f"{name} is used in a condition of the circuit; only Z of it can be measured"
        )
    if any(bit in _written_within(op) for op in outline.operations):
        raise UnfitBasisError(
            f"{name} is written under a condition; measure it once, outside of it, for X and Y"
        )
    if not writes:
        raise UnfitBasisError(f"{name} is written by no measurement; measure a qubit into it")
    if len(writes) > 1:
        raise UnfitBasisError(
            f"{name} is written {len(writes)} times; measure into it once, for X and Y"
        )
    number, place, qubit = writes[0]
    _check(outline, name, number, place, qubit)
    return outline.statements[number], qubit


def _check(outline: Outline, name: str, number: int, place: int, qubit: int) -> None:
    """Refuse a qubit that goes on, or that its measurement's own statement acts on before."""
    statement = outline.statements[number]
    rest = [*statement.operations[place + 1 :], *joined(outline.statements[number + 1 :])]
    if any(_goes_on(op, qubit) for op in rest):
        raise UnfitBasisError(
            f"{name}: its qubit {outline.qubits[qubit]} goes on after the measurement; only Z of "
            "it can be measured"
        )
    if any(_acts_on(op, qubit) for op in statement.operations[:place]):
        raise UnfitBasisError(
            f"{name}: the statement that measures {outline.qubits[qubit]} acts on it before; "
            "measure it in a statement of its own, for X and Y"
        )


def _rotation(
    outline: Outline, letter: str, qubit: int, statement: Statement, again: int
) -> list[str]:
    """Return the statements that rotate a qubit before a measurement, undone and done `again`."""
    gates, written_out = _ROTATIONS[letter]
    undone, written_undone = _UNDONE[letter]
    named = {*gates.split(), *(undone.split() if again else ())}
    own = outline.names | outline.program.defined.keys()
    has_names = statement.has_library and named.isdisjoint(outline.names if not again else own)
    name = outline.qubits[qubit]
    there = [f"{gate} {name};" for gate in (gates.split() if has_names else [written_out])]
    back = [f"{gate} {name};" for gate in (undone.split() if has_names else [written_undone])]
    barrier = f"barrier {name};"
    return [*there, *[barrier, *back, barrier, *there] * again]


def _readout(outline: Outline) -> list[str]:
    """Return the statements that measure bit k from qubit k.

    Raises:
        UnfitBasisError: The circuit ends within a statement.
    """
    if outline.ends_within:
        raise UnfitBasisError("the circuit ends within a block; add a measurement before")
    name, size = _REGISTER, len(outline.qubits)
    taken = {*outline.names, *outline.program.defined, *outline.program.standard}
    number = 1
    while name in taken:
        number += 1
        name = f"{_REGISTER}_{number}"
    if outline.program.version == "2.0":
        pairs = [f"measure {qubit} -> {name}[{k}];" for k, qubit in enumerate(outline.qubits)]
        return [f"creg {name}[{size}];", *pairs]
    pairs = [f"{name}[{k}] = measure {qubit};" for k, qubit in enumerate(outline.qubits)]
    return [f"bit[{size}] {name};", *pairs]


def _bit_name(program: Program, bit: int) -> str:
    first = 0
    for register in program.registers:
        if bit < first + register.num_bits:
            return f"classical bit {bit} ({register.name}[{bit - first}])"
        first += register.num_bits
    return f"classical bit {bit}"


def _inner(op: Operation) -> list[Operation]:
    if isinstance(op, If):
        return [*op.then, *op.otherwise]
    return op.body if isinstance(op, While) else []


def _read_bits(op: Operation) -> frozenset[int]:
    """Classical bits that conditions of an operation read."""
    if not isinstance(op, If | While):
        return frozenset()
    return frozenset(bits_of(op.condition)).union(*map(_read_bits, _inner(op)))


def _written_within(op: Operation) -> frozenset[int]:
    """Classical bits that an operation writes under a condition."""
    inner = _inner(op)
    own = {item.bit for item in inner if isinstance(item, Measure)}
    return frozenset(own).union(*map(_written_within, inner))


def _acts_on(op: Operation, qubit: int) -> bool:
    """Whether an operation makes a difference to a qubit."""
    if isinstance(op, If | While):
        return any(_acts_on(item, qubit) for item in _inner(op))
    if isinstance(op, Measure | Reset):
        return op.qubit == qubit
    return not isinstance(op, Barrier) and qubit in op.qubits


def _goes_on(op: Operation, qubit: int) -> bool:
    """Whether an operation after a measurement does more with its qubit than leave it."""
    if isinstance(op, If | While):
        return any(_goes_on(item, qubit) for item in _inner(op))
    if isinstance(op, Gate):
        return qubit in op.qubits
    return isinstance(op, Measure) and op.qubit == qubit
