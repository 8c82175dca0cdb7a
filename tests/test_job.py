"""Job states: one table, tested over all its rows."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace

import pytest

from qbatch.errors import JobStateError
from qbatch.job import FINAL, IN_FLIGHT, MOVES, Job, JobState, check_move, stage_after
from qbatch.purchase import TABLE, CompositeEvent, Event

PAIRS = list(itertools.product(JobState, JobState))


@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair[1] in MOVES[pair[0]]])
def test_a_move_in_the_table_is_made(old: JobState, new: JobState) -> None:
    assert Job("a", old).moved_to(new).state is new


@pytest.mark.parametrize(
    ("old", "new"), [(a, b) for a, b in PAIRS if b not in MOVES[a] and a is not b]
)
def test_a_move_not_in_the_table_is_our_bug(old: JobState, new: JobState) -> None:
    with pytest.raises(JobStateError, match=f"from {old} to {new}"):
        Job("a", old).moved_to(new)


@pytest.mark.parametrize("state", list(JobState))
def test_a_job_may_stay_where_it_is_with_news(state: JobState) -> None:
    assert Job("a", state).moved_to(state, status="THEIRS").status == "THEIRS"


def test_a_completed_job_moves_only_where_a_person_sets_its_result_aside() -> None:
    assert MOVES[JobState.COMPLETED] == {JobState.CREATED}
    assert Job("a", JobState.COMPLETED, 2, "c7").after(Event.SET_ASIDE) == Job("a", generation=3)


def test_no_state_leads_to_itself() -> None:
    assert not [state for state in JobState if state in MOVES[state]]


def test_every_state_can_be_reached_and_every_path_can_end() -> None:
    reached, ending = {JobState.CREATED}, set(FINAL)
    for _ in JobState:
        reached |= {new for old in reached for new in MOVES[old]}
        ending |= {old for old in JobState if MOVES[old] & ending}
    assert reached == ending == set(JobState)


def test_a_state_is_created_or_final_or_in_flight_and_only_one_of_them() -> None:
    assert {JobState.CREATED} | FINAL | IN_FLIGHT == set(JobState)
    assert not FINAL & IN_FLIGHT
    assert all(state.is_final == (state in FINAL) for state in JobState)


def test_nothing_is_submitted_without_the_state_that_says_so() -> None:
    first = {new for new in MOVES[JobState.CREATED] if new in IN_FLIGHT}
    assert first == {JobState.SUBMITTING}
    check_move(JobState.SUBMITTING, JobState.HELD)


def test_what_is_sent_again_keeps_its_key_and_nothing_that_was_said_of_it() -> None:
    job = Job("a", JobState.SUBMITTING, 2, "c7", "LOST", "no answer")
    assert job.after(Event.NOT_TAKEN) == Job("a", generation=2)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (JobState.FAILED, Event.AGAIN),
        (JobState.HELD, Event.RESUBMITTED),
        (JobState.RUNNING, Event.GIVEN_BACK),
    ],
)
def test_another_purchase_begins_blank_under_another_key(state: JobState, event: Event) -> None:
    job = Job("a", state, 2, "c7", "ERROR", "too hot", 3.0, "usd")
    assert job.after(event) == Job("a", generation=3)


def test_what_the_table_does_not_know_cannot_happen() -> None:
    with pytest.raises(JobStateError, match="a is completed: TAKEN cannot happen to it"):
        Job("a", JobState.COMPLETED).after(Event.TAKEN)
    with pytest.raises(JobStateError, match="is created: ANSWERED cannot happen to it"):
        stage_after("created", CompositeEvent.ANSWERED)


#: What happens to a held job that leaves it held for its account alone.
STILL_THERE = {Event.ELSEWHERE, Event.SAME_ACCOUNT}


@pytest.mark.parametrize("event", sorted(TABLE[JobState.HELD]))
def test_a_job_is_held_for_its_account_until_it_was_looked_for(event: Event) -> None:
    job = Job("a", JobState.RUNNING, status="QUEUED").after(Event.ELSEWHERE)
    assert job.is_held_for_account
    after = job.after(event, status=job.status)  # as whoever knows of no better word
    assert after.is_held_for_account == (event in STILL_THERE)
    assert (after.status == job.status) == (event in STILL_THERE)


def test_a_job_that_is_held_for_another_reason_is_not_held_for_its_account() -> None:
    job = Job("a", JobState.SUBMITTING).after(Event.UNKNOWABLE, status="LOST")
    assert not job.is_held_for_account
    assert not job.after(Event.SAME_ACCOUNT).is_held_for_account


def test_a_changed_job_is_what_replacing_its_attributes_gives() -> None:
    job = Job("a" * 64, JobState.RUNNING, 2, "id", "queued", "why", 1.5, "credits")
    others = Job("b" * 64, JobState.FAILED, 3, None, "", "no", None, "")
    for each in fields(Job):
        value = getattr(others, each.name)
        assert job.with_changes(**{each.name: value}) == replace(job, **{each.name: value})
    assert (
        job.with_changes(**{each.name: getattr(others, each.name) for each in fields(Job)})
        == others
    )
    with pytest.raises(TypeError, match="colour"):
        job.with_changes(colour="red")
