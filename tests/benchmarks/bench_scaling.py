"""What each stage of a run costs a point, as points become more, and how large the folder is.

    python -m tests.benchmarks scaling                      # 1,000 to 100,000 points, minutes
    QBATCH_SCALING=1000000 python -m tests.benchmarks scaling   # up to a million, half an hour

The provider answers at once, so that what is measured is qbatch alone: planning, packing, and from
the intent of a job to its result on the disk, with journal and analysis. Stages are told in seconds
of this process's processor, which a busy machine stretches less; what waits for the disk in time.
A stage that costs as much a point at 100,000 as at 1,000 grows as the points do; the guide goes on
from that ("Past what fits here").
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from measuring import Row, own_peak_mib

#: Points of the largest run; those before are each a tenth.
MOST = int(os.environ.get("QBATCH_SCALING", "100000"))

#: Points of which each is a composite job of its own.
ALONE = 1_000


def measure() -> Iterator[Row]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "executor"))
    sizes = [size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= MOST]
    first: Mapping[str, float] = {}
    _stages(100)  # imports
    for size in sizes:
        seconds, memory = _stages(size)
        for stage, took in seconds.items():
            beside = first.get(stage, 0.0)
            yield Row(
                f"{size:,} points, {stage}",
                _each(took, size, stage),
                f"the same at {sizes[0]:,}" if beside else "",
                _each(beside, 1, stage) if beside else "",
                f"{took / size / beside:.2f} x" if beside else "",
                "<= 1.5 x" if beside else "",
            )
        told = ", ".join(f"{stage} {mib:.0f}" for stage, mib in memory.items())
        yield Row(f"{size:,} points, memory at its peak, MiB", told, "", "", "", "")
        if not first:
            first = {stage: took / size for stage, took in seconds.items()}
    yield from _alone()


def _each(took: float, size: int, stage: str) -> str:
    return f"{took / size:,.0f} B" if "folder" in stage else f"{took / size * 1e6:,.0f} µs"


def _stages(size: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return seconds of each stage, and bytes of the folder; the peak memory of each, MiB."""
    from fake_drivers import FakeLocal, plan_of

    from qbatch.report import write_report
    from qbatch.snapshot import open_run

    found: dict[str, float] = {}
    memory: dict[str, float] = {}

    def time_stage(stage: str, work: Callable[[], object]) -> None:
        _forget_peak()
        found[stage] = _seconds(work)
        memory[stage] = _peak_mib()

    with tempfile.TemporaryDirectory() as name:
        folder, driver = Path(name) / "run", FakeLocal(max_jobs=256)
        driver.computed = _Uncounted()
        plan = plan_of(size, "local")
        time_stage("planned", lambda: sum(1 for _ in plan.points()))
        time_stage(
            "planned and packed", lambda: sum(1 for _ in plan.composites({"local": driver.target}))
        )
        time_stage("submitted, answered, recorded", lambda: _run(plan, folder, driver))
        run = open_run(folder)
        time_stage("read, with estimates", lambda: sum(bool(p.estimates) for p in run))
        for format_ in ("csv", "csv", "md", "html"):
            again = ", again" if f"report as {format_}" in found else ""
            time_stage(
                f"report as {format_}{again}",
                lambda format_=format_: write_report(run, formats=(format_,)),
            )
        found["run folder"] = sum(
            file.stat().st_size
            for file in folder.iterdir()
            if file.name.startswith(("snapshot.db", "points.pages"))
        )
    return found, memory


class _Uncounted(Counter[str]):
    """Keeps nothing: what the stand-in remembers of each job is not qbatch's memory."""

    def __setitem__(self, key: str, number: int) -> None:
        pass


def _forget_peak() -> None:
    """Let the kernel measure the peak of resident memory anew (Linux alone can)."""
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mib() -> float:
    """Return the peak of resident memory since it was forgotten, MiB."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return own_peak_mib()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _run(plan: Any, folder: Path, driver: Any, durability: Any = "normal") -> None:
    import trio

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    async def work() -> None:
        with Snapshot(folder, durability=durability) as snapshot:
            snapshot.set_meta(run_id="bench", versions="{}", selection="")
            await execute(plan, snapshot, {"local": driver}, {"local": driver.target})

    trio.run(work)


def _alone() -> Iterator[Row]:
    """Jobs that nothing is shared with, which clouds without batches have."""
    from fake_drivers import FakeLocal, plan_of

    figures = []
    for max_jobs, durability in ((256, "full"), (1, "full"), (1, "normal")):
        with tempfile.TemporaryDirectory() as name:
            driver = FakeLocal(max_jobs=max_jobs, in_flight=100)
            plan, folder = plan_of(ALONE, "local"), Path(name) / "run"
            took = _seconds(
                lambda p=plan, f=folder, d=driver, k=durability: _run(p, f, d, k),
                time.perf_counter,
            )
            figures.append(took / ALONE)
    shared, synced, unsynced = figures
    for what, took in (("fsynced", synced), ("without fsync", unsynced)):
        yield Row(
            f"{ALONE:,} points, each a composite job of its own, recorded {what}",
            f"{took * 1e6:,.0f} µs",
            "256 in a composite job, fsynced",
            f"{shared * 1e6:,.0f} µs",
            f"{took / shared:.1f} x",
            "",
        )


def _seconds(work: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    work()
    return clock() - start
