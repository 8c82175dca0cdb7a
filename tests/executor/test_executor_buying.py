"""Buying exactly once: whatever is lost on the way, the cloud's own ledger is the oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import (
    FakeCloud,
    Fault,
    Ledger,
    at_once,
    lost_after,
    lost_before,
    plan_of,
    play,
    raising,
    unsent,
)

from qbatch.errors import CredentialsError, Misspoke, OutOfFunds, Refused, Unavailable
from qbatch.executor import Cause, JobMoved, Progress, Retry, Stop, Waiting, Warned
from qbatch.job import JobState
from qbatch.providers import Answer, Batch, Failed, GivenBack, Missing, NotTaken, Strange, Unclear
from qbatch.purchase import Event
from qbatch.snapshot import Run, Snapshot


def faulty(call: str, *faults: Fault, **options: object) -> FakeCloud:
    cloud = FakeCloud(**options)  # type: ignore[arg-type]
    cloud.script[call] = list(faults)
    return cloud


def errors_of(folder: Path) -> list[str]:
    with Run(folder) as run:
        return [point.job.error for point in run if point.job.error]


def test_a_job_whose_answer_was_lost_is_found_and_adopted(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    played = play(tmp_path, plan_of(3, "cloud"), cloud)
    assert played.summary.completed == 3
    assert max(cloud.ledger.times_bought.values()) == 1


def test_a_job_that_never_arrived_is_sent_again(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_before)
    assert play(tmp_path, plan_of(3, "cloud"), cloud).summary.completed == 3
    assert cloud.ledger.calls["submit"] == 4
    assert max(cloud.ledger.times_bought.values()) == 1


def test_a_job_of_which_nobody_can_tell_is_held_and_never_sent_again(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    cloud.located = at_once("look in the web console")
    plan = plan_of(1, "cloud")
    assert play(tmp_path, plan, cloud).summary.held == 1
    assert play(tmp_path, plan, cloud).summary.held == 1
    assert errors_of(tmp_path) == ["look in the web console"]
    assert cloud.ledger.calls["submit"] == 1


def test_looking_again_later_is_done_before_a_job_is_held(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_before)
    cloud.located = Unclear("", error="the list may lag", again_s=60.0)
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert cloud.ledger.calls["locate"] == 5
    assert played.elapsed_s >= 240
    assert played.summary.held == 1


def test_what_is_missing_long_enough_is_sent_again_where_that_proves_it(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_before)
    cloud.located = Missing("", error="look there", settle_s=60.0, is_proof=True)
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.elapsed_s >= 60
    assert cloud.ledger.calls["locate"] == 2
    assert played.summary.completed == 1
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_what_is_missing_is_held_where_that_proves_nothing(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    cloud.located = Missing("", error="the list may lag", settle_s=60.0, look_s=20.0)
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.elapsed_s >= 60
    assert cloud.ledger.calls["locate"] == 4
    assert played.summary.held == 1
    assert errors_of(tmp_path) == ["the list may lag"]


def test_a_refusal_in_doubt_holds_once_it_is_known_that_nothing_was_bought(tmp_path: Path) -> None:
    def refuse(act: Any) -> None:
        raise Unavailable("400: no", otherwise=Refused("400: no"))

    cloud = faulty("submit", refuse)
    cloud.located = Missing("", error="look there", settle_s=60.0, is_proof=True)
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.summary.states == {JobState.FAILED: 1}
    assert errors_of(tmp_path) == ["400: no"]
    assert cloud.ledger.calls["submit"] == 1


def test_a_held_job_that_turns_up_is_adopted_by_the_next_run(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    cloud.located = at_once()
    last = play(tmp_path, plan_of(1, "cloud"), cloud).told(Progress)[-1]
    assert (last.total, last.done, last.failed, last.held) == (1, 1, 0, 1)
    cloud.located = None
    played = play(tmp_path, plan_of(1, "cloud"), cloud)
    assert played.summary.completed == 1
    last = played.told(Progress)[-1]
    assert (last.total, last.done, last.failed, last.held) == (1, 1, 0, 0)
    assert len(cloud.ledger.jobs) == 1


def test_a_held_job_resolved_by_hand_is_bought_anew_under_another_key(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    cloud.located = at_once()
    plan = plan_of(1, "cloud")
    play(tmp_path, plan, cloud)
    with Snapshot(tmp_path) as snapshot:
        snapshot.resolve(next(plan.points()).id, Event.RESUBMITTED)
    cloud.located = None
    assert play(tmp_path, plan, cloud).summary.states == {JobState.COMPLETED: 1}
    assert len({job.key for job in cloud.ledger.jobs}) == 2


def test_without_a_connection_a_job_is_sent_again_without_looking(tmp_path: Path) -> None:
    cloud = faulty("submit", unsent, unsent)
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1
    assert cloud.ledger.calls["locate"] == 0


def test_a_refused_job_fails_and_its_siblings_go_on(tmp_path: Path) -> None:
    cloud = faulty("submit", raising(Refused("cloud: too deep")))
    played = play(tmp_path, plan_of(3, "cloud"), cloud)
    assert played.summary.states == {JobState.COMPLETED: 2, JobState.FAILED: 1}
    assert errors_of(tmp_path) == ["cloud: too deep"]


def test_a_job_refused_in_preparation_fails_with_the_reason(tmp_path: Path) -> None:
    cloud = faulty("prepare", raising(Refused("cloud: no such gate")))
    assert play(tmp_path, plan_of(2, "cloud"), cloud).summary.failed == 1
    assert errors_of(tmp_path) == ["cloud: no such gate"]


def test_failed_jobs_are_bought_anew_by_the_next_run_under_another_key(tmp_path: Path) -> None:
    ledger = Ledger()
    cloud = FakeCloud(ledger)
    plan = plan_of(1, "cloud")
    point = next(plan.points())
    cloud.said[point.id] = Failed(point.id, "ERROR", error="qpu is cold")
    play(tmp_path, plan, cloud)
    assert errors_of(tmp_path) == ["qpu is cold"]
    assert play(tmp_path, plan, FakeCloud(ledger)).summary.completed == 1
    assert len({job.key for job in ledger.jobs}) == 2


def test_only_missing_leaves_failed_jobs_alone(tmp_path: Path) -> None:
    play(tmp_path, plan_of(2, "cloud"), faulty("submit", raising(Refused("cloud: no"))))
    cloud = FakeCloud()
    assert play(tmp_path, plan_of(2, "cloud"), cloud, only="missing").summary.total == 0
    assert play(tmp_path, plan_of(2, "cloud"), cloud, only="failed").summary.completed == 1


def test_the_intent_is_durable_before_the_call(tmp_path: Path) -> None:
    cloud, seen = FakeCloud(), []

    def look(act: object) -> object:
        with Run(tmp_path) as run:
            seen.extend(run.counts_by_state())
        return act()  # type: ignore[operator]

    cloud.script["submit"] = [look]
    play(tmp_path, plan_of(1, "cloud"), cloud)
    assert seen == [JobState.SUBMITTING]


def test_an_answer_that_forgets_a_child_is_completed_by_looking(tmp_path: Path) -> None:
    cloud = faulty("submit", lambda act: act()[:2], max_jobs=4)
    assert play(tmp_path, plan_of(4, "cloud"), cloud).summary.completed == 4
    assert max(cloud.ledger.times_bought.values()) == 1


def test_children_not_taken_are_sent_again_without_their_siblings(tmp_path: Path) -> None:
    cloud = FakeCloud(max_jobs=4)

    def takes_two(act: object) -> list[Answer]:
        ids = [p.id for p in plan.points()]
        taken = [cloud._buy(key, "first") for key in ids[:2]]
        return [*taken, *(NotTaken(key, error="queue full") for key in ids[2:])]

    plan = plan_of(4, "cloud")
    cloud.script["submit"] = [takes_two]
    assert play(tmp_path, plan, cloud).summary.completed == 4
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_nonsense_in_answer_to_a_submission_is_looked_into(tmp_path: Path) -> None:
    cloud = faulty("submit", raising(Misspoke("cloud: HTML with status 200", raw="<html>")))
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1
    assert cloud.ledger.calls["locate"] == 1


def test_a_provider_out_of_reach_is_given_up_and_its_jobs_stay_created(tmp_path: Path) -> None:
    cloud = faulty("submit", *[unsent] * 99, in_flight=2)
    played = play(tmp_path, plan_of(5, "cloud"), cloud)
    assert played.summary.states == {JobState.CREATED: 5}
    assert isinstance(played.summary.out_of_reach["cloud"], Unavailable)
    assert play(tmp_path, plan_of(5, "cloud"), FakeCloud()).summary.completed == 5


def test_an_empty_account_stops_the_buying_and_fails_nothing(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1)
    cloud.script["submit"] = [lambda act: act(), raising(OutOfFunds("cloud: 402: no credits"))]
    played = play(tmp_path, plan_of(4, "cloud"), cloud)
    assert played.summary.states == {JobState.COMPLETED: 1, JobState.CREATED: 3}
    assert played.summary.over_budget == {"cloud": "cloud: 402: no credits"}
    assert play(tmp_path, plan_of(4, "cloud"), FakeCloud()).summary.completed == 3


@pytest.mark.parametrize("attempt", range(12))
def test_an_intent_that_was_never_sent_is_taken_back(tmp_path: Path, attempt: int) -> None:
    """Which task meets the end of its lane just before it sends is trio's choice: try often."""
    cloud = faulty("submit", *[unsent] * 99, in_flight=3)
    played = play(tmp_path, plan_of(6, "cloud"), cloud)
    assert played.summary.states == {JobState.CREATED: 6}


def test_wrong_credentials_give_the_provider_up_and_nothing_is_failed(tmp_path: Path) -> None:
    cloud = faulty("submit", raising(CredentialsError("cloud: 401")))
    played = play(tmp_path, plan_of(3, "cloud"), cloud)
    assert isinstance(played.summary.out_of_reach["cloud"], CredentialsError)
    assert not played.summary.failed
    assert cloud.ledger.calls["submit"] <= 3


def test_one_given_up_backend_does_not_stop_another(tmp_path: Path) -> None:
    drivers = {"cloud1": faulty("submit", *[unsent] * 99), "cloud2": FakeCloud()}
    played = play(tmp_path, plan_of(3, "cloud1", "cloud2"), drivers)
    assert list(played.summary.out_of_reach) == ["cloud1"]
    assert played.summary.completed == 3


def test_a_job_that_only_ever_meets_trouble_fails_listing_its_attempts(tmp_path: Path) -> None:
    cloud = FakeCloud(in_flight=1)
    cloud.script["submit"] = [lambda act: act(), *[lost_before] * 4]
    played = play(tmp_path, plan_of(3, "cloud"), cloud)
    assert played.summary.states == {JobState.COMPLETED: 2, JobState.FAILED: 1}
    assert "4 attempts" in errors_of(tmp_path)[0]


def test_retry_after_is_honoured(tmp_path: Path) -> None:
    busy = raising(Unavailable("cloud: 429", retry_after_s=500.0, unsent=True))
    played = play(tmp_path, plan_of(1, "cloud"), faulty("submit", busy))
    assert played.elapsed_s >= 500
    told = played.told(Waiting)[0].waits[0]
    assert (told.cause, told.why) == (Cause.BACK_OFF, "cloud: 429")
    assert told.until is not None
    assert told.until - told.since >= 500


def test_while_a_provider_says_busy_one_call_at_a_time_tries_it(tmp_path: Path) -> None:
    busy = raising(Unavailable("cloud: 429", retry_after_s=100.0, unsent=True))
    cloud = faulty("submit", *[busy] * 3, in_flight=50, poll_s=(1000.0, 1000.0))
    cloud.ledger.calls.clear()
    play(tmp_path, plan_of(1, "cloud"), cloud, retry=Retry(attempts=9))
    assert cloud.ledger.calls["submit"] == 4


@pytest.mark.parametrize("call", ["prepare", "poll", "fetch", "release"])
def test_reads_are_repeated_until_they_succeed(tmp_path: Path, call: str) -> None:
    trouble = raising(Unavailable("cloud: 503"))
    cloud = faulty(call, trouble, trouble)
    assert play(tmp_path, plan_of(1, "cloud"), cloud).summary.completed == 1


def test_a_provider_that_falls_silent_later_keeps_its_jobs(tmp_path: Path) -> None:
    cloud = faulty("poll", *[raising(Unavailable("cloud: 502"))] * 9999)
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    assert played.summary.states == {JobState.SUBMITTED: 2}
    assert played.summary.at_providers == {"cloud": 2}
    assert 7200 <= played.elapsed_s <= 7400
    assert play(tmp_path, plan_of(2, "cloud"), FakeCloud(cloud.ledger)).summary.pending == 0
    assert len(cloud.ledger.jobs) == 2


def test_a_network_that_is_gone_for_an_hour_is_waited_for_and_told_once(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=60.0, in_flight=2)
    for call in ("prepare", "submit", "poll", "fetch", "release"):
        cloud.script[call] = [gone_between(600.0, 4200.0)] * 9999
    played = play(tmp_path, plan_of(40, "cloud"), cloud)
    assert played.summary.completed == 40
    assert played.elapsed_s > 4200
    assert max(cloud.ledger.times_bought.values()) == 1
    told = [event.text for event in played.told(Warned)]
    assert ["answers again" in text for text in told] == [False, True]
    assert "trying on for 119 min" in told[0]


def test_nonsense_is_told_when_it_comes_not_when_patience_ends(tmp_path: Path) -> None:
    """M10: deep JSON in every poll was waited through for two hours without a word."""
    cloud = faulty("poll", *[raising(Misspoke("cloud: nested too deep"))] * 2)
    played = play(tmp_path, plan_of(2, "cloud"), cloud)
    assert played.summary.completed == 2
    (told,) = [event.text for event in played.told(Warned)]
    assert told == "cloud: nested too deep; asking again"


def gone_between(begin_s: float, end_s: float) -> Fault:
    """No name is resolved for a while; the virtual clock begins at 0."""

    def fault(act: Callable[[], Any]) -> Any:
        if begin_s <= trio.current_time() < end_s:
            raise Unavailable("cloud: Name or service not known", unsent=True)
        return act()

    return fault


def test_how_long_a_provider_may_be_out_of_reach_is_the_manifests_to_say(tmp_path: Path) -> None:
    cloud = faulty("poll", *[raising(Unavailable("cloud: 502"))] * 9999)
    plan = plan_of(1, "cloud", run="retry: {patience: 5m}")
    played = play(tmp_path, plan, cloud)
    assert played.summary.out_of_reach
    assert 300 <= played.elapsed_s <= 500


def test_a_word_nobody_knows_leaves_the_job_where_it_is_and_is_told_once(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=30)
    plan = plan_of(1, "cloud")
    point = next(plan.points())
    odd = Strange(point.id, "TELEPORTING")
    cloud.script["poll"] = [lambda act: [odd], lambda act: [odd]]
    played = play(tmp_path, plan, cloud)
    assert played.summary.completed == 1
    assert ["TELEPORTING" in event.text for event in played.told(Warned)] == [True]


def test_a_job_the_provider_lost_is_held_after_three_polls_in_two_minutes(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=5)
    plan = plan_of(2, "cloud")
    lost = next(plan.points()).id
    cloud.said[lost] = Missing(lost, "404", error="not found any more")
    played = play(tmp_path, plan, cloud)
    assert played.summary.states == {JobState.COMPLETED: 1, JobState.HELD: 1}
    assert cloud.ledger.calls["poll"] >= 3
    assert 120 <= played.elapsed_s <= 200
    assert not [m for m in played.told(JobMoved) if m.id == lost and m.state is JobState.FAILED]


def test_a_job_that_takes_too_long_is_cancelled_at_the_provider(tmp_path: Path) -> None:
    cloud = FakeCloud(works_s=1e9)
    plan = plan_of(1, "cloud", extra=", timeout: 1h")
    played = play(tmp_path, plan, cloud)
    assert played.summary.failed == 1
    assert "timed out" in errors_of(tmp_path)[0]
    assert cloud.ledger.calls["cancel"] == 1
    assert 3600 <= played.elapsed_s <= 3700


def test_a_timed_out_job_that_nobody_confirms_is_held(tmp_path: Path) -> None:
    cloud = faulty("cancel", lambda act: [], works_s=1e9)
    plan = plan_of(1, "cloud", extra=", timeout: 1h")
    assert play(tmp_path, plan, cloud).summary.held == 1


def test_siblings_of_a_job_in_doubt_are_brought_home_meanwhile(tmp_path: Path) -> None:
    """The one in doubt is told apart only when the others have ended."""
    cloud, plan = FakeCloud(max_jobs=3, works_s=200.0), plan_of(3, "cloud")
    doubtful, *others = (point.id for point in plan.points())
    cloud.script["submit"] = [lambda act: [cloud._buy(key, "first") for key in others]]

    def find(job_id: str) -> Answer:
        if any(job.state is JobState.SUBMITTED for job in cloud.ledger.jobs):
            return Unclear(
                job_id, error="in the same session as others", again_s=10.0, is_patient=True
            )
        return FakeCloud._find(cloud, job_id)

    cloud._find = find  # type: ignore[method-assign]
    played = play(tmp_path, plan, cloud)
    ends = [move.id for move in played.told(JobMoved) if move.state is JobState.COMPLETED]
    assert len(ends) == 3
    assert ends[-1] == doubtful
    assert cloud.ledger.calls["locate"] > 5
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_a_job_in_doubt_until_its_time_out_is_held(tmp_path: Path) -> None:
    cloud = faulty("submit", lost_after)
    cloud.located = Unclear("", error="wait for it", again_s=60.0, is_patient=True)
    played = play(tmp_path, plan_of(1, "cloud", extra=", timeout: 1h"), cloud)
    assert played.summary.held == 1
    assert played.elapsed_s >= 3600
    assert "not known to be taken within 3600 s" in errors_of(tmp_path)[0]
    assert not cloud.ledger.calls["cancel"]


def test_jobs_that_the_provider_gives_back_are_bought_under_another_key(tmp_path: Path) -> None:
    cloud, plan = FakeCloud(max_jobs=2), plan_of(2, "cloud")
    ids = [point.id for point in plan.points()]
    given_back = [GivenBack(key, error="the session ended") for key in ids]
    cloud.script["poll"] = [lambda act: given_back]
    assert play(tmp_path, plan, cloud).summary.completed == 2
    assert set(cloud.ledger.times_bought.values()) == {2}
    assert len({job.key for job in cloud.ledger.jobs}) == 2
    assert len(cloud.ledger.released) == 2


class ThoroughCloud(FakeCloud):
    """It is asked, as most clouds are, about all that was once sent with a batch."""

    asked: Sequence[Batch] = ()

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        self.asked = [*self.asked, *batches]
        keys = {batch.composite.id for batch in batches}
        return [self._news_of(job) for job in self.ledger.jobs if job.key in keys]


def test_what_was_bought_before_is_no_news_of_what_was_bought_since(tmp_path: Path) -> None:
    cloud = ThoroughCloud(max_jobs=2, works_s=600)

    async def fail_one_and_stop(stop: Stop) -> None:
        await trio.sleep(30)
        cloud.ledger.jobs[0].state = JobState.FAILED
        await trio.sleep(60)
        stop.request()

    play(tmp_path, plan_of(2, "cloud"), cloud, beside=[fail_one_and_stop])
    cloud.asked = ()
    played = play(tmp_path, plan_of(2, "cloud"), cloud)  # the other one is at work still
    assert played.summary.states == {JobState.COMPLETED: 2}
    assert len(cloud.ledger.jobs) == 3
    ids = {batch.provider_job_ids for batch in cloud.asked}
    assert ids == {(None, cloud.ledger.jobs[1].id), (cloud.ledger.jobs[2].id,)}
