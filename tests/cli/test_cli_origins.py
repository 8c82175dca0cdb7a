"""Where jobs were sent from: command, machine, code; held against git and this process."""

from __future__ import annotations

import getpass
import hashlib
import json
import platform
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import qbatch as package
from tests.plan.test_plan_revision import git

Call = Callable[..., Any]


def origins(qbatch: Call, point: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = qbatch("show", "runs/pair", point, "--json").json["origins"]
    return found


def test_each_point_knows_the_call_that_bought_it(qbatch: Call, manifest: Path) -> None:
    qbatch("run", manifest, "-k", "shots=10")
    package.run(manifest, select="shots=20")
    qbatch("run", manifest)
    commands = [[one["command"] for one in origins(qbatch, f"shots={n}")] for n in (10, 20, 40)]
    assert commands == [[f"qbatch run {manifest} -k shots=10"], [""], [f"qbatch run {manifest}"]]
    (one,) = origins(qbatch, "shots=40")
    assert (one["user"], one["host"]) == (getpass.getuser(), platform.node())
    assert one["python"] == platform.python_version()
    told = " ".join(qbatch("show", "runs/pair", "shots=40").out.split())
    assert f"sent by qbatch run {manifest} " in told
    assert f"{getpass.getuser()}@{platform.node()}" in told


def test_more_shots_from_elsewhere_are_told_beside_the_first(qbatch: Call, manifest: Path) -> None:
    manifest.write_text(manifest.read_text().replace("matrix: {shots: [10, 20, 40]}", "repeat: 1"))
    qbatch("run", manifest, "-S", "shots=100")
    qbatch("run", manifest, "-S", "shots=300")
    (point,) = qbatch("export", "runs/pair", "-f", "json").json["points"]
    commands = [one["command"] for one in origins(qbatch, point["id"])]
    assert commands == [f"qbatch run {manifest} -S shots={n}" for n in (100, 300)]


def test_the_same_call_again_is_noted_once(qbatch: Call, manifest: Path) -> None:
    for _ in range(3):
        qbatch("run", manifest)
    with package.open_run("runs/pair") as run:
        assert len(json.loads(run.meta["origins"])) == 1


def test_packages_are_those_that_pip_lists(qbatch: Call, done: Path) -> None:
    with package.open_run("runs/pair") as run:
        (one,) = json.loads(run.meta["origins"])
    listed = subprocess.run(
        [sys.executable, "-c", "import importlib.metadata as m\nfor d in m.distributions():\n"
         " print(d.metadata['Name'] + '==' + d.metadata['Version'])"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    lines = sorted(set(listed), key=str.lower)
    assert one["packages"] == hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_what_is_in_no_commit_is_known_by_its_diff(qbatch: Call, manifest: Path) -> None:
    git(Path(), "init", "-q", "-b", "main")
    git(Path(), "add", ".")
    git(Path(), "commit", "-q", "-m", "first")
    manifest.write_text(manifest.read_text() + "# changed\n")
    qbatch("run", manifest)
    diff = subprocess.run(["git", "diff", "HEAD", "--binary"], capture_output=True, check=True)
    revision = origins(qbatch, "shots=10")[0]["revision"]
    assert revision["is_dirty"]
    assert revision["changes"] == hashlib.sha256(diff.stdout).hexdigest()
    assert revision["changes"][:12] in Path("runs/pair/report.md").read_text("utf-8")


def test_diff_tells_where_git_stood_in_parts_of_which_none_is_cut(
    qbatch: Call, manifest: Path
) -> None:
    """The whole note, as JSON, was cut behind its first 57 characters."""
    qbatch("run", manifest)
    git(Path(), "init", "-q", "-b", "main")
    git(Path(), "add", manifest.name)
    git(Path(), "commit", "-q", "-m", "first")
    manifest.write_text(manifest.read_text() + "# changed\n")
    qbatch("run", manifest, "--out", "later")
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, capture_output=True, check=True, text=True).stdout.strip()
    facts = {
        one["name"]: one["b"]
        for one in qbatch("diff", "runs/pair", "later", "--json").json["facts"]
    }
    assert (facts["commit"], facts["branch"]) == (commit, "main")
    assert re.fullmatch("changes with the diff [0-9a-f]{12}", facts["in no commit"])


def test_a_programme_that_the_repository_names_is_not_run(qbatch: Call, manifest: Path) -> None:
    git(Path(), "init", "-q", "-b", "main")
    Path(".gitattributes").write_text("*.yaml diff=evil\n")
    git(Path(), "add", ".")
    git(Path(), "commit", "-q", "-m", "first")
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv"):
        git(Path(), "config", key, "touch was-run; true")
    manifest.write_text(manifest.read_text() + "# changed\n")
    qbatch("run", manifest)
    assert origins(qbatch, "shots=10")[0]["revision"]["changes"]
    assert not Path("was-run").exists()


def test_a_credential_that_was_typed_is_left_out(qbatch: Call, manifest: Path) -> None:
    secret = "marqey_live_0123456789abcdef"
    qbatch("run", manifest, "-S", f"description={secret}")
    assert secret not in origins(qbatch, "shots=10")[0]["command"]
    assert "description=" in origins(qbatch, "shots=10")[0]["command"]


def test_an_archive_tells_it(qbatch: Call, done: Path) -> None:
    pytest.importorskip("rocrate")
    qbatch("archive", "runs/pair", "-o", "pair.zip")
    with zipfile.ZipFile("pair.zip") as file:
        (one,) = json.loads(file.read("environment.json"))["ran_from"]
    assert one["command"].startswith("qbatch run")
