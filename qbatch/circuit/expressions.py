"""Reading expressions: angles, sizes, conditions.

Rules: numbers are folded at once, in 64 bits and finite; what names an input or a classical bit
stays an `Expr`. OpenQASM 3 divides integers as integers: a division that would drop a remainder is
refused, since `rx(1/2)` is never meant to be `rx(0)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from qbatch.circuit.gates import CONSTANTS
from qbatch.circuit.program import FUNCTIONS, OPERATORS, Expr, Number
from qbatch.circuit.text import Source
from qbatch.circuit.tokens import NESTING, Cursor, Token

#: OpenQASM 3, from loose to tight.
_PRECEDENCE = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 12,
}  # fmt: skip
_UNARY = 11
_PRECEDENCE_2 = {"==": 6, "+": 9, "-": 9, "*": 10, "/": 10, "^": 12}
_TESTS = frozenset({"==", "!=", "<", ">", "<=", ">=", "&&", "||", "!"})
#: On conditions over classical bits only these are supported.
_ON_BITS = _TESTS | {"&", "|", "^", "~"}


@dataclass(frozen=True, slots=True)
class Qubits:
    """Qubits by number; `indexable` unless it is a single one."""

    indices: tuple[int, ...]
    indexable: bool = True


@dataclass(frozen=True, slots=True)
class Bits:
    """Classical bits by number; `name` where they are a whole register."""

    indices: tuple[int, ...]
    indexable: bool = True
    name: str | None = None


#: Not every number has a value of these.
_PARTIAL = frozenset({"/", "**", "sqrt", "ln", "log", "arcsin", "arccos", "asin", "acos", "exp"})

#: A literal before one of these is all there is to read.
_ENDS = frozenset({"]", ")", ",", ":", "}"})

#: Qiskit's parameters cannot do these.
_NUMBERS_ONLY = frozenset({"%", "mod", "floor", "ceiling"})

#: What a name in scope may stand for: a number, an input, quantum or classical bits.
Symbol = int | float | Expr | Qubits | Bits


class Reader(Cursor):
    """Reads expressions; knows the names in scope."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.version = "3.0"
        self.symbols: dict[str, Symbol] = {}
        self.may_fail = False

    def expression(self, tighter_than: int = 0) -> Symbol:
        """Read an expression of operators that bind tighter than the given precedence."""
        self.deeper()
        left = self._operand()
        table = _PRECEDENCE if self.version == "3.0" else _PRECEDENCE_2
        while True:
            token = self.tokens[self.at]
            precedence = table.get(token.text, 0) if token.kind == "op" else 0
            if precedence <= tighter_than:
                break
            self.at += 1
            # ** is right-associative
            right = self.expression(precedence - 1 if precedence == 12 else precedence)
            operator = "**" if self.version == "2.0" and token.text == "^" else token.text
            left = self._combine(operator, (left, right), token)
        self.nesting -= 1
        return left

    def _operand(self) -> Symbol:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "int":
            return self._integer(token)
        if token.kind == "real":
            return self._finite(float(token.text.replace("_", "")), token)
        if token.kind == "id":
            return self._named(token)
        if token.text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token.text in ("-", "+", "!", "~"):
            inner = self.expression(_UNARY)
            if token.text == "+":
                return inner
            return self._combine({"-": "neg"}.get(token.text, token.text), (inner,), token)
        if token.kind == "string" and set(token.text[1:-1]) <= {"0", "1", "_"}:
            digits = token.text[1:-1].replace("_", "")
            if 0 < len(digits) < 63:
                return int(digits, 2)
        self.at -= 1
        raise self.error(f"expected a value, found {self.found}")

    def _integer(self, token: Token) -> int:
        digits = token.text.replace("_", "")
        value = int(digits, 0) if digits[:1] == "0" and digits[1:2].isalpha() else None
        if value is None and len(digits) < 20:
            value = int(digits)
        if value is None or value >= 2**63:
            raise self.error("this integer does not fit into 64 bits", token)
        return value

    def _named(self, token: Token) -> Symbol:
        name = token.text
        if name in FUNCTIONS and self.token.text == "(" and name not in self.symbols:
            return self._call(token)
        symbol = self.symbols.get(name)
        if symbol is None:
            if name in CONSTANTS and (self.version == "3.0" or name == "pi"):
                return CONSTANTS[name]
            raise self.unknown(token, "value", [*self.symbols, *CONSTANTS])
        if isinstance(symbol, Bits):
            if self.token.text == "[":
                symbol = Bits(*self.picked(symbol.indices, name))
            return _test_of(symbol, self, token)
        if isinstance(symbol, Qubits):
            raise self.error(f"'{name}' is quantum; a number is needed here", token)
        return symbol

    def _call(self, token: Token) -> Symbol:
        args = self.arguments()
        expected = 2 if token.text in ("mod", "pow") else 1
        if len(args) != expected:
            raise self.error(f"{token.text}() takes {expected} argument(s), got {len(args)}", token)
        return self._combine("**" if token.text == "pow" else token.text, tuple(args), token)

    def arguments(self) -> list[Number]:
        """Read numbers in parentheses: ``(a, b, …)``."""
        self.expect("(")
        args: list[Number] = []
        while not self.take(")"):
            if args:
                self.expect(",", " or ')'")
                if self.take(")"):
                    break
            args.append(self.number())
        return args

    def number(self) -> Number:
        """Read a number or an expression over inputs."""
        token = self.tokens[self.at]
        if token.kind == "real" and self.tokens[self.at + 1].text in _ENDS:
            self.at += 1
            return self._finite(float(token.text.replace("_", "")), token)
        value = self.expression()
        if isinstance(value, bool | Qubits | Bits) or (isinstance(value, Expr) and value.on_bits):
            raise self.error("a number is needed here", token)
        return value

    def constant(self, what: str) -> int | float:
        """Read a number that depends on no input."""
        token = self.token
        value = self.number()
        if isinstance(value, Expr):
            raise self.error(f"{what} must not depend on an input", token)
        return value

    def integer(self, what: str) -> int:
        """Read an integer that depends on no input."""
        token = self.token
        value = self.constant(what)
        if not isinstance(value, int):
            raise self.error(f"{what} must be an integer, not {value}", token)
        return value

    # -- folding

    def _combine(self, operator: str, args: tuple[Symbol, ...], token: Token) -> Symbol:
        if any(isinstance(arg, Qubits | Bits) for arg in args):
            raise self.error(f"'{operator}' takes numbers", token)
        if not any(isinstance(arg, Expr) for arg in args):
            return self._fold(operator, args, token)  # type: ignore[arg-type]
        trees = [arg for arg in args if isinstance(arg, Expr)]
        on_bits = any(tree.on_bits for tree in trees)
        if on_bits and operator not in _ON_BITS:
            raise self.error(f"'{operator}' on measured bits is not supported", token)
        if on_bits and not all(tree.on_bits for tree in trees):
            raise self.error("a condition cannot mix measured bits and inputs", token)
        if not on_bits and operator in _ON_BITS:
            raise self.error(f"'{operator}' on an input is not supported", token)
        self._check_range(args, token)
        if operator in _NUMBERS_ONLY:
            raise self.error(f"{operator} of an input is not supported", token)
        if operator in _PARTIAL and not (operator == "/" and not isinstance(args[1], Expr)):
            self.may_fail = True
        depth = 1 + max(tree.depth for tree in trees)
        if depth > 4 * NESTING:
            raise self.error("this expression is too long", token)
        return Expr(operator, args, on_bits, depth)

    def _check_range(self, args: tuple[Symbol, ...], token: Token) -> None:
        """Refuse to compare bits with a number that they cannot be."""
        for tree, other in zip(args, reversed(args), strict=True):
            if isinstance(tree, Expr) and tree.on_bits and not isinstance(other, Expr):
                width = len(tree.args) - 1 if tree.op == "register" else 1
                if not isinstance(other, int) or not 0 <= other < 2**width:
                    raise self.error(f"{width} bit(s) are never {other}", token)

    def _fold(self, operator: str, args: tuple[int | float, ...], token: Token) -> int | float:
        try:
            return self._finite(self._compute(operator, args, token), token)
        except ZeroDivisionError:
            raise self.error("division by zero", token) from None
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self.error(f"'{operator}' cannot be computed here: {error}", token) from error

    def _compute(self, operator: str, args: tuple[int | float, ...], token: Token) -> int | float:
        if operator == "neg":
            return -args[0]
        if operator == "!":
            return not args[0]
        if operator == "~":
            raise self.error("'~' on a number is not supported", token)
        if operator not in OPERATORS:
            return FUNCTIONS[operator](*args)
        left, right = args
        whole = isinstance(left, int) and isinstance(right, int)
        if operator in ("**", "<<") and whole and abs(right) > 64:
            left = float(left)
        if operator == "/" and whole and self.version == "3.0":
            if right and left % right:
                raise self.error(
                    f"{left}/{right} divides integers, which OpenQASM 3 rounds to "
                    f"{int(left / right)}; write {left}.0/{right} for {left / right:g}",
                    token,
                )
            return int(left // right)
        result = OPERATORS[operator](left, right)
        if not isinstance(result, int | float):
            raise ArithmeticError("the result is not real")  # noqa: TRY004
        return result

    def _finite(self, value: int | float, token: Token) -> int | float:
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error("this number is not finite", token)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise self.error("this integer does not fit into 64 bits", token)
        return value

    # -- bits and qubits by index

    def picked(self, register: tuple[int, ...], name: str) -> tuple[tuple[int, ...], bool]:
        """Read ``[index]``, ``[a:b]``, ``[a:step:b]`` or ``[{a, b}]`` after a register's name.

        Returns:
            The members picked, and whether they can be indexed again (False for a single index).
        """
        self.expect("[")
        if self.tokens[self.at].kind == "int" and self.tokens[self.at + 1].text == "]":
            first = self._index(register, name)
            self.at += 1
            return (first,), False
        if self.take("{"):
            indices = [self._index(register, name)]
            while self.take(","):
                indices.append(self._index(register, name))
            self.expect("}")
            self.expect("]")
            return tuple(indices), True
        if self.token.text != ":":
            first = self._index(register, name)
            if self.take("]"):
                return (first,), False
            start = register.index(first)
        else:
            start = 0
        return self._slice(register, start, name), True

    def _index(self, register: tuple[int, ...], name: str) -> int:
        token = self.tokens[self.at]
        if token.kind == "int" and self.tokens[self.at + 1].text in _ENDS:
            self.at += 1
            index = self._integer(token)
        else:
            index = self.integer("an index")
        if not -len(register) <= index < len(register):
            size = len(register)
            raise self.error(f"index {index} is out of range: '{name}' has {size} bits", token)
        return register[index]

    def _slice(self, register: tuple[int, ...], start: int, name: str) -> tuple[int, ...]:
        """Read the rest of a range; both ends belong to it."""
        token = self.expect(":", " or ']'")
        numbers = []
        while self.token.text != "]":
            numbers.append(self.integer("a range's end"))
            if not self.take(":"):
                break
        self.expect("]")
        end = numbers[-1] if numbers else len(register) - 1
        step = numbers[0] if len(numbers) == 2 else 1
        end = end + len(register) if end < 0 else end
        if len(numbers) > 2 or step == 0 or not 0 <= end < len(register):
            raise self.error(f"this range is not within '{name}' of {len(register)} bits", token)
        if step < 0:
            return tuple(register[index] for index in range(start, end - 1, step))
        return register[start : end + 1 : step]


def _test_of(bits: Bits, reader: Reader, token: Token) -> Expr:
    if not bits.indexable:
        return Expr("bit", bits.indices, on_bits=True)
    if bits.name is None:
        raise reader.error("a condition takes a bit or a whole register", token)
    return Expr("register", (bits.name, *bits.indices), on_bits=True)
