"""Bodies of answers, unpacked as they come and within bounds."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable
from io import BytesIO
from typing import Any

import httpx

#: Bytes that a body may be unpacked to, and how many more for each that was received: shots that
#: are written as ``0, 1`` hold a bit in 16 or 24, and nothing that is measured is packed tighter.
FREE, TIGHTEST = 4 * 2**20, 24


async def read_body(response: httpx.Response, most: int) -> tuple[bytes | None, int]:
    """Read a body and unpack it; None where it is larger than `most`, or a bomb.

    Returns:
        It, and how many bytes were received.

    It is read to its end in any case, or to the deadline: generators that are left are told of.

    Raises:
        zlib.error: It cannot be unpacked.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > most):
        return None, 0
    was_read = response.is_stream_consumed  # by a transport in this process, which unpacked it
    body = _Body(most, "" if was_read else response.headers.get("content-encoding", ""))
    # The stream itself: what httpx puts around it is a seventh of what a request costs.
    chunks = response.aiter_bytes() if was_read else response.stream
    assert isinstance(chunks, AsyncIterable)
    async for chunk in chunks:
        body.take(chunk)
    return body.whole(), body.received


class _Body:
    """A body that is unpacked as it comes, and kept up to a most.

    Args:
        most: Bytes, unpacked.
        coding: How it is packed.
    """

    def __init__(self, most: int, coding: str) -> None:
        self._most = most
        self._content = BytesIO()
        self._length = 0
        self.received = 0
        self._packed = b""
        self._error: zlib.error | None = None
        self._inflating: Any = None
        coding = coding.strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._inflating = zlib.decompressobj(32 + zlib.MAX_WBITS)
        elif coding not in ("", "identity"):  # not asked for, or several on top of each other
            self._error = zlib.error(f"content-encoding {coding[:40]!r}")

    @property
    def _allowed(self) -> int:
        """Bytes that it may be by now: what is packed far tighter than data ever is, is a bomb."""
        if self._inflating is None:
            return self._most
        return min(self._most, FREE + TIGHTEST * self.received)

    def take(self, chunk: bytes) -> None:
        """Add a part; what is beyond the most, or cannot be unpacked, is dropped."""
        self.received += len(chunk)
        room = self._allowed + 1 - self._length
        if self._error is not None or self._length > self._most:
            return
        if self._inflating is None:
            self._add(chunk[:room])
            return
        self._packed += chunk
        if room <= 0:  # more may be allowed by what is still to come
            return
        try:
            self._add(self._inflating.decompress(self._packed, room))
        except zlib.error as error:
            self._error = error
        self._packed = self._inflating.unconsumed_tail

    def _add(self, part: bytes) -> None:
        self._length += self._content.write(part)

    def whole(self) -> bytes | None:
        """Return all of it; None where it was larger than the most.

        Raises:
            zlib.error: It could not be unpacked.
        """
        if self._length > self._allowed or self._packed:
            return None
        if self._inflating is not None and not self._inflating.eof and self.received:
            self._error = self._error or zlib.error("it is cut short")
        if self._error is not None:
            raise self._error
        return self._content.getvalue()
