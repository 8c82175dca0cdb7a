"""Asks one backend for news of everything in flight there, and hands it to whom it concerns.

Rules: one poller asks for all composite jobs, with as few calls as the driver needs; news of a
purchase that another one has taken the place of is nobody's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import NoReturn, Protocol, TypeVar

import trio

from qbatch.errors import Misspoke, ProviderError, Refused
from qbatch.executor.active import ActiveJob
from qbatch.executor.pace import PollPace
from qbatch.providers import ENDS, Answer, Driver, Missing, Part, Strange
from qbatch.purchase import AT_WORK, Event, Next, follows

T = TypeVar("T")

#: What says that a job goes on as before, if it does.
_GOES_ON = (Event.TAKEN, Event.RUNNING)


class Asked(Protocol):
    """What a backend is to its poller: see `backend_run.BackendRun`."""

    driver: Driver

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call that spends nothing, again and again while that may help."""

    async def give_up(self, error: ProviderError) -> NoReturn:
        """End this backend."""

    def warn(self, text: str, *, once: str = "") -> None:
        """Tell the observer."""


class Poller:
    """See the module's head.

    Args:
        backend: The backend.
        pace: The pauses between two polls.
    """

    def __init__(self, backend: Asked, pace: PollPace) -> None:
        self._backend = backend
        self._pace = pace
        #: Job id -> the composite job that answers for it.
        self._of_job: dict[str, ActiveJob] = {}
        self._watched: dict[ActiveJob, None] = {}
        self._added = trio.Event()

    @property
    def active_jobs(self) -> set[ActiveJob]:
        """The composite jobs that are not over."""
        return set(self._of_job.values())

    def enter(self, active: ActiveJob) -> None:
        """News of the composite job's children goes to it from now on."""
        self._of_job.update(dict.fromkeys(active.ids, active))

    def leave(self, active: ActiveJob) -> None:
        """The composite job is over."""
        self.unwatch(active)
        for key in active.batch.composite.job_ids:
            if self._of_job.get(key) is active:
                del self._of_job[key]

    def watch(self, active: ActiveJob) -> None:
        """Ask for news of it from now on."""
        if active in self._watched:
            return
        self._watched[active] = None
        self._pace.news()
        self._added.set()

    def unwatch(self, active: ActiveJob) -> None:
        """Ask about it no more."""
        self._watched.pop(active, None)

    async def poll_forever(self) -> None:
        """Ask for news of everything in flight, with as few calls as the driver needs."""
        while True:
            due = await self._wait_due()
            try:
                num_news = await self.ask(due)
            except Misspoke as error:
                self._backend.warn(f"{error}", once=str(error))
                continue
            except Refused as error:
                await self._backend.give_up(error)
            if num_news:
                self._pace.news()

    async def ask(self, active_jobs: Collection[ActiveJob]) -> int:
        """Ask for news of jobs and hand it to those it concerns; return how much there was.

        Raises:
            Refused: The provider will not be asked.
            Misspoke: It answered nonsense, again and again.
        """
        num_news = 0
        while True:
            found, is_part = await self._ask_once(active_jobs)
            num_news += found
            if not (found and is_part):
                return num_news

    async def _ask_once(self, active_jobs: Collection[ActiveJob]) -> tuple[int, bool]:
        """Ask; return how much news there was, and whether there may be more at once."""
        batches = [active.current() for active in active_jobs]
        sent_in = Counter(key for batch in batches for key in batch.composite.job_ids)
        updates = await self._backend.read(partial(self._backend.driver.poll, batches))
        self._pace.heard(sum(isinstance(update, ENDS) for update in updates), len(updates))
        num_news = sum(
            self._deliver(update)
            for update in updates
            if not self._is_of_another(update, active_jobs, sent_in)
        )
        return num_news, isinstance(updates, Part)

    async def _wait_due(self) -> list[ActiveJob]:
        """Pause, then return the composite jobs that may be asked about."""
        while True:
            while not self._watched:
                self._added = trio.Event()
                await self._added.wait()
            self._added = trio.Event()
            with trio.move_on_after(self._pace.next_s()):
                await self._added.wait()
                await trio.sleep(self._pace.next_s())
            now = trio.current_time()
            asked = [active for active in self._watched if active.ids_then(Next.POLL)]
            due = [active for active in asked if active.not_before <= now]
            if due:
                return due
            if asked:
                await trio.sleep_until(min(active.not_before for active in asked))

    def _is_of_another(
        self, update: Answer, asked: Collection[ActiveJob], sent_in: Mapping[str, int]
    ) -> bool:
        """Whether news is of an earlier purchase of its point, from one that is not over.

        Drivers are asked about whole batches, those children that were bought anew among them.
        """
        active = self._of_job.get(update.job_id)
        if active is None:
            return False
        known = active.job(update.job_id).provider_job_id
        if update.provider_job_id in (None, known):
            return False
        return known is not None or sent_in[update.job_id] > (active in asked)

    def _deliver(self, update: Answer) -> bool:
        """Hand an update to its composite job; tell whether it is news."""
        active = self._of_job.get(update.job_id)
        if active is None:
            return False
        job = active.job(update.job_id)
        if update.not_before_s > 0:
            active.not_before = trio.current_time() + update.not_before_s
        if isinstance(update, Strange):
            self.warn_of_word(update.status, active.order(update.job_id).name)
            return False
        if job.state not in AT_WORK or update.job_id in active.ripe:
            return False
        is_missing = isinstance(update, Missing)
        if not is_missing:
            active.doubts.pop(update.job_id, None)
        if not is_missing and update.settle_s <= 0:
            active.said_at.pop(update.job_id, None)
        row = follows(job.state, update.event)
        is_as_before = row is not None and row.state is job.state and update.event in _GOES_ON
        if is_as_before and update.status in ("", job.status):
            return False
        active.deliver(update)
        return update.settle_s <= 0 and not is_missing

    def warn_of_word(self, status: str, name: str) -> None:
        """Say that the provider used a word we do not know; the job stays where it is."""
        self._backend.warn(
            f"unknown status {status!r} (of {name}); the job is kept where it is", once=status
        )
