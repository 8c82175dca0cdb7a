"""How a run leaves what is not over: when it does, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from qbatch.errors import ProviderError
from qbatch.executor.doubles import Doubles
from qbatch.executor.moves import Moves
from qbatch.providers import Batch, Leaves
from qbatch.purchase import CompositeEvent, Event

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine

#: How long drivers may take to end what costs by being left, and after a signal, seconds.
LEAVE_S, SIGNALLED_S = 20.0, 0.8

#: Pause between two looks whether all is sent, where a run is to be left then, seconds.
LOOK_S = 0.2


async def leave_when_sent(engine: Engine, backend: BackendRun) -> None:
    """Leave a backend once whatever its target takes now is there."""
    while not backend.has_sent_all:
        await trio.sleep(LOOK_S)
    await backend.wind_down(engine.settings.grace_s)


async def leave_when_nothing_moves(engine: Engine, backend: BackendRun) -> None:
    """As long as the person would have it wait: it does not matter for what."""
    limit_s = engine.settings.wait_s
    while (end := backend.moved_at + limit_s) > trio.current_time():
        await trio.sleep_until(end)
    reason = f"nothing came on for {limit_s:g} s, the longest wait asked for"
    await backend.leave_all(reason, engine.settings.grace_s)


async def leave_when_late(engine: Engine, backend: BackendRun) -> None:
    """Once all that could still come took longer than a job may, where those are left."""
    await backend.some_late.wait()
    while not (
        backend.has_only_late and (backend.has_fed or backend.slots.is_full or engine.slots.is_full)
    ):
        await trio.sleep(LOOK_S)
    reason = f"all that is in flight took longer than {backend.timeout_s:g} s"
    await backend.leave_all(reason, engine.settings.grace_s)


async def put_local_back(engine: Engine, backends: Sequence[BackendRun]) -> None:
    """Local work that was cut off is gone: its jobs are `created` again."""
    for backend in backends:
        if not backend.driver.is_local:
            continue
        for active in list(backend.cut_off):
            moves = [active.happens(key, Event.CUT_OFF) for key in active.at_work]
            await Moves(engine, backend).commit(
                active, moves, happened=CompositeEvent.CUT_OFF, note=Event.CUT_OFF.value
            )


async def leave(engine: Engine, backends: Sequence[BackendRun]) -> None:
    """Let drivers stop what would cost by being left; whoever asked twice waits no more."""
    if engine.settings.detach or engine.stop.level > 1:
        return
    limit_s = SIGNALLED_S if engine.stop.signal is not None else LEAVE_S
    with trio.CancelScope(shield=True), trio.move_on_after(limit_s) as scope:
        async with trio.open_nursery() as nursery:
            for backend in backends:
                batches = [active.current() for active in backend.cut_off]
                if batches and isinstance(backend.driver, Leaves):
                    nursery.start_soon(_leave_one, backend, backend.driver, batches)
    if scope.cancelled_caught:
        engine.warn(f"not all was ended at the providers within {limit_s:g} s; run again")


async def _leave_one(backend: BackendRun, driver: Leaves, batches: list[Batch]) -> None:
    try:
        await driver.leave(batches)
    except ProviderError as error:
        backend.warn(f"what is left there may go on costing: {error}; run again to end it")


async def look_last(engine: Engine, doubles: Doubles) -> None:
    """See what else stands at the clouds; whoever asks for the end does not wait for it."""
    if engine.stop.level:
        return

    async def end_when_asked() -> None:
        await engine.stop.wait_once()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_when_asked)
        await doubles.look()
        nursery.cancel_scope.cancel()
