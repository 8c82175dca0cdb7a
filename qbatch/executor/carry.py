"""The life of one composite job, from packed to released.

    prepare* → intend → (durable) → submit → poll* → fetch → (durable) → release

Rules: nothing that can spend is called before its intent is durable. An answer that was lost is
looked for with `locate`, never sent again blindly: found is adopted, absent for certain is sent
again, unknown is held for the person to decide. A result and the move to COMPLETED are one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from qbatch import purchase
from qbatch.errors import (
    CredentialsError,
    Misspoke,
    OutOfFunds,
    ProviderError,
    Refused,
    TooLarge,
    Unavailable,
)
from qbatch.executor import answers
from qbatch.executor.accounts import pinned
from qbatch.executor.budget import expected_prices
from qbatch.executor.fetching import fetch
from qbatch.executor.flight import AT_WORK, Bill, Flight, Move
from qbatch.executor.lane import Lane
from qbatch.executor.moves import Moves
from qbatch.executor.pace import MOST_S, SHARE
from qbatch.executor.recall import recalled
from qbatch.executor.waits import Cause
from qbatch.job import AWAY, ID_LOST, CompositeJob, JobState
from qbatch.plan.packing import composite_id
from qbatch.providers import (
    Absent,
    Batch,
    Found,
    Located,
    Missing,
    Prepared,
    Unknown,
    Update,
)
from qbatch.purchase import Event, Next
from qbatch.snapshot import Entry, JobRow

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine

#: How often `locate` is asked, where it says that looking again later may help.
MAX_LOOKS = 5

#: Why the outcome of a purchase is not known, where a run took it up.
CUT_OFF = "the last run was cut off while it was sent"

#: So many polls in a row, over so many seconds, must say that a job is lost before it is held.
MAX_DOUBTS, DOUBT_S = 3, 120.0

#: Of a job that was found under a word that is not known.
FOUND_UNCLEAR = "found, but its state is not known"

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
        while flight.stage == "created":
            if flight.failures and not await self._may_try_again(flight):
                return
            if self._lane.over_budget:
                return
            try:
                entries = await self._reserve(flight, await self._prepare(flight))
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

    async def _reserve(self, flight: Flight, prepared: Prepared) -> Sequence[Entry] | None:
        """Reserve the most that buying it may cost; None: the budget does not allow it.

        Returns:
            Its purchases, to be entered into the ledger with the intent.

        Raises:
            TooLarge: The budget may allow a part of it.
        """
        engine, lane = self._engine, self._lane
        price, orders = lane.target.price, [flight.order(key) for key in flight.ids]
        prices = expected_prices(orders, price, prepared.quotes)
        most = {key: max(price, prepared.most.get(key, 0.0)) for key, price in prices.items()}
        amounts = {flight.purchase(key): amount for key, amount in most.items()}
        is_certain = price.certainty != "at most"
        likely = {flight.purchase(key): cost * is_certain for key, cost in prices.items()}
        while excess := engine.budget.reserve(lane.name, price.unit, amounts, likely):
            if excess.may_pass and not engine.settings.detach:
                with lane.waits.waiting(Cause.BUDGET):
                    await engine.budget.wait_for_change()
            elif not await engine.ask_more(excess):
                if len(amounts) > 1 and not price.per_composite:
                    raise TooLarge(str(excess))
                lane.stop_buying(str(excess))
                return None
            if lane.over_budget:
                return None
        by = dict.fromkeys(prepared.quotes, "quoted by the provider")
        return [
            Entry(
                flight.rows[key].ordinal,
                flight.job(key).generation,
                lane.name,
                price.unit,
                quoted,
                by.get(key, price.source),
                most[key],
            )
            for key, quoted in prices.items()
        ]

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

    async def _prepare(self, flight: Flight) -> Prepared:
        """Have it prepared, however often that must be asked for.

        Raises:
            Refused: The provider said no, or was not done with it within a job's time-out.
        """
        began = trio.current_time()
        while True:
            prepared = await self._lane.read(
                lambda: self._lane.driver.prepare(flight.current()), is_proof=False
            )
            flight.remember(pinned(prepared.memo, self._lane.account))
            if prepared.ready:
                return prepared
            waited_s = trio.current_time() - began
            if waited_s > self._lane.timeout_s:
                raise Refused(
                    f"{self._lane.name}: not prepared within {self._lane.timeout_s:g} s; "
                    "nothing was bought"
                )
            await self._engine.journal.commit(partial(self._write_memo, flight))
            with self._lane.waits.waiting(Cause.PREPARATION):
                await trio.sleep(max(prepared.again_s, min(SHARE * waited_s, MOST_S)))

    def _write_memo(self, flight: Flight) -> None:
        snapshot, composite = self._engine.snapshot, flight.batch.composite
        children = [row.ordinal for row in flight.rows.values()]
        if flight.ordinal is None:
            flight.ordinal = snapshot.add_composite(composite, children)
        else:
            snapshot.save_memo(flight.ordinal, composite, children)

    async def _intend(self, flight: Flight, entries: Sequence[Entry]) -> None:
        """Make durable what is about to be sent."""
        intent = flight.intent = self._lane.driver.intend(flight.current())
        now = self._engine.snapshot.now()
        moves = [
            flight.happens(key, Event.SENT, error="") for key in flight.ids_in(JobState.CREATED)
        ]
        rows = [move.row for move in moves]

        def write() -> None:
            self._write_memo(flight)
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
        flight.unseen_at.clear()
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

    async def _take_over(self, flight: Flight, found: Sequence[Update]) -> None:
        """Children that another copy of the run folder bought are ours; the others are sent."""
        self._start_clock(flight, 0.0)
        flight.looks, flight.refusal = 0, None
        flight.unseen_at.clear()
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

    async def _take_answers(self, flight: Flight, updates: Iterable[Update]) -> None:
        """Commit what `submit` said; children it did not speak of stay SUBMITTING."""
        moves, taken = [], []
        with flight.one_attempt():
            for update in updates:
                if update.job_id not in flight.rows:
                    self._lane.warn(f"answered about a job that was not sent: {update.job_id!r}")
                    continue
                move = self._entered(flight, update, answers.of_sending(update))
                if move is not None:
                    moves.append(move)
                    taken.append(update)
        steps = self._replies(flight, taken)
        await self._moves.commit(flight, moves, stage="submitted", steps=steps)

    def _entered(self, flight: Flight, update: Update, event: Event) -> Move | None:
        """Where the table of purchases puts a child; None: it stays where it is."""
        key = update.job_id
        follows = purchase.follows(flight.job(key).state, event)
        if update.state is None:
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

    def _moved(self, flight: Flight, update: Update, event: Event) -> Move:
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

    async def _send_rest(self, flight: Flight) -> None:
        """Children proved not taken: all of them go again as they are, some as a new flight.

        So do children that the provider had and gave back: another purchase needs another key.
        """
        rest = flight.ids_in(JobState.CREATED)
        generation = flight.batch.composite.generation
        is_whole = len(rest) == len(flight.ids) == len(flight.rows)
        if is_whole and all(flight.job(key).generation == generation for key in rest):
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
            located = await self._lane.read(
                lambda: self._lane.driver.locate(flight.current(), intent)
            )
        except (Refused, Misspoke) as error:
            located = {key: Unknown(f"{reason}; looking for it failed: {error}") for key in keys}
        told_of = {key: _settled(flight, key, located.get(key, Unknown(reason))) for key in keys}
        waits = [wait_s for a in told_of.values() if (wait_s := _again_s(flight, a)) is not None]
        with flight.one_attempt():
            found = [self._located(flight, key, answer) for key, answer in told_of.items()]
        moves = [move for move in found if move is not None]
        told = [answer.update for answer in told_of.values() if isinstance(answer, Found)]
        steps = self._replies(flight, told)
        await self._moves.commit(flight, moves, stage="submitted", note=reason, steps=steps)
        flight.reopened = {
            key
            for key, answer in told_of.items()
            if flight.job(key).status == AWAY and _again_s(flight, answer) is not None
        }
        is_unclear = bool(flight.reopened or flight.ids_in(JobState.SUBMITTING))
        flight.look_at = trio.current_time() + max(waits) if is_unclear else math.inf
        await self._send_rest(flight)

    def _located(self, flight: Flight, key: str, answer: Located) -> Move | None:
        job = flight.job(key)
        is_known = job.provider_job_id is not None or job.status == ID_LOST
        may_look_again = _again_s(flight, answer) is not None
        event = answers.of_looking(answer, is_known=is_known, may_look_again=may_look_again)
        if isinstance(answer, Found):
            update = replace(answer.update, job_id=key)
            move = None if event is Event.UNKNOWABLE else self._entered(flight, update, event)
            return move or self._kept(flight, key, Event.UNKNOWABLE, FOUND_UNCLEAR)
        if event is Event.NOT_TAKEN:
            return self._not_taken(flight, key)
        if event is Event.UNCLEAR:
            return None
        if event is Event.GONE:
            told = f" as {job.provider_job_id}" if job.provider_job_id else ""
            advice = f"the provider took it{told} and does not have it any more"
            return self._kept(flight, key, event, advice)
        assert isinstance(answer, Unknown)
        return self._kept(flight, key, event, answer.advice)

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
            news: Sequence[Update] = ()
            with trio.move_on_at(min(flight.deadline, flight.look_at)):
                news = await flight.wait_news()
            if news:
                await self._take_news(flight, news)
            elif not flight.inbox and trio.current_time() >= flight.deadline:
                await self._time_out(flight)
        self._lane.unwatch(flight)

    async def _take_news(self, flight: Flight, news: Iterable[Update]) -> None:
        moves: dict[str, Move] = {}
        taken = []
        with flight.one_attempt():
            for update in news:
                move = self._changed(flight, update)
                if move is not None:
                    moves[update.job_id] = move
                    taken.append(update)
        if not moves:
            return
        steps = self._replies(flight, taken)
        await self._moves.commit(flight, moves.values(), steps=steps)
        await self._send_rest(flight)

    def _replies(self, flight: Flight, updates: Iterable[Update]) -> Sequence[Callable[[], None]]:
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

    def _changed(self, flight: Flight, update: Update) -> Move | None:
        """Where news puts a child; None: nowhere new."""
        key, event = update.job_id, answers.of_news(update)
        if flight.job(key).state not in AT_WORK or event is Event.STRANGE:
            return None
        if event is Event.MISSING:
            if not self._is_gone(flight, key):
                return None
            self._lane.warn(f"{flight.order(key).name}: held: {update.error}")
            event = Event.GONE
        if event is Event.CANCELLED and flight.was_cancelled:
            update, event = replace(update, error=self._too_late()), Event.FAILED
        return self._entered(flight, update, event)

    def _is_gone(self, flight: Flight, key: str) -> bool:
        """Whether a child has been missing for long enough, and often enough."""
        flight.doubts[key] += 1
        since = flight.missed_at.setdefault(key, trio.current_time())
        return flight.doubts[key] >= MAX_DOUBTS and trio.current_time() - since >= DOUBT_S

    def _given_back(self, flight: Flight, update: Update) -> Move:
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

    def _too_late(self) -> str:
        return f"timed out: no result within {self._lane.timeout_s:g} s; cancelled"

    async def _time_out(self, flight: Flight) -> None:
        """Ask for the children to be stopped; those that nobody confirms are held."""
        unclear = flight.ids_in(JobState.SUBMITTING)
        flight.reopened.clear()
        if not flight.at_work:
            return
        if flight.was_cancelled or unclear:
            advice = f"{self._too_late()}, but the provider did not confirm it"
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
            await self._fail(flight, set(flight.at_work) - flight.ripe.keys(), self._too_late())

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


def _bill(update: Update) -> Bill | None:
    return None if update.cost is None else Bill(update.cost)


def _not_sent(failures: Sequence[str]) -> str:
    told = "; ".join(f"{n}. {reason}" for n, reason in enumerate(failures, 1))
    return f"not sent after {len(failures)} attempts: {told}"


def _settled(flight: Flight, key: str, answer: Located) -> Located:
    """Turn what is missing into what that says by now."""
    if not isinstance(answer, Missing):
        flight.unseen_at.pop(key, None)
        return answer
    since = flight.unseen_at.setdefault(key, trio.current_time())
    left_s = answer.settle_s - (trio.current_time() - since)
    if left_s > 0:
        pause_s = left_s if answer.look_s is None else min(left_s, answer.look_s)
        return Unknown(answer.advice, again_s=pause_s + 0.1, is_patient=True)
    return Absent() if answer.is_proof else Unknown(answer.advice)


def _again_s(flight: Flight, answer: Located) -> float | None:
    """Seconds until it is worth looking again, or None."""
    if not isinstance(answer, Unknown) or answer.again_s is None:
        return None
    return answer.again_s if answer.is_patient or flight.looks < MAX_LOOKS else None
