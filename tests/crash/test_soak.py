"""A day of a hundred thousand jobs in bad weather, on a virtual clock: none lost, memory flat."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
import trio.testing

from qbatch.errors import Misspoke, Unavailable
from qbatch.executor import Settings, Stop, Summary, execute
from qbatch.executor.events import ignore
from qbatch.job import JobState
from qbatch.plan import Plan
from qbatch.providers import Answer, Batch, Taken
from qbatch.snapshot import Run, Snapshot
from tests.executor.fake_drivers import (
    Bought,
    FakeCloud,
    Fault,
    Ledger,
    lost_after,
    lost_before,
    plan_of,
    unsent,
)

HOUR_S = 3600.0

SEED = 1


def busy(act: Callable[[], Any]) -> Any:
    raise Unavailable("cloud: 429", is_full=True, retry_after_s=90.0)


def failing(act: Callable[[], Any]) -> Any:
    act()
    raise Unavailable("cloud: 503")


def garbled(act: Callable[[], Any]) -> Any:
    act()
    raise Misspoke("cloud: no JSON")


#: What may go wrong with a call; with one that spends too.
FAULTS: Sequence[Fault] = (lost_after, lost_before, unsent, busy, failing, garbled)


class Books(Ledger):
    """Counts purchases in the room that it takes from the start, and forgets jobs that are home."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.rows = {point.id: row for row, point in enumerate(plan.points())}
        self.times = bytearray(len(self.rows))  # one byte a point
        self.at_work: dict[str, Bought] = {}

    def of(self, job_id: str) -> Bought | None:
        return self.at_work.get(job_id)


class Stormy(FakeCloud):
    """Goes wrong, and is slow, at some of its calls; a seed says at which, and how."""

    def __init__(self, books: Books, share: float, seed: int, **target: Any) -> None:
        super().__init__(books, **target)
        self.books = books
        self._share = share
        self._chance = Random(seed)
        self.num_faults = 0
        self.num_bought = 0

    async def _call(self, name: str, act: Callable[[], Any]) -> Any:
        if self._chance.random() >= self._share:
            return await super()._call(name, act)
        self.num_faults += 1
        if self._chance.random() < 0.2:
            await trio.sleep(self._chance.uniform(1, 25))
            return await super()._call(name, act)
        return self._chance.choice(FAULTS)(act)

    def _buy(self, job_id: str, key: str) -> Answer:
        self.num_bought += 1
        self.books.times[self.books.rows[job_id]] += 1
        job = Bought(job_id, key, f"c{self.num_bought}", trio.current_time())
        self.books.at_work[job_id] = job
        return Taken(job_id, "SUBMITTED", job.id)

    async def release(self, batch: Batch) -> Mapping[str, float]:
        bills = await super().release(batch)
        for key in batch.composite.job_ids:
            self.books.at_work.pop(key, None)
        self.books.released.clear()
        return bills


@dataclass
class Soaked:
    """What a long run came to.

    Attributes:
        rss_mib: What the process held, at each hour.
    """

    summary: Summary
    books: Books
    num_faults: int
    rss_mib: list[float]


def soak(folder: Path, num_points: int, share: float, works_s: float) -> Soaked:
    """Run so many points, on a virtual clock; a share of all calls goes wrong."""
    plan = plan_of(num_points, "cloud")
    books = Books(plan)
    cloud = Stormy(books, share, SEED, works_s=works_s, max_jobs=20, in_flight=20)
    rss_mib: list[float] = []

    async def look() -> None:
        while True:
            await trio.sleep(HOUR_S)
            gc.collect()
            rss_mib.append(_rss_mib())

    async def main() -> Summary:
        settings = replace(Settings.of(plan.manifest), is_inline=True)
        targets = {"cloud": await FakeCloud.describe(cloud)}
        with Snapshot(folder, now=lambda: 1.8e9 + trio.current_time()) as snapshot:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(look)
                summary = await execute(
                    plan,
                    snapshot,
                    {"cloud": cloud},
                    targets,
                    settings=settings,
                    observer=ignore,
                    stop=Stop(),
                )
                nursery.cancel_scope.cancel()
        return summary

    summary = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return Soaked(summary, books, cloud.num_faults, rss_mib)


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def assert_all_well(folder: Path, soaked: Soaked) -> None:
    """Every point bought exactly once, and its own result stored."""
    num_points = len(soaked.books.rows)
    assert soaked.summary.states == {JobState.COMPLETED: num_points}
    assert set(soaked.books.times) == {1}
    with Run(folder) as run:
        ones = {point.id: point.counts.to_dict().get("11", 0) for point in run if point.counts}
        seeds = {point.id: point.seed for point in run}
    assert ones == {key: seed % 101 for key, seed in seeds.items()}
    assert len(ones) == num_points


@pytest.mark.slow
def test_an_hour_in_a_storm(tmp_path: Path) -> None:
    soaked = soak(tmp_path, 2_000, 0.1, works_s=600.0)
    assert_all_well(tmp_path, soaked)
    assert soaked.num_faults >= 20
    assert soaked.summary.elapsed_s > HOUR_S / 2


@pytest.mark.slow
def test_a_day_of_a_hundred_thousand_jobs(tmp_path: Path) -> None:
    soaked = soak(tmp_path, 100_000, 0.01, works_s=335.0)
    assert_all_well(tmp_path, soaked)
    assert soaked.num_faults >= 250
    assert soaked.summary.elapsed_s > 23 * HOUR_S
    first, last = soaked.rss_mib[0], soaked.rss_mib[-1]
    assert last <= 1.1 * first, soaked.rss_mib
