"""What is prepared in several steps, or never."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from fake_drivers import FakeCloud, plan_of, play, raising

from qbatch.errors import Refused, Unavailable
from qbatch.executor import Cause, Retry, Stop, Waiting
from qbatch.job import JobState
from qbatch.providers import Batch, Prepared
from qbatch.snapshot import Run
from qbatch.snapshot.examine import examine


class Lazy(FakeCloud):
    """A cloud that is never done with a preparation."""

    async def prepare(self, batch: Batch) -> Prepared:
        self.ledger.calls["prepare"] += 1
        return Prepared({"upload": "gone"}, ready=False, again_s=60.0)


def test_a_preparation_that_never_ends_fails_at_the_time_out_with_nothing_bought(
    tmp_path: Path,
) -> None:
    cloud = Lazy()
    done = play(tmp_path, plan_of(2, "cloud", extra=", timeout: 1h"), cloud)
    assert 3600 <= done.elapsed_s <= 3700
    with Run(tmp_path) as run:
        assert {point.state for point in run} == {JobState.FAILED}
        assert all("not prepared within 3600 s" in point.job.error for point in run)
    assert cloud.ledger.jobs == []


def test_what_is_offline_takes_its_jobs_once_it_is_back_and_says_that_it_is_waited_for(
    tmp_path: Path,
) -> None:
    """P20: an offline backend is waited for where a job is prepared, too; nothing fails by it."""
    cloud = FakeCloud()
    offline = raising(Unavailable("fake is Offline", retry_after_s=60.0, is_full=True))
    cloud.script["prepare"] = [offline] * 300
    played = play(tmp_path, plan_of(3, "cloud"), cloud, retry=Retry(attempts=4, patience_s=600.0))
    assert played.summary.states == {JobState.COMPLETED: 3}
    assert played.summary.waits["cloud"][Cause.FULL].seconds > 6000
    (told,) = played.told(Waiting)[0].waits
    assert (told.cause, told.why, told.since) == (Cause.FULL, "fake is Offline", 1.8e9)
    assert told.until is not None
    assert 60 <= told.until - told.since < 61


def test_what_stays_offline_is_waited_for_until_the_time_out(tmp_path: Path) -> None:
    cloud = FakeCloud()
    offline = raising(Unavailable("fake is Offline", retry_after_s=60.0, is_full=True))
    cloud.script["prepare"] = [offline] * 9999
    played = play(tmp_path, plan_of(1, "cloud", extra=", timeout: 1h"), cloud)
    assert 3600 <= played.elapsed_s <= 3700
    with Run(tmp_path) as run:
        (error,) = [point.job.error for point in run]
    assert "not taken within 3600 s: fake is Offline" in error
    assert cloud.ledger.jobs == []


def test_a_detached_run_does_not_wait_for_what_is_offline(tmp_path: Path) -> None:
    cloud = FakeCloud()
    offline = raising(Unavailable("fake is Offline", retry_after_s=60.0, is_full=True))
    cloud.script["prepare"] = [offline] * 9999
    played = play(tmp_path, plan_of(2, "cloud"), cloud, detach=True)
    assert played.elapsed_s < 120
    assert played.summary.states == {JobState.CREATED: 2}


class TwoRounds(FakeCloud):
    """A cloud that refuses in the second round, and then to let go of it."""

    async def prepare(self, batch: Batch) -> Prepared:
        if not batch.composite.memo:
            return Prepared({"preparation": "p1"}, ready=False, again_s=1.0)
        raise Refused("cloud: too deep")

    async def release(self, batch: Batch) -> dict[str, float]:
        raise Refused("cloud: no such job")


def test_a_preparation_refused_late_leaves_a_folder_that_is_whole(tmp_path: Path) -> None:
    play(tmp_path, plan_of(1, "cloud"), TwoRounds())
    examine(tmp_path)
    with Run(tmp_path) as run:
        assert [point.job.error for point in run] == ["cloud: too deep"]
    assert play(tmp_path, plan_of(1, "cloud"), FakeCloud()).summary.completed == 1


async def _stop_soon(stop: Stop) -> None:
    await trio.sleep(10)
    stop.request("SIGTERM", signal_number=15)


@pytest.mark.parametrize(("chosen", "only", "bought"), [(1, "missing", 1), (2, "failed", 0)])
def test_what_was_prepared_is_bought_only_if_it_is_wanted_now(
    tmp_path: Path, chosen: int, only: str, bought: int
) -> None:
    plan = plan_of(2, "cloud")
    play(tmp_path, plan, Lazy(max_jobs=2), beside=[_stop_soon])
    ids = [point.id for point in plan.points()][:chosen]
    cloud = FakeCloud(max_jobs=2)
    play(tmp_path, plan, cloud, selected=lambda point: point.id in ids, only=only)
    assert [job.job_id for job in cloud.ledger.jobs] == ids[:bought]
    assert play(tmp_path, plan, cloud).summary.states == {JobState.COMPLETED: 2}
    assert max(cloud.ledger.times_bought.values()) == 1
