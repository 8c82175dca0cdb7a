"""What qbatch knows about a circuit without holding it: sizes, registers, shape.

Rules: plain frozen data, no qiskit. Classical bits are numbered through the registers in the order
declared, so classical bit 0 is the first bit of the first register; a classical bit declared
without a size is a register of one bit.
"""

from __future__ import annotations

from typing import Any

from qbatch.frozen import dataclass

#: Raise it whenever the meaning of a fact changes: cached facts of another format are not read.
FORMAT = 10


@dataclass(frozen=True, slots=True)
class Register:
    """A classical register."""

    name: str
    num_bits: int


@dataclass(frozen=True, slots=True)
class CircuitFacts:
    """What is true of a circuit text whatever values its parameters take.

    Attributes:
        num_qubits: Declared qubits.
        num_bits: Declared classical bits.
        registers: Classical registers in the order declared; their sizes sum up to `num_bits`.
        parameters: Free OpenQASM 3 inputs, in the order declared.
        depth: Longest chain of gates, measurements and resets; barriers and delays take no room.
        num_gates: Gates as written (a gate of the person's own is one); measurements, resets,
            barriers and delays are none.
        num_two_qubit_gates: Those of them on exactly two qubits.
        gates: Distinct names of gates, sorted; a gate of the person's own that bears a library
            gate's name is there as ``gate_name``.
        is_dynamic: A measured qubit or bit is used again, a qubit is reset after its first gate,
            or something depends on a measured bit.
        is_clifford: Every gate is known to be a Clifford gate, by name and angle.
        measured_bits: Classical bits that some measurement may write, ascending.
        terminal: For each classical bit the qubit whose final measurement it holds, None where no
            measurement writes it; empty when `is_dynamic`.
        content: SHA-256 of what the text says, whatever way it is written (`qasm.content`), 64 hex
            digits.
        remarks: What is legal and hardly meant, a sentence each.
        durations: Of `parameters`, those that the length of some delay depends on.
        has_delay: It has a delay somewhere, which OpenQASM 2 does not know.
        free_bits: Without noise an outcome is one of 2**free_bits at most: each qubit of a gate
            that makes several basis states of one counts, up to all of them; 0 when `is_dynamic`.
    """

    num_qubits: int
    num_bits: int
    registers: tuple[Register, ...]
    parameters: tuple[str, ...]
    depth: int
    num_gates: int
    num_two_qubit_gates: int
    gates: tuple[str, ...]
    is_dynamic: bool
    is_clifford: bool
    measured_bits: tuple[int, ...]
    terminal: tuple[int | None, ...]
    content: str
    remarks: tuple[str, ...] = ()
    durations: tuple[str, ...] = ()
    has_delay: bool = False
    free_bits: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data that `from_json` reads."""
        data = {name: getattr(self, name) for name in self.__slots__}
        data["registers"] = [(register.name, register.num_bits) for register in self.registers]
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> CircuitFacts:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError: The data is something else.
        """
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        fields["registers"] = tuple(Register(*register) for register in data["registers"])
        return cls(**fields)
