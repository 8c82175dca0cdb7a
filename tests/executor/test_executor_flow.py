"""The everyday flow: everything planned is run once, recorded, and not run again."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_drivers import FakeCloud, FakeLocal, Ledger, counts_of, plan_of, play, raising

from qbatch.errors import Refused
from qbatch.executor import Finished, JobMoved, Progress, Started, Warned
from qbatch.job import JobState
from qbatch.providers import Rate
from qbatch.snapshot import Run, Snapshot


def test_every_point_of_a_plan_is_run_and_its_counts_are_stored(tmp_path: Path) -> None:
    plan = plan_of(25, "local")
    play(tmp_path, plan, FakeLocal())
    with Run(tmp_path) as run:
        stored = {point.id: point.counts for point in run}
    assert stored == {p.id: counts_of(plan.order_of(p)) for p in plan.points()}


def test_running_again_computes_nothing(tmp_path: Path) -> None:
    play(tmp_path, plan_of(25, "local"), FakeLocal())
    driver = FakeLocal()
    again = play(tmp_path, plan_of(25, "local"), driver)
    assert not driver.computed
    assert again.summary.total == 0
    assert again.summary.states == {JobState.COMPLETED: 25}


class StartsSlowly(FakeLocal):
    """A simulator that wants to know early that there is work; notes what the folder held then."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self.held: list[int] = []

    async def get_ready(self) -> None:
        with Run(self._folder) as run:
            self.held.append(len(list(run)))


def test_a_simulator_gets_ready_while_the_plan_is_kept(tmp_path: Path) -> None:
    driver = StartsSlowly(tmp_path)
    play(tmp_path, plan_of(25, "local"), driver)
    assert driver.held == [0]


def test_a_simulator_does_not_get_ready_where_nothing_is_missing(tmp_path: Path) -> None:
    play(tmp_path, plan_of(25, "local"), FakeLocal())
    driver = StartsSlowly(tmp_path)
    play(tmp_path, plan_of(25, "local"), driver)
    assert driver.held == []


def test_only_new_points_are_run_when_the_sweep_grows(tmp_path: Path) -> None:
    play(tmp_path, plan_of(3, "local"), FakeLocal())
    driver = FakeLocal()
    grown = play(tmp_path, plan_of(5, "local"), driver)
    assert len(driver.computed) == 2  # linspace of 3 is within that of 5
    assert grown.told(Started)[0].kept == 3


def test_points_taken_out_of_the_plan_are_kept_and_reported(tmp_path: Path) -> None:
    play(tmp_path, plan_of(5, "local"), FakeLocal())
    shrunk = play(tmp_path, plan_of(3, "local"), FakeLocal())
    assert shrunk.summary.removed == 2
    with Run(tmp_path) as run:
        assert [len(list(run)), len(list(run.removed()))] == [3, 2]
        assert all(point.counts is not None for point in run.removed())


def test_only_selected_points_are_run(tmp_path: Path) -> None:
    driver = FakeLocal()
    play(
        tmp_path, plan_of(5, "local"), driver, selected=lambda p: dict(p.parameters)["theta"] > 0.5
    )
    assert len(driver.computed) == 2
    assert play(tmp_path, plan_of(5, "local"), FakeLocal()).summary.completed == 3


def test_moves_are_told_in_the_order_of_the_state_table(tmp_path: Path) -> None:
    played = play(tmp_path, plan_of(2, "cloud"), FakeCloud())
    first = played.told(JobMoved)[0].id
    states = [event.state for event in played.told(JobMoved) if event.id == first]
    assert states == [JobState.SUBMITTING, JobState.SUBMITTED, JobState.COMPLETED]
    assert isinstance(played.events[-1], Finished)
    assert played.told(Progress)[-1].done == 2


def test_estimates_of_the_manifest_are_stored_with_the_result(tmp_path: Path) -> None:
    play(tmp_path, plan_of(2, "local"), FakeLocal())
    with Run(tmp_path) as run:
        for point in run:
            assert point.estimates["zz"].value == 1.0
            assert point.estimates["zz"].low < 1.0


def test_a_cloud_never_gets_more_composite_jobs_than_it_takes_at_once(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=3, works_s=10)
    played = play(tmp_path, plan_of(12, "cloud"), cloud)
    busiest = max(event.in_flight for event in played.told(Progress))
    assert busiest == 3
    assert 40 <= played.elapsed_s <= 60


def test_max_in_flight_holds_over_all_backends(tmp_path: Path) -> None:
    drivers = {name: FakeCloud(works_s=10) for name in ("cloud1", "cloud2")}
    played = play(tmp_path, plan_of(4, "cloud1", "cloud2", run="max_in_flight: 2"), drivers)
    assert max(event.in_flight for event in played.told(Progress)) == 2
    assert played.summary.completed == 8


def test_a_slow_backend_does_not_hold_up_another(tmp_path: Path) -> None:
    slow = FakeCloud(works_s=10_000, in_flight=1)
    drivers = {"cloud": slow, "local": FakeLocal()}
    played = play(tmp_path, plan_of(3, "cloud", "local"), drivers)
    done = [event.backend for event in played.told(JobMoved) if event.state is JobState.COMPLETED]
    assert done == ["local"] * 3 + ["cloud"] * 3


def test_one_poll_asks_for_everything_in_flight(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=50, works_s=100, poll_s=(10.0, 10.0))
    play(tmp_path, plan_of(50, "cloud"), cloud)
    assert cloud.ledger.calls["poll"] <= 14


def test_pauses_between_polls_grow_while_there_is_no_news(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=3600, poll_s=(1.0, 60.0))
    play(tmp_path, plan_of(1, "cloud"), cloud)
    assert 40 <= cloud.ledger.calls["poll"] <= 60


def test_costs_and_provider_ids_are_recorded(tmp_path: Path) -> None:
    play(tmp_path, plan_of(2, "cloud"), FakeCloud())
    with Run(tmp_path) as run:
        assert {point.job.provider_job_id for point in run} == {"c0", "c1"}
        assert run.spent() == {"credits": 2.0}
        assert dict(run.raw_of(next(iter(run))))["result"] == b"reply"


def test_what_the_provider_holds_is_released_after_the_last_result(tmp_path: Path) -> None:
    ledger = Ledger()
    play(tmp_path, plan_of(6, "cloud"), FakeCloud(ledger, max_jobs=3))
    assert len(ledger.released) == 2


def test_submissions_keep_to_the_rate_the_target_allows(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=50, works_s=0, rates=(Rate(2, 60.0),))
    play(tmp_path, plan_of(6, "cloud"), cloud)
    at = sorted(job.at for job in cloud.ledger.jobs)
    assert at[2] - at[0] >= 60
    assert at[4] - at[2] >= 60


@pytest.mark.parametrize("jump_s", [-86_400.0, -3600.0, 3600.0, 86_400.0])
def test_a_calendar_that_jumps_between_two_calls_loses_and_delays_nothing(
    tmp_path: Path, jump_s: float
) -> None:
    cloud = FakeCloud(in_flight=2, works_s=100.0, rates=(Rate(2, 60.0),))
    plan = plan_of(4, "cloud", extra=", timeout: 2d")
    play(tmp_path, plan, cloud, detach=True)
    played = play(tmp_path, plan, cloud, clock_s=jump_s)
    assert played.summary.states == {JobState.COMPLETED: 4}
    assert max(cloud.ledger.times_bought.values()) == 1
    assert played.elapsed_s < 600


def test_submissions_of_an_earlier_run_count_against_the_rate(tmp_path: Path) -> None:
    play(tmp_path, plan_of(3, "cloud"), FakeCloud(in_flight=50, works_s=0, rates=(Rate(3, 60.0),)))
    later = FakeCloud(in_flight=50, works_s=0, rates=(Rate(3, 60.0),))
    play(tmp_path, plan_of(5, "cloud"), later)
    assert later.ledger.jobs[0].at >= 58


def test_a_failing_observer_does_not_end_the_run(tmp_path: Path) -> None:
    import trio

    from qbatch.executor import execute
    from qbatch.snapshot import Snapshot

    def broken(event: object) -> None:
        raise BrokenPipeError

    plan, driver = plan_of(3, "local"), FakeLocal()

    async def main() -> None:
        with Snapshot(tmp_path) as snapshot:
            summary = await execute(
                plan, snapshot, {"local": driver}, {"local": driver.target}, observer=broken
            )
        assert summary.completed == 3

    trio.run(main)


def test_a_run_without_trouble_warns_of_nothing(tmp_path: Path) -> None:
    assert not play(tmp_path, plan_of(4, "cloud"), FakeCloud()).told(Warned)


@pytest.mark.parametrize("keeps", [True, False])
def test_where_nothing_is_kept_a_composite_job_is_closed_with_its_last_result(
    tmp_path: Path, keeps: bool
) -> None:
    """A release that the cloud refuses leaves it open only where there is something to release."""
    cloud = FakeCloud(max_jobs=2, keeps=keeps)
    cloud.script["release"] = [raising(Refused("cloud: no"))] * 2
    assert play(tmp_path, plan_of(4, "cloud"), cloud).summary.completed == 4
    with Snapshot(tmp_path) as snapshot:
        assert [one.stage for one in snapshot.open_composites()] == ["releasing"] * 2 * keeps
