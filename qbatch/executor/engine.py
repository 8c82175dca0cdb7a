"""What the backends of a run share: the journal, the clock's limits, the tally, the observer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar

import trio

from qbatch.executor.active import ActiveJob
from qbatch.executor.budget import Budget, Excess
from qbatch.executor.events import Event, JobMoved, Observer, Progress, Warned
from qbatch.executor.journal import Journal
from qbatch.executor.pace import Slots
from qbatch.executor.retry import Retry
from qbatch.executor.stop import Stop
from qbatch.executor.waits import Cause, Waits
from qbatch.job import Job, JobState
from qbatch.plan.pricing.limits import Limit, Rates
from qbatch.purchase import ENDED
from qbatch.snapshot import JobRow, Snapshot

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Analysis

T = TypeVar("T")

#: Progress is told this often at most, seconds.
TELL_EVERY_S = 0.2

#: States a point may be run from, by the word of ``--only``.
WANTED = {
    None: ENDED | {JobState.CREATED},
    "failed": ENDED,
    "missing": frozenset({JobState.CREATED}),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is run; nothing here changes a result.

    Attributes:
        max_in_flight: Composite jobs at once, over all backends.
        fail_fast: Stop at the first job that fails.
        retry: When calls are made again.
        only: Run only points that failed or were cancelled, or only those never run.
        seed: Of all jitter.
        is_inline: The clock is virtual: no threads.
        grace_s: After the first request to stop, seconds for what is under way.
        detach: Leave once all that fits is submitted; results are fetched another time.
        limits: The most that all of the run may cost, earlier calls included.
        rates: By which amounts in other units count against them.
        ask_more: Asks a person what a limit is to be raised to, in a thread; None: nobody is there.
    """

    max_in_flight: int = 50
    fail_fast: bool = False
    retry: Retry = field(default_factory=Retry)
    only: Literal["failed", "missing"] | None = None
    seed: int = 0
    is_inline: bool = False
    grace_s: float = 1.5
    detach: bool = False
    limits: tuple[Limit, ...] = ()
    rates: Rates = field(default_factory=dict)
    ask_more: Callable[[Excess], float | None] | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> Settings:
        """The settings a manifest asks for."""
        run = manifest.run
        retry = Retry(run.retry.attempts, patience_s=run.retry.patience_s)
        return cls(run.max_in_flight, run.fail_fast, retry)


@dataclass
class Tally:
    """How far the run is.

    Attributes:
        total: Points to run.
        completed: Of these, so far.
        failed: Failed or cancelled, so far.
        held: Ids of those that a person must decide about.
    """

    total: int = 0
    completed: int = 0
    failed: int = 0
    held: set[str] = field(default_factory=set)

    def count(self, before: JobState, job: Job) -> None:
        """Take in a move."""
        if job.state is JobState.HELD:
            self.held.add(job.id)
        else:
            self.held.discard(job.id)
        if job.state is before:
            return
        if job.state is JobState.COMPLETED:
            self.completed += 1
        elif job.state.is_final:
            self.failed += 1


@dataclass
class Engine:
    """See the module's head.

    Attributes:
        busy: Ids in composite jobs of the last run: they have a lifecycle already.
        queues: Backend -> where its jobs' time in the provider's queue is noted; clouds only.
    """

    snapshot: Snapshot
    journal: Journal
    settings: Settings
    stop: Stop
    observer: Observer
    analysis: Analysis
    analysis_key: str
    slots: Slots
    random: Random
    tally: Tally = field(default_factory=Tally)
    budget: Budget = field(default_factory=Budget)
    busy: set[str] = field(default_factory=set)
    queues: dict[str, Waits] = field(default_factory=dict)
    _told_at: float = -1.0
    _asking: trio.Lock = field(default_factory=trio.Lock)
    _refused: set[Limit] = field(default_factory=set)

    async def offload(self, work: Callable[[], T]) -> T:
        """Do long work in a thread; on a virtual clock here, for time must not pass meanwhile."""
        if self.settings.is_inline:
            return work()
        return await trio.to_thread.run_sync(work)

    async def ask_more(self, excess: Excess) -> bool:
        """Ask the person whether to raise a limit; once nothing was allowed, not again."""
        ask = self.settings.ask_more
        if ask is None:
            return False
        async with self._asking:
            if excess.limit not in self.budget.limits:
                return True  # raised meanwhile: the caller tries again
            if excess.limit in self._refused:
                return False
            amount = await trio.to_thread.run_sync(ask, excess, abandon_on_cancel=True)
            if amount is None:
                self._refused.add(excess.limit)
                return False
            self.budget.allow(excess.limit, amount)
            return True

    def tell(self, event: Event) -> None:
        """Tell the observer; a broken terminal does not end a run."""
        try:
            self.observer(event)
        except OSError:
            self.observer = _nobody

    def warn(self, text: str) -> None:
        """Tell something a person should read."""
        self.tell(Warned(text))

    def note(self, active: ActiveJob, rows: Iterable[JobRow]) -> None:
        """Moves are durable: believe them, count them, tell them."""
        backend = active.batch.composite.backend
        queued = 0
        for row in rows:
            job = row.job
            before = active.job(job.id).state
            active.rows[job.id] = row
            self.tally.count(before, job)
            queued += (job.state is JobState.SUBMITTED) - (before is JobState.SUBMITTED)
            name = active.order(job.id).name
            self.tell(
                JobMoved(
                    job.id, name, backend, job.state, job.status, job.error, job.provider_job_id
                )
            )
            if job.state is JobState.FAILED and self.settings.fail_fast:
                self.stop.request(f"{name} failed, and fail_fast is set")
        if queued and backend in self.queues:
            self.queues[backend].begin(Cause.QUEUE, queued)
        now = trio.current_time()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            self.tell_progress()

    def tell_progress(self) -> None:
        """Say how far the run is."""
        tally = self.tally
        held = len(tally.held)
        done = tally.completed + tally.failed + held
        self.tell(Progress(tally.total, done, tally.failed, held, self.slots.taken))


def _nobody(event: Event) -> None:
    del event
