"""Stopping, and taking up again: the snapshot is consistent whenever a run ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, FakeLocal, Ledger, plan_of, play

from qbatch.errors import Refused
from qbatch.executor import Progress, Started, Stop, Warned
from qbatch.job import JobState
from qbatch.snapshot import Run, Snapshot


def asked_after(*times_s: float) -> Any:
    """A task that asks a run to stop at these times."""

    async def ask(stop: Stop) -> None:
        began = trio.current_time()
        for at in times_s:
            await trio.sleep_until(began + at)
            stop.request("SIGINT", signal_number=2)

    return ask


class Slow(FakeLocal):
    """A simulator whose answers never come."""

    async def poll(self, batches: object) -> Any:
        await trio.sleep_forever()


def test_asked_once_it_submits_no_more_and_says_what_still_runs(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=2, works_s=100)
    played = play(tmp_path, plan_of(9, "cloud"), cloud, beside=[asked_after(150)])
    assert len(cloud.ledger.jobs) == 4
    assert played.summary.at_providers == {"cloud": 2}
    assert (played.summary.stopped, played.summary.signal) == ("SIGINT", 2)
    assert played.elapsed_s <= 152


def test_what_still_ran_is_fetched_by_the_next_run_and_not_bought_again(tmp_path: Path) -> None:
    ledger = Ledger()
    play(
        tmp_path,
        plan_of(9, "cloud"),
        FakeCloud(ledger, in_flight=2, works_s=100),
        beside=[asked_after(150)],
    )
    assert play(tmp_path, plan_of(9, "cloud"), FakeCloud(ledger)).summary.pending == 0
    assert set(ledger.times_bought.values()) == {1}


def test_a_submission_under_way_is_finished_when_asked_once(tmp_path: Path) -> None:
    cloud = FakeCloud()

    def slowly(act: Any) -> Any:
        stops[0].request("stop now")
        return act()

    stops: list[Stop] = []

    async def remember(stop: Stop) -> None:
        stops.append(stop)

    cloud.script["submit"] = [slowly]
    play(tmp_path, plan_of(1, "cloud"), cloud, beside=[remember])
    with Run(tmp_path) as run:
        assert run.counts_by_state() == {JobState.SUBMITTED: 1}


def test_asked_twice_it_leaves_at_once_and_the_next_run_looks(tmp_path: Path) -> None:
    class Stalls(FakeCloud):
        async def submit(self, batch: Any, intent: Any) -> Any:
            await super().submit(batch, intent)
            await trio.sleep_forever()

    ledger = Ledger()
    plan = plan_of(1, "cloud")
    played = play(tmp_path, plan, Stalls(ledger), beside=[asked_after(10, 10.1)])
    assert played.elapsed_s < 10.2
    assert played.summary.states == {JobState.SUBMITTING: 1}
    assert play(tmp_path, plan, FakeCloud(ledger)).summary.completed == 1
    assert len(ledger.jobs) == 1


def test_local_work_that_was_cut_off_is_created_again(tmp_path: Path) -> None:
    played = play(tmp_path, plan_of(30, "local"), Slow(), beside=[asked_after(5)])
    assert played.summary.states == {JobState.CREATED: 30}
    assert not played.summary.at_providers
    assert play(tmp_path, plan_of(30, "local"), FakeLocal()).summary.completed == 30


def test_fail_fast_stops_at_the_first_failure(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1)

    def refuse(act: object) -> object:
        raise Refused("cloud: no")

    cloud.script["submit"] = [refuse]
    played = play(tmp_path, plan_of(9, "cloud"), cloud, fail_fast=True)
    assert played.summary.states == {JobState.CREATED: 8, JobState.FAILED: 1}
    assert "fail_fast" in played.summary.stopped


def test_local_jobs_in_flight_when_the_process_died_are_run_anew(tmp_path: Path) -> None:
    plan = plan_of(3, "local")
    die_while_submitting(tmp_path, plan, FakeLocal(max_jobs=3))
    driver = FakeLocal()
    assert play(tmp_path, plan, driver).summary.completed == 3
    assert set(driver.computed.values()) == {1}


@pytest.mark.parametrize("selected", [None, lambda point: point.name.endswith(("1", "2"))])
def test_after_a_crash_no_more_is_done_than_was_to_be_run(
    tmp_path: Path, selected: Callable[[Any], bool] | None
) -> None:
    drivers = {"local": FakeLocal(max_jobs=4), "cloud": FakeCloud()}
    plan = plan_of(4, *drivers)
    for name, driver in drivers.items():
        die_while_submitting(tmp_path, plan, driver, name)
    played = play(tmp_path, plan, drivers, selected=selected)
    told = [event for event in played.events if isinstance(event, Progress)]
    each = [one for event in told for one in event.backends.values()]
    assert all(event.done <= event.total for event in told)
    assert all(one.completed + one.failed <= one.total for one in each)
    chosen = [point for point in plan.points() if selected is None or selected(point)]
    local = sum(point.backend == "local" for point in chosen)
    (started,) = (event for event in played.events if isinstance(event, Started))
    assert started.total == local + 4  # what a cloud may have is taken up in any case
    assert (told[-1].done, told[-1].total) == (local + 4, local + 4)
    assert played.summary.completed == played.summary.total == local + 4


def die_while_submitting(folder: Path, plan: Any, driver: Any, backend: str = "") -> None:
    """Leave a snapshot as `kill -9` just after the intent leaves it."""
    with Snapshot(folder, now=lambda: 1.8e9) as snapshot:
        snapshot.register(plan.points())
        only = {backend or next(iter(plan.manifest.backends)): driver.target}
        for batch in plan.composites(only):
            rows = snapshot.jobs_of(batch.composite.job_ids)
            with snapshot.transaction():
                ordinal = snapshot.add_composite(batch.composite, [r.ordinal for r in rows])
                snapshot.save_intent(ordinal, batch.composite.id, b"body")
                moved = [
                    replace(r, job=r.job.moved_to(JobState.SUBMITTING), composite=ordinal)
                    for r in rows
                ]
                snapshot.save_jobs(moved)


def test_after_a_crash_while_submitting_the_cloud_is_asked_first(tmp_path: Path) -> None:
    cloud, plan = FakeCloud(), plan_of(3, "cloud")
    die_while_submitting(tmp_path, plan, cloud)
    first, *_ = (p.id for p in plan.points())
    cloud.ledger.calls.clear()

    async def arrived() -> None:
        cloud._buy(first, "key")

    trio.run(arrived)
    cloud.ledger.jobs[0].at = 0.0
    assert play(tmp_path, plan, cloud).summary.completed == 3
    assert set(cloud.ledger.times_bought.values()) == {1}
    assert cloud.ledger.calls["locate"] == 3


def test_jobs_in_flight_are_fetched_though_the_plan_has_them_no_more(tmp_path: Path) -> None:
    ledger = Ledger()
    cloud = FakeCloud(ledger, in_flight=9, works_s=100)
    play(tmp_path, plan_of(5, "cloud"), cloud, beside=[asked_after(50)])
    assert play(tmp_path, plan_of(3, "cloud"), FakeCloud(ledger)).summary.states == {
        JobState.COMPLETED: 3
    }
    with Run(tmp_path) as run:
        assert [p.state for p in run.removed()] == [JobState.COMPLETED] * 2
    assert len(ledger.jobs) == 5


def sent_earlier(folder: Path, by_s: float) -> None:
    """Let the one composite job of a folder have been sent so much earlier."""
    with Snapshot(folder) as snapshot, snapshot.transaction():
        (stored,) = snapshot.open_composites()
        assert stored.sent_at is not None
        snapshot.happens(stored.ordinal, sent_at=stored.sent_at - by_s)


def test_a_time_out_counts_from_the_submission_not_from_the_restart(tmp_path: Path) -> None:
    ledger = Ledger()
    plan = plan_of(1, "cloud", extra=", timeout: 100s")
    play(tmp_path, plan, FakeCloud(ledger, works_s=1e9), beside=[asked_after(80)])
    ledger.jobs[0].at = 0.0
    sent_earlier(tmp_path, 80)
    assert play(tmp_path, plan, FakeCloud(ledger, works_s=1e9)).elapsed_s <= 60


def test_a_job_that_was_done_while_we_were_away_is_fetched_though_its_time_is_over(
    tmp_path: Path,
) -> None:
    ledger = Ledger()
    plan = plan_of(1, "cloud", extra=", timeout: 100s")
    play(tmp_path, plan, FakeCloud(ledger, works_s=90), beside=[asked_after(50)])
    ledger.jobs[0].at = -1000.0
    sent_earlier(tmp_path, 1000)
    assert play(tmp_path, plan, FakeCloud(ledger, works_s=90)).summary.completed == 1


def test_jobs_in_flight_on_a_backend_that_is_gone_are_told_of(tmp_path: Path) -> None:
    play(tmp_path, plan_of(2, "cloud"), FakeCloud(works_s=100), beside=[asked_after(50)])
    played = play(tmp_path, plan_of(2, "local"), FakeLocal())
    texts = [event.text for event in played.events if hasattr(event, "text")]
    assert texts[0].startswith("2 jobs are in flight on backend 'cloud'")


def test_one_preparation_serves_a_run_that_was_stopped_before_it_submitted(tmp_path: Path) -> None:
    from qbatch.providers import Prepared

    class Queues(FakeCloud):
        async def prepare(self, batch: Any) -> Prepared:
            self.ledger.calls["prepare"] += 1
            uploaded = batch.composite.memo or {"upload": "u1"}
            return Prepared(uploaded, ready=self.ready, again_s=10.0)

    cloud = Queues()
    cloud.ready = False
    play(tmp_path, plan_of(1, "cloud"), cloud, beside=[asked_after(35)])
    cloud.ready = True
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1
    with Run(tmp_path) as run:
        assert run.composites_by_stage() == {("cloud", "closed"): 1}


def test_a_driver_may_end_what_costs_by_being_left(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=100)
    play(tmp_path, plan_of(1, "cloud"), cloud, beside=[asked_after(50)])
    assert cloud.ledger.calls["leave"] == 1


def test_nothing_is_ended_where_nothing_is_left_or_all_is_meant_to_be(tmp_path: Path) -> None:
    done, detached, urgent = FakeCloud(), FakeCloud(works_s=100), FakeCloud(works_s=100)
    play(tmp_path / "done", plan_of(1, "cloud"), done)
    play(tmp_path / "detached", plan_of(1, "cloud"), detached, detach=True)
    play(tmp_path / "urgent", plan_of(1, "cloud"), urgent, beside=[asked_after(50, 50)])
    assert [one.ledger.calls["leave"] for one in (done, detached, urgent)] == [0, 0, 0]


def test_a_provider_that_does_not_answer_then_keeps_nobody_waiting(tmp_path: Path) -> None:
    class Deaf(FakeCloud):
        async def leave(self, batches: Any) -> None:
            await trio.sleep_forever()

    plan = plan_of(1, "cloud")
    played = play(tmp_path, plan, Deaf(works_s=100), beside=[asked_after(50)])
    assert played.elapsed_s < 51.5
    assert "run again" in played.told(Warned)[-1].text
