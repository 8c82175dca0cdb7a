"""Whatever a verb is called with: ``--json`` writes one document that its schema has, or an error.

Verbs and their options are read from the program, so that a new one is called, too.
"""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from qbatch.archive import write_archive
from qbatch.cli import qbatch as program
from qbatch.cli.outputs import schema_of, verbs
from qbatch.job import Job, JobState
from qbatch.snapshot import Run, Snapshot, open_run
from tests.cli.conftest import CLOUDS, MANIFEST, Call, Said
from tests.cli.written import documents, is_error
from tests.proving import for_a_while

#: What verbs are called with: nothing, what is done, failed, new, wrong, damaged, or not there.
SUBJECTS = (
    *("", "pair.yaml", "runs/pair", "runs/failed", "fresh.yaml", "wrong.yaml", "clouds.yaml"),
    *("runs/damaged", "empty", "nowhere", "nowhere.yaml", "pair.zip", "wrong.zip", "bell.qasm"),
)
#: Of an option whose values are no choice: one that may fit, and some that hardly do.
VALUES = {
    "expression": ("shots=10", "shots=99", "((("),
    "max_cost": ("0usd", "x"),
    "overrides": ("shots=20", "nothing=1", "x"),
    "against": ("runs/pair", "nowhere"),
    "between": ("backend", "shots=10,20", "nothing"),
    "error_rate": ("0.05", "2"),
    "digest": ("0" * 64, "x"),
    "sample": ("1", "x"),
    "wait": ("1s", "x"),
    "out": ("runs/pair", "empty"),
}
#: The last line of what goes on for a while.
ENDS = ("finished", "rehearsed")
#: These would go on for ever, or ask the network.
LEFT_OUT = {"help", "as_json", "detach"}


def options_of(verb: str) -> Iterator[list[str]]:
    """Yield ways to give each of a verb's options; none first."""
    yield []
    command = program.get_command(click.Context(program), verb)
    assert command is not None
    for option in command.params:
        if not isinstance(option, click.Option) or option.name in LEFT_OUT:
            continue
        flag, name = option.opts[-1], str(option.name)
        if option.is_flag:
            yield [flag]
        elif isinstance(option.type, click.Choice):
            yield from ([flag, str(choice)] for choice in option.type.choices)
        else:
            values = VALUES.get(name, ("nowhere/x", "1"))
            yield from ([flag, *[value] * option.nargs] for value in values)
    yield ["--nonsense"]


def calls() -> list[list[str]]:
    """Every verb with every subject and every option, in an order of chance."""
    found = [
        [verb, *filter(None, [subject]), *(["runs/pair"] if verb == "diff" else []), *option]
        for verb in verbs()
        for subject in SUBJECTS
        for option in options_of(verb)
    ]
    random.Random(14).shuffle(found)
    return found


@pytest.fixture
def place(done: Path, no_clouds: None, tmp_path: Path) -> Path:
    """A folder with a run of every kind, and no credential."""
    runs = tmp_path / "runs"
    with open_run(runs / "pair") as run:
        write_archive(run, tmp_path / "pair.zip")
    shutil.copytree(runs / "pair", runs / "failed")
    with Run(runs / "failed") as run:
        first = next(iter(run)).id
    with Snapshot(runs / "failed") as kept, kept.transaction():
        (row,) = kept.jobs_of([first])
        kept.save_jobs([replace(row, job=Job(first, JobState.FAILED, error="no luck"))])
    (runs / "damaged").mkdir()
    (runs / "damaged" / "snapshot.db").write_bytes(b"SQLite format 3\0" + b"x" * 3000)
    (tmp_path / "empty").mkdir()
    (tmp_path / "fresh.yaml").write_text(MANIFEST.replace("name: pair", "name: fresh"))
    (tmp_path / "wrong.yaml").write_text(MANIFEST.replace("seed: 1", "sead: 1"))
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as packed:
        packed.writestr("a", "b")
    return tmp_path


def problem(words: Sequence[str], said: Said) -> str:
    """Say in what a call with ``--json`` did not do as it should; "" for nothing."""
    verb, found = words[0], documents(said.out) if said.out.strip() else []
    ends = [one for one in found if isinstance(one, dict) and one.get("event") in ENDS]
    errors = [one for one in found if is_error(one)]
    if said.code == 70 or "Traceback" in said.err:
        return f"a bug: {said.err}"
    if len(errors) > 1 or (errors and found[-1] is not errors[0]):
        return "an error is the last that is written, and one"
    if errors:
        return "" if errors[0]["exit_code"] == said.code != 0 and said.err else "says otherwise"
    if not schema_of(verb)["description"].startswith("Lines"):
        return "" if len(found) == 1 or "--watch" in words else f"{len(found)} documents"
    if verb == "show":
        return ""  # a line for each point, of none no line
    if len(ends) != 1 or ends[0] is not found[-1]:
        return "does not end with how it ended"
    return "" if ends[0]["exit_code"] == said.code else "ends with another exit code"


def told(words: Sequence[str], qbatch: Call) -> str:
    said = qbatch(*words, "--json")
    wrong = problem(words, said)
    return f"{' '.join(words)}: {wrong} (code {said.code})\n{said.out}{said.err}" if wrong else ""


#: Where nothing was written, or what no schema had.
ONCE_WRONG = [
    "retry pair.yaml --drifted",
    "retry runs/failed --drifted -k shots=99",
    "show pair.yaml --drift",
    "cancel pair.yaml -k shots=10 --yes",
    "status nowhere",
    "plan wrong.yaml",
    "run clouds.yaml",
    "diff pair.yaml nowhere",
    "diff pair.yaml runs/pair -o nowhere/page.html",
    "check pair.yaml --junit nowhere/x.xml",
    "backends --calibration latest",
    "verify wrong.zip",
    "status --nonsense",
]


def test_nothing_found_and_nothing_to_do_are_told_as_json(place: Path, qbatch: Call) -> None:
    assert [*filter(None, (told(words.split(), qbatch) for words in ONCE_WRONG))] == []


@pytest.mark.slow
def test_every_verb_writes_one_document_or_an_error(
    place: Path, qbatch: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = [told(words, qbatch) for words in for_a_while(calls(), 60, 8.0)]
    assert "\n\n".join(filter(None, wrong)) == ""


def test_what_was_written_otherwise_would_be_seen() -> None:
    nothing, many = Said(0, "", ""), Said(0, '{"event": "message"}\n', "")
    error: Any = '{"event": "error", "exit_code": 2}'
    assert problem(["retry"], nothing)
    assert problem(["retry"], many)
    assert problem(["status"], Said(0, "{}\n{}\n", ""))
    assert problem(["status"], Said(3, error, "wrong"))
    assert problem(["status"], Said(2, error, "wrong")) == ""
