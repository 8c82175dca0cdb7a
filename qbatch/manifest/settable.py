"""Which paths of a manifest `-S` can set: its axes by their names, and what is written in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qbatch.manifest.construction import read_data
from qbatch.manifest.files import read_text
from qbatch.manifest.overrides import override
from qbatch.manifest.source import Source

_AXES = ("matrix", "zip")


#: Axis -> what its values are names of.
_NAMED = {"backend": "backends", "circuit": "circuits"}


def settable(path: Path) -> dict[str, list[str]]:
    """Return what `-S` can set, axes first, each with the names that may be its value.

    Args:
        path: The manifest; it need not be sound.

    Raises:
        SourceErrors: It cannot be read.
    """
    folder = path.absolute().parent
    source = Source(str(path), read_text(path, str(path)), folder, path, (), override=override)
    data = read_data(source)[0]
    if not isinstance(data, Mapping):
        return {}
    sweeps = data.get("sweep")
    found = [
        str(name)
        for sweep in (sweeps if isinstance(sweeps, list) else [sweeps])
        if isinstance(sweep, Mapping)
        for kind in _AXES
        if isinstance(axes := sweep.get(kind), Mapping)
        for name in axes
    ]
    whole = {name: data.get(kind) for name, kind in _NAMED.items()}
    named = {name: list(map(str, of)) for name, of in whole.items() if isinstance(of, Mapping)}
    return {name: named.get(name, []) for name in (*found, *named, *_leaves(data, ""))}


def _leaves(data: Mapping[str, Any], before: str) -> Iterator[str]:
    for name, value in data.items():
        path = f"{before}{name}"
        if path in {"qbatch", "extends"} or "." in str(name):
            continue
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{path}.")
        else:
            yield path
