"""Jobs through a driver, beside the least that an HTTP client must do for one.

The server answers at once and runs in a process of its own. The floor is what nobody can avoid with
httpx on trio: one POST and two GETs a job over sixteen connections, nothing recorded. Beside it
stands the least that a client must do which keeps what it buys: one POST and one GET a job, and
each step in SQLite, with fsync, before it is taken.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import Row

if TYPE_CHECKING:
    import httpx
    import trio

JOBS, ROUNDS = 1_000, 5

#: Jobs a second, and the processor's seconds for each.
Rate = tuple[float, float]
SIDE = """\
qbatch: 1
name: http
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      rx(theta) q[0];
      cx q[0], q[1];
      c = measure q;
backends:
  oqc: {provider: oqc, target: "qpu:uk:2:instant", limits: {jobs: %d, in_flight: %d}}
shots: 1000
sweep: {matrix: {theta: {linspace: [0, 1, %d]}}}
run: {max_in_flight: 1000}
"""


def measure() -> Iterator[Row]:
    with served() as port:
        yield from _one_by_one(port)
        few, _ = through_qbatch(port, JOBS, jobs=1, in_flight=16)
        many, _ = through_qbatch(port, JOBS, jobs=1, in_flight=1_000)
        yield Row(
            "1,000 in flight",
            f"{many:.0f} jobs/s",
            "16 in flight",
            f"{few:.0f} jobs/s",
            f"{many / few:.2f} x",
            ">= 0.8 x",
        )

    yield Row(
        "memory of a request in flight, 1,000 at once on a silent server",
        f"{request_kib(1_000):.0f} KiB",
        "the same, 16 connections and the others waiting",
        f"{request_kib(16):.0f} KiB",
        "",
        "<= 30 KiB",
    )

    with served(ready_s=3.0) as port:
        late = lateness_s(port, JOBS)
    yield Row(
        "from done at the cloud to recorded here, 1,000 jobs in flight, 3 s each: median, worst",
        f"{late[len(late) // 2]:.2f} s, {late[-1]:.2f} s",
        "pause between polls by then",
        f"{_pause_after(3.0):.2f} s",
        "",
        "<= pause + 0.1 s",
    )


def _one_by_one(port: int) -> Iterator[Row]:
    """Compare runs with loops by hand, all in turn: medians of figures, and of their ratios."""
    bare = "httpx by hand, 3 requests a job, unrecorded"
    kept = "httpx and sqlite3 by hand, 2 requests and 3 durable steps a job"
    by_hand: dict[str, Callable[[], Rate]] = {
        bare: lambda: through_httpx(port, JOBS, 16),
        kept: lambda: through_httpx_and_sqlite(port, JOBS, 16),
    }
    ways: dict[str, Callable[[], Rate]] = {
        "16": lambda: through_qbatch(port, JOBS, jobs=1, in_flight=16),
        "100": lambda: through_qbatch(port, JOBS, jobs=1, in_flight=100),
        "packed": lambda: through_qbatch(port, JOBS, jobs=100, in_flight=8),
    }
    rounds = [{name: way() for name, way in (by_hand | ways).items()} for _ in range(ROUNDS)]
    for what, way, beside, wanted in (
        ("OQC jobs one by one, 16 in flight, recorded and fsynced", "16", bare, ">= 0.55 x"),
        ("OQC jobs one by one, 100 in flight, recorded and fsynced", "100", bare, ">= 0.8 x"),
        ("the same, 16 in flight", "16", kept, ""),
        ("OQC jobs in batches of 100, as a plan packs them", "packed", bare, ""),
    ):
        ratios = sorted(each[way][0] / each[beside][0] for each in rounds)
        cpu = statistics.median(each[beside][1] / each[way][1] for each in rounds)
        yield Row(
            what,
            _told([each[way] for each in rounds]),
            beside,
            _told([each[beside] for each in rounds]),
            f"{statistics.median(ratios):.2f} x ({ratios[0]:.2f} to {ratios[-1]:.2f}), "
            f"CPU {cpu:.2f} x",
            wanted,
        )


def _told(rates: list[Rate]) -> str:
    each_s, cpu_s = (statistics.median(each) for each in zip(*rates, strict=True))
    return f"{each_s:.0f} jobs/s, {cpu_s * 1e3:.2f} ms CPU"


def lateness_s(port: int, points: int) -> list[float]:
    """Return how long after its task was done each result was recorded, seconds, ascending."""
    from qbatch import run
    from qbatch.providers import Surroundings

    environ = {"OQC_URL": f"http://127.0.0.1:{port}", "OQC_AUTHENTICATION_TOKEN": "any"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "late.yaml")
        path.write_text(SIDE % (100, 1_000, points))
        around = Surroundings(environ=environ)
        done = run(path, out=Path(folder, "run"), surroundings=around, approve=True)
        return sorted(
            point.completed_at.timestamp() - point.facts["timings"]["READY"] for point in done
        )


def _pause_after(elapsed_s: float) -> float:
    """Return the pause between polls that has grown after so long without news, seconds."""
    from random import Random

    from qbatch.executor.pace import PollPace

    pace, passed, pause = PollPace((0.2, 10.0), Random(0)), 0.0, 0.0
    while passed < elapsed_s:
        pause = pace.next_s()
        passed += pause
    return pause


_SILENCE = """
import socket, sys, trio
from qbatch.errors import Unavailable
from qbatch.providers.kit.wire import Wire

listener = socket.create_server(("127.0.0.1", 0), backlog=2_000)
url = f"http://127.0.0.1:{listener.getsockname()[1]}/tasks"

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4

async def ask(wire):
    try:
        await wire.send("POST", url, json={"tasks": []}, deadline_s=60)
    except Unavailable:
        pass

async def main():
    async with Wire("oqc", connections=int(sys.argv[1])) as wire:
        with trio.move_on_after(1.0):
            await ask(wire)
        before = resident()
        async with trio.open_nursery() as nursery:
            for _ in range(1_000):
                nursery.start_soon(ask, wire)
            await trio.sleep(4)
            print((resident() - before) / 1_000)
            nursery.cancel_scope.cancel()

trio.run(main)
"""


def request_kib(connections: int) -> float:
    """Return the resident memory that each of 1,000 unanswered requests takes, KiB."""
    command = [sys.executable, "-c", _SILENCE, str(connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


@contextmanager
def served(ready_s: float = 0.0) -> Iterator[int]:
    """Run the instant server, whose tasks are done `ready_s` after submission; yield its port."""
    command = [sys.executable, str(Path(__file__).with_name("instant_oqc.py")), str(ready_s)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.terminate()


def through_qbatch(
    port: int,
    points: int,
    *,
    jobs: int,
    in_flight: int,
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
) -> tuple[float, float]:
    """Return jobs/s and CPU seconds a job of a run through the OQC driver, start-up taken off."""
    _run(port, 20, jobs, in_flight, transport)
    wall, cpu = _run(port, 20, jobs, in_flight, transport)
    more_wall, more_cpu = _run(port, points + 20, jobs, in_flight, transport)
    return points / (more_wall - wall), (more_cpu - cpu) / points


def _run(
    port: int,
    points: int,
    jobs: int,
    in_flight: int,
    transport: Callable[[], httpx.AsyncBaseTransport] | None,
) -> tuple[float, float]:
    from qbatch import run
    from qbatch.providers import Surroundings

    environ = {"OQC_URL": f"http://127.0.0.1:{port}", "OQC_AUTHENTICATION_TOKEN": "any"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "http.yaml")
        path.write_text(SIDE % (jobs, in_flight, points))
        surroundings = Surroundings(environ=environ, transport=transport and transport())
        wall, cpu = time.perf_counter(), time.process_time()
        run(path, out=Path(folder, "run"), surroundings=surroundings, approve=True)
        return time.perf_counter() - wall, time.process_time() - cpu


class _Book:
    """Steps in SQLite, those that wait at once in one transaction, by hand."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for sql in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE jobs(key TEXT PRIMARY KEY, state TEXT, body BLOB, result BLOB)",
            "CREATE TABLE moves(seq INTEGER PRIMARY KEY, key TEXT, state TEXT, at REAL)",
        ):
            self.db.execute(sql)
        self.waiting: list[tuple[str, str, bytes | None, trio.Event]] = []

    async def step(self, key: str, state: str, kept: bytes | None = None) -> None:
        import trio

        done = trio.Event()
        self.waiting.append((key, state, kept, done))
        await done.wait()

    async def write_forever(self) -> None:
        import trio

        while True:
            await trio.sleep(0)
            if not self.waiting:
                await trio.sleep(0.001)
                continue
            steps, self.waiting = self.waiting, []
            await trio.to_thread.run_sync(self._write, steps)
            for *_, done in steps:
                done.set()

    def _write(self, steps: list[tuple[str, str, bytes | None, trio.Event]]) -> None:
        self.db.execute("BEGIN IMMEDIATE")
        for key, state, kept, _ in steps:
            if state == "submitting":
                self.db.execute("INSERT INTO jobs VALUES (?, ?, ?, NULL)", (key, state, kept))
            else:
                sql = "UPDATE jobs SET state = ?, result = ? WHERE key = ?"
                self.db.execute(sql, (state, kept, key))
            row = (key, state, time.time())
            self.db.execute("INSERT INTO moves(key, state, at) VALUES (?, ?, ?)", row)
        self.db.execute("COMMIT")


def through_httpx_and_sqlite(port: int, jobs: int, at_once: int) -> tuple[float, float]:
    """Return jobs/s and CPU seconds a job of a client by hand that keeps what it buys."""
    import httpx
    import trio

    from qbatch.providers.kit.transport import FlatTransport

    async def work(path: Path) -> None:
        book = _Book(path)
        numbers = iter(range(jobs))
        async with (
            httpx.AsyncClient(transport=FlatTransport(at_once), timeout=60) as client,
            trio.open_nursery() as writer,
        ):

            async def worker() -> None:
                for k in numbers:
                    body = json.dumps({"circuit": f"OPENQASM 3.0;{k}" + "x" * 900, "shots": 1000})
                    key = hashlib.sha256(body.encode()).hexdigest()
                    await book.step(key, "submitting", body.encode())
                    url = f"http://127.0.0.1:{port}/jobs"
                    (await client.post(url, content=body)).raise_for_status().json()
                    await book.step(key, "submitted")
                    answer = (await client.get(f"{url}/{k}/result")).raise_for_status()
                    assert answer.json()["counts"]
                    await book.step(key, "completed", answer.content)

            writer.start_soon(book.write_forever)
            async with trio.open_nursery() as nursery:
                for _ in range(at_once):
                    nursery.start_soon(worker)
            writer.cancel_scope.cancel()
        book.db.close()

    with tempfile.TemporaryDirectory() as folder:
        trio.run(work, Path(folder, "first.db"))
        wall, cpu = time.perf_counter(), time.process_time()
        trio.run(work, Path(folder, "second.db"))
        return jobs / (time.perf_counter() - wall), (time.process_time() - cpu) / jobs


def through_httpx(port: int, jobs: int, at_once: int) -> tuple[float, float]:
    """Return jobs/s and CPU seconds a job of a client written by hand."""
    import httpx
    import trio

    from qbatch.providers.kit.transport import FlatTransport

    body = {"circuit": "OPENQASM 3.0;" + "x" * 900, "shots": 1000}

    async def work() -> None:
        transport = FlatTransport(at_once)
        async with httpx.AsyncClient(transport=transport, timeout=60) as client:
            numbers = iter(range(jobs))

            async def worker() -> None:
                for k in numbers:
                    url = f"http://127.0.0.1:{port}/jobs"
                    (await client.post(url, json=body)).raise_for_status().json()
                    (await client.get(f"{url}/{k}")).raise_for_status().json()
                    (await client.get(f"{url}/{k}/result")).raise_for_status().json()

            async with trio.open_nursery() as nursery:
                for _ in range(at_once):
                    nursery.start_soon(worker)

    trio.run(work)
    wall, cpu = time.perf_counter(), time.process_time()
    trio.run(work)
    return jobs / (time.perf_counter() - wall), (time.process_time() - cpu) / jobs
