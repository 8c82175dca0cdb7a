"""Names of a circuit: registers, inputs, constants, aliases, and references to them."""

from __future__ import annotations

from typing import Any

from qbatch.circuit.expressions import Bits, Qubits, Reader
from qbatch.circuit.facts import Register
from qbatch.circuit.gates import BUILTIN, KEYWORDS
from qbatch.circuit.program import Expr, Measure, Operation, Program
from qbatch.circuit.text import Limits, Source
from qbatch.circuit.tokens import Token


class Names(Reader):
    """Reads declarations into a `Program`, and references to what was declared."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.out = Program("3.0", dict(BUILTIN))
        self.block: list[Operation] = self.out.operations
        self.num_operations = 0
        self.num_expanded = 0
        self.in_block = False
        self.physical = False
        self.gate_qubits = 0

    def count(self, expanded: int, token: Token, operations: int = 0) -> None:
        """Count operations as written out, and gates as expanded."""
        self.num_operations += operations
        self.num_expanded += expanded
        if self.num_operations > Limits.OPERATIONS or self.num_expanded > Limits.EXPANDED:
            raise self.error(
                "the circuit has too many operations, loops and gates written out", token
            )

    def only_at_top(self, token: Token) -> None:
        if self.in_block:
            raise self.error(f"'{token.text}' is only allowed at the top of a circuit", token)

    def check_name(self, token: Token) -> None:
        """Refuse words of the language as names."""
        if token.text in KEYWORDS or token.text.startswith("$"):
            raise self.error(f"'{token.text}' cannot be a name in OpenQASM", token)

    def declare(self, token: Token, symbol: Any) -> None:
        """Bring a new name into scope."""
        if token.text in self.symbols or token.text in self.out.defined:
            raise self.error(f"'{token.text}' is already defined", token)
        self.check_name(token)
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
        if token.text == "qreg":
            size = self._size_after(name, "qubit", Limits.QUBITS)
        if self.physical:
            raise self.error("a circuit on physical qubits ($0, …) declares none", token)
        first = self.out.num_qubits
        self.out.num_qubits += size or 1
        if self.out.num_qubits > Limits.QUBITS:
            raise self.error(f"more than {Limits.QUBITS} qubits are too many", token)
        self.declare(name, Qubits(tuple(range(first, self.out.num_qubits)), size is not None))
        self.out.qubits.append(Register(name.text, size or 1))
        self.expect(";")

    def _size_after(self, name: Token, what: str, limit: int) -> int | None:
        size = self._size(what, limit)
        if size is None and self.version == "2.0":
            raise self.error(f"the size is missing; write {name.text}[1]")
        return size

    def read_bits(self, token: Token) -> None:
        self.only_at_top(token)
        size = self._size("bit", Limits.BITS)
        name = self.name("the name of the bits")
        if token.text == "creg":
            size = self._size_after(name, "bit", Limits.BITS)
        first = self.out.num_bits
        self.out.num_bits += size or 1
        if self.out.num_bits > Limits.BITS:
            raise self.error(f"more than {Limits.BITS} classical bits are too many", token)
        bits = Bits(tuple(range(first, self.out.num_bits)), size is not None)
        self.declare(name, bits)
        self.out.registers.append(Register(name.text, size or 1))
        if self.version == "3.0" and self.take("="):
            self._initial(bits)
        self.expect(";")

    def _initial(self, bits: Bits) -> None:
        if self.take("measure"):
            self.measured(self.qubits(), bits, self.token)
        elif self.integer("a bit's first value") != 0:
            raise self.error("bits begin as 0; another first value is not supported")

    def read_output(self, token: Token) -> None:
        if self.name("'bit'").text != "bit":
            raise self.error("only bits can be an output", token)
        self.read_bits(token)

    def type_name(self) -> str:
        token = self.name("a type")
        if token.text not in ("float", "angle", "int", "uint", "bool"):
            raise self.error(f"the type '{token.text}' is not supported here", token)
        if self.take("["):
            self.integer("a width")
            self.expect("]")
        return token.text

    def read_input(self, token: Token) -> None:
        self.only_at_top(token)
        kind = self.type_name()
        name = self.name("the name of the input")
        if kind not in ("float", "angle"):
            raise self.error(
                f"input '{name.text}' is of type {kind}; only float and angle inputs can be bound "
                "(a template variable can change a circuit's shape)",
                token,
            )
        self.declare(name, Expr("name", (name.text,)))
        self.out.inputs.append(name.text)
        self.expect(";")

    def read_const(self, token: Token) -> None:
        if token.text != "const":
            self.at -= 1
        kind = self.type_name()
        name = self.name("the name of the constant")
        if not self.take("="):
            raise self.error(
                f"'{name.text}' needs a value: variables without one are not supported"
            )
        start = self.token
        value = self.number() if kind != "bool" else self.expression()
        if kind in ("int", "uint") and not isinstance(value, int):
            raise self.error(f"'{name.text}' is of type {kind}, the value is not", start)
        if kind in ("float", "angle") and isinstance(value, int):
            value = float(value)
        self.declare(name, value)
        self.expect(";")

    def read_let(self, token: Token) -> None:
        name = self.name("a name")
        self.expect("=")
        picked = self._reference()
        while self.take("++"):
            other = self._reference()
            if type(other) is not type(picked):
                raise self.error("qubits and bits cannot be joined", token)
            picked = type(picked)(picked.indices + other.indices)
        self.declare(name, picked)
        self.expect(";")

    def _reference(self) -> Qubits | Bits:
        """Read a register, an alias, or some members of one."""
        token = self.name("a qubit or a bit")
        symbol = self.symbols.get(token.text)
        if symbol is None and token.text.startswith("$"):
            return self._physical(token)
        if not isinstance(symbol, Qubits | Bits):
            known = [name for name, s in self.symbols.items() if isinstance(s, Qubits | Bits)]
            raise self.unknown(token, "register", known)
        return self.members(symbol, token)

    def _physical(self, token: Token) -> Qubits:
        digits = token.text[1:]
        index = int(digits) if len(digits) < 6 else Limits.QUBITS
        if (self.out.qubits and not self.physical) or self.gate_qubits:
            raise self.error("physical and declared qubits cannot be mixed", token)
        if index >= Limits.QUBITS:
            raise self.error(
                f"'{token.text}' is too high; qbatch takes {Limits.QUBITS} qubits", token
            )
        self.physical = True
        self.out.num_qubits = max(self.out.num_qubits, index + 1)
        self.out.qubits[:] = [Register("q", self.out.num_qubits)]
        return Qubits((index,), indexable=False)

    def qubits(self) -> Qubits:
        """Read a reference to qubits."""
        token = self.token
        picked = self._reference()
        if not isinstance(picked, Qubits):
            raise self.error(f"'{token.text}' is classical; a qubit is needed here", token)
        return picked

    def bits(self) -> Bits:
        token = self.token
        bits = self._reference()
        if not isinstance(bits, Bits):
            raise self.error(f"'{token.text}' is quantum; a bit is needed here", token)
        return bits

    def everything(self) -> tuple[int, ...]:
        """All qubits in scope: of the circuit, or of the gate being defined."""
        return tuple(range(self.gate_qubits or self.out.num_qubits))

    def several(self, token: Token) -> tuple[int, ...]:
        """Read qubits up to the semicolon; none means all."""
        if self.token.text == ";":
            return self.everything()
        picked = list(self.qubits().indices)
        while self.take(","):
            picked.extend(self.qubits().indices)
        self.count(0, token, len(picked))
        return tuple(dict.fromkeys(picked))

    def measured(self, qubits: Qubits, bits: Bits, token: Token) -> None:
        if len(qubits.indices) != len(bits.indices):
            raise self.error(
                f"{len(qubits.indices)} qubit(s) cannot be measured into "
                f"{len(bits.indices)} bit(s)",
                token,
            )
        self.count(0, token, len(bits.indices))
        self.block.extend(map(Measure, qubits.indices, bits.indices))
