"""The life of one composite job, from packed to released.

    prepare* → intend → (durable) → submit → poll* → fetch → (durable) → release

Rules: nothing that can spend is called before its intent is durable. An answer that was lost is
looked for with `locate`, never sent again blindly: found is adopted, absent for certain is sent
again, unknown is held for the person to decide; only where a provider takes one key once, the same
is sent again to learn what became of it. A result and the move to COMPLETED are one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from qbatch.errors import (
    CredentialsError,
    Misspoke,
    OutOfFunds,
    ProviderError,
    Refused,
    TooLarge,
    Unavailable,
)
from qbatch.executor import doubts
from qbatch.executor.accounts import pinned
from qbatch.executor.active import ActiveJob, Move
from qbatch.executor.backend_run import BackendRun
from qbatch.executor.fetching import fetch
from qbatch.executor.moves import Moves
from qbatch.executor.news import News, too_late
from qbatch.executor.preparing import prepare, reserve, write_memo
from qbatch.executor.recall import recalled
from qbatch.job import AWAY, CompositeJob, JobState
from qbatch.plan.packing import composite_id
from qbatch.providers import (
    Answer,
    Batch,
    Missing,
    NotTaken,
    Repeatable,
    Repeats,
    Unclear,
)
from qbatch.purchase import Event, Stage
from qbatch.snapshot import Entry, JobRow

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine

#: Why the outcome of a purchase is not known, where a run took it up.
CUT_OFF = "the last run was cut off while it was sent"

#: Where a child stands that is not to be had -> what happened to it.
_LOSS = {
    JobState.CREATED: Event.UNFIT,
    JobState.SUBMITTING: Event.REFUSED,
    JobState.SUBMITTED: Event.FAILED,
    JobState.RUNNING: Event.FAILED,
}

#: How long after a time-out the provider has to confirm that it cancelled, seconds.
CANCEL_GRACE_S = 120.0


class Lifecycle:
    """Brings the composite jobs of one backend to their ends.

    Args:
        engine: What all backends share.
        backend: The backend.
        start: Starts carrying another composite job of this backend.
    """

    def __init__(
        self, engine: Engine, backend: BackendRun, start: Callable[[ActiveJob], None]
    ) -> None:
        self._engine = engine
        self._backend = backend
        self._start = start
        self._moves = Moves(engine, backend)
        self._news = News(backend)

    async def drive(self, active: ActiveJob) -> None:
        """Bring a composite job from wherever it stands to its end."""
        self._backend.enter(active)
        self._engine.changes()
        self._engine.budget.expect(map(active.purchase, active.at_work))
        try:
            if active.ids_in(JobState.SUBMITTING, JobState.HELD):
                await self._look(active, CUT_OFF, also_held=True)
            while active.stage == "created" or active.is_open:
                if active.stage != "created":
                    await self._watch(active)
                    continue
                await self._send(active)
                if active.stage == "created":  # there was no money for it
                    return
            await self._release(active)
        finally:
            self._backend.leave(active)
            self._engine.steps.end(active.batch)
            purchases = active.purchases()
            self._engine.budget.give_up_on(purchases)
            if active.stage == "created":
                self._engine.budget.release(purchases)

    # -- sending ------------------------------------------------------------------------------

    async def _send(self, active: ActiveJob) -> None:
        """Buy it: on return each child is at the provider or its end, unclear, or with another."""
        engine, backend = self._engine, self._backend
        while active.stage == "created":
            if active.failures and not await self._may_try_again(active):
                return
            if self._backend.over_budget:
                return
            try:
                entries = await reserve(
                    engine, backend, active, await prepare(engine, backend, active)
                )
                if entries is None:
                    return
                # Who waits here is `created` still: a crash finds nothing to look for.
                async with self._backend.submit_backoff.turn():
                    await self._backend.rates.wait_turn(len(active.ids))
                    await self._backend.backoff.wait()
                    if self._backend.is_closing:
                        await trio.sleep_forever()
                    found = await recalled(self._engine, self._backend, active)
                    await self._intend(active, entries)
                    await (self._take_over(active, found) if found else self._submit(active))
            except TooLarge as error:
                await self._halve(active, str(error))
            except OutOfFunds as error:
                await self._put_back(active, active.ids, "", note=str(error))
                self._backend.stop_buying(str(error))
            except (Refused, Misspoke) as error:
                await self._fail(active, active.ids, str(error))
            except Unavailable as error:  # it takes nothing to prepare for now
                await self._turned_away(active, error)

    async def _halve(self, active: ActiveJob, reason: str) -> None:
        """The provider takes fewer at once; nothing was bought: two go on in its place."""
        keys = active.ids
        if len(keys) == 1:
            await self._fail(active, keys, reason)
            return
        await self._put_back(active, keys, "")
        middle = len(keys) // 2
        for part in (keys[:middle], keys[middle:]):
            self._start(self._split(active, part))
        await self._moves.commit(active, (), stage="closed", note=reason)

    async def _intend(self, active: ActiveJob, entries: Sequence[Entry]) -> None:
        """Make durable what is about to be sent."""
        intent = active.intent = self._backend.driver.intend(active.current())
        now = self._engine.snapshot.now()
        moves = [
            active.happens(key, Event.SENT, error="") for key in active.ids_in(JobState.CREATED)
        ]
        rows = [move.row for move in moves]

        def write() -> None:
            write_memo(self._engine.snapshot, active)
            assert active.ordinal is not None
            self._engine.snapshot.save_intent(active.ordinal, intent.key, intent.body)
            self._engine.snapshot.reserve(entries, active.ordinal)
            rows[:] = [JobRow(row.ordinal, row.job, active.ordinal, now) for row in rows]
            self._engine.snapshot.save_jobs(rows)

        await self._engine.journal.commit(write)
        active.stage = "submitting"
        active.bought.update((row.job.id, row.job.generation) for row in rows)
        self._engine.note(active, rows)

    async def _submit(self, active: ActiveJob) -> None:
        """Send it, and take in whatever comes of that.

        Raises:
            Refused: The provider said no; nothing was bought.
        """
        assert active.intent is not None
        self._start_clock(active, 0.0)
        active.looks, active.refusal = 0, None
        active.said_at.clear()
        lost: ProviderError | None = None
        is_sent = False
        try:
            async with self._backend.backoff.turn():
                with self._backend.busy():
                    await trio.lowlevel.checkpoint_if_cancelled()
                    is_sent = True
                    updates = await self._backend.driver.submit(active.current(), active.intent)
                    self._backend.let_in()
                    active.turned_away_at, active.turned_away = math.inf, 0
                    await self._take_answers(active, updates)
        except trio.Cancelled:
            if not is_sent:  # the backend ended before the call: there is nothing to look for
                await self._put_back(active, active.ids, "", note="not sent")
            raise
        except CredentialsError as error:
            await self._put_back(active, active.ids, str(error))
            await self._backend.give_up(error)
        except Unavailable as error:
            if error.unsent:
                await self._turned_away(active, error)
                return
            self._backend.pause(error)
            lost, active.refusal = error, error.otherwise
        except Misspoke as error:
            lost = error
        if active.ids_in(JobState.SUBMITTING):
            await self._look(active, str(lost or "no answer about this job"))
        else:
            await self._send_rest(active)

    async def _take_over(self, active: ActiveJob, found: Sequence[Answer]) -> None:
        """Children that another copy of the run folder bought are ours; the others are sent."""
        self._start_clock(active, 0.0)
        active.looks, active.refusal = 0, None
        active.said_at.clear()
        await self._take_answers(active, found)
        rest = active.ids_in(JobState.SUBMITTING)
        moves = [active.happens(key, Event.NOT_TAKEN) for key in rest]
        await self._moves.commit(active, moves, note="not sent")
        await self._send_rest(active)

    async def _turned_away(self, active: ActiveJob, error: Unavailable) -> None:
        """It was certainly not taken: that is no attempt at buying it, and it waits.

        While the provider has no room, for as long as a job may take; while it cannot be reached,
        for as long as a read would.
        """
        await self._put_back(active, active.ids, "", note=str(error))
        now = trio.current_time()
        active.turned_away_at = min(active.turned_away_at, now)
        active.turned_away += 1
        if not error.is_full:
            await self._backend.back_off(error, active.turned_away, active.turned_away_at)
        elif now - active.turned_away_at <= self._backend.timeout_s:
            self._backend.turn_away(error)
        elif self._backend.leaves_late:
            self._backend.mark_late(active, f"not taken within {self._backend.timeout_s:g} s")
            self._backend.turn_away(error)
        else:
            reason = f"timed out: not taken within {self._backend.timeout_s:g} s: {error}"
            await self._fail(active, active.ids, reason)

    def _start_clock(self, active: ActiveJob, elapsed_s: float) -> None:
        left_s = self._backend.timeout_s - max(0.0, elapsed_s)
        active.deadline = trio.current_time() + max(0.0, left_s)

    async def _take_answers(self, active: ActiveJob, updates: Iterable[Answer]) -> None:
        """Commit what `submit` said; children it did not speak of stay SUBMITTING."""
        moves, taken = [], []
        with active.one_attempt():
            for update in updates:
                if update.job_id not in active.rows:
                    self._backend.warn(f"answered about a job that was not sent: {update.job_id!r}")
                    continue
                move = self._news.entered(active, update, doubts.of_sending(update))
                if move is not None:
                    moves.append(move)
                    taken.append(update)
        steps = self._replies(active, taken)
        await self._moves.commit(active, moves, stage="submitted", steps=steps)

    async def _send_rest(self, active: ActiveJob) -> None:
        """Children proved not taken: all of them go again as they are, some as a new composite job.

        So do children that the provider had and gave back: another purchase needs another key.
        """
        rest = active.ids_in(JobState.CREATED)
        if _is_sent_again(active, ()):
            await self._put_back(active, (), "")
            return
        parts: dict[int, list[str]] = {}
        for key in rest:
            parts.setdefault(active.job(key).generation, []).append(key)
        for part in parts.values():
            self._start(self._split(active, part))

    def _split(self, active: ActiveJob, keys: Sequence[str]) -> ActiveJob:
        """Make a composite job of some children, all of one generation."""
        orders, rows = active.split_off(keys)
        old = active.batch.composite
        ids = tuple(order.id for order in orders)
        (generation,) = {row.job.generation for row in rows.values()}
        composite = CompositeJob(composite_id(ids, generation), old.backend, ids, generation)
        return ActiveJob(Batch(composite, orders), rows, failures=list(active.failures))

    async def _put_back(
        self, active: ActiveJob, keys: Iterable[str], reason: str, *, note: str = ""
    ) -> None:
        """Nothing was bought: it is `created` again, whole; a `reason` is an attempt's."""
        if reason:
            active.failures.append(reason)
        moves = [
            active.happens(key, Event.NOT_TAKEN)
            for key in keys
            if active.job(key).state is JobState.SUBMITTING
        ]
        await self._moves.commit(active, moves, stage="created", note=reason or note)

    async def _may_try_again(self, active: ActiveJob) -> bool:
        """Wait before the next attempt at sending, or fail it when there were enough."""
        attempts, reason = len(active.failures), active.failures[-1]
        if attempts >= self._backend.retry.attempts:
            if not self._backend.has_answered:
                await self._backend.give_up(Unavailable(reason))
            await self._fail(active, active.ids, _not_sent(active.failures))
            return False
        await trio.sleep(self._backend.retry.pause_s(attempts, self._backend.random))
        return True

    # -- looking for what was lost ------------------------------------------------------------

    async def _look(self, active: ActiveJob, reason: str, *, also_held: bool = False) -> None:
        """Ask what became of children: found, not taken, or unclear still.

        What stays unclear is asked about again at `ActiveJob.look_at`, as long as the driver says
        that this may help; then it is held. Its siblings are watched meanwhile.
        """
        assert active.intent is not None
        intent, keys = active.intent, active.ids_in(JobState.SUBMITTING)
        keys += active.ids_in(JobState.HELD) if also_held else sorted(active.reopened)
        active.looks, active.doubt = active.looks + 1, reason
        try:
            told = await self._backend.read(
                lambda: self._backend.driver.locate(active.current(), intent)
            )
            told = doubts.of_age(active, told, self._engine.snapshot.now())
            if any(isinstance(answer, Repeatable) for answer in told):
                told = await self._repeat(active, told)
        except (Refused, Misspoke) as error:
            failed = f"{reason}; looking for it failed: {error}"
            told = [Unclear(key, error=failed) for key in keys]
        by_key: dict[str, Answer] = {key: Unclear(key, error=reason) for key in keys}
        by_key |= {answer.job_id: answer for answer in told if answer.job_id in by_key}
        now = trio.current_time()
        seen = {key: doubts.of_looking(active, answer, now) for key, answer in by_key.items()}
        with active.one_attempt():
            found = [self._news.located(active, by_key[key], seen[key].event) for key in keys]
        moves = [move for move in found if move is not None]
        steps = self._replies(active, by_key.values())
        stage: Stage = "created" if _is_sent_again(active, moves) else "submitted"
        if stage == "created" and (memo := _memo_anew(by_key.values())) is not None:
            active.remember(pinned(memo, self._backend.account))
            steps = [*steps, partial(write_memo, self._engine.snapshot, active)]
        await self._moves.commit(active, moves, stage=stage, note=reason, steps=steps)
        waits = {key: one.again_s for key, one in seen.items() if one.again_s is not None}
        active.reopened = {key for key in waits if active.job(key).status == AWAY}
        is_unclear = bool(active.reopened or active.ids_in(JobState.SUBMITTING))
        active.look_at = now + max(waits.values()) if is_unclear else math.inf
        await self._send_rest(active)

    async def _repeat(self, active: ActiveJob, told: Sequence[Answer]) -> Sequence[Answer]:
        """Send it again under its key; what is reserved for it stays reserved.

        Args:
            active: Its intent is durable.
            told: What `locate` said.
        """
        driver, intent = self._backend.driver, active.intent
        assert isinstance(driver, Repeats)
        assert intent is not None
        await self._backend.rates.wait_turn(len(active.ids))
        if self._backend.is_closing:
            await trio.sleep_forever()
        return await self._backend.read(lambda: driver.repeat(active.current(), intent))

    # -- waiting and fetching -----------------------------------------------------------------

    async def _watch(self, active: ActiveJob) -> None:
        """Until every child is at its end or held, or all of them are to be sent again."""
        while active.is_open and active.stage != "created":
            if active.at_provider:
                self._backend.watch(active)
            if active.ripe:
                await fetch(self._engine, self._backend, active, self._moves)
                if active.inbox:  # a result that is late keeps no sibling's news waiting
                    await self._take_news(active, await active.wait_news())
                continue
            if active.look_at <= trio.current_time():
                await self._look(active, active.doubt)
                continue
            news: Sequence[Answer] = ()
            with trio.move_on_at(min(active.deadline, active.look_at)):
                news = await active.wait_news()
            if news:
                await self._take_news(active, news)
            elif not active.inbox and trio.current_time() >= active.deadline:
                await self._time_out(active)
        self._backend.unwatch(active)

    async def _take_news(self, active: ActiveJob, news: Iterable[Answer]) -> None:
        moves: dict[str, Move] = {}
        taken = []
        with active.one_attempt():
            for update in news:
                move = self._news.changed(active, update)
                if move is not None:
                    moves[update.job_id] = move
                    taken.append(update)
        if not moves:
            return
        steps = self._replies(active, taken)
        await self._moves.commit(active, moves.values(), steps=steps)
        await self._send_rest(active)

    def _replies(
        self, active: ActiveJob, updates: Iterable[Answer]
    ) -> Sequence[Callable[[], None]]:
        """The step that keeps what the provider sent along with its news."""
        kept = [
            (active.rows[update.job_id].ordinal, kind, body)
            for update in updates
            for kind, body in (("update", update.raw), ("log", update.log))
            if body
        ]

        def write() -> None:
            for ordinal, kind, body in kept:
                self._engine.snapshot.save_raw(ordinal, kind, body)

        return (write,) if kept else ()

    async def _time_out(self, active: ActiveJob) -> None:
        """Ask for the children to be stopped, where they are not left where they are.

        Those that nobody confirms are held.
        """
        unclear = active.ids_in(JobState.SUBMITTING)
        active.reopened.clear()
        if not active.at_work:
            return
        if self._backend.leaves_late and not unclear:
            active.deadline = math.inf
            self._backend.mark_late(active, f"no result within {self._backend.timeout_s:g} s")
            return
        if active.was_cancelled or unclear:
            advice = f"{too_late(self._backend)}, but the provider did not confirm it"
            if unclear:
                advice = (
                    f"not known to be taken within {self._backend.timeout_s:g} s: {active.doubt}"
                )
            keys = unclear or active.at_work
            await self._moves.commit(
                active, [active.happens(key, Event.TIMED_OUT, error=advice) for key in keys]
            )
            return
        keys = active.at_work
        active.was_cancelled = True
        active.deadline = trio.current_time() + CANCEL_GRACE_S
        try:
            updates = await self._backend.driver.cancel(active.current(), keys)
        except ProviderError as error:
            self._backend.warn(f"cancelling failed: {error}")
            updates = ()
        await self._take_news(active, updates)
        if self._backend.driver.is_local:
            await self._fail(
                active, set(active.at_work) - active.ripe.keys(), too_late(self._backend)
            )

    # -- the end ------------------------------------------------------------------------------

    async def _release(self, active: ActiveJob) -> None:
        """Give back what the provider holds for us, and close the books; not while one is held."""
        if active.ordinal is None or active.ids_in(JobState.HELD):
            return
        try:
            bill = await self._backend.read(lambda: self._backend.driver.release(active.current()))
        except (Refused, Misspoke) as error:
            self._backend.warn(f"release failed: {error}")
            return
        await self._moves.settle(active, bill)
        await self._moves.commit(active, (), stage="closed")

    async def _fail(self, active: ActiveJob, keys: Iterable[str], error: str) -> None:
        """These children are not to be had."""
        moves = [
            active.happens(key, _LOSS[state], error=error)
            for key in keys
            if (state := active.job(key).state) in _LOSS
        ]
        await self._moves.commit(active, moves, stage="submitted")


def _not_sent(failures: Sequence[str]) -> str:
    told = "; ".join(f"{n}. {reason}" for n, reason in enumerate(failures, 1))
    return f"not sent after {len(failures)} attempts: {told}"


def _is_sent_again(active: ActiveJob, moves: Iterable[Move]) -> bool:
    """Whether, after these moves, all of a composite job is to be sent again, as it is."""
    jobs = {key: row.job for key, row in active.rows.items()}
    jobs |= {move.row.job.id: move.row.job for move in moves}
    generation = active.batch.composite.generation
    is_back = all(
        job.state is JobState.CREATED and job.generation == generation for job in jobs.values()
    )
    return is_back and len(active.ids) == len(active.rows)


def _memo_anew(told: Iterable[Answer]) -> Mapping[str, Any] | None:
    """What a driver wants remembered as it is sent again; None: nothing new."""
    memos = (one.memo for one in told if isinstance(one, NotTaken | Missing))
    return next((memo for memo in memos if memo is not None), None)
