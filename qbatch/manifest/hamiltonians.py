"""Observables that stand in files: ``energy: {file: lih.json}``.

Rule: what a file says is taken as if its sum were written in the manifest, so that all else knows
one form of observables. Those that are made for each point: see `varying`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import ValidationError, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from qbatch.errors import SourceError
from qbatch.manifest.fields import Mistakes, Text, amiss, known_to, wrong
from qbatch.manifest.functions import mistakes_under
from qbatch.manifest.local_paths import check_read_path
from qbatch.manifest.varying import MadeSum, is_made

#: A sum of products, or what it is read from or made by.
Observable = Annotated[
    Text,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file"],
                    "properties": {"file": {"type": "string"}},
                },
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["python"],
                    "properties": {"python": {"type": "string"}, "with": {"type": "object"}},
                },
            ]
        }
    ),
]


def read_files(observables: Any, info: ValidationInfo) -> Any:
    """Return observables as texts, those in files read."""
    if not isinstance(observables, Mapping):
        return observables
    mistakes = Mistakes()
    found = {}
    for name, written in observables.items():
        found[name] = written
        try:
            if isinstance(written, Mapping):
                found[name] = _made(written, info) if is_made(written) else _read(written, info)
            elif isinstance(written, str) and written.startswith("{"):
                mistakes.add((name,), wrong("is no sum of products; write 0.5 X0 X1 - Z0"))
        except PydanticCustomError as error:
            mistakes.add((name,), error)
        except ValidationError as error:
            mistakes.found += mistakes_under(name, error)
    mistakes.raise_any()
    return found


def told_of(text: str, sums: Mapping[str, str]) -> str:
    """Return ``lih.json: `` before what is said of an observable that stands in a file, else ""."""
    return next((f"{file}: " for file, whole in sums.items() if whole == text), "")


def _made(written: Mapping[Any, Any], info: ValidationInfo) -> str:
    return MadeSum.model_validate(written, context=known_to(info)).text


def _read(written: Mapping[Any, Any], info: ValidationInfo) -> str:
    from qbatch.result.hamiltonian import read_hamiltonian
    from qbatch.result.pauli import write_sum

    known = known_to(info)
    file = written.get("file")
    if {*written} != {"file"} or not isinstance(file, str):
        raise amiss("is no observable; write a sum of products, or a map with file alone or python")
    if known.sums is not None and file in known.sums:
        return known.sums_read.setdefault(file, known.sums[file])
    if known.folder is None:
        raise wrong("names a file, and the manifest has no folder; read it from a file")
    try:
        whole = read_hamiltonian(known.folder / check_read_path(file, info), file)
    except SourceError as error:
        raise amiss(str(error)) from error
    return known.sums_read.setdefault(file, write_sum(whole))
