"""Sweeps on a real Dask cluster, with its workers and its scheduler killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import free_ports
from sweeps import Commands, wait_for, write_sweep

pytestmark = pytest.mark.slow


class Cluster:
    """A scheduler and two workers, each a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._port,) = free_ports(1)
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *, python: str = sys.executable) -> None:
        place = ["--host", "127.0.0.1", "--port", str(self._port)]
        work = [self.address, "--nthreads", "1", "--memory-limit", "0", "--death-timeout", "60"]
        of = {"scheduler": ("dask_scheduler", place)}.get(name, ("dask_worker", work))
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [python, "-m", f"distributed.cli.{of[0]}", *of[1], "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )

    def start_all(self) -> None:
        for name in ("scheduler", "one", "two"):
            self.start(name)
        wait_for(lambda: self.told().count("Register worker") >= 2, 60)

    def told(self) -> str:
        log = self._folder / "scheduler.log"
        return log.read_text() if log.exists() else ""

    def kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait(timeout=30)


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
    dask.kill("scheduler")
    dask.start("scheduler")
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


def test_a_scheduler_that_is_not_there_is_named(tmp_path):
    pytest.importorskip("distributed")
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    write_sweep(tmp_path, dask=address)
    commands = Commands(tmp_path, {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"})
    said = commands("run", "sweep.yaml", "--yes", "--trust", code=8)
    assert f"dask: no scheduler at {address}" in said
