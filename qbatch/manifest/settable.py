"""What a shell completes of a manifest, read without its models: paths that `-S` can set, its run.

The manifest need not be sound: what is wrong in it the verb says when it is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from qbatch.manifest.construction import read_data
from qbatch.manifest.files import read_text
from qbatch.manifest.source import Source

_AXES = ("matrix", "zip")


#: Axis -> what its values are names of.
_NAMED = {"backend": "backends", "circuit": "circuits"}


class Named(NamedTuple):
    """A manifest as far as it says whose run is kept where."""

    name: str
    path: Path
    folder: Path


def named(path: Path) -> Named | None:
    """Return what a manifest is called; None where it does not say.

    Raises:
        SourceErrors: It cannot be read.
    """
    name = _read(path).get("name")
    return Named(name, path, path.absolute().parent) if isinstance(name, str) else None


def settable(path: Path) -> dict[str, list[str]]:
    """Return what `-S` can set, axes first, each with the names that may be its value.

    Args:
        path: The manifest.

    Raises:
        SourceErrors: It cannot be read.
    """
    data = _read(path)
    found = _named_axes(data)
    return found | {name: [] for name in _leaves(data, "") if name not in found}


def axes(path: Path) -> dict[str, list[str]]:
    """Return the axes of a manifest's points, each with the names that may be its value.

    Args:
        path: The manifest.

    Raises:
        SourceErrors: It cannot be read.
    """
    return _named_axes(_read(path))


def _named_axes(data: Mapping[str, Any]) -> dict[str, list[str]]:
    named = _values(data)
    return {name: named.get(name, []) for name in (*_axes(data), *named)}


def _axes(data: Mapping[str, Any]) -> list[str]:
    sweeps = data.get("sweep")
    return [
        str(name)
        for sweep in (sweeps if isinstance(sweeps, list) else [sweeps])
        if isinstance(sweep, Mapping)
        for kind in _AXES
        if isinstance(given := sweep.get(kind), Mapping)
        for name in given
    ]


def _values(data: Mapping[str, Any]) -> dict[str, list[str]]:
    whole = {name: data.get(kind) for name, kind in _NAMED.items()}
    return {name: list(map(str, of)) for name, of in whole.items() if isinstance(of, Mapping)}


def _read(path: Path) -> Mapping[str, Any]:
    folder = path.absolute().parent
    data = read_data(Source(str(path), read_text(path, str(path)), folder, path))[0]
    return data if isinstance(data, Mapping) else {}


def _leaves(data: Mapping[str, Any], before: str) -> Iterator[str]:
    for name, value in data.items():
        path = f"{before}{name}"
        if path in {"qbatch", "extends"} or "." in str(name):
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path
