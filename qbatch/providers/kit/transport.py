"""HTTP/1.1 connections that cost the same however many requests are in flight.

The transport is ours because httpx's pool scans all its connections for every request: 2,200
requests/s with one in flight become 60 with a thousand. A last-in-first-out list of idle
connections per origin behind a limiter stays flat; TLS, time-outs, proxies and HTTP/1.1 remain
httpcore's. What the environment says wrongly of certificates and proxies is a connection that does
not come about, and its message names the variable.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import trio

from qbatch.providers.kit.proxies import Proxy, proxy_for

#: A connection of its own, straight or through a proxy.
Connection = httpcore.AsyncConnectionInterface

#: Where certificates that are trusted come from, if not with httpx; the first that is set.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class FlatTransport(httpx.AsyncBaseTransport):
    """HTTP/1.1 over at most `connections` connections, constant cost per request.

    Args:
        connections: In use at once, over all origins; further requests wait.
        keepalive_s: Idle connections older than this are closed instead of used again.
    """

    def __init__(self, connections: int = 16, *, keepalive_s: float = 30.0) -> None:
        self._idle: dict[tuple[bytes, bytes, int], list[Connection]] = {}
        self._limit = trio.CapacityLimiter(connections)
        self._keepalive_s = keepalive_s
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[str, httpcore.AsyncHTTPProxy] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        borrower = object()
        await self._limit.acquire_on_behalf_of(borrower)
        connection: Connection | None = None
        origin, proxy = _origin(request.url), None
        try:
            proxy = proxy_for(request.url)
            connection = await self._connection(origin, proxy)
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
                told = _reason(error)
                told = f"{proxy}: {told}" if proxy is not None else told
                raise _HTTPX_ERRORS[type(error)](told, request=request) from error
            raise
        body = _Stream(reply, lambda: self._give_back(origin, connection, borrower))
        return httpx.Response(
            reply.status, headers=reply.headers, stream=body, extensions=reply.extensions
        )

    async def _connection(
        self, origin: tuple[bytes, bytes, int], proxy: Proxy | None
    ) -> Connection:
        idle = self._idle.setdefault(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_available() and not connection.has_expired():
                return connection
            await _close(connection)
        if proxy is not None:
            return self._proxied(proxy).create_connection(httpcore.Origin(*origin))
        return httpcore.AsyncHTTPConnection(
            httpcore.Origin(*origin),
            ssl_context=self._tls_context() if origin[0] == b"https" else None,
            keepalive_expiry=self._keepalive_s,
        )

    def _proxied(self, proxy: Proxy) -> httpcore.AsyncHTTPProxy:
        """Return what makes connections through a proxy; it keeps none of them."""
        if proxy.url not in self._proxies:
            self._proxies[proxy.url] = httpcore.AsyncHTTPProxy(
                proxy.url,
                proxy_auth=proxy.auth,
                ssl_context=self._tls_context(),
                proxy_ssl_context=self._tls_context() if proxy.url.startswith("https:") else None,
                keepalive_expiry=self._keepalive_s,
            )
        return self._proxies[proxy.url]

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = trusted_certificates()
        return self._tls

    async def _give_back(
        self,
        origin: tuple[bytes, bytes, int],
        connection: Connection,
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


async def _close(connection: Connection) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
        await connection.aclose()


def trusted_certificates() -> ssl.SSLContext:
    """Return whom to trust: those of SSL_CERT_FILE or SSL_CERT_DIR, or those that httpx brings.

    Raises:
        httpx.ConnectError: The variable names nothing that can be read as certificates.
    """
    try:
        return httpx.create_ssl_context()
    except (OSError, ssl.SSLError) as error:
        variable = next((one for one in CERTIFICATES if os.environ.get(one)), None)
        if variable is None:
            raise
        is_found = Path(os.environ[variable]).exists()
        why = "holds no PEM certificates" if is_found else "is not there"
        raise httpx.ConnectError(
            f"{variable}={os.environ[variable]} {why}; name a file of PEM certificates, or unset it"
        ) from error


def _reason(error: BaseException) -> str:
    """Say why something failed; what httpcore raises may say nothing, but its cause does."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"its certificate is not trusted: {cause.verify_message}; if it should be, name a "
                "PEM file of who signed it by SSL_CERT_FILE"
            )
        if str(cause) and not isinstance(cause, trio.BrokenResourceError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return ""


#: httpcore's errors as httpx's, which is what users of an httpx transport expect.
_HTTPX_ERRORS: dict[type[BaseException], type[httpx.RequestError]] = {
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadError: httpx.ReadError,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteError: httpx.WriteError,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
    httpcore.ProxyError: httpx.ProxyError,
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
