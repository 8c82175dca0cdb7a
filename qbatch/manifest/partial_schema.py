"""What the schema lets a manifest leave out, or take out, where it extends another.

Rules: where there is no ``extends``, all is required that `Manifest` requires; where there is, the
bases may have it. ``null`` may stand for each key, for it takes the base's out; an empty key of a
manifest without a base is seen at its top, and by `validate` at any depth.
"""

from __future__ import annotations

from typing import Any

from qbatch.manifest.extending import KEY

Schema = dict[str, Any]

#: Definitions of maps, whose required keys a base may have -> where they stand in a manifest.
_STANDING = {
    "AnyOf": ("backends", "*", "target"),
    "Fit": ("analysis", "fits", "*"),
    "Distribution": ("analysis", "distribution"),
    "Reference": ("run", "reference"),
}
#: These say of what kind a manifest is.
_NEVER_NULL = ("qbatch", "name", KEY)


def allow_partial(schema: Schema) -> None:
    """Change the schema of a whole manifest so that it takes those that extend another, too."""
    definitions, properties = schema["$defs"], schema["properties"]
    whole: Schema = {"required": schema.pop("required")}
    _require(whole, ("backends", "*"), {"anyOf": definitions["Backend"].pop("anyOf")})
    for name, path in _STANDING.items():
        _require(whole, path, {"required": definitions[name].pop("required")})
    circuit = definitions["Circuit"]["anyOf"][-1]
    _require(whole, ("circuits", "*"), {"if": {"type": "object"}, "then": _one_of(circuit)})
    for name in properties:
        if name not in _NEVER_NULL:
            _require(whole, (name,), {"not": {"type": "null"}})
    for part in (schema, *definitions.values()):
        for name, value in part.get("properties", {}).items():
            if not (part is schema and name in _NEVER_NULL):
                part["properties"][name] = _or_null(value)
    extends = properties[KEY]
    item = {**extends["items"], "minLength": 1}
    told = {key: value for key, value in extends.items() if key not in ("items", "type")}
    told["examples"] = ["base.yaml", ["lab.yaml", "noise.yaml"]]
    properties[KEY] = told | {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}
    schema |= {"if": {"not": {"required": [KEY]}}, "then": whole}


def _one_of(circuit: Schema) -> Schema:
    return {"oneOf": circuit.pop("oneOf")}


def _require(schema: Schema, path: tuple[str, ...], rule: Schema) -> None:
    """Put a rule where a path leads: keys, and ``*`` for all of them but ``x-*``.

    It is by patterns, for what an editor shows of a key is by ``properties``, once.
    """
    for step in path:
        pattern = "^(?!x-)" if step == "*" else f"^{step}$"
        schema = schema.setdefault("patternProperties", {}).setdefault(pattern, {})
    schema |= rule


def _or_null(part: Schema) -> Schema:
    """Return a key's schema that takes ``null``, too; what an editor shows of it stays."""
    if isinstance(part.get("additionalProperties"), dict):
        part = part | {"additionalProperties": _or_null(part["additionalProperties"])}
    if "anyOf" in part:
        has_null = any("null" in _kinds(each) for each in part["anyOf"])
        return part if has_null else part | {"anyOf": [*part["anyOf"], {"type": "null"}]}
    if "$ref" in part:
        told = {key: value for key, value in part.items() if key != "$ref"}
        return told | {"anyOf": [{"$ref": part["$ref"]}, {"type": "null"}]}
    kinds = _kinds(part)
    if not kinds or "null" in kinds:
        return part
    enum = {"enum": [*part["enum"], None]} if "enum" in part else {}
    return part | {"type": [*kinds, "null"]} | enum


def _kinds(part: Schema) -> list[str]:
    kinds = part.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
