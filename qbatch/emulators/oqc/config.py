"""OQC's compiler configuration, as its clients write it: tagged JSON inside a string.

``{"$type": "<class 'module.Name'>", "$data": {...}}`` is an object, ``{"$type": "<enum ...>",
"$value": n}`` an enum or flag. Three module prefixes are one and the same; missing keys take their
defaults, unknown keys are ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PREFIXES = ("compiler_config.", "scc.compiler.config", "qat.purr.compiler.config")

#: What the service does when no configuration is sent.
DEFAULT_SHOTS = 1000

BINARY_COUNT = 1
SQUASH = 4


class ConfigError(ValueError):
    """The configuration cannot be decoded."""


@dataclass(frozen=True)
class CompilerConfig:
    """The part of a configuration that changes what comes back.

    Attributes:
        shots: ``repeats``.
        layout: InlineResultsProcessing (raw 1, binary 2), or None.
        transforms: ResultsFormatting flags (counts 1, structure 2, squash 4).
    """

    shots: int = DEFAULT_SHOTS
    layout: int | None = 1
    transforms: int = 3

    @property
    def wants_counts(self) -> bool:
        return bool(self.transforms & BINARY_COUNT)


def read_config(text: Any) -> CompilerConfig:
    """Decode a task's ``config``; None and "" stand for none at all.

    Raises:
        ConfigError: Not the tagged encoding, a foreign class, or impossible values.
    """
    if text is None or text == "":
        return CompilerConfig()
    if not isinstance(text, str):
        raise ConfigError("config must be a string that holds JSON")
    try:
        decoded = _decode(json.loads(text))
    except ValueError as error:
        raise ConfigError(f"cannot decode the compiler configuration: {error}") from error
    if not isinstance(decoded, dict):
        raise ConfigError("the compiler configuration is no object")
    shots = decoded.get("repeats")
    shots = DEFAULT_SHOTS if shots is None else shots
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise ConfigError(f"repeats: {shots!r} is not a number of shots")
    wanted = decoded.get("results_format") or {}
    if "erasure_model" in decoded:
        return CompilerConfig(shots=shots)
    return CompilerConfig(
        shots=shots,
        layout=wanted.get("format") if isinstance(wanted, Mapping) else None,
        transforms=wanted.get("transforms", 2) if isinstance(wanted, Mapping) else 2,
    )


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$type" not in value:
        raise ConfigError("an object without $type")
    kind = re.fullmatch(r"<(?:class|enum) '([\w.]+)'>", str(value["$type"]))
    if kind is None or not kind[1].startswith(PREFIXES):
        raise ConfigError(f"unknown type {value['$type']!r}")
    if "$value" in value:
        return value["$value"]
    data = value.get("$data")
    if not isinstance(data, dict):
        raise ConfigError("$data is no object")
    return {name: _decode_field(one) for name, one in data.items()}


def _decode_field(value: Any) -> Any:
    """Fields may hold plain objects (a noise model), which are taken as they are."""
    if isinstance(value, dict) and "$type" not in value:
        return value
    return _decode(value)
