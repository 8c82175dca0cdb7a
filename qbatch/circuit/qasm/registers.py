"""Declarations: registers, inputs, outputs, constants, variables.

Rules: a name may hide one of an outer scope. A variable's value is known at each place of the text;
where only a measurement would tell it, it cannot be set.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from qbatch.circuit.facts import Register
from qbatch.circuit.program import Expr, Number
from qbatch.circuit.qasm.conditions import UnfitError, Word, cast
from qbatch.circuit.qasm.names import KEYWORDS, KEYWORDS_2, REFUSED
from qbatch.circuit.qasm.references import References
from qbatch.circuit.qasm.symbols import Bits, Qubits, Symbol, Time, Variable
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits, Source


class Jump(Exception):
    """``break``, ``continue``, ``return`` or ``end``, known while reading."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Names(References, ABC):
    """Reads declarations into a `Program`.

    Attributes:
        own: Names declared in the innermost scope -> what they hide.
        loops: Around; each with its `measured_depth`, or None where a measurement ends it.
        calls: Of subroutines, around.
        num_changes: Variables set so far.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.num_changes = 0
        self.own: dict[str, Symbol | None] = {}
        self.in_block = False
        self.loops: list[int | None] = []

    @abstractmethod
    def is_taken(self, name: str) -> bool:
        """Whether a gate or subroutine has this name."""

    @abstractmethod
    def local_bits(self, name: Token, size: int | None) -> Bits:
        """Make bits that are declared in a block."""

    @abstractmethod
    def call_into(self, bits: Bits) -> bool:
        """Read the call of a subroutine that sets bits, if one stands here."""

    def only_at_top(self, token: Token) -> None:
        if self.in_block:
            raise self.error(
                f"'{token.text}' is only allowed at the top of a circuit; move it there", token
            )

    def check_name(self, token: Token) -> None:
        """Refuse words of the language as names."""
        words = KEYWORDS if self.version == "3.0" else KEYWORDS_2
        if token.text in words or token.text.startswith("$"):
            raise self.error(
                f"'{token.text}' cannot be a name in OpenQASM {self.version[0]}; choose another",
                token,
            )

    def check_free(self, token: Token) -> None:
        """Refuse a name that the innermost scope has already."""
        self.check_name(token)
        if token.text in self.own or (not self.in_block and self.is_taken(token.text)):
            raise self.error(f"'{token.text}' is already defined; choose another name", token)

    def declare(self, token: Token, symbol: Symbol) -> None:
        """Bring a new name into scope."""
        self.check_free(token)
        self.own[token.text] = self.symbols.get(token.text)
        self.symbols[token.text] = symbol

    def _size(self, what: str, limit: int) -> int | None:
        """Read ``[size]`` if there is one."""
        if not self.take("["):
            return None
        token = self.token
        size = self.integer(f"a {what} register's size")
        self.expect("]")
        if size < 1:
            raise self.error(f"a register of {size} {what}s is too small; write 1 or more", token)
        if size > limit:
            raise self.error(f"{size} {what}s are too many; qbatch takes {limit}", token)
        return size

    def read_qubits(self, token: Token) -> None:
        self.only_at_top(token)
        size = self._size("qubit", Limits.QUBITS)
        name = self.name("the name of the qubits")
        self._no_size_after(name, token.text)
        if token.text == "qreg":
            size = self._size_after(name, "qubit", Limits.QUBITS)
        if self.physical:
            raise self.error(
                "on physical qubits ($0, …) a circuit declares none; use either", token
            )
        first = self.out.num_qubits
        self.out.num_qubits += size or 1
        if self.out.num_qubits > Limits.QUBITS:
            raise self.error(f"more than {Limits.QUBITS} qubits are too many; declare fewer", token)
        self.declare(name, Qubits(tuple(range(first, self.out.num_qubits)), size is not None))
        self.out.qubits.append(Register(name.text, size or 1))
        self.expect(";")

    def _no_size_after(self, name: Token, word: str) -> None:
        if self.token.text == "[" and word in ("qubit", "bit"):
            raise self.error(f"the size stands before the name; write {word}[…] {name.text};")

    def _size_after(self, name: Token, what: str, limit: int) -> int | None:
        size = self._size(what, limit)
        if size is None and self.version == "2.0":
            raise self.error(f"the size is missing; write {name.text}[1]")
        return size

    def read_bits(self, token: Token) -> None:
        size = self._size("bit", Limits.BITS)
        name = self.name("the name of the bits")
        self._no_size_after(name, token.text)
        if token.text == "creg":
            size = self._size_after(name, "bit", Limits.BITS)
        if self.in_block:
            bits = self.local_bits(name, size)
            self.declare(name, bits)
        else:
            bits = self._new_bits(name, size, token)
        if self.version == "3.0" and self.take("="):
            self._initial(bits, name)
        self.expect(";")

    def _new_bits(self, name: Token, size: int | None, token: Token) -> Bits:
        first = self.out.num_bits
        self.out.num_bits += size or 1
        if self.out.num_bits > Limits.BITS:
            raise self.error(
                f"more than {Limits.BITS} classical bits are too many; use fewer", token
            )
        bits = Bits(tuple(range(first, self.out.num_bits)), size is not None)
        self.declare(name, bits)
        self.out.registers.append(Register(name.text, size or 1))
        return bits

    def _initial(self, bits: Bits, name: Token) -> None:
        token = self.token
        if self.take("measure"):
            self.measured(self.qubits(), bits, name)
        elif not self.call_into(bits):
            value = self.expression()
            if isinstance(value, Word) and not any(value.bits):
                value = 0
            if not isinstance(value, int) or value != 0:
                raise self.error(
                    "bits begin as 0; for another first value measure a qubit after an x into them",
                    token,
                )

    def read_output(self, token: Token) -> None:
        self.only_at_top(token)
        if self.name("'bit'").text != "bit":
            raise self.error("only bits can be an output", token)
        self.read_bits(token)

    # -- numbers

    def type_name(self) -> tuple[str, int | None]:
        """Read a type of numbers: its name, and its width where that is given."""
        token = self.name("a type")
        if token.text in REFUSED:
            raise self.error(f"'{token.text}' {REFUSED[token.text]}", token)
        if token.text == "duration":
            return token.text, None
        if token.text not in ("float", "angle", "int", "uint", "bool"):
            raise self.error(
                f"the type '{token.text}' is not supported; write float, int or bool",
                token,
            )
        width = None
        if self.take("["):
            width = self.integer("a width")
            if not 0 < width <= Limits.BITS:
                raise self.error(
                    f"{token.text}[{width}] is no type; write a size of 1 or more that fits", token
                )
            self.expect("]")
        return token.text, width

    def read_input(self, token: Token) -> None:
        self.only_at_top(token)
        kind = self.token.text
        if kind == "bit":
            self.at += 1
            self._size("bit", Limits.BITS)
        else:
            kind, _ = self.type_name()
        name = self.name("the name of the input")
        if kind not in ("float", "angle", "duration"):
            raise self.error(
                f"input '{name.text}' is of type {kind}; only float, angle and duration inputs can "
                "be bound (a template variable can change a circuit's shape)",
                token,
            )
        value = Expr("name", (name.text,))
        self.declare(name, Time(value) if kind == "duration" else value)
        self.out.inputs.append(name.text)
        self.expect(";")

    def read_const(self, token: Token) -> None:
        """Read the declaration of a constant."""
        width = None
        if self.take("bit"):
            kind, width = "bit", self._size("bit", Limits.BITS)
        else:
            kind, width = self.type_name()
        name = self.name("the name of the constant")
        if not self.take("="):
            raise self.error(f"'{name.text}' needs a value: a constant has one")
        start = self.token
        value = self.fitted(kind, width, self.expression(), name, start)
        self.declare(name, value)
        is_open = isinstance(value.seconds if isinstance(value, Time) else value, Expr)
        if not self.in_block and not is_open:
            self.constants[name.text] = value
        self.expect(";")

    def read_variable(self, token: Token) -> None:
        """Read the declaration of a variable."""
        self.at -= 1
        kind, width = self.type_name()
        name = self.name("the name of the variable")
        value: Symbol | None = None
        if self.take("="):
            start = self.token
            value = self.fitted(kind, width, self.expression(), name, start)
        self.declare(name, Variable(kind, width, value, self.measured_depth))  # type: ignore[arg-type]
        self.expect(";")

    def fitted(
        self, kind: str, width: int | None, value: Symbol, name: Token, start: Token
    ) -> Number | Word | Time:
        """Return a value as one of a type.

        Args:
            kind: The type.
            width: The type's, in bits.
            value: To be held.
            name: What it is for, for messages.
            start: Where it stands.
        """
        if kind == "bit" and isinstance(value, Word | int):
            return self._constant_bits(width, value, name, start)
        if isinstance(value, Word):
            raise self.error(
                f"'{name.text}' would be known only to the machine that measures; use the bits "
                "themselves, in a condition",
                start,
            )
        if isinstance(value, Time) and kind == "duration":
            return value
        if isinstance(value, Time):
            raise self.error("a duration is no number; it stands only in delay[…]", start)
        if not isinstance(value, int | float | Expr):
            raise self.error("a number is needed here; write one", start)
        if kind == "bool" and not isinstance(value, Expr):
            return bool(value)
        if kind in ("int", "uint") and isinstance(value, int):
            return self.fitted_integer(kind, width, int(value), start)
        if kind in ("float", "angle") and not isinstance(value, bool):
            return value if isinstance(value, Expr) else float(value)
        raise self.error(
            f"'{name.text}' is of type {kind}, the value is not; give it one that is", start
        )

    def fitted_integer(self, kind: str, width: int | None, value: int, start: Token) -> int:
        size = width or 64
        low, high = (0, 2**size) if kind == "uint" else (-(2 ** (size - 1)), 2 ** (size - 1))
        if not low <= value < high:
            what = f"{kind}[{width}]" if width else f"{size} bits"
            raise self.error(
                f"this integer does not fit into {what}; write a smaller one, or a wider type",
                start,
            )
        return value

    def _constant_bits(
        self, width: int | None, value: Word | int, name: Token, start: Token
    ) -> Word:
        bits = value.bits if isinstance(value, Word) else ()
        if not all(isinstance(bit, bool) for bit in bits):
            raise self.error(
                f"'{name.text}' is a constant, what is measured is none; declare it without const",
                start,
            )
        try:
            return cast(value, "bit", width)
        except UnfitError as error:
            raise self.error(str(error), start) from None

    def update_variable(self, token: Token, variable: Variable) -> None:
        """Read ``name = value;`` or ``name += value;``."""
        operator = self.token
        self.at += 1
        start = self.token
        value = self.expression()
        if self.measured_depth != variable.depth:
            raise self.error(
                f"'{token.text}' would be known only to the machine that measures; use the bits "
                "themselves, in a condition",
                token,
            )
        if operator.text != "=":
            if variable.value is None:
                raise self.error(f"'{token.text}' has no value yet; set it first", token)
            value = self.combined(operator.text[:-1], (variable.value, value), operator)
        kind, width = variable.kind, variable.width
        variable.value = self.fitted(kind, width, value, token, start)  # type: ignore[assignment]
        self.num_changes += 1
        self.expect(";")
