"""Drivers against emulators, in one process and on a virtual clock."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from qbatch.circuit import open_circuit
from qbatch.emulators import Emulation, Queueing, read_faults
from qbatch.job import CompositeJob
from qbatch.manifest.models import Backend, Circuit
from qbatch.providers import (
    ENDS,
    Answer,
    Batch,
    Done,
    Driver,
    Fetched,
    Intent,
    Order,
    Surroundings,
    open_driver,
)

ORIGIN = "https://emulators.test"

#: Three bits in two registers, and no symmetry at all: a = 01 or 11, b = 0 or 1.
#: P(b a) = 0 01: 0.375, 0 11: 0.125, 1 01: 0.375, 1 11: 0.125 (angles chosen for that).
ASYMMETRIC = """\
OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg a[2];
creg b[1];
x q[0];
ry(1.0471975511965976) q[1];
h q[2];
measure q[0] -> a[0];
measure q[1] -> a[1];
measure q[2] -> b[0];
"""
PROBABILITIES = {"0 01": 0.375, "0 11": 0.125, "1 01": 0.375, "1 11": 0.125}


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


def make_order(text: str = ASYMMETRIC, *, shots: int = 2000, name: str = "point") -> Order:
    circuit = open_circuit(name, Circuit(qasm=text), folder=Path()).circuit({})
    return Order(name.ljust(64, "0"), name, circuit, {}, shots, seed=7)


class Talk:
    """One driver and the emulated cloud it talks to; plays the executor without its care."""

    def __init__(
        self,
        provider: str,
        emulation: Emulation,
        settings: dict[str, Any],
        run_id: str = "run1",
    ) -> None:
        self.emulation = emulation
        environ = emulation.environment(ORIGIN) | settings.pop("environ", {})
        around = Surroundings(
            environ=environ,
            transport=emulation.transport(),
            run_id=run_id,
            is_virtual=True,
            now=lambda: emulation.world.clock.utc().timestamp(),
        )
        backend = Backend(provider=provider, **settings)
        self.driver: Driver = open_driver(backend, name="cloud", folder=Path(), surroundings=around)

    @property
    def ledger(self) -> list[dict[str, Any]]:
        return self.emulation.world.ledger.entries()

    def set_faults(self, **script: Any) -> None:
        self.emulation.world.faults = read_faults(script)

    async def prepare(self, *orders: Order, generation: int = 1) -> Batch:
        ids = tuple(order.id for order in orders)
        batch = Batch(CompositeJob("c" * 64, "cloud", ids, generation), orders)
        while True:
            prepared = await self.driver.prepare(batch)
            batch = replace(batch, composite=replace(batch.composite, memo=prepared.memo))
            if prepared.ready:
                return batch
            await trio.sleep(prepared.again_s)

    async def submit(self, batch: Batch) -> Batch:
        updates = await self.driver.submit(batch, self.driver.intend(batch))
        return with_ids(batch, updates)

    async def located(self, batch: Batch, intent: Intent) -> dict[str, Answer]:
        """Our job id -> what looking for it says."""
        return {answer.job_id: answer for answer in await self.driver.locate(batch, intent)}

    async def finish(self, batch: Batch) -> dict[str, Answer]:
        """Poll until every child is at its end."""
        ended: dict[str, Answer] = {}
        pause_s = 1.0
        while len(ended) < len(batch.orders):
            for update in await self.driver.poll([batch]):
                if isinstance(update, ENDS):
                    ended[update.job_id] = update
            await trio.sleep(pause_s)
            pause_s = min(15.0, pause_s * 1.1)  # of an hour in the queue, not every second
        return ended

    async def run(self, *orders: Order) -> list[Fetched]:
        batch = await self.submit(await self.prepare(*orders))
        ended = await self.finish(batch)
        assert {type(update) for update in ended.values()} == {Done}
        return list(await self.driver.fetch(batch, [order.id for order in orders]))


def with_ids(batch: Batch, updates: Any) -> Batch:
    ids = {update.job_id: update.provider_job_id for update in updates}
    return replace(batch, provider_job_ids=tuple(ids.get(order.id) for order in batch.orders))


@pytest.fixture
def talk() -> Iterator[Callable[..., Talk]]:
    """Return a maker: provider, seconds of queue, and a backend's settings."""
    emulations: list[Emulation] = []

    def make(provider: str, queue_s: float = 3.0, **settings: Any) -> Talk:
        emulation = Emulation([provider], queueing=Queueing(queue_s), inline=True, seed=1)
        emulations.append(emulation)
        return Talk(provider, emulation, settings)

    yield make
    for emulation in emulations:
        emulation.close()


@pytest.fixture
def order() -> Callable[..., Order]:
    return make_order


def deviation(counts: Mapping[str, int], probabilities: Mapping[str, float]) -> float:
    """Return the largest distance of a count from its expectation, in standard deviations."""
    shots = sum(counts.values())
    keys = counts.keys() | probabilities.keys()
    return max(
        abs(counts.get(key, 0) - shots * probabilities.get(key, 0.0))
        / max((shots * probabilities.get(key, 0.0)) ** 0.5, 1e-9)
        for key in keys
    )


@pytest.fixture
def asymmetric() -> Callable[[Fetched], float]:
    """Return a judge: how many standard deviations a result is from the asymmetric state."""
    return lambda fetched: deviation(fetched.counts.to_dict(), PROBABILITIES)
