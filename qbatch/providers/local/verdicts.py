"""What was found of circuits computed in one call, kept on disk: a second run need not look again.

Rules: one small file each, found only under the very circuit, settings, versions and code it was
made with, and only if it is whole (it carries its own digest). It never gets in the way: a file
that cannot be read or written is gone past, and the circuit is looked at again.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from qbatch.circuit.cache import cache_folder
from qbatch.circuit.facts import FORMAT as READER
from qbatch.drafts import draft_beside
from qbatch.frozen import dataclass

#: Raise it whenever the meaning of a verdict changes.
FORMAT = 2

#: Packages whose code builds circuits, makes them ready, computes them, and looks at what comes.
PACKAGES = ("qbatch.circuit", "qbatch.providers.local")

#: In one of 256 folders; then it is begun anew.
_MOST_FILES = 400


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the points of a circuit are computed.

    Attributes:
        together: Many in one call; else one by one.
        warning: What a person should know, "" where nothing disagreed.
    """

    together: bool
    warning: str = ""


def key_of(program: str, gates: Iterable[str]) -> str:
    """Return what a verdict is found by.

    Args:
        program: Its key.
        gates: That one call was to carry.
    """
    code = code_of(PACKAGES)
    told = (FORMAT, READER, code, program, sorted(gates), _versions(), platform.machine())
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


@cache
def code_of(packages: tuple[str, ...]) -> str:
    """Return a digest of packages' sources, with those of the packages inside them."""
    found = hashlib.sha256()
    for package in packages:
        for name, content in _sources(files(package), package):
            found.update(f"{name} {len(content)}\n".encode())
            found.update(content)
    return found.hexdigest()


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        if each.is_dir():
            if each.name != "__pycache__":
                yield from _sources(each, f"{name}/{each.name}")
        elif each.name.endswith((".py", ".pyc")):  # the latter where sources are not installed
            yield f"{name}/{each.name}", each.read_bytes()


@cache
def _versions() -> list[str]:
    return [version(name) for name in ("qbatch", "qiskit", "qiskit-aer", "numpy")]


def read(key: str) -> Verdict | None:
    """Return the verdict kept, or None."""
    try:
        row = json.loads(_file(key).read_text("utf-8"))
        told, seal = row["verdict"], row["seal"]
        return Verdict(**told) if seal == _seal(key, told) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def keep(key: str, verdict: Verdict) -> None:
    """Keep a verdict."""
    told, file = asdict(verdict), _file(key)
    unfinished = draft_beside(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file.parent)
        unfinished.write_text(json.dumps({"verdict": told, "seal": _seal(key, told)}), "utf-8")
        unfinished.replace(file)
    except OSError:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _file(key: str) -> Path:
    return cache_folder() / f"checked-{FORMAT}" / key[:2] / f"{key}.json"


def _make_room(folder: Path) -> None:
    kept = [*folder.iterdir()]
    if len(kept) >= _MOST_FILES:
        for file in kept:
            file.unlink(missing_ok=True)


def _seal(key: str, told: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps([key, told], sort_keys=True).encode()).hexdigest()
