"""One backend of a run: its driver, its limits, its composite jobs in flight, its poller.

Rules: all calls share one back-off, so a provider in trouble is not stormed; a provider out of
reach is given up by itself, and its jobs stay where they are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, field
from random import Random
from typing import TYPE_CHECKING, NoReturn, TypeVar

import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Unavailable
from qbatch.executor.active import ActiveJob
from qbatch.executor.events import Observer, Warned
from qbatch.executor.pace import PollPace, RateLimit, Slots
from qbatch.executor.polling import Poller
from qbatch.executor.queue_words import QueueWords
from qbatch.executor.retry import Backoff, Retry
from qbatch.executor.tally import Tally
from qbatch.executor.waits import Cause, Waits
from qbatch.frozen import dataclass
from qbatch.job import Job, JobState
from qbatch.providers import Driver, Target

if TYPE_CHECKING:
    from qbatch.manifest.models import Backend

T = TypeVar("T")

_SUBMITTED = JobState.SUBMITTED

#: Of trouble that lasts longer a person is told, seconds.
TROUBLE_S = 30.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How a backend is used.

    Attributes:
        in_flight: Composite jobs at once.
        limited_by: Whose limit that is.
        timeout_s: Of one job, seconds.
        leaves_late: A job that took longer is left where it is, not cancelled.
        retry: When calls are made again.
    """

    in_flight: int
    limited_by: Cause
    timeout_s: float
    leaves_late: bool
    retry: Retry

    @classmethod
    def of(cls, declared: Backend, target: Target, retry: Retry) -> Terms:
        """The terms that a manifest sets for a backend, within what its target takes."""
        ours = declared.limits.in_flight
        is_ours = ours is not None and ours < target.in_flight
        return cls(
            target.in_flight if ours is None else min(ours, target.in_flight),
            Cause.MANIFEST_LIMIT if is_ours else Cause.TARGET_LIMIT,
            declared.timeout_s,
            declared.on_timeout == "leave",
            retry,
        )


def _nobody(active: ActiveJob, keys: Sequence[str]) -> None:
    del active, keys


@dataclass(eq=False)
class BackendRun:
    """See the module's head.

    Attributes:
        name: The backend's name in the manifest.
        driver: Speaks to it.
        target: What it takes.
        terms: How it is used.
        random: For jitter.
        tell: Where warnings go.
        waits: Where is noted what holds it up.
        tally: Where is counted how far it is.
        chosen: The backend that it was decided to be; "" where it is none of others.
        account: With which everything is bought here.
        backoff: Shared by whatever asks anything.
        submit_backoff: What submits waits for it too.
        cut_off: Active jobs that were left with children at work when the backend ended.
        over_budget: Why nothing more is bought here; "" while that is not so.
        not_agreed: Point -> why a job of it was not bought, for nobody agreed to that.
        left: Why it was left before its end, with nothing lost; "" where it was not.
        moved_at: When a job last came on, by the trio clock: taken, running or at its end.
        stirred: Set when a composite job enters, or a result comes; whoever waits for it makes the
            next one.
        some_late: Set once some job took longer than its time-out, and is left where it is.
        has_fed: All composite jobs of the plan were started.
        on_ran: Told of jobs that are seen to run, or have run.
    """

    name: str
    driver: Driver
    target: Target
    terms: Terms
    _: KW_ONLY
    random: Random
    tell: Observer
    waits: Waits
    tally: Tally
    chosen: str = ""
    scope: trio.CancelScope = field(default_factory=trio.CancelScope, init=False)
    cut_off: list[ActiveJob] = field(default_factory=list, init=False)
    has_answered: bool = field(default=False, init=False)
    error: ProviderError | None = field(default=None, init=False)
    over_budget: str = field(default="", init=False)
    not_agreed: dict[str, str] = field(default_factory=dict, init=False)
    left: str = field(default="", init=False)
    moved_at: float = field(default_factory=trio.current_time, init=False)
    stirred: trio.Event = field(default_factory=trio.Event, init=False)
    some_late: trio.Event = field(default_factory=trio.Event, init=False)
    has_fed: bool = field(default=False, init=False)
    on_ran: Callable[[ActiveJob, Sequence[str]], None] = field(
        default_factory=lambda: _nobody, init=False
    )
    _words: QueueWords = field(default_factory=QueueWords, init=False)
    _is_out_of_reach: bool = field(default=False, init=False)
    _turned_away: int = field(default=0, init=False)
    _warned: set[str] = field(default_factory=set, init=False)
    _busy: int = field(default=0, init=False)
    _is_closing: bool = field(default=False, init=False)
    _idle: trio.Event = field(default_factory=trio.Event, init=False)

    def __post_init__(self) -> None:
        driver, target, terms = self.driver, self.target, self.terms
        self.account = driver.account()
        self.timeout_s, self.leaves_late = terms.timeout_s, terms.leaves_late
        self.retry, self.limited_by = terms.retry, terms.limited_by
        self.slots = Slots(terms.in_flight)
        self.tally.is_local, self.tally.is_emulated = driver.is_local, target.is_emulated
        self.backoff = Backoff(self.waits, Cause.BACK_OFF)
        self.submit_backoff = Backoff(self.waits, Cause.FULL)
        self.rates = RateLimit(target.rates, self.waits)
        self.poller = Poller(self, PollPace(target.poll_s, self.random, target.soonest_s))

    # -- coming to an end ---------------------------------------------------------------------

    @property
    def is_closing(self) -> bool:
        """No call that spends may begin any more."""
        return self._is_closing

    @property
    def has_sent_all(self) -> bool:
        """Whatever the target takes now is there: what is left waits for room, or for nothing."""
        active_jobs = self.poller.active_jobs
        is_turned_away = self._turned_away > 0
        if not (self.has_fed or self.slots.is_full or is_turned_away or self.over_budget):
            return False
        if len(active_jobs) < self.slots.taken and not is_turned_away:
            return False
        waiting = ("submitting",) if is_turned_away else ("created", "submitting")
        return all(active.stage not in waiting for active in active_jobs)

    def mark_late(self, active: ActiveJob, why: str) -> None:
        """A composite job took longer than its time-out, and is no reason to go on waiting."""
        if active.is_late:
            return
        active.is_late = True
        first = active.order(active.ids[0]).name
        others = f" and {len(active.ids) - 1} more" if len(active.ids) > 1 else ""
        self.warn(f"{first}{others}: {why}; left there, as on_timeout says")
        self.some_late.set()

    @property
    def has_only_late(self) -> bool:
        """All that is open took longer than its time-out."""
        active_jobs = self.poller.active_jobs
        return bool(active_jobs) and all(active.is_late for active in active_jobs)

    async def leave_all(self, reason: str, grace_s: float) -> None:
        """End this backend before its jobs end: all of them stay where they are."""
        self.left = reason
        self.warn(f"left: {reason}; its jobs stay where they are: run again to go on")
        await self.wind_down(grace_s)

    def stop_buying(self, reason: str) -> None:
        """The budget is used up: what is bought is watched as before."""
        if not self.over_budget:
            self.over_budget = reason
            self.warn(f"nothing more is bought: {reason}")

    def hold_back(self, names: Mapping[str, str]) -> None:
        """Of some points jobs are not bought: point -> why, for nobody agreed to that."""
        self.not_agreed.update(names)
        self.warn(self.told_not_agreed, once="not agreed")

    @property
    def told_not_agreed(self) -> str:
        """What was not bought, for nobody agreed to it; "" where there is nothing."""
        if not self.not_agreed:
            return ""
        name, why = next(iter(self.not_agreed.items()))
        more = len(self.not_agreed) - 1
        others = f", and {more} more" if more else ""
        return (
            f"not bought, for nobody agreed to it: {name} ({why}){others}; run again to be shown "
            "what is left to buy"
        )

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While inside, something is under way that should be written down before the end."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def wind_down(self, grace_s: float) -> None:
        """Begin nothing new, wait a moment for what is under way, cancel the rest."""
        self._is_closing = True
        with trio.move_on_after(grace_s):
            while self._busy:
                self._idle = trio.Event()
                await self._idle.wait()
        self.scope.cancel()

    async def give_up(self, error: ProviderError, grace_s: float = 1.0) -> NoReturn:
        """End this backend: nothing is lost, all its jobs stay where they are. Does not return."""
        if self.error is None:
            self.error = error
            self.warn(f"given up: {error}; its jobs stay where they are: run again to go on")
            await self.wind_down(grace_s)
        await trio.sleep_forever()

    def warn(self, text: str, *, once: str = "") -> None:
        """Tell the observer; with `once`, only the first time for that key."""
        if once in self._warned:
            return
        if once:
            self._warned.add(once)
        self.tell(Warned(text if text.startswith(self.name) else f"{self.name}: {text}", self.name))

    def comes_on(self, *, with_results: bool) -> None:
        """Jobs were taken, are running, or came to their ends."""
        self.moved_at = trio.current_time()
        if with_results:
            self.stirred.set()

    # -- calls --------------------------------------------------------------------------------

    async def read(self, call: Callable[[], Awaitable[T]], *, is_proof: bool = True) -> T:
        """Make a call that spends nothing, again and again while that may help.

        Args:
            call: Makes it.
            is_proof: An answer proves that the provider is there (`prepare` may not even ask it).

        Raises:
            Refused: The provider said no.
            Misspoke: It answered nonsense, `retry.attempts` times.
        """
        failures, since = 0, trio.current_time()
        while True:
            try:
                async with self.backoff.turn():
                    answer = await call()
            except (Unavailable, Misspoke) as error:
                failures += 1
                if isinstance(error, Misspoke):
                    if failures >= self.retry.attempts:
                        raise
                    self.warn(f"{error}; asking again", once="nonsense")
                await self.back_off(error, failures, since)
            except CredentialsError as error:
                await self.give_up(error)
            else:
                if is_proof:
                    self._answered()
                return answer

    async def back_off(self, error: ProviderError, failures: int, since: float) -> None:
        """Pause all calls after a failure; give the backend up when patience ends."""
        out_of_patience = trio.current_time() - since > self.retry.patience_s
        if out_of_patience or (not self.has_answered and failures >= self.retry.attempts):
            await self.give_up(error)
        if trio.current_time() - since > TROUBLE_S and not self._is_out_of_reach:
            self._is_out_of_reach = True
            left_s = self.retry.patience_s + since - trio.current_time()
            self.warn(f"{error}; trying on for {left_s / 60:.0f} min")
        self.pause(error, failures)

    def _answered(self) -> None:
        self.has_answered = True
        if self._is_out_of_reach:
            self._is_out_of_reach = False
            self.warn("answers again")

    def pause(self, error: ProviderError, failures: int = 1) -> None:
        """Pause all calls for as long as `error` calls for."""
        self.backoff.pause(self._pause_s(error, failures), str(error))

    def turn_away(self, error: Unavailable) -> None:
        """The provider answered that it takes no more for now: ask it again later, and less often.

        Only submissions wait; what is there already is watched and fetched as before.
        """
        self.has_answered = True
        self._turned_away += 1
        self.submit_backoff.pause(self._pause_s(error, self._turned_away), str(error))

    def let_in(self) -> None:
        """The provider answered a submission."""
        self._answered()
        self._turned_away = 0
        self.submit_backoff.forget()

    def _pause_s(self, error: ProviderError, failures: int) -> float:
        asked_s = error.retry_after_s if isinstance(error, Unavailable) else None
        return self.retry.pause_s(failures, self.random, asked_s)

    # -- its composite jobs --------------------------------------------------------------------

    def enter(self, active: ActiveJob) -> None:
        """News of the composite job's children goes to it from now on."""
        self.stirred.set()
        self.poller.enter(active)
        self.tally.enter(active.job(key) for key in active.ids)
        if queued := self._queued(active):
            self._words.count(active.job(key) for key in active.ids)
            self._wait_in_queue(queued)

    def leave(self, active: ActiveJob) -> None:
        """The composite job is over."""
        if active.at_work:
            self.cut_off.append(active)
            if queued := self._queued(active):
                self._words.count((active.job(key) for key in active.ids), -1)
                self._wait_in_queue(-queued)
        self.poller.leave(active)
        if not any(one.stage in ("created", "submitting") for one in self.poller.active_jobs):
            self.submit_backoff.forget()

    def requeue(self, moved: Iterable[tuple[Job, Job]]) -> None:
        """Jobs moved into the provider's queue, within it or out of it.

        Args:
            moved: Each as it was and as it is.
        """
        there = [(before, job) for before, job in moved if _SUBMITTED in (before.state, job.state)]
        if self.driver.is_local or not there:
            return
        self._words.count((before for before, _ in there), -1)
        self._words.count(job for _, job in there)
        into = sum(job.state is _SUBMITTED for _, job in there)
        self._wait_in_queue(into - sum(before.state is _SUBMITTED for before, _ in there))

    def _wait_in_queue(self, more: int) -> None:
        """So many more do than before; negative: fewer."""
        why = str(self._words)
        if more:
            self.waits.begin(Cause.QUEUE, more, why=why)
        self.waits.explain(Cause.QUEUE, why)

    def _queued(self, active: ActiveJob) -> int:
        return 0 if self.driver.is_local else len(active.ids_in(JobState.SUBMITTED))
