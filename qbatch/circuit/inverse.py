"""The statements that undo an operation, in the version of OpenQASM that its circuit has.

Rules: exact, up to a global phase and the rounding of angles. Gates that are known by name are
undone by such gates, for readers and simulators know these best; in OpenQASM 3 every other by
``inv @``, in OpenQASM 2, which lacks that, by what its body comes down to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import pi

from qbatch.circuit.program import (
    OPERATORS,
    Barrier,
    Delay,
    Expr,
    Gate,
    Modifier,
    Number,
    Operation,
    Program,
    evaluate,
)
from qbatch.circuit.qasm.names import BUILTIN
from qbatch.circuit.qasm.writer import decimal

#: Gates that undo themselves.
_OWN = frozenset(
    {"x", "y", "z", "h", "id", "u0", "cx", "CX", "cy", "cz", "ch", "swap", "ccx", "cswap"}
    | {"c3x", "c4x", "rccx"}
)

#: Gates that are undone by another.
_OTHER = {"s": "sdg", "sdg": "s", "t": "tdg", "tdg": "t", "sx": "sxdg", "sxdg": "sx"}

#: Gates that are undone by the angle with the other sign.
_NEGATED = frozenset(
    {"rx", "ry", "rz", "p", "phase", "u1", "crx", "cry", "crz", "cp", "cphase", "cu1", "rxx", "rzz"}
)

#: Gates U(θ, φ, λ), perhaps with more angles behind, undone by U(-θ, -λ, -φ).
_TURNS = frozenset({"U", "u", "u3", "cu3", "cu"})

#: Gates of order four: three of them undo one.
_FOURTH = frozenset({"sx", "sxdg", "csx", "c3sqrtx", "rc3x"})


#: A gate on more than one qubit brings so many times the noise of one on one.
JOINED = 10


class NoInverseError(ValueError):
    """A gate cannot be undone in the circuit's version of OpenQASM."""


def forward(operations: Iterable[Operation], qubits: Sequence[str]) -> list[str]:
    """Write operations once more: gates, barriers and delays."""
    return [line for each in operations for line in _written(each, qubits)]


def inverse(operations: Sequence[Operation], program: Program, qubits: Sequence[str]) -> list[str]:
    """Write what undoes gates, barriers and delays between them; the last first.

    Args:
        operations: Gates, barriers and delays, one after the other.
        program: That they are of.
        qubits: What each qubit is called.

    Raises:
        NoInverseError: A gate cannot be undone.
    """
    undone = (gate for each in reversed(operations) for gate in _undone(each, program))
    return [line for each in undone for line in _written(each, qubits)]


def _undone(operation: Operation, program: Program) -> Iterator[Operation]:
    """Yield what undoes one operation."""
    if not isinstance(operation, Gate):
        yield operation
    elif operation.modifiers:
        yield _by_modifier(operation)
    elif operation.name in program.defined:
        yield from _defined_undone(operation, program)
    else:
        yield from _known_undone(operation, program)


def _known_undone(gate: Gate, program: Program) -> Iterator[Gate]:
    name, angles = gate.name, gate.params
    known = {*program.standard, *BUILTIN} - program.defined.keys()
    if name in _OWN:
        yield gate
    elif _OTHER.get(name) in known:
        yield replace(gate, name=_OTHER[name])
    elif name in _NEGATED:
        yield replace(gate, params=tuple(map(_negated, angles)))
    elif name in _TURNS:
        first, second, third, *rest = map(_negated, angles)
        yield replace(gate, params=(first, third, second, *rest))
    elif name == "u2":
        second, third = map(_negated, angles)
        yield replace(gate, params=(_sum(third, -pi), _sum(second, pi)))
    elif program.version == "3.0":
        yield _by_modifier(gate)
    elif name in _FOURTH:
        yield from (gate, gate, gate)
    else:
        raise NoInverseError(f"the gate {name!r} has no inverse; write the circuit as OpenQASM 3")


def _defined_undone(gate: Gate, program: Program) -> Iterator[Operation]:
    """Yield what undoes a gate of the person's own."""
    if program.version == "3.0":
        yield _by_modifier(gate)
        return
    definition = program.defined[gate.name]
    values = dict(zip(definition.params, gate.params, strict=True))
    for each in reversed(definition.body):
        if isinstance(each, Gate):
            angles = tuple(evaluate(angle, values) for angle in each.params)
            here = tuple(gate.qubits[qubit] for qubit in each.qubits)
            yield from _undone(replace(each, params=angles, qubits=here), program)
        elif isinstance(each, Barrier):
            yield Barrier(tuple(gate.qubits[qubit] for qubit in each.qubits))


def _by_modifier(gate: Gate) -> Gate:
    return replace(gate, modifiers=(Modifier("inv"), *gate.modifiers))


def _negated(number: Number) -> Number:
    return Expr("neg", (number,)) if isinstance(number, Expr) else -number


def _sum(number: Number, more: float) -> Number:
    return Expr("+", (number, more)) if isinstance(number, Expr) else number + more


def _written(operation: Operation, qubits: Sequence[str]) -> Iterator[str]:
    if isinstance(operation, Gate):
        if operation.qubits:  # what acts on none is a phase of the whole
            modifiers = "".join(map(_modifier, operation.modifiers))
            angles = ", ".join(map(number_text, operation.params))
            on = _named(operation.qubits, qubits)
            yield f"{modifiers}{operation.name}{f'({angles})' if angles else ''} {on};"
    elif isinstance(operation, Barrier):
        if operation.qubits:
            yield f"barrier {_named(operation.qubits, qubits)};"
    elif isinstance(operation, Delay):
        length = _length(operation)
        yield f"delay[{length}] {_named(operation.qubits, qubits)};"


def _named(numbers: Iterable[int], qubits: Sequence[str]) -> str:
    return ", ".join(qubits[number] for number in numbers)


def _modifier(modifier: Modifier) -> str:
    if modifier.name == "inv":
        return "inv @ "
    argument = modifier.argument
    if isinstance(argument, int):
        return f"{modifier.name}({argument}) @ "
    return f"{modifier.name}({decimal(argument)}) @ "


def _length(delay: Delay) -> str:
    if isinstance(delay.duration, Expr):
        return f"({number_text(delay.duration)}) * 1{delay.unit}"
    whole = isinstance(delay.duration, int)
    return f"{delay.duration if whole else decimal(delay.duration)}{delay.unit}"


def number_text(number: Number) -> str:
    """Write an angle so that it is read as exactly that."""
    if not isinstance(number, Expr):
        return decimal(number)
    if number.op == "name":
        return str(number.args[0])
    args = [number_text(arg) for arg in number.args]
    if number.op == "neg":
        return f"(-{args[0]})"
    if number.op in OPERATORS:
        return f"({args[0]} {number.op} {args[1]})"
    return f"{number.op}({', '.join(args)})"


def uses(operations: Iterable[Operation]) -> tuple[int, ...]:
    """Tell which qubits gates act on, ascending."""
    gates = (each for each in operations if isinstance(each, Gate))
    return tuple(sorted({qubit for gate in gates for qubit in gate.qubits}))


def weight_of(operation: Operation, own: Mapping[str, int]) -> int:
    """Tell how much noise an operation brings, a gate on one qubit 1; barriers and delays none.

    Args:
        operation: A gate, a barrier or a delay.
        own: Gate of the person's own -> its weight.
    """
    if not isinstance(operation, Gate) or not operation.qubits:
        return 0
    plain = 1 if len(operation.qubits) == 1 else JOINED
    return own.get(operation.name, plain)


def weights_of_own(program: Program) -> dict[str, int]:
    """Return the weight of each gate of the person's own: that of what it comes down to."""
    found: dict[str, int] = {}
    for name, definition in program.defined.items():
        found[name] = sum(weight_of(each, found) for each in definition.body) or 1
    return found
