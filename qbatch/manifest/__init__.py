"""Manifests: YAML text to a frozen `Manifest`, all mistakes at once, each with file:line:column.

Its public names are loaded when they are first used: a shell that completes `-S` reads a manifest
without its models. They import PyYAML and pydantic, and nothing heavier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbatch.lazy import names_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from qbatch.manifest.models import Manifest
    from qbatch.manifest.reading import (
        load_manifest,
        load_sound_parts,
        override_manifest,
        parse_manifest,
    )

__all__ = [
    "Manifest",
    "json_schema",
    "load_manifest",
    "load_sound_parts",
    "override_manifest",
    "parse_manifest",
]

__getattr__ = names_of(
    __name__,
    {
        "qbatch.manifest.objects": "Manifest",  # which teaches it to be made of objects
        "qbatch.manifest.reading": (
            "load_manifest load_sound_parts override_manifest parse_manifest"
        ),
    },
)


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
