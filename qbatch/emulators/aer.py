"""Aer as the emulators use it: one simulator a process, and circuits spelled out for it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def for_aer(circuit: QuantumCircuit) -> QuantumCircuit:
    """Spell out gates that Aer does not know; the usual circuit is returned as it is."""
    if _operations(circuit) <= native_operations():
        return circuit
    from qiskit import transpile
    from qiskit.circuit.library import get_standard_gate_name_mapping

    basis = sorted(native_operations() & set(get_standard_gate_name_mapping()))
    return transpile(circuit, basis_gates=basis, optimization_level=0)


def _operations(circuit: QuantumCircuit) -> set[str]:
    names = set()
    for one in circuit.data:
        names.add(one.operation.name if _is_of_qiskit(one.operation) else "a gate of their own")
        for block in getattr(one.operation, "blocks", ()):
            names |= _operations(block)
    return names


def _is_of_qiskit(operation: Any) -> bool:
    """Whether it is what its name says to Aer: a program may call a gate of its own `unitary`."""
    kind = getattr(operation, "base_class", type(operation))
    return bool(kind.__module__.startswith(("qiskit.circuit.", "qiskit_aer.", "qiskit.qasm"))) and (
        kind.__name__ not in ("Gate", "Instruction")
    )


@cache
def native_operations() -> frozenset[str]:
    names = {*aer().configuration().basis_gates, *aer().configuration().custom_instructions}
    return frozenset(names | {"measure", "reset", "barrier", "delay"})


@cache
def aer() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(max_parallel_threads=1)
