"""Reading expressions: angles, sizes, conditions.

Rules: what operators come to is `operators`'; what names measured bits is a `Word`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping

from qbatch.circuit.program import FUNCTIONS, Expr, Number
from qbatch.circuit.qasm.conditions import JOINED, UnfitError, Word, cast, rotated
from qbatch.circuit.qasm.members import ENDS
from qbatch.circuit.qasm.names import CONSTANTS, REFUSED
from qbatch.circuit.qasm.operators import Operators
from qbatch.circuit.qasm.symbols import Bits, Qubits, Symbol, Time, Variable
from qbatch.circuit.qasm.times import in_seconds
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits, Source

#: OpenQASM 3, from loose to tight.
_PRECEDENCE = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 12,
}  # fmt: skip
_UNARY = 11
_PRECEDENCE_2 = {"==": 6, "+": 9, "-": 9, "*": 10, "/": 10, "^": 12}
#: Types by which a value can be converted: ``uint[4](c)``.
_CASTS = frozenset({"bool", "bit", "int", "uint", "float", "angle"})


_ROTATIONS = frozenset({"rotl", "rotr"})


class Reader(Operators, ABC):
    """Reads expressions; knows the names in scope.

    Attributes:
        symbols: What each name in scope stands for.
        constants: Those at the top of the circuit: all that gates and subroutines see of it.
        hidden: What a gate or a subroutine does not see.
        unset: Bits of a subroutine that have not been measured yet.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.symbols: MutableMapping[str, Symbol] = {}
        self.constants: dict[str, Symbol] = {}
        self.hidden: Mapping[str, Symbol] = {}
        self.unset: dict[int, int] = {}
        self.num_bits_read = 0

    @abstractmethod
    def value_of_call(self, token: Token) -> Symbol | None:
        """Read the call of a subroutine, if the name is one's, and return what it returns."""

    @abstractmethod
    def fitted_integer(self, kind: str, width: int | None, value: int, start: Token) -> int:
        """Return an integer that its type can hold; refuse it otherwise."""

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
            chain = [left, right]
            while operator in JOINED and self.take(operator):
                chain.append(self.expression(precedence))
            left = self.joined(operator, chain, token)
        self.nesting -= 1
        return left

    def _operand(self) -> Symbol:
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "int":
            return self.literal_integer(token)
        if token.kind == "real":
            return self.finite(float(token.text.replace("_", "")), token)
        if token.kind == "id":
            return self._named(token)
        if token.kind == "duration":
            return self._time(token)
        if token.text == "(":
            inner = self.expression()
            self.expect(")")
            while self.tokens[self.at].text == "[" and isinstance(inner, Word):
                inner = self._bits_within(inner, token)
            return inner
        if token.text in ("-", "+", "!", "~"):
            inner = self.expression(_UNARY)
            if token.text == "+":
                return inner
            return self.combined({"-": "neg"}.get(token.text, token.text), (inner,), token)
        digits = token.text[1:-1].replace("_", "") if token.kind == "string" else ""
        if 0 < len(digits) <= Limits.BITS and set(digits) <= {"0", "1"}:
            return Word.literal(digits)
        self.at -= 1
        if token.kind == "imaginary":
            raise self.error("complex numbers are not supported; write angles, which are real")
        raise self.error(f"expected a value, found {self.found}")

    def _time(self, token: Token) -> Time:
        try:
            return in_seconds(token.text)
        except UnfitError as error:
            raise self.error(str(error), token) from None

    def _named(self, token: Token) -> Symbol:
        name = token.text
        symbol = self.symbols.get(name)
        if symbol is None:
            return self._unscoped(token)
        if isinstance(symbol, Bits):
            picked = self.members(symbol, token)
            self.check_set(picked, token)
            self.num_bits_read += len(picked.indices)
            return Word.of_bits(picked.indices)
        if isinstance(symbol, Variable):
            if symbol.value is None:
                raise self.error(f"'{name}' has no value yet; set it first", token)
            return self._bit_of(symbol.value, symbol.width, token)
        if isinstance(symbol, Qubits):
            raise self.error(f"'{name}' is quantum; a number is needed here", token)
        while isinstance(symbol, Word) and self.token.text == "[":
            symbol = self._bits_within(symbol, token)
        return symbol if isinstance(symbol, Word) else self._bit_of(symbol, None, token)

    def _bit_of(self, value: Number | Time, width: int | None, token: Token) -> Number | Time:
        """Read the index after a number, if there is one: ``n[0]`` is its lowest bit."""
        if self.token.text != "[":
            return value
        self.at += 1
        index = self.integer("an index")
        self.expect("]")
        if not isinstance(value, int) or not 0 <= index < (width or 64):
            raise self.error(f"'{token.text}' has no bit {index}; name a bit that it has", token)
        return value >> index & 1

    def _unscoped(self, token: Token) -> Symbol:
        """Read what begins with a name that nobody declared: a cast, a function, a constant."""
        name = token.text
        if self.token.text in ("(", "["):
            if name in _CASTS and self.version == "3.0":
                return self._cast(token)
            if name in _ROTATIONS and self.version == "3.0":
                return self._rotation(token)
            if name in FUNCTIONS:
                return self._call(token)
            if (value := self.value_of_call(token)) is not None:
                return value
        if name in CONSTANTS and (self.version == "3.0" or name == "pi"):
            return CONSTANTS[name]
        if name in REFUSED and self.version == "3.0":
            raise self.error(f"'{name}' {REFUSED[name]}", token)
        if name == "measure" and self.version == "3.0":
            raise self.error(
                "a measurement needs a bit of its own: c = measure q; then use c", token
            )
        if name in self.hidden and self.hidden is not self.symbols:
            raise self.error(
                f"'{name}' is not visible within gates and subroutines; only what is const is, "
                "and what they are given",
                token,
            )
        known = [known for known, it in self.symbols.items() if not isinstance(it, Qubits)]
        raise self.unknown(token, "value", [*known, *CONSTANTS])

    def check_set(self, bits: Qubits | Bits, token: Token) -> None:
        """Refuse to read a subroutine's bits where they may not have been measured."""
        if not self.unset.keys().isdisjoint(bits.indices):
            raise self.error(
                f"'{token.text}' may not have been measured where it is read; "
                "measure it first, whichever way the program goes",
                token,
            )

    def _bits_within(self, word: Word, token: Token) -> Word:
        if word.kind == "bool":
            raise self.error("true and false have no index; take it away", token)
        chosen, _ = self.picked(Bits(tuple(range(len(word.bits)))), "this value")
        return Word(tuple(word.bits[index] for index in chosen))

    def _cast(self, token: Token) -> Symbol:
        """Read ``type(value)`` or ``type[width](value)``."""
        width = self.integer("a width") if self.take("[") else None
        if width is not None:
            self.expect("]")
            if not 0 < width <= Limits.BITS:
                raise self.error(
                    f"{token.text}[{width}] is no type; write a size of 1 or more that fits", token
                )
        self.expect("(")
        value = self.expression()
        self.expect(")")
        if isinstance(value, Word) or token.text == "bit":
            return self._bits_as(value, token, width)
        return self._number_as(value, token, width)

    def _bits_as(self, value: Symbol, token: Token, width: int | None) -> Word:
        if not isinstance(value, Word | int) or token.text in ("float", "angle"):
            raise self.error(
                f"{token.text}() cannot take this value; give it a whole number or bits", token
            )
        try:
            return cast(value, token.text, width)
        except UnfitError as error:
            raise self.error(str(error), token) from None

    def _number_as(self, value: Symbol, token: Token, width: int | None) -> Symbol:
        kind = token.text
        if isinstance(value, Qubits | Bits | Word | Variable | Time):
            raise self.error(f"{kind}() takes a number", token)
        if isinstance(value, Expr):
            if kind not in ("float", "angle"):
                raise self.error(
                    f"{kind}() of an input is not supported; declare the input as of that type",
                    token,
                )
            return value
        if kind == "bool":
            return bool(value)
        if kind in ("int", "uint"):
            return self.fitted_integer(kind, width, int(value), token)
        return float(value)

    def _rotation(self, token: Token) -> Word:
        """Read ``rotl(bits, distance)``."""
        self.expect("(")
        value = self.expression()
        self.expect(",")
        distance = self.integer("a distance")
        self.expect(")")
        if not isinstance(value, Word) or value.kind == "bool":
            raise self.error(f"{token.text}() takes bits", token)
        return rotated(value, distance if token.text == "rotl" else -distance)

    def _call(self, token: Token) -> Symbol:
        args = self.arguments()
        expected = 2 if token.text in ("mod", "pow") else 1
        if len(args) != expected:
            raise self.error(f"{token.text}() takes {expected} argument(s), got {len(args)}", token)
        return self.combined("**" if token.text == "pow" else token.text, tuple(args), token)

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
        if token.kind == "real" and self.tokens[self.at + 1].text in ENDS:
            self.at += 1
            return self.finite(float(token.text.replace("_", "")), token)
        value = self.expression()
        if isinstance(value, Word):
            raise self.error("a number is needed here; what was measured is none", token)
        if isinstance(value, Time):
            raise self.error("a duration is no number; it stands only in delay[…]", token)
        if isinstance(value, bool | Qubits | Bits | Variable):
            raise self.error("a number is needed here; write one", token)
        if isinstance(value, int) and abs(value) >= 2**63:
            raise self.error(
                "this integer does not fit into 64 bits; write a smaller one, or a float", token
            )
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
