"""Results are checked before they are believed; what cannot be had is held with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, plan_of, play, raising

from qbatch.errors import Misspoke, Refused
from qbatch.executor import JobMoved, Stop
from qbatch.executor.fetching import MOST_ASKED
from qbatch.job import JobState
from qbatch.providers import Running
from qbatch.result import Counts
from qbatch.snapshot import Run


def changed(**changes: Any) -> Callable[[Callable[[], Any]], Any]:
    """A fetch whose results differ from the truth."""
    return lambda act: [replace(one, **changes) for one in act()]


def only_error(folder: Path) -> str:
    with Run(folder) as run:
        (point,) = (p for p in run if p.state is JobState.HELD)
        assert point.counts is None
        return point.job.error


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        (Counts.from_dict([("c", 2)], {"00": 99}), "99 shots instead of 100"),
        (Counts.from_dict([("c", 3)], {"000": 100}), "3 bits instead of 2"),
    ],
)
def test_a_result_that_does_not_fit_its_order_is_never_stored(
    tmp_path: Path, counts: Counts, problem: str
) -> None:
    cloud = FakeCloud()
    cloud.script["fetch"] = [changed(counts=counts)]
    assert play(tmp_path, plan_of(2, "cloud"), cloud).summary.completed == 1
    assert problem in only_error(tmp_path)


def test_one_unreadable_result_does_not_spoil_its_siblings(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=3)
    no = raising(Refused("cloud: result was deleted"))
    cloud.script["fetch"] = [no, no]
    assert play(tmp_path, plan_of(3, "cloud"), cloud).summary.completed == 2
    assert "result was deleted" in only_error(tmp_path)


def test_a_result_that_stays_nonsense_is_held_with_the_reply_kept(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.script["fetch"] = [raising(Misspoke("cloud: no JSON", raw="<html>"))] * 4
    play(tmp_path, plan_of(1, "cloud"), cloud)
    assert "no JSON" in only_error(tmp_path)
    with Run(tmp_path) as run:
        assert dict(run.raw_of(next(iter(run))))["result"] == b"<html>"


def test_results_that_come_late_are_asked_for_again(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=3)
    cloud.script["fetch"] = [lambda act: act()[:1], lambda act: []]
    assert play(tmp_path, plan_of(3, "cloud"), cloud).summary.completed == 3


def test_results_that_do_not_come_are_held_and_fetched_by_the_next_run(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.script["fetch"] = [lambda act: []] * MOST_ASKED
    play(tmp_path, plan_of(1, "cloud"), cloud)
    assert "gives no result" in only_error(tmp_path)
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1
    assert len(cloud.ledger.jobs) == 1


def test_a_result_that_is_late_keeps_no_sibling_waiting(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=2)
    first, second = (point.id for point in plan_of(2, "cloud").points())
    late = [lambda act: [one for one in act() if one.job_id != first]] * (MOST_ASKED - 1)
    cloud.script["fetch"] = late
    cloud.said[second] = Running(second, "RUNNING")

    async def let_the_second_end(stop: Stop) -> None:
        await trio.sleep(cloud.works_s + 5)
        cloud.said.clear()

    played = play(tmp_path, plan_of(2, "cloud"), cloud, beside=[let_the_second_end])
    done = [event.id for event in played.told(JobMoved) if event.state is JobState.COMPLETED]
    assert done == [second, first]


def test_what_was_billed_wins_over_what_was_quoted(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.script["fetch"] = [changed(cost=2.5)]
    play(tmp_path, plan_of(1, "cloud"), cloud)
    with Run(tmp_path) as run:
        assert run.spent() == {"credits": 2.5}


def test_a_state_vector_is_kept_beside_the_counts(tmp_path: Path) -> None:
    np = pytest.importorskip("numpy")
    cloud = FakeCloud()
    state = np.array([1, 0, 0, 1j]) / np.sqrt(2)
    cloud.script["fetch"] = [changed(statevector=state)]
    play(tmp_path, plan_of(1, "cloud"), cloud)
    with Run(tmp_path) as run:
        assert np.array_equal(next(iter(run)).statevector, state)


def test_what_is_billed_only_in_the_end_wins_over_all(tmp_path: Path) -> None:
    cloud = FakeCloud()
    cloud.final_bill = 0.75
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    with Run(tmp_path) as run:
        assert run.spent() == {"credits": 1.5}
        assert all(point.state is JobState.COMPLETED for point in run)
    told = [event.id for event in played.told(JobMoved) if event.state is JobState.COMPLETED]
    assert len(told) == 2


def test_a_log_is_kept_with_one_job_and_read_from_each_of_its_siblings(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=2)
    cloud.script["fetch"] = [lambda act: [replace(act()[0], log=b"all went well"), act()[1]]]
    play(tmp_path, plan_of(2, "cloud"), cloud)
    with Run(tmp_path) as run:
        assert [run.log_of(point) for point in run] == ["all went well"] * 2


def test_the_newest_calibration_that_came_with_results_is_kept_with_the_target(
    tmp_path: Path,
) -> None:  # P20
    cloud, plan = FakeCloud(in_flight=1), plan_of(3, "cloud")
    cloud.script["fetch"] = [
        changed(calibration={"t1_us": 40}),
        changed(calibration={"t1_us": 50}),
        lambda act: act(),  # one without says nothing of it
    ]
    play(tmp_path, plan, cloud)
    play(tmp_path, plan, cloud)  # and a run that has nothing to do takes nothing away
    with Run(tmp_path) as run:
        assert run.targets["cloud"]["facts"]["calibration"] == {"t1_us": 50}
