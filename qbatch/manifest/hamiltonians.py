"""Observables that stand in files: ``energy: {file: lih.json}``.

Rule: what a file says is taken as if its sum were written in the manifest, so that all else knows
one form of observables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from qbatch.errors import SourceError
from qbatch.manifest.fields import Mistakes, amiss, check_path, known_to, wrong


def read_files(observables: Any, info: ValidationInfo) -> Any:
    """Return observables as texts, those in files read."""
    if not isinstance(observables, Mapping):
        return observables
    mistakes = Mistakes()
    found = {}
    for name, written in observables.items():
        found[name] = written
        if isinstance(written, Mapping):
            try:
                found[name] = _read(written, info)
            except PydanticCustomError as error:
                mistakes.add((name,), error)
    mistakes.raise_any()
    return found


def told_of(text: str, sums: Mapping[str, str]) -> str:
    """Return ``lih.json: `` before what is said of an observable that stands in a file, else ""."""
    return next((f"{file}: " for file, whole in sums.items() if whole == text), "")


def _read(written: Mapping[Any, Any], info: ValidationInfo) -> str:
    from qbatch.result.expression import LONGEST
    from qbatch.result.hamiltonian import read_hamiltonian
    from qbatch.result.pauli import write_sum

    known = known_to(info)
    file = written.get("file")
    if {*written} != {"file"} or not isinstance(file, str):
        raise amiss("is no observable; write a sum of products, or a map with file alone")
    if known.sums is not None and file in known.sums:
        return known.sums_read.setdefault(file, known.sums[file])
    if known.folder is None:
        raise wrong("names a file, and the manifest has no folder; read it from a file")
    try:
        whole = read_hamiltonian(known.folder / check_path(file, info), file)
    except SourceError as error:
        raise amiss(str(error)) from error
    text = write_sum(whole)
    if len(text) > LONGEST:
        said = f"{len(whole.terms):,} terms are too long: {len(text):,} characters when written"
        raise amiss(f"{said}, and qbatch takes {LONGEST:,}; leave out the smallest")
    return known.sums_read.setdefault(file, text)
