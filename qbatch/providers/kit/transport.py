"""HTTP/1.1 connections that cost the same however many requests are in flight.

The transport is ours because httpx's pool scans all its connections for every request: 2,200
requests/s with one in flight become 60 with a thousand. A last-in-first-out list of idle
connections per origin behind a limiter stays flat; TLS, time-outs and HTTP/1.1 remain httpcore's.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpcore
import httpx
import trio


class FlatTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over at most `connections` connections, constant cost per request.

    Args:
        connections: In use at once, over all origins; further requests wait.
        keepalive_s: Idle connections older than this are closed instead of used again.
    """

    def __init__(self, connections: int = 16, *, keepalive_s: float = 30.0) -> None:
        self._idle: dict[tuple[bytes, bytes, int], list[httpcore.AsyncHTTPConnection]] = {}
        self._limit = trio.CapacityLimiter(connections)
        self._keepalive_s = keepalive_s
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        borrower = object()
        await self._limit.acquire_on_behalf_of(borrower)
        connection: httpcore.AsyncHTTPConnection | None = None
        origin = _origin(request.url)
        try:
            connection = await self._connection(origin)
            reply = await connection.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=origin[0],
                        host=origin[1],
                        port=origin[2],
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=_Sent(await request.aread()),
                    extensions=request.extensions,
                )
            )
        except BaseException as error:
            self._limit.release_on_behalf_of(borrower)
            if connection is not None:
                await _close(connection)
            if isinstance(error, tuple(_HTTPX_ERRORS)):
                raise _HTTPX_ERRORS[type(error)](str(error), request=request) from error
            raise
        body = _Stream(reply, lambda: self._give_back(origin, connection, borrower))
        return httpx.Response(
            reply.status, headers=reply.headers, stream=body, extensions=reply.extensions
        )

    async def _connection(self, origin: tuple[bytes, bytes, int]) -> httpcore.AsyncHTTPConnection:
        idle = self._idle.setdefault(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_available() and not connection.has_expired():
                return connection
            await _close(connection)
        return httpcore.AsyncHTTPConnection(
            httpcore.Origin(*origin),
            ssl_context=self._tls_context() if origin[0] == b"https" else None,
            keepalive_expiry=self._keepalive_s,
        )

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx.create_ssl_context()
        return self._tls

    async def _give_back(
        self,
        origin: tuple[bytes, bytes, int],
        connection: httpcore.AsyncHTTPConnection,
        borrower: object,
    ) -> None:
        self._limit.release_on_behalf_of(borrower)
        if connection.is_idle():
            self._idle[origin].append(connection)
        else:
            await _close(connection)

    async def aclose(self) -> None:
        for idle in self._idle.values():
            while idle:
                await _close(idle.pop())


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int]:
    return url.raw_scheme, url.raw_host, url.port or (443 if url.scheme == "https" else 80)


async def _close(connection: httpcore.AsyncHTTPConnection) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
        await connection.aclose()


#: httpcore's errors as httpx's, which is what users of an httpx transport expect.
_HTTPX_ERRORS: dict[type[BaseException], type[httpx.RequestError]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
}


class _Sent:
    """A request's body as no generator: one that is left when a connection breaks is told of."""

    def __init__(self, content: bytes) -> None:
        self._rest = [content] if content else []

    def __aiter__(self) -> _Sent:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        return self._rest.pop()


class _Stream(httpx.AsyncByteStream):
    """A reply's body that gives its connection back when it is closed."""

    def __init__(self, reply: httpcore.Response, done: Any) -> None:
        self._reply = reply
        self._done = done
        self._is_open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._reply.aiter_stream():
                yield chunk
        except tuple(_HTTPX_ERRORS) as error:
            raise _HTTPX_ERRORS[type(error)](str(error)) from error

    async def aclose(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self._reply.aclose()
        finally:
            await self._done()
