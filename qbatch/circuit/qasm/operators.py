"""What operators and functions come to: of numbers, times, measured bits and inputs.

Rules: numbers are folded at once (`folding`); what names an input stays an `Expr`, what names
measured bits a `Word`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from functools import reduce

from qbatch.circuit.program import Expr
from qbatch.circuit.qasm import folding
from qbatch.circuit.qasm.conditions import UnfitError, Word, combine
from qbatch.circuit.qasm.members import Members
from qbatch.circuit.qasm.symbols import Bits, Qubits, Symbol, Time, Variable
from qbatch.circuit.qasm.times import on_times
from qbatch.circuit.qasm.tokens import NESTING, Token
from qbatch.circuit.text import Limits, Source

#: Qiskit's parameters have no truth and no bits.
_ON_BITS = frozenset(
    {"==", "!=", "<", ">", "<=", ">=", "&&", "||", "!", "&", "|", "^", "~", "<<", ">>"}
)

#: Not every number has a value of these.
_PARTIAL = frozenset({"/", "**", "sqrt", "ln", "log", "arcsin", "arccos", "asin", "acos", "exp"})

#: Words that could be read in the time that an operation takes for each of its bits.
PER_BIT = 5

#: Qiskit's parameters cannot do these.
_NUMBERS_ONLY = frozenset({"%", "mod", "floor", "ceiling"})


class Operators(Members, ABC):
    """Applies operators to what was read.

    Attributes:
        version: Of the language.
        may_fail: Something was written down of inputs that not every value of them has.
        num_reread: What took time and left nothing, counted.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.version = "3.0"
        self.may_fail = False
        self.num_reread = 0

    def spend(self, words: int, token: Token) -> None:
        """Count what takes time and leaves nothing that is counted elsewhere."""
        self.num_reread += words
        if self.num_reread > Limits.REREAD:
            raise self.error("this takes too long to write out: fewer rounds, calls or bits", token)

    def joined(self, operator: str, chain: Sequence[Symbol], token: Token) -> Symbol:
        """Join operands by an operator that binds them from the left, bits all at once."""
        if len(chain) == 2 or any(isinstance(arg, Word) for arg in chain):
            return self.combined(operator, tuple(chain), token)
        return reduce(lambda left, right: self.combined(operator, (left, right), token), chain)

    def combined(self, operator: str, args: tuple[Symbol, ...], token: Token) -> Symbol:
        """Apply an operator or a function, at once where all is known."""
        if any(isinstance(arg, Qubits | Bits | Variable) for arg in args):
            raise self.error(f"'{operator}' takes numbers", token)
        if any(isinstance(arg, Time) for arg in args):
            return self._combine_times(operator, args, token)
        if any(isinstance(arg, Word) for arg in args):
            return self._combine_bits(operator, args, token)
        trees = [arg for arg in args if isinstance(arg, Expr)]
        if not trees:
            return self._fold(operator, args, token)  # type: ignore[arg-type]
        if operator in _ON_BITS:
            raise self.error(
                f"'{operator}' on an input is not supported; "
                "compute it before, in a sweep's formula",
                token,
            )
        if operator in _NUMBERS_ONLY:
            raise self.error(
                f"{operator} of an input is not supported; compute it before, in a sweep's formula",
                token,
            )
        if operator in _PARTIAL and not (operator == "/" and not isinstance(args[1], Expr)):
            self.may_fail = True
        depth = 1 + max(tree.depth for tree in trees)
        if depth > 4 * NESTING:
            raise self.error("this expression is too long; name a part of it", token)
        return Expr(operator, args, depth)

    def _combine_times(self, operator: str, args: tuple[Symbol, ...], token: Token) -> Symbol:
        try:
            numbers, is_time = on_times(operator, args)
        except UnfitError as error:
            raise self.error(str(error), token) from None
        value = self.combined(operator, numbers, token)
        return Time(value) if is_time else value  # type: ignore[arg-type]

    def _combine_bits(self, operator: str, args: tuple[Symbol, ...], token: Token) -> Word:
        for arg in args:
            if isinstance(arg, Word):
                self.spend(PER_BIT * len(arg.bits), token)
            if isinstance(arg, Expr):
                raise self.error(
                    "a condition cannot mix measured bits and inputs; make it of one of the two",
                    token,
                )
            if not isinstance(arg, Word | int):
                raise self.error(
                    f"bits are whole numbers, {arg} is none; compare them with one", token
                )
        try:
            return combine(operator, args)  # type: ignore[arg-type]
        except UnfitError as error:
            raise self.error(str(error), token) from None

    def _fold(self, operator: str, args: tuple[int | float, ...], token: Token) -> int | float:
        try:
            return folding.fold(operator, args, whole_division=self.version == "3.0")
        except UnfitError as error:
            raise self.error(str(error), token) from error

    def finite(self, value: int | float, token: Token) -> int | float:
        """Return a number that a program can have; refuse it otherwise."""
        try:
            return folding.finite(value)
        except UnfitError as error:
            raise self.error(str(error), token) from None
