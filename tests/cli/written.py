"""What verbs write with ``--json``, held against their schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import jsonschema

from qbatch.cli.outputs import ERROR, schema_of, verbs


def misfits(
    arguments: Sequence[str], out: str, schema: Callable[[str], Any] = schema_of
) -> list[str]:
    """Say what of a verb's output is not as its schema has it."""
    verb = arguments[0] if arguments else ""
    if "--json" not in arguments or verb not in verbs() or not out.strip():
        return []
    return [
        f"{verb} --json: {error.json_path}: {error.message[:300]}"
        for document in documents(out)
        for error in validator(ERROR if is_error(document) else verb, schema).iter_errors(document)
    ]


def is_error(document: Any) -> bool:
    """Whether it was written because the verb failed."""
    return isinstance(document, dict) and document.get("event") == ERROR


def documents(out: str) -> list[Any]:
    """What was written: one document, or one on each line."""
    try:
        return [json.loads(out)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in out.splitlines()]


@cache
def validator(verb: str, schema: Callable[[str], Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(verb))


def strict(verb: str) -> Any:
    """The schema of what a verb writes, with no keys but those that it names."""
    return _closed(schema_of(verb))


def _closed(part: Any) -> Any:
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    found = {key: _closed(value) for key, value in part.items()}
    is_map = isinstance(part.get("properties"), dict) and "type" in part
    return {**found, "additionalProperties": False} if is_map else found
