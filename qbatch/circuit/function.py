"""Circuits from Python: the person's own code, run only where it is trusted.

Rules: a function is called with its arguments by name and returns a Qiskit circuit or OpenQASM
text; a Qiskit circuit that the file has ready counts as a function without arguments that returns
it. What goes wrong in it: see `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from qbatch.circuit.code import CodeFunction
from qbatch.circuit.qasm.writer import qasm3_text
from qbatch.errors import CircuitError


class CircuitFunction(CodeFunction):
    """A function that makes a circuit; takes and raises what `CodeFunction` does.

    Attributes:
        arguments: Its parameters' names.
        optional: Those that have a default.
    """

    def __init__(self, path: Path, file: str, name: str) -> None:
        super().__init__(path, file, name)
        self.arguments = frozenset(self.parameters)
        self.optional = self.arguments.difference(self.needed)

    def _taken(self, found: object) -> object:
        from qiskit import QuantumCircuit

        return partial(_itself, found) if isinstance(found, QuantumCircuit) else found

    def render(self, values: Mapping[str, object]) -> str:
        """Call the function and return its circuit as OpenQASM.

        Raises:
            CircuitError: At the line where it failed.
        """
        result = self.call(**values)
        if isinstance(result, str):
            return result
        from qiskit import QuantumCircuit

        if not isinstance(result, QuantumCircuit):
            raise CircuitError(
                self._definition(),
                f"{self._name}() returned a {type(result).__name__}; "
                "return a Qiskit circuit or OpenQASM text",
            )
        return qasm3_text(result, self._definition())


def _itself(found: object) -> object:
    return found
