"""OpenQASM 3 to Qiskit's circuits, conditions over several bits included.

Rules: Qiskit's importer does everything but conditions: it knows ``bit == bool`` and ``register ==
number`` alone, where clouds take ``&&``, ``||``, ``!`` and ``!=`` too. Those become formulas over
single bits, since Aer evaluates expressions over whole registers wrongly.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def load(text: str) -> QuantumCircuit:
    """Read a program.

    Raises:
        QASM3ParsingError, ConversionError: It cannot be read.
    """
    import openqasm3

    circuit: QuantumCircuit = _converter().convert(openqasm3.parse(text)).circuit
    return circuit


def _converter() -> Any:
    from openqasm3 import ast
    from qiskit_qasm3_import.converter import ConvertVisitor
    from qiskit_qasm3_import.exceptions import ConversionError

    class Converter(ConvertVisitor):
        def _resolve_condition(self, node: Any, context: Any) -> Any:
            from qiskit.circuit import Clbit
            from qiskit.circuit.classical import expr

            try:
                bits, value = super()._resolve_condition(node, context)
            except ConversionError:
                return self._formula(node, context)
            if isinstance(bits, Clbit) or 0 <= value < 1 << len(bits):
                return bits, value
            return expr.lift(False)  # Aer would compare the lowest bits alone

        def _formula(self, node: Any, context: Any) -> Any:
            """Return a Qiskit expression over single bits."""
            from qiskit.circuit.classical import expr

            operator = getattr(getattr(node, "op", None), "name", "")
            if operator in ("&&", "||"):
                join = expr.logic_and if operator == "&&" else expr.logic_or
                return join(self._formula(node.lhs, context), self._formula(node.rhs, context))
            if operator in ("!", "~") and isinstance(node, ast.UnaryExpression):
                return expr.logic_not(self._formula(node.expression, context))
            if operator in ("==", "!="):
                equal = self._equality(node, context)
                return equal if operator == "==" else expr.logic_not(equal)
            bits, _ = self._resolve_generic(node, context, strict=True)
            return expr.lift(bits)

        def _equality(self, node: Any, context: Any) -> Any:
            sides = [
                self._resolve_generic(side, context, strict=True)[0]
                for side in (node.lhs, node.rhs)
            ]
            if isinstance(sides[0], bool | int):
                sides.reverse()
            return _equal(sides[0], int(sides[1]))

    return Converter()


def _equal(bits: Any, value: int) -> Any:
    """Say that a bit or a register is `value`, by its single bits."""
    from qiskit.circuit import Clbit
    from qiskit.circuit.classical import expr

    bits = [bits] if isinstance(bits, Clbit) else [*bits]
    if value < 0 or value >> len(bits):
        return expr.lift(False)
    told = [
        expr.lift(bit) if value >> at & 1 else expr.logic_not(bit) for at, bit in enumerate(bits)
    ]
    return reduce(expr.logic_and, told)
