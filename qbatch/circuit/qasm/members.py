"""Members of a register, by index: ``q[0]``, ``q[1:2:7]``, ``q[{0, 3}]``."""

from __future__ import annotations

from abc import ABC, abstractmethod

from qbatch.circuit.qasm.symbols import Bits, Qubits
from qbatch.circuit.qasm.tokens import Cursor, Token

#: A literal before one of these is all there is to read.
ENDS = frozenset({"]", ")", ",", ":", "}"})

#: Of an integer, as written.
_DIGITS = 4000


class Members(Cursor, ABC):
    """Reads the indices after a name."""

    @abstractmethod
    def integer(self, what: str) -> int:
        """Read an integer that depends on no input."""

    def literal_integer(self, token: Token) -> int:
        """Return what an integer is that has been read."""
        digits = token.text.replace("_", "")
        if len(digits) > _DIGITS:
            raise self.error(
                f"this integer has more than {_DIGITS} digits; write a smaller one", token
            )
        return int(digits, 0 if digits[:1] == "0" and digits[1:2].isalpha() else 10)

    def members(self, symbol: Qubits | Bits, token: Token) -> Qubits | Bits:
        """Read the indices after a name, if there are any, and return what they pick."""
        while self.tokens[self.at].text == "[":
            if not symbol.indexable:
                what = "qubit" if isinstance(symbol, Qubits) else "bit"
                raise self.error(
                    f"'{token.text}' is a single {what} and has no index; take [ ] away"
                )
            symbol = type(symbol)(*self.picked(symbol, token.text))
        return symbol

    def picked(self, symbol: Qubits | Bits, name: str) -> tuple[tuple[int, ...], bool]:
        """Read ``[index]``, ``[a:b]``, ``[a:step:b]`` or ``[{a, b}]`` after a register's name.

        Returns:
            The members picked, and whether they can be indexed again (False for a single index).
        """
        register = symbol.indices
        size = f"'{name}' has {len(register)} {'qu' * isinstance(symbol, Qubits)}bits"
        self.expect("[")
        if self.tokens[self.at].kind == "int" and self.tokens[self.at + 1].text == "]":
            first = self._index(register, size)
            self.at += 1
            return (first,), False
        if self.take("{"):
            indices = [self._index(register, size)]
            while self.take(","):
                indices.append(self._index(register, size))
            self.expect("}")
            self.expect("]")
            return tuple(indices), True
        if self.token.text != ":":
            first = self._index(register, size)
            if self.take("]"):
                return (first,), False
            start = register.index(first)
        else:
            start = 0
        return self._slice(register, start, size), True

    def _index(self, register: tuple[int, ...], size: str) -> int:
        token = self.tokens[self.at]
        if token.kind == "int" and self.tokens[self.at + 1].text in ENDS:
            self.at += 1
            index = self.literal_integer(token)
        else:
            index = self.integer("an index")
        if not -len(register) <= index < len(register):
            raise self.error(f"index {index} is out of range: {size}; count from 0", token)
        return register[index]

    def _slice(self, register: tuple[int, ...], start: int, size: str) -> tuple[int, ...]:
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
            raise self.error(f"this range is out of range: {size}; count from 0", token)
        if step < 0:
            return tuple(register[index] for index in range(start, end - 1, step))
        return register[start : end + 1 : step]
