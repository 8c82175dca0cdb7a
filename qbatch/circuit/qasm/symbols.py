"""What a name in scope may stand for."""

from __future__ import annotations

from qbatch.circuit.program import Expr, Number
from qbatch.circuit.qasm.conditions import Word
from qbatch.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Qubits:
    """Qubits by number; `indexable` unless it is a single one."""

    indices: tuple[int, ...]
    indexable: bool = True


@dataclass(frozen=True, slots=True)
class Bits:
    """Classical bits by number; `indexable` unless it is a single one."""

    indices: tuple[int, ...]
    indexable: bool = True


@dataclass(frozen=True, slots=True)
class Time:
    """A duration: seconds, or an expression over inputs that are durations in seconds."""

    seconds: Number


@dataclass(slots=True)
class Variable:
    """A classical variable, whose value is known at each place of the text.

    Attributes:
        kind: Its type.
        width: The type's, in bits; None where it is not given.
        value: None before it has one.
        depth: Blocks around its declaration that run only where a measurement says so.
    """

    kind: str
    width: int | None
    value: Number | Time | None
    depth: int


#: What a name in scope may stand for: a number, an input, a duration, quantum or classical bits,
#: their values.
Symbol = int | float | Expr | Time | Qubits | Bits | Word | Variable
