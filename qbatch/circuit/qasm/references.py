"""References to qubits and bits: registers, aliases, members of them, physical qubits.

A measurement stands here, too: it is a reference to qubits and one to bits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from qbatch.circuit.facts import Register
from qbatch.circuit.program import NO_BIT, Measure, Operation, Program
from qbatch.circuit.qasm.expressions import Reader
from qbatch.circuit.qasm.names import BUILTIN
from qbatch.circuit.qasm.symbols import Bits, Qubits, Symbol
from qbatch.circuit.qasm.tokens import Token
from qbatch.circuit.text import Limits, Source


class References(Reader, ABC):
    """Reads references, into a `Program`.

    Attributes:
        out: What has been read so far.
        block: Where operations go that are read.
        measured_depth: Blocks around that run only where a measurement says so.
        gate_qubits: Those of the gate being defined, 0 outside.
        physical: The circuit is on physical qubits.
    """

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.out = Program("3.0", dict(BUILTIN))
        self.block: list[Operation] = self.out.operations
        self.num_operations = 0
        self.num_expanded = 0
        self.measured_depth = 0
        self.physical = False
        self.gate_qubits = 0

    @abstractmethod
    def declare(self, token: Token, symbol: Symbol) -> None:
        """Bring a new name into scope."""

    def count(self, expanded: int, token: Token, operations: int = 0) -> None:
        """Count operations as written out, and gates as expanded."""
        self.num_operations += operations
        self.num_expanded += expanded
        if self.num_operations > Limits.OPERATIONS or self.num_expanded > Limits.EXPANDED:
            raise self.error(
                "the circuit has too many operations, loops and gates written out; make it shorter",
                token,
            )

    def read_let(self, token: Token) -> None:
        name = self.name("a name")
        self.expect("=")
        picked = self._reference()
        while self.take("++"):
            other = self._reference()
            if type(other) is not type(picked):
                raise self.error("qubits and bits cannot be joined; join either", token)
            joined = picked.indices + other.indices
            if len(joined) > max(Limits.QUBITS, Limits.BITS):
                raise self.error("this alias has too many members; name fewer", token)
            picked = type(picked)(joined)
        self.declare(name, picked)
        self.expect(";")

    def _reference(self) -> Qubits | Bits:
        """Read a register, an alias, or some members of one."""
        token = self.name("a qubit or a bit")
        symbol = self.symbols.get(token.text)
        if symbol is None and token.text.startswith("$"):
            return self._physical(token)
        if not isinstance(symbol, Qubits | Bits):
            if symbol is not None:
                raise self.error(f"'{token.text}' is no register; name one", token)
            known = [name for name, s in self.symbols.items() if isinstance(s, Qubits | Bits)]
            raise self.unknown(token, "register", known)
        return self.members(symbol, token)

    def _physical(self, token: Token) -> Qubits:
        digits = token.text[1:]
        index = int(digits) if len(digits) < 6 else Limits.QUBITS
        if (self.out.qubits and not self.physical) or self.gate_qubits:
            raise self.error("physical and declared qubits cannot be mixed; use either", token)
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
                f"{len(bits.indices)} bit(s); name as many bits",
                token,
            )
        self.count(0, token, len(bits.indices))
        self.now_set(bits)
        self.block.extend(map(Measure, qubits.indices, bits.indices))

    def discard(self, qubits: Qubits, token: Token) -> None:
        """Measure qubits, and forget the results."""
        self.count(0, token, len(qubits.indices))
        self.block.extend(Measure(qubit, NO_BIT, token.start) for qubit in qubits.indices)

    def now_set(self, bits: Bits) -> None:
        """Note that a measurement has set these bits."""
        for bit in bits.indices if self.unset else ():
            if self.unset.get(bit) == self.measured_depth:
                del self.unset[bit]
