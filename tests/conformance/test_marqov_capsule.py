"""Capsules that qbatch writes, judged by the vendor's own program."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from environments import MARQOV_CAPSULE, CannotBuild

from qbatch import open_run
from qbatch.exchange.capsule import write_capsule
from qbatch.executor import run as run_manifest

pytestmark = pytest.mark.conformance

MANIFEST = """\
qbatch: 1
name: caps
description: "Bell, 北京 \\u2028 and a smile \U0001f600"
circuits:
  bell:
    qasm: |
      OPENQASM 2.0;
      include "qelib1.inc";
      qreg q[2]; creg c[2];
      h q[0]; cx q[0],q[1]; measure q->c;
backends: {sim: {provider: local, limits: {workers: 1}}}
sweep: {matrix: {shots: [1000, 2000]}}
"""


@pytest.fixture(scope="module")
def program() -> Callable[..., tuple[int, str]]:
    """Return a runner of ``marqov-capsule``: arguments -> exit code and all it said."""
    try:
        command = MARQOV_CAPSULE.build().with_name("marqov-capsule")
    except CannotBuild as error:
        if os.environ.get("CI"):
            pytest.fail(f"the capsule program cannot run: {error}")
        pytest.skip(f"NOT RUN: the capsule program: {error}")

    def run(*arguments: Any) -> tuple[int, str]:
        line = [str(command), *map(str, arguments)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def capsule(tmp_path: Path) -> tuple[Path, str]:
    """Return a capsule's folder and id."""
    (tmp_path / "m.yaml").write_text(MANIFEST)
    run_manifest(tmp_path / "m.yaml", out=tmp_path / "out").close()
    return tmp_path / "cap", write_capsule(open_run(tmp_path / "out"), tmp_path / "cap")


def test_it_is_valid_whole_and_the_one_we_named(program: Any, capsule: Any) -> None:
    folder, identity = capsule
    assert program("validate", folder)[0] == 0
    assert program("inspect", folder)[0] == 0
    code, said = program("verify", folder, "--id", identity, "--json")
    assert (code, json.loads(said)["manifest_authenticated"]) == (0, True)


def test_packed_by_us_or_by_them_it_opens(program: Any, capsule: Any, tmp_path: Path) -> None:
    folder, identity = capsule
    ours = tmp_path / "ours" / "cap.capsule"
    ours.parent.mkdir()
    packed_identity = write_capsule(open_run(tmp_path / "out"), ours)
    assert program("verify", ours, "--id", packed_identity)[0] == 0
    assert program("pack", folder, "-o", tmp_path / "theirs.capsule")[0] == 0
    assert program("verify", tmp_path / "theirs.capsule", "--id", identity)[0] == 0
    assert program("unpack", ours, "-o", tmp_path / "unpacked")[0] == 0
    assert program("open", folder, "--dest", tmp_path / "opened", "--id", identity)[0] == 0


@pytest.mark.parametrize("change", ["payload", "manifest", "added"])
def test_a_changed_one_is_found_out(program: Any, capsule: Any, change: str) -> None:
    folder, identity = capsule
    if change == "added":
        (folder / "payload" / "more.json").write_text("{}")
    else:
        name = {"payload": "payload/run.json", "manifest": "capsule.yaml"}[change]
        text = (folder / name).read_text()
        (folder / name).write_text(text.replace("caps", "caqs"))
    assert program("verify", folder, "--id", identity)[0] == 1


def test_their_scan_for_secrets_finds_nothing(program: Any, capsule: Any) -> None:
    folder, _ = capsule
    manifest = (folder / "capsule.yaml").read_text().replace('"sealed"', '"draft"')
    (folder / "capsule.yaml").write_text(manifest)
    code, said = program("seal", folder, "--dry-run", "--json")
    assert (code, json.loads(said)["findings"]) == (0, [])


def test_counts_of_two_runs_are_compared(program: Any, capsule: Any) -> None:
    folder, _ = capsule
    counts = [one for one in (folder / "payload").glob("*.json") if one.name != "run.json"]
    assert len(counts) == 2
    code, said = program("compare", *counts, "--epsilon", "0.2")
    assert code == 0, said
