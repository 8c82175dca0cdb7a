"""How the emulated system reaches objects: by the presigned URLs a job came with, nothing else.

A URL into the store beside it is served within the process, as of the instant the system would
have used it. Any other is a foreign store: a real GET or PUT, on loopback unless the switch
``foreign_stores`` (loopback | any | none) says otherwise; such a URL is taken as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import SplitResult, urlsplit

import httpx

from qbatch.emulators.clouds import World
from qbatch.emulators.ibm_direct_access.access import NAME
from qbatch.emulators.ibm_direct_access.signing import S3Error
from qbatch.emulators.ibm_direct_access.store import MAX_OBJECT_BYTES, Store

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

#: A foreign store has so long to answer, seconds.
FOREIGN_LIMIT_S = 10.0


class OutOfReach(Exception):
    """An object cannot be read or written.

    Args:
        is_lasting: Trying again will not help.
    """

    def __init__(self, text: str, *, is_lasting: bool) -> None:
        super().__init__(text)
        self.is_lasting = is_lasting


@dataclass(frozen=True)
class PresignedObjects:
    """The reach of the system.

    Attributes:
        own_url: Where the store beside it is, as the client that sent the job wrote it.
    """

    world: World
    store: Store
    own_url: str

    async def read(self, url: str, at: datetime) -> bytes:
        """Return an object's content.

        Raises:
            OutOfReach: No such object, a URL that does not open it, or no answer.
        """
        if not self.is_own(_split(url)):
            return await self._ask("GET", url)
        return self._own(url, at)

    def peek(self, url: str) -> bytes:
        """Return an object of the store beside the system as it is now.

        Raises:
            OutOfReach: It is elsewhere, or not there.
        """
        if not self.is_own(_split(url)):
            raise OutOfReach("a foreign store", is_lasting=True)
        return self._own(url, self.world.clock.utc())

    def _own(self, url: str, at: datetime) -> bytes:
        try:
            return self.store.read(url, urlsplit(self.own_url).path, at)
        except S3Error as error:
            raise OutOfReach(f"{error.code}: {error.text}", is_lasting=True) from error

    async def write(self, url: str, content: bytes, at: datetime) -> None:
        """Store an object.

        Raises:
            OutOfReach: A URL that does not open it, or no answer.
        """
        if not self.is_own(_split(url)):
            await self._ask("PUT", url, content)
            return
        try:
            self.store.write(url, urlsplit(self.own_url).path, content, at)
        except S3Error as error:
            raise OutOfReach(f"{error.code}: {error.text}", is_lasting=True) from error

    def is_own(self, split: SplitResult) -> bool:
        own = urlsplit(self.own_url)
        hosts = {split.hostname, own.hostname}
        same_host = len(hosts) == 1 or hosts <= LOOPBACK
        same_port = _port(split) == _port(own)
        return same_host and same_port and split.path.startswith(f"{own.path}/")

    async def _ask(self, method: str, url: str, content: bytes | None = None) -> bytes:
        """Speak to a foreign store. What it says is not repeated: it may quote the URL."""
        split = _split(url)
        reach = self.world.faults.switch(NAME, "foreign_stores", "loopback")
        if reach == "none" or (reach == "loopback" and split.hostname not in LOOPBACK):
            raise OutOfReach(f"no way to {split.hostname}", is_lasting=True)
        try:
            async with (
                httpx.AsyncClient(trust_env=False, timeout=FOREIGN_LIMIT_S) as client,
                client.stream(method, url, content=content) as reply,
            ):
                return await _body(reply)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"{split.hostname} does not answer: {type(error).__name__}"
            raise OutOfReach(text, is_lasting=False) from error


async def _body(reply: httpx.Response) -> bytes:
    if not reply.is_success:
        text = f"{reply.request.url.host} answers {reply.status_code}"
        raise OutOfReach(text, is_lasting=reply.status_code < 500)
    body = b""
    async for chunk in reply.aiter_bytes():
        body += chunk
        if len(body) > MAX_OBJECT_BYTES:
            raise OutOfReach("the object is too large", is_lasting=True)
    return body


def _split(url: str) -> SplitResult:
    """Take a URL apart.

    Raises:
        OutOfReach: It is none.
    """
    try:
        split = urlsplit(url)
        _ = split.port
    except ValueError as error:
        raise OutOfReach("the presigned URL is no URL", is_lasting=True) from error
    if split.scheme not in ("http", "https") or not split.hostname:
        raise OutOfReach("the presigned URL is no URL", is_lasting=True)
    return split


def _port(split: SplitResult) -> int:
    return split.port or (443 if split.scheme == "https" else 80)
