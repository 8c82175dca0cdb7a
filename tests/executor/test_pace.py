"""How soon a cloud is asked for news: never more often for it, and sooner where that finds some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, plan_of, play

from qbatch.errors import Unavailable
from qbatch.executor.pace import PollPace
from qbatch.providers import Answer, Batch, Done, Fetched, Part
from qbatch.snapshot import Run

SOON = {"poll_s": (1.0, 10.0), "soonest_s": 0.05}


def test_jobs_that_are_over_at_once_are_asked_about_ever_sooner(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=0.0, in_flight=1, **SOON)
    played = play(tmp_path, plan_of(40, "cloud"), cloud)
    assert cloud.ledger.calls["poll"] == 40
    assert played.elapsed_s < 5  # 1, 0.5, 0.25, … to 0.05 s each; 40 without


def test_jobs_that_take_longer_than_the_shortest_pause_are_asked_as_before(tmp_path: Path) -> None:
    usual, soon = FakeCloud(works_s=30.0, in_flight=1), FakeCloud(works_s=30.0, in_flight=1, **SOON)
    play(tmp_path / "usual", plan_of(10, "cloud"), usual)
    play(tmp_path / "soon", plan_of(10, "cloud"), soon)
    assert soon.ledger.calls["poll"] == usual.ledger.calls["poll"]


def test_jobs_between_the_two_cost_few_questions_more(tmp_path: Path) -> None:
    """A shorter pause that was too short is tried less and less often."""
    cloud = FakeCloud(works_s=0.3, in_flight=1, **SOON)
    played = play(tmp_path, plan_of(100, "cloud"), cloud)
    assert cloud.ledger.calls["poll"] <= 120
    assert played.elapsed_s <= 60


@pytest.mark.parametrize("soonest_s", [None, 5.0])
def test_without_a_word_of_the_target_no_pause_is_shorter(soonest_s: float | None) -> None:
    pace = PollPace((1.0, 10.0), Random(0), soonest_s)
    for _ in range(20):
        assert pace.next_s() >= 0.9
        pace.heard(1, 1)
        pace.news()


class BusyCloud(FakeCloud):
    """One that does not want to be asked for a minute, once jobs were quick; notes when it is."""

    def __init__(self, **target: Any) -> None:
        super().__init__(**target)
        self.asked_at: list[float] = []

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        self.asked_at.append(trio.current_time())
        if len(self.asked_at) == 10:
            raise Unavailable("cloud: too many requests", retry_after_s=60.0)
        return await super().poll(batches)


def test_what_the_cloud_asks_for_is_kept_however_quick_its_jobs_were(tmp_path: Path) -> None:
    cloud = BusyCloud(works_s=0.0, in_flight=1, **SOON)
    play(tmp_path, plan_of(20, "cloud"), cloud)
    at = cloud.asked_at
    assert at[9] - at[8] < 0.1
    assert at[10] - at[9] >= 60


class SlowResults(FakeCloud):
    """One whose results take a minute to download."""

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        await trio.sleep(60)
        return await super().fetch(batch, job_ids)


def test_nothing_is_asked_about_jobs_whose_results_are_being_downloaded(tmp_path: Path) -> None:
    cloud = SlowResults(works_s=0.0, poll_s=(1.0, 1.0))
    play(tmp_path, plan_of(3, "cloud"), cloud)
    assert cloud.ledger.calls["poll"] == 1


class OneByOne(FakeCloud):
    """One that is asked about a job after the other, a second each, and tells what it knows."""

    def __init__(self, **target: Any) -> None:
        super().__init__(**target)
        self.told: set[str] = set()

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        updates = await super().poll(batches)
        new = [one for one in updates if isinstance(one, Done) and one.job_id not in self.told]
        await trio.sleep(1)
        self.told.update(one.job_id for one in new[:1])
        return Part(new[:1]) if len(new) > 1 else new or updates


def test_results_told_in_parts_are_recorded_as_they_are_told(tmp_path: Path) -> None:
    cloud = OneByOne(works_s=100.0, max_jobs=20, in_flight=1, poll_s=(10.0, 10.0))
    played = play(tmp_path, plan_of(20, "cloud"), cloud)
    with Run(tmp_path) as run:
        at = sorted(point.completed_at.timestamp() for point in run if point.completed_at)
    assert len(at) == 20
    assert [round(later - at[0]) for later in at] == [*range(20)]
    assert played.elapsed_s < 160
