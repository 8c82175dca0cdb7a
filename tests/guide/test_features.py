"""Every name by which the guide says that a feature of a cloud's documents is reached exists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

import qbatch
from qbatch.cli import qbatch as program
from qbatch.job import Job, JobError
from qbatch.providers import BUILT_IN, manifest_schema
from qbatch.result import Counts, CountsArray
from qbatch.snapshot import PointResult, Run
from tests.guide.blocks import GUIDE

PAGE = (GUIDE / "features.md").read_text("utf-8")
CLASSES = {kind.__name__: kind for kind in (Run, PointResult, Job, JobError, Counts, CountsArray)}
SCHEMA: Mapping[str, Any] = manifest_schema()
#: Words of the page's own.
WORDS = {"sampler", "qpu_seconds", "error_code", "oqc-snapshot", "ibmcloud_cos", "type", "UNKNOWN"}


def tables() -> Iterator[tuple[str, str, str]]:
    """Provider, what its page names, how it is reached here."""
    for section in PAGE.split("\n## ")[1:]:
        provider = re.search(r"`provider: ([\w-]+)`", section)
        assert provider is not None
        for line in section.splitlines():
            if line.startswith("| ") and not line.startswith(("| ---", "| its page")):
                named, here = line.strip("| ").split(" | ")
                yield provider[1], named, here


ROWS = [*tables()]
NAMES = sorted(
    {(provider, name) for provider, _, here in ROWS for name in re.findall(r"`([^`]+)`", here)}
)


def within(schema: Any, path: list[str]) -> bool:
    """Whether a path of keys leads somewhere in the schema of manifests."""
    if not path:
        return True
    if isinstance(schema, Mapping) and "$ref" in schema:
        return within(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
    if not isinstance(schema, Mapping):
        return False
    if any(within(one, path) for one in schema.get("anyOf", ())):
        return True
    if path[0] == "NAME":
        return within(schema.get("additionalProperties"), path[1:])
    return path[0] in schema.get("properties", {}) and within(
        schema["properties"][path[0]], path[1:]
    )


def is_command(name: str) -> bool:
    """Whether a verb is there, with the options that follow it."""
    verb, *options = name.split()[1:]
    command = program.get_command(click.Context(program), verb)
    if command is None:
        return False
    known = {flag for each in command.params for flag in (*each.opts, *each.secondary_opts)}
    return set(options) <= known


def is_variable(provider: str, name: str) -> bool:
    """Whether the driver's room reads it."""
    room = Path(qbatch.__file__).parent / "providers" / provider.replace("-", "_")
    return any(name in file.read_text("utf-8") for file in room.glob("*.py"))


def is_there(provider: str, name: str) -> bool:
    """Whether a name of the page exists."""
    first, _, rest = name.partition(".")
    if name.startswith("qbatch "):
        return is_command(name)
    if first == "qbatch":
        return rest in qbatch.__all__
    if first in CLASSES:
        return rest in {*dir(CLASSES[first]), *getattr(CLASSES[first], "__slots__", ())}
    if first == "options":
        return within(SCHEMA["$defs"][f"{provider}-options"], rest.split("."))
    if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", name):
        return is_variable(provider, name)
    return name in WORDS or within(SCHEMA, name.split("."))


@pytest.mark.parametrize(("provider", "name"), NAMES)
def test_every_name_on_the_right_exists(provider: str, name: str) -> None:
    assert is_there(provider, name)


def test_every_row_says_how_or_why_not_and_every_cloud_has_rows() -> None:
    assert {provider for provider, _, _ in ROWS} == BUILT_IN.keys() - {"local"}
    assert all(len(here) > 20 or "`" in here for _, _, here in ROWS)


@pytest.mark.parametrize(
    "name",
    [
        "qbatch rum",
        "qbatch run --yess",
        "qbatch.Runs",
        "Run.nothing",
        "options.tkett",
        "OQC_NOBODYS_TOKEN",
        "backends.NAME.tarjet",
        "run.weight",
        "nothing",
    ],
)
def test_a_name_that_does_not_exist_is_seen(name: str) -> None:
    assert not is_there("oqc", name)
