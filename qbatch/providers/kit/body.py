"""Bodies of answers, unpacked as they come and within bounds."""

from __future__ import annotations

import zlib
from typing import Any

import httpx


async def read_body(response: httpx.Response, most: int) -> bytes | None:
    """Read a body and unpack it; None where it is larger than `most`.

    It is read to its end in any case, or to the deadline: generators that are left are told of.

    Raises:
        zlib.error: It cannot be unpacked.
    """
    announced = response.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > most):
        return None
    was_read = response.is_stream_consumed  # by a transport in this process, which unpacked it
    body = _Body(most, "" if was_read else response.headers.get("content-encoding", ""))
    async for chunk in response.aiter_bytes() if was_read else response.aiter_raw():
        body.take(chunk)
    return body.whole()


class _Body:
    """A body that is unpacked as it comes, and kept up to a most.

    Args:
        most: Bytes, unpacked.
        coding: How it is packed.
    """

    def __init__(self, most: int, coding: str) -> None:
        self._most = most
        self._content = bytearray()
        self._is_empty = True
        self._error: zlib.error | None = None
        self._inflating: Any = None
        coding = coding.strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._inflating = zlib.decompressobj(32 + zlib.MAX_WBITS)
        elif coding not in ("", "identity"):  # not asked for, or several on top of each other
            self._error = zlib.error(f"content-encoding {coding[:40]!r}")

    @property
    def _is_too_large(self) -> bool:
        return len(self._content) > self._most

    def take(self, chunk: bytes) -> None:
        """Add a part; what is beyond the most, or cannot be unpacked, is dropped."""
        self._is_empty = self._is_empty and not chunk
        if self._is_too_large or self._error is not None:
            return
        if self._inflating is None:
            self._content += chunk
            return
        room = self._most + 1 - len(self._content)
        try:
            self._content += self._inflating.decompress(chunk, room)
        except zlib.error as error:
            self._error = error

    def whole(self) -> bytes | None:
        """Return all of it; None where it was larger than the most.

        Raises:
            zlib.error: It could not be unpacked.
        """
        if self._is_too_large:
            return None
        if self._inflating is not None and not (self._inflating.eof or self._is_empty):
            self._error = self._error or zlib.error("it is cut short")
        if self._error is not None:
            raise self._error
        return bytes(self._content)
