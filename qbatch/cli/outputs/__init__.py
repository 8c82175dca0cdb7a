"""What ``--json`` of each verb writes, as JSON Schema (draft 2020-12).

A file for each verb and version. Within a version keys may be added, none goes and none changes its
type; so scripts should pass over keys that they do not know. Where a verb writes lines, each line
is one of the forms. The tests hold whatever they have a verb write against them, with every key.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

#: Of all that is written now.
VERSION = 1

#: What every verb writes in place of its own where it fails; its schema is called so, too.
ERROR = "error"


def verbs() -> list[str]:
    """Return the verbs that have ``--json``."""
    return [name for name in _names() if name != ERROR]


def _names() -> list[str]:
    files = resources.files(__name__).iterdir()
    return sorted(file.name.partition(".")[0] for file in files if file.name.endswith(".json"))


def schema_of(verb: str) -> dict[str, Any]:
    """Return the schema of what a verb writes, of lines that of each; of `ERROR`, of an error.

    Raises:
        KeyError: It has no ``--json``.
    """
    if verb not in _names():
        raise KeyError(verb)
    file = resources.files(__name__).joinpath(f"{verb}.v{VERSION}.schema.json")
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found
