"""What the answers of a provider do to the children of a flight: moves, not yet durable.

Rules: an answer is an event of the table of purchases, weighed by `doubts`; what follows is what
its row says. Nothing here asks a provider, waits or writes.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from qbatch import purchase
from qbatch.errors import CredentialsError, OutOfFunds, TooLarge
from qbatch.executor import doubts
from qbatch.executor.flight import AT_WORK, Bill, Flight, Move
from qbatch.executor.lane import Lane
from qbatch.job import AWAY, JobState
from qbatch.providers import Answer, Strange
from qbatch.purchase import Event, Next

#: Of a job that was found under a word that is not known.
FOUND_UNCLEAR = "found, but its state is not known"


class News:
    """Reads answers for the flights of one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

    def entered(self, flight: Flight, update: Answer, event: Event) -> Move | None:
        """Where the table of purchases puts a child; None: it stays where it is."""
        key = update.job_id
        follows = purchase.follows(flight.job(key).state, event)
        if isinstance(update, Strange):
            self._lane.warn_of_word(update.status, flight.order(key).name)
        if follows is None:
            return None
        if follows.next is Next.FETCH:
            flight.ripe[key] = update
        if follows.next is Next.SEND_ANEW:
            return self._given_back(flight, update)
        if event is Event.NOT_TAKEN:
            flight.failures.append(update.error or "not taken yet")
            return flight.happens(key, event, provider_job_id=None, error="")
        is_news = follows.state is not flight.job(key).state or event in (
            Event.TAKEN,
            Event.RUNNING,
        )
        return self._moved(flight, update, event) if is_news else None

    def _moved(self, flight: Flight, update: Answer, event: Event) -> Move:
        job = flight.job(update.job_id)
        return flight.happens(
            update.job_id,
            event,
            bill=_bill(update),
            status=update.status or job.status,
            provider_job_id=update.provider_job_id or job.provider_job_id,
            error=update.error,
            cost=job.cost if update.cost is None else update.cost,
            unit=self._lane.target.price.unit,
        )

    def located(self, flight: Flight, answer: Answer, event: Event) -> Move | None:
        """What looking for a lost answer does to a child; None: nothing yet, or nothing new."""
        key = answer.job_id
        if event is Event.NOT_TAKEN:
            return self._not_taken(flight, key)
        if event is Event.UNCLEAR:
            return None
        if event is Event.GONE:
            known = flight.job(key).provider_job_id
            told = f" as {known}" if known else ""
            advice = f"the provider took it{told} and does not have it any more"
            return self._kept(flight, key, event, advice)
        if event is Event.UNKNOWABLE:
            advice = FOUND_UNCLEAR if isinstance(answer, Strange) else answer.error
            return self._kept(flight, key, event, advice)
        move = self.entered(flight, answer, event)
        return move or self._kept(flight, key, Event.UNKNOWABLE, FOUND_UNCLEAR)

    def _kept(self, flight: Flight, key: str, event: Event, advice: str) -> Move | None:
        """Hold a child for a person, or say that it is held still."""
        job = flight.job(key)
        if job.state is JobState.HELD:
            self._lane.warn(f"{flight.order(key).name}: still held: {advice}")
            if job.status != AWAY:
                return None
        status = "" if job.status == AWAY else job.status
        return flight.happens(key, event, status=status, error=advice)

    def _not_taken(self, flight: Flight, key: str) -> Move:
        """Nothing was bought: send it again, unless the provider said that it will not have it."""
        refusal = flight.refusal
        if refusal is None or isinstance(refusal, CredentialsError | OutOfFunds | TooLarge):
            flight.failures.append(str(refusal or "the provider does not have it"))
            return flight.happens(key, Event.NOT_TAKEN, error="")
        return flight.happens(key, Event.REFUSED, error=str(refusal))

    def changed(self, flight: Flight, update: Answer) -> Move | None:
        """What news does to a child; None: nothing."""
        key, event = update.job_id, doubts.of_news(flight, update, trio.current_time())
        if event is None or flight.job(key).state not in AT_WORK or event is Event.STRANGE:
            return None
        if event is Event.GONE:
            self._lane.warn(f"{flight.order(key).name}: held: {update.error}")
        if event is Event.CANCELLED and flight.was_cancelled:
            update, event = replace(update, error=too_late(self._lane)), Event.FAILED
        return self.entered(flight, update, event)

    def _given_back(self, flight: Flight, update: Answer) -> Move:
        """The provider took it and will not do it: another purchase, with another key."""
        flight.failures.append(update.error or "given back by the provider")
        return flight.happens(
            update.job_id,
            Event.GIVEN_BACK,
            bill=_bill(update),
            provider_job_id=None,
            status="",
            error="",
            cost=None,
            generation=flight.job(update.job_id).generation + 1,
        )


def too_late(lane: Lane) -> str:
    """Why a job is given up that took too long."""
    return f"timed out: no result within {lane.timeout_s:g} s; cancelled"


def _bill(update: Answer) -> Bill | None:
    return None if update.cost is None else Bill(update.cost)
