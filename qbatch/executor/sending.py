"""What spends: sending a composite job, and what comes of that.

Rules: nothing that can spend is called before its intent is durable, and no intent is made of what
nobody agreed to. What is certainly not taken is sent again, as it is or in parts; of what got no
answer the next thing is to look for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

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
from qbatch.executor.active import ActiveJob
from qbatch.executor.moves import Moves
from qbatch.executor.news import News
from qbatch.executor.preparing import prepare, reserve, write_memo
from qbatch.executor.recall import recalled
from qbatch.job import CompositeJob, JobState, stage_after
from qbatch.plan.packing import composite_id
from qbatch.providers import Answer, Batch, Unclear
from qbatch.purchase import CompositeEvent, Event, Next
from qbatch.snapshot import Entry, JobRow
from qbatch.snapshot.quotes import Recalled

if TYPE_CHECKING:
    from qbatch.executor.agreed import Beyond
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine

#: Why the outcome of a purchase is not known that was made elsewhere.
BOUGHT_BY_COPY = "another copy of this run folder bought it, and what became of it is not clear"

#: Why a composite job is not sent as it was prepared.
NOT_AGREED = "nobody agreed to all of it"


class Sending:
    """Sends the composite jobs of one backend.

    Args:
        engine: What all backends share.
        backend: The backend.
        start: Starts carrying another composite job of this backend.
    """

    def __init__(
        self,
        engine: Engine,
        backend: BackendRun,
        start: Callable[[ActiveJob], None],
    ) -> None:
        self._engine = engine
        self._backend = backend
        self._start = start
        self._moves = Moves(engine, backend)
        self._news = News(backend)

    async def send(self, active: ActiveJob) -> bool:
        """Buy it: on return each child is at the provider or its end, unclear, or with another.

        Returns:
            False: there was no money for it, and it is `created` still.
        """
        engine, backend = self._engine, self._backend
        while active.stage == "created":
            if active.failures and not await self._may_try_again(active):
                break
            if backend.over_budget:
                break
            try:
                entries = await reserve(
                    engine, backend, active, await prepare(engine, backend, active)
                )
                if entries is None:
                    break
                # Who waits here is `created` still: a crash finds nothing to look for.
                async with backend.submit_backoff.turn():
                    await backend.rates.wait_turn(len(active.ids))
                    await backend.backoff.wait()
                    if backend.is_closing:
                        await trio.sleep_forever()
                    found = await recalled(engine, backend, active)
                    if await self._hold_back(active, entries, found):
                        break
                    left = {active.rows[key].ordinal for key in active.ids}
                    await self._intend(active, [one for one in entries if one.ordinal in left])
                    await (self._take_over(active, found) if found else self._submit(active))
            except TooLarge as error:
                await self._halve(active, str(error))
            except OutOfFunds as error:
                await self._put_back(active, note=str(error))
                backend.stop_buying(str(error))
            except (Refused, Misspoke) as error:
                await self._fail(active, str(error))
            except Unavailable as error:  # it takes nothing to prepare for now
                await self._turned_away(active, error)
        return active.stage != "created"

    async def _hold_back(
        self, active: ActiveJob, entries: Sequence[Entry], found: Sequence[Answer]
    ) -> bool:
        """Leave what nobody agreed to as it is, and have the others sent; False: all is agreed to.

        What is held back stands in no composite job any more, so that the next run offers it. What
        was `found` is bought already, under the name of this one: that goes on with the others.
        """
        engine, backend, bought = self._engine, self._backend, {each.job_id for each in found}
        if engine.agreed is None:
            return False
        told = engine.agreed.beyond(backend, active, entries, engine.snapshot)
        beyond = {key: why for key, why in told.items() if key not in bought}
        if not beyond:
            return False
        engine.budget.release(map(active.purchase, beyond if found else active.ids))
        backend.hold_back({active.order(key).name: each.why for key, each in beyond.items()})
        await self._recall(active, beyond)
        if found:
            active.split_off(beyond)
            return False
        rest = [key for key in active.ids if key not in beyond]
        if rest:
            self._start(_split(active, rest))
        active.split_off(beyond)
        await self._moves.commit(active, (), happened=CompositeEvent.UNWANTED, note=NOT_AGREED)
        return True

    async def _recall(self, active: ActiveJob, beyond: Mapping[str, Beyond]) -> None:
        """Keep quotes for which jobs are held back, so that the next offer shows them."""
        snapshot = self._engine.snapshot
        told = [
            Recalled(
                self._backend.name,
                active.order(key).circuit.sha256,
                active.order(key).settings,
                active.order(key).shots,
                each.quote,
                snapshot.now(),
            )
            for key, each in beyond.items()
            if each.quote is not None
        ]
        if told:
            await self._engine.journal.commit(partial(snapshot.note_quotes, told))

    async def _halve(self, active: ActiveJob, reason: str) -> None:
        """The provider takes fewer at once; nothing was bought: two go on in its place."""
        keys = active.ids
        if len(keys) == 1:
            await self._fail(active, reason)
            return
        await self._put_back(active)
        middle = len(keys) // 2
        for part in (keys[:middle], keys[middle:]):
            self._start(_split(active, part))
        await self._moves.commit(active, (), happened=CompositeEvent.PASSED_ON, note=reason)

    async def _intend(self, active: ActiveJob, entries: Sequence[Entry]) -> None:
        """Make durable what is about to be sent."""
        intent = active.intent = self._backend.driver.intend(active.current())
        now = self._engine.snapshot.now()
        moves = [active.happens(key, Event.SENT, error="") for key in active.ids_then(Next.SEND)]
        rows = [move.row for move in moves]

        def write() -> None:
            write_memo(self._engine.snapshot, active)
            assert active.ordinal is not None
            self._engine.snapshot.save_intent(active.ordinal, intent.key, intent.body)
            self._engine.snapshot.reserve(entries, active.ordinal)
            rows[:] = [JobRow(row.ordinal, row.job, active.ordinal, now) for row in rows]
            self._engine.snapshot.save_jobs(rows)

        await self._engine.journal.commit(write)
        active.stage = stage_after(active.stage, CompositeEvent.SENT)
        active.bought.update((row.job.id, row.job.generation) for row in rows)
        active.looks, active.refusal, active.look_at = 0, None, -math.inf
        active.said_at.clear()
        active.deadline = trio.current_time() + self._backend.timeout_s
        self._engine.note(active, rows)

    async def _submit(self, active: ActiveJob) -> None:
        """Send it, and take in whatever comes of that.

        Raises:
            Refused: The provider said no; nothing was bought.
        """
        assert active.intent is not None
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
                await self._put_back(active, note="not sent")
            raise
        except CredentialsError as error:
            await self._put_back(active, str(error))
            await self._backend.give_up(error)
        except Unavailable as error:
            if error.unsent:
                await self._turned_away(active, error)
                return
            self._backend.pause(error)
            lost, active.refusal = error, error.otherwise
        except Misspoke as error:
            lost = error
        active.doubt = str(lost or "no answer about this job")
        for key in active.ids_then(Next.WAIT):
            active.hears(Unclear(key), Event.UNCLEAR)
        self.part_with(active)

    async def _take_over(self, active: ActiveJob, found: Sequence[Answer]) -> None:
        """Children that another copy of the run folder bought are ours; the others are sent.

        What is not clear of one that is there is looked for: it is never sent for that.
        """
        await self._take_answers(active, found)
        active.doubt = BOUGHT_BY_COPY
        rest = active.ids_then(Next.WAIT)
        moves = [active.happens(key, Event.NOT_TAKEN) for key in rest]
        await self._moves.commit(active, moves, note="not sent")
        self.part_with(active)

    async def _turned_away(self, active: ActiveJob, error: Unavailable) -> None:
        """It was certainly not taken: that is no attempt at buying it, and it waits.

        While the provider has no room, for as long as a job may take; while it cannot be reached,
        for as long as a read would.
        """
        await self._put_back(active, note=str(error))
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
            await self._fail(active, reason)

    async def _take_answers(self, active: ActiveJob, updates: Iterable[Answer]) -> None:
        """Commit what `submit` said; the answer about other children is awaited still."""
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
        steps = self._moves.replies(active, taken)
        await self._moves.commit(active, moves, happened=CompositeEvent.ANSWERED, steps=steps)

    def part_with(self, active: ActiveJob) -> None:
        """Let those children go on elsewhere that are to be sent, if the others are not.

        So do children that the provider had and gave back: another purchase needs another key.
        """
        if active.stage == "created":
            return
        parts: dict[int, list[str]] = {}
        for key in active.ids_then(Next.SEND, Next.SEND_ANEW):
            parts.setdefault(active.job(key).generation, []).append(key)
        for part in parts.values():
            self._start(_split(active, part))

    async def _put_back(self, active: ActiveJob, reason: str = "", *, note: str = "") -> None:
        """Nothing was bought: it is `created` again, whole; a `reason` is an attempt's."""
        if reason:
            active.failures.append(reason)
        keys = active.ids_in(JobState.SUBMITTING)
        moves = [active.happens(key, Event.NOT_TAKEN) for key in keys]
        await self._moves.commit(active, moves, note=reason or note)

    async def _fail(self, active: ActiveJob, error: str) -> None:
        """Its children cannot be sent, and nothing of them was bought."""
        keys = active.ids_in(JobState.CREATED, JobState.SUBMITTING)
        moves = [active.happens(key, Event.UNFIT, error=error) for key in keys]
        await self._moves.commit(active, moves)

    async def _may_try_again(self, active: ActiveJob) -> bool:
        """Wait before the next attempt at sending, or fail it when there were enough."""
        attempts, reason = len(active.failures), active.failures[-1]
        if attempts >= self._backend.retry.attempts:
            if not self._backend.has_answered:
                await self._backend.give_up(Unavailable(reason))
            await self._fail(active, _not_sent(active.failures))
            return False
        await trio.sleep(self._backend.retry.pause_s(attempts, self._backend.random))
        return True


def _split(active: ActiveJob, keys: Sequence[str]) -> ActiveJob:
    """Make a composite job of some children, all of one generation."""
    orders, rows = active.split_off(keys)
    old = active.batch.composite
    ids = tuple(order.id for order in orders)
    (generation,) = {row.job.generation for row in rows.values()}
    composite = CompositeJob(composite_id(ids, generation), old.backend, ids, generation)
    return ActiveJob(Batch(composite, orders), rows, failures=list(active.failures))


def _not_sent(failures: Sequence[str]) -> str:
    told = "; ".join(f"{n}. {reason}" for n, reason in enumerate(failures, 1))
    return f"not sent after {len(failures)} attempts: {told}"
