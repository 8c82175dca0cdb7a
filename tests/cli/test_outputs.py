"""Every verb with ``--json`` has a schema of what it writes; `qbatch schema --of VERB` prints it.

That they write so is seen in all tests that call a verb with ``--json`` (`conftest.qbatch`).
"""

from __future__ import annotations

from pathlib import Path

import click
import jsonschema
import pytest

from qbatch.cli import qbatch as program
from qbatch.cli.group import SECTIONS
from qbatch.cli.outputs import schema_of, verbs
from tests.cli.conftest import Call
from tests.cli.written import misfits, strict


def test_every_verb_that_writes_json_has_a_schema() -> None:
    found = []
    for verb in (verb for section in SECTIONS.values() for verb in section):
        command = program.get_command(click.Context(program), verb)
        assert command is not None
        if any("--json" in option.opts for option in command.params):
            found.append(verb)
    assert verbs() == sorted(found)


@pytest.mark.parametrize("verb", verbs())
def test_the_schema_of_a_verb_is_one_and_names_its_version(verb: str) -> None:
    schema = schema_of(verb)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"].endswith(f"{verb}.v1")
    assert len(schema["description"]) > 20


def test_it_is_printed(qbatch: Call) -> None:
    assert qbatch("schema", "--of", "status").json == schema_of("status")
    assert "did you mean 'status'?" in qbatch("schema", "--of", "statsu").err
    unknown = qbatch("schema", "--of", "nonsense").err
    assert all(name in unknown for name in (*verbs(), "error", "qbatch.toml", "config.toml"))
    assert "qbatch help json" in unknown


COMMANDS = [
    "validate pair.yaml --json",
    "plan pair.yaml --all --json",
    "run pair.yaml --json",
    "run pair.yaml -S sweep.repeat=2 --json",
    "status pair.yaml --json",
    "status pair.yaml runs/pair --json",
    "show pair.yaml --json",
    "check pair.yaml --json",
    "check pair.yaml --against runs/pair --json",
    "diff pair.yaml runs/pair --json",
    "config --json",
    "doctor pair.yaml --json",
    "auth --json",
    "retry pair.yaml --json",
    "fetch pair.yaml --json",
    "cancel pair.yaml --yes --json",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_verb_writes_no_key_that_its_schema_does_not_have(
    command: str, done: Path, qbatch: Call
) -> None:
    words = command.split()
    said = qbatch(*words)
    assert said.code in (0, 4, 5, 7), said.err  # 7: no credential is here
    assert misfits(words, said.out, strict) == []


def test_a_point_in_full_has_no_other_key_either(done: Path, qbatch: Call) -> None:
    first = qbatch("show", done, "--json").json_lines[0]["id"]
    assert misfits(["show", "--json"], qbatch("show", done, first, "--json").out, strict) == []


def test_an_archive_that_is_verified_has_no_other_key_either(done: Path, qbatch: Call) -> None:
    assert qbatch("archive", done, "-o", "a.zip").code == 0
    assert misfits(["verify", "--json"], qbatch("verify", "a.zip", "--json").out, strict) == []


def test_what_does_not_fit_is_seen() -> None:
    words = ["validate", "--json"]
    assert misfits(words, '{"valid": true, "errors": [], "points": 3}', strict) == []
    assert misfits(words, '{"valid": 1, "errors": []}')
    assert misfits(words, '{"valid": true, "errors": [], "more": 1}') == []
    assert misfits(words, '{"valid": true, "errors": [], "more": 1}', strict)
