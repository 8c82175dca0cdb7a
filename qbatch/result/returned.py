"""Hamiltonians as a person's function returns them.

Taken are text as a manifest has it (``0.5 X0 X1 - 0.2 Z0``), Pauli strings with their coefficients
(a mapping, or pairs; the rightmost letter is bit 0), and whatever lists itself so by ``to_list``,
as Qiskit's ``SparsePauliOp`` does. Rules for terms and coefficients are those of `hamiltonian`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qbatch.errors import SourceError
from qbatch.result.hamiltonian import parse_hamiltonian
from qbatch.result.pauli import write_sum

_TAKEN = (
    "return a sum as text, Pauli strings with coefficients ({'XXI': 0.5} or [('XXI', 0.5)]), or "
    "Qiskit's SparsePauliOp"
)


def text_of_returned(answer: Any) -> str:
    """Return the text of what a function returned.

    Raises:
        ValueError: It is no Hamiltonian; the message tells what it is, and what to return.
    """
    if isinstance(answer, str):
        return answer
    try:
        found = parse_hamiltonian(json.dumps(_pairs(answer)), "")
    except SourceError as error:
        raise ValueError(error.problem) from error
    return write_sum(found)


def _pairs(answer: Any) -> list[tuple[str, float | str]]:
    listed = answer.to_list() if hasattr(answer, "to_list") else answer
    rows = listed.items() if isinstance(listed, Mapping) else listed
    try:
        return [(_string(pauli), _coefficient(found)) for pauli, found in rows]
    except (TypeError, ValueError, OverflowError) as error:
        said = f"this {type(answer).__name__} is no sum ({error})"
        raise ValueError(f"{said}; {_TAKEN}") from error


def _string(pauli: Any) -> str:
    if not isinstance(pauli, str):
        raise TypeError(f"{pauli!r} is no Pauli string; return texts such as XZI"[:100])
    return pauli


def _coefficient(found: Any) -> float | str:
    """Return a coefficient as JSON takes it; what is complex as text."""
    if isinstance(found, str | bytes | bool):
        raise TypeError(f"{found!r} is no coefficient; return a number"[:100])
    number = complex(found)
    return str(number) if number.imag else number.real
