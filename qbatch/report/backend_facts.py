"""One backend as a report tells it: what manifest and provider say about it, as short text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.report.overview import Share

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend, Manifest

_LONGEST_FACT = 160
_MOST_FACTS = 24
_LONGEST_LIST = 6
#: Facts that differ between machines and change no result: a report does not depend on them.
_OF_THE_MACHINE = frozenset({"workers"})


@dataclass(frozen=True, slots=True)
class BackendFacts:
    """One backend as the report tells it.

    Attributes:
        name: In the manifest.
        provider: Its provider.
        target: As resolved by the provider, or as asked for.
        settings: What the manifest says about it: (key, value as text).
        facts: What the provider said about it: (key, value as text).
        share: What it did.
    """

    name: str
    provider: str
    target: str
    settings: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    share: Share


def backend_facts(
    name: str, backend: Backend, settings: Mapping[str, Any], described: Any, share: Share
) -> BackendFacts:
    """Say what is known of a backend, what is empty left out."""
    said = dict(described) if isinstance(described, Mapping) else {}
    facts = said.pop("facts", {})
    target = str(said.pop("name", "") or backend.target or "")
    return BackendFacts(
        name,
        backend.provider,
        target,
        tuple(_told({key: value for key, value in settings.items() if value})),
        tuple(_told({"num_qubits": said.get("num_qubits"), **dict(facts)})),
        share,
    )


def decided(manifest: Manifest, name: str) -> dict[str, str]:
    """Say what a backend could have been, where it is one of several."""
    told = [str(each) for each in manifest.decisions if each.backend == name]
    return {"decided": told[0]} if told else {}


def _told(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each value as short text, those of inner maps under their paths; empty ones are left out."""
    pairs = [(key, value) for key, value in _flat(values) if value is not None and value != ""]
    for key, value in pairs[:_MOST_FACTS]:
        text = _plainly(value)
        yield key, text if len(text) <= _LONGEST_FACT else text[: _LONGEST_FACT - 1] + "…"
    if len(pairs) > _MOST_FACTS:
        yield "and", f"{len(pairs) - _MOST_FACTS} more, kept with the run"


def _flat(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if hasattr(value, "model_dump"):
            value = value.model_dump()
        if key in _OF_THE_MACHINE:
            continue
        value = _read(value)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}.")
        else:
            yield f"{path}{key}", value


def _read(value: Any) -> Any:
    """A fact that is itself a JSON object, as some clouds give them, read; others as they are."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _plainly(value: Any) -> str:
    """A fact without the quotation marks of JSON; of a long list how it begins.

    >>> _plainly(["a", True, 3]), _plainly(list(range(30)))
    ('a, true, 3', '0, 1, 2, 3, 4, 5, … (30)')
    >>> _plainly([{"name": "rx", "arity": 1}, {"name": "cz", "arity": 2}])
    'rx, cz'
    """
    if isinstance(value, list | tuple):
        first = ", ".join(map(_plainly, value[:_LONGEST_LIST]))
        return first if len(value) <= _LONGEST_LIST else f"{first}, … ({len(value)})"
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return str(value["name"])
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_plainly(each)}" for key, each in value.items()) + "}"
    return value if isinstance(value, str) else json.dumps(value, default=str)
