"""Requests that go wrong between a cloud and its client: the fault script, applied.

Rules: the layer knows no cloud; it lets the application act, or not, and spoils the answer. A
connection that ends is `ConnectionDropped`, which whoever carries the bytes turns into the real
thing: `qbatch.emulators.serving` closes the socket, `InProcessTransport` raises httpx's error.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import trio

from qbatch.emulators.clock import Clock
from qbatch.emulators.faults import Faults, RequestFault

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGE = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


class ConnectionDropped(Exception):
    """The connection ends here, without a complete answer."""


class FaultyRequests:
    """An ASGI application around a cloud's own.

    Args:
        app: The cloud.
        provider: Its name.
        faults: Asks for the script in force, which may be replaced between requests.
        clock: The emulation's.
        expire_tokens: Called with True to expire lasting tokens too.
    """

    def __init__(
        self,
        app: App,
        provider: str,
        faults: Callable[[], Faults],
        clock: Clock,
        expire_tokens: Callable[[bool], None],
    ) -> None:
        self._app = app
        self._provider = provider
        self._faults = faults
        self._clock = clock
        self._expire_tokens = expire_tokens
        #: Copies of requests on their way: when they arrive, seconds, and what they are.
        self._copies: list[tuple[float, Scope, list[Message]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._deliver_copies()
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        fault = self._faults().on_request(
            self._provider, scope["method"], path, self._clock.now_s()
        )
        if fault is None:
            await self._app(scope, receive, send)
            return
        if fault.again_s is not None:
            messages = await _read(receive)
            due_s = self._clock.now_s() + fault.again_s
            self._copies.append((due_s, {**scope}, [*messages]))
            receive = _giving(messages, receive)
        if fault.expire_tokens:
            self._expire_tokens(fault.expire_tokens == "all")
        if fault.drop == "before":
            raise ConnectionDropped
        if fault.status is not None and fault.when == "before" and not fault.torn:
            await _answer(send, *self._refusal(fault))
            return
        status, headers, body = await self._act(fault, scope, receive)
        await self._clock.sleep(fault.late_s)
        await self._spoil(fault, send, status, headers, body)

    async def _deliver_copies(self) -> None:
        """Let the application act on copies that have arrived; nobody hears what it says."""
        now_s = self._clock.now_s()
        arrived = [copy for copy in self._copies if copy[0] <= now_s]
        self._copies = [copy for copy in self._copies if copy[0] > now_s]
        for _, scope, messages in arrived:
            await _ask(self._app, scope, _giving(messages, _nothing_more))

    async def _act(
        self, fault: RequestFault, scope: Scope, receive: Receive
    ) -> tuple[int, list[Any], bytes]:
        """Let the application act; one that is slow does so though its client may be gone."""
        if not fault.slow_s:
            return await _ask(self._app, scope, receive)
        whole = _giving(await _read(receive), receive)
        answer: tuple[int, list[Any], bytes] | None = None
        with trio.CancelScope(shield=True):
            await self._clock.sleep(fault.slow_s)
            answer = await _ask(self._app, scope, whole)
        assert answer is not None  # nothing cancels a shielded scope
        return answer

    async def _spoil(
        self, fault: RequestFault, send: Send, status: int, headers: list[Any], body: bytes
    ) -> None:
        if fault.drop == "after":
            raise ConnectionDropped
        if fault.drop == "midway":
            await send({"type": "http.response.start", "status": status, "headers": headers})
            half = body[: len(body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            raise ConnectionDropped
        if fault.torn:
            await _answer(send, status, _typed(b"application/json"), body[: len(body) // 2])
        elif fault.status is not None or fault.html:
            await _answer(send, *self._refusal(fault))
        else:
            await _answer(send, status, headers, body)

    def _refusal(self, fault: RequestFault) -> tuple[int, list[Any], bytes]:
        status = fault.status or 502
        if fault.html:
            return status, _typed(b"text/html"), PAGE
        headers = _typed(b"application/json")
        if fault.retry_after is not None:
            wanted = (
                self._clock.http_date(fault.retry_after)
                if fault.retry_after_form == "date"
                else f"{fault.retry_after:g}"
            )
            headers.append((b"retry-after", wanted.encode()))
        text = f"fault script: {status}"
        return status, headers, json.dumps({"status_code": status, "message": [text]}).encode()


def _typed(kind: bytes) -> list[Any]:
    return [(b"content-type", kind)]


async def _read(receive: Receive) -> list[Message]:
    """Read all of a request."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _giving(messages: list[Message], receive: Receive) -> Receive:
    """Return what gives these messages, and then what else comes."""
    left = [*messages]

    async def again() -> Message:
        return left.pop(0) if left else await receive()

    return again


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


async def _ask(app: App, scope: Scope, receive: Receive) -> tuple[int, list[Any], bytes]:
    """Let the application act and keep its whole answer."""
    status, headers, body = 500, [], b""

    async def keep(message: Message) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status, headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope, receive, keep)
    return status, headers, body


async def _answer(send: Send, status: int, headers: list[Any], body: bytes) -> None:
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    if status != 204:
        kept.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": kept})
    await send({"type": "http.response.body", "body": body})
