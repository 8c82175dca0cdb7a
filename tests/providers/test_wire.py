"""HTTP to a provider: what a failure becomes, and what it never shows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import httpx
import pytest
import trio

from qbatch.errors import (
    CredentialsError,
    Misspoke,
    OutOfFunds,
    ProviderError,
    Refused,
    TooLarge,
    Unavailable,
)
from qbatch.providers.kit.wire import Reply, Wire, read_retry_after

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@asynccontextmanager
async def scripted(answer: Callable[[int], bytes | None]) -> AsyncIterator[str]:
    """A server that sends `answer(n)` to the n-th request of each connection, then hangs up."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def talk(stream: trio.SocketStream) -> None:
        count = 0
        with suppress(trio.BrokenResourceError):  # the client is gone
            while await stream.receive_some(65_536):
                said = answer(count)
                count += 1
                if said is None:
                    await stream.aclose()
                    return
                await stream.send_all(said)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, talk, listeners)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


def page(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{extra}\r\n".encode() + body


def ask(answer: Callable[[int], bytes | None], **settings: float) -> Reply | ProviderError:
    """Send one POST to a scripted server; return its reply, or what went wrong."""

    async def talk() -> Reply | ProviderError:
        async with scripted(answer) as url, Wire("oqc", **settings) as wire:  # type: ignore[arg-type]
            try:
                return await wire.send("POST", url)
            except ProviderError as error:
                return error

    return trio.run(talk)


def in_trio(test: Callable[[], object]) -> None:
    trio.run(test)  # type: ignore[arg-type]


def test_a_connection_is_used_again() -> None:
    seen: list[int] = []

    def answer(n: int) -> bytes:
        seen.append(n)
        return page(b"{}")

    async def talk() -> None:
        async with scripted(answer) as url, Wire("oqc") as wire:
            for _ in range(3):
                assert (await wire.send("GET", url)).json() == {}

    in_trio(talk)
    assert seen == [0, 1, 2]


def test_no_connection_means_unsent() -> None:
    async def talk() -> None:
        async with Wire("oqc") as wire:
            await wire.send("POST", "http://127.0.0.1:1/tasks?sig=secret", json={})

    with pytest.raises(Unavailable, match=r"oqc: POST /tasks: cannot connect to 127") as caught:
        in_trio(talk)
    assert caught.value.unsent
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [None, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ntorn", b"SSH-2.0-OpenSSH\r\n\r\n"],
    ids=["dropped", "torn", "no HTTP"],
)
def test_a_lost_answer_is_never_called_unsent(said: bytes | None) -> None:
    failure = ask(lambda n: said if n == 0 else None, deadline_s=2)
    assert isinstance(failure, Unavailable)
    assert not failure.unsent


def test_a_silent_cloud_meets_the_deadline_of_the_whole_exchange() -> None:
    failure = ask(lambda _: b"HTTP/1.1 200 OK\r\n", deadline_s=0.2)
    assert isinstance(failure, Unavailable)
    assert "within 0.2 s" in str(failure)


CHUNKED = (
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1f4\r\n%b\r\n" * 10 + b"0\r\n\r\n"
)


@pytest.mark.parametrize(
    "said", [page(b"x" * 5000), CHUNKED % ((b"x" * 500,) * 10)], ids=["announced", "chunked"]
)
def test_a_huge_answer_is_refused(said: bytes) -> None:
    failure = ask(lambda _: said, max_bytes=1000)
    assert isinstance(failure, Misspoke)
    assert "over 1000 bytes" in str(failure)


def test_more_requests_than_connections_wait_their_turn() -> None:
    async def talk() -> int:
        open_now = most = 0

        async def count(stream: trio.SocketStream) -> None:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            while await stream.receive_some(65_536):
                await stream.send_all(page(b"[]"))
            open_now -= 1

        async with trio.open_nursery() as servers:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            servers.start_soon(trio.serve_listeners, count, listeners)
            url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            async with Wire("oqc", connections=2) as wire, trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(wire.send, "GET", url)
            servers.cancel_scope.cancel()
        return most

    assert trio.run(talk) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused),
        (401, CredentialsError),
        (402, OutOfFunds),
        (413, TooLarge),
        (404, Refused),
        (409, Refused),
        (408, Unavailable),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (302, Misspoke),
    ],
)
def test_a_status_says_what_can_be_done_about_it(status: int, kind: type[Exception]) -> None:
    failure = Reply("oqc", "GET /x", status, {}, b'{"why": "so"}').failure()
    assert type(failure) is kind
    assert '{"why": "so"}' in str(failure)


@pytest.mark.parametrize(
    ("status", "unsent"), [(429, True), (423, True), (500, False), (503, False)]
)
def test_only_a_plain_no_for_now_lets_a_purchase_be_sent_again(status: int, unsent: bool) -> None:
    """M1."""
    failure = Reply("oqc", "POST /x", status, {}, b"").failure()
    assert isinstance(failure, Unavailable)
    assert failure.unsent is unsent


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": NaN}', b'{"torn', b"\xff", b"[" * 100_000]
)
def test_what_is_not_json_is_misspoken(body: bytes) -> None:
    with pytest.raises(Misspoke, match="not JSON"):
        Reply("oqc", "GET /x", 200, {}, body).json()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("1e12", 86_400.0),
        ("nan", None),
        ("Sat, 21 Nov 2026 12:01:00 GMT", 60.0),
        ("Sat, 21 Nov 2020 12:01:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_clamped(
    header: str | None, seconds: float | None
) -> None:
    assert read_retry_after(header, NOW) == seconds


def test_an_asgi_transport_may_stand_in_for_the_network() -> None:
    async def app(scope: object, receive: object, send: Callable[..., object]) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[misc]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[misc]

    async def talk() -> None:
        async with Wire("oqc", transport=httpx.ASGITransport(app=app)) as wire:  # type: ignore[arg-type]
            assert (await wire.send("DELETE", "http://localhost/x")).status == 204

    in_trio(talk)


FUSED = """
import sys, trio
from qbatch.providers.kit.wire import Wire
async def main():
    async with Wire("oqc") as wire:
        await wire.send("POST", sys.argv[1], json={})
trio.run(main)
"""


@pytest.mark.parametrize("boundary", [1, 2, 3, 4, 5])
def test_the_fuse_kills_the_process_at_the_boundary_it_names(boundary: int) -> None:
    """Killed at the first, the server never hears of the request; an exchange has four."""

    async def main() -> None:
        heard = trio.Event()

        def answer(count: int) -> bytes:
            heard.set()
            return page(b"{}")

        async with scripted(answer) as url:
            done = await trio.run_process(
                [sys.executable, "-c", FUSED, url],
                env=os.environ | {"QBATCH_KILL_AT_HTTP": str(boundary)},
                check=False,
            )
            assert done.returncode == (0 if boundary > 4 else -signal.SIGKILL)
            with trio.move_on_after(10 if boundary > 1 else 0.1):  # read later than it was sent
                await heard.wait()
            assert heard.is_set() is (boundary > 1)

    trio.run(main)
