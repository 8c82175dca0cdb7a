"""The life of one composite job, from packed to released.

    prepare* → intend → (durable) → submit → poll* → fetch → (durable) → release

Rules: what is done next about each child is what the table of purchases says (`ActiveJob.then`);
here it is done, as its time comes. A result and the move to COMPLETED are one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Misspoke, ProviderError, Refused
from qbatch.executor.active import ActiveJob, Move
from qbatch.executor.backend_run import BackendRun
from qbatch.executor.fetching import fetch
from qbatch.executor.looking import Looking
from qbatch.executor.moves import Moves
from qbatch.executor.news import News, too_late
from qbatch.executor.sending import Sending
from qbatch.job import JobState
from qbatch.providers import Answer
from qbatch.purchase import CompositeEvent, Event, Next

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine

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
        self._moves = Moves(engine, backend)
        self._news = News(backend)
        self._sending = Sending(engine, backend, start)
        self._looking = Looking(engine, backend)

    async def drive(self, active: ActiveJob) -> None:
        """Bring a composite job from wherever it stands to its end."""
        self._backend.enter(active)
        self._engine.changes()
        self._engine.budget.expect(map(active.purchase, active.at_work))
        try:
            while await self._go_on(active):
                pass
        finally:
            self._backend.leave(active)
            self._engine.steps.end(active.batch)
            purchases = active.purchases()
            self._engine.budget.give_up_on(purchases)
            if active.stage == "created":
                self._engine.budget.release(purchases)

    async def _go_on(self, active: ActiveJob) -> bool:
        """Do what is next; False: that was the last of it.

        News come while there is something to look for, and no result waits for them.
        """
        then = {active.then[key] for key in active.ids}
        if Next.POLL in then:
            self._backend.poller.watch(active)
        if then & {Next.SEND, Next.SEND_ANEW}:
            self._backend.poller.unwatch(active)
            return await self._sending.send(active)
        if Next.FETCH in then:
            await self._fetch(active)
        elif Next.LOOK in then and active.look_at <= trio.current_time():
            await self._look(active)
        elif not then <= {Next.NOTHING, Next.ASK}:
            await self._wait(active)
        else:
            self._backend.poller.unwatch(active)
            await self._release(active)
            return False
        return True

    # -- waiting and fetching -----------------------------------------------------------------

    async def _look(self, active: ActiveJob) -> None:
        await self._looking.look(active)
        self._sending.part_with(active)

    async def _fetch(self, active: ActiveJob) -> None:
        await fetch(self._engine, self._backend, active, self._moves)
        if active.inbox:  # a result that is late keeps no sibling's news waiting
            await self._take_news(active, await active.wait_news())

    async def _wait(self, active: ActiveJob) -> None:
        """Until there is news, or it is time to look, or it takes too long."""
        look_at = active.look_at if active.ids_then(Next.LOOK) else math.inf
        news: Sequence[Answer] = ()
        with trio.move_on_at(min(active.deadline, look_at)):
            news = await active.wait_news()
        if news:
            await self._take_news(active, news)
        elif not active.inbox and trio.current_time() >= active.deadline:
            await self._time_out(active)

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
        steps = self._moves.replies(active, taken)
        await self._moves.commit(active, moves.values(), steps=steps)
        self._sending.part_with(active)

    async def _time_out(self, active: ActiveJob) -> None:
        """Ask for the children to be stopped, where they are not left where they are.

        Those that nobody confirms are held.
        """
        unclear = active.ids_then(Next.LOOK)
        if self._backend.leaves_late and active.at_work and not unclear:
            active.deadline = math.inf
            self._backend.mark_late(active, f"no result within {self._backend.timeout_s:g} s")
        elif unclear:
            waited_s = self._backend.timeout_s
            advice = f"not known to be taken within {waited_s:g} s: {active.doubt}"
            await self._hold(active, unclear, advice)
        elif active.was_cancelled:
            advice = f"{too_late(self._backend)}, but the provider did not confirm it"
            await self._hold(active, active.at_work, advice)
        else:
            await self._cancel_late(active)

    async def _hold(self, active: ActiveJob, keys: Iterable[str], advice: str) -> None:
        moves = [active.happens(key, Event.TIMED_OUT, error=advice) for key in keys]
        await self._moves.commit(active, moves)

    async def _cancel_late(self, active: ActiveJob) -> None:
        """Ask for all children to be stopped; there is some time for it to be confirmed."""
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
            late = set(active.at_work) - active.ripe.keys()
            moves = [
                active.happens(key, Event.FAILED, error=too_late(self._backend)) for key in late
            ]
            await self._moves.commit(active, moves)

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
        await self._moves.commit(active, (), happened=CompositeEvent.RELEASED)
