"""A composite job that is too large goes as smaller ones, each bought once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_drivers import FakeCloud, plan_of, play

from qbatch.errors import TooLarge
from qbatch.job import JobState
from qbatch.providers import Answer, Batch, Intent, Prepared
from qbatch.snapshot import Run


class Narrow(FakeCloud):
    """Takes few jobs at once, and says so at `says_at`."""

    def __init__(self, most: int, says_at: str) -> None:
        super().__init__(max_jobs=10)
        self.most, self.says_at = most, says_at

    def _measure(self, batch: Batch, call: str) -> None:
        if call == self.says_at and len(batch.orders) > self.most:
            raise TooLarge(f"cloud: {len(batch.orders)} jobs are too many")

    async def prepare(self, batch: Batch) -> Prepared:
        self._measure(batch, "prepare")
        return await super().prepare(batch)

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        self._measure(batch, "submit")
        return await super().submit(batch, intent)


@pytest.mark.parametrize("says_at", ["prepare", "submit"])
def test_it_is_halved_until_it_passes_and_each_job_is_bought_once(
    tmp_path: Path, says_at: str
) -> None:
    cloud = Narrow(3, says_at)
    played = play(tmp_path / "run", plan_of(10, "cloud"), cloud)
    assert played.summary.states == {JobState.COMPLETED: 10}
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_one_job_that_is_too_large_by_itself_fails_with_the_clouds_words(tmp_path: Path) -> None:
    played = play(tmp_path / "run", plan_of(2, "cloud"), Narrow(0, "submit"))
    assert played.summary.states == {JobState.FAILED: 2}
    with Run(tmp_path / "run") as run:
        assert {point.job.error for point in run} == {"cloud: 1 jobs are too many"}
