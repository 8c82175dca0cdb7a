"""Each cloud at each call: an emulated cloud brought to where the call makes sense.

A `Stage` is one emulated cloud with batches in every state. Each spoilt call is made by a driver of
its own, which knows nothing but the batch: as after a restart, it has to ask the most.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import trio

from qbatch.emulators import Emulation, Queueing, read_faults
from qbatch.errors import Refused
from qbatch.manifest.models import Backend
from qbatch.providers import Batch, Driver, Surroundings, open_driver
from qbatch.providers.kit.wire import LEAST_SECRET
from tests.fuzz.mutations import TEXTS, Answer, spoil
from tests.providers.conftest import ORIGIN, Talk, make_order

#: Provider -> settings of its backend: one that costs, and that answers in all the ways it can.
BACKENDS: Mapping[str, Mapping[str, Any]] = {
    "oqc": {"target": "qpu:uk:1:12345"},
    "open-quantum": {"target": "ionq:forte-1"},
    "marqov": {"target": "sv1"},
    "scaleway": {"target": "EMU-AER-16C-128M"},
    "ibm-direct-access": {"target": "emu_5q", "options": {"storage": {"keep_objects": False}}},
}

#: No limit of a cloud ends a scene of hundreds of jobs.
SWITCHES = {
    "open-quantum": {"active_limit": 10**6, "credits": 10**9},
    "marqov": {"per_minute": 10**6, "per_day": 10**6, "job_usd": 1e9, "day_usd": 1e9}
    | {"month_usd": 1e9},
    "ibm-direct-access": {"lanes": 10**6},
}

CALLS = (
    "describe",
    "list_targets",
    "prepare",
    "submit",
    "locate",
    "poll",
    "fetch",
    "cancel",
    "release",
    "leave",
)

#: For so long a preparation is asked about that may never be there, seconds.
PATIENCE_S = 60.0

#: Headers of requests that authorise.
AUTHORISING = ("authorization", "x-auth-token", "authentication-token")

#: Variables whose values are secrets, by the end of their names.
SECRET_NAMES = ("TOKEN", "KEY", "SECRET", "PASSWORD", "ACCESS_KEY_ID")


class Spoiling(httpx.AsyncBaseTransport):
    """A transport that lets the cloud act and then spoils its answer.

    Attributes:
        spoil: Makes another answer of it; None: fair weather.
        spoilt: Answers that came out otherwise than they went in.
        secrets: All that was seen to authorise a request.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.spoil: Callable[[httpx.Request, Answer], Answer] | None = None
        self.requests = 0
        self.spoilt = 0
        self.secrets: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.secrets |= set(secrets_of(request).values())
        response = await self._inner.handle_async_request(request)
        headers = tuple(response.headers.raw)
        answer = Answer(response.status_code, headers, response.content)
        if self.spoil is not None:
            before, answer = answer, self.spoil(request, answer)
            self.spoilt += answer != before
        return httpx.Response(answer.status, headers=list(answer.headers), stream=_Line(answer))


class _Line(httpx.AsyncByteStream):
    """A body as it comes over a line: in parts, and perhaps cut off."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def __aiter__(self) -> Any:
        body = self._answer.body
        for at in range(0, len(body), 65_536):
            await trio.lowlevel.checkpoint()
            yield body[at : at + 65_536]
        if self._answer.breaks_off:
            raise httpx.RemoteProtocolError("peer closed connection")


def secrets_of(request: httpx.Request) -> dict[str, str]:
    """Return what authorises a request: header or parameter -> secret."""
    found = {
        name: request.headers[name].removeprefix("Bearer ")
        for name in AUTHORISING
        if name in request.headers
    }
    found |= {n: v for n, v in request.url.params.multi_items() if n == "X-Amz-Signature"}
    return found


class Stage:
    """One emulated cloud with everything in it that calls can be about."""

    def __init__(self, provider: str) -> None:
        self.provider = provider
        self.emulation = Emulation([provider], queueing=Queueing(3.0), inline=True, seed=1)
        self.emulation.world.faults = read_faults({"switches": SWITCHES})
        self.line = Spoiling(self.emulation.transport())
        self.talk = Talk(provider, self.emulation, dict(BACKENDS[provider]))
        self.batches: list[Batch] = []
        self._generation = 100

    @property
    def secrets(self) -> set[str]:
        """All texts that may never be seen; not what a spoilt answer gave us for a token."""
        environ = self.emulation.environment(ORIGIN)
        given = {value for name, value in environ.items() if name.endswith(SECRET_NAMES)}
        return given | {one for one in self.line.secrets - set(TEXTS) if len(one) >= LEAST_SECRET}

    def driver(self) -> Driver:
        """Open a driver whose answers come over the line that spoils."""
        around = Surroundings(
            environ=self.emulation.environment(ORIGIN),
            transport=self.line,
            run_id="run1",
            is_virtual=True,
            now=lambda: self.emulation.world.clock.utc().timestamp(),
        )
        backend = Backend(provider=self.provider, **BACKENDS[self.provider])
        return open_driver(backend, name="cloud", folder=Path(), surroundings=around)

    async def furnish(self) -> None:
        """Buy a batch for each state that a job can be in: done, failed, cancelled, waiting."""
        await self.talk.driver.describe()
        for script in ({}, {"fail": "no luck", "code": 7}, {}, {"wait_s": 1e9}):
            jobs = [script] if script else []
            self.emulation.world.faults = read_faults({"switches": SWITCHES, "jobs": jobs})
            self.batches.append(await self.talk.submit(await self.new_batch()))
            if len(self.batches) == 3:
                with suppress(Refused):  # at Marqov a key cannot
                    await self.talk.driver.cancel(*_all_of(self.batches[-1]))
        await trio.sleep(30)

    async def new_batch(self, driver: Driver | None = None) -> Batch:
        """Prepare a batch nobody prepared before, in fair weather."""
        self._generation += 1
        before, self.talk.driver = self.talk.driver, driver or self.talk.driver
        try:
            return await self.talk.prepare(*self.orders(), generation=self._generation)
        finally:
            self.talk.driver = before

    def orders(self) -> list[Any]:
        names = ["one"] if self.provider in ("open-quantum", "marqov") else ["one", "two"]
        return [make_order(shots=100, name=name) for name in names]


def _all_of(batch: Batch) -> tuple[Batch, Sequence[str]]:
    return batch, batch.composite.job_ids


Call = Callable[[], Awaitable[Any]]


async def make_call(stage: Stage, name: str, random: Random) -> Call:
    """Bring a fresh driver to the call `name` in fair weather; return the call itself."""
    driver: Any = stage.driver()
    if name in ("describe", "list_targets"):
        return getattr(driver, name)  # type: ignore[no-any-return]
    batch = random.choice(stage.batches)
    ids = batch.composite.job_ids

    async def prepare() -> Any:
        batch, until = await _blank(stage), trio.current_time() + PATIENCE_S
        while True:
            prepared = await driver.prepare(batch)
            if prepared.ready or trio.current_time() > until:
                return prepared
            batch = replace(batch, composite=replace(batch.composite, memo=prepared.memo))
            await trio.sleep(prepared.again_s)

    if name == "submit":
        fresh = await stage.new_batch(driver if random.random() < 0.5 else None)
        intent = driver.intend(fresh) if stage.provider != "scaleway" else None
        if intent is None:
            intent = stage.talk.driver.intend(fresh)
        return lambda: driver.submit(fresh, intent)
    calls: dict[str, Call] = {
        "prepare": prepare,
        "locate": lambda: driver.locate(
            replace(
                batch, provider_job_ids=() if random.random() < 0.5 else batch.provider_job_ids
            ),
            stage.talk.driver.intend(batch),
        ),
        "poll": lambda: driver.poll(stage.batches),
        "fetch": lambda: driver.fetch(stage.batches[0], stage.batches[0].composite.job_ids),
        "cancel": lambda: driver.cancel(batch, ids),
        "release": lambda: driver.release(batch),
    }
    if name == "leave":
        return lambda: driver.leave(stage.batches)
    return calls[name]


async def _blank(stage: Stage) -> Batch:
    """A batch that was never prepared."""
    batch = await stage.new_batch()
    return replace(batch, composite=replace(batch.composite, memo={}))


def spoiler(random: Random, turn: int, *, may_lie: bool = True) -> Any:
    """Return what spoils the answer to the request number `turn`, and no other."""
    left = turn

    def spoil_it(request: httpx.Request, answer: Answer) -> Answer:
        nonlocal left
        left -= 1
        if left:
            return answer
        return spoil(answer, random, secrets=secrets_of(request), may_lie=may_lie)

    return spoil_it


def walk(value: Any) -> Sequence[str]:
    """Return every text in a value: of dataclasses, mappings, sequences, bytes."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace")]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for part in pair for text in walk(part)]
    if isinstance(value, list | tuple | set):
        return [text for part in value for text in walk(part)]
    if hasattr(value, "__dataclass_fields__"):
        return [text for name in value.__dataclass_fields__ for text in walk(getattr(value, name))]
    return []
