"""A circuit as its statements: where lines may be put in, and what each of them brings about.

Rules: a text is changed by putting lines in, never by writing it anew; so it stays as the person
wrote it, and what is put in is read by the same rules as all else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.program import Operation, Program
from qbatch.circuit.qasm.parser import Parser
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.symbols import Qubits
from qbatch.circuit.sources import circuit_of
from qbatch.circuit.text import Source
from qbatch.errors import Place
from qbatch.frozen import dataclass

#: Nothing of a text is replaced.
_NONE: Mapping[int, int] = {}


def with_lines(
    circuit: Circuit, lines: Mapping[int, Sequence[str]], replaced: Mapping[int, int] = _NONE
) -> Circuit:
    """Return a circuit with lines put in.

    Args:
        circuit: Not changed.
        lines: Offset -> lines.
        replaced: Offset of some of them -> offset of the end of what they stand in place of; no
            others are within.

    Raises:
        CircuitError, SourceErrors: The text is too long then, or no circuit.
    """
    parts, before = [], 0
    for at, put_in in sorted(lines.items()):
        parts += [circuit.text[before:at], *(f"\n{line}" for line in put_in)]
        before = replaced.get(at, at)
    text = "".join([*parts, circuit.text[before:]])
    return circuit_of(circuit.name, Source(text, Place(circuit.name, 1, 1)))


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that stands in no block.

    Attributes:
        after: Offset of the end of the word before it, where lines may be put in.
        start: Offset of its own first word.
        end: Offset of its own end, as `after`.
        operations: What it comes down to.
        has_library: ``h`` and ``sdg`` are the library's here.
    """

    after: int
    start: int
    end: int
    operations: Sequence[Operation]
    has_library: bool


class _Reader(Parser):
    """Reads a circuit once more, and notes which statement brings what about."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.statements: list[Statement] = []
        #: Offset where the circuit ends, and whether that is within a statement that does more.
        self.ended: tuple[int, bool] | None = None

    def statement(self) -> None:
        if self.in_block:
            super().statement()
            return
        after, start = self._reached(), self.tokens[self.at].start
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
            self.statements.append(Statement(after, start, self._reached(), made, has_library))

    def _reached(self) -> int:
        """Offset of the end of the word that was read last."""
        last = self.tokens[self.at - 1] if self.at else None
        return last.start + len(last.text) if last is not None else 0


@dataclass(frozen=True, slots=True)
class Outline:
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
    statements: Sequence[Statement]
    end: int
    ends_within: bool

    @property
    def operations(self) -> Iterator[Operation]:
        """All that the circuit comes down to, in order."""
        return joined(self.statements)


@lru_cache(maxsize=64)
def outline_of(text: str) -> Outline:
    """Read a circuit's text as its statements."""
    reader = _Reader(Source(text, Place("circuit", 1, 1)))
    program = reader.program()
    last = reader.tokens[-2] if len(reader.tokens) > 1 else None
    whole = last.start + len(last.text) if last is not None else 0
    end, ends_within = reader.ended or (whole, False)
    return Outline(
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


def joined(statements: Iterable[Statement]) -> Iterator[Operation]:
    """Yield what statements come down to, in order."""
    return (op for statement in statements for op in statement.operations)
