"""Putting emulated clouds together: one world, one ASGI application, one prefix per cloud.

A cloud is a module with ``open_cloud(world) -> Cloud``, listed in `MODULES`. It imports nothing of
qbatch outside this package, so a driver and its emulator cannot share a mistake.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from qbatch.emulators.clock import Clock
from qbatch.emulators.drift import Course, Moment, Published, read_course
from qbatch.emulators.faults import Faults, FaultScriptError, read_faults
from qbatch.emulators.faulty_requests import (
    App,
    ConnectionDropped,
    FaultyRequests,
    Receive,
    Scope,
    Send,
)
from qbatch.emulators.jobs import Queueing
from qbatch.emulators.ledger import Ledger
from qbatch.emulators.noise import Noise
from qbatch.emulators.simulation import Simulator

#: Provider -> the module that emulates it.
MODULES = {
    "oqc": "qbatch.emulators.oqc",
    "open-quantum": "qbatch.emulators.open_quantum",
    "marqov": "qbatch.emulators.marqov",
    "scaleway": "qbatch.emulators.scaleway",
    "ibm-direct-access": "qbatch.emulators.ibm_direct_access",
}


#: Header by which every answer says that no cloud gave it.
EMULATED = (b"x-emulated-by", b"qbatch")


@dataclass
class World:
    """What all clouds of an emulation share.

    Attributes:
        faults: The script in force; may be replaced while the emulation runs.
        random: Source of ids and other free choices; seeded in rehearsals and tests.
        targets: Provider -> machines to offer beside the cloud's usual ones, by the name a client
            asks for; each cloud gives them limits and prices like those of its own.
        noise: Of the machines of clouds whose switch says nothing else; None: there is none.
    """

    clock: Clock
    ledger: Ledger
    simulator: Simulator
    queueing: Queueing = field(default_factory=Queueing)
    faults: Faults = field(default_factory=Faults)
    random: random.Random = field(default_factory=random.Random)
    targets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    noise: Noise | Course | None = None

    def noise_of(
        self, provider: str, at_s: float | None = None, jobs: int | None = None
    ) -> Noise | None:
        """Return the noise of a cloud's machines; simulators have none.

        Args:
            provider: The cloud.
            at_s: When, seconds of the clock, from now on; None: now.
            jobs: How many it had accepted by then; None: those that it has.
        """
        course = read_course(self.faults.switch(provider, "noise", self.noise))
        if course is None:
            return None
        noise = course.written
        if not course.is_steady:
            noise = course.at(*self._moment(provider, at_s, jobs))
        return noise if noise != Noise() else None

    def published(
        self, provider: str, at_s: float | None = None, jobs: int | None = None
    ) -> Published | None:
        """Return what a cloud's machines tell of their noise; None: there is none.

        Arguments are those of `noise_of`.
        """
        course = read_course(self.faults.switch(provider, "noise", self.noise))
        return None if course is None else course.published(*self._moment(provider, at_s, jobs))

    def _moment(
        self, provider: str, at_s: float | None, jobs: int | None
    ) -> tuple[Moment, Sequence[float]]:
        taken = self.ledger.taken(provider)[:jobs]
        now_s = self.clock.now_s() if at_s is None else at_s
        return Moment(now_s, len(taken)), taken

    def new_id(self) -> str:
        """Return a fresh UUID, version 4."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))


def own_url(request: Request) -> str:
    """Return the URL a cloud is reached under, as its client wrote it, without a slash at its end.

    Clouds hand out absolute URLs of their own: of QPUs, of storage.
    """
    return f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


@dataclass(frozen=True)
class Cloud:
    """One emulated cloud.

    Attributes:
        environment: The base URL it is served under -> variables a client needs: its URL under
            ``QBATCH_<PROVIDER>_URL`` and dummy credentials under the vendor's own names.
        expire_tokens: Expires issued tokens, and with True lasting ones too.
        usual: Names of the machines it always has; None: not told.
    """

    name: str
    app: App
    environment: Callable[[str], Mapping[str, str]]
    expire_tokens: Callable[[bool], None]
    usual: frozenset[str] | None = None


class Emulation:
    """Emulated clouds side by side, each under the path ``/<name>``.

    Args:
        providers: Names, see `MODULES`.
        queueing: How long jobs wait and run.
        faults: A fault script.
        inline: Simulate where asked, for virtual clocks and in-process use; False starts a worker.
        seed: Makes ids and draws repeatable; None: ids are fresh, draws still repeat per id.
        targets: Provider -> machines to offer beside the cloud's usual ones, see `World`.
        noise: Of all clouds' machines; a fault script's switch of a cloud wins.

    Raises:
        ValueError: A provider has no emulator.
    """

    def __init__(
        self,
        providers: Sequence[str],
        *,
        queueing: Queueing | None = None,
        faults: Faults | None = None,
        clock: Clock | None = None,
        inline: bool = True,
        seed: int | None = None,
        targets: Mapping[str, Sequence[str]] | None = None,
        noise: Noise | Course | None = None,
    ) -> None:
        unknown = [name for name in providers if name not in MODULES]
        if unknown:
            raise ValueError(f"no emulator for {unknown[0]!r}; there are: {', '.join(MODULES)}")
        self.world = World(
            clock=clock or Clock(),
            ledger=Ledger(),
            simulator=Simulator(inline=inline, seed=seed or 0),
            queueing=queueing or Queueing(),
            faults=faults or Faults(),
            random=random.Random(seed),
            targets=targets or {},
            noise=noise,
        )
        self.clouds: dict[str, Cloud] = {
            name: import_module(MODULES[name]).open_cloud(self.world)
            for name in dict.fromkeys(providers)
        }
        self.app: App = _saying_so(Router([*self._own_routes(), *self._mounts()]))

    def _own_routes(self) -> list[Route]:
        async def show_ledger(_: Request) -> Response:
            return JSONResponse(self.world.ledger.entries())

        async def replace_faults(request: Request) -> Response:
            try:
                self.world.faults = read_faults(json.loads(await request.body() or b"null"))
            except (FaultScriptError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
            return JSONResponse({"requests": len(self.world.faults.requests)})

        return [
            Route("/-/ledger", show_ledger, methods=["GET"]),
            Route("/-/faults", replace_faults, methods=["PUT"]),
        ]

    def _mounts(self) -> list[Mount]:
        return [
            Mount(
                f"/{cloud.name}",
                FaultyRequests(
                    cloud.app,
                    cloud.name,
                    lambda: self.world.faults,
                    self.world.clock,
                    cloud.expire_tokens,
                ),
            )
            for cloud in self.clouds.values()
        ]

    def environment(self, origin: str) -> dict[str, str]:
        """Return the variables a client of these clouds needs.

        Args:
            origin: Scheme, host and port under which `app` is reached, without a slash at its end.
        """
        variables: dict[str, str] = {}
        for cloud in self.clouds.values():
            variables.update(cloud.environment(f"{origin}/{cloud.name}"))
        return variables

    def transport(self) -> InProcessTransport:
        """Return an httpx transport that reaches these clouds without a socket."""
        return InProcessTransport(self.app)

    def close(self) -> None:
        self.world.simulator.close()


def _saying_so(app: App) -> App:
    """Let every answer say that it is an emulator's: what is billed here is no money."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), EMULATED]
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, marked)

    return wrapped


class InProcessTransport(httpx.AsyncBaseTransport):
    """httpx to an emulation in the same process, on trio; no socket is ever opened.

    Connections that the fault script drops raise what a real one would raise, and an answer later
    than the request's read time-out is `httpx.ReadTimeout`, after the cloud has acted.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        #: Answered or not.
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        import trio

        self.requests += 1
        limits: Mapping[str, Any] = request.extensions.get("timeout", {})
        read_s = limits.get("read")
        with trio.move_on_after(float("inf") if read_s is None else read_s):
            try:
                return await self._ask(request)
            except ConnectionDropped as error:
                raise httpx.RemoteProtocolError(
                    "Server disconnected without sending a complete response.", request=request
                ) from error
        raise httpx.ReadTimeout("", request=request)

    async def _ask(self, request: httpx.Request) -> httpx.Response:
        """Put a request to the application and collect its answer."""
        import trio

        url, asked = request.url, [await request.aread()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": url.scheme,
            "path": url.path,
            "raw_path": url.raw_path.partition(b"?")[0],
            "query_string": url.query,
            "server": (url.host, url.port),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        start: dict[str, Any] = {}
        chunks: list[bytes] = []

        async def receive() -> dict[str, Any]:
            if not asked:  # the client stays
                await trio.sleep_forever()
            return {"type": "http.request", "body": asked.pop(), "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                chunks.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return httpx.Response(start["status"], headers=start["headers"], content=b"".join(chunks))
