"""HTTP as the cloud drivers speak it: one request, one deadline, one translation of failure.

Rules: nothing here retries, sleeps or follows a redirect on its own. Every failure becomes one of
`Refused`, `Unavailable` or `Misspoke`, and says whether the cloud can have acted on the request:
only a failure to connect, 423 and 429 are `unsent`. Secrets and signed query strings never stand in
a message: a secret is given to the wire by `Wire.reveal` and struck from every answer before anyone
sees it, for clouds say aloud what they were asked with; what may be kept is `Reply.kept`. Each
request is taken to carry a credential, and goes only where its rule lets it: see `permission`.
Bodies are unpacked here, within bounds.

Here also is a fuse of the crash tests: ``QBATCH_KILL_AT_HTTP=N`` kills this process with SIGKILL at
the N-th boundary of its exchanges (each has four: before the request, when it is sent, when the
answer's head and when its body is there). Unset, it costs one comparison.
"""

from __future__ import annotations

import html
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import httpx
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
from qbatch.frozen import dataclass
from qbatch.providers.kit.body import read_body
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.permission import CredentialRule
from qbatch.providers.kit.transport import FlatTransport
from qbatch.providers.kit.untrusted import FREE_VALUES, decode, redact, said
from qbatch.snapshot.faults import make_fuse

if TYPE_CHECKING:
    from qbatch.providers.contract import Surroundings

#: Called at each boundary of an exchange; None in real life.
FUSE = make_fuse(os.environ.get("QBATCH_KILL_AT_HTTP"))

#: Parts of an exchange that are boundaries, as httpcore traces them.
_TRACED = ("http11.send_request_body.complete", "http11.receive_response_headers.complete")

#: Clocks that differ by less agree, seconds: a Date has whole seconds, and answers take time.
SMALL_SKEW_S = 5.0

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The longest wait a cloud may impose on us by Retry-After, seconds.
MOST_RETRY_AFTER_S = 86_400.0

#: Of every request, unless it says otherwise.
_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip",
    "connection": "keep-alive",
    "user-agent": "qbatch",
}

#: Of each step of an exchange, seconds.
_TIMEOUTS = httpx.Timeout(30.0, connect=10.0).as_dict()

#: Header by which an emulator says that it is one.
EMULATED = "x-emulated-by"

#: A shorter secret could be any word, and is not struck from answers.
LEAST_SECRET = 8

#: What stands where a secret stood.
STRUCK = "***"

#: Parameters of presigned URLs that open something.
SIGNING = frozenset({"x-amz-signature", "x-amz-security-token", "signature", "sig", "token"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer of a cloud.

    Attributes:
        status: HTTP status code.
        headers: Lower-case names.
        content: The body as received, decompressed, without secrets that were known before.
        asked: Method and path, without the query, for messages.
        at: When it was received; UTC, seconds since 1970.
        is_secret: It brings a new secret, and nothing of its body is ever shown.
        received: Bytes of the body as they came; None: as many as it has.
    """

    provider: str
    asked: str
    status: int
    headers: Mapping[str, str]
    content: bytes = field(repr=False)
    at: float = 0.0
    is_secret: bool = False
    received: int | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Decode the body; see `untrusted.decode`.

        Raises:
            Misspoke: It is not JSON (NaN and infinities are not JSON either), nested too deep, or
                holds far more than came.
        """
        came = len(self.content) if self.received is None else self.received
        try:
            return decode(self.content, most=FREE_VALUES + came)
        except (ValueError, RecursionError) as error:
            raise Misspoke(
                f"{self.provider}: {self.asked}: answered {self.status} with "
                f"{self.excerpt() or 'an empty body'}, which is not JSON",
                raw=self.excerpt(2_000),
            ) from error

    def object(self) -> dict[str, Any]:
        """Decode the body, which must be a JSON object.

        Raises:
            Misspoke: It is not.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise Misspoke(
                f"{self.provider}: {self.asked}: answered {self.excerpt()}, not a JSON object",
                raw=self.excerpt(2_000),
            )
        return value

    @property
    def kept(self) -> bytes:
        """The body as it may be kept: without the queries of presigned URLs."""
        if self.is_secret:
            return b""
        if b"?" not in self.content and b"=" not in self.content:
            return self.content
        return redact(self.content.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )

    def excerpt(self, length: int = 120) -> str:
        """Return the start of the body, printable, in quotes; "" for an empty body."""
        if self.is_secret:
            return "a body that is not shown"
        text = redact(self.content[: 8 * length].decode("utf-8", "replace")).strip()
        text = text if len(text) <= length else text[: length - 1] + "…"
        return repr(text) if text else ""

    @property
    def retry_after_s(self) -> float | None:
        """Seconds the cloud asks us to wait (Retry-After, as seconds or as an HTTP date).

        Clamped to [0, `MOST_RETRY_AFTER_S`]; None where absent or not understood.
        """
        return read_retry_after(
            self.headers.get("retry-after"), datetime.fromtimestamp(self.at, UTC)
        )

    def failure(self, words: str = "") -> ProviderError:
        """Translate a status that is no success; `words` are the cloud's own, already readable."""
        told = said(words) or self.excerpt(300) or "no explanation"
        text = f"{self.provider}: {self.asked}: {self.status}: {told}"
        if self.status in (401, 403):  # who we are, or what we may: nothing else will pass either
            return CredentialsError(text)
        if self.status in (408, 425) or self.status >= 500:
            return Unavailable(text, retry_after_s=self.retry_after_s)
        if self.status in (423, 429):
            return Unavailable(text, retry_after_s=self.retry_after_s, is_full=True)
        if self.status == 402:
            return OutOfFunds(text)
        if self.status == 413:
            return TooLarge(text)
        if 300 <= self.status < 400 or self.status < 200:
            return Misspoke(text, raw=self.excerpt(2_000))
        return Refused(text)


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Read a Retry-After header (RFC 9110 §10.2.3) as seconds from `now`.

    >>> read_retry_after("120", datetime.now(UTC))
    120.0
    >>> read_retry_after("soon", datetime.now(UTC)) is None
    True
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        then = _read_date(value)
        if then is None:
            return None
        seconds = (then - now).total_seconds()
    if seconds != seconds:  # a NaN
        return None
    return min(max(seconds, 0.0), MOST_RETRY_AFTER_S)


def _read_date(value: str) -> datetime | None:
    """Read a date as HTTP writes it; None for what is none."""
    try:
        then = parsedate_to_datetime(value[:100])
    except (ValueError, TypeError, IndexError, OverflowError):  # the reader trips over some texts
        return None
    return then if then.tzinfo else then.replace(tzinfo=UTC)


class Wire:
    """Requests to one provider.

    Args:
        provider: For messages.
        transport: Where requests go; None: the network through a `FlatTransport`.
        connections: At once.
        deadline_s: For a whole exchange, unless the call says otherwise.
        max_bytes: Of a decompressed reply body.
        now: The calendar, as in `Surroundings`.
        rule: Where credentials may go, as in `Surroundings`.
    """

    def __init__(
        self,
        provider: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        connections: int = 16,
        deadline_s: float = 60.0,
        max_bytes: int = 256 * 2**20,
        now: Callable[[], float] = time.time,
        rule: CredentialRule | None = None,
    ) -> None:
        self.provider = provider
        self._rule = rule or CredentialRule(provider)
        self._now = now
        self._ahead_s = 0.0
        self._emulated: bool | None = None
        self.deadline_s = deadline_s
        self.max_bytes = max_bytes
        self._struck: dict[bytes, None] = {}
        self._transport = transport or FlatTransport(connections)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    def now(self) -> float:
        """The service's calendar, as far as its answers tell it; UTC, seconds since 1970.

        What a service compares with its own clock (dates that are signed, ends of sessions) must
        not hang on ours, which may be wrong.
        """
        return self._now() + self._ahead_s

    def reveal(self, secret: Secret) -> str:
        """Return a secret's text, for a request; from now on it is struck from every answer."""
        text = secret.reveal()
        self._struck.update(dict.fromkeys(_spellings(text)))
        return text

    @property
    def is_emulated(self) -> bool:
        """All answers so far said that they are an emulator's: what is billed there is no money."""
        return self._emulated is True

    async def send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
        is_secret: bool = False,
        is_bare: bool = False,
        max_bytes: int | None = None,
    ) -> Reply:
        """Send one request and read its whole answer, whatever its status.

        Args:
            method: The request's.
            url: Absolute.
            params: Of the query.
            json: The body, or
            form: the body, or
            content: the body.
            headers: Beside the usual ones.
            deadline_s: None: the wire's.
            is_secret: The answer brings a new secret, and is never shown.
            is_bare: It carries no credential: whoever has its URL may ask. It may go to any host.
            max_bytes: Of its answer; None: the wire's.

        Raises:
            CredentialsError: A header holds a character that no header can.
            Elsewhere: It carries a credential to a host where that may not go.
            Unavailable: No complete answer. `unsent` only if no connection came about.
            Misspoke: The answer is larger than `max_bytes`, or the URL is none.
        """
        request, asked = self._request(method, url, params, json, form, content, headers)
        if is_bare and not self._carries_secret(request):
            self._rule.check_bare(request.url)
        else:
            self._rule.check(request.url)
        limit_s = self.deadline_s if deadline_s is None else deadline_s
        with self._translated(asked, url, limit_s), trio.fail_after(limit_s):
            return await self._exchange(request, asked, is_secret, max_bytes or self.max_bytes)

    @contextmanager
    def _translated(self, asked: str, url: str, limit_s: float) -> Iterator[None]:
        """Say what went wrong with an exchange in words of ours, without a secret."""
        try:
            yield
        except trio.TooSlowError as error:
            raise Unavailable(
                f"{self.provider}: {asked}: no complete answer within {limit_s:g} s"
            ) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            host = urlsplit(url).netloc.rpartition("@")[2]
            why = self._shown(error) or type(error).__name__
            raise Unavailable(
                f"{self.provider}: {asked}: cannot connect to {host}: {why}", unsent=True
            ) from error
        except zlib.error as error:
            raise Unavailable(
                f"{self.provider}: {asked}: the answer cannot be unpacked ({error})"
            ) from error
        except httpx.LocalProtocolError:
            raise self._unheadable() from None  # it would show all of the header
        except httpx.RequestError as error:
            is_broken = isinstance(error, httpx.RemoteProtocolError)
            how = "the answer broke off or is no HTTP: " if is_broken else ""
            reason = self._reason(error)
            # What broke off may say aloud what it was asked with, and so would the cause.
            cause = None if STRUCK in reason else error
            raise Unavailable(f"{self.provider}: {asked}: {how}{reason}") from cause

    def _carries_secret(self, request: httpx.Request) -> bool:
        """Whether a secret that was revealed stands anywhere in a request."""
        headers = (value for _, value in request.headers.raw)
        told = b"\n".join((str(request.url).encode(), *headers, request.content))
        return any(secret in told for secret in self._struck)

    def _shown(self, error: Exception) -> str:
        text = _struck(str(error).encode("utf-8", "replace"), self._struck).decode()
        return said(text, 300)

    def _reason(self, error: Exception) -> str:
        text = self._shown(error)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    def _unheadable(self) -> CredentialsError:
        return CredentialsError(
            f"{self.provider}: a header holds a character that no header can; is the credential "
            "one line, complete, and without quotes around it?"
        )

    def _request(
        self,
        method: str,
        url: str,
        params: Mapping[str, str | int] | None,
        json: Any,
        form: Mapping[str, str] | None,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[httpx.Request, str]:
        """Make a request, and how it is called in messages."""
        try:
            asked = said(f"{method} {urlsplit(url).path or '/'}", 300)
            # Not by an httpx client: what that sends it logs, signatures and all.
            request = httpx.Request(
                method,
                url,
                params=params,
                headers=_HEADERS | {name.lower(): told for name, told in (headers or {}).items()},
                json=json,
                data=form,
                content=content,
                extensions={"timeout": _TIMEOUTS},
            )
            there = request.url
            if (
                there.scheme not in ("http", "https")
                or not there.host
                or (there.port or 0) > 65_535
            ):
                raise ValueError("no http, no host or no port")
        except UnicodeEncodeError:
            raise self._unheadable() from None  # it would show a part of the header
        except (httpx.InvalidURL, ValueError) as error:
            raise Misspoke(f"{self.provider}: {method}: an address that is none") from error
        return request, asked

    async def _exchange(
        self, request: httpx.Request, asked: str, is_secret: bool, max_bytes: int
    ) -> Reply:
        if FUSE is not None:
            FUSE()
            request.extensions = {**request.extensions, "trace": _trace}
        response = await self._transport.handle_async_request(request)
        try:
            content, received = await read_body(response, max_bytes)
        finally:
            await response.aclose()
        if FUSE is not None:
            FUSE()
        if content is None:
            raise Misspoke(
                f"{self.provider}: {asked}: the answer is over {max_bytes} bytes, or "
                f"unpacks to far more than the {received} that came"
            )
        headers = {name.lower(): value for name, value in response.headers.items()}
        self._emulated = EMULATED in headers and self._emulated is not False
        status, at = response.status_code, self._now()
        self._ahead_s = _ahead_s(headers.get("date"), at)
        if not (is_secret and status < 300):  # a service may give the same token again
            content = _struck(content, (*self._struck, *_signatures(request.url.query)))
        return Reply(self.provider, asked, status, headers, content, at, is_secret, received)


def _spellings(text: str) -> list[bytes]:
    """Return a secret as it may be said again: plainly, in JSON, in a form, in a page."""
    if len(text) < LEAST_SECRET:
        return []
    in_json = (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    ways = (text, *in_json, quote(text, safe=""), quote_plus(text), html.escape(text))
    return [way.encode("utf-8", "surrogatepass") for way in dict.fromkeys(ways)]


def _signatures(query: bytes) -> list[bytes]:
    """Return what in a query opens something by itself."""
    if not query:
        return []
    pairs = parse_qsl(query.decode("ascii", "replace"))
    return [way for name, value in pairs if name.lower() in SIGNING for way in _spellings(value)]


def _struck(content: bytes, secrets: Iterable[bytes]) -> bytes:
    for secret in secrets:
        if secret in content:
            content = content.replace(secret, STRUCK.encode())
    return content


def open_wire(provider: str, surroundings: Surroundings) -> Wire:
    """Return a driver's wire: to where its surroundings let it."""
    around = surroundings
    return Wire(provider, transport=around.transport, now=around.now, rule=around.rule)


async def _trace(event: str, info: Mapping[str, Any]) -> None:
    """Follow an exchange's parts for the crash tests."""
    del info
    if FUSE is not None and event in _TRACED:
        FUSE()


def _ahead_s(date: str | None, at: float) -> float:
    """Seconds a Date header is ahead of `at`; 0 where it tells no difference, or nothing."""
    then = _read_date(date or "")
    if then is None:
        return 0.0
    ahead_s = (then - EPOCH).total_seconds() + 0.5 - at  # it is cut to a second
    return ahead_s if abs(ahead_s) > SMALL_SKEW_S else 0.0
