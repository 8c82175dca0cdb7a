from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio
from simulating import (
    ANSATZ,
    BELL,
    FEEDBACK,
    HEAD,
    WAVE,
    batch,
    compute,
    order,
    run,
    settings,
    submit,
    wait_ended,
)

from qbatch.errors import Refused
from qbatch.manifest.models import Backend, Limits
from qbatch.providers import (
    Cancelled,
    Done,
    Failed,
    GetsReady,
    GivenBack,
    NotTaken,
    Running,
    Surroundings,
    open_driver,
)
from qbatch.providers.local.driver import LocalDriver
from qbatch.providers.local.engines import pool

#: Takes some seconds shot by shot.
LONG = FEEDBACK.replace("ry(theta)", "ry(2 * theta)")
LONG_SHOTS = 3_000_000


def open_local(*, is_virtual: bool = False, **backend: Any) -> LocalDriver:
    made = open_driver(
        Backend(provider="local", **backend),
        name="sim",
        folder=Path(),
        surroundings=Surroundings(is_virtual=is_virtual),
    )
    assert isinstance(made, LocalDriver)
    return made


class Loop:
    """One trio run for a whole module, so that its workers stay warm."""

    def __init__(self) -> None:
        self._began = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))
        self._thread.start()
        self._began.wait()
        self.share = pool.Share(2)
        self.pool = self.run(self._join)

    async def _main(self) -> None:
        self._token, self._over = trio.lowlevel.current_trio_token(), trio.Event()
        self._began.set()
        await self._over.wait()

    async def _join(self) -> pool.Pool:
        return pool.join(self.share)

    def run(self, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        async def bounded() -> Any:
            with trio.fail_after(60):
                return await function(*args)

        return trio.from_thread.run(bounded, trio_token=self._token)

    def end(self) -> None:
        self.run(self.pool.leave, self.share)
        trio.from_thread.run_sync(self._over.set, trio_token=self._token)
        self._thread.join()


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    one = Loop()
    yield one
    one.end()


def waves(count: int, first: int = 0) -> list:
    return [order(WAVE, first + k, theta=0.01 * k) for k in range(count)]


def test_what_workers_compute_is_what_this_process_computes(loop):
    orders = [*waves(40), *(order(FEEDBACK, 100 + k, theta=0.4) for k in range(4))]

    async def work():
        driver = open_local(limits=Limits(workers=2))
        found = await compute(driver, [batch(orders[:25], "a"), batch(orders[25:], "b")])
        await driver.aclose()
        return found

    found = loop.run(work)
    assert {key: one.counts for key, one in found.items()} == run(orders, settings())


def test_results_carry_seed_method_and_versions(loop):
    async def work():
        driver = open_local()
        found = await compute(driver, [batch([order(BELL, 3)])])
        await driver.aclose()
        return found

    [fetched] = loop.run(work).values()
    assert fetched.facts["seed"] == order(BELL, 3).seed
    assert fetched.facts["method"] == "statevector"
    assert fetched.facts["engine"] == "numpy"
    assert fetched.facts["engine_version"] == np.__version__
    assert fetched.facts["evolution_s"] > 0


def test_the_state_comes_with_the_counts(loop):
    async def work():
        driver = open_local(options={"statevector": True})
        found = await compute(driver, [batch([order(BELL, 3)])])
        await driver.aclose()
        return found

    [fetched] = loop.run(work).values()
    assert abs(fetched.statevector) ** 2 == pytest.approx([0.5, 0, 0, 0.5])


def test_a_circuit_that_cannot_be_simulated_fails_alone(loop):
    wrong = order(HEAD + "qubit[1] q; bit[1] c;\nt q[0];\nc = measure q;\n", 1)

    async def work():
        driver = open_local(options={"method": "stabilizer"})
        one = batch([wrong, order(BELL, 2)])
        await submit(driver, one)
        ended = await wait_ended(driver, [one])
        await driver.aclose()
        return ended

    ended = loop.run(work)
    assert isinstance(ended[wrong.id], Failed)
    assert "t" in ended[wrong.id].error
    assert isinstance(ended[order(BELL, 2).id], Done)


async def wait_running(driver: LocalDriver, one: Any) -> None:
    while True:
        for update in await driver.poll([one]):
            if isinstance(update, Running):
                return


def test_a_killed_worker_is_replaced_and_its_chunk_computed_again(loop):
    short = order(LONG, 7, shots=2_000, theta=0.3)
    long = order(LONG, 7, shots=LONG_SHOTS, theta=0.3)

    async def work():
        driver = open_local()
        first = batch([long])
        await submit(driver, first)
        await wait_running(driver, first)
        for pid in loop.pool.pids:
            os.kill(pid, signal.SIGKILL)
        await wait_running(driver, first)  # again, in a fresh worker
        await driver.cancel(first, [long.id])
        found = await compute(driver, [batch([short])])
        await driver.aclose()
        return found

    assert loop.run(work)[short.id].counts == run([short], settings())[short.id]


def test_a_worker_killed_twice_fails_its_jobs_with_the_cause_and_no_other(loop):
    doomed = order(LONG, 7, shots=LONG_SHOTS, theta=0.3)
    others = waves(30, first=50)

    async def work():
        driver = open_local(limits=Limits(workers=1))  # so that no other is hit
        first, second = batch([doomed], "a"), batch(others, "b")
        await submit(driver, first, second)
        for _ in range(2):
            await wait_running(driver, first)
            for pid in loop.pool.pids:
                os.kill(pid, signal.SIGKILL)
        ended = await wait_ended(driver, [first, second])
        await driver.aclose()
        return ended

    ended = loop.run(work)
    assert isinstance(ended[doomed.id], Failed)
    assert "ended by SIGKILL" in ended[doomed.id].error
    assert {type(ended[one.id]) for one in others} == {Done}


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_and_its_job_fails_with_the_cause(loop):
    endless = order(LONG, 7, shots=LONG_SHOTS, theta=0.3)

    async def work():
        driver = open_local(timeout=0.3)
        one = batch([endless])
        await submit(driver, one)
        ended = await wait_ended(driver, [one])
        await driver.aclose()
        return ended

    [update] = loop.run(work).values()
    assert isinstance(update, Failed)
    assert "no answer within 0.3 s" in update.error


def test_cancelling_ends_the_worker_at_once_and_spares_the_rest(loop):
    endless = order(LONG, 7, shots=LONG_SHOTS, theta=0.3)
    others = waves(3)

    async def work():
        driver = open_local(limits=Limits(workers=1))
        one = batch([endless, *others])
        await submit(driver, one)
        await wait_running(driver, one)
        [update] = await driver.cancel(one, [endless.id])
        kept = batch(others)
        ended = await wait_ended(driver, [kept])
        await driver.aclose()
        return update, ended

    update, ended = loop.run(work)
    assert isinstance(update, Cancelled)
    assert len(ended) == 3


def test_what_this_process_does_not_know_is_absent_for_certain(loop):
    async def work():
        driver = open_local()
        one = batch([order(BELL, 1)])
        located = await driver.locate(one, driver.intend(one))
        updates = await driver.poll([one])
        return located, updates

    located, [update] = loop.run(work)
    assert located == [NotTaken(order(BELL, 1).id)]
    assert isinstance(update, GivenBack)


def test_a_result_nobody_has_is_refused(loop):
    async def work():
        driver = open_local()
        with pytest.raises(Refused, match="no result of job 000000000000"):
            await driver.fetch(batch([order(BELL)]), [order(BELL).id])

    loop.run(work)


def test_a_worker_killed_while_idle_costs_nobody_a_retry(loop):
    async def work():
        driver = open_local()
        await compute(driver, [batch(waves(1))])
        for pid in loop.pool.pids:
            os.kill(pid, signal.SIGKILL)
            await trio.to_thread.run_sync(wait_ended_process, pid)
        chunks = driver._try_again = []  # a retry would fail: a list cannot be called
        found = await compute(driver, [batch(waves(1))])
        await driver.aclose()
        return chunks, found

    chunks, found = loop.run(work)
    assert (chunks, len(found)) == ([], 1)


def wait_ended_process(pid: int) -> None:
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        select.select([process], [], [])
        os.close(process)


def test_workers_end_with_the_trio_run_even_if_nobody_closes_the_driver():
    async def main():
        driver = open_local()
        await compute(driver, [batch(waves(1))])
        return driver._work._engine.pids

    assert not any(map(alive, trio.run(main)))


def test_one_small_composite_job_starts_one_worker_that_parses_and_prepares_once():
    async def main():
        driver = open_local(limits=Limits(workers=2))
        one = batch(waves(200))
        await submit(driver, one)
        await wait_ended(driver, [one])
        answers = [driver._jobs[job_id].result.answer for job_id in one.composite.job_ids]
        pids = driver._work._engine.pids
        await driver.aclose()
        return pids, answers

    [pid], answers = trio.run(main)
    assert not alive(pid)
    assert len({id(answer) for answer in answers}) > 1
    assert {(answer.parses, answer.preparations) for answer in answers} == {(1, 1)}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_is_started_before_there_are_jobs():
    async def main():
        driver = open_local()
        assert isinstance(driver, GetsReady)
        await driver.get_ready()
        while not (pids := driver._work._engine.pids):
            await trio.sleep(0.01)
        await driver.aclose()
        return pids

    assert len(trio.run(main)) == 1


def test_the_loop_stays_responsive_while_workers_compute(loop):
    async def beat(late: list[float]) -> None:
        while True:
            due = trio.current_time() + 0.005
            await trio.sleep_until(due)
            late.append(trio.current_time() - due)

    async def work():
        late: list[float] = []
        driver = open_local(limits=Limits(workers=2))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat, late)
            orders = [order(LONG, k, shots=4_000, theta=0.1) for k in range(2)]
            await compute(driver, [batch(orders)])
            nursery.cancel_scope.cancel()
        await driver.aclose()
        return sorted(late)

    late = loop.run(work)
    assert late[int(0.9 * len(late))] < 0.05  # the benchmark measures; this catches blocking


def test_on_a_virtual_clock_work_is_done_inline():
    async def main():
        driver = open_local(is_virtual=True)
        with trio.fail_after(1):
            found = await compute(driver, [batch(waves(5))])
        await driver.aclose()
        return found

    found = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert {key: one.counts for key, one in found.items()} == run(waves(5), settings())


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import trio
from test_driver import LONG, LONG_SHOTS, batch, open_local, order, submit, wait_running

print("once")
async def main():
    driver = open_local()
    one = batch([order(LONG, 1, shots=LONG_SHOTS, theta=0.3)])
    await submit(driver, one)
    await wait_running(driver, one)
    print(*driver._work._engine.pids, flush=True)
    await trio.sleep_forever()
trio.run(main)
"""


def test_workers_die_with_a_killed_parent_and_need_no_main_guard(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    here = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, script, here], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "once\n"
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert pids
        parent.kill()
        assert parent.communicate() == ("", "")  # also: no worker holds the pipes open
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert not any(map(alive, pids))


@pytest.mark.slow
def test_an_ansatz_in_many_chunks_gives_what_it_gives_alone(loop):
    orders = [order(ANSATZ, k, a=0.1 * k, b=0.2 * k) for k in range(300)]

    async def work(workers: int):
        driver = open_local(limits=Limits(workers=workers))
        found = await compute(driver, [batch(orders[:150], "a"), batch(orders[150:], "b")])
        await driver.aclose()
        return {key: one.counts for key, one in found.items()}

    assert loop.run(work, 1) == loop.run(work, 2) == run(orders, settings())
