"""The guide's workflow for CI: its own commands, run in order in a clean folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tests.guide.blocks import GUIDE


def steps() -> list[str]:
    page = (GUIDE / "ci.md").read_text("utf-8")
    text = page.partition("<!-- workflow -->\n```yaml\n")[2].partition("```")[0]
    (job,) = yaml.safe_load(text)["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.fixture
def call(tmp_path: Path):
    def run(command: str) -> int:
        tool = tmp_path / "bin" / "qbatch"
        if not tool.exists():
            tool.parent.mkdir()
            tool.write_text(f'#!/bin/sh\nexec {sys.executable} -m qbatch "$@"\n')
            tool.chmod(0o755)
        surroundings = {**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"}
        surroundings["GITHUB_STEP_SUMMARY"] = str(tmp_path / "summary.md")
        command = ["bash", "-euo", "pipefail", "-c", command]
        return subprocess.run(command, cwd=tmp_path, env=surroundings, check=False).returncode

    return run


@pytest.mark.slow
def test_the_workflow_does_what_it_says(call, tmp_path: Path) -> None:
    install, *commands = steps()
    assert install == "pip install qbatch"
    assert call("qbatch init && qbatch run bell.yaml && rm -rf runs.before") == 0
    assert call("qbatch export bell.yaml -f json -o results.json && rm -r runs") == 0
    for command in commands:
        assert call(command) == 0, command
    assert "✔ pass" in (tmp_path / "summary.md").read_text("utf-8")
    suite = ElementTree.parse(tmp_path / "checks.xml").getroot()
    assert suite.get("failures") == "0"
    assert int(suite.get("tests", 0)) >= 2


@pytest.mark.slow
def test_a_change_for_the_worse_fails_it(call, tmp_path: Path) -> None:
    assert call("qbatch init && qbatch run bell.yaml") == 0
    assert call("qbatch export bell.yaml -f json -o results.json && rm -r runs") == 0
    text = (tmp_path / "bell.yaml").read_text("utf-8")
    (tmp_path / "bell.yaml").write_text(text.replace("two_qubit: 0.01", "two_qubit: 0.4"))
    codes = [call(command) for command in steps()[1:]]
    assert codes == [0, 0, 5]
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert "✘ fail" in summary
    assert "`same zz`" in summary
