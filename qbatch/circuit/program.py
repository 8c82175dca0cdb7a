"""A circuit as read from OpenQASM: registers, inputs, operations; no qiskit.

Rules: qubits and classical bits are numbers, counted through the registers in the order declared.
Numbers are folded while reading; what depends on an input stays an `Expr`. Everything is bounded
(`Limits`), so that no text, however short, makes a machine's memory or an evening disappear.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, NamedTuple

from qbatch.circuit.facts import Register
from qbatch.circuit.qasm.names import Standard
from qbatch.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Expr:
    """A number known only when the inputs are bound.

    Attributes:
        op: "name" (args: the input), an operator or a function.
        args: Operands: numbers and expressions.
        depth: Of the tree.
    """

    op: str
    args: tuple[Any, ...]
    depth: int = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A formula over single classical bits.

    Attributes:
        op: "bit" (args: its number), "equals" (args: numbers of bits low to high, the value that
            they have together), "not", "and" or "or" (args: conditions).
        args: See `op`.
        size: Nodes of the tree.
        depth: Of the tree, with ``and`` and ``or`` of many in pairs.
    """

    op: str
    args: tuple[Any, ...]
    size: int = field(default=1, compare=False)
    depth: int = field(default=1, compare=False)


#: An angle: radians, or an expression over inputs.
Number = int | float | Expr

FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "sqrt": math.sqrt,
    "ln": math.log, "log": math.log, "arcsin": math.asin, "arccos": math.acos,
    "arctan": math.atan, "asin": math.asin, "acos": math.acos, "atan": math.atan, "abs": abs,
    "floor": math.floor, "ceiling": math.ceil, "mod": lambda a, b: a % b, "pow": pow,
}  # fmt: skip

OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "**": lambda a, b: a**b, "%": lambda a, b: a % b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b,
    "&&": lambda a, b: bool(a) and bool(b), "||": lambda a, b: bool(a) or bool(b),
    "&": lambda a, b: a & b, "|": lambda a, b: a | b, "^": lambda a, b: a ^ b,
    "<<": lambda a, b: a << b, ">>": lambda a, b: a >> b,
}  # fmt: skip


def evaluate(number: Number, values: Mapping[str, Any]) -> Any:
    """Compute an expression over inputs.

    Args:
        number: To compute.
        values: Input -> number, or anything that has Python's arithmetic and methods ``sin``, …
            (a Qiskit ``Parameter``).

    Raises:
        KeyError: An input has no value.
        ArithmeticError, ValueError, TypeError: It cannot be computed with these values.
    """
    if not isinstance(number, Expr):
        return number
    if number.op == "name":
        return values[number.args[0]]
    args = [evaluate(arg, values) for arg in number.args]
    if number.op == "neg":
        return -args[0]
    if (operator := OPERATORS.get(number.op)) is not None:
        return operator(*args)
    if all(isinstance(arg, int | float) for arg in args):
        return FUNCTIONS[number.op](*args)
    return _apply_symbolically(number.op, args)


def _apply_symbolically(function: str, args: list[Any]) -> Any:
    if function == "sqrt":
        return args[0] ** 0.5
    if function == "pow":
        return args[0] ** args[1]
    name = {"ln": "log", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}.get(
        function, function
    )
    method = getattr(args[0], name, None)
    if method is None:
        raise TypeError(
            f"{function}() of an input is not supported; compute it before, in a sweep's formula"
        )
    return method()


def names_in(number: Number) -> frozenset[str]:
    """Return the inputs that an expression depends on."""
    if not isinstance(number, Expr):
        return frozenset()
    if number.op == "name":
        return frozenset(number.args)
    return frozenset().union(*map(names_in, number.args))


class Modifier(NamedTuple):
    """``ctrl(n) @``, ``negctrl(n) @``, ``inv @`` or ``pow(x) @``."""

    name: str
    argument: int | float = 1


@dataclass(slots=True)
class Gate:
    """A gate applied; ``gphase`` is one on no qubits (or on its controls).

    Attributes:
        start: Offset in the text.
    """

    name: str
    params: tuple[Number, ...]
    qubits: tuple[int, ...]
    modifiers: tuple[Modifier, ...] = ()
    start: int = 0


#: In place of a bit while a program is being read: the result is thrown away.
NO_BIT = -1


@dataclass(slots=True)
class Measure:
    """`qubit` is measured into `bit`; `start` is an offset in the text."""

    qubit: int
    bit: int
    start: int = 0


@dataclass(slots=True)
class Reset:
    qubit: int


@dataclass(slots=True)
class Barrier:
    qubits: tuple[int, ...]


@dataclass(slots=True)
class Delay:
    """`duration` in `unit`: "dt", "ns", "us", "ms" or "s"; in "s" where it depends on inputs."""

    duration: Number
    unit: str
    qubits: tuple[int, ...]


@dataclass(slots=True)
class If:
    condition: Condition
    then: list[Operation]
    otherwise: list[Operation]


@dataclass(slots=True)
class While:
    condition: Condition
    body: list[Operation]


Operation = Gate | Measure | Reset | Barrier | Delay | If | While


@dataclass(slots=True)
class GateDefinition:
    """A gate of the person's own.

    Attributes:
        params: Names, in the order of the call's arguments.
        num_qubits: The body's qubits are numbered from 0 in the order of the signature.
        body: Gates and barriers; their angles are expressions over `params`.
        size: Standard gates it comes down to.
        nesting: Gates within gates, 1 for a body of standard gates only.
    """

    name: str
    params: tuple[str, ...]
    num_qubits: int
    body: list[Operation]
    size: int = 1
    nesting: int = 1

    @property
    def num_params(self) -> int:
        return len(self.params)


@dataclass(slots=True)
class Program:
    """A whole circuit.

    Attributes:
        version: "2.0" or "3.0".
        standard: Gates known by name, as far as included.
        defined: The person's own gates.
        qubits: Quantum registers in the order declared; a single qubit has `num_bits` 1.
        registers: Classical registers in the order declared.
        inputs: Free parameters in the order declared.
        operations: In the order of the text.
        may_fail: Only building tells whether it can be built: for want of a gate in Qiskit, or
            because an angle within a gate cannot be computed.
        remarks: As in `CircuitFacts`.
        content: As in `CircuitFacts`.
    """

    version: str
    standard: Mapping[str, Standard] = field(default_factory=dict)
    defined: dict[str, GateDefinition] = field(default_factory=dict)
    qubits: list[Register] = field(default_factory=list)
    registers: list[Register] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    num_qubits: int = 0
    num_bits: int = 0
    may_fail: bool = False
    remarks: list[str] = field(default_factory=list)
    content: str = ""
