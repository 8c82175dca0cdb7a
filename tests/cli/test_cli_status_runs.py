"""Several runs told and watched at once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli import status_runs
from qbatch.cli.runs import run_folders
from tests.cli.conftest import Call


def facts(number: int, *, running: bool = False) -> dict[str, Any]:
    return {
        "folder": f"runs/{number}",
        "running": running,
        "waiting": {},
        "states": {"completed": number},
        "points": 100,
        "spent": {},
        "exit_code": 0 if not running else 9,
    }


@pytest.mark.parametrize("lines", [4, 9, 23])
def test_a_table_is_no_higher_than_the_screen_and_keeps_what_runs(lines: int) -> None:
    found = [facts(n, running=n in (17, 28)) for n in range(1, 31)]
    shown = status_runs._fitting(found, lines).splitlines()
    assert len(shown) == lines
    assert shown[-1] == f"and {30 - (lines - 2)} more"
    assert [line.split()[0] for line in shown if "running" in line] == ["runs/17", "runs/28"]
    assert len(status_runs._fitting(found, 40).splitlines()) == 31


def test_a_run_that_goes_while_it_is_watched_ends_no_watch(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(status_runs, "LOOK_S", 0.0)
    other = shutil.copytree("runs/pair", "runs/other")
    looks = 0

    def describe(run: Any) -> dict[str, Any]:
        nonlocal looks
        looks += 1
        if looks == 2:
            shutil.rmtree(other)
        return {**facts(3, running=looks < 4), "folder": str(run.folder)}

    names = [Path("runs/pair"), Path("runs/other")]
    status_runs.tell_runs(names, describe, watch=True, as_json=True)
    told = [
        [each.get("error", "") for each in json.loads(o)]
        for o in capsys.readouterr().out.split("\n")
        if o
    ]
    assert told[0] == ["", ""]
    assert "runs/other: there is no such run folder" in told[-1][1]
    assert done.exists()


def test_nothing_is_told_twice_to_a_program_that_watches(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(status_runs, "LOOK_S", 0.0)
    looks = iter([True, True, True, False])
    status_runs.tell_runs(
        [Path("runs/pair")], lambda _: facts(1, running=next(looks)), watch=True, as_json=True
    )
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_run_beside_a_manifest_in_a_folder_is_listed(qbatch: Call, done: Path) -> None:
    Path("lab").mkdir()
    shutil.move("runs", "lab/runs")
    assert [os.fspath(each) for each in run_folders()] == ["lab/runs/pair"]
    assert "3 points in lab/runs/pair" in qbatch("status").out


def test_runs_stand_in_the_order_of_their_numbers(qbatch: Call, done: Path) -> None:
    for name in ("run-10", "run-9", "run-1"):
        shutil.copytree("runs/pair", f"runs/{name}")
    assert [os.fspath(each) for each in run_folders()] == [
        "runs/pair",
        "runs/run-1",
        "runs/run-9",
        "runs/run-10",
    ]
    assert qbatch("status").out.splitlines()[-1].startswith("runs/run-10")
