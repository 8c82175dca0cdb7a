"""The object store beside the emulated system: S3, path style, any bucket, one key pair.

Objects are inputs, results and logs. Every request is signed, in its query or in a header. Tags
are kept as they come. There are no lists, copies or multipart uploads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import md5, sha256
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from qbatch.emulators.clouds import World
from qbatch.emulators.ibm_direct_access.access import NAME
from qbatch.emulators.ibm_direct_access.signing import Asked, Keeper, S3Error

ACCESS_KEY = "emulated-ibm-access-key"
SECRET_KEY = "emulated-ibm-secret-key"
REGION = "us-east"
BUCKET = "emulated-bucket"

MAX_OBJECT_BYTES = 64 * 2**20

NO_TAGS = b"<Tagging><TagSet></TagSet></Tagging>"


@dataclass(frozen=True)
class Stored:
    """An object; `tags` is the XML document it was tagged with."""

    content: bytes
    kind: str
    written_at: datetime
    tags: bytes = NO_TAGS

    @property
    def headers(self) -> dict[str, str]:
        return {
            "etag": f'"{md5(self.content, usedforsecurity=False).hexdigest()}"',
            "last-modified": format_datetime(self.written_at, usegmt=True),
            "accept-ranges": "bytes",
        }


async def _nothing() -> None:
    return None


class Store:
    """Objects by ``<bucket>/<key>``.

    Switches: ``signatures`` (strict | lenient: dates alone are checked), ``skew_s`` (900: how far
    a signer's clock may be off).

    Attributes:
        before: Called before every request, so that what is due by now has been written.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.objects: dict[str, Stored] = {}
        self.before: Callable[[], Awaitable[None]] = _nothing

    # -- for clients -----------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        try:
            await self.before()
            asked = _asked(request)
            self._keeper.check(asked, self.world.clock.utc())
            return await self._answer(request, dict(asked.pairs))
        except S3Error as error:
            return self._refusal(error, request)

    async def _answer(self, request: Request, query: dict[str, str]) -> Response:
        bucket, _, key = request.path_params["path"].lstrip("/").partition("/")
        if not bucket:
            raise S3Error(501, "NotImplemented", "lists are not implemented")
        if not key:
            return self._answer_bucket(request)
        if "tagging" in query:
            return await self._answer_tags(request, f"{bucket}/{key}")
        return await self._answer_object(request, f"{bucket}/{key}")

    def _answer_bucket(self, request: Request) -> Response:
        """Every bucket exists already; making one succeeds."""
        if request.method in ("PUT", "HEAD"):
            return Response()
        raise S3Error(501, "NotImplemented", "lists are not implemented")

    async def _answer_object(self, request: Request, path: str) -> Response:
        if request.method == "PUT":
            tags = _tags_of(request.headers.get("x-amz-tagging", ""))
            kind = request.headers.get("content-type", "binary/octet-stream")
            content = await _content(request)
            self.objects[path] = Stored(content, kind, self.world.clock.utc(), tags)
            return Response(headers=self.objects[path].headers)
        if request.method == "DELETE":
            self.objects.pop(path, None)
            return Response(status_code=204)
        stored = self._known(path)
        if request.method == "HEAD":
            size = {"content-length": str(len(stored.content))}
            return Response(headers=stored.headers | size, media_type=stored.kind)
        if request.method == "GET":
            return Response(stored.content, headers=stored.headers, media_type=stored.kind)
        raise S3Error(405, "MethodNotAllowed", f"{request.method} is not allowed here")

    async def _answer_tags(self, request: Request, path: str) -> Response:
        stored = self._known(path)
        if request.method == "GET":
            return Response(stored.tags, media_type="application/xml")
        if request.method not in ("PUT", "DELETE"):
            raise S3Error(405, "MethodNotAllowed", f"{request.method} is not allowed here")
        tags = await _content(request) if request.method == "PUT" else NO_TAGS
        self.objects[path] = Stored(stored.content, stored.kind, stored.written_at, tags)
        return Response(status_code=200 if request.method == "PUT" else 204)

    def _known(self, path: str) -> Stored:
        if path not in self.objects:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        return self.objects[path]

    @property
    def _keeper(self) -> Keeper:
        switch = self.world.faults.switch
        return Keeper(
            {ACCESS_KEY: SECRET_KEY},
            switch(NAME, "skew_s", 900.0),
            switch(NAME, "signatures", "strict") == "strict",
        )

    def _refusal(self, error: S3Error, request: Request) -> Response:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{error.code}</Code><Message>{escape(error.text)}</Message>"
            f"<Resource>{escape(request.url.path)}</Resource>"
            f"<RequestId>{self.world.new_id()}</RequestId></Error>"
        )
        return Response(body, error.status, media_type="application/xml")

    # -- for the system, by presigned URL ----------------------------------------------------------

    def read(self, url: str, prefix: str, at: datetime) -> bytes:
        """Return what a presigned GET would answer at that instant; `prefix` is the mount's path.

        Raises:
            S3Error: The URL does not open the object, or there is none.
        """
        return self._known(self._opened("GET", url, prefix, at)).content

    def write(self, url: str, prefix: str, content: bytes, at: datetime) -> None:
        """Do what a presigned PUT would do at that instant.

        Raises:
            S3Error: The URL does not open the object.
        """
        path = self._opened("PUT", url, prefix, at)
        self.objects[path] = Stored(content, "application/json", at)

    def _opened(self, method: str, url: str, prefix: str, at: datetime) -> str:
        split = urlsplit(url)
        asked = Asked(method, split.path, split.query, {"host": split.netloc})
        self._keeper.check(asked, at)
        return unquote(split.path).removeprefix(prefix).lstrip("/")


def _asked(request: Request) -> Asked:
    raw = request.scope.get("raw_path") or request.url.path.encode()
    return Asked(
        request.method,
        raw.decode("latin-1"),
        request.scope["query_string"].decode("latin-1"),
        dict(request.headers),
    )


async def _content(request: Request) -> bytes:
    """Return the body, checked against the hash that was signed."""
    body = await request.body()
    if len(body) > MAX_OBJECT_BYTES:
        raise S3Error(400, "EntityTooLarge", "Your proposed upload is too large.")
    signed = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if signed.startswith("STREAMING-"):
        raise S3Error(501, "NotImplemented", "chunked signatures are not implemented")
    if signed not in ("UNSIGNED-PAYLOAD", sha256(body).hexdigest()):
        text = "The provided x-amz-content-sha256 does not match what was computed."
        raise S3Error(400, "XAmzContentSHA256Mismatch", text)
    return body


def _tags_of(header: str) -> bytes:
    """Turn ``x-amz-tagging`` (a query string) into the document that `?tagging` shows."""
    tags = "".join(
        f"<Tag><Key>{escape(name)}</Key><Value>{escape(value)}</Value></Tag>"
        for name, value in parse_qsl(header, keep_blank_values=True)
    )
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()
