"""Which gates a batched call may carry: data, proven for versions of the libraries that are named.

`AerSimulator.run(parameter_binds=…)` evaluates many points in one call, and fills some gates'
angles in and others not: those it leaves at 0, in silence, or its results go missing (qiskit-aer
issues 2323 and 2403: what ``is_parameterized()`` denies of a controlled gate is never bound). A
parameter in the global phase is dropped as well. So nothing is trusted but the rows below.

Rules: a row is held against an independent computation by the tests, with expressions and several
angles, and so is what is *not* in it; they fail when the versions installed here have no row. With
versions that have none, and on a GPU, each point is bound by assignment, which is slow and right.
To add versions, run the tests with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: (qiskit-aer, qiskit) -> the gates whose angles a batched call fills in, on the CPU, by
#: ``statevector`` and by ``density_matrix`` (of those that the method knows).
PROVEN: Mapping[tuple[str, str], frozenset[str]] = {
    ("0.18.2", "2.6.2"): frozenset(
        ("p", "r", "rx", "ry", "rz", "u", "u1", "u2", "u3", "rxx", "ryy", "rzz", "rzx")
    ),
}


@cache
def installed() -> tuple[str, str]:
    """Versions of qiskit-aer and qiskit, as `PROVEN` is keyed."""
    return version("qiskit-aer"), version("qiskit")


def batched_gates(device: str) -> frozenset[str]:
    """Return the gates whose angles one call for many points may carry here; none: bind each."""
    return PROVEN.get(installed(), frozenset()) if device == "CPU" else frozenset()


def is_open(operation: Any) -> bool:
    """Whether an instruction has a parameter without a value.

    Asked of its parameters: ``is_parameterized()`` denies it of controlled gates.
    """
    return any(getattr(param, "parameters", None) for param in operation.params)


def can_carry(circuit: QuantumCircuit, gates: frozenset[str]) -> bool:
    """Whether one call may evaluate `circuit` at many points: every open gate is one of `gates`."""
    return all(not is_open(item.operation) or item.operation.name in gates for item in circuit.data)


def has_open_phase(circuit: QuantumCircuit) -> bool:
    """Whether the global phase has a parameter, which a batched call drops."""
    return bool(getattr(circuit.global_phase, "parameters", None))
