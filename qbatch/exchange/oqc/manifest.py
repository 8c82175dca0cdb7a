"""A manifest for jobs that were made without one: what was asked for, said as one would write it.

Rule: text in, text out. Each distinct program, backend and number of shots is said once; what was
asked for several times has `repeat`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from qbatch.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Wish:
    """What one job asked for.

    Attributes:
        circuit: Name of its program.
        program: Text.
        backend: Name of QPU and options together.
        target: The QPU's id.
        options: Of the backend.
        shots: 1 or more.
        problem: Why no manifest can say it; "" when one can.
    """

    circuit: str
    program: str
    backend: str
    target: str
    options: Mapping[str, Any] = field(default_factory=dict)
    shots: int = 1000
    problem: str = ""


def manifest_text(wishes: Sequence[Wish], name: str, source: str) -> str:
    """Write the manifest of these jobs; the plan has as many points, in the order first asked for.

    Args:
        wishes: At least one, without problems.
        name: Of the run.
        source: The file they came from, for the description.
    """
    return "\n".join(
        [*_head(name, source), *_circuits(wishes), *_backends(wishes), *_sweep(wishes)]
    )


def _head(name: str, source: str) -> Iterator[str]:
    yield "qbatch: 1"
    yield f"name: {_scalar(name)}"
    yield f"description: {_scalar(f'Imported from {source}')}"


def _circuits(wishes: Sequence[Wish]) -> Iterator[str]:
    yield "circuits:"
    for name, program in {wish.circuit: wish.program for wish in wishes}.items():
        yield f"  {name}:"
        yield from (f"    {line}" for line in _block("qasm", program))


def _block(key: str, text: str) -> Iterator[str]:
    """A text as a block, where every line of it can stand as it is; else quoted."""
    lines = text.split("\n")
    is_plain = all(line.isprintable() and line == line.rstrip() for line in lines)
    if len(lines) < 2 or not is_plain or lines[0].startswith(" ") or not lines[0]:
        yield f"{key}: {_scalar(text)}"
        return
    yield f"{key}: |-" if lines[-1] else f"{key}: |+"
    yield from (f"  {line}" if line else "" for line in (lines if lines[-1] else lines[:-1]))


def _backends(wishes: Sequence[Wish]) -> Iterator[str]:
    yield "backends:"
    for name, wish in {wish.backend: wish for wish in wishes}.items():
        yield f"  {name}:"
        yield "    provider: oqc"
        yield f"    target: {_scalar(wish.target)}"
        if wish.options:
            yield f"    options: {_scalar(dict(wish.options))}"


def _sweep(wishes: Sequence[Wish]) -> Iterator[str]:
    """One sweep for all that was asked for once, one for all that was asked for twice, …"""
    copies = Counter((wish.circuit, wish.backend, wish.shots) for wish in wishes)
    yield "sweep:"
    for repeat in dict.fromkeys(copies.values()):
        first, *rest = (place for place, number in copies.items() if number == repeat)
        circuit, backend, shots = first
        yield f"  - matrix: {{circuit: [{circuit}], backend: [{backend}], shots: [{shots}]}}"
        if rest:
            yield "    include:"
        for circuit, backend, shots in rest:
            yield f"      - {{circuit: {circuit}, backend: {backend}, shots: {shots}}}"
        if repeat > 1:
            yield f"    repeat: {repeat}"
    yield ""


def _scalar(value: Any) -> str:
    """A value as JSON, which is YAML."""
    return json.dumps(value, ensure_ascii=False)
