"""Manifests: YAML text to a frozen `Manifest`, all mistakes at once, each with file:line:column.

Public: `load_manifest`, `parse_manifest`, `sweep`, `json_schema`, and the models. Imports PyYAML
and pydantic, and nothing heavier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbatch.manifest.models import Manifest
from qbatch.manifest.objects import sweep
from qbatch.manifest.reading import (
    load_manifest,
    load_sound_parts,
    override_manifest,
    parse_manifest,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = [
    "Manifest",
    "json_schema",
    "load_manifest",
    "load_sound_parts",
    "override_manifest",
    "parse_manifest",
    "sweep",
]


def json_schema(
    parts: Mapping[str, Mapping[str, type[BaseModel]]] | None = None,
) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of manifests, as the common YAML editors take it.

    Args:
        parts: Provider -> ``options`` or ``noise`` -> its model; of others any is taken.
            `qbatch.providers.manifest_schema` gives all there are.
    """
    from qbatch.manifest.schema import generate

    return generate(parts or {})
