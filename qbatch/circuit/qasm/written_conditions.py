"""Conditions of Qiskit's control flow to OpenQASM text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qbatch.errors import CircuitError, Place

_UNARY: Mapping[str, str] = {"BIT_NOT": "~", "LOGIC_NOT": "!", "NEGATE": "-"}
_BINARY: Mapping[str, str] = {
    "BIT_AND": "&", "BIT_OR": "|", "BIT_XOR": "^", "LOGIC_AND": "&&", "LOGIC_OR": "||",
    "EQUAL": "==", "NOT_EQUAL": "!=", "LESS": "<", "LESS_EQUAL": "<=", "GREATER": ">",
    "GREATER_EQUAL": ">=", "SHIFT_LEFT": "<<", "SHIFT_RIGHT": ">>",
}  # fmt: skip


class Conditions:
    """Writes the conditions of one circuit.

    Args:
        bit_names: Qiskit's bit -> its name in the text.
        registers: Name of a register -> its name in the text.
        place: Of errors.
    """

    def __init__(
        self, bit_names: Mapping[Any, str], registers: Mapping[str, str], place: Place
    ) -> None:
        self._bit_names = bit_names
        self._cregs = registers
        self._place = place

    def _error(self, problem: str) -> CircuitError:
        return CircuitError(self._place, problem)

    def text(self, condition: Any) -> str:
        """Return a condition as Qiskit has it: wires and a value, or an expression."""
        if isinstance(condition, tuple):
            wires, value = condition
            if getattr(wires, "name", None) in self._cregs or wires in self._bit_names:
                return f"{self._wire(wires)} == {int(value)}"
            bits = [f"{self._wire(bit)} == {value >> n & 1}" for n, bit in enumerate(wires)]
            return " && ".join(bits)
        return self._expression(condition)

    def _wire(self, wires: Any) -> str:
        from qiskit.circuit import Clbit

        if isinstance(wires, Clbit):
            if wires not in self._bit_names:
                raise self._error(
                    "a condition inside a block on a bit of its own; "
                    "measure into a register outside of it"
                )
            bit: str = self._bit_names[wires]
            return bit
        name = self._cregs.get(str(wires.name))
        if name is None:
            raise self._error(
                f"a condition on register '{wires.name}' cannot be written; "
                "measure into a register of the circuit"
            )
        return name

    def _expression(self, node: Any) -> str:
        from qiskit.circuit.classical import expr

        if isinstance(node, expr.Var) and not node.standalone:
            return self._wire(node.var)
        if isinstance(node, expr.Value):
            return f"{int(node.value)}"
        if isinstance(node, expr.Cast):
            return self._cast(node)
        if isinstance(node, expr.Unary):
            return f"{_UNARY[str(node.op.name)]}({self._expression(node.operand)})"
        if isinstance(node, expr.Binary) and node.op.name in _BINARY:
            left, right = self._expression(node.left), self._expression(node.right)
            return f"({left} {_BINARY[str(node.op.name)]} {right})"
        if isinstance(node, expr.Index) and isinstance(node.index, expr.Value):
            return f"({self._expression(node.target)})[{int(node.index.value)}]"
        raise self._error(
            "this condition cannot be written as OpenQASM; "
            "compare a register or a bit with a number"
        )

    def _cast(self, node: Any) -> str:
        """Write a conversion out, since ``~`` and ``<<`` depend on the width."""
        inner = self._expression(node.operand)
        width = getattr(node.type, "width", None)
        if width is None:
            return f"bool({inner})"
        if width < getattr(node.operand.type, "width", 1):
            raise self._error(
                "a condition that drops bits of a number cannot be written; compare it in full"
            )
        return f"uint[{width}]({inner})"
