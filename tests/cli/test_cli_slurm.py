"""A batch system as its user sees it, by commands that say what Slurm would."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.slurm_commands import SlurmCommands

SWEEP = """\
qbatch: 1
name: sweep
circuits:
  bell: bell.qasm
backends:
  hpc:
    provider: local
    engine: {slurm: {cpus: 4, time: 2h, account: q123, qos: night}}
    limits: {jobs: 2}
sweep:
  matrix: {shots: [10, 20, 40]}
  seed: 1
"""
#: What its batch jobs take.
TAKES = "batch jobs of 4 cpus for 2h each, on account q123, quality of service night"


@pytest.fixture
def centre(tmp_path: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmCommands:
    """Slurm's commands, and a sweep of three points, two to a batch job."""
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    made = SlurmCommands(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{made.folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COLUMNS", "200")
    return made


def test_a_plan_says_what_it_asks_of_the_centre(qbatch, centre):
    said = qbatch("plan", "sweep.yaml", "--trust")
    assert f"backend 'hpc': up to 2 {TAKES}" in said.err
    assert not centre.calls("sbatch")


def test_a_run_says_it_before_anything_is_sent_and_no_more_once_all_is(qbatch, centre):
    said = qbatch("run", "sweep.yaml", "--trust", "--detach")
    assert f"backend 'hpc': up to 2 {TAKES}" in said.err
    assert len(centre.calls("sbatch")) == 2
    assert "up to" not in qbatch("run", "sweep.yaml", "--trust", "--detach").err
    assert len(centre.calls("sbatch")) == 2


def test_whose_hours_are_used_is_the_persons_to_say(qbatch, centre):
    said = qbatch("run", "sweep.yaml", "--yes", "--detach")
    assert said.code == 7
    assert "engine.slurm.account: 'q123' would be charged with a centre's hours" in said.err
    assert not centre.calls("sbatch")
