"""What has been read is kept: programs, facts and Qiskit circuits, by the SHA-256 of their text.

Rules: a text is parsed once in a process (`parses` counts), and not at all where only its facts are
wanted and the cache on disk has them; then the reader is not even imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from qbatch.circuit.cache import FactsCache
from qbatch.circuit.facts import CircuitFacts
from qbatch.circuit.text import Source
from qbatch.errors import CircuitError, Place

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

    from qbatch.circuit.circuit import Circuit
    from qbatch.circuit.program import Program

#: Programs and circuits kept in a process; of facts, which are small, forty times as many.
_KEPT = 256

_programs: dict[str, Program] = {}
_built: dict[str, QuantumCircuit] = {}
_facts: dict[str, CircuitFacts] = {}
_parses = 0
_cache = FactsCache()

Kept = TypeVar("Kept")


def parses() -> int:
    """How many texts this process has parsed."""
    return _parses


def facts_of(source: Source, sha256: str) -> CircuitFacts:
    """Return the facts of a text.

    Args:
        source: The text and where it stands.
        sha256: Of the text.

    Raises:
        CircuitError: The text is wrong; texts found wrong are not kept.
    """
    facts = _facts.get(sha256) or _cache.get(sha256)
    if facts is None:
        from qbatch.circuit.analysis import analyse

        program = _program(source, sha256)
        if program.may_fail:
            _keep(_built, sha256, _build(program, source))
        facts = analyse(program)
        _cache.put(sha256, facts)
    return _keep(_facts, sha256, facts, 40 * _KEPT)


def build(circuit: Circuit) -> QuantumCircuit:
    """Return `circuit` as a Qiskit circuit with free Parameters.

    Inputs that no gate uses are in `CircuitFacts.parameters` but not among the Parameters. The
    same text gives the same object: copy it before changing it.
    """
    built = _built.get(circuit.sha256)
    if built is None:
        source = Source(circuit.text, Place(circuit.name, 1, 1))
        built = _build(_program(source, circuit.sha256), source)
        _keep(_built, circuit.sha256, built)
    return built


def bind(circuit: Circuit, values: Mapping[str, float]) -> QuantumCircuit:
    """Return `circuit` as a Qiskit circuit without free Parameters.

    Args:
        circuit: Not changed.
        values: One for each of ``circuit.facts.parameters``; others are ignored.

    Raises:
        CircuitError: A parameter has no value.
    """
    missing = [name for name in circuit.facts.parameters if name not in values]
    if missing:
        raise CircuitError(
            Place(circuit.name), f"no value for input '{missing[0]}'; sweep it, or set it"
        )
    from qiskit.exceptions import QiskitError

    built = build(circuit)
    try:
        bound = built.assign_parameters({p: float(values[p.name]) for p in built.parameters})
        for item in bound.data if circuit.facts.durations else ():
            item.operation  # noqa: B018 - Qiskit sees only now whether a delay is a time
    except (QiskitError, ArithmeticError, ValueError, TypeError) as error:
        raise CircuitError(Place(circuit.name), f"cannot be bound: {error}") from error
    return bound


def _build(program: Program, source: Source) -> QuantumCircuit:
    from qbatch.circuit.to_qiskit import build_program

    return build_program(program, source)


def _program(source: Source, sha256: str) -> Program:
    global _parses
    program = _programs.get(sha256)
    if program is None:
        from qbatch.circuit.qasm.parser import parse

        _parses += 1
        program = _keep(_programs, sha256, parse(source))
    return program


def _keep(kept: dict[str, Kept], key: str, value: Kept, at_most: int = _KEPT) -> Kept:
    """Remember `value`; the oldest makes room."""
    if key not in kept and len(kept) >= at_most:
        del kept[next(iter(kept))]
    kept[key] = value
    return value
