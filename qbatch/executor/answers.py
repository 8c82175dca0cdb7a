"""What drivers say, as events of the purchase table."""

from __future__ import annotations

from collections.abc import Mapping

from qbatch.providers import Absent, Found, Located, Update
from qbatch.purchase import Event, JobState

#: What a job's state in an answer means, whatever was asked.
_EVENTS: Mapping[JobState | None, Event] = {
    None: Event.STRANGE,
    JobState.SUBMITTING: Event.UNCLEAR,
    JobState.SUBMITTED: Event.TAKEN,
    JobState.RUNNING: Event.RUNNING,
    JobState.COMPLETED: Event.DONE,
    JobState.FAILED: Event.FAILED,
    JobState.CANCELLED: Event.CANCELLED,
}


def of_sending(update: Update) -> Event:
    """What an answer to `submit` says of one job."""
    if update.state is JobState.CREATED:
        return Event.NOT_TAKEN
    if update.state is JobState.HELD:
        return Event.UNKNOWABLE
    if update.state is JobState.FAILED and update.provider_job_id is None:
        return Event.REFUSED
    if update.state is None and update.provider_job_id is None:
        return Event.UNCLEAR
    return _EVENTS[update.state]


def of_news(update: Update) -> Event:
    """What an answer to `poll` or `cancel` says of a job that its provider has."""
    if update.state is JobState.CREATED:
        return Event.GIVEN_BACK
    if update.state is JobState.HELD:
        return Event.MISSING
    return _EVENTS[update.state]


def of_looking(answer: Located, *, is_known: bool, may_look_again: bool) -> Event:
    """What an answer to `locate` says of one job.

    Args:
        answer: The driver's, `Missing` turned into what that says by now.
        is_known: The provider had it once, under an id.
        may_look_again: The driver says that it helps.
    """
    if isinstance(answer, Found):
        is_named = answer.update.state is not None or answer.update.provider_job_id is not None
        return of_news(answer.update) if is_named else Event.UNKNOWABLE
    if isinstance(answer, Absent):
        return Event.GONE if is_known else Event.NOT_TAKEN
    return Event.UNCLEAR if may_look_again else Event.UNKNOWABLE
