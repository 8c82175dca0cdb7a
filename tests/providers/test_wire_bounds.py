"""What comes over a wire is bounded, and what goes over it is never shown again."""

from __future__ import annotations

import functools
import gzip
import json
import logging
import random
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx
import pytest
import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Unavailable
from qbatch.providers.kit.credentials import Secret, address
from qbatch.providers.kit.wire import Reply, Wire, read_retry_after
from tests.providers.test_wire import NOW, page, scripted

SECRET = 'se"cr&t/ü+0123'


class Line(httpx.AsyncBaseTransport):
    """Answers with what it is told, in parts."""

    def __init__(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        self._answer = (body, headers, status)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body, headers, status = self._answer

        class Parts(httpx.AsyncByteStream):
            async def __aiter__(self) -> Any:
                for at in range(0, len(body), 1000):
                    yield body[at : at + 1000]

        return httpx.Response(status, headers=dict(headers), stream=Parts())


def ask(
    body: bytes = b"{}",
    headers: Mapping[str, str] | None = None,
    url: str = "http://localhost/x",
    prepare: Callable[[Wire], dict[str, Any]] = lambda _: {},
    **settings: Any,
) -> Reply | ProviderError:
    status = settings.pop("status", 200)

    async def talk() -> Reply | ProviderError:
        async with Wire("oqc", transport=Line(body, headers or {}, status), **settings) as wire:
            try:
                return await wire.send("GET", url, **prepare(wire))
            except ProviderError as error:
                return error

    return trio.run(talk)


BOMB = gzip.compress(bytes(10**7), mtime=0)


@pytest.mark.parametrize("body", [BOMB, BOMB + b"more", zlib.compress(bytes(10**7))])
def test_a_bomb_is_unpacked_no_further_than_the_bound(body: bytes) -> None:
    failure = ask(body, {"content-encoding": "gzip"}, max_bytes=10_000)
    assert isinstance(failure, Misspoke)


def packed(piece: bytes, size: int) -> bytes:
    """`piece` again and again, to `size` bytes: one block is packed, and repeated as it is."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = piece * (2**20 // len(piece))
    repeated, times = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH), size // len(block)
    checksum = functools.reduce(lambda crc, _: zlib.crc32(block, crc), range(times), 0)
    head, end = gzip.compress(b"", mtime=0)[:10], b"\x03\x00"
    return head + repeated * times + end + struct.pack("<II", checksum, times * len(block))


def test_a_packed_block_that_is_repeated_is_gzip() -> None:
    assert gzip.decompress(packed(b'"aa",', 3 * 2**20)) == (b'"aa",' * (2**20 // 5)) * 3


@pytest.mark.parametrize(
    "piece",
    [b"\0", b"[],", b'{"a":1},', b'"aa",', "\U0001f600".encode(), b"0,", b"[", b'{"a":', b"1.5,"],
)
@pytest.mark.parametrize("size", [4_100_000, 250_000_000])
def test_a_bomb_costs_no_more_than_it_may(piece: bytes, size: int) -> None:
    """M8: 250 MB of gzip cost 847 MB and 40 s; 64 MiB are enough to read any answer that is one."""
    body = packed(piece, size)
    tracemalloc.start()
    try:
        answer = ask(body, {"content-encoding": "gzip"})
        if isinstance(answer, Reply):
            with suppress(Misspoke):
                answer.json()
        assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.slow
def test_a_large_answer_that_is_none_is_read(is_packed: bool) -> None:
    rng = random.Random(5)
    counts = {f"{rng.getrandbits(36):036b}": 1 for _ in range(200_000)}
    shots = [[rng.getrandbits(1) for _ in range(30)] for _ in range(40_000)]
    body = json.dumps({"counts": counts, "shots": shots}).encode()
    sent = gzip.compress(body, 3) if is_packed else body
    reply = ask(sent, {"content-encoding": "gzip"} if is_packed else {})
    assert isinstance(reply, Reply)
    assert reply.json() == {"counts": counts, "shots": shots}


@pytest.mark.parametrize(
    "text", ["a\u202eb", "a\u2066b", "a\u200fb", "a\u2028b", "a\x1bb", "a\x07b"]
)
@pytest.mark.parametrize("is_ascii", [False, True])
def test_nothing_that_turns_a_line_comes_in(text: str, is_ascii: bool) -> None:
    reply = ask(json.dumps({"e": text, text: 1}, ensure_ascii=is_ascii).encode())
    assert isinstance(reply, Reply)
    assert reply.json() == {"e": "a\ufffdb", "a\ufffdb": 1}


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (gzip.compress(BOMB, mtime=0), "gzip, gzip"),
        (gzip.compress(b"{}", mtime=0)[:-9], "gzip"),
        (b"{}", "gzip"),
        (b"{}", "br"),
        (b"{}", "rot13"),
    ],
)
def test_what_cannot_be_unpacked_is_an_answer_that_was_lost(body: bytes, coding: str) -> None:
    failure = ask(body, {"content-encoding": coding})
    assert isinstance(failure, Unavailable)
    assert not failure.unsent


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "identity", ""])
def test_what_we_asked_for_is_unpacked(coding: str) -> None:
    body = gzip.compress(b'{"a": 1}', mtime=0) if "gzip" in coding.lower() else b'{"a": 1}'
    reply = ask(body, {"content-encoding": coding})
    assert isinstance(reply, Reply)
    assert reply.json() == {"a": 1}


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 19])
def test_an_absurd_length_is_too_large(length: str) -> None:
    assert isinstance(ask(headers={"content-length": length}), Misspoke)


@pytest.mark.parametrize(
    "date",
    ["", " ", "9" * 5000, "Mon, 01 Jan 0001 00:00:00 +9999", "Mon, 99 Foo 99999 99:99:99 GMT"],
)
def test_absurd_dates_tell_nothing(date: str) -> None:
    assert isinstance(ask(headers={"date": date, "retry-after": date}), Reply)
    seconds = read_retry_after(date, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


@pytest.mark.parametrize(
    "url",
    ["http://[", "http://h:99999/", "javascript:alert(1)", "file:///etc/passwd", "http://", "/x"],
)
def test_an_address_that_is_none_is_misspoken(url: str) -> None:
    assert isinstance(ask(url=url), Misspoke)


SPELLINGS = (
    b'{"e": "bad header: Bearer se\\"cr&t/\\u00fc+0123"}',
    '{"e": "se\\"cr&t/ü+0123"}'.encode(),
    b"<p>se&quot;cr&amp;t/\xc3\xbc+0123</p>",
    b"form: se%22cr%26t%2F%C3%BC%2B0123",
)


@pytest.mark.parametrize("body", SPELLINGS)
def test_a_secret_is_struck_from_every_answer_however_it_is_spelt(body: bytes) -> None:
    def reveal(wire: Wire) -> dict[str, Any]:
        assert wire.reveal(Secret(SECRET, "env:X")) == SECRET
        return {}

    reply = ask(body, prepare=reveal)
    assert isinstance(reply, Reply)
    assert b"***" in reply.content
    assert b"0123" not in reply.content
    assert "0123" not in str(reply.failure())


def test_an_answer_with_a_new_secret_shows_nothing_of_itself() -> None:
    reply = ask(b'{"access_token": "ey.torn', prepare=lambda _: {"is_secret": True})
    assert isinstance(reply, Reply)
    with pytest.raises(Misspoke) as caught:
        reply.json()
    assert "torn" not in f"{caught.value} {caught.value.raw} {reply.kept!r} {reply.failure()}"


def test_a_refusal_of_a_new_secret_does_not_show_the_old_one() -> None:
    def reveal(wire: Wire) -> dict[str, Any]:
        return {"form": {"apikey": wire.reveal(Secret(SECRET, "env:X"))}, "is_secret": True}

    reply = ask(SPELLINGS[1], prepare=reveal, status=400)
    assert isinstance(reply, Reply)
    assert reply.object() == {"e": "***"}


def test_a_signature_is_struck_from_the_answer_to_its_own_request() -> None:
    url = "http://localhost/a.json?X-Amz-Date=1&X-Amz-Signature=" + "5e" * 32
    reply = ask(b"<SignatureProvided>" + b"5e" * 32 + b"</SignatureProvided>", url=url)
    assert isinstance(reply, Reply)
    assert b"5e5e" not in reply.content


@pytest.mark.parametrize("secret", ["two\nlines-of-secret", "ünlike-any-secret", "nul\x00-secret"])
def test_a_credential_that_no_header_can_hold_is_told_without_showing_it(secret: str) -> None:
    async def talk() -> ProviderError | None:
        async with scripted(lambda _: page(b"{}")) as url, Wire("oqc") as wire:
            try:
                await wire.send("GET", url, headers={"authorization": f"Bearer {secret}"})
            except ProviderError as error:
                return error
        return None

    failure = trio.run(talk)
    assert isinstance(failure, CredentialsError)
    chain = f"{failure} {failure.__cause__} {failure.__suppress_context__}"
    assert "secret" not in chain
    assert failure.__suppress_context__


def test_nothing_is_logged_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def talk() -> None:
        async with scripted(lambda _: page(b"{}")) as url, Wire("oqc") as wire:
            headers = {"authorization": "Bearer hush-hush"}
            await wire.send("GET", f"{url}/a?X-Amz-Signature=hush-hush", headers=headers)

    trio.run(talk)
    assert "hush-hush" not in caplog.text


@pytest.mark.parametrize("url", ["https://me:pw@h/x", "https://h/?key=1", "https://h/#key"])
def test_an_address_with_more_than_an_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        address(url)
    assert "pw" not in str(caught.value)
    assert address("https://h/a@b/") == "https://h/a@b"
