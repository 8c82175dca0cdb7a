"""What a subroutine returns: a value known while reading, bits, or the result of a measurement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field

from qbatch.circuit.qasm.conditions import UnfitError, Word, cast
from qbatch.circuit.qasm.registers import Jump
from qbatch.circuit.qasm.switches import Switches
from qbatch.circuit.qasm.symbols import Bits, Symbol
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Source
from qbatch.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind`: "qubit" or a classical type; `size`: None for a single one."""

    name: Token
    kind: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Subroutine:
    """`returns`: a type, its width None for a single bit, or None; `body`: its brace's number.

    `size`: operations and gates that a call comes down to, where the body has been tried.
    """

    name: str
    parameters: tuple[Parameter, ...]
    returns: tuple[str, int | None] | None
    body: int
    returned: str
    size: tuple[int, int] | None = None


@dataclass(slots=True)
class Call:
    """A call being read.

    Attributes:
        subroutine: Called.
        target: Classical bits that take the result of a measurement.
        wanted: The result is used.
        depth: Blocks around the call that run only where a measurement says so.
        is_trial: Only the body's mistakes are wanted.
    """

    subroutine: Subroutine
    target: Bits | None
    wanted: bool
    depth: int
    is_trial: bool = False
    stored: bool = False
    value: Symbol | None = field(default=None)


class Returns(Switches, ABC):
    """Reads ``return``.

    Attributes:
        subroutines: By name.
        calls: Being read, the innermost last.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.subroutines: dict[str, Subroutine] = {}
        self.calls: list[Call] = []

    @abstractmethod
    def call(self, token: Token, target: Bits | None = None, *, wanted: bool = True) -> Call:
        """Read the arguments of a call and write the body out."""

    def read_return(self, token: Token) -> None:
        """Read ``return;`` or ``return value;``, and leave the subroutine."""
        if not self.calls:
            raise self.error("'return' stands in no subroutine; take it out", token)
        call = self.calls[-1]
        if self.measured_depth != call.depth:
            raise self.error(
                "'return' would depend on a measurement, which is not supported; put what "
                "follows under a condition",
                token,
            )
        returns = call.subroutine.returns
        if self.token.text != ";":
            if returns is None:
                raise self.error(f"'{call.subroutine.name}' has no type to return: write -> type")
            self._result(call, returns)
        self.expect(";")
        raise Jump("return")

    def _result(self, call: Call, returns: tuple[str, int | None]) -> None:
        token = self.token
        called = self.tokens[self.at + 1].text == "(" and token.text in self.subroutines
        if self.take("measure"):
            self._measured_result(call, returns, token)
        elif called:
            self.at += 1
            inner = self.call(token, call.target, wanted=call.wanted)
            call.stored, call.value = inner.stored, inner.value
        elif call.target is not None and self._is_target(token, call.target):
            self.at += 1
            self.check_set(call.target, token)
            call.stored = True
        else:
            self._value(call, returns, token)

    def _is_target(self, token: Token, target: Bits) -> bool:
        symbol = self.symbols.get(token.text)
        plain = self.tokens[self.at + 1].text == ";"
        return plain and isinstance(symbol, Bits) and symbol.indices == target.indices

    def _measured_result(self, call: Call, returns: tuple[str, int | None], token: Token) -> None:
        qubits = self.qubits()
        if returns[0] != "bit" or len(qubits.indices) != (returns[1] or 1):
            raise self.error(
                f"'{call.subroutine.name}' returns something else; return what stands after ->",
                token,
            )
        if call.target is not None:
            self.measured(qubits, call.target, token)
            call.stored = True
        elif call.wanted:
            raise self.error(
                "this measurement needs a bit: assign the call to one (c = …;), and use that", token
            )
        else:
            self.discard(qubits, token)

    def _value(self, call: Call, returns: tuple[str, int | None], token: Token) -> None:
        value = self.expression()
        if call.target is not None and not call.is_trial:
            raise self.error(
                "only a measurement can set a bit: return measure q; or a bit measured here", token
            )
        kind, width = returns
        if kind == "bit" or isinstance(value, Word):
            if not isinstance(value, Word | int):
                raise self.error(
                    "this is no bit; return a bit, a comparison or true or false", token
                )
            try:
                call.value = cast(value, kind, width)
            except UnfitError as error:
                raise self.error(str(error), token) from None
        else:
            call.value = self.fitted(kind, width, value, token, token)

    def local_bits(self, name: Token, size: int | None) -> Bits:
        """Make the bits declared in a subroutine: those that take its result, if they are it."""
        call = self.calls[-1] if self.calls else None
        if call is None or call.subroutine.returned != name.text or call.target is None:
            raise self.error(
                f"bits within a block are not supported; declare '{name.text}' at the top of the "
                "circuit, or return it to a bit there",
                name,
            )
        if len(call.target.indices) != (size or 1):
            raise self.error(f"'{name.text}' is not of the type returned; give it that type", name)
        self.unset.update(dict.fromkeys(call.target.indices, self.measured_depth))
        return Bits(call.target.indices, size is not None)
