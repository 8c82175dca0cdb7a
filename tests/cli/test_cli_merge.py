"""`qbatch merge`: shards of a sweep become one run folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch.job import IN_FLIGHT, JobState
from qbatch.snapshot import Run
from tests.cli.conftest import BELL, MANIFEST

Call = Callable[..., Any]


def test_shards_are_one_run_as_if_it_had_been_made_at_once(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "--no-report").code == 0
    whole = qbatch("export", "pair.yaml", "--format", "counts").out
    for name, which in (("a", "shots < 20"), ("b", "shots > 5, shots < 40")):
        assert qbatch("run", "pair.yaml", "-k", which, "--out", name, "--no-report").code == 0
    said = qbatch("merge", "a", "b", "-o", "c")
    assert said.code == 9
    assert "1 job taken from b; 1 not used, for these shots were there" in said.out
    assert (
        "go on only in c: what runs in the old folders from now on is not known there" in said.out
    )
    assert "copy" not in said.err
    assert qbatch("run", "pair.yaml", "--out", "c", "--no-report").code == 0
    assert qbatch("export", "c", "--format", "counts").out == whole


def test_what_cannot_be_merged_is_said(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "-k", "shots=10", "--out", "a", "--no-report").code == 0
    assert "merge takes two run folders or more" in qbatch("merge", "a", "-o", "c").err
    said = qbatch("merge", "a", "a", "-o", "a")
    assert said.code != 0
    assert not Path("c").exists()


def test_a_copy_is_warned_of(qbatch: Call) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    assert qbatch("run", "pair.yaml", "-k", "shots=10", "--out", "a", "--no-report").code == 0
    shutil.copytree("a", "b")
    said = qbatch("merge", "a", "b", "-o", "c")
    assert "warning: b may be a copy of another run folder" in said.err
    assert "a may be" not in said.err


#: Runs a manifest into a folder, and is gone as it begins to compute.
KILLED = """\
import os, sys, qbatch
from qbatch.executor.events import JobMoved

def observe(event):
    if isinstance(event, JobMoved) and event.state.value in ("submitting", "running"):
        os._exit(9)

qbatch.run(sys.argv[1], out=sys.argv[2], observer=observe)
"""


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.slow
def test_what_was_cut_off_here_takes_the_results_of_another_folder(
    qbatch: Call, order: tuple[str, str]
) -> None:
    Path("bell.qasm").write_text(BELL)
    Path("pair.yaml").write_text(MANIFEST)
    killed = subprocess.run([sys.executable, "-c", KILLED, "pair.yaml", "a"], check=False)
    assert killed.returncode == 9
    with Run(Path("a")) as run:
        assert any(point.job.state in IN_FLIGHT for point in run)
    assert qbatch("run", "pair.yaml", "--out", "b", "--no-report").code == 0
    said = qbatch("merge", *order, "-o", "c")
    assert said.code == 0
    with Run(Path("c")) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 3}
    whole = qbatch("export", "b", "--format", "counts").out
    assert qbatch("run", "pair.yaml", "--out", "c", "--no-report").code == 0
    assert qbatch("export", "c", "--format", "counts").out == whole
