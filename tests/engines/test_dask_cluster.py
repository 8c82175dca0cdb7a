"""Sweeps on a real Dask cluster, with its workers and its scheduler killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import free_ports
from dask_cluster import Cluster
from sweeps import Commands, wait_for, write_sweep

pytestmark = pytest.mark.slow


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    (tmp_path / "dask").mkdir()
    one = Cluster(tmp_path / "dask")
    try:
        one.start_all()
        yield one
    finally:
        one.stop()


@pytest.fixture
def qbatch(dask: Cluster, tmp_path: Path) -> Commands:
    write_sweep(tmp_path, dask=dask.address)
    return Commands(tmp_path, os.environ)


def under_way(qbatch: Commands) -> bool:
    return (qbatch.folder / "runs/sweep/snapshot.db").exists() and bool(
        qbatch.states().get("completed")
    )


def test_counts_are_those_of_this_machine(qbatch, expected):
    qbatch("run", "sweep.yaml", "--yes", "--trust")
    assert qbatch.hash() == expected


def test_a_worker_that_is_killed_costs_time_alone(qbatch, dask, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes", "--trust")
    wait_for(lambda: under_way(qbatch))
    dask.kill("one")
    said, _ = runner.communicate(timeout=200)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def test_a_scheduler_that_is_killed_costs_time_alone(qbatch, dask, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes", "--trust")
    wait_for(lambda: under_way(qbatch))
    dask.kill("scheduler")  # its workers end with it, as Dask has it
    for name in ("scheduler", "one", "two"):
        dask.start(name)
    said, _ = runner.communicate(timeout=200)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def test_a_killed_runner_loses_nothing(qbatch, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes", "--trust")
    wait_for(lambda: under_way(qbatch))
    runner.kill()
    runner.communicate()
    qbatch("run", "sweep.yaml", "--yes", "--trust")
    assert qbatch.hash() == expected


def test_a_worker_with_another_version_is_refused_by_name(qbatch, dask, tmp_path):
    other = tmp_path / "other" / "qiskit_aer-0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: qiskit-aer\nVersion: 0.1\n")
    dask.start("one", path=other.parent)
    wait_for(lambda: dask.told().count("Register worker") >= 3, 60)
    said = " ".join(qbatch("run", "sweep.yaml", "--yes", "--trust", code=3).split())
    assert "dask: worker tcp://127.0.0.1:" in said
    assert "qiskit-aer is 0.1 there and " in said


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("distributed")
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    write_sweep(tmp_path, dask=address)
    commands = Commands(tmp_path, os.environ)
    once = ("-S", "run.retry.attempts=1")
    said = commands("run", "sweep.yaml", "--yes", "--trust", *once, code=8)
    assert f"dask: no scheduler at {address}" in said
