"""What answers come to with time: only here a provider's word is weighed against the clock.

Rules: an answer that says how long it must last counts for nothing until it did; what was taken for
certain is never called not taken; what a driver says may be seen later is looked for later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from qbatch.errors import CredentialsError, OutOfFunds, TooLarge
from qbatch.executor.active import ActiveJob
from qbatch.job import ID_LOST, Job, JobState
from qbatch.providers import Answer, Missing, NotTaken, Repeatable, Strange, Unclear
from qbatch.purchase import Event

#: How often `locate` is asked, where it says that looking again later may help.
MAX_LOOKS = 5

#: So many polls in a row, over so many seconds, must say that a job is lost before it is held.
MAX_DOUBTS, DOUBT_S = 3, 120.0

#: What a provider said to what it did not take, and may not say to the next attempt.
PASSING = (CredentialsError, OutOfFunds, TooLarge)

#: Added to a pause after which something is settled, so that it is then, seconds.
SLACK_S = 0.1


class Seen(NamedTuple):
    """What an answer to `locate` says by now.

    Attributes:
        again_s: Look again after so many seconds; None: that would not help.
    """

    event: Event
    again_s: float | None = None


def of_sending(answer: Answer) -> Event:
    """What an answer to `submit`, or to `recall`, says of one job."""
    if isinstance(answer, Unclear):
        return Event.UNKNOWABLE if answer.again_s is None else Event.UNCLEAR
    if answer.settle_s > 0:  # it is looked for until then
        return Event.UNCLEAR
    if isinstance(answer, Missing) or (isinstance(answer, Strange) and not answer.provider_job_id):
        return Event.UNCLEAR
    return answer.event


def of_age(active: ActiveJob, told: Sequence[Answer], now: float) -> Sequence[Answer]:
    """What is said of sending children again, where their providers may have forgotten them.

    Args:
        active: Knows when they were sent.
        told: Answers to `locate`.
        now: UTC, seconds since 1970.
    """
    return [
        Unclear(one.job_id, error=f"{one.error}; its key may be forgotten by now")
        if isinstance(one, Repeatable) and _age_s(active, one, now) > one.life_s
        else one
        for one in told
    ]


def of_repeating(told: Sequence[Answer]) -> Sequence[Answer]:
    """What was said when it was sent again; that this would tell is no answer to it."""
    return [
        Unclear(one.job_id, error=one.error) if isinstance(one, Repeatable) else one for one in told
    ]


def _age_s(active: ActiveJob, answer: Answer, now: float) -> float:
    sent_at = active.rows[answer.job_id].submitted_at
    return math.inf if sent_at is None else now - sent_at


def of_looking(active: ActiveJob, answer: Answer, now: float) -> Seen:
    """What an answer to `locate` says of one child by now; see the module's head.

    Args:
        active: Keeps since when it is said.
        answer: Of one of its children.
        now: Seconds of any clock that goes on.
    """
    seen = _seen(active, answer, now)
    was_looked_for = _was_looked_for(active.job(answer.job_id))
    return Seen(Event.UNKNOWABLE) if was_looked_for and seen.event is Event.UNCLEAR else seen


def _was_looked_for(job: Job) -> bool:
    """Whether looking for it came to nothing before: a run looks once more, and does not wait."""
    return job.state is JobState.HELD and not job.is_held_for_account


def _seen(active: ActiveJob, answer: Answer, now: float) -> Seen:
    left_s = _left_s(active, answer, now)
    if left_s > 0:
        look_s = answer.look_s if isinstance(answer, Missing) else None
        pause_s = left_s if look_s is None else min(left_s, look_s)
        return Seen(Event.UNCLEAR, pause_s + SLACK_S)
    if isinstance(answer, NotTaken) or (isinstance(answer, Missing) and answer.is_proof):
        return Seen(_of_absence(active, active.job(answer.job_id)))
    if isinstance(answer, Unclear) and (answer.is_patient or active.looks < MAX_LOOKS):
        event = Event.UNKNOWABLE if answer.again_s is None else Event.UNCLEAR
        return Seen(event, answer.again_s)
    if isinstance(answer, Missing | Unclear):
        return Seen(Event.UNKNOWABLE)
    if isinstance(answer, Strange) and not answer.provider_job_id:
        return Seen(Event.UNKNOWABLE)
    return Seen(answer.event)


def _of_absence(active: ActiveJob, job: Job) -> Event:
    """What it comes to that a child is not there, and that this is a proof."""
    if job.provider_job_id is not None or job.status == ID_LOST:
        return Event.GONE
    if active.refusal is None or isinstance(active.refusal, PASSING):
        return Event.NOT_TAKEN
    return Event.REFUSED


def of_news(active: ActiveJob, answer: Answer, now: float) -> Event | None:
    """What an answer to `poll` or `cancel` says of a child by now; None: nothing that counts."""
    if not isinstance(answer, Missing):
        return answer.event if _left_s(active, answer, now) <= 0 else None
    key = answer.job_id
    active.doubts[key] += 1
    since = active.said_at.setdefault(key, now)
    is_settled = now - since >= max(DOUBT_S, answer.settle_s)
    return Event.GONE if is_settled and active.doubts[key] >= MAX_DOUBTS else None


def _left_s(active: ActiveJob, answer: Answer, now: float) -> float:
    """For how long an answer must be repeated still, seconds."""
    if answer.settle_s <= 0:
        active.said_at.pop(answer.job_id, None)
        return 0.0
    return answer.settle_s - (now - active.said_at.setdefault(answer.job_id, now))
