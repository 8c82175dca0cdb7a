"""Workers that are forked by a process which has loaded what they need."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from simulating import WAVE, batch, compute, order, run, settings, submit
from test_driver import LONG, LONG_SHOTS, open_local, wait_running

from qbatch.manifest.models import Limits
from qbatch.providers.local.engines.command import CHILD, Command
from qbatch.providers.local.engines.forked import may_fork
from qbatch.providers.local.engines.process import EndedError, Process
from qbatch.providers.local.work import cut, to_frame
from qbatch.result import Counts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")

T = TypeVar("T")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def num_open() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def within_a_minute(work: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        with trio.fail_after(60):
            return await work()

    return trio.run(bounded)


async def computed(process: Process) -> int:
    """Let a worker compute something; return the process that forked it."""
    orders = [order(WAVE, 700, theta=0.3)]
    [chunk] = cut(orders, settings())
    await process.wait_ready()
    await process.send(to_frame(chunk))
    answer = await process.receive()
    assert [*answer.counts] == [*run(orders, settings())[orders[0].id].counts]
    assert process.pid is not None
    return parent_of(process.pid)


async def started_and_ended() -> int:
    process = Process()
    try:
        return await computed(process)
    finally:
        await process.end()


def test_workers_of_all_runs_are_forked_by_one_process_that_has_one_thread() -> None:
    server, again = within_a_minute(started_and_ended), within_a_minute(started_and_ended)
    assert server == again != os.getpid()
    assert len([*Path(f"/proc/{server}/task").iterdir()]) == 1


def test_a_worker_has_the_environment_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = within_a_minute(started_and_ended)
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "own"))
    assert within_a_minute(started_and_ended) == server
    assert list((tmp_path / "own").rglob("*"))  # what it learns of a circuit is kept there


@pytest.mark.slow
def test_what_libraries_read_as_they_are_loaded_has_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = within_a_minute(started_and_ended)
    monkeypatch.setenv("OMP_DYNAMIC", "true")
    other = within_a_minute(started_and_ended)
    assert other != server
    assert b"OMP_DYNAMIC=true" in Path(f"/proc/{other}/environ").read_bytes()


@pytest.mark.slow
def test_a_process_that_forks_workers_and_is_killed_is_replaced_and_takes_them_along() -> None:
    async def main() -> None:
        process = Process()
        server = await computed(process)
        os.kill(server, signal.SIGKILL)
        with pytest.raises(EndedError):
            await process.receive()
        assert "ended by SIGKILL" in await process.end()
        assert await started_and_ended() != server

    within_a_minute(main)


@pytest.mark.slow
def test_what_was_computed_as_it_was_killed_is_computed_again() -> None:
    short = order(LONG, 7, shots=2_000, theta=0.3)
    long = order(LONG, 7, shots=LONG_SHOTS, theta=0.3)

    async def main() -> Counts:
        driver = open_local(limits=Limits(workers=1))
        first = batch([long])
        await submit(driver, first)
        await wait_running(driver, first)
        [pid] = driver._work._engine.pids
        os.kill(parent_of(pid), signal.SIGKILL)
        await wait_running(driver, first)  # again, in a worker of another
        await driver.cancel(first, [long.id])
        found = await compute(driver, [batch([short])])
        await driver.aclose()
        return found[short.id].counts

    assert within_a_minute(main) == run([short], settings())[short.id]


def test_what_keeps_workers_from_being_forked_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('this one is broken')\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def main() -> str:
        process = Process()
        with pytest.raises(EndedError):
            await process.wait_ready()
        return await process.end()

    assert within_a_minute(main).endswith("exit code 1: ImportError: this one is broken")


def test_a_worker_that_is_given_up_before_it_began_leaves_nothing_open() -> None:
    async def main() -> None:
        await started_and_ended()
        before = num_open()
        for _ in range(5):
            await Process().end()
            await started_and_ended()
        assert num_open() == before

    within_a_minute(main)


def test_what_a_launcher_starts_is_not_forked() -> None:
    assert may_fork(CHILD)
    assert not may_fork(Command(before=("srun",)))
