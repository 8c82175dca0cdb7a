"""What the answers of a provider do to the children of a composite job: moves, not yet durable.

Rules: an answer is an event of the table of purchases, weighed by `doubts`; what follows is what
its row says. Nothing here asks a provider, waits or writes.
"""

from __future__ import annotations

from dataclasses import replace

import trio

from qbatch.executor import doubts
from qbatch.executor.active import ActiveJob, Bill, Move
from qbatch.executor.backend_run import BackendRun
from qbatch.job import JobState
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
        if isinstance(update, Strange):
            self._backend.poller.warn_of_word(update.status, active.order(key).name)
        row = active.hears(update, event)
        if row is None:
            return None
        if row.next in (Next.SEND, Next.SEND_ANEW):
            active.failures.append(update.error or event.value)
            return active.happens(key, event, bill=_bill(update))
        is_news = row.state is not active.job(key).state or event in (Event.TAKEN, Event.RUNNING)
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
        row = active.hears(answer, event)
        if row is None or row.next in (Next.LOOK, Next.REPEAT):
            return None
        if row.next is Next.ASK:
            return self._kept(active, answer, event)
        if event in (Event.NOT_TAKEN, Event.REFUSED):
            return self._absent(active, answer.job_id, event)
        return self.entered(active, answer, event)

    def _kept(self, active: ActiveJob, answer: Answer, event: Event) -> Move | None:
        """Hold a child for a person, or say that it is held still."""
        key = answer.job_id
        job, advice = active.job(key), answer.error
        if event is Event.GONE:
            told = f" as {job.provider_job_id}" if job.provider_job_id else ""
            advice = f"the provider took it{told} and does not have it any more"
        elif isinstance(answer, Strange):
            advice = FOUND_UNCLEAR
        if job.state is JobState.HELD:
            self._backend.warn(f"{active.order(key).name}: still held: {advice}")
            if not job.is_held_for_account:
                return None
        return active.happens(key, event, error=advice)

    def _absent(self, active: ActiveJob, key: str, event: Event) -> Move:
        """Nothing was bought; what the provider said to it as it was sent tells why."""
        told = str(active.refusal or "the provider does not have it")
        if event is Event.REFUSED:
            return active.happens(key, event, error=told)
        active.failures.append(told)
        return active.happens(key, event)

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


def too_late(backend: BackendRun) -> str:
    """Why a job is given up that took too long."""
    return f"timed out: no result within {backend.timeout_s:g} s; cancelled"


def _bill(update: Answer) -> Bill | None:
    return None if update.cost is None else Bill(update.cost)
