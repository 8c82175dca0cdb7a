"""The JSON Schema says of a manifest what the loader says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import qbatch.manifest
from qbatch.providers import manifest_schema
from tests.manifest.test_manifest import EXAMPLES, LARGE

CHECKED_IN = Path(qbatch.manifest.__file__).parent / "manifest.v1.schema.json"
WRONG = Path(__file__).parent.parent / "manifests"


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(manifest_schema())


def complaints(text: str) -> list[str]:
    """What an editor would say of a manifest: most editors read YAML much as PyYAML does."""
    return [error.message for error in validator().iter_errors(yaml.safe_load(text))]


def test_the_checked_in_schema_is_current():
    """Mend it with: qbatch schema -o qbatch/manifest/manifest.v1.schema.json"""
    assert json.loads(CHECKED_IN.read_text(encoding="utf-8")) == manifest_schema()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(manifest_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_manifests_to_copy_from_fit_the_schema(path):
    assert complaints(path.read_text(encoding="utf-8")) == []


def test_short_hands_arithmetic_and_x_keys_fit_the_schema():
    assert complaints(LARGE) == []


@pytest.mark.parametrize(
    "name",
    [
        "axis_empty",
        "axis_unknown_form",
        "circuit_two_sources",
        "budget",
        "missing_provider",
        "optimization_level",
        "order_unknown",
        "report_format",
        "secret_in_credentials",
        "shots_accuracy",
        "shots_zero",
        "unknown_key",
        "unknown_key_in_sweep",
        "wrong_version",
    ],
)
def test_an_editor_sees_the_mistake(name):
    assert complaints((WRONG / f"{name}.yaml").read_text(encoding="utf-8"))


def test_every_key_has_a_hint():
    schema = manifest_schema()
    for name, part in [("Manifest", schema), *schema["$defs"].items()]:
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
