"""What the backends of a run share: the journal, the clock's limits, the tally, the observer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar

import trio

from qbatch.executor.active import ActiveJob
from qbatch.executor.agreed import Agreed
from qbatch.executor.backend_run import BackendRun
from qbatch.executor.budget import Budget, Excess
from qbatch.executor.events import Event, JobMoved, Observer, Progress, Waiting, Warned
from qbatch.executor.journal import Journal
from qbatch.executor.pace import Slots
from qbatch.executor.retry import Retry
from qbatch.executor.steps import Steps, moves_in_words
from qbatch.executor.stop import Stop
from qbatch.executor.tally import Tally
from qbatch.executor.waits import Cause, OpenWait, Waits
from qbatch.frozen import dataclass
from qbatch.job import Job, JobState
from qbatch.plan.pricing.limits import Limit, Rates
from qbatch.purchase import ENDED
from qbatch.snapshot import JobRow, Snapshot

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Analysis

T = TypeVar("T")

#: Progress is told this often at most, and kept for other processes, seconds.
TELL_EVERY_S, STANDING_S = 0.2, 1.0

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
        wait_s: A cloud where nothing came on for so long is left, seconds.
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
    wait_s: float = math.inf
    limits: tuple[Limit, ...] = ()
    rates: Rates = field(default_factory=dict)
    ask_more: Callable[[Excess], float | None] | None = None

    async def offload(self, work: Callable[[], T]) -> T:
        """Do long work in a thread; on a virtual clock here, for time must not pass meanwhile."""
        return work() if self.is_inline else await trio.to_thread.run_sync(work)

    @classmethod
    def of(cls, manifest: Manifest) -> Settings:
        """The settings a manifest asks for."""
        run = manifest.run
        retry = Retry(run.retry.attempts, patience_s=run.retry.patience_s)
        wait_s = math.inf if run.wait_s is None else run.wait_s
        return cls(run.max_in_flight, run.fail_fast, retry, wait_s=wait_s)


@dataclass
class Engine:
    """See the module's head.

    Attributes:
        busy: Ids in composite jobs of the last run: they have a lifecycle already.
        tally: How far the run is.
        backends: Those of the run.
        tallies: Backend -> how far it is.
        waiting: Backend -> what holds it up now.
        steps: Tells the steps of jobs at clouds.
        agreed: What may be bought; None: whatever the plan lacks.
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
    steps: Steps = field(default_factory=Steps)
    agreed: Agreed | None = None
    tally: Tally = field(default_factory=Tally)
    budget: Budget = field(default_factory=Budget)
    busy: set[str] = field(default_factory=set)
    backends: dict[str, BackendRun] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    waiting: dict[str, tuple[OpenWait, ...]] = field(default_factory=dict)
    _told_at: float = -1.0
    _changed: trio.Event = field(default_factory=trio.Event)
    _asking: trio.Lock = field(default_factory=trio.Lock)
    _refused: set[Limit] = field(default_factory=set)

    async def offload(self, work: Callable[[], T]) -> T:
        """Do long work beside the loop; see `Settings`."""
        return await self.settings.offload(work)

    async def take_slots(self, backend: BackendRun) -> None:
        """Wait until the backend and the run take one more composite job; both count it, or none.

        Raises:
            trio.Cancelled: Nothing is counted.
        """
        await backend.slots.take(backend.waits, backend.limited_by)
        try:
            await self.slots.take(backend.waits, Cause.RUN_LIMIT)
        except trio.Cancelled:
            backend.slots.free()
            raise

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

    def expect(self, backend: str, number: int) -> None:
        """So many points more are to be run there."""
        self.tally.total += number
        self.tallies.setdefault(backend, Tally()).total += number

    def open_waits(self, backend: str, *, is_local: bool) -> Waits:
        """Where is noted what holds a backend up; a simulator's full cores are no news."""
        if is_local:
            return Waits()

        def tell(waits: tuple[OpenWait, ...]) -> None:
            self.waiting[backend] = waits
            self.tell(Waiting(backend, waits))
            self.changes()

        return Waits(self.snapshot.now, tell)

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
        run_of, tally = self.backends[backend], self.tallies[backend]
        comes_on = False
        moved = []
        for row in rows:
            job = row.job
            before = active.job(job.id)
            moved.append((before, job))
            active.rows[job.id] = row
            self.tally.count(before, job)
            comes_on |= tally.count(before, job)
            name = active.order(job.id).name
            self.tell(
                JobMoved(
                    job.id, name, backend, job.state, job.status, job.error, job.provider_job_id
                )
            )
            if job.state is JobState.FAILED and self.settings.fail_fast:
                self.stop.request(f"{name} failed, and fail_fast is set")
        if comes_on:
            run_of.comes_on(with_results=any(new.state is JobState.COMPLETED for _, new in moved))
        if ran := [now.id for before, now in moved if _has_run(now) and not _has_run(before)]:
            run_of.on_ran(active, ran)
        if not run_of.driver.is_local:
            for text in moves_in_words(moved, len(active.rows)):
                self.steps.tell(active.batch, text)
            run_of.requeue(moved)
        self.changes()
        now = trio.current_time()
        if now - self._told_at >= TELL_EVERY_S:
            self._told_at = now
            self.tell_progress()

    def tell_progress(self) -> None:
        """Say how far the run is."""
        self.tell(self._progress())

    def changes(self) -> None:
        """How far it is changes: `keep_standing` tells it soon."""
        self._changed.set()

    def _progress(self) -> Progress:
        tally = self.tally
        held = len(tally.held)
        done = tally.completed + tally.failed + tally.cancelled + held
        backends = {name: one.progress() for name, one in self.tallies.items()}
        return Progress(
            tally.total,
            done,
            tally.failed,
            held,
            self.slots.taken,
            backends,
            cancelled=tally.cancelled,
        )

    async def keep_standing(self) -> None:
        """Tell how far the run is and what it waits for, to other processes too; for ever."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self.tell_progress()
            facts = {**asdict(self._progress()), "waiting": self._waiting_facts()}
            await self.offload(partial(self.snapshot.save_standing, facts))
            await trio.sleep(STANDING_S)

    def _waiting_facts(self) -> dict[str, list[dict[str, object]]]:
        return {name: [asdict(wait) for wait in waits] for name, waits in self.waiting.items()}


def _has_run(job: Job) -> bool:
    """Whether a job runs, or has run, as far as that is known."""
    return job.state in (JobState.RUNNING, JobState.COMPLETED)


def _nobody(event: Event) -> None:
    del event
