"""Circuits: where they come from, what is known of them, how they become programs.

Public: `open_circuit` makes a `CircuitSource` of what a manifest says; a source makes a `Circuit`
at given values; `build` makes it a Qiskit circuit with free parameters.
"""

from qbatch.circuit.circuit import Circuit
from qbatch.circuit.facts import CircuitFacts, Register
from qbatch.circuit.fitting import Fit
from qbatch.circuit.reading import bind, build, parses
from qbatch.circuit.sent import program_text
from qbatch.circuit.sources import (
    CircuitSource,
    UntrustedCodeError,
    Value,
    open_circuit,
)

__all__ = [
    "Circuit",
    "CircuitFacts",
    "CircuitSource",
    "Fit",
    "Register",
    "UntrustedCodeError",
    "Value",
    "bind",
    "build",
    "open_circuit",
    "parses",
    "program_text",
]
