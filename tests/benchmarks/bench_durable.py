"""A durable step, and taking up a run, at 100 and at 100,000 jobs."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from measuring import Row, ms

from qbatch.job import JobState

STEPS = 2_000


def measure() -> Iterator[Row]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "executor"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {points: _steps(folder, points) for points in (100, 100_000)}
        (small, _), (large, written) = figures[100], figures[100_000]
        yield Row(
            "one durable step (WAL, synchronous=NORMAL) at 100,000 jobs",
            f"{large * 1e6:.0f} µs",
            "the same at 100 jobs",
            f"{small * 1e6:.0f} µs",
            f"{large / small:.2f} x",
            "<= 1.3 x",
        )
        yield Row("bytes written for it", f"{written / 1e3:.1f} kB", "", "", "", "<= 10 kB")
        yield _resume(folder)


def _steps(folder: Path, points: int) -> tuple[float, float]:
    """Return seconds and bytes per transition, each in a transaction of its own."""
    from fake_drivers import plan_of

    from qbatch.plan import canonical_json
    from qbatch.snapshot import Snapshot

    plan = plan_of(points, "local")
    with Snapshot(folder / f"steps{points}", durability="normal") as snapshot:
        snapshot.register(plan.points(), setting_of=lambda key: canonical_json(plan.setting(key)))
        rows = [row for _, row in snapshot.rows_at(range(1, 101))]
        before, start = _written(), time.perf_counter()
        for k in range(STEPS):
            row = rows[k % 100]
            state = (JobState.SUBMITTING, JobState.CREATED)[k // 100 % 2]
            row = rows[k % 100] = replace(row, job=row.job.moved_to(state))
            with snapshot.transaction():
                snapshot.save_jobs([row])
        return (time.perf_counter() - start) / STEPS, (_written() - before) / STEPS


def _written() -> int:
    """Return the bytes this process has caused to be written, as the kernel counts them."""
    lines = Path(f"/proc/{os.getpid()}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


def _resume(folder: Path) -> Row:
    """Measure the time to the first submission of a run of 100,000 of which 99,900 are done."""
    import trio
    from fake_drivers import FakeLocal, plan_of

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    plan = plan_of(100_000, "local")
    driver = FakeLocal(max_jobs=500)
    done = {point.id for point, _ in zip(plan.points(), range(99_900), strict=False)}

    async def work(only: object) -> None:
        with Snapshot(folder / "resume", durability="normal") as snapshot:
            await execute(plan, snapshot, {"local": driver}, {"local": driver.target}, only=only)  # type: ignore[arg-type]

    start = time.perf_counter()
    trio.run(work, lambda point: point.id in done)
    first = time.perf_counter() - start
    start = time.perf_counter()
    trio.run(work, None)
    again = time.perf_counter() - start
    return Row(
        "100,000 jobs, 99,900 done: taken up and ended",
        ms(again),
        "the run before it",
        f"{first:.0f} s",
        f"{again / first:.3f} x",
        "<= 0.03 x",
    )
