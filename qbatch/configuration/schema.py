"""The JSON Schema (draft 2020-12) of the configuration files, made from their models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qbatch.docstrings import attributes_in, summary_in

if TYPE_CHECKING:
    from pydantic import BaseModel

#: File as `qbatch schema --of` names it -> whose model it has.
FILES = {"qbatch.toml": "ProjectsFile", "config.toml": "OwnFile"}

#: Key -> what may stand there, which editors show.
_EXAMPLES: dict[str, Any] = {
    "color": "never",
    "formats": ["html", "parquet"],
    "style": "nature",
    "accounts": {"lab": "keyring:lab/me"},
    "credentials": ["env:LAB_TOKEN", "file:~/keys/oqc"],
    "hosts": ["qpu.lab.example"],
    "engines": ["q123", "--gres=gpu:1"],
    "notify": ["env:LAB_HOOK"],
}


def configuration_schema(file: str) -> dict[str, Any]:
    """Return the JSON Schema of a configuration file.

    Args:
        file: One of `FILES`.
    """
    from qbatch.configuration import models

    model: type[BaseModel] = getattr(models, FILES[file])
    schema = model.model_json_schema()
    parts = {FILES[file]: schema, **schema.get("$defs", {})}
    for name, part in parts.items():
        part["description"] = summary_in(getattr(models, name).__doc__)
        said = _said(getattr(models, name))
        for key, value in part["properties"].items():
            value.pop("title", None)
            value["description"] = said[key]
            if key in _EXAMPLES:
                value["examples"] = [_EXAMPLES[key]]
    schema["title"] = f"qbatch: {file}"
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _said(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings of a model, and of those it is made from, say of its fields."""
    told = [attributes_in(each.__doc__) for each in reversed(model.__mro__)]
    return {name: text for each in told for name, text in each.items()}
