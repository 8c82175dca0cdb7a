"""What becomes of a purchase: where it stands × what happens to it, in one table.

Of what is sent together, a composite job, a second one says how far it is as a whole; what that
comes to by its jobs is told by what is next for each of them.

Rules: data alone; no clock, no storage, no network. Who talks to providers turns their words into
an `Event`, looks it up here, writes down what the table says, and does what it says next. Only an
event that proves that nothing was bought leads back to a purchase that may be made again, or a
person who buys it again, knowing that it is paid for twice: that counts twice. What may have been
bought stays bought and reserved while it is repeated: its provider promises that one key
buys once.

`Event`s of providers are the same whether they come as the answer to sending, to looking for a lost
answer, or to asking for news.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Literal, NamedTuple

#: Where a composite job is. created: preparing, nothing bought. submitting: the intent is durable,
#: the outcome is not. submitted: answered. releasing: all results are here. closed: nothing left.
Stage = Literal["created", "submitting", "submitted", "releasing", "closed"]

#: Stages of a composite job that its provider is asked about; before them nothing was bought, and
#: after them it has nothing of it any more, unless a person decides.
ASKED: frozenset[Stage] = frozenset({"submitting", "submitted", "releasing"})


class JobState(StrEnum):
    """Where one job is, in our words (a provider's word is its *status*)."""

    __hash__ = str.__hash__  # that of enumerations is written in Python, and asked at every move

    CREATED = "created"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HELD = "held"

    @property
    def is_final(self) -> bool:
        """True when nothing will happen to the job by itself any more."""
        return self in FINAL


#: Where a point is, by where its jobs are: the first of these that one of them is in.
PRECEDENCE = (
    JobState.SUBMITTING,
    JobState.SUBMITTED,
    JobState.RUNNING,
    JobState.HELD,
    JobState.FAILED,
    JobState.CANCELLED,
    JobState.CREATED,
    JobState.COMPLETED,
)


class Event(StrEnum):
    """What happens to a purchase; the text is how the guide calls it."""

    __hash__ = str.__hash__

    # what qbatch does
    SENT = "its intent is on the disk, and the call that spends begins"
    UNFIT = "it cannot be sent, and nothing of it was bought"
    STORED = "its result is on the disk"
    UNREADABLE = "it is completed, but its result cannot be had"
    ELSEWHERE = "it was made with another account than the present one"
    CUT_OFF = "it was computed on this machine, by a process that has ended"
    AGAIN = "another attempt is asked for"
    SET_ASIDE = "its result is set aside, and another attempt is asked for"
    TAKEN_UP = "a run takes it up where it stands"
    # what its provider says
    TAKEN = "taken, waits"
    RUNNING = "runs"
    DONE = "done: the result can be fetched"
    FAILED = "ended without a result"
    CANCELLED = "cancelled"
    NOT_TAKEN = "certainly not taken"
    REFUSED = "certainly not taken, and refused"
    GIVEN_BACK = "taken, and given back"
    MISSING = "taken, and not shown now"
    GONE = "taken, and not there any more"
    UNCLEAR = "not clear yet whether it was taken"
    UNKNOWABLE = "nobody can tell whether it was taken"
    REPEATABLE = "not clear whether it was taken; under one key its provider takes it once"
    STRANGE = "a word that is not known"
    TIMED_OUT = "no end within its time, and nobody confirms that it is cancelled"
    # what a person decides
    SAME_ACCOUNT = "a person says that its account is the present one"
    ADOPTED = "a person says under which id it is there"
    RESUBMITTED = "a person says that it was not taken"
    BOUGHT_AGAIN = "a person buys it again, though it was taken"
    GIVEN_UP = "a person gives it up"


#: What only a person may say.
DECISIONS = frozenset(
    {
        Event.SAME_ACCOUNT,
        Event.ADOPTED,
        Event.RESUBMITTED,
        Event.BOUGHT_AGAIN,
        Event.GIVEN_UP,
    }
)


class Ledger(StrEnum):
    """What the ledger does."""

    KEEP = "keeps what is reserved"
    RESERVE = "reserves the most that it may cost"
    BILL = "bills what its provider says"
    FREE = "bills 0: not bought"


class Next(StrEnum):
    """What is done next."""

    __hash__ = str.__hash__

    NOTHING = "nothing"
    SEND = "send it, under the same key"
    SEND_ANEW = "send it, under another key"
    WAIT = "wait for the answer"
    LOOK = "look for it again"
    REPEAT = "send the same again, which tells what became of it"
    POLL = "ask for news"
    FETCH = "fetch its result"
    ASK = "ask a person"


class Row(NamedTuple):
    """What follows from an event.

    Attributes:
        state: Where the purchase stands then.
    """

    state: JobState
    ledger: Ledger = Ledger.KEEP
    next: Next = Next.NOTHING


_AT_PROVIDER: Mapping[Event, Row] = {
    Event.TAKEN: Row(JobState.SUBMITTED, next=Next.POLL),
    Event.RUNNING: Row(JobState.RUNNING, next=Next.POLL),
    Event.FAILED: Row(JobState.FAILED, Ledger.BILL),
    Event.CANCELLED: Row(JobState.CANCELLED, Ledger.BILL),
    Event.GONE: Row(JobState.HELD, next=Next.ASK),
    Event.GIVEN_BACK: Row(JobState.CREATED, Ledger.BILL, Next.SEND_ANEW),
    Event.TIMED_OUT: Row(JobState.HELD, next=Next.ASK),
    Event.UNREADABLE: Row(JobState.HELD, Ledger.BILL, Next.ASK),
    Event.CUT_OFF: Row(JobState.CREATED, Ledger.FREE, Next.SEND),
    Event.ELSEWHERE: Row(JobState.HELD, next=Next.ASK),
    Event.STORED: Row(JobState.COMPLETED, Ledger.BILL),
}


#: What happens to a purchase of which is not known whether its provider has it.
_IN_DOUBT: Mapping[Event, Row] = {
    **_AT_PROVIDER,
    Event.DONE: Row(JobState.SUBMITTED, next=Next.FETCH),
    Event.STRANGE: Row(JobState.SUBMITTED, next=Next.POLL),
    Event.NOT_TAKEN: Row(JobState.CREATED, Ledger.FREE, Next.SEND),
    Event.REFUSED: Row(JobState.FAILED, Ledger.FREE),
    Event.UNKNOWABLE: Row(JobState.HELD, next=Next.ASK),
}


def _polled(state: JobState) -> Mapping[Event, Row]:
    """What happens to a purchase that its provider certainly has."""
    return {
        **_AT_PROVIDER,
        Event.DONE: Row(state, next=Next.FETCH),
        Event.MISSING: Row(state, next=Next.POLL),
        Event.STRANGE: Row(state, next=Next.POLL),
        Event.TAKEN_UP: Row(state, next=Next.POLL),
    }


#: Where a purchase stands -> what happens -> what follows. What is not here cannot happen.
TABLE: Mapping[JobState, Mapping[Event, Row]] = {
    JobState.CREATED: {
        Event.SENT: Row(JobState.SUBMITTING, Ledger.RESERVE, Next.WAIT),
        Event.UNFIT: Row(JobState.FAILED, Ledger.FREE),
        Event.CANCELLED: Row(JobState.CANCELLED),
        Event.TAKEN_UP: Row(JobState.CREATED, next=Next.SEND),
    },
    JobState.SUBMITTING: {
        **_IN_DOUBT,
        Event.UNFIT: Row(JobState.FAILED, Ledger.FREE),
        Event.UNCLEAR: Row(JobState.SUBMITTING, next=Next.LOOK),
        Event.TAKEN_UP: Row(JobState.SUBMITTING, next=Next.LOOK),
        Event.REPEATABLE: Row(JobState.SUBMITTING, next=Next.REPEAT),
    },
    JobState.SUBMITTED: _polled(JobState.SUBMITTED),
    JobState.RUNNING: _polled(JobState.RUNNING),
    JobState.HELD: {
        **_IN_DOUBT,
        Event.UNCLEAR: Row(JobState.HELD, next=Next.LOOK),
        Event.TAKEN_UP: Row(JobState.HELD, next=Next.LOOK),
        Event.REPEATABLE: Row(JobState.HELD, next=Next.REPEAT),
        Event.SAME_ACCOUNT: Row(JobState.HELD, next=Next.LOOK),
        Event.ADOPTED: Row(JobState.SUBMITTED, next=Next.POLL),
        Event.RESUBMITTED: Row(JobState.CREATED, Ledger.FREE, Next.SEND_ANEW),
        Event.BOUGHT_AGAIN: Row(JobState.CREATED, next=Next.SEND_ANEW),
        Event.GIVEN_UP: Row(JobState.FAILED),
    },
    JobState.COMPLETED: {Event.SET_ASIDE: Row(JobState.CREATED, next=Next.SEND_ANEW)},
    JobState.FAILED: {Event.AGAIN: Row(JobState.CREATED, next=Next.SEND_ANEW)},
    JobState.CANCELLED: {Event.AGAIN: Row(JobState.CREATED, next=Next.SEND_ANEW)},
}


def follows(state: JobState, event: Event) -> Row | None:
    """Return what follows from an event; None: it says nothing to a purchase that stands there."""
    return TABLE[state].get(event)


def begins(state: JobState) -> Next:
    """Return what is next for a purchase as a run takes it up, where it stands."""
    row = follows(state, Event.TAKEN_UP)
    return Next.NOTHING if row is None else row.next


def _states_with(event: Event) -> frozenset[JobState]:
    return frozenset(state for state, rows in TABLE.items() if event in rows)


#: States in which a provider may hold work of ours.
IN_FLIGHT = _states_with(Event.TAKEN)

#: Where a job is whose shots are bought: they count, whatever a plan wants now.
BOUGHT = IN_FLIGHT | {JobState.COMPLETED}

#: Those of them of which news come without a person.
AT_WORK = IN_FLIGHT - _states_with(Event.GIVEN_UP)

#: States in which an attempt ended without a result.
ENDED = _states_with(Event.AGAIN)

#: States from which nothing leads but another attempt.
FINAL = frozenset(
    state for state, rows in TABLE.items() if rows.keys() <= {Event.AGAIN, Event.SET_ASIDE}
)

#: State -> the states that some event leads to.
MOVES: Mapping[JobState, frozenset[JobState]] = {
    state: frozenset(row.state for row in rows.values()) - {state} for state, rows in TABLE.items()
}


class CompositeEvent(StrEnum):
    """What happens to a composite job as a whole; the text is how the guide calls it."""

    SENT = "its intent is on the disk, and the call that spends begins"
    ANSWERED = "its provider has said something of it"
    NOT_TAKEN = "nothing of it was taken, and all of it is sent again, as it is"
    ENDED = "all of its jobs are at their ends, or go on in others"
    RELEASED = "nothing is left of it at its provider"
    REOPENED = "one of its jobs is asked for again"
    PASSED_ON = "others are sent in its place"
    UNWANTED = "it was only prepared, and is not wanted as it is any more"
    CUT_OFF = "it was computed on this machine, by a process that has ended"
    MUTE = "nothing is left to ask its provider with"


#: What happens to a composite job that its provider is asked about.
_ASKED: Mapping[CompositeEvent, Stage] = {
    CompositeEvent.ANSWERED: "submitted",
    CompositeEvent.NOT_TAKEN: "created",
    CompositeEvent.ENDED: "releasing",
    CompositeEvent.RELEASED: "closed",
    CompositeEvent.REOPENED: "submitted",
    CompositeEvent.CUT_OFF: "closed",
    CompositeEvent.MUTE: "closed",
}

#: Where a composite job is -> what happens to it -> where it is then. What is not here cannot be.
COMPOSITES: Mapping[Stage, Mapping[CompositeEvent, Stage]] = {
    "created": {
        CompositeEvent.SENT: "submitting",
        CompositeEvent.NOT_TAKEN: "created",
        CompositeEvent.ENDED: "releasing",
        CompositeEvent.PASSED_ON: "closed",
        CompositeEvent.UNWANTED: "closed",
        CompositeEvent.CUT_OFF: "closed",
        CompositeEvent.MUTE: "closed",
    },
    "submitting": _ASKED,
    "submitted": _ASKED,
    "releasing": _ASKED,
    "closed": {CompositeEvent.RELEASED: "closed", CompositeEvent.REOPENED: "submitted"},
}


def comes_to(then: Collection[Next], *, is_whole: bool) -> CompositeEvent | None:
    """Return what a composite job comes to by its jobs; None: to nothing yet.

    Args:
        then: What is next for each of the jobs that it answers for.
        is_whole: It answers for all that it was made of.
    """
    if all(each is Next.NOTHING for each in then):
        return CompositeEvent.ENDED
    if is_whole and all(each is Next.SEND for each in then):
        return CompositeEvent.NOT_TAKEN
    return None
