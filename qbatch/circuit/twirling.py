"""A circuit in randomised forms that mean the same: its Clifford gates and readout are twirled.

Each gate on two qubits that takes Paulis to Paulis (``cx``, ``CX``, ``cy``, ``cz``, ``swap``, also
where ``ctrl @`` writes it, and within gates of the person's own) gets a random Pauli on each of its
qubits before it, and after it that which undoes them: the meaning is the same, up to a global
phase, and what errs coherently in the gate errs another way in each form. Averaged over forms it is
a Pauli channel (Bennett and others, PRL 76, 722 (1996); Wallman and Emerson, PRA 94, 052325
(2016)). Each bit that is measured is flipped by an ``x`` just before, or is not, at random; who
reads the outcomes flips it back, so that 0 and 1 are read equally wrongly (van den Berg, Minev and
Temme, PRA 105, 032620 (2022)).

Rules: what a form is follows from the circuit's content, its number and a seed, by SHAKE-256, so it
is the same anywhere, and asking for more forms changes none. Forms are drawn independently. Two
that come out alike are experiments of their own: the later one has a barrier more before it is
measured. Barriers stand about each gate that is twirled, so that no compiler takes Paulis through
it; other gates on one qubit may be joined to them. Gates that are not Clifford stay as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.inverse import forward
from qbatch.circuit.outline import Outline, Statement, outline_of, with_lines
from qbatch.circuit.program import (
    Barrier,
    Expr,
    Gate,
    Measure,
    Number,
    Operation,
    Program,
    evaluate,
)
from qbatch.circuit.unchangeable import UnchangeableError
from qbatch.errors import CircuitError, SourceErrors
from qbatch.frozen import dataclass

#: A Pauli on one qubit: whether X is in it, and whether Z is; both are Y.
Pauli = tuple[int, int]

_LETTERS = {(1, 0): "x", (0, 1): "z", (1, 1): "y"}

#: The same where the library's names are not there, or mean something else.
_WRITTEN_OUT = {
    "x": "U(3.141592653589793, 0, 3.141592653589793)",
    "y": "U(3.141592653589793, 1.5707963267948966, 1.5707963267948966)",
    "z": "U(0, 0, 3.141592653589793)",
}

#: Gates whose Paulis are known, each on two qubits and undone by itself.
_NAMES = frozenset({"cx", "CX", "cy", "cz", "swap"})

#: ``ctrl @`` of a gate that is one of them.
_CONTROLLED = {"x": "cx", "y": "cy", "z": "cz"}


class UntwirlableError(UnchangeableError):
    """A circuit cannot be twirled."""


@dataclass(frozen=True, slots=True)
class Form:
    """One randomised form of a circuit.

    Attributes:
        circuit: Its text.
        flips: Whether each classical bit is flipped before it is measured, bit 0 rightmost.
    """

    circuit: Circuit
    flips: str


def twirled(circuit: Circuit, number: int, seed: int) -> Form:
    """Return a form of a circuit.

    Args:
        circuit: Not changed; one that measures, each qubit at its end.
        number: Of the form, from 0.
        seed: Of all forms.

    Raises:
        UntwirlableError: It goes on with what it measured, a statement both acts on qubits and
            measures, or it is too long when it is twirled.
    """
    plan = _plan_of(circuit)
    content, bits = circuit.facts.content, plan.num_random_bits
    drawn = _drawn(content, seed, number, bits)
    again = sum(_drawn(content, seed, each, bits) == drawn for each in range(number))
    random = _Bits(drawn)
    flips = {bit: random.next() for bit in plan.measured}
    lines = _lines(plan, random, flips, again)
    places = [plan.outline.statements[each] for each in plan.rewritten]
    try:
        made = with_lines(circuit, lines, {each.start: each.end for each in places})
    except (CircuitError, SourceErrors) as error:
        problem = error.problem if isinstance(error, CircuitError) else str(error)
        raise UntwirlableError(f"cannot be twirled: {problem}") from error
    size = circuit.facts.num_bits
    return Form(made, "".join(str(flips.get(bit, 0)) for bit in reversed(range(size))))


def num_twirled(circuit: Circuit) -> tuple[int, int]:
    """Tell how many gates on two qubits are twirled, and how many are left as they are.

    Own gates in which some are twirled count by these; others are one gate.

    Raises:
        UntwirlableError: As for `twirled`.
    """
    plan = _plan_of(circuit)
    return plan.num_gates, plan.num_left


@dataclass(frozen=True, slots=True)
class _Plan:
    """What of a circuit is twirled.

    Attributes:
        outline: Of its text.
        measured: Classical bit -> its qubit, bits ascending.
        statements: Number of a statement -> its operations, own gates opened, where some of them
            are twirled.
        rewritten: Those of them that are written anew.
        num_gates: Gates that are twirled.
        num_left: Other gates on two qubits.
    """

    outline: Outline
    measured: Mapping[int, int]
    statements: Mapping[int, Sequence[Operation]]
    rewritten: frozenset[int]
    num_gates: int
    num_left: int

    @property
    def num_random_bits(self) -> int:
        """Bits that say which form it is."""
        return len(self.measured) + 4 * self.num_gates


def _plan_of(circuit: Circuit) -> _Plan:
    if circuit.facts.is_dynamic:
        raise UntwirlableError(
            "the circuit measures or resets a qubit and goes on with it, or goes by conditions; "
            "only what is measured once, at the end, can be twirled"
        )
    return _made_plan(circuit.text, circuit.facts.terminal)


@lru_cache(maxsize=64)
def _made_plan(text: str, terminal: Sequence[int | None]) -> _Plan:
    outline = outline_of(text)
    defined = outline.program.defined
    statements: dict[int, Sequence[Operation]] = {}
    num_gates = num_left = 0
    for number, statement in enumerate(outline.statements):
        kinds = {type(each) for each in statement.operations}
        if Gate in kinds and Measure in kinds:
            raise UntwirlableError(
                "has a statement that both acts on qubits and measures; measure in a statement of "
                "its own"
            )
        opened = [each for op in statement.operations for each in _opened(op, outline.program)]
        on_two = [each for each in opened if isinstance(each, Gate) and len(each.qubits) == 2]
        there = sum(_name_of(each, defined) is not None for each in on_two)
        num_left += len(on_two) - there
        if not there:
            continue
        num_gates += there
        statements[number] = opened
    measured = {bit: qubit for bit, qubit in enumerate(terminal) if qubit is not None}
    rewritten = frozenset(number for number, each in statements.items() if len(each) > 1)
    return _Plan(outline, measured, statements, rewritten, num_gates, num_left)


def _name_of(operation: Operation, defined: Mapping[str, object]) -> str | None:
    """Return which of the gates that are twirled an operation is; None: none of them."""
    if not isinstance(operation, Gate) or operation.name in defined or len(operation.qubits) != 2:
        return None
    others = [each for each in operation.modifiers if each.name != "inv"]
    if not others:
        return operation.name if operation.name in _NAMES else None
    is_controlled = len(others) == 1 and tuple(others[0]) == ("ctrl", 1)
    return _CONTROLLED.get(operation.name) if is_controlled else None


def _opened(operation: Operation, program: Program) -> Iterator[Operation]:
    """Yield an operation, or of a gate of the person's own with gates to twirl what it is."""
    if not isinstance(operation, Gate) or operation.modifiers:
        yield operation
        return
    definition = program.defined.get(operation.name)
    if definition is None:
        yield operation
        return
    values = dict(zip(definition.params, operation.params, strict=True))
    body: list[Operation] = []
    for each in definition.body:
        if isinstance(each, Gate | Barrier):
            here = tuple(operation.qubits[qubit] for qubit in each.qubits)
            made = replace(each, qubits=here)
            if isinstance(made, Gate):
                angles = tuple(_with_values(angle, values) for angle in made.params)
                made = replace(made, params=angles)
            body += _opened(made, program)
    if any(_name_of(each, program.defined) is not None for each in body):
        yield from body
    else:
        yield operation


def _with_values(number: Number, values: Mapping[str, Number]) -> Number:
    """Put what a gate is called with in an angle of its body."""
    if not isinstance(number, Expr):
        return number
    if number.op == "name":
        return values.get(number.args[0], number)
    args = tuple(_with_values(arg, values) for arg in number.args)
    made = Expr(number.op, args, 1 + max(_depth(arg) for arg in args))
    if any(isinstance(arg, Expr) for arg in args):
        return made
    found: Number = evaluate(made, {})
    return found


def _depth(number: Number) -> int:
    return number.depth if isinstance(number, Expr) else 0


def _drawn(content: str, seed: int, number: int, bits: int) -> bytes:
    """Return random bits that say which form it is."""
    told = f"{content} {seed} {number}".encode()
    size = (bits + 7) // 8
    drawn = bytearray(hashlib.shake_256(told).digest(size))
    if bits % 8:
        drawn[-1] &= (1 << bits % 8) - 1
    return bytes(drawn)


class _Bits:
    """Bits of what was drawn, one after the other."""

    def __init__(self, drawn: bytes) -> None:
        self._left = int.from_bytes(drawn, "little")

    def next(self) -> int:
        """Return the next one."""
        bit, self._left = self._left & 1, self._left >> 1
        return bit


def _lines(
    plan: _Plan, random: _Bits, flips: Mapping[int, int], again: int
) -> dict[int, list[str]]:
    """Return what is put in: offset -> lines."""
    outline = plan.outline
    lines: dict[int, list[str]] = {}
    is_first = True
    for number, statement in enumerate(outline.statements):
        writer = _Writer(outline, statement)
        if number in plan.rewritten:
            anew = [line for op in plan.statements[number] for line in writer.twirled(op, random)]
            lines.setdefault(statement.start, []).extend(anew)
        elif number in plan.statements:
            (gate,) = plan.statements[number]
            before, after = writer.around(gate, random)
            lines.setdefault(statement.after, []).extend(before)
            lines.setdefault(statement.end, []).extend(after)
        measures = [each for each in statement.operations if isinstance(each, Measure)]
        last = [op for op in measures if plan.measured.get(op.bit) == op.qubit]
        if last:
            flipped = (op.qubit for op in last if flips[op.bit])
            barriers = [writer.barrier(op.qubit for op in last)] * (1 + again * is_first)
            is_first = False
            put_in = [*map(writer.flip, dict.fromkeys(flipped)), *barriers]
            lines.setdefault(statement.after, []).extend(put_in)
    return lines


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes lines at one statement."""

    outline: Outline
    statement: Statement

    def twirled(self, operation: Operation, random: _Bits) -> list[str]:
        """Write an operation anew, twirled where it can be."""
        own = forward([operation], self.outline.qubits)
        if _name_of(operation, self.outline.program.defined) is None:
            return own
        assert isinstance(operation, Gate)  # or it had no such name
        before, after = self.around(operation, random)
        return [*before, *own, *after]

    def around(self, operation: Operation, random: _Bits) -> tuple[list[str], list[str]]:
        """Return what stands before a gate, and after it."""
        name = _name_of(operation, self.outline.program.defined)
        assert name is not None
        assert isinstance(operation, Gate)
        first, second = operation.qubits
        drawn = ((random.next(), random.next()), (random.next(), random.next()))
        undone = through(name, *drawn)
        barrier = self.barrier(operation.qubits)
        before = [*self._pauli(first, drawn[0]), *self._pauli(second, drawn[1]), barrier]
        return before, [barrier, *self._pauli(first, undone[0]), *self._pauli(second, undone[1])]

    def barrier(self, qubits: Iterable[int]) -> str:
        """Write a barrier on some qubits."""
        names = dict.fromkeys(self.outline.qubits[qubit] for qubit in qubits)
        return f"barrier {', '.join(names)};"

    def flip(self, qubit: int) -> str:
        """Write what turns a qubit over."""
        return self._pauli(qubit, (1, 0))[0]

    def _pauli(self, qubit: int, pauli: Pauli) -> list[str]:
        if not any(pauli):
            return []
        letter, outline = _LETTERS[pauli], self.outline
        is_taken = letter in outline.names or letter in outline.program.defined
        gate = _WRITTEN_OUT[letter] if is_taken or not self.statement.has_library else letter
        return [f"{gate} {outline.qubits[qubit]};"]


def through(name: str, first: Pauli, second: Pauli) -> tuple[Pauli, Pauli]:
    """Return the Paulis that two Paulis before a gate are after it, but for their sign.

    >>> through("cx", (1, 0), (0, 0)), through("swap", (1, 1), (0, 1))
    (((1, 0), (1, 0)), ((0, 1), (1, 1)))
    """
    (x1, z1), (x2, z2) = first, second
    if name == "swap":
        return second, first
    if name == "cz":
        return (x1, z1 ^ x2), (x2, z2 ^ x1)
    if name == "cy":  # as cx, between S† and S on the second qubit
        kept, target = through("cx", first, (x2, z2 ^ x2))
        return kept, (target[0], target[1] ^ target[0])
    return (x1, z1 ^ z2), (x2 ^ x1, z2)
