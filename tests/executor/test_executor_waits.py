"""What holds a run up: it waits where waiting helps, and says afterwards for how long."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing
from fake_drivers import FakeCloud, FakeLocal, Fault, Play, plan_of, play, raising, unsent

from qbatch.errors import Unavailable
from qbatch.executor import (
    BackendProgress,
    Cause,
    JobMoved,
    OpenWait,
    Progress,
    Retry,
    Stop,
    Waiting,
)
from qbatch.executor.engine import Engine
from qbatch.executor.pace import Slots
from qbatch.executor.waits import Waits
from qbatch.job import JobState
from qbatch.providers import Rate, Taken
from qbatch.snapshot import Run, Snapshot


def faulty(call: str, *faults: Fault) -> FakeCloud:
    cloud = FakeCloud()
    cloud.script[call] = list(faults)
    return cloud


def test_a_job_the_provider_has_no_room_for_waits_and_is_never_failed_by_attempts(
    tmp_path: Path,
) -> None:
    full = raising(Unavailable("cloud: 409 JOB_LIMIT_REACHED", is_full=True))
    cloud = faulty("submit", *[full] * 50)
    played = play(tmp_path, plan_of(3, "cloud"), cloud, retry=Retry(attempts=4))
    assert played.summary.states == {JobState.COMPLETED: 3}
    assert cloud.ledger.calls["submit"] == 53
    assert played.summary.waits["cloud"][Cause.FULL].seconds > 600


def test_a_job_there_is_no_room_for_fails_once_its_timeout_has_passed(tmp_path: Path) -> None:
    full = raising(Unavailable("cloud: 429 lanes full", is_full=True))
    cloud = faulty("submit", *[full] * 9999)
    played = play(tmp_path, plan_of(1, "cloud", extra=", timeout: 1h"), cloud)
    assert played.summary.failed == 1
    assert "not taken within 3600 s: cloud: 429 lanes full" in error_of(tmp_path)


def test_while_there_is_no_room_what_was_taken_is_watched_as_before(tmp_path: Path) -> None:
    full = raising(Unavailable("cloud: full", retry_after_s=5000.0, is_full=True))
    cloud = FakeCloud(in_flight=2)
    cloud.script["submit"] = [lambda act: act(), full]
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    states = [event.state for event in played.told(JobMoved)]
    last_sent = len(states) - states[::-1].index(JobState.SUBMITTED)
    assert states.index(JobState.COMPLETED) < last_sent
    assert played.summary.waits["cloud"][Cause.FULL].seconds >= 5000


def test_a_job_that_cannot_be_sent_for_a_while_is_sent_once_the_provider_is_back(
    tmp_path: Path,
) -> None:
    cloud = FakeCloud(in_flight=1)
    cloud.script["submit"] = [lambda act: act(), *[unsent] * 6]
    assert play(tmp_path, plan_of(2, "cloud"), cloud).summary.completed == 2


def test_what_held_a_run_up_is_told_in_the_end(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1, works_s=100.0, rates=(Rate(1, 500.0),))
    waits = play(tmp_path, plan_of(3, "cloud"), cloud).summary.waits["cloud"]
    assert waits[Cause.RATE].seconds >= 700
    assert waits[Cause.QUEUE].times == 3
    assert waits[Cause.QUEUE].seconds == waits[Cause.QUEUE].job_seconds >= 300
    assert waits[Cause.TARGET_LIMIT].seconds >= 600


def waits_told(played: Play) -> list[OpenWait]:
    """What held the backend up first, at each telling; what a queue holds is left out."""
    told = [event.waits for event in played.told(Waiting)]
    found = [waits[0] for waits in told if waits and waits[0].cause is not Cause.QUEUE]
    return list(dict.fromkeys(found))


def test_refusals_without_a_time_to_wait_are_told_at_once_as_one_wait(tmp_path: Path) -> None:
    """P19: 19 refusals over 110 s, and not a line."""
    full = raising(Unavailable("cloud: 429 Too Many Requests", is_full=True))
    played = play(tmp_path, plan_of(1, "cloud"), faulty("submit", *[full] * 19))
    told = waits_told(played)
    assert [wait.times for wait in told] == list(range(1, 20))
    assert {wait.since for wait in told} == {1.8e9}
    assert {(wait.cause, wait.why) for wait in told} == {
        (Cause.FULL, "cloud: 429 Too Many Requests")
    }
    assert all(wait.until is not None and wait.until > wait.since for wait in told)
    assert played.told(Waiting)[-1].waits == ()


@pytest.mark.parametrize(
    "why",
    ["409 JOB_LIMIT_REACHED: 10 active jobs", "423 lanes are taken", "the machine is offline"],
)
def test_whatever_the_provider_has_no_room_for_waits_alike(why: str, tmp_path: Path) -> None:
    full = raising(Unavailable(f"cloud: {why}", retry_after_s=45.0, is_full=True))
    (told,) = waits_told(play(tmp_path, plan_of(1, "cloud"), faulty("submit", full)))
    assert (told.cause, told.why, told.since) == (Cause.FULL, f"cloud: {why}", 1.8e9)
    assert told.until is not None
    assert 45 <= told.until - told.since < 46


def test_a_provider_that_does_not_answer_is_told_at_once(tmp_path: Path) -> None:
    (told,) = waits_told(play(tmp_path, plan_of(1, "cloud"), faulty("submit", unsent)))
    assert (told.cause, told.why) == (Cause.BACK_OFF, "cloud: connection refused")


def test_a_limit_of_submissions_says_whose_it_is_and_until_when(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=50, works_s=1.0, rates=(Rate(10, 60.0),))
    told = waits_told(play(tmp_path, plan_of(11, "cloud"), cloud))
    assert [(wait.cause, wait.why) for wait in told] == [(Cause.RATE, "takes 10 jobs a minute")]
    assert told[0].until == pytest.approx(1.8e9 + 60, abs=1)


@pytest.mark.parametrize(
    ("target", "run", "extra", "cause"),
    [
        (2, "", "", Cause.TARGET_LIMIT),
        (9, "", ", limits: {in_flight: 2}", Cause.MANIFEST_LIMIT),
        (9, "max_in_flight: 2", "", Cause.RUN_LIMIT),
    ],
)
def test_a_limit_of_jobs_in_flight_is_told_as_soon_as_it_is_reached(
    target: int, run: str, extra: str, cause: Cause, tmp_path: Path
) -> None:
    cloud = FakeCloud(in_flight=target, works_s=100.0)
    told = waits_told(play(tmp_path, plan_of(3, "cloud", run=run, extra=extra), cloud))
    assert (told[0].cause, told[0].since, told[0].until) == (cause, 1.8e9, None)


def test_a_queue_is_a_wait_from_the_first_job_in_it(tmp_path: Path) -> None:
    played = play(tmp_path, plan_of(1, "cloud"), FakeCloud(works_s=500.0))
    first, last = played.told(Waiting)
    assert [(wait.cause, wait.since) for wait in first.waits] == [(Cause.QUEUE, 1.8e9)]
    assert last.waits == ()


def saying(*words: str) -> Fault:
    """The provider says of its jobs what follows, and no more than that."""

    def fault(act: Any) -> Any:
        told = zip(act(), words, strict=False)
        return [Taken(one.job_id, word) for one, word in told]

    return fault


def test_why_jobs_wait_in_a_queue_is_told_in_the_providers_words(tmp_path: Path) -> None:
    cloud = faulty(
        "poll",
        saying("PENDING", "PENDING (Priority)"),
        saying("PENDING (Resources)", "PENDING (Priority)"),
        saying("PENDING (Resources)", "PENDING"),
    )
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    told = [wait.why for event in played.told(Waiting) for wait in event.waits]
    assert list(dict.fromkeys(told)) == [
        "",
        "PENDING (Priority)",
        "PENDING (Priority), PENDING (Resources)",
        "PENDING (Resources)",
    ]
    assert played.told(Waiting)[-1].waits == ()


def test_why_jobs_wait_in_a_queue_is_told_of_those_that_an_earlier_run_sent(
    tmp_path: Path,
) -> None:
    cloud = faulty("poll", *[saying("PENDING (Resources)")] * 500)
    plan = plan_of(1, "cloud", extra=", timeout: 10m, on_timeout: leave")
    assert play(tmp_path, plan, cloud).summary.left
    told = play(tmp_path, plan, cloud).told(Waiting)
    assert "PENDING (Resources)" in [wait.why for event in told[:2] for wait in event.waits]


def test_a_simulator_whose_cores_are_all_at_work_is_no_wait(tmp_path: Path) -> None:
    played = play(tmp_path, plan_of(40, "local"), FakeLocal(max_jobs=1, in_flight=1))
    assert played.told(Waiting) == []


def test_a_limit_that_holds_again_and_again_is_one_wait_and_a_later_one_another() -> None:
    told: list[tuple[OpenWait, ...]] = []

    async def main() -> None:
        waits = Waits(trio.current_time, told.append)
        for pause_s in (1.0, 1.0, 60.0):
            with waits.waiting(Cause.TARGET_LIMIT):
                await trio.sleep(5.0)
            await trio.sleep(pause_s)
        with waits.waiting(Cause.TARGET_LIMIT):
            await trio.sleep(5.0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    begun = [(waits[0].since, waits[0].times) for waits in told if waits]
    assert begun == [(0.0, 1), (0.0, 2), (0.0, 3), (77.0, 1)]


def test_a_cloud_where_nothing_came_on_for_as_long_as_asked_is_left_with_nothing_lost(
    tmp_path: Path,
) -> None:
    """P40: an end that the person can set, whatever is waited for."""
    cloud, full = FakeCloud(works_s=9_000.0), raising(Unavailable("cloud: full", is_full=True))
    cloud.script["submit"] = [lambda act: act(), *[full] * 9999]
    plan = plan_of(2, "cloud", run="wait: 1h")
    played = play(tmp_path, plan, cloud)
    assert 3600 <= played.elapsed_s < 3700
    assert played.summary.states == {JobState.SUBMITTED: 1, JobState.CREATED: 1}
    assert played.summary.at_providers == {"cloud": 1}
    assert "nothing came on for 3600 s" in played.summary.left["cloud"]
    assert (cloud.ledger.calls["cancel"], cloud.ledger.calls["leave"]) == (0, 1)
    cloud.script.clear()
    again = play(tmp_path, plan, cloud, wait_s=math.inf)
    assert again.summary.states == {JobState.COMPLETED: 2}
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_a_cloud_where_jobs_come_on_is_not_left_however_long_it_takes(tmp_path: Path) -> None:
    plan = plan_of(6, "cloud", run="wait: 1h")
    played = play(tmp_path, plan, FakeCloud(in_flight=1, works_s=3_000.0))
    assert (played.summary.completed, played.summary.left) == (6, {})
    assert played.elapsed_s > 5 * 3600


def test_a_job_that_is_late_is_left_where_it_is_and_the_others_go_on(tmp_path: Path) -> None:
    """P24: `timeout` ended the job, where the clouds' own time-outs end the waiting."""
    slow = FakeCloud(in_flight=2, works_s=100.0)
    slow.said = {}
    plan = plan_of(5, "cloud", extra=", timeout: 1h, on_timeout: leave")
    late = next(iter(plan.points())).id
    slow.said[late] = Taken(late, "SUBMITTED")
    played = play(tmp_path, plan, slow)
    assert played.summary.states == {JobState.SUBMITTED: 1, JobState.COMPLETED: 4}
    assert 3600 <= played.elapsed_s < 3700
    assert (slow.ledger.calls["cancel"], slow.ledger.calls["leave"]) == (0, 1)
    assert "took longer than 3600 s" in played.summary.left["cloud"]
    slow.said.clear()
    assert play(tmp_path, plan, slow).summary.states == {JobState.COMPLETED: 5}
    assert set(slow.ledger.times_bought.values()) == {1}


def test_each_run_waits_anew_for_a_late_job_that_is_left(tmp_path: Path) -> None:
    plan = plan_of(1, "cloud", extra=", timeout: 1h, on_timeout: leave")
    cloud = FakeCloud(works_s=1e9)
    for _ in range(2):
        played = play(tmp_path, plan, cloud)
        assert 3600 <= played.elapsed_s < 3700
        assert played.summary.at_providers == {"cloud": 1}


def test_late_jobs_that_fill_all_places_end_the_run_with_the_rest_pending(tmp_path: Path) -> None:
    plan = plan_of(5, "cloud", extra=", timeout: 1h, on_timeout: leave")
    played = play(tmp_path, plan, FakeCloud(in_flight=2, works_s=1e9))
    assert played.summary.states == {JobState.SUBMITTED: 2, JobState.CREATED: 3}
    assert played.elapsed_s < 3700


def test_a_job_that_is_not_taken_in_time_is_left_for_another_run(tmp_path: Path) -> None:
    full = raising(Unavailable("cloud: full", is_full=True))
    cloud = faulty("submit", *[full] * 9999)
    plan = plan_of(1, "cloud", extra=", timeout: 1h, on_timeout: leave")
    played = play(tmp_path, plan, cloud)
    assert played.summary.states == {JobState.CREATED: 1}
    assert played.elapsed_s < 3800


def test_progress_tells_how_far_each_backend_is(tmp_path: Path) -> None:
    """P40: one bar is too little for clouds."""
    plan = plan_of(4, "cloud", "local")
    drivers = {"cloud": FakeCloud(in_flight=2, works_s=100.0), "local": FakeLocal()}
    told = play(tmp_path, plan, drivers).told(Progress)
    at_work = next(one.backends["cloud"] for one in told if one.backends["cloud"].queued == 2)
    assert (at_work.total, at_work.in_flight, at_work.completed) == (4, 2, 0)
    last = told[-1].backends
    assert last["cloud"] == BackendProgress(4, completed=4, spent=4.0, unit="credits")
    assert last["local"] == BackendProgress(4, completed=4, is_local=True)


def test_progress_of_a_run_that_goes_on_knows_what_was_in_flight(tmp_path: Path) -> None:
    plan, cloud = plan_of(3, "cloud", run="wait: 10m"), FakeCloud(in_flight=2, works_s=1000.0)
    assert play(tmp_path, plan, cloud).summary.at_providers == {"cloud": 2}
    told = play(tmp_path, plan, cloud, wait_s=math.inf).told(Progress)
    assert max(one.backends["cloud"].in_flight for one in told) == 2
    last = told[-1].backends["cloud"]
    assert (last.total, last.in_flight, last.completed) == (3, 0, 3)


def test_what_a_run_waits_for_can_be_read_beside_it_and_not_after_it(tmp_path: Path) -> None:
    full = raising(Unavailable("cloud: 10 active jobs", retry_after_s=500.0, is_full=True))
    found: list[Any] = []

    async def look(stop: Stop) -> None:
        await trio.sleep(100.0)
        with Run(tmp_path) as run:
            found.append(run.standing())

    play(tmp_path, plan_of(2, "cloud"), faulty("submit", full), beside=[look])
    (wait,) = [one for one in found[0]["waiting"]["cloud"] if one["cause"] == "full"]
    assert (wait["why"], wait["since"]) == ("cloud: 10 active jobs", 1.8e9)
    assert found[0]["backends"]["cloud"]["total"] == 2
    assert not (tmp_path / "running.json").exists()


def test_what_a_killed_run_told_is_believed_by_nobody(tmp_path: Path) -> None:
    play(tmp_path, plan_of(1, "cloud"), FakeCloud())
    with Snapshot(tmp_path) as snapshot:
        snapshot.save_standing({"waiting": {}})
        left = (tmp_path / "running.json").read_text()
        with Run(tmp_path) as run:
            assert run.standing() == {"waiting": {}}
    (tmp_path / "running.json").write_text(left)
    with Run(tmp_path) as run:
        assert run.standing() is None
    with Snapshot(tmp_path):  # another runner, as it would be: it began at another time
        (tmp_path / "running.json").write_text(left.replace('"started_at": "2', '"started_at": "1'))
        with Run(tmp_path) as run:
            assert run.standing() is None


def error_of(folder: Path) -> str:
    with Run(folder) as run:
        return next(point.job.error for point in run if point.job.error)


def test_who_no_longer_waits_for_a_place_of_the_run_leaves_that_of_the_backend() -> None:
    async def wait() -> tuple[int, int]:
        run = SimpleNamespace(slots=Slots(1))
        backend = SimpleNamespace(
            slots=Slots(5), waits=Waits(trio.current_time), limited_by=Cause.TARGET_LIMIT
        )
        await Engine.take_slots(run, backend)  # type: ignore[arg-type]
        with trio.move_on_after(1.0) as scope:
            await Engine.take_slots(run, backend)  # type: ignore[arg-type]
        assert scope.cancelled_caught
        return run.slots.taken, backend.slots.taken

    assert trio.run(wait, clock=trio.testing.MockClock(autojump_threshold=0)) == (1, 1)


def test_a_slot_goes_to_whoever_waited_longest_however_often_another_asks() -> None:
    """Two come free at once: a feeder that takes one may not take the other, too."""
    taken: list[str] = []

    async def take(slots: Slots, who: str, times: int) -> None:
        for _ in range(times):
            await slots.take(Waits(trio.current_time), Cause.TARGET_LIMIT)
            taken.append(who)

    async def race() -> None:
        slots = Slots(2)
        slots.occupy()
        slots.occupy()
        async with trio.open_nursery() as nursery:
            for who, times in (("feeder", 3), ("calibration", 1)):
                nursery.start_soon(take, slots, who, times)
                await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                slots.free()
                slots.free()
                await trio.testing.wait_all_tasks_blocked()
            assert slots.taken == 2

    for _ in range(20):  # trio shuffles those that are ready at once
        taken.clear()
        trio.run(race)
        assert sorted(taken[:2]) == ["calibration", "feeder"]
        assert taken.count("feeder") == 3


def test_who_is_cancelled_while_it_waits_takes_no_slot() -> None:
    async def leave() -> int:
        slots, waits = Slots(1), Waits(trio.current_time)
        slots.occupy()
        with trio.move_on_after(1.0) as scope:
            await slots.take(waits, Cause.TARGET_LIMIT)
        assert scope.cancelled_caught
        slots.free()
        return slots.taken

    assert trio.run(leave, clock=trio.testing.MockClock(autojump_threshold=0)) == 0
