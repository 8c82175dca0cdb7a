"""Sweeps on a real Slurm: detached, fetched, cancelled, and with each part of it killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster import Cluster
from sweeps import Commands, wait_for, write_sweep

pytestmark = pytest.mark.slow

ENGINE = {"partition": "cpu", "time": "10m", "cpus": 1, "memory": "800M"}

NO_LOG = "--output=/dev/null"

#: 24 points, 6 to a batch job.
BATCH_JOBS = 4


@pytest.fixture
def qbatch(cluster: Cluster, tmp_path: Path) -> Iterator[Commands]:
    cluster.clean()
    write_sweep(tmp_path, slurm=ENGINE)
    with cluster.operated():
        yield Commands(tmp_path, cluster.environ)


def test_what_was_left_comes_home_to_another_process(qbatch, cluster, expected):
    before = len(cluster.jobs())
    assert "24 jobs still at sim" in qbatch("run", "sweep.yaml", "--yes", "--detach", code=9)
    assert len(cluster.jobs()) == before + BATCH_JOBS
    qbatch("fetch", "sweep.yaml", "--wait")
    assert qbatch.hash() == expected
    assert not [*(qbatch.folder / "runs" / "sweep").glob("slurm/*")]


def tasks_of(cluster: Cluster) -> list[str]:
    """Ids of all tasks of arrays, those that ended too."""
    shown = cluster.run("squeue", "--noheader", "--array", "--states=all", "--format=%i")
    return [each for each in shown.split() if "_" in each]


def test_what_is_sent_at_the_same_time_is_an_array(qbatch, cluster, expected):
    before = len(tasks_of(cluster))
    write_sweep(qbatch.folder, jobs=2, slurm=ENGINE)
    qbatch("run", "sweep.yaml", "--yes", "--detach", code=9)
    new = tasks_of(cluster)[before:]
    assert len(new) >= 6  # of 12: those that came while the first sbatch was on its way
    qbatch("fetch", "sweep.yaml", "--wait")
    assert qbatch.hash() == expected
    assert not [*(qbatch.folder / "runs" / "sweep").glob("slurm/*")]


def test_of_an_array_some_tasks_are_cancelled(qbatch, cluster, expected):
    cluster.run("scontrol", "update", "partitionname=cpu", "state=down")
    try:
        write_sweep(qbatch.folder, jobs=2, slurm=ENGINE)
        before = {*tasks_of(cluster)}
        qbatch("run", "sweep.yaml", "--yes", "--detach", code=9)
        waiting = cluster.jobs("PENDING")
        qbatch("cancel", "sweep.yaml", "-k", "circuit=exact and theta<1", "--yes")
        assert 0 < len(cluster.jobs("PENDING")) < len(waiting)
        assert {*tasks_of(cluster)} - before
    finally:
        cluster.run("scontrol", "update", "partitionname=cpu", "state=up")
    qbatch("run", "sweep.yaml", "--yes")
    assert qbatch.hash() == expected


def test_a_killed_runner_loses_nothing_and_sends_nothing_twice(qbatch, cluster, expected):
    before = len(cluster.jobs())
    runner = qbatch.start("run", "sweep.yaml", "--yes")
    wait_for(lambda: len(cluster.jobs()) > before)
    runner.kill()
    runner.communicate()
    qbatch("run", "sweep.yaml", "--yes")
    assert qbatch.hash() == expected
    assert len(cluster.jobs()) <= before + BATCH_JOBS + 1  # one may have been sent as it was killed


def test_a_controller_that_is_killed_costs_time_alone(qbatch, cluster, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes")
    wait_for(lambda: cluster.jobs("RUNNING"))
    cluster.kill("slurmctld")
    time.sleep(3)
    cluster.start_daemon("slurmctld")
    said, _ = runner.communicate(timeout=240)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def test_a_controller_that_forgot_all_costs_time_alone(qbatch, cluster, expected):
    qbatch("run", "sweep.yaml", "--yes", "--detach", code=9)
    cluster.kill("slurmctld")
    cluster.start_daemon("slurmctld", "-c")
    for file in (qbatch.folder / "runs" / "sweep" / "slurm").glob("*.result"):
        file.write_bytes(file.read_bytes()[:-1])
    qbatch("run", "sweep.yaml", "--yes")
    assert qbatch.hash() == expected


def test_numbers_that_are_given_twice_cost_time_alone(qbatch, cluster, expected):
    write_sweep(qbatch.folder, slurm=ENGINE, jobs=12)  # two batch jobs, for which n1 has room
    cluster.forget_jobs()
    cluster.clean()
    qbatch("run", "sweep.yaml", "--yes", "--detach", code=9)
    wait_for(lambda: workers_of(qbatch.folder))
    with cluster.hung("n1"):
        cluster.forget_jobs()
        qbatch("run", "sweep.yaml", "--yes")
        assert cluster.states()["n1"].startswith("drain")
    assert qbatch.hash() == expected
    assert not cluster.jobs("PENDING")  # of those that Slurm held, too


def test_a_nodes_daemon_that_is_killed_costs_time_alone(qbatch, cluster, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes")
    wait_for(lambda: cluster.jobs("RUNNING"))
    cluster.kill("n1")
    time.sleep(3)
    cluster.start_daemon("n1")
    said, _ = runner.communicate(timeout=240)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def test_batch_jobs_that_make_room_for_others_cost_time_alone(qbatch, cluster, expected):
    write_sweep(qbatch.folder, slurm=ENGINE, jobs=12)
    runner = qbatch.start("run", "sweep.yaml", "--yes")
    wait_for(lambda: cluster.jobs("RUNNING"))
    cluster.run("sbatch", "--partition=urgent", "--nodes=2", "--exclusive", "--wrap=true", NO_LOG)
    wait_for(lambda: cluster.jobs("PREEMPTED"))
    said, _ = runner.communicate(timeout=240)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def command_of(pid: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def workers_of(folder: Path) -> list[int]:
    """Processes that compute chunks for batch jobs of a folder."""
    commands = {each.name: command_of(each.name) for each in Path("/proc").glob("[0-9]*")}
    nodes = {
        pid
        for pid, words in commands.items()
        if any("engines.node" in word for word in words) and str(folder) in " ".join(words)
    }
    servers = {
        pid
        for pid, words in commands.items()
        if any("engines.fork_server" in word for word in words) and nodes.intersection(words)
    }
    # A forked worker has its server's command; it is the one whose parent is a server too.
    return [int(pid) for pid in servers if parent_of(pid) in servers]


def parent_of(pid: str) -> str:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:  # it has ended meanwhile
        return ""


def test_a_worker_that_is_killed_on_its_node_costs_time_alone(qbatch, expected):
    runner = qbatch.start("run", "sweep.yaml", "--yes")
    wait_for(lambda: workers_of(qbatch.folder))
    for pid in workers_of(qbatch.folder):
        os.kill(pid, signal.SIGKILL)
    said, _ = runner.communicate(timeout=240)
    assert runner.returncode == 0, said
    assert qbatch.hash() == expected


def test_an_engine_is_changed_half_way(qbatch, cluster, expected):
    qbatch("run", "sweep.yaml", "--yes", "-k", "theta < 1")
    some = qbatch.states()["completed"]
    qbatch("run", "sweep.yaml", "--yes", "-S", "backends.sim.engine={processes: {workers: 1}}")
    assert some < qbatch.states()["completed"] == 24
    assert qbatch.hash() == expected


def test_why_a_job_waits_is_shown_and_a_cancel_reaches_slurm(qbatch, cluster):
    write_sweep(qbatch.folder, slurm={**ENGINE, "extra": ["--hold"]})
    qbatch("run", "sweep.yaml", "--yes", "--detach", "--trust", code=9)
    qbatch("fetch", "sweep.yaml", "--trust", code=9)
    assert "24 jobs at sim: PENDING (JobHeldUser)" in qbatch("status", "sweep.yaml", code=9)
    qbatch("cancel", "sweep.yaml", "--trust", "--yes")
    assert not cluster.jobs("PENDING", "RUNNING")


def test_a_batch_job_that_fails_tells_slurms_words_and_its_logs_end(qbatch):
    setup = "echo 'no such module' >&2; exit 3"
    write_sweep(qbatch.folder, points=2, slurm={**ENGINE, "setup": setup})
    said = qbatch("run", "sweep.yaml", "--yes", "--trust", code=1)
    assert "FAILED (NonZeroExitCode); its log ends: no such module" in said


def test_inside_an_allocation_workers_are_steps_of_it(qbatch, cluster, expected):
    before = len(cluster.jobs())
    allocate = ("salloc", "--quiet", "--ntasks=2", "--mem=1600M")
    qbatch("run", "sweep.yaml", "--yes", before=allocate)
    assert qbatch.hash() == expected
    assert len(cluster.jobs()) == before + 1
