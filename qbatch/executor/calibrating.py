"""What a machine's calibration is while jobs run on it: read beside them, kept once for each epoch.

A cloud that tells it with each result needs none of this. Of any other it is read when a composite
job is about to be sent and when results came, and once as the run ends: at most once in `PACE_S`,
one request each, so at most twice as often as there are jobs, and once more. Which
calibration a job ran with is told later, by when it was sent and came home (`snapshot.epochs`).

Rules: nothing waits for it, and nothing fails by it: what cannot be read is told once, and jobs go
on without. The end of a run waits for it no longer than `LIMIT_S`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio

from qbatch.errors import ProviderError
from qbatch.providers import TellsCalibration

if TYPE_CHECKING:
    from qbatch.executor.backend_run import BackendRun
    from qbatch.executor.engine import Engine

#: The shortest pause between two readings, and how long one may take, seconds.
PACE_S, LIMIT_S = 60.0, 10.0


@asynccontextmanager
async def calibration_kept(engine: Engine, backend: BackendRun) -> AsyncIterator[None]:
    """While inside, a machine's calibration is read and kept; and once more at the end."""
    driver = backend.driver
    if not isinstance(driver, TellsCalibration):
        yield
        return
    readings = _Readings(engine, backend, driver)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(readings.read_forever)
        yield
        nursery.cancel_scope.cancel()
    if not (engine.stop.level or backend.error is not None):
        await readings.read_last()


class _Readings:
    """Those of one backend.

    Args:
        engine: The run's.
        backend: On which jobs run.
        driver: Its own.
    """

    def __init__(self, engine: Engine, backend: BackendRun, driver: TellsCalibration) -> None:
        self._engine = engine
        self._backend = backend
        self._driver = driver
        self._read_at = -PACE_S

    async def read_forever(self) -> None:
        """Read whenever composite jobs enter or results come, and not too often."""
        while True:
            await self._backend.stirred.wait()
            await trio.sleep_until(self._read_at + PACE_S)
            await self._read()

    async def read_last(self) -> None:
        """Read once more, where results came since it was read last."""
        if self._backend.stirred.is_set():
            await self._read()

    async def _read(self) -> None:
        self._backend.stirred = trio.Event()
        self._read_at, at = trio.current_time(), self._engine.snapshot.now()
        with trio.move_on_after(LIMIT_S) as scope:
            try:
                document = await self._driver.read_calibration()
            except ProviderError as error:
                self._warn(str(error))
                return
        if scope.cancelled_caught:
            self._warn(f"no answer within {LIMIT_S:g} s")
        elif document is not None:
            keep = self._engine.snapshot.note_reading
            await self._engine.journal.commit(partial(keep, self._backend.name, document, at))

    def _warn(self, why: str) -> None:
        self._backend.warn(
            f"its calibration cannot be read: {why}; jobs go on without", once="calibration"
        )
