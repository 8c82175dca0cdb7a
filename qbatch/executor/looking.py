"""Looking for purchases whose answer was lost.

Rules: an answer that was lost is looked for with `locate`, never sent again blindly: found is
adopted, absent for certain is sent again, unknown is held for the person to decide; only where a
provider takes one key once, the same is sent again to learn what became of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from qbatch.errors import Misspoke, Refused
from qbatch.executor import doubts
from qbatch.executor.accounts import pinned
from qbatch.executor.active import ActiveJob
from qbatch.executor.moves import Moves
from qbatch.executor.news import News
from qbatch.executor.preparing import write_memo
from qbatch.providers import Answer, Missing, NotTaken, Repeats, Unclear
from qbatch.purchase import CompositeEvent, Next

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine

#: Why the outcome of a purchase is not known, where a run took it up.
CUT_OFF = "the last run was cut off while it was sent"

#: What to do about a purchase of which only sending it again tells.
FOUND_BY_RUN = "`qbatch run` sends the same again under its key, which finds it"


class Looking:
    """Looks for purchases of one backend.

    Args:
        engine: What all backends share.
        backend: The backend.
    """

    def __init__(self, engine: Engine, backend: BackendRun) -> None:
        self._engine = engine
        self._backend = backend
        self._moves = Moves(engine, backend)
        self._news = News(backend)

    async def look(self, active: ActiveJob) -> None:
        """Ask what became of children: found, not taken, or unclear still.

        What stays unclear is looked for again at `ActiveJob.look_at`, as long as the driver says
        that this may help; then it is held. Its siblings are watched meanwhile.
        """
        assert active.intent is not None
        intent, keys = active.intent, active.ids_then(Next.LOOK)
        active.looks += 1
        active.doubt = active.doubt or CUT_OFF
        try:
            told = await self._backend.read(
                lambda: self._backend.driver.locate(active.current(), intent)
            )
        except (Refused, Misspoke) as error:
            told = _failed(active, keys, error)
        now = self._engine.snapshot.now()
        found = await self._take_in(active, keys, doubts.of_age(active, told, now))
        if repeated := active.ids_then(Next.REPEAT):
            again = await self._repeat(active, [found[key] for key in repeated])
            await self._take_in(active, repeated, doubts.of_repeating(again))

    async def _repeat(self, active: ActiveJob, told: Sequence[Answer]) -> Sequence[Answer]:
        """Send it again under its key; what is reserved for it stays reserved.

        Args:
            active: Its intent is durable.
            told: What `locate` said of the children that this is about.
        """
        driver, intent = self._backend.driver, active.intent
        assert isinstance(driver, Repeats)
        assert intent is not None
        await self._backend.rates.wait_turn(len(active.ids))
        if self._backend.is_closing:
            await trio.sleep_forever()
        try:
            return await self._backend.read(lambda: driver.repeat(active.current(), intent))
        except (Refused, Misspoke) as error:
            return _failed(active, [answer.job_id for answer in told], error)

    async def _take_in(
        self, active: ActiveJob, keys: Sequence[str], told: Iterable[Answer]
    ) -> Mapping[str, Answer]:
        """Do to children what is said of them; return what that was."""
        by_key: dict[str, Answer] = {key: Unclear(key, error=active.doubt) for key in keys}
        by_key |= {answer.job_id: answer for answer in told if answer.job_id in by_key}
        now = trio.current_time()
        seen = {key: doubts.of_looking(active, answer, now) for key, answer in by_key.items()}
        with active.one_attempt():
            found = [self._news.located(active, by_key[key], seen[key].event) for key in keys]
        moves = [move for move in found if move is not None]
        steps = [*self._moves.replies(active, by_key.values())]
        is_put_back = active.comes_to is CompositeEvent.NOT_TAKEN
        if is_put_back and (memo := _memo_anew(by_key.values())) is not None:
            active.remember(pinned(memo, self._backend))
            steps.append(partial(write_memo, self._engine.snapshot, active))
        await self._moves.commit(
            active, moves, happened=CompositeEvent.ANSWERED, note=active.doubt, steps=steps
        )
        if waits := [one.again_s for one in seen.values() if one.again_s is not None]:
            active.look_at = now + max(waits)
        return by_key


def _failed(active: ActiveJob, keys: Iterable[str], error: Refused | Misspoke) -> Sequence[Answer]:
    told = f"{active.doubt}; looking for it failed: {error}"
    return [Unclear(key, error=told) for key in keys]


def _memo_anew(told: Iterable[Answer]) -> Mapping[str, Any] | None:
    """What a driver wants remembered as it is sent again; None: nothing new."""
    memos = (one.memo for one in told if isinstance(one, NotTaken | Missing))
    return next((memo for memo in memos if memo is not None), None)


class LookingOnly(Looking):
    """Looks, and sends nothing."""

    async def _repeat(self, active: ActiveJob, told: Sequence[Answer]) -> Sequence[Answer]:
        """Hold it: what never reached its provider would be bought by that."""
        del active
        return [Unclear(one.job_id, error=f"{one.error}; {FOUND_BY_RUN}") for one in told]
