"""What the answers of a provider do to the children of a composite job: moves, not yet durable.

Rules: an answer is an event of the table of purchases, weighed by `doubts`; what follows is what
its row says. Nothing here asks a provider, waits or writes.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from qbatch import purchase
from qbatch.errors import CredentialsError, OutOfFunds, TooLarge
from qbatch.executor import doubts
from qbatch.executor.active import ActiveJob, Bill, Move
from qbatch.executor.backend_run import BackendRun
from qbatch.job import AWAY, JobState
from qbatch.providers import Answer, Strange
from qbatch.purchase import AT_WORK, Event, Next

#: Of a job that was found under a word that is not known.
FOUND_UNCLEAR = "found, but its state is not known"


class News:
    """Reads answers for the composite jobs of one backend."""

    def __init__(self, backend: BackendRun) -> None:
        self._backend = backend

    def entered(self, active: ActiveJob, update: Answer, event: Event) -> Move | None:
        """Where the table of purchases puts a child; None: it stays where it is."""
        key = update.job_id
        follows = purchase.follows(active.job(key).state, event)
        if isinstance(update, Strange):
            self._backend.warn_of_word(update.status, active.order(key).name)
        if follows is None:
            return None
        if follows.next is Next.FETCH:
            active.ripe[key] = update
        if follows.next is Next.SEND_ANEW:
            return self._given_back(active, update)
        if event is Event.NOT_TAKEN:
            active.failures.append(update.error or "not taken yet")
            return active.happens(key, event)
        is_news = follows.state is not active.job(key).state or event in (
            Event.TAKEN,
            Event.RUNNING,
        )
        return self._moved(active, update, event) if is_news else None

    def _moved(self, active: ActiveJob, update: Answer, event: Event) -> Move:
        job = active.job(update.job_id)
        return active.happens(
            update.job_id,
            event,
            bill=_bill(update),
            status=update.status or job.status,
            provider_job_id=update.provider_job_id or job.provider_job_id,
            error=update.error,
            cost=job.cost if update.cost is None else update.cost,
            unit=self._backend.target.price.unit,
        )

    def located(self, active: ActiveJob, answer: Answer, event: Event) -> Move | None:
        """What looking for a lost answer does to a child; None: nothing yet, or nothing new."""
        key = answer.job_id
        if event is Event.NOT_TAKEN:
            return self._not_taken(active, key)
        if event is Event.UNCLEAR:
            return None
        if event is Event.GONE:
            known = active.job(key).provider_job_id
            told = f" as {known}" if known else ""
            advice = f"the provider took it{told} and does not have it any more"
            return self._kept(active, key, event, advice)
        if event is Event.UNKNOWABLE:
            advice = FOUND_UNCLEAR if isinstance(answer, Strange) else answer.error
            return self._kept(active, key, event, advice)
        move = self.entered(active, answer, event)
        return move or self._kept(active, key, Event.UNKNOWABLE, FOUND_UNCLEAR)

    def _kept(self, active: ActiveJob, key: str, event: Event, advice: str) -> Move | None:
        """Hold a child for a person, or say that it is held still."""
        job = active.job(key)
        if job.state is JobState.HELD:
            self._backend.warn(f"{active.order(key).name}: still held: {advice}")
            if job.status != AWAY:
                return None
        status = "" if job.status == AWAY else job.status
        return active.happens(key, event, status=status, error=advice)

    def _not_taken(self, active: ActiveJob, key: str) -> Move:
        """Nothing was bought: send it again, unless the provider said that it will not have it."""
        refusal = active.refusal
        if refusal is None or isinstance(refusal, CredentialsError | OutOfFunds | TooLarge):
            active.failures.append(str(refusal or "the provider does not have it"))
            return active.happens(key, Event.NOT_TAKEN)
        return active.happens(key, Event.REFUSED, error=str(refusal))

    def changed(self, active: ActiveJob, update: Answer) -> Move | None:
        """What news does to a child; None: nothing."""
        key, event = update.job_id, doubts.of_news(active, update, trio.current_time())
        if event is None or active.job(key).state not in AT_WORK or event is Event.STRANGE:
            return None
        if event is Event.GONE:
            self._backend.warn(f"{active.order(key).name}: held: {update.error}")
        if event is Event.CANCELLED and active.was_cancelled:
            update, event = replace(update, error=too_late(self._backend)), Event.FAILED
        return self.entered(active, update, event)

    def _given_back(self, active: ActiveJob, update: Answer) -> Move:
        """The provider took it and will not do it: another purchase, with another key."""
        active.failures.append(update.error or "given back by the provider")
        return active.happens(update.job_id, Event.GIVEN_BACK, bill=_bill(update))


def too_late(backend: BackendRun) -> str:
    """Why a job is given up that took too long."""
    return f"timed out: no result within {backend.timeout_s:g} s; cancelled"


def _bill(update: Answer) -> Bill | None:
    return None if update.cost is None else Bill(update.cost)
