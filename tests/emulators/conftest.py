"""Asynchronous tests run on trio's virtual clock: hours of queue pass at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from qbatch.emulators import Emulation, Queueing, read_faults

ORIGIN = "https://emulators.test"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    wanted = {name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters}

    async def run() -> None:
        await test(**wanted)

    trio.run(run, clock=MockClock(autojump_threshold=0))
    return True


class Stage:
    """An emulation and the client that talks to it, in one process."""

    def __init__(self, emulation: Emulation, headers: dict[str, str]) -> None:
        self.emulation = emulation
        self.environment = emulation.environment(ORIGIN)
        self.client = httpx.AsyncClient(
            transport=emulation.transport(), base_url=ORIGIN, headers=headers
        )

    async def get(self, url: str, **arguments: Any) -> Any:
        """GET and decode what must be a 200 with JSON."""
        reply = await self.client.get(url, **arguments)
        assert reply.status_code == 200, reply.text
        return reply.json()

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return self.emulation.world.ledger.entries()

    def set_faults(self, **script: Any) -> None:
        self.emulation.world.faults = read_faults(script)


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Return a maker of stages: providers, seconds of queue, fault script, headers."""

    def make(
        *providers: str,
        queue_s: float = 10.0,
        faults: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        **queueing: Any,
    ) -> Stage:
        emulation = Emulation(
            providers,
            queueing=Queueing(queue_s, **queueing),
            faults=read_faults(faults),
            seed=1,
        )
        return Stage(emulation, headers or {})

    return make
