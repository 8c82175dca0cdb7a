"""The JSON Schema (draft 2020-12) of manifests, generated from the models.

Rules: what `load_manifest` takes, the schema takes; editors check and complete with it. So
short-hands are in it (a circuit as a path, one sweep for a list), arithmetic may stand for every
number, ``x-*`` keys are free, and docstrings' attributes are the hints an editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from qbatch.configuration.words import POINTER
from qbatch.docstrings import attributes_in, summary_in
from qbatch.manifest.accuracy import Accuracy
from qbatch.manifest.annotations import models_in
from qbatch.manifest.any_of import AnyOf
from qbatch.manifest.axes import FORMS
from qbatch.manifest.examples import add_examples
from qbatch.manifest.fields import Model
from qbatch.manifest.models import Manifest
from qbatch.manifest.partial_schema import allow_partial

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Arithmetic and durations, loosely: an editor sees misspelt words, `validate` sees all.
_ARITHMETIC = {"pattern": r"^[\w\s.+*/%()-]*[\w)]$"}
#: pydantic's words for bounds, which it leaves on schemas that it does not know -> JSON Schema's.
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}

Schema = dict[str, Any]


class _Generate(GenerateJsonSchema):
    """pydantic's generator, with arithmetic wherever a number is wanted."""

    schema_dialect = _DIALECT

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        return {**super().int_schema(schema), "type": ["integer", "string"], **_ARITHMETIC}

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        return {**super().float_schema(schema), "type": ["number", "string"], **_ARITHMETIC}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return {"anyOf": [inner, {"type": "null"}]}
        kinds = inner["type"] if isinstance(inner["type"], list) else [inner["type"]]
        inner = {**inner, "type": [*kinds, "null"]}
        return {**inner, "enum": [*inner["enum"], None]} if "enum" in inner else inner

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Show defaults that are one value; an editor writes them out."""
        inner = super().default_schema(schema)
        if inner.get("default") is None or isinstance(inner["default"], dict):
            inner.pop("default", None)
        return inner


def generate(parts: Mapping[str, Mapping[str, type[BaseModel]]]) -> Schema:
    """Return the JSON Schema of a manifest.

    Args:
        parts: Provider -> ``options`` or ``noise`` -> the model of what it may say there.
    """
    schema = Manifest.model_json_schema(schema_generator=_Generate)
    models = {model.__name__: model for model in _models(Model)}
    for name, part in [("Manifest", schema), *schema["$defs"].items()]:
        _describe(part, models[name])
        part.setdefault("patternProperties", {})["^x-"] = True
    _mend(schema)
    definitions = schema["$defs"]
    _add_accuracy(schema)
    _add_any_of(definitions)
    definitions["Axis"] = _axis(definitions["Axis"])
    definitions["Circuit"] = {
        "anyOf": [
            {"type": "string", "description": "Path of an OpenQASM file."},
            _circuit(definitions["Circuit"]),
        ]
    }
    for name, said in (("Derived", "Its formula."), ("Label", "The label.")):
        text = {"type": "string", "description": said}
        definitions[name] = {"anyOf": [text, definitions[name]]}
    budget = definitions["Budget"]
    budget["additionalProperties"] = budget["properties"].pop("backends")["additionalProperties"]
    _add_parts(definitions, parts)
    backend = definitions["Backend"]["properties"]
    backend["provider"]["examples"] = [*parts]
    backend["credentials"]["pattern"] = f"^({POINTER.pattern})$"
    backend["url"]["pattern"] = "^https?://"
    for owner, key in ((schema, "sweep"), (definitions["Sweep"], "sample")):
        many = owner["properties"][key]
        one_or_many = [many["items"], {k: v for k, v in many.items() if k in _LIST_KEYS}]
        owner["properties"][key] = {
            **{k: v for k, v in many.items() if k not in _LIST_KEYS},
            "anyOf": one_or_many,
        }
    add_examples(schema)
    allow_partial(schema)
    return {
        "$schema": _DIALECT,
        **schema,
        "title": "qbatch manifest, version 1",
    }


def _add_accuracy(schema: Schema) -> None:
    """Let an accuracy stand where shots of points are written."""
    definitions = schema["$defs"]
    definitions |= _definitions("Accuracy", Accuracy)
    definitions["Accuracy"]["required"] = ["of"]
    of = definitions["Accuracy"]["properties"]["of"]
    del of["type"], of["minLength"]
    text = {"type": "string"}
    of["anyOf"] = [text, {"type": "array", "items": of.pop("items"), "minItems": 1}]
    reference = {"$ref": "#/$defs/Accuracy"}
    shots = schema["properties"]["shots"]
    number = {key: shots.pop(key) for key in ("type", "minimum")} | _ARITHMETIC
    shots["anyOf"] = [number, reference]
    for point in (
        definitions["Override"]["properties"]["set"],
        definitions["Sweep"]["properties"]["include"]["items"],
    ):
        point["properties"] = {"shots": {"anyOf": [point["additionalProperties"], reference]}}


def _add_any_of(definitions: Schema) -> None:
    """Let a target be one of several, and a backend be one of others."""
    definitions |= _definitions("AnyOf", AnyOf)
    definitions["AnyOf"]["required"] = [*AnyOf.model_fields]
    target = definitions["Backend"]["properties"]["target"]
    kinds = [{"type": target.pop("type")}, {"$ref": "#/$defs/AnyOf"}]
    target["anyOf"] = kinds
    of_others = {
        "required": ["target"],
        "patternProperties": {"^target$": {"type": "object"}},
        "propertyNames": {"pattern": "^(target|x-.*)$"},
    }
    required = {"required": definitions["Backend"].pop("required")}
    definitions["Backend"]["anyOf"] = [required, of_others]


_LIST_KEYS = {"type", "items", "minItems", "maxItems"}


def _add_parts(definitions: Schema, parts: Mapping[str, Mapping[str, type[BaseModel]]]) -> None:
    """Say which options and noise a backend has, by its provider."""
    rules = []
    for provider, models in parts.items():
        references = {}
        for key, model in models.items():
            name = f"{provider}-{key}"
            definitions |= _definitions(name, model)
            references[key] = {"$ref": f"#/$defs/{name}"}
        then = {"properties": references}
        rules.append({"if": {"properties": {"provider": {"const": provider}}}, "then": then})
    definitions["Backend"]["allOf"] = rules


def _definitions(name: str, model: type[BaseModel]) -> Schema:
    """Return the schema of a model, and those of the models in it, each under its name.

    No key is required in it: what is not there may be an axis.
    """
    part = model.model_json_schema(
        schema_generator=_Generate, ref_template=f"#/$defs/{name}-{{model}}"
    )
    inner = {f"{name}-{key}": found for key, found in part.pop("$defs", {}).items()}
    models = _models_by_name(model)
    for found in (part, *inner.values()):
        _describe(found, models[found.pop("title")])
        found.pop("required", None)
        found.setdefault("patternProperties", {})["^x-"] = True
        _mend(found)
    return {name: part, **inner}


def _models_by_name(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    found = {model.__name__: model}
    for info in model.model_fields.values():
        for inner in models_in(info.annotation):
            found |= _models_by_name(inner)
    return found


def _models(model: type[Model]) -> Iterator[type[Model]]:
    for each in model.__subclasses__():
        yield each
        yield from _models(each)


def _describe(part: Schema, model: type[BaseModel]) -> None:
    """Move a docstring's attributes to the properties they describe."""
    part["description"] = summary_in(model.__doc__)
    told = attributes_in(model.__doc__)
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in part.get("properties", {}):
            part["properties"][key].pop("title", None)
            if name in told:
                part["properties"][key]["description"] = told[name]


def _mend(part: Any) -> None:
    """Allow ``x-*`` keys in every map of names, and name bounds as JSON Schema does."""
    if isinstance(part, list):
        for each in part:
            _mend(each)
    elif isinstance(part, dict):
        for ours, theirs in _BOUNDS.items():
            if ours in part:
                part[theirs] = part.pop(ours)
        if part.get("type") == "object" and isinstance(part.get("additionalProperties"), dict):
            part.setdefault("patternProperties", {})["^x-"] = True
        for each in part.values():
            _mend(each)


def _axis(part: Schema) -> Schema:
    properties = dict(part["properties"])
    values = properties.pop("values")
    forms = []
    for name in FORMS:
        form = properties[name].get("anyOf", [properties[name]])[0]
        form = {**form, "type": "array"} if "prefixItems" in form else form
        if name == "range":  # without a step it is 1
            form = {**form, "minItems": 2}
        forms.append(
            {
                "type": "object",
                "properties": {name: form},
                "required": [name],
                "patternProperties": {"^x-": True},
                "additionalProperties": False,
            }
        )
    return {
        "description": "Values of a sweep axis: a list, or a map of one key.",
        "anyOf": [{"type": "array", "items": values["items"], "minItems": 1}, *forms],
    }


def _circuit(part: Schema) -> Schema:
    sources = ("file", "qasm", "template", "python")
    return {**part, "oneOf": [{"required": [source]} for source in sources]}
