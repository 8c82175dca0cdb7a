"""What a program does, by the letter of the two specifications, in numpy: exact distributions.

Rules: nothing of qbatch, Qiskit or Aer. The world is a map from the classical bits (one integer) to
an unnormalised quantum state; a measurement splits it, a condition sends its parts two ways, and
parts with equal bits are mixed again. Library gates are the text of ``stdgates.inc`` and
``qelib1.inc``, executed like any own gate; only ``U``, ``CX`` and ``gphase`` are known here.
"""

from __future__ import annotations

import cmath
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from grammar import Node, WrongProgram, parse
from noisy import Noise
from states import LOWER, PROJECT, Array, Density, State, Vectors, controlled, principal_power

#: Radians from which on a double knows an angle too badly for probabilities exact to 1e-9.
MOST_ANGLE = 1e5

#: Probability that a loop may leave undecided, and rounds after which it is called endless.
UNDECIDED = 1e-13
MOST_ROUNDS = 2_000

World = dict[int, State]


class Qubits(NamedTuple):
    indices: tuple[int, ...]
    single: bool = False


class BitRef(NamedTuple):
    indices: tuple[int, ...]
    single: bool = False


class BitString(NamedTuple):
    """The value of classical bits: an unsigned integer of that many bits."""

    value: int
    width: int


@dataclass(frozen=True, eq=False, repr=False)
class Gate:
    """An own or a library gate; `scope` is what its body sees: what was declared before it."""

    params: tuple[str, ...]
    qubits: tuple[str, ...]
    body: tuple[Node, ...]
    scope: Scope
    from_library: bool
    version: int


class Subroutine(NamedTuple):
    params: Sequence[tuple[str, str]]
    body: Sequence[Node]


@dataclass(frozen=True, eq=False, repr=False)
class Scope:
    """Names, and those around them."""

    names: dict[str, Any]
    outer: Scope | None = None

    def find(self, name: str) -> Any:
        if name in self.names:
            return self.names[name]
        if self.outer is None:
            raise WrongProgram(f"unknown name {name!r}")
        return self.outer.find(name)

    def inner(self, **names: Any) -> Scope:
        return Scope(dict(names), self)


class Unresolved(WrongProgram):
    """An angle is so large that what its double says depends on how it was rounded."""


class Returned(WrongProgram):
    """Leaves a subroutine."""


# -- numbers ---------------------------------------------------------------------------------------

_CONSTANTS = {
    "pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e,
    "true": True, "false": False,
}  # fmt: skip

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "exp": math.exp, "ln": math.log,
    "log": math.log, "sqrt": math.sqrt, "arcsin": math.asin, "arccos": math.acos,
    "arctan": math.atan, "pow": pow, "floor": math.floor, "ceiling": math.ceil,
    "mod": lambda a, b: a - b * math.floor(a / b),
    "bool": bool, "int": int, "uint": int, "float": float, "angle": float, "bit": int,
}  # fmt: skip

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "%": operator.mod, "**": pow,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "&&": lambda a, b: bool(a) and bool(b), "||": lambda a, b: bool(a or b),
}  # fmt: skip
_BITWISE: Mapping[str, Callable[[int, int], int]] = {
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
    "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip


def plain(value: Any) -> Any:
    return value.value if isinstance(value, BitString) else value


def combined(sign: str, left: Any, right: Any, version: int) -> Any:
    """Apply a binary operator; bits keep their width, and what is shifted out is lost."""
    a, b = plain(left), plain(right)
    if sign in _BITWISE:
        widths = [one.width for one in (left, right) if isinstance(one, BitString)]
        if sign in ("<<", ">>"):
            widths = widths if isinstance(left, BitString) else []
        result = _BITWISE[sign](int(a), int(b))
        return BitString(result & ((1 << max(widths)) - 1), max(widths)) if widths else result
    if sign == "/":
        if version == 3 and isinstance(a, int) and isinstance(b, int):
            return int(a / b)
        return a / b
    return _ARITHMETIC[sign](a, b)


# -- matrices --------------------------------------------------------------------------------------


def u_matrix(theta: float, phi: float, lam: float) -> Array:
    """Return OpenQASM 3's U(θ, φ, λ), with its phase."""
    e = cmath.exp
    return 0.5 * np.array(
        [
            [1 + e(1j * theta), -1j * e(1j * lam) * (1 - e(1j * theta))],
            [1j * e(1j * phi) * (1 - e(1j * theta)), e(1j * (phi + lam)) * (1 + e(1j * theta))],
        ]
    )


_CX = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]], complex)

#: Library gates that noise meets as their textbook decomposition into gates on one and two qubits.
TEXTBOOK = """
gate ccx a, b, c {
  h c; cx b, c; tdg c; cx a, c; t c; cx b, c; tdg c; cx a, c; t b; t c; h c; cx a, b; t a; tdg b;
  cx a, b;
}
gate cswap a, b, c { cx c, b; ccx a, b, c; cx c, b; }
"""


@cache
def library(file: str) -> Scope:
    """Read ``stdgates.inc`` or ``qelib1.inc``, which stand beside this file."""
    if file not in ("stdgates.inc", "qelib1.inc"):
        raise WrongProgram(f"cannot include {file}")
    text = (Path(__file__).parent / file).read_text("utf-8")
    header = "OPENQASM 2.0;" if file == "qelib1.inc" else "OPENQASM 3.0;"
    reader = Reader(Vectors.empty(), is_library=True)
    reader.version, statements = parse(header + text)
    reader.run(statements, reader.scope)
    return reader.scope


@cache
def textbook() -> Scope:
    """Gates that noise takes apart: the OpenQASM 2 library's, and two that both have."""
    reader = Reader(Vectors.empty(), is_library=True)
    reader.scope.names.update(library("qelib1.inc").names)
    reader.run(parse("OPENQASM 3.0;" + TEXTBOOK)[1], reader.scope)
    return reader.scope


@lru_cache(maxsize=4096)
def gate_matrix(gate: Gate, values: tuple[float, ...]) -> Array:
    """Multiply a gate's body out."""
    k = len(gate.qubits)
    scope = gate.scope.inner(
        **dict(zip(gate.params, values, strict=True)),
        **{name: Qubits((at,), True) for at, name in enumerate(gate.qubits)},
    )
    product = np.eye(1 << k, dtype=complex).reshape((2,) * k + (-1,))
    state = Vectors(product)
    reader = Reader(state, version=gate.version)
    for statement in gate.body:
        if statement[0] == "apply":
            for matrix, qubits, _ in reader.applications(statement, scope):
                state = state.after(matrix, qubits)
        elif statement[0] not in ("barrier", "block"):
            raise WrongProgram(f"{statement[0]} in a gate's body")
    return state.tensor.reshape(1 << k, 1 << k)


# -- programs --------------------------------------------------------------------------------------


class Reader:
    """Executes the statements of one program on the whole world at once."""

    def __init__(
        self,
        state: State,
        inputs: Mapping[str, float] | None = None,
        noise: Noise | None = None,
        *,
        is_library: bool = False,
        version: int = 3,
    ) -> None:
        self.world: World = {0: state}
        self.inputs = inputs or {}
        self.noise = noise
        self.is_library = is_library
        self.version = version
        self.scope = Scope({})
        self.registers: list[BitRef] = []
        self.num_qubits = 0
        self.num_bits = 0
        self.depth = 0

    # -- expressions

    def value(self, node: Node, scope: Scope, bits: int | None = None) -> Any:
        """Compute an expression; classical bits have a value where `bits` is given."""
        match node:
            case ("number", number):
                return number
            case ("literal", number, width):
                return BitString(number, width)
            case ("name", name) if name in _CONSTANTS and not _is_known(scope, name):
                return _CONSTANTS[name]
            case ("name", _) | ("pick", _, _):
                found = self.reference(node, scope)
                if isinstance(found, BitRef):
                    return _read(found, bits)
                if isinstance(found, int | float):
                    return found
                raise WrongProgram(f"no value: {node}")
            case ("call", name, args):
                return _FUNCTIONS[name](*(plain(self.value(arg, scope, bits)) for arg in args))
            case ("unary", sign, inner):
                return _unary(sign, self.value(inner, scope, bits))
            case ("binary", sign, left, right):
                a, b = self.value(left, scope, bits), self.value(right, scope, bits)
                return combined(sign, a, b, self.version)
        raise WrongProgram(f"no expression: {node}")

    def reference(self, node: Node, scope: Scope) -> Any:
        """Resolve ``name`` or ``name[…]`` to qubits, bits or a number."""
        if node[1].startswith("$"):
            return self._physical(int(node[1][1:]))
        found = scope.find(node[1])
        if node[0] == "name":
            return found
        kind, indices = type(found), found.indices
        if found.single:
            raise WrongProgram(f"{node[1]} has no index")
        match node[2]:
            case ("index", index):
                return kind((_at(indices, self.value(index, scope)),), True)
            case ("set", members):
                return kind(tuple(_at(indices, self.value(one, scope)) for one in members))
            case ("range", first, step, last):
                numbers = [None if e is None else self.value(e, scope) for e in (first, step, last)]
                return kind(tuple(indices[i] for i in _span(*numbers, len(indices))))
        raise WrongProgram(f"no operand: {node}")

    def _physical(self, number: int) -> Qubits:
        if number >= self.num_qubits:
            self._more_qubits(number + 1 - self.num_qubits)
        return Qubits((number,), True)

    # -- gates

    def applications(
        self, node: Node, scope: Scope
    ) -> Iterable[tuple[Array, tuple[int, ...], tuple[Gate | None, str, tuple[float, ...], Node]]]:
        """Yield (matrix, qubits, what it is) of a statement that applies a gate, broadcast."""
        _, modifiers, name, args, operands = node
        values = tuple(float(plain(self.value(arg, scope))) for arg in args)
        gate = _find_gate(scope, name)
        matrix = self.matrix(gate, name, values)
        for kind, argument in reversed(modifiers):
            number = self.value(argument, scope)
            if kind == "inv":
                matrix = matrix.conj().T
            elif kind == "pow":
                matrix = principal_power(matrix, number)
            else:
                for _ in range(number):
                    matrix = controlled(matrix, 1 if kind == "ctrl" else 0)
        places = [self.reference(operand, scope) for operand in operands]
        if not all(isinstance(place, Qubits) for place in places):
            raise WrongProgram(f"operand of {name} is no qubit")
        lengths = {len(place.indices) for place in places if not place.single}
        if len(lengths) > 1 or 1 << len(places) != len(matrix):
            raise WrongProgram(f"operands of {name}")
        for at in range(lengths.pop() if lengths else 1):
            qubits = tuple(p.indices[0] if p.single else p.indices[at] for p in places)
            if len(set(qubits)) < len(qubits):
                raise WrongProgram(f"{name} on one qubit twice")
            yield matrix, qubits, (gate, name, values, modifiers)

    def matrix(self, gate: Gate | None, name: str, values: tuple[float, ...]) -> Array:
        if gate is not None:
            if len(gate.params) != len(values):
                raise WrongProgram(f"angles of {name}")
            return gate_matrix(gate, values)
        if name in ("U", "gphase") and any(abs(value) > MOST_ANGLE for value in values):
            raise Unresolved(f"an angle of more than {MOST_ANGLE:g}")
        if name == "U" and len(values) == 3:
            return u_matrix(*values)
        if name == "gphase" and len(values) == 1 and self.version == 3:
            return np.array([[cmath.exp(1j * values[0])]])
        if name == "CX" and not values and self.version == 2:
            return _CX
        raise WrongProgram(f"unknown gate {name!r}")

    def _apply(self, node: Node, scope: Scope) -> None:
        found = _lookup(scope, node[2])
        if isinstance(found, Subroutine):
            self._call(found, [*node[3], *node[4]], scope)
            return
        for matrix, qubits, what in self.applications(node, scope):
            if self.noise:
                self._noisily(matrix, qubits, what)
            else:
                self._everywhere(lambda s, m=matrix, q=qubits: s.after(m, q))

    def _noisily(self, matrix: Array, qubits: tuple[int, ...], what: Any) -> None:
        """Apply a gate as noise meets it: own gates and large library gates by their bodies."""
        gate, name, values, modifiers = what
        noise = self.noise
        assert noise is not None
        if gate is not None and (not gate.from_library or len(qubits) > 2):
            if modifiers:
                raise WrongProgram("the reference knows no noise of a modified gate")
            if gate.from_library:
                gate = textbook().names[name]
            scope = gate.scope.inner(
                **dict(zip(gate.params, values, strict=True)),
                **{name: Qubits((q,), True) for name, q in zip(gate.qubits, qubits, strict=True)},
            )
            self.run(gate.body, scope)
            return
        self._everywhere(lambda s: s.after(matrix, qubits))
        if qubits:
            self._everywhere(lambda s: noise.after_gate(s, name, qubits))

    def _everywhere(self, change: Callable[[Any], State]) -> None:
        self.world = {bits: change(state) for bits, state in self.world.items()}

    # -- statements

    def run(self, statements: Iterable[Node], scope: Scope) -> None:
        for statement in statements:
            self.statement(statement, scope)

    def statement(self, node: Node, scope: Scope) -> None:
        match node:
            case ("apply", *_):
                self._apply(node, scope)
            case ("measure", source, target):
                self._measure(self._qubits(source, scope), target, scope)
            case ("assign", target, ("measured", source)):
                self._measure(self._qubits(source, scope), target, scope)
            case ("assign", target, ("call", name, args)):
                returned = self._call(scope.find(name), args, scope)
                self._move(returned, self.reference(target, scope))
            case ("reset", target):
                for qubit in self._qubits(target, scope).indices:
                    self._everywhere(
                        lambda s, q=qubit: s.after(PROJECT[0], [q]).plus(s.after(LOWER, [q]))
                    )
            case ("delay", seconds, targets):
                self._delay(seconds, targets, scope)
            case ("if", condition, then, otherwise):
                self._branch(condition, then, otherwise, scope)
            case ("while", condition, body):
                self._loop(condition, body, scope)
            case ("for", name, values, body):
                for value in self._loop_values(values, scope):
                    self.run(body, scope.inner(**{name: value}))
            case ("switch", subject, cases, default):
                self._switch(subject, cases, default, scope)
            case ("block", body):
                self.run(body, scope.inner())
            case ("return", value):
                raise Returned(value, scope)
            case ("barrier", targets):
                for target in targets:
                    self._qubits(target, scope)
            case _:
                self._declare(node, scope)

    def _declare(self, node: Node, scope: Scope) -> None:
        match node:
            case ("include", file):
                self.scope.names.update(library(file).names)
            case ("qubits", name, size):
                count = 1 if size is None else self.value(size, scope)
                first = self.num_qubits
                self._more_qubits(count)
                self._name(scope, name, Qubits(tuple(range(first, first + count)), size is None))
            case ("bits", name, size, first_value):
                self._bits(name, size, first_value, scope)
            case ("input", _, name):
                self._name(scope, name, float(self.inputs[name]))
            case ("const", kind, name, expression):
                value = plain(self.value(expression, scope))
                self._name(scope, name, float(value) if kind in ("float", "angle") else value)
            case ("let", name, parts):
                found = [self.reference(part, scope) for part in parts]
                single = len(found) == 1 and found[0].single
                joined = tuple(index for one in found for index in one.indices)
                self._name(scope, name, type(found[0])(joined, single))
            case ("gate", name, params, qubits, body):
                scope.names[name] = Gate(
                    *(tuple(params), tuple(qubits), tuple(body)),
                    Scope(dict(scope.names), scope.outer),
                    self.is_library,
                    self.version,
                )
            case ("def", name, params, body):
                scope.names[name] = Subroutine(params, body)
            case _:
                raise WrongProgram(f"no statement: {node[0]}")

    def _name(self, scope: Scope, name: str, value: Any) -> None:
        if name in scope.names and not isinstance(scope.names[name], Gate):
            raise WrongProgram(f"{name} is declared twice")
        scope.names[name] = value

    def _more_qubits(self, count: int) -> None:
        self.num_qubits += count
        self._everywhere(lambda state: state.grown(count))

    def _bits(self, name: str, size: Node | None, first_value: Node | None, scope: Scope) -> None:
        count = 1 if size is None else self.value(size, scope)
        bits = BitRef(tuple(range(self.num_bits, self.num_bits + count)), size is None)
        self.num_bits += count
        self._name(scope, name, bits)
        if scope is self.scope:
            self.registers.append(bits)
        if first_value is not None and first_value[0] == "measured":
            self._measure(self._qubits(first_value[1], scope), ("name", name), scope)
        elif first_value is not None:
            value = int(plain(self.value(first_value, scope)))
            self._rewrite(
                lambda old: old | sum(1 << b for i, b in enumerate(bits.indices) if value >> i & 1)
            )

    def _qubits(self, node: Node, scope: Scope) -> Qubits:
        found = self.reference(node, scope)
        if not isinstance(found, Qubits):
            raise WrongProgram(f"{node} is no qubit")
        return found

    def _measure(self, source: Qubits, target: Node | None, scope: Scope) -> None:
        bits = None if target is None else self.reference(target, scope)
        if bits is not None and len(bits.indices) != len(source.indices):
            raise WrongProgram("measurement of different sizes")
        for at, qubit in enumerate(source.indices):
            self._measure_one(qubit, None if bits is None else bits.indices[at])

    def _measure_one(self, qubit: int, bit: int | None) -> None:
        noise, found = self.noise, World()
        flips = (0.0, 0.0)
        if noise:
            flips = (noise.qubit(qubit).p10, noise.qubit(qubit).p01)
        for bits, state in self.world.items():
            if noise:
                assert isinstance(state, Density)
                state = noise.before_measurement(state, qubit)
            for outcome in (0, 1):
                part = state.after(PROJECT[outcome], [qubit])
                if part.weight < 1e-30:
                    continue
                for read in (0, 1):
                    chance = flips[outcome] if read != outcome else 1 - flips[outcome]
                    if chance:
                        _add(found, _written(bits, bit, read), part.times(chance))
        self.world = found

    def _rewrite(self, change: Callable[[int], int]) -> None:
        found = World()
        for bits, state in self.world.items():
            _add(found, change(bits), state)
        self.world = found

    def _move(self, source: BitRef, target: BitRef) -> None:
        """Copy bits: what a subroutine returns."""
        if len(source.indices) != len(target.indices):
            raise WrongProgram("a result of another size")

        def moved(bits: int) -> int:
            new = bits
            for a, b in zip(source.indices, target.indices, strict=True):
                new = _written(new, b, bits >> a & 1)
            return new

        self._rewrite(moved)

    def _delay(self, seconds: float, targets: Sequence[Node], scope: Scope) -> None:
        noise = self.noise
        if noise is None:
            return
        named = [q for t in targets for q in self._qubits(t, scope).indices]
        qubits = named if targets else [*range(self.num_qubits)]
        self._everywhere(lambda state: noise.waited(state, seconds, qubits))

    # -- control

    def _split(self, test: Callable[[int], bool]) -> tuple[World, World]:
        yes = {bits: state for bits, state in self.world.items() if test(bits)}
        return yes, {bits: s for bits, s in self.world.items() if bits not in yes}

    def _within(self, world: World, body: Sequence[Node], scope: Scope) -> World:
        """Execute a block on a part of the world."""
        self.world = world
        if world:
            self.run(body, scope.inner())
        return self.world

    def _truth(self, condition: Node, scope: Scope) -> Callable[[int], bool]:
        return lambda bits: bool(plain(self.value(condition, scope, bits)))

    def _branch(
        self, condition: Node, then: Sequence[Node], otherwise: Sequence[Node], scope: Scope
    ) -> None:
        yes, no = self._split(self._truth(condition, scope))
        taken, left = self._within(yes, then, scope), self._within(no, otherwise, scope)
        self.world = _joined(taken, left)

    def _loop(self, condition: Node, body: Sequence[Node], scope: Scope) -> None:
        done: World = {}
        for _ in range(MOST_ROUNDS):
            more, out = self._split(self._truth(condition, scope))
            done = _joined(done, out)
            if sum(state.weight for state in more.values()) < UNDECIDED:
                self.world = done
                return
            self._within(more, body, scope)
        raise WrongProgram("this loop hardly ends")

    def _loop_values(self, values: Node, scope: Scope) -> Iterable[int]:
        if values[0] == "set":
            return [self.value(one, scope) for one in values[1]]
        _, first, step, last = values
        by = 1 if step is None else self.value(step, scope)
        end = self.value(last, scope)
        return range(self.value(first, scope), end + (1 if by > 0 else -1), by)

    def _switch(self, subject: Node, cases: Any, default: Sequence[Node], scope: Scope) -> None:
        done: World = {}
        for values, body in cases:
            wanted = {int(plain(self.value(value, scope))) for value in values}
            yes, rest = self._split(lambda b, w=wanted: plain(self.value(subject, scope, b)) in w)
            done = _joined(done, self._within(yes, body, scope))
            self.world = rest
        self.world = _joined(done, self._within(self.world, default, scope))

    def _call(self, found: Any, args: Sequence[Node], scope: Scope) -> Any:
        """Execute a subroutine where it is called; returns the bits it returns."""
        if not isinstance(found, Subroutine) or len(args) != len(found.params):
            raise WrongProgram("no such subroutine")
        self.depth += 1
        if self.depth > 20:
            raise WrongProgram("subroutines within subroutines")
        inner = self.scope.inner()
        for (kind, name), arg in zip(found.params, args, strict=True):
            inner.names[name] = self._argument(kind, arg, scope)
        try:
            self.run(found.body, inner)
        except Returned as returned:
            return self._returned(*returned.args)
        finally:
            self.depth -= 1
        return None

    def _argument(self, kind: str, arg: Node, scope: Scope) -> Any:
        if kind == "qubit":
            return self._qubits(arg, scope)
        if kind != "bit":
            return plain(self.value(arg, scope))
        given = self.reference(arg, scope)
        own = self._fresh(len(given.indices), given.single)
        self._move(given, own)
        return own

    def _fresh(self, count: int, single: bool) -> BitRef:
        first = self.num_bits
        self.num_bits += count
        return BitRef(tuple(range(first, first + count)), single)

    def _returned(self, value: Node | None, scope: Scope) -> Any:
        if value is None:
            return None
        if value[0] == "measured":
            source = self._qubits(value[1], scope)
            own = self._fresh(len(source.indices), source.single)
            for qubit, bit in zip(source.indices, own.indices, strict=True):
                self._measure_one(qubit, bit)
            return own
        return self.reference(value, scope)


def _lookup(scope: Scope, name: str) -> Any:
    try:
        return scope.find(name)
    except WrongProgram:
        return None


def _is_known(scope: Scope, name: str) -> bool:
    return _lookup(scope, name) is not None


def _find_gate(scope: Scope, name: str) -> Gate | None:
    """Find a gate; what else bears its name further in does not hide it."""
    found = scope.names.get(name)
    if isinstance(found, Gate):
        return found
    return _find_gate(scope.outer, name) if scope.outer else None


def _read(bits: BitRef, world: int | None) -> BitString:
    if world is None:
        raise WrongProgram("a bit where a constant is needed")
    value = sum((world >> bit & 1) << at for at, bit in enumerate(bits.indices))
    return BitString(value, len(bits.indices))


def _unary(sign: str, value: Any) -> Any:
    if sign == "!":
        return not plain(value)
    if sign == "~":
        if isinstance(value, BitString):
            return BitString(~value.value & ((1 << value.width) - 1), value.width)
        return not value if isinstance(value, bool) else ~value
    return -plain(value) if sign == "-" else value


def _at(indices: tuple[int, ...], index: int) -> int:
    if not -len(indices) <= index < len(indices):
        raise WrongProgram(f"index {index}")
    return indices[index]


def _span(first: int | None, step: int | None, last: int | None, size: int) -> Iterable[int]:
    """Spell out ``[first:step:last]``, both ends in it, negative ones counted from the end."""
    by = step or 1
    begin = (0 if by > 0 else size - 1) if first is None else first
    end = (size - 1 if by > 0 else 0) if last is None else last
    begin, end = begin + size * (begin < 0), end + size * (end < 0)
    if not (0 <= begin < size and 0 <= end < size):
        raise WrongProgram("a range outside its register")
    return range(begin, end + (1 if by > 0 else -1), by)


def _written(bits: int, bit: int | None, value: int) -> int:
    return bits if bit is None else bits & ~(1 << bit) | value << bit


def _add(world: World, bits: int, state: Any) -> None:
    world[bits] = world[bits].plus(state) if bits in world else state


def _joined(one: World, other: World) -> World:
    found = dict(one)
    for bits, state in other.items():
        _add(found, bits, state)
    return found


def evaluate(
    text: str, inputs: Mapping[str, float] | None = None, noise: Noise | None = None
) -> dict[str, float]:
    """Return bitstring -> probability of a program's final classical bits.

    A bitstring is printed as Qiskit does: the last register declared comes first, a register's bit
    0 is its last character, registers are apart by a space.

    Raises:
        WrongProgram: It is none, or beyond the reference.
        Unresolved: An angle is too large for an exact answer.
    """
    reader = Reader(Density.empty() if noise else Vectors.empty(), inputs, noise)
    reader.version, statements = parse(text)
    if ("end",) in statements:
        statements = statements[: statements.index(("end",))]
    reader.run(statements, reader.scope)
    if not reader.registers:
        raise WrongProgram("no classical bits")
    found: dict[str, float] = {}
    for bits, state in reader.world.items():
        words = [
            "".join("01"[bits >> bit & 1] for bit in reversed(register.indices))
            for register in reversed(reader.registers)
        ]
        key = " ".join(words)
        found[key] = found.get(key, 0.0) + state.weight
    return {key: weight for key, weight in sorted(found.items()) if weight > 1e-14}
