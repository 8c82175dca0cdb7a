"""A batch system as its user sees it, by commands that say what Slurm would."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import qbatch as library
from qbatch.executor.events import Event, Warned
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


@pytest.fixture
def keys(qbatch, centre) -> list[str]:
    """The names of two batch jobs that were sent, and left."""
    assert qbatch("run", "sweep.yaml", "--trust", "--detach").code == 9
    return [re.findall(r"--job-name=(\S+)", call)[0] for call in centre.calls("sbatch")]


def elsewhere(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the backend compute by another engine than the one that was sent to."""
    if name == "salloc":
        monkeypatch.setenv("SLURM_JOB_ID", "1")
        monkeypatch.setenv("SLURM_JOB_CPUS_PER_NODE", "1")
    else:
        here = "    engine: {processes: {workers: 1}}\n"
        path.write_text(re.sub(r"    engine: .*\n", here, path.read_text()))


def cancelled(centre: SlurmCommands) -> list[str]:
    return [re.findall(r"--name=(\S+)", call)[0] for call in centre.calls("scancel")]


@pytest.mark.parametrize("how", ["processes", "salloc"])
@pytest.mark.slow
def test_batch_jobs_of_an_engine_that_was_left_are_cancelled(
    qbatch, centre, keys, how, tmp_path, monkeypatch
):
    srun = centre.folder / "srun"  # a step on this machine: options end with the interpreter
    srun.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
    srun.chmod(0o755)
    elsewhere(how, tmp_path / "sweep.yaml", monkeypatch)
    said = qbatch("run", "sweep.yaml", "--trust", "--no-report")
    assert said.code == 0
    assert "hpc: 2 batch jobs that this run had sent to Slurm were cancelled" in said.err
    assert sorted(cancelled(centre)) == sorted(keys)
    assert not (tmp_path / "runs" / "sweep" / "slurm").exists()
    qbatch("run", "sweep.yaml", "--trust", "--no-report")
    assert len(cancelled(centre)) == 2


@pytest.fixture
def copy(qbatch, centre, keys, tmp_path) -> Path:
    """A copy of the run's folder, in which nothing was done yet; Slurm has the original's jobs."""
    centre.says("squeue", "\n".join(f"4711|{key}|PENDING|Priority" for key in keys))
    return Path(shutil.copytree(tmp_path / "runs" / "sweep", tmp_path / "copy"))


@pytest.mark.slow
def test_a_copy_with_another_engine_leaves_the_batch_jobs_of_the_original(
    qbatch, centre, keys, copy, tmp_path, monkeypatch
):
    elsewhere("processes", tmp_path / "sweep.yaml", monkeypatch)
    said = qbatch("run", "sweep.yaml", "--out", "copy", "--no-report")
    assert said.code == 0
    assert not centre.calls("scancel")
    assert "2 batch jobs of Slurm's were sent from another folder" in " ".join(said.err.split())
    by_hand = f"for key in {' '.join(sorted(keys))}; do scancel --name=$key; done"
    assert by_hand in " ".join(said.err.split())
    original = qbatch("run", "sweep.yaml", "--no-report")
    assert "2 batch jobs that this run had sent to Slurm were cancelled" in original.err
    assert sorted(cancelled(centre)) == sorted(keys)


def test_a_copy_cancels_none_of_the_originals_batch_jobs(qbatch, centre, keys, copy):
    qbatch("cancel", "copy", "--trust", "--yes", "--no-report")
    assert cancelled(centre)
    assert not {*cancelled(centre)} & {*keys}


def test_a_folder_that_was_moved_sends_its_own_batch_jobs(qbatch, centre, keys, copy, tmp_path):
    (tmp_path / "runs").rename(tmp_path / "former")
    qbatch("fetch", "copy", "--trust", "--no-report")
    assert qbatch("run", "sweep.yaml", "--trust", "--detach", "--out", "copy").code == 9
    calls = centre.calls("sbatch")[len(keys) :]
    own = [re.findall(r"--job-name=(\S+)", call)[0] for call in calls]
    assert len(own) == len(keys)
    assert not {*own} & {*keys}


@pytest.mark.slow
def test_what_was_computed_before_a_project_was_renamed_is_not_computed_again(
    qbatch, centre, keys, tmp_path
):
    folder = tmp_path / "runs" / "sweep" / "slurm"
    for key in keys:
        subprocess.run(["bash", folder / f"{key}.sh"], check=True)
    (tmp_path / "runs").rename(tmp_path / "former")
    assert qbatch("fetch", "former/sweep", "--trust", "--no-report").code == 0
    assert len(centre.calls("sbatch")) == len(keys)
    assert qbatch("status", "former/sweep", "--json").json["states"] == {"completed": 3}


def test_where_there_is_no_slurm_it_says_how_to_cancel(qbatch, centre, keys, tmp_path, monkeypatch):
    elsewhere("processes", tmp_path / "sweep.yaml", monkeypatch)
    (centre.folder / "scancel").unlink()
    monkeypatch.setenv("PATH", str(centre.folder))
    said = qbatch("run", "sweep.yaml", "--no-report")
    assert said.code == 0
    assert "2 batch jobs of this run may still be queued" in said.err
    by_hand = f"for key in {' '.join(sorted(keys))}; do scancel --name=$key; done"
    assert by_hand in " ".join(said.err.split())


def test_what_is_cancelled_from_within_an_allocation_is_cancelled_at_the_centre(
    qbatch, centre, keys, tmp_path, monkeypatch
):
    elsewhere("salloc", tmp_path / "sweep.yaml", monkeypatch)
    qbatch("cancel", "sweep.yaml", "--trust", "--yes", "--no-report")
    assert sorted(cancelled(centre)) == sorted(keys)


def test_inside_an_allocation_it_names_what_is_not_used(qbatch, centre, tmp_path, monkeypatch):
    file = tmp_path / "sweep.yaml"
    elsewhere("salloc", file, monkeypatch)
    said = qbatch("plan", "sweep.yaml", "--trust").err
    assert "backend 'hpc': inside an allocation of Slurm's" in said
    assert "of engine.slurm is not used: time, cpus, account, qos; ask" in said
    assert "batch jobs" not in said
    file.write_text(re.sub(r"slurm: {.*}}", "slurm: {cpus: 1}}", file.read_text()))
    assert "allocation" not in qbatch("plan", "sweep.yaml", "--trust").err


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


def test_python_is_told_what_is_asked_of_the_centre(centre, tmp_path):
    seen: list[Event] = []
    library.run(tmp_path / "sweep.yaml", trust=True, detach=True, observer=seen.append)
    assert f"backend 'hpc': up to 2 {TAKES}" in [e.text for e in seen if isinstance(e, Warned)]
    assert len(centre.calls("sbatch")) == 2


def test_who_is_asked_in_python_sees_what_is_asked_of_the_centre(centre, tmp_path):
    with pytest.raises(library.NotApproved) as caught:
        library.run(tmp_path / "sweep.yaml", trust=True, approve=lambda offer: not offer.shares)
    assert caught.value.offer.shares == [f"backend 'hpc': up to 2 {TAKES}"]
    assert TAKES in str(caught.value.offer)
    assert not centre.calls("sbatch")


def test_whose_hours_are_used_is_the_persons_to_say(qbatch, centre):
    said = qbatch("run", "sweep.yaml", "--yes", "--detach")
    assert said.code == 6
    assert "engine.slurm.account: 'q123' would be charged with a centre's hours" in said.err
    assert not centre.calls("sbatch")
    assert said.err.endswith("\nmore: qbatch help engines\n")


def test_all_that_needs_the_persons_word_is_told_at_once_as_it_is_written(
    qbatch, centre, tmp_path, monkeypatch
):
    setup = 'module load a\necho "it\'s"\n'
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(sweep.read_text().replace("qos: night", f"setup: {json.dumps(setup)}"))
    config = tmp_path / "config.toml"
    monkeypatch.setenv("QBATCH_CONFIG", str(config))
    said = qbatch("plan", "sweep.yaml")
    assert said.code == 6
    lines = re.findall(r"write (engines = \[.*\]) under \[manifests\]", said.err)
    config.write_text("\n".join(["[manifests]", *lines]))
    assert qbatch("plan", "sweep.yaml").code == 0


def test_what_slurm_does_not_have_sends_to_its_own_page(qbatch, centre, tmp_path):
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(sweep.read_text().replace("cpus: 4", "partition: gpu"))
    said = qbatch("run", "sweep.yaml", "--trust", "--yes")
    assert "Slurm has no partition 'gpu'; there are cpu\nmore: qbatch help slurm" in said.err


def test_backends_that_compute_elsewhere_are_listed_by_themselves(qbatch, centre, tmp_path):
    sweep = tmp_path / "sweep.yaml"
    here = "backends:\n  sim: {provider: local}\n"
    sweep.write_text(sweep.read_text().replace("backends:\n", here, 1))
    centre.says("sinfo", "cpu|up\nn2|drained|Duplicate jobid")
    said = qbatch("backends", "sweep.yaml", "--provider", "local", "--details", "--trust")
    assert "local (sim): aer:statevector" in said.out
    told = said.out.partition("local (hpc): aer:automatic")[2]
    assert "nodes_out: n2 drained: Duplicate jobid" in told
