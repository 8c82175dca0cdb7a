"""The table of purchases, held against what must be true of any."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qbatch
from qbatch.executor import doubts
from qbatch.executor.active import ActiveJob
from qbatch.job import CompositeJob, Job, stage_after
from qbatch.providers import (
    Answer,
    Batch,
    Failed,
    GivenBack,
    Missing,
    NotTaken,
    Running,
    Unclear,
    answers,
)
from qbatch.purchase import (
    ASKED,
    AT_WORK,
    COMPOSITES,
    ENDED,
    FINAL,
    IN_FLIGHT,
    MOVES,
    TABLE,
    CompositeEvent,
    Event,
    JobState,
    Ledger,
    Next,
    Row,
    Stage,
    begins,
    comes_to,
    follows,
)
from qbatch.snapshot import JobRow

ROWS = [(state, event, row) for state, rows in TABLE.items() for event, row in rows.items()]

#: Everything that a provider can say.
KINDS = [
    kind
    for kind in vars(answers).values()
    if isinstance(kind, type) and issubclass(kind, Answer) and kind is not Answer
]

#: Where a purchase stands that its provider certainly has.
AT_PROVIDER = (JobState.SUBMITTED, JobState.RUNNING)

#: Written out here by hand: what shows that nothing is paid for, or that a person takes it on.
PROOFS = {
    Event.NOT_TAKEN,  # the provider proves that it never had it
    Event.GIVEN_BACK,  # the provider says that it will not do it
    Event.RESUBMITTED,  # a person says that it was not taken
    Event.BOUGHT_AGAIN,  # a person pays for it twice
    Event.CUT_OFF,  # it was computed here, and what computed it has ended
}
#: What makes a purchase once more.
AGAIN = {Next.SEND, Next.SEND_ANEW}

#: What only a person may do.
DECISIONS = {
    Event.ADOPTED,
    Event.RESUBMITTED,
    Event.BOUGHT_AGAIN,
    Event.GIVEN_UP,
    Event.SAME_ACCOUNT,
}


def test_nothing_that_may_be_bought_is_sent_again_without_a_proof() -> None:
    sends = {Next.SEND, Next.SEND_ANEW}
    found = {event for state, event, row in ROWS if state in IN_FLIGHT and row.next in sends}
    assert found == PROOFS
    back = {event for state, event, row in ROWS if state in IN_FLIGHT and row.state == "created"}
    assert back == PROOFS


def test_p21_what_is_repeated_stays_where_it_is_and_reserved() -> None:
    repeated = {(s, event, row) for s, event, row in ROWS if row.next is Next.REPEAT}
    assert repeated == {
        (state, Event.REPEATABLE, Row(state, Ledger.KEEP, Next.REPEAT))
        for state in (JobState.SUBMITTING, JobState.HELD)
    }


def test_what_an_attempt_left_behind_is_never_sent_under_the_same_key() -> None:
    sent_again = {
        event for state, event, row in ROWS if row.next is Next.SEND and state in IN_FLIGHT
    }
    assert sent_again == {Event.NOT_TAKEN, Event.CUT_OFF}  # of which nothing is left
    others = {(state, event) for state, event, row in ROWS if row.next is Next.SEND}
    others -= {(state, event) for state in IN_FLIGHT for event in sent_again}
    assert others == {(JobState.CREATED, Event.TAKEN_UP)}


def test_what_a_run_takes_up_is_asked_about_before_anything_else_is_done() -> None:
    taken_up = {state: row for state, event, row in ROWS if event is Event.TAKEN_UP}
    assert set(taken_up) == IN_FLIGHT | {JobState.CREATED}
    assert all(row == Row(state, Ledger.KEEP, row.next) for state, row in taken_up.items())
    asked = {state: row.next for state, row in taken_up.items() if state in IN_FLIGHT}
    assert asked == {
        JobState.SUBMITTING: Next.LOOK,
        JobState.SUBMITTED: Next.POLL,
        JobState.RUNNING: Next.POLL,
        JobState.HELD: Next.LOOK,
    }
    assert {begins(state) for state in FINAL} == {Next.NOTHING}
    assert begins(JobState.CREATED) is Next.SEND


def test_nothing_is_next_for_what_is_at_its_end_and_for_nothing_else() -> None:
    assert all((row.next is Next.NOTHING) == (row.state in FINAL) for _, _, row in ROWS)
    assert all((row.next in AGAIN) == (row.state is JobState.CREATED) for _, _, row in ROWS)


def test_nothing_is_called_free_that_may_have_been_bought() -> None:
    free = {event for _, event, row in ROWS if row.ledger is Ledger.FREE}
    assert free == {
        Event.UNFIT,
        Event.NOT_TAKEN,
        Event.REFUSED,
        Event.RESUBMITTED,
        Event.CUT_OFF,
    }


def test_every_end_at_a_provider_is_billed() -> None:
    ends = [(event, row) for s, event, row in ROWS if s in IN_FLIGHT and row.state in FINAL]
    kept = {event for event, row in ends if row.ledger is Ledger.KEEP}
    assert kept == {Event.GIVEN_UP}  # nobody knows what it cost


def test_every_purchase_begins_with_its_intent_and_a_reservation() -> None:
    begun = [(s, e) for s, e, row in ROWS if row.ledger is Ledger.RESERVE]
    assert begun == [(JobState.CREATED, Event.SENT)]
    assert {row.state for row in TABLE[JobState.CREATED].values()} & IN_FLIGHT == {"submitting"}


def test_doubt_ends_with_a_person() -> None:
    asked = {row.state for _, _, row in ROWS if row.next is Next.ASK}
    assert asked == {JobState.HELD}
    assert {e for e, row in TABLE[JobState.HELD].items() if row.next is Next.ASK} >= {
        Event.UNKNOWABLE,
        Event.GONE,
    }
    assert {state for state, event, _ in ROWS if event in DECISIONS} == {JobState.HELD}


def test_whatever_is_in_flight_waits_for_its_account() -> None:
    rows = {state: row for state, event, row in ROWS if event is Event.ELSEWHERE}
    assert set(rows) == IN_FLIGHT
    assert set(rows.values()) == {Row(JobState.HELD, Ledger.KEEP, Next.ASK)}
    assert TABLE[JobState.HELD][Event.SAME_ACCOUNT] == Row(JobState.HELD, Ledger.KEEP, Next.LOOK)


def test_an_end_is_an_end() -> None:
    assert set(TABLE[JobState.COMPLETED]) == {Event.SET_ASIDE}  # the person's wish, kept with why
    for state in FINAL - {JobState.COMPLETED}:
        assert set(TABLE[state]) == {Event.AGAIN}
    to_completed = {event for _, event, row in ROWS if row.state is JobState.COMPLETED}
    assert to_completed == {Event.STORED}


def test_every_row_can_be_reached_and_every_word_is_used() -> None:
    reached = {JobState.CREATED}
    for _ in JobState:
        reached |= {row.state for state, _, row in ROWS if state in reached}
    assert reached == set(JobState) == set(TABLE)
    assert {event for _, event, _ in ROWS} == set(Event)
    assert {row.ledger for _, _, row in ROWS} == set(Ledger)
    assert {row.next for _, _, row in ROWS} == set(Next)


def test_the_table_says_where_news_are_had_and_where_a_person_is_asked() -> None:
    assert {"submitting", "submitted", "running"} == AT_WORK
    assert AT_WORK | {"held"} == IN_FLIGHT
    assert {"failed", "cancelled"} == ENDED
    assert ENDED | {"completed"} == FINAL


# -- composite jobs -----------------------------------------------------------------------------

MOVED = [
    (stage, event, after) for stage, rows in COMPOSITES.items() for event, after in rows.items()
]

#: Written out here by hand: what cannot be. All else stands in the table.
IMPOSSIBLE = {
    "created": {"ANSWERED", "RELEASED", "REOPENED"},  # nothing of it was sent
    "submitting": {"SENT", "PASSED_ON", "UNWANTED"},  # its provider may have it
    "submitted": {"SENT", "PASSED_ON", "UNWANTED"},
    "releasing": {"SENT", "PASSED_ON", "UNWANTED"},
    "closed": {event.name for event in CompositeEvent} - {"RELEASED", "REOPENED"},
}


def test_a_composite_job_is_asked_about_from_its_intent_on_until_it_is_over() -> None:
    assert set(get_args(Stage)) - ASKED == {"created", "closed"}
    assert {(stage, event) for stage, event, after in MOVED if after == "submitting"} == {
        ("created", CompositeEvent.SENT)
    }


def test_whatever_can_happen_to_a_composite_job_is_in_the_table_and_nothing_else() -> None:
    assert set(COMPOSITES) == set(get_args(Stage))
    for stage, rows in COMPOSITES.items():
        assert {event.name for event in CompositeEvent} - {e.name for e in rows} == IMPOSSIBLE[
            stage
        ]


def test_every_row_of_a_composite_job_can_be_reached() -> None:
    reached: set[str] = {"created"}
    for _ in COMPOSITES:
        reached |= {after for stage, _, after in MOVED if stage in reached}
    assert reached == set(get_args(Stage))


def test_what_may_be_at_a_provider_is_put_back_or_left_for_a_reason_alone() -> None:
    left = {
        (event, after) for stage, event, after in MOVED if stage in ASKED and after not in ASKED
    }
    assert left == {
        (CompositeEvent.NOT_TAKEN, "created"),  # each of its jobs certainly was not taken
        (CompositeEvent.RELEASED, "closed"),
        (CompositeEvent.CUT_OFF, "closed"),
        (CompositeEvent.MUTE, "closed"),
    }


@given(st.lists(st.sampled_from(list(Next)), max_size=6), st.booleans())
def test_what_a_composite_job_comes_to_is_told_by_all_of_its_jobs(
    then: list[Next], is_whole: bool
) -> None:
    found = comes_to(then, is_whole=is_whole)
    if set(then) <= {Next.NOTHING}:
        assert found is CompositeEvent.ENDED
    elif set(then) == {Next.SEND} and is_whole:
        assert found is CompositeEvent.NOT_TAKEN
    else:
        assert found is None


@given(st.data())
def test_any_history_of_a_composite_job_s_jobs_leads_through_stages_that_are_there(
    data: st.DataObject,
) -> None:
    """Its jobs go where their table leads them; it is never put back, or over, before all are."""
    jobs = dict.fromkeys("abc", JobState.CREATED)
    then = {key: begins(state) for key, state in jobs.items()}
    stage: Stage = "created"
    for _ in range(data.draw(st.integers(1, 20))):
        if stage == "created":
            happened, events = CompositeEvent.SENT, dict.fromkeys(jobs, Event.SENT)
        else:
            happened = CompositeEvent.ANSWERED
            keys = data.draw(st.sets(st.sampled_from("abc")))
            events = {
                key: data.draw(st.sampled_from(list(TABLE[jobs[key]])))
                for key in sorted(keys)
                if jobs[key] in IN_FLIGHT
            }
        for key, event in events.items():
            row = TABLE[jobs[key]][event]
            jobs[key], then[key] = row.state, row.next
        stage = stage_after(stage, happened)
        if (event := comes_to(list(then.values()), is_whole=True)) is not None:
            stage = stage_after(stage, event)
        states = set(jobs.values())
        assert (stage == "releasing") == (states <= FINAL)
        assert stage != "created" or states == {JobState.CREATED}
        if stage == "releasing" or any(then[key] is Next.SEND_ANEW for key in then):
            return  # over, or parted with


def test_moves_are_those_of_the_table() -> None:
    for old in JobState:
        assert MOVES[old] == {row.state for s, _, row in ROWS if s is old} - {old}


ANSWERS = [kind("j", provider_job_id=known) for kind in KINDS for known in ("1", None)]
ANSWERS += [Unclear("j", again_s=5.0), Unclear("j", again_s=5.0, is_patient=True)]
ANSWERS += [Missing("j", is_proof=True), Missing("j", settle_s=9.0, is_proof=True)]
ANSWERS += [Failed("j", "1", settle_s=9.0)]


def active_of(state: JobState, known: str | None) -> ActiveJob:
    batch = Batch(CompositeJob("c", "cloud", ("j",)), ())
    return ActiveJob(batch, {"j": JobRow(1, Job("j", state, provider_job_id=known))})


def events_of(call: str) -> list[tuple[Answer, JobState, Event]]:
    """Whatever may be said, at any time, where it may be asked -> the event that it is then."""
    if call == "submit":
        state = JobState.SUBMITTING
        return [(answer, state, doubts.of_sending(answer)) for answer in ANSWERS]
    found = []
    places = {"locate": (JobState.SUBMITTING, JobState.HELD), "poll": AT_PROVIDER}[call]
    for answer, state, known in itertools.product(ANSWERS, places, ("1", None)):
        active = active_of(state, known)
        for now in (0.0, 1.0, 500.0):
            if call == "locate":
                found.append((answer, state, doubts.of_looking(active, answer, now).event))
            elif event := doubts.of_news(active, answer, now):
                found.append((answer, state, event))
    return found


SAID = {call: events_of(call) for call in ("submit", "locate", "poll")}


def test_each_kind_of_answer_is_an_event_of_its_own() -> None:
    assert len({kind.event for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("call", ["submit", "locate"])
def test_whatever_a_driver_says_has_a_row_in_the_table(call: str) -> None:
    """But for an end that is none: what a driver says of a job there is in the table, whole."""
    for answer, state, event in SAID[call]:
        assert follows(state, event) is not None, (answer, state)


def test_what_drivers_may_say_is_all_that_the_table_knows_of_providers() -> None:
    by_providers = set(Event) - DECISIONS
    by_providers -= {Event.SENT, Event.UNFIT, Event.STORED, Event.UNREADABLE, Event.AGAIN}
    by_providers -= {Event.ELSEWHERE, Event.CUT_OFF, Event.TIMED_OUT, Event.TAKEN_UP}
    by_providers -= {Event.SET_ASIDE}
    told = {event for events in SAID.values() for _, _, event in events}
    told |= {kind.event for kind in KINDS}
    assert told == by_providers


def test_only_an_answer_with_a_word_for_it_sends_a_purchase_again() -> None:
    for events in SAID.values():
        for answer, state, event in events:
            row = follows(state, event)
            if row is not None and row.next in (Next.SEND, Next.SEND_ANEW):
                is_proof = isinstance(answer, Missing) and answer.is_proof
                assert is_proof or isinstance(answer, NotTaken | GivenBack), answer


def test_what_a_provider_had_is_never_called_not_taken() -> None:
    for answer, known in itertools.product(ANSWERS, ("1", None)):
        active = active_of(JobState.HELD, known)
        for now in (0.0, 1.0, 500.0):
            if doubts.of_looking(active, answer, now).event is Event.NOT_TAKEN:
                assert known is None


def test_what_counts_only_if_it_lasts_counts_once_it_did() -> None:
    active, answer = (
        active_of(JobState.SUBMITTING, None),
        Missing("j", settle_s=60.0, is_proof=True),
    )
    assert doubts.of_looking(active, answer, 0.0).event is Event.UNCLEAR
    assert doubts.of_looking(active, answer, 59.9).event is Event.UNCLEAR
    assert doubts.of_looking(active, answer, 60.0) == doubts.Seen(Event.NOT_TAKEN)


def test_what_is_said_otherwise_meanwhile_begins_anew() -> None:
    active, answer = active_of(JobState.SUBMITTED, "1"), GivenBack("j", settle_s=60.0)
    assert doubts.of_news(active, answer, 0.0) is None
    assert doubts.of_news(active, Running("j"), 30.0) is Event.RUNNING
    assert doubts.of_news(active, answer, 61.0) is None
    assert doubts.of_news(active, answer, 121.0) is Event.GIVEN_BACK


def test_the_table_knows_no_clock_no_storage_and_no_network() -> None:
    tree = ast.parse((Path(qbatch.__file__).parent / "purchase.py").read_text("utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"__future__", "collections.abc", "enum", "typing"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


def test_no_code_names_the_state_that_a_job_moves_to() -> None:
    """Whoever moves a job names what happened, and the table says where it stands then."""
    named = [
        f"{path.name}:{call.lineno}"
        for path in Path(qbatch.__file__).parent.rglob("*.py")
        for text in [path.read_text("utf-8")]
        if "JobState." in text
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("moved_to", "happens")
        and any(ast.unparse(each).startswith("JobState.") for each in call.args)
    ]
    assert not named
