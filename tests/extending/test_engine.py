"""A package's engine computes what qbatch's own do, bit for bit, and opens no door by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
import trio

import qbatch
from qbatch import engines
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.providers.local.engines.contract import Engine, Task
from qbatch.providers.local.engines.given_out import GivenOut, Told
from qbatch.providers.local.engines.offered import Offered
from qbatch.providers.local.work import Answer, Chunk
from tests.extending.conftest import Install

CIRCUIT = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit q;\nbit c;\nh q;\nc = measure q;\n'

#: An engine that computes at once, in this process.
HERE = """\
from qbatch.engines import answer_of, compute, work_of

class Fresh:
    name = "fresh"

    def __init__(self, at_once: int = 1, command=()):
        self.capacity = at_once

    async def begin(self): pass

    def put(self, task, *, first=False):
        task.started()
        task.finished(answer_of(task, compute(work_of(task))))

    def drop(self, task): pass

    async def leave(self): pass
"""


def manifest(engine: object) -> str:
    return json.dumps(
        {
            "qbatch": 1,
            "name": "coin",
            "circuits": {"coin": {"qasm": CIRCUIT}},
            "backends": {"sim": {"provider": "local", "engine": engine}},
            "sweep": {"matrix": {"shots": [10, 1000, 2000]}, "seed": 3},
        }
    )


def counts(folder: Path, engine: object, *more: str) -> list[dict[str, int]]:
    folder.mkdir()
    (folder / "m.yaml").write_text(manifest(engine))
    assert main(["run", str(folder / "m.yaml"), "--out", str(folder / "run"), *more]) == 0
    found = [point.counts for point in qbatch.open_run(folder / "run")]
    return [each.to_dict() for each in found if each is not None]


def test_counts_are_those_of_any_engine(install: Install, tmp_path: Path):
    install(HERE, "toy_engine")
    theirs = counts(tmp_path / "theirs", {"installed": "fresh", "with": {"at_once": 2}})
    ours = counts(tmp_path / "ours", {"processes": {"workers": 1}})
    assert theirs == ours
    ids = [
        [point.id for point in qbatch.open_run(tmp_path / a / "run")] for a in ("theirs", "ours")
    ]
    assert ids[0] == ids[1]
    (facts,) = [
        each["facts"] for each in qbatch.open_run(tmp_path / "theirs" / "run").targets.values()
    ]
    assert facts["engine"] == "fresh of qbatch-toy-engine 0.4"
    lock = json.loads((tmp_path / "theirs" / "qbatch.lock").read_text())
    assert lock["manifests"]["m.yaml"]["versions"]["qbatch-toy-engine"] == "0.4"
    assert "qbatch-toy-engine" not in (tmp_path / "ours" / "qbatch.lock").read_text()
    assert (
        "fresh of qbatch-toy-engine 0.4" in (tmp_path / "theirs" / "run" / "report.md").read_text()
    )


@pytest.mark.slow  # an interpreter of its own for each chunk
def test_the_package_itself_computes_in_interpreters_of_their_own(install: Install, tmp_path: Path):
    install(package="toy_engine")
    theirs = counts(tmp_path / "theirs", {"installed": "fresh"})
    assert theirs == counts(tmp_path / "ours", {"processes": {"workers": 1}})


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ({"installed": "frsh"}, "engine.installed: no installed package offers an engine 'frsh'"),
        (
            {"installed": "fresh", "with": {"at": 1}},
            "is no argument of the engine (at_once, command)",
        ),
        ({"installed": "fresh", "dask": "tcp://a:1"}, "write one of processes, slurm, dask"),
        ({"processes": {}, "with": {"at_once": 1}}, "'with' is for installed engines"),
    ],
)
def test_what_a_manifest_says_wrongly_of_an_engine_is_told(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: object, told: str
):
    install(HERE, "toy_engine")
    (tmp_path / "m.yaml").write_text(manifest(engine))
    assert main(["validate", str(tmp_path / "m.yaml")]) == 3
    assert told in capsys.readouterr().err
    with pytest.raises(SourceErrors):
        qbatch.expand(qbatch.load_manifest(tmp_path / "m.yaml"))


def test_a_text_for_an_engine_needs_the_persons_word(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    install(HERE, "toy_engine")
    engine = {"installed": "fresh", "with": {"command": ["ssh", "evil.example"]}}
    (tmp_path / "m.yaml").write_text(manifest(engine))
    assert main(["run", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "run")]) == 6
    said = capsys.readouterr().err
    assert "engine.with.command: 'ssh' would be given to the engine" in said
    assert 'engines = ["ssh", "evil.example"]' in said
    assert counts(tmp_path / "trusted", engine, "--trust")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("self.capacity = at_once", "1 / 0", "ZeroDivisionError: division by zero"),
        ("async def begin(self): pass", "async def begin(self): 1 / 0", "raised ZeroDivisionError"),
        ("        task.started()", "        1 / 0", "raised ZeroDivisionError"),
        ("    def drop(self, task): pass", "", "Fresh is no engine, it lacks drop"),
        ("compute(work_of(task))", "b'torn'", "an answer cannot count"),
        ("compute(work_of(task))", "compute(work_of(task))[:-1]", "an answer cannot count"),
    ],
)  # fmt: skip
def test_what_a_package_raises_or_answers_wrongly_makes_no_count(
    install: Install,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    told: str,
):
    install(HERE.replace(old, new), "toy_engine")
    (tmp_path / "m.yaml").write_text(manifest({"installed": "fresh"}))
    assert main(["run", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "run")]) in (1, 3)
    assert told in capsys.readouterr().err
    if (tmp_path / "run").exists():
        assert all(point.counts is None for point in qbatch.open_run(tmp_path / "run"))


class Careless:
    """Raises where it is to forget a task, and tells of it then and again."""

    def __init__(self) -> None:
        self.name, self.capacity = "careless", 1
        self.tasks: list[Task] = []

    def put(self, task: Task, *, first: bool = False) -> None:
        self.tasks.append(task)

    def drop(self, task: Task) -> None:
        raise RuntimeError("no such task")

    async def leave(self) -> None: ...


def test_what_was_dropped_or_told_of_counts_no_more():
    """Where an engine tells of a task once more, its jobs were given out again, or are done."""
    careless, told = Careless(), list[object]()
    tell = Told(lambda _: None, lambda *it: told.append(it), lambda *it: told.append(it))
    given = GivenOut(Offered("careless", cast(Engine, careless)), 1.0, tell)
    chunk, answer = Chunk("", b"", (), 1.0, 0), object.__new__(Answer)
    given.put(chunk)
    given.put(chunk)
    kept, gone = careless.tasks
    for _ in range(2):
        kept.finished(answer)
    trio.run(given.leave)
    gone.finished(answer)
    assert told == [(chunk, answer)]


def test_work_of_other_versions_is_not_computed(monkeypatch: pytest.MonkeyPatch):
    task = Task(Chunk("", b"", (), 1.0, 0), 1.0, lambda: None, lambda _: None)
    work = engines.work_of(task)
    monkeypatch.setattr(engines, "versions", lambda: {"numpy": "0.1"})
    with pytest.raises(RuntimeError, match=r"does not compute as the run does: .*numpy is 0\.1"):
        engines.compute(work)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="the work is not what was ordered"):
        engines.compute(work + b"x")
