"""Attempts at sending are counted by what was sent, not by how many points were in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_drivers import FakeCloud, lost_before, plan_of, play

from qbatch.job import JobState
from qbatch.providers import Answer, NotTaken
from qbatch.snapshot import Run


def states_of(folder: Path) -> set[JobState]:
    with Run(folder) as run:
        return {point.state for point in run}


class Reluctant(FakeCloud):
    """Takes one job of each submission and gives the rest back, some times."""

    def __init__(self, times: int, **target: Any) -> None:
        super().__init__(**target)
        self.times = times

    async def submit(self, batch: Any, intent: Any) -> Sequence[Answer]:
        if self.times == 0:
            return await super().submit(batch, intent)
        self.times -= 1
        first, *rest = batch.orders
        taken = self._buy(first.id, intent.key)
        return [taken, *(NotTaken(o.id, error="later") for o in rest)]


@pytest.mark.parametrize("max_jobs", [1, 10])
def test_one_lost_answer_is_one_attempt_however_many_points_it_was_about(
    tmp_path: Path, max_jobs: int
) -> None:
    cloud = FakeCloud(max_jobs=max_jobs)
    cloud.script = {"submit": [lost_before] * 3}
    play(tmp_path, plan_of(10, "cloud"), cloud)
    assert states_of(tmp_path) == {JobState.COMPLETED}
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_points_given_back_together_are_sent_again_together(tmp_path: Path) -> None:
    cloud = Reluctant(3, max_jobs=10)
    play(tmp_path, plan_of(10, "cloud"), cloud)
    assert states_of(tmp_path) == {JobState.COMPLETED}
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_after_so_many_attempts_it_fails_with_each_of_them_told_once(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=10)
    cloud.script = {"submit": [lost_before] * 9}
    play(tmp_path, plan_of(10, "cloud"), cloud)
    with Run(tmp_path) as run:
        assert {point.job.error.count("does not have it") for point in run} == {4}
