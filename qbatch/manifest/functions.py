"""Functions in files that a manifest names: ``circuits.py:build``."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, ValidationInfo

from qbatch.errors import CircuitError
from qbatch.frozen import dataclass
from qbatch.manifest.fields import Mistakes, amiss, wrong
from qbatch.manifest.local_paths import check_path
from qbatch.notation import did_you_mean, listed

if TYPE_CHECKING:
    from pydantic_core import InitErrorDetails

    from qbatch.circuit.code import CodeFunction
    from qbatch.errors import Place

#: Functions of a manifest are called one after the other: they need not know of threads.
ONE_AT_A_TIME = Lock()


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


def load_taking(
    source: str, what: str, arguments: Collection[str], home: Home, place: Place
) -> CodeFunction:
    """Load a function that may run and takes what `arguments` names; see `load_function`.

    Raises:
        SourceError: It does not, too.
    """
    found = load_function(source, what, home, place)
    known = found.parameters
    if stray := [name for name in arguments if name not in known]:
        has = f"({listed(known)})" if known else "(it takes nothing)"
        said = f"'with' gives {stray[0]!r}, which is no argument {has}"
        raise CircuitError(place, f"{said}{did_you_mean(stray[0], known)}")
    return found


def call_for(what: str, function: CodeFunction, given: Mapping[str, Any]) -> Any:
    """Call a function by the names of its arguments.

    Raises:
        CircuitError: At the line where it failed; `what` is said with it.
    """
    try:
        return function.call(**given)
    except CircuitError as error:
        said = f"{error.problem} ({what})"
        raise CircuitError(error.place, said, excerpt=error.excerpt) from error


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file as it is now; "" where it is not to be had."""
    try:
        return sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""


def canonical(values: Mapping[str, Any]) -> str:
    """Return JSON, keys in order; a number that is whole is written without a point."""

    def whole(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(key): whole(one) for key, one in value.items()}
        is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
        return int(value) if is_whole else value

    return json.dumps(whole(values), sort_keys=True, ensure_ascii=False)


def mistakes_under(name: str, error: ValidationError) -> list[InitErrorDetails]:
    """Return what is wrong with the map that stands at `name`."""
    told = Mistakes()
    for each in error.errors(include_url=False):
        told.add((name, *each["loc"]), amiss(each["msg"]))
    return told.found
