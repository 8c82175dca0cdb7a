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
from qbatch.executor.fetching import fetch
from qbatch.executor.flight import Flight, Move
from qbatch.executor.lane import Lane
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
from qbatch.purchase import Event
from qbatch.snapshot import Entry, JobRow
from qbatch.snapshot.store import Stage

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


class Carrier:
    """Carries the flights of one lane.

    Args:
        engine: What all lanes share.
        lane: The backend.
        start: Starts carrying another flight of this lane.
    """

    def __init__(self, engine: Engine, lane: Lane, start: Callable[[Flight], None]) -> None:
        self._engine = engine
        self._lane = lane
        self._start = start
        self._moves = Moves(engine, lane)
        self._news = News(lane)

    async def carry(self, flight: Flight) -> None:
        """Bring a flight from wherever it stands to its end."""
        self._lane.enter(flight)
        self._engine.budget.expect(map(flight.purchase, flight.at_work))
        try:
            if flight.ids_in(JobState.SUBMITTING, JobState.HELD):
                await self._look(flight, CUT_OFF, also_held=True)
            while flight.stage == "created" or flight.is_open:
                if flight.stage != "created":
                    await self._watch(flight)
                    continue
                await self._send(flight)
                if flight.stage == "created":  # there was no money for it
                    return
            await self._release(flight)
        finally:
            self._lane.leave(flight)
            purchases = flight.purchases()
            self._engine.budget.give_up_on(purchases)
            if flight.stage == "created":
                self._engine.budget.release(purchases)

    # -- sending ------------------------------------------------------------------------------

    async def _send(self, flight: Flight) -> None:
        """Buy it: on return each child is at the provider or its end, unclear, or with another."""
        engine, lane = self._engine, self._lane
        while flight.stage == "created":
            if flight.failures and not await self._may_try_again(flight):
                return
            if self._lane.over_budget:
                return
            try:
                entries = await reserve(engine, lane, flight, await prepare(engine, lane, flight))
                if entries is None:
                    return
                # Who waits here is `created` still: a crash finds nothing to look for.
                async with self._lane.door.passage():
                    await self._lane.rates.wait_turn(len(flight.ids))
                    await self._lane.gate.wait_open()
                    if self._lane.is_closing:
                        await trio.sleep_forever()
                    found = await recalled(self._engine, self._lane, flight)
                    await self._intend(flight, entries)
                    await (self._take_over(flight, found) if found else self._submit(flight))
            except TooLarge as error:
                await self._halve(flight, str(error))
            except OutOfFunds as error:
                await self._put_back(flight, flight.ids, "", note=str(error))
                self._lane.stop_buying(str(error))
            except (Refused, Misspoke) as error:
                await self._fail(flight, flight.ids, str(error))

    async def _halve(self, flight: Flight, reason: str) -> None:
        """The provider takes fewer at once; nothing was bought: two flights go on in its place."""
        keys = flight.ids
        if len(keys) == 1:
            await self._fail(flight, keys, reason)
            return
        await self._put_back(flight, keys, "")
        middle = len(keys) // 2
        for part in (keys[:middle], keys[middle:]):
            self._start(self._split(flight, part))
        await self._moves.commit(flight, (), stage="closed", note=reason)

    async def _intend(self, flight: Flight, entries: Sequence[Entry]) -> None:
        """Make durable what is about to be sent."""
        intent = flight.intent = self._lane.driver.intend(flight.current())
        now = self._engine.snapshot.now()
        moves = [
            flight.happens(key, Event.SENT, error="") for key in flight.ids_in(JobState.CREATED)
        ]
        rows = [move.row for move in moves]

        def write() -> None:
            write_memo(self._engine.snapshot, flight)
            assert flight.ordinal is not None
            self._engine.snapshot.save_intent(flight.ordinal, intent.key, intent.body)
            self._engine.snapshot.reserve(entries)
            rows[:] = [JobRow(row.ordinal, row.job, flight.ordinal, now) for row in rows]
            self._engine.snapshot.save_jobs(rows)

        await self._engine.journal.commit(write)
        flight.stage = "submitting"
        flight.bought.update((row.job.id, row.job.generation) for row in rows)
        self._engine.note(flight, rows)

    async def _submit(self, flight: Flight) -> None:
        """Send it, and take in whatever comes of that.

        Raises:
            Refused: The provider said no; nothing was bought.
        """
        assert flight.intent is not None
        self._start_clock(flight, 0.0)
        flight.looks, flight.refusal = 0, None
        flight.said_at.clear()
        lost: ProviderError | None = None
        is_sent = False
        try:
            async with self._lane.gate.passage():
                with self._lane.busy():
                    await trio.lowlevel.checkpoint_if_cancelled()
                    is_sent = True
                    updates = await self._lane.driver.submit(flight.current(), flight.intent)
                    self._lane.let_in()
                    flight.turned_away_at, flight.turned_away = math.inf, 0
                    await self._take_answers(flight, updates)
        except trio.Cancelled:
            if not is_sent:  # the lane ended before the call: there is nothing to look for
                await self._put_back(flight, flight.ids, "", note="not sent")
            raise
        except CredentialsError as error:
            await self._put_back(flight, flight.ids, str(error))
            await self._lane.give_up(error)
        except Unavailable as error:
            if error.unsent:
                await self._turned_away(flight, error)
                return
            self._lane.pause(error)
            lost, flight.refusal = error, error.otherwise
        except Misspoke as error:
            lost = error
        if flight.ids_in(JobState.SUBMITTING):
            await self._look(flight, str(lost or "no answer about this job"))
        else:
            await self._send_rest(flight)

    async def _take_over(self, flight: Flight, found: Sequence[Answer]) -> None:
        """Children that another copy of the run folder bought are ours; the others are sent."""
        self._start_clock(flight, 0.0)
        flight.looks, flight.refusal = 0, None
        flight.said_at.clear()
        await self._take_answers(flight, found)
        rest = flight.ids_in(JobState.SUBMITTING)
        moves = [flight.happens(key, Event.NOT_TAKEN, error="") for key in rest]
        await self._moves.commit(flight, moves, note="not sent")
        await self._send_rest(flight)

    async def _turned_away(self, flight: Flight, error: Unavailable) -> None:
        """It was certainly not taken: that is no attempt at buying it, and it waits.

        While the provider has no room, for as long as a job may take; while it cannot be reached,
        for as long as a read would.
        """
        await self._put_back(flight, flight.ids, "", note=str(error))
        now = trio.current_time()
        flight.turned_away_at = min(flight.turned_away_at, now)
        flight.turned_away += 1
        if not error.is_full:
            await self._lane.back_off(error, flight.turned_away, flight.turned_away_at)
        elif now - flight.turned_away_at > self._lane.timeout_s:
            reason = f"timed out: not taken within {self._lane.timeout_s:g} s: {error}"
            await self._fail(flight, flight.ids, reason)
        else:
            self._lane.turn_away(error)

    def _start_clock(self, flight: Flight, elapsed_s: float) -> None:
        left_s = self._lane.timeout_s - max(0.0, elapsed_s)
        flight.deadline = trio.current_time() + max(0.0, left_s)

    async def _take_answers(self, flight: Flight, updates: Iterable[Answer]) -> None:
        """Commit what `submit` said; children it did not speak of stay SUBMITTING."""
        moves, taken = [], []
        with flight.one_attempt():
            for update in updates:
                if update.job_id not in flight.rows:
                    self._lane.warn(f"answered about a job that was not sent: {update.job_id!r}")
                    continue
                move = self._news.entered(flight, update, doubts.of_sending(update))
                if move is not None:
                    moves.append(move)
                    taken.append(update)
        steps = self._replies(flight, taken)
        await self._moves.commit(flight, moves, stage="submitted", steps=steps)

    async def _send_rest(self, flight: Flight) -> None:
        """Children proved not taken: all of them go again as they are, some as a new flight.

        So do children that the provider had and gave back: another purchase needs another key.
        """
        rest = flight.ids_in(JobState.CREATED)
        if _is_sent_again(flight, ()):
            await self._put_back(flight, (), "")
            return
        parts: dict[int, list[str]] = {}
        for key in rest:
            parts.setdefault(flight.job(key).generation, []).append(key)
        for part in parts.values():
            self._start(self._split(flight, part))

    def _split(self, flight: Flight, keys: Sequence[str]) -> Flight:
        """Make a flight of some children, all of one generation."""
        orders, rows = flight.split_off(keys)
        old = flight.batch.composite
        ids = tuple(order.id for order in orders)
        (generation,) = {row.job.generation for row in rows.values()}
        composite = CompositeJob(composite_id(ids, generation), old.backend, ids, generation)
        return Flight(Batch(composite, orders), rows, failures=list(flight.failures))

    async def _put_back(
        self, flight: Flight, keys: Iterable[str], reason: str, *, note: str = ""
    ) -> None:
        """Nothing was bought: the whole flight is `created` again; a `reason` is an attempt's."""
        if reason:
            flight.failures.append(reason)
        moves = [
            flight.happens(key, Event.NOT_TAKEN, provider_job_id=None)
            for key in keys
            if flight.job(key).state is JobState.SUBMITTING
        ]
        await self._moves.commit(flight, moves, stage="created", note=reason or note)

    async def _may_try_again(self, flight: Flight) -> bool:
        """Wait before the next attempt at sending, or fail it when there were enough."""
        attempts, reason = len(flight.failures), flight.failures[-1]
        if attempts >= self._lane.retry.attempts:
            if not self._lane.has_answered:
                await self._lane.give_up(Unavailable(reason))
            await self._fail(flight, flight.ids, _not_sent(flight.failures))
            return False
        await trio.sleep(self._lane.retry.pause_s(attempts, self._lane.random))
        return True

    # -- looking for what was lost ------------------------------------------------------------

    async def _look(self, flight: Flight, reason: str, *, also_held: bool = False) -> None:
        """Ask what became of children: found, not taken, or unclear still.

        What stays unclear is asked about again at `Flight.look_at`, as long as the driver says
        that this may help; then it is held. Its siblings are watched meanwhile.
        """
        assert flight.intent is not None
        intent, keys = flight.intent, flight.ids_in(JobState.SUBMITTING)
        keys += flight.ids_in(JobState.HELD) if also_held else sorted(flight.reopened)
        flight.looks, flight.doubt = flight.looks + 1, reason
        try:
            told = await self._lane.read(lambda: self._lane.driver.locate(flight.current(), intent))
            if any(isinstance(answer, Repeatable) for answer in told):
                told = await self._repeat(flight, told)
        except (Refused, Misspoke) as error:
            failed = f"{reason}; looking for it failed: {error}"
            told = [Unclear(key, error=failed) for key in keys]
        by_key: dict[str, Answer] = {key: Unclear(key, error=reason) for key in keys}
        by_key |= {answer.job_id: answer for answer in told if answer.job_id in by_key}
        now = trio.current_time()
        seen = {key: doubts.of_looking(flight, answer, now) for key, answer in by_key.items()}
        with flight.one_attempt():
            found = [self._news.located(flight, by_key[key], seen[key].event) for key in keys]
        moves = [move for move in found if move is not None]
        steps = self._replies(flight, by_key.values())
        stage: Stage = "created" if _is_sent_again(flight, moves) else "submitted"
        if stage == "created" and (memo := _memo_anew(by_key.values())) is not None:
            flight.remember(pinned(memo, self._lane.account))
            steps = [*steps, partial(write_memo, self._engine.snapshot, flight)]
        await self._moves.commit(flight, moves, stage=stage, note=reason, steps=steps)
        waits = {key: one.again_s for key, one in seen.items() if one.again_s is not None}
        flight.reopened = {key for key in waits if flight.job(key).status == AWAY}
        is_unclear = bool(flight.reopened or flight.ids_in(JobState.SUBMITTING))
        flight.look_at = now + max(waits.values()) if is_unclear else math.inf
        await self._send_rest(flight)

    async def _repeat(self, flight: Flight, told: Sequence[Answer]) -> Sequence[Answer]:
        """Send it again under its key; what is reserved for it stays reserved.

        Args:
            flight: Its intent is durable.
            told: What `locate` said.
        """
        driver, intent = self._lane.driver, flight.intent
        assert isinstance(driver, Repeats)
        assert intent is not None
        await self._lane.rates.wait_turn(len(flight.ids))
        if self._lane.is_closing:
            await trio.sleep_forever()
        return await self._lane.read(lambda: driver.repeat(flight.current(), intent))

    # -- waiting and fetching -----------------------------------------------------------------

    async def _watch(self, flight: Flight) -> None:
        """Until every child is at its end or held, or all of them are to be sent again."""
        while flight.is_open and flight.stage != "created":
            if flight.at_provider:
                self._lane.watch(flight)
            if flight.ripe:
                await fetch(self._engine, self._lane, flight, self._moves)
                if flight.inbox:  # a result that is late keeps no sibling's news waiting
                    await self._take_news(flight, await flight.wait_news())
                continue
            if flight.look_at <= trio.current_time():
                await self._look(flight, flight.doubt)
                continue
            news: Sequence[Answer] = ()
            with trio.move_on_at(min(flight.deadline, flight.look_at)):
                news = await flight.wait_news()
            if news:
                await self._take_news(flight, news)
            elif not flight.inbox and trio.current_time() >= flight.deadline:
                await self._time_out(flight)
        self._lane.unwatch(flight)

    async def _take_news(self, flight: Flight, news: Iterable[Answer]) -> None:
        moves: dict[str, Move] = {}
        taken = []
        with flight.one_attempt():
            for update in news:
                move = self._news.changed(flight, update)
                if move is not None:
                    moves[update.job_id] = move
                    taken.append(update)
        if not moves:
            return
        steps = self._replies(flight, taken)
        await self._moves.commit(flight, moves.values(), steps=steps)
        await self._send_rest(flight)

    def _replies(self, flight: Flight, updates: Iterable[Answer]) -> Sequence[Callable[[], None]]:
        """The step that keeps what the provider sent along with its news."""
        kept = [
            (flight.rows[update.job_id].ordinal, kind, body)
            for update in updates
            for kind, body in (("update", update.raw), ("log", update.log))
            if body
        ]

        def write() -> None:
            for ordinal, kind, body in kept:
                self._engine.snapshot.save_raw(ordinal, kind, body)

        return (write,) if kept else ()

    async def _time_out(self, flight: Flight) -> None:
        """Ask for the children to be stopped; those that nobody confirms are held."""
        unclear = flight.ids_in(JobState.SUBMITTING)
        flight.reopened.clear()
        if not flight.at_work:
            return
        if flight.was_cancelled or unclear:
            advice = f"{too_late(self._lane)}, but the provider did not confirm it"
            if unclear:
                advice = f"not known to be taken within {self._lane.timeout_s:g} s: {flight.doubt}"
            keys = unclear or flight.at_work
            await self._moves.commit(
                flight, [flight.happens(key, Event.TIMED_OUT, error=advice) for key in keys]
            )
            return
        keys = flight.at_work
        flight.was_cancelled = True
        flight.deadline = trio.current_time() + CANCEL_GRACE_S
        try:
            updates = await self._lane.driver.cancel(flight.current(), keys)
        except ProviderError as error:
            self._lane.warn(f"cancelling failed: {error}")
            updates = ()
        await self._take_news(flight, updates)
        if self._lane.driver.is_local:
            await self._fail(flight, set(flight.at_work) - flight.ripe.keys(), too_late(self._lane))

    # -- the end ------------------------------------------------------------------------------

    async def _release(self, flight: Flight) -> None:
        """Give back what the provider holds for us, and close the books; not while one is held."""
        if flight.ordinal is None or flight.ids_in(JobState.HELD):
            return
        try:
            bill = await self._lane.read(lambda: self._lane.driver.release(flight.current()))
        except (Refused, Misspoke) as error:
            self._lane.warn(f"release failed: {error}")
            return
        await self._moves.settle(flight, bill)
        await self._moves.commit(flight, (), stage="closed")

    async def _fail(self, flight: Flight, keys: Iterable[str], error: str) -> None:
        """These children are not to be had."""
        moves = [
            flight.happens(key, _LOSS[state], error=error)
            for key in keys
            if (state := flight.job(key).state) in _LOSS
        ]
        await self._moves.commit(flight, moves, stage="submitted")


def _not_sent(failures: Sequence[str]) -> str:
    told = "; ".join(f"{n}. {reason}" for n, reason in enumerate(failures, 1))
    return f"not sent after {len(failures)} attempts: {told}"


def _is_sent_again(flight: Flight, moves: Iterable[Move]) -> bool:
    """Whether, after these moves, all of a flight is to be sent again, as it is."""
    jobs = {key: row.job for key, row in flight.rows.items()}
    jobs |= {move.row.job.id: move.row.job for move in moves}
    generation = flight.batch.composite.generation
    is_back = all(
        job.state is JobState.CREATED and job.generation == generation for job in jobs.values()
    )
    return is_back and len(flight.ids) == len(flight.rows)


def _memo_anew(told: Iterable[Answer]) -> Mapping[str, Any] | None:
    """What a driver wants remembered as it is sent again; None: nothing new."""
    memos = (one.memo for one in told if isinstance(one, NotTaken | Missing))
    return next((memo for memo in memos if memo is not None), None)
