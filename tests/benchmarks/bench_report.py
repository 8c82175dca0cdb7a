"""A report of 100,000 rows, each format beside the least that writes as many rows."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from measuring import Row, own_peak_mib

POINTS = 100_000


def measure() -> Iterator[Row]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "executor"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_run(folder / "run")
        from qbatch.report import write_report
        from qbatch.snapshot import open_run

        run = open_run(folder / "run")
        write_report(run, formats=("csv",))
        hand = _seconds(_by_hand)
        for format_ in ("csv", "md", "html"):
            before = own_peak_mib()
            ours = _seconds(lambda format_=format_: write_report(run, formats=(format_,)))
            more = own_peak_mib() - before
            yield Row(
                f"report of {POINTS:,} points as {format_}, read from the snapshot",
                f"{ours:.2f} s, +{more:.0f} MiB",
                "csv.writer alone, rows in memory",
                f"{hand:.2f} s",
                f"{ours / hand:.1f} x",
                "<= 3 x, <= 60 MiB more",
            )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _by_hand() -> None:
    rows = [
        [f"j{i:08d}", "COMPLETED", i * 0.001, 1024, 512, "00", 0.5, 0.01] for i in range(POINTS)
    ]
    csv.writer(io.StringIO()).writerows(rows)


def _make_run(folder: Path) -> None:
    import trio
    from fake_drivers import FakeLocal, plan_of

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    plan = plan_of(POINTS, "local")
    driver = FakeLocal(max_jobs=500)

    async def work() -> None:
        with Snapshot(folder, durability="normal") as snapshot:
            snapshot.set_meta(run_id="bench", versions="{}", selection="")
            await execute(plan, snapshot, {"local": driver}, {"local": driver.target})

    trio.run(work)
