"""Functions in files that a manifest names: ``circuits.py:build``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationInfo

from qbatch.manifest.fields import check_path, wrong

if TYPE_CHECKING:
    from qbatch.circuit.code import CodeFunction
    from qbatch.errors import Place


@dataclass(frozen=True, slots=True)
class Home:
    """Where a manifest stands.

    Attributes:
        folder: Its folder.
        trust: Whether code beside it may run that was never allowed before.
    """

    folder: Path
    trust: bool


def named_function(value: str, info: ValidationInfo) -> str:
    """See that a text names a file inside the folder and a function in it; return it.

    Raises:
        PydanticCustomError: It does not.
    """
    file, _, function = value.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise wrong("is no function in a file; write FILE.py:FUNCTION")
    check_path(file, info)
    return value


def load_function(source: str, what: str, home: Home, place: Place) -> CodeFunction:
    """Load a function that may run.

    Args:
        source: As `named_function` has seen it.
        what: It is for, as in ``observable 'energy'``.
        home: Where the manifest stands.
        place: Of it in the manifest.

    Raises:
        SourceError: It is not there, or cannot be loaded.
        UntrustedCodeError: It may not run.
    """
    from qbatch.circuit.code import CodeFunction
    from qbatch.circuit.sources import permitted

    file, _, function = source.rpartition(":")
    return CodeFunction(permitted(what, file, home.folder, place, trust=home.trust), file, function)
