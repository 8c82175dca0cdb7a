"""What holds a run up: it waits where waiting helps, and says afterwards for how long."""

from __future__ import annotations

from pathlib import Path

from fake_drivers import FakeCloud, Fault, plan_of, play, raising, unsent

from qbatch.errors import Unavailable
from qbatch.executor import Cause, JobMoved, Retry, Warned
from qbatch.job import JobState
from qbatch.providers import Rate
from qbatch.snapshot import Run


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


def test_a_wait_for_a_limit_of_submissions_is_said_but_not_each_time(tmp_path: Path) -> None:
    rates = (Rate(1, 5.0), Rate(10, 60.0))
    cloud = FakeCloud(in_flight=50, works_s=1.0, rates=rates)
    played = play(tmp_path, plan_of(200, "cloud"), cloud)
    assert played.elapsed_s > 900
    said = [event.text for event in played.told(Warned)]
    assert said == ["cloud: takes 10 jobs a minute: waits 15 s"] * 5  # of 19 waits
    brief = FakeCloud(in_flight=50, works_s=1.0, rates=(Rate(1, 5.0),))
    assert play(tmp_path / "brief", plan_of(9, "cloud"), brief).told(Warned) == []


def test_a_wait_that_the_provider_names_is_said_once(tmp_path: Path) -> None:
    full = raising(Unavailable("fake takes 10 jobs a minute", retry_after_s=45.0, is_full=True))
    played = play(tmp_path, plan_of(3, "cloud"), faulty("submit", full, full, full))
    (told,) = played.told(Warned)
    assert told.text == "cloud: fake takes 10 jobs a minute: waits 45 s"


def test_a_wait_much_longer_than_the_last_is_said_at_once(tmp_path: Path) -> None:
    short, long = (
        raising(Unavailable("fake: full", retry_after_s=wait_s, is_full=True))
        for wait_s in (45.0, 40_000.0)
    )
    played = play(tmp_path, plan_of(1, "cloud"), faulty("submit", short, short, long))
    said = [event.text for event in played.told(Warned)]
    assert [text.partition(": waits ")[2] for text in said] == ["45 s", "40000 s"]


def error_of(folder: Path) -> str:
    with Run(folder) as run:
        return next(point.job.error for point in run if point.job.error)
