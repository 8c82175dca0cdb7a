"""The table of purchases, held against what must be true of any."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import qbatch
from qbatch.executor import answers
from qbatch.providers import Absent, Found, Unknown, Update
from qbatch.purchase import (
    FINAL,
    IN_FLIGHT,
    MOVES,
    TABLE,
    Event,
    JobState,
    Ledger,
    Next,
    Row,
    follows,
)

ROWS = [(state, event, row) for state, rows in TABLE.items() for event, row in rows.items()]

#: Written out here by hand: what shows that nothing is paid for, or that a person takes it on.
PROOFS = {
    Event.NOT_TAKEN,  # the provider proves that it never had it
    Event.GIVEN_BACK,  # the provider says that it will not do it
    Event.RESUBMITTED,  # a person says that it was not taken
    Event.CUT_OFF,  # it was computed here, and what computed it has ended
}
#: What only a person may do.
DECISIONS = {Event.ADOPTED, Event.RESUBMITTED, Event.GIVEN_UP, Event.SAME_ACCOUNT}


def test_nothing_that_may_be_bought_is_sent_again_without_a_proof() -> None:
    sends = {Next.SEND, Next.SEND_ANEW}
    found = {event for state, event, row in ROWS if state in IN_FLIGHT and row.next in sends}
    assert found == PROOFS
    back = {event for state, event, row in ROWS if state in IN_FLIGHT and row.state == "created"}
    assert back == PROOFS


def test_what_an_attempt_left_behind_is_never_sent_under_the_same_key() -> None:
    sent_again = {event for _, event, row in ROWS if row.next is Next.SEND}
    assert sent_again == {Event.NOT_TAKEN, Event.CUT_OFF}  # of which nothing is left


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
    assert not TABLE[JobState.COMPLETED]
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


def test_moves_are_those_of_the_table() -> None:
    for old in JobState:
        assert MOVES[old] == {row.state for s, _, row in ROWS if s is old} - {old}


UPDATES = [
    Update("j", state, provider_job_id=known)
    for state in (*JobState, None)
    for known in ("1", None)
]
SAID = {
    "submit": [answers.of_sending(update) for update in UPDATES],
    "poll": [answers.of_news(update) for update in UPDATES],
    "locate": [
        answers.of_looking(answer, is_known=known, may_look_again=again)
        for answer in (*map(Found, UPDATES), Absent(), Unknown("look there"))
        for known in (True, False)
        for again in (True, False)
    ],
}


@pytest.mark.parametrize("call", SAID)
def test_whatever_a_driver_says_is_an_event_of_the_table(call: str) -> None:
    told = {event for events in SAID.values() for event in events}
    by_providers = set(Event) - DECISIONS
    by_providers -= {Event.SENT, Event.UNFIT, Event.STORED, Event.UNREADABLE, Event.AGAIN}
    by_providers -= {Event.ELSEWHERE, Event.CUT_OFF}
    assert set(SAID[call]) <= by_providers
    assert told == by_providers - {Event.TIMED_OUT}


def test_no_answer_without_a_word_for_it_sends_a_purchase_again() -> None:
    for update in UPDATES:
        for event in (answers.of_sending(update), answers.of_news(update)):
            row = follows(JobState.SUBMITTING, event)
            if row is not None and row.next in (Next.SEND, Next.SEND_ANEW):
                assert update.state is JobState.CREATED


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
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in ("moved_to", "happens")
        and any(ast.unparse(each).startswith("JobState.") for each in call.args)
    ]
    assert not named
