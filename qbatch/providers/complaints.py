"""What is wrong with a backend's own settings: pydantic's errors in our words.

Rules: the place within the settings, the value found, what is wrong with it and how to mend it; a
misspelt key is told at the key, with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

Loc = tuple[str | int, ...]

_PROBLEMS = {
    "missing": "is missing",
    "greater_than": "is too small; write more than {gt}",
    "greater_than_equal": "is too small; write {ge} or more",
    "less_than": "is too large; write less than {lt}",
    "less_than_equal": "is too large; write {le} or less",
    "finite_number": "is not finite; write a number",
    "float_type": "is no number; write one",
    "int_type": "is no whole number; write one",
    "int_from_float": "is no whole number; write one",
    "bool_type": "is neither true nor false; write one of these",
    "bool_parsing": "is neither true nor false; write one of these",
    "int_parsing": "is no whole number; write one",
    "float_parsing": "is no number; write one",
    "string_type": "is no text; put it in quotes",
    "string_too_short": "is too short; write {min_length} characters or more",
    "string_too_long": "is too long; write {max_length} characters or fewer",
    "string_pattern_mismatch": "is not written as {pattern} wants it",
    "uuid_parsing": "is no UUID",
    "uuid_type": "is no UUID",
    "tuple_type": "is no list; write [ … ]",
    "mapping_type": "is no map; write keys and values",
    "dict_type": "is no map; write keys and values",
    "model_type": "is no map; write keys and values",
    "too_short": "is empty; write at least one",
}


def complaints_about(model: type[BaseModel], data: Mapping[str, Any]) -> list[tuple[Loc, str]]:
    """Say what is wrong with `data` as `model` reads it; empty where nothing is."""
    try:
        model.model_validate(dict(data))
    except ValidationError as error:
        return list(complaints(error, model))
    return []


def complaints(
    error: ValidationError, model: type[BaseModel], found: Mapping[Loc, Any] | None = None
) -> Iterator[tuple[Loc, str]]:
    """Turn pydantic's errors about `model` into (place, what is wrong and how to mend it).

    Args:
        error: pydantic's.
        model: Of the data.
        found: Place -> the value there, where the error does not hold it.
    """
    for detail in error.errors(include_url=False):
        loc = detail["loc"]
        told = {**detail, "input": (found or {}).get(loc, detail["input"])}
        yield loc, _problem(detail["type"], told, loc, _owner(loc, model))


def _owner(loc: Loc, model: type[BaseModel]) -> type[BaseModel]:
    """Return the model that the last key of `loc` is, or should be, a field of."""
    from qbatch.manifest.annotations import models_in  # with all of a manifest's models

    for step in loc[:-1]:
        if isinstance(step, str) and step in model.model_fields:
            model = next(models_in(model.model_fields[step].annotation), model)
    return model


def _problem(kind: str, detail: Any, loc: Loc, owner: type[BaseModel]) -> str:
    from qbatch.notation import did_you_mean, listed

    context = detail.get("ctx") or {}
    shown = repr(detail.get("input"))[:60]
    if kind in ("wrong", "amiss"):
        return str(context["problem"])
    if kind == "value_error":
        return str(context["error"])
    if kind == "value":
        return f"{shown} {context['problem']}"
    if kind == "extra_forbidden":
        known = list(owner.model_fields)
        hint = did_you_mean(str(loc[-1]), known)
        return f"unknown key {str(loc[-1])!r} (known: {listed(known, 12)}){hint}"
    if kind == "literal_error":
        known = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        hint = did_you_mean(str(detail.get("input")), known)
        return f"{shown} is none of {', '.join(known)}{hint}"
    if kind == "missing":
        return f"{loc[-1]} is missing; write it"
    if kind.startswith("json_"):
        return str(detail["msg"])
    return f"{shown} {_PROBLEMS.get(kind, 'does not fit here').format(**context)}"
