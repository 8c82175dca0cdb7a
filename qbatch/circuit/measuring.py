"""A circuit measured in other bases: its text, with qubits rotated just before they are measured.

Rules: the text stays as the person wrote it, but for the lines put in. X of a classical bit is had
by an ``h`` on the qubit whose measurement writes that bit, Y by ``sdg`` and ``h``, before the
statement that measures it. That says X or Y of the qubit only where the measurement is its end and
nobody goes by its result in the circuit; elsewhere it is refused, with the reason.

A circuit that measures nothing, and has no classical bits, is measured whole: bit k from qubit k.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.program import Barrier, Gate, If, Measure, Operation, Program, Reset, While
from qbatch.circuit.qasm.conditions import bits_of
from qbatch.circuit.qasm.parser import Parser
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.symbols import Qubits
from qbatch.circuit.sources import circuit_of
from qbatch.circuit.text import Source
from qbatch.errors import Place
from qbatch.notation import listed

#: The angles of ``U`` that is X's rotation and Y's: where the text has no ``h`` of the library.
_ROTATIONS = {
    "X": ("h", "U(1.5707963267948966, 0, 3.141592653589793)"),
    "Y": ("sdg h", "U(1.5707963267948966, 0, 1.5707963267948966)"),
}

#: Name of the register that takes what a circuit without one ends in, as its writer names it.
_REGISTER = "c"


class UnfitBasisError(ValueError):
    """A circuit cannot be measured so.

    Attributes:
        problem: What stands in the way, and how to mend it; begins with the bit's name.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def measured_in(circuit: Circuit, basis: Mapping[int, str]) -> Circuit:
    """Return a circuit with some bits' qubits measured in X or Y instead of Z.

    Args:
        circuit: Not changed. Without classical bits it is measured whole.
        basis: Classical bit -> "X" or "Y", such as `qbatch.result.grouping.Basis`; all other bits
            are measured as they are. Where it is empty and something is measured, the same circuit
            is returned.

    Raises:
        UnfitBasisError: A bit is used in the circuit, its qubit goes on, or nothing is measured.
    """
    circuit = measured_whole(circuit)
    if not basis:
        return circuit
    outline = _outline(circuit.text)
    lines: dict[int, list[str]] = {}
    for bit, letter in sorted(basis.items()):
        statement, qubit = outline.measurement(bit)
        lines.setdefault(statement.after, []).extend(outline.rotation(letter, qubit, statement))
    return _with_lines(circuit, lines)


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
        raise UnfitBasisError("the circuit has no qubits")
    outline = _outline(circuit.text)
    return _with_lines(circuit, {outline.end: outline.readout()})


def _with_lines(circuit: Circuit, lines: Mapping[int, Sequence[str]]) -> Circuit:
    parts, before = [], 0
    for at, put_in in sorted(lines.items()):
        parts += [circuit.text[before:at], *(f"\n{line}" for line in put_in)]
        before = at
    text = "".join([*parts, circuit.text[before:]])
    return circuit_of(circuit.name, Source(text, Place(circuit.name, 1, 1)))


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement that stands in no block.

    Attributes:
        after: Offset of the end of the word before it, where lines may be put in.
        operations: What it comes down to.
        has_library: ``h`` and ``sdg`` are the library's here.
    """

    after: int
    operations: Sequence[Operation]
    has_library: bool


class _Reader(Parser):
    """Reads a circuit once more, and notes which statement brings what about."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.statements: list[_Statement] = []
        #: Offset where the circuit ends, and whether that is within a statement that does more.
        self.ended: tuple[int, bool] | None = None

    def statement(self) -> None:
        if self.in_block:
            super().statement()
            return
        last = self.tokens[self.at - 1] if self.at else None
        after = last.start + len(last.text) if last is not None else 0
        first = len(self.out.operations)
        try:
            super().statement()
        except Jump:
            self.ended = after, len(self.out.operations) > first
            raise
        finally:
            standard = self.out.standard
            has_library = all(
                name in standard and name not in self.out.defined for name in ("h", "sdg")
            )
            made = self.out.operations[first:]
            self.statements.append(_Statement(after, made, has_library))


@dataclass(frozen=True, slots=True)
class _Outline:
    """A circuit as statements.

    Attributes:
        program: As read.
        qubits: What each qubit is called, at the top of the circuit.
        names: All names there.
        statements: In order.
        end: Offset of the end of the last statement that is executed.
        ends_within: The circuit ends within a statement that does more.
    """

    program: Program
    qubits: Sequence[str]
    names: frozenset[str]
    statements: Sequence[_Statement]
    end: int
    ends_within: bool

    def measurement(self, bit: int) -> tuple[_Statement, int]:
        """Find the one statement that writes a bit, and the qubit that it measures into it.

        Raises:
            UnfitBasisError: The bit does not say what its qubit ended in.
        """
        name = self._bit_name(bit)
        writes = [
            (number, place, op.qubit)
            for number, statement in enumerate(self.statements)
            for place, op in enumerate(statement.operations)
            if isinstance(op, Measure) and op.bit == bit
        ]
        if any(bit in bits for bits in map(_read_bits, self._all())):
            raise UnfitBasisError(
                f"{name} is used in a condition of the circuit; only Z of it can be measured"
            )
        if any(bit in _written_within(op) for op in self._all()):
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
        self._check(name, number, place, qubit)
        return self.statements[number], qubit

    def _check(self, name: str, number: int, place: int, qubit: int) -> None:
        """Refuse a qubit that goes on, or that its measurement's own statement acts on before."""
        statement = self.statements[number]
        rest = [*statement.operations[place + 1 :], *_joined(self.statements[number + 1 :])]
        if any(_goes_on(op, qubit) for op in rest):
            raise UnfitBasisError(
                f"{name}: its qubit {self.qubits[qubit]} goes on after the measurement; only Z of "
                "it can be measured"
            )
        if any(_acts_on(op, qubit) for op in statement.operations[:place]):
            raise UnfitBasisError(
                f"{name}: the statement that measures {self.qubits[qubit]} acts on it before; "
                "measure it in a statement of its own, for X and Y"
            )

    def rotation(self, letter: str, qubit: int, statement: _Statement) -> list[str]:
        """Return the statements that rotate a qubit before a measurement."""
        gates, written_out = _ROTATIONS[letter]
        if statement.has_library and self.names.isdisjoint(gates.split()):
            return [f"{gate} {self.qubits[qubit]};" for gate in gates.split()]
        return [f"{written_out} {self.qubits[qubit]};"]

    def readout(self) -> list[str]:
        """Return the statements that measure bit k from qubit k.

        Raises:
            UnfitBasisError: The circuit ends within a statement.
        """
        if self.ends_within:
            raise UnfitBasisError("the circuit ends within a block; add a measurement before")
        name, size = _REGISTER, len(self.qubits)
        taken = {*self.names, *self.program.defined, *self.program.standard}
        number = 1
        while name in taken:
            number += 1
            name = f"{_REGISTER}_{number}"
        if self.program.version == "2.0":
            pairs = [f"measure {qubit} -> {name}[{k}];" for k, qubit in enumerate(self.qubits)]
            return [f"creg {name}[{size}];", *pairs]
        pairs = [f"{name}[{k}] = measure {qubit};" for k, qubit in enumerate(self.qubits)]
        return [f"bit[{size}] {name};", *pairs]

    def _all(self) -> Iterator[Operation]:
        return _joined(self.statements)

    def _bit_name(self, bit: int) -> str:
        first = 0
        for register in self.program.registers:
            if bit < first + register.num_bits:
                return f"classical bit {bit} ({register.name}[{bit - first}])"
            first += register.num_bits
        return f"classical bit {bit}"


@lru_cache(maxsize=64)
def _outline(text: str) -> _Outline:
    reader = _Reader(Source(text, Place("circuit", 1, 1)))
    program = reader.program()
    last = reader.tokens[-2] if len(reader.tokens) > 1 else None
    whole = last.start + len(last.text) if last is not None else 0
    end, ends_within = reader.ended or (whole, False)
    return _Outline(
        program,
        _qubit_names(reader, program),
        frozenset(reader.symbols) | frozenset(reader.subroutines),
        reader.statements,
        end,
        ends_within,
    )


def _qubit_names(reader: _Reader, program: Program) -> list[str]:
    if reader.physical:
        return [f"${number}" for number in range(program.num_qubits)]
    found = []
    for register in program.qubits:
        symbol = reader.symbols[register.name]
        is_indexable = isinstance(symbol, Qubits) and symbol.indexable
        members = [f"{register.name}[{k}]" for k in range(register.num_bits)]
        found += members if is_indexable else [register.name]
    return found


def _joined(statements: Iterable[_Statement]) -> Iterator[Operation]:
    return (op for statement in statements for op in statement.operations)


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
