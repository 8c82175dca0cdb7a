"""Examples of a manifest's keys: as they stand in the manifests of ``every_key``, which have all.

An editor shows them beside a key, and so does `qbatch explain`; the guide prints the manifests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from qbatch.manifest.construction import read_data
from qbatch.manifest.source import Source

Schema = dict[str, Any]

#: Characters of JSON that an example may have; of longer ones the first parts are shown.
_LONGEST = 120


def manifests() -> dict[str, str]:
    """Return the manifests that have every key, name -> text, in the order of the guide."""
    folder = resources.files("qbatch.manifest").joinpath("every_key")
    found = {file.name.removesuffix(".yaml"): file for file in folder.iterdir()}
    return {name: found[name].read_text("utf-8") for name in _ORDER if name in found}


_ORDER = (
    *("sweeps", "numbers", "limits", "mitigation", "functions", "packages"),
    *("simulator", "clouds", "machines"),
)


def add_examples(schema: Schema) -> None:
    """Give each property of a schema of manifests the first example that there is."""
    for name, text in manifests().items():
        data, _ = read_data(Source(f"{name}.yaml", text, Path()))
        _mark(schema, schema, _plain(data), "")


def _mark(schema: Schema, part: Schema, value: Any, provider: str) -> None:
    """Note how the keys of a value stand there."""
    if isinstance(value, list):
        for form in _forms(schema, part, provider):
            if isinstance(items := form.get("items"), dict):
                for item in value:
                    _mark(schema, items, item, provider)
    if not isinstance(value, dict):
        return
    provider = str(value.get("provider", provider))
    for form in _forms(schema, part, provider):
        for key, inner in value.items():
            if isinstance(known := form.get("properties", {}).get(key), dict):
                known.setdefault("examples", [_shortened(inner)])
                _mark(schema, known, inner, provider)
            elif isinstance(other := form.get("additionalProperties"), dict):
                _mark(schema, other, inner, provider)


def _forms(schema: Schema, part: Schema, provider: str) -> Iterator[Schema]:
    """Yield what a value may be: references followed, of providers that one alone."""
    if reference := part.get("$ref"):
        yield from _forms(schema, schema["$defs"][reference.rpartition("/")[2]], provider)
    yield part
    for each in part.get("anyOf", ()):
        yield from _forms(schema, each, provider)
    for rule in part.get("allOf", ()):
        if rule["if"]["properties"]["provider"]["const"] == provider:
            yield rule["then"]


def _plain(value: Any) -> Any:
    """Return what was read as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _shortened(value: Any) -> Any:
    """Return a value, of a long one its first parts: an example need not have all."""
    if len(json.dumps(value)) <= _LONGEST:
        return value
    if isinstance(value, dict):
        key, inner = next(iter(value.items()))
        return {key: _shortened(inner)}
    return [_shortened(value[0])] if isinstance(value, list) else value
