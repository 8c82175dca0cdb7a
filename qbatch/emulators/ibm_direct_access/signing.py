"""Who signed a request to the object store, and is the signature still good: AWS Signature 4.

Two ways: in the query (a presigned URL, which anybody may use until it expires) and in the
``Authorization`` header. What is signed is the path as the client asked for it, with the prefix
the store is mounted under, and the ``Host`` header the client sent.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"

#: A presigned URL lives at most a week, seconds.
MOST_LIFE_S = 604_800

#: What a presigned URL's query must have beside the algorithm.
PRESIGNED = ("Credential", "Date", "Expires", "SignedHeaders", "Signature")


class S3Error(Exception):
    """A refusal in the store's own words.

    Args:
        code: The word under ``<Code>``.
    """

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text


@dataclass(frozen=True)
class Asked:
    """A request, as far as a signature covers it.

    Attributes:
        path: Percent-encoded, from the server's root.
        query: As on the wire, without the question mark.
        headers: Lower-case name -> value.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the query's names and values, decoded; a plus sign stands for itself."""
        split = [one.partition("=") for one in self.query.split("&") if one]
        return [(unquote(name), unquote(value)) for name, _, value in split]


@dataclass(frozen=True)
class Signature:
    """What a client says about its own signature.

    Attributes:
        scope: ``<yyyymmdd>/<region>/s3/aws4_request``.
        signed_headers: Lower-case names, in the order given.
    """

    access_key: str
    scope: str
    signed_at: datetime
    signed_headers: Sequence[str]
    value: str


@dataclass(frozen=True)
class Keeper:
    """Checks signatures.

    Attributes:
        secrets: Access key -> its secret.
        skew_s: How far a header signature's date may be from now.
        is_strict: False: dates and lives are checked, keys and signatures are not.
    """

    secrets: Mapping[str, str]
    skew_s: float = 900.0
    is_strict: bool = True

    def check(self, asked: Asked, now: datetime) -> None:
        """Let a request pass, or raise.

        Raises:
            S3Error: Not signed, wrongly signed, or too late.
        """
        query = dict(asked.pairs)
        header = asked.headers.get("authorization")
        if "X-Amz-Algorithm" in query:
            if header is not None:
                text = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter"
                raise S3Error(400, "InvalidArgument", text)
            self._check_presigned(asked, query, now)
        elif header is not None:
            self._check_header(asked, header, now)
        elif "AWSAccessKeyId" in query:
            text = f"Only {ALGORITHM} is supported"
            raise S3Error(400, "InvalidRequest", text)
        else:
            raise S3Error(403, "AccessDenied", "Access Denied")

    def _check_presigned(self, asked: Asked, query: Mapping[str, str], now: datetime) -> None:
        missing = [name for name in PRESIGNED if not query.get(f"X-Amz-{name}")]
        if missing:
            raise _malformed(f"X-Amz-{missing[0]} is missing")
        if query["X-Amz-Algorithm"] != ALGORITHM:
            raise _malformed(f"X-Amz-Algorithm only supports {ALGORITHM}")
        if not re.fullmatch(r"\d{1,9}", query["X-Amz-Expires"]):
            raise _malformed("X-Amz-Expires should be a number")
        life_s = int(query["X-Amz-Expires"])
        if not 1 <= life_s <= MOST_LIFE_S:
            raise _malformed("X-Amz-Expires must be from 1 second to a week")
        signature = _signature(
            query["X-Amz-Credential"],
            query["X-Amz-Date"],
            query["X-Amz-SignedHeaders"],
            query["X-Amz-Signature"],
        )
        age_s = (now - signature.signed_at).total_seconds()
        if age_s < -self.skew_s:
            raise S3Error(403, "AccessDenied", "Request is not valid yet")
        if age_s > life_s:
            raise S3Error(403, "AccessDenied", "Request has expired")
        self._compare(asked, signature, asked.headers.get("x-amz-content-sha256", UNSIGNED))

    def _check_header(self, asked: Asked, header: str, now: datetime) -> None:
        kind, _, rest = header.partition(" ")
        if kind != ALGORITHM:
            raise S3Error(400, "InvalidArgument", "Unsupported Authorization Type")
        given = dict(one.strip().partition("=")[::2] for one in rest.split(","))
        payload = asked.headers.get("x-amz-content-sha256")
        if set(given) != {"Credential", "SignedHeaders", "Signature"} or payload is None:
            text = "Credential, SignedHeaders, Signature and x-amz-content-sha256 are needed"
            raise S3Error(400, "AuthorizationHeaderMalformed", text)
        signature = _signature(
            given["Credential"],
            asked.headers.get("x-amz-date", ""),
            given["SignedHeaders"],
            given["Signature"],
        )
        if abs(now - signature.signed_at) > timedelta(seconds=self.skew_s):
            text = "The difference between the request time and the current time is too large."
            raise S3Error(403, "RequestTimeTooSkewed", text)
        self._compare(asked, signature, payload)

    def _compare(self, asked: Asked, signature: Signature, payload: str) -> None:
        if not self.is_strict:
            return
        secret = self.secrets.get(signature.access_key)
        if secret is None:
            text = "The access key id does not exist in our records."
            raise S3Error(403, "InvalidAccessKeyId", text)
        open_ones = [
            name
            for name in asked.headers
            if name.startswith("x-amz-") and name not in {*signature.signed_headers, *HARMLESS}
        ]
        if "host" not in signature.signed_headers or open_ones:
            text = "There were headers present in the request which were not signed"
            raise S3Error(403, "AccessDenied", text)
        wanted = sign(asked, signature, secret, payload)
        if not hmac.compare_digest(wanted.encode(), signature.value.encode()):
            text = "The request signature we calculated does not match the one you provided."
            raise S3Error(403, "SignatureDoesNotMatch", text)


#: Headers that change nothing, which clients leave out of their signatures.
HARMLESS = frozenset({"x-amz-user-agent"})


def _malformed(text: str) -> S3Error:
    return S3Error(400, "AuthorizationQueryParametersError", text)


def _signature(credential: str, date: str, headers: str, value: str) -> Signature:
    access_key, _, scope = credential.partition("/")
    day, _, rest = scope.partition("/")
    if not re.fullmatch(r"[^/]+/s3/aws4_request", rest):
        raise _malformed("the credential must be <key>/<yyyymmdd>/<region>/s3/aws4_request")
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed("the date must be yyyymmddThhmmssZ") from error
    if date[:8] != day:
        raise _malformed("the credential's date is not that of the request")
    return Signature(access_key, scope, signed_at, tuple(headers.split(";")), value)


def sign(asked: Asked, signature: Signature, secret: str, payload: str) -> str:
    """Return the signature, in hex, that `asked` should carry."""
    pairs = sorted(
        (_encoded(name), _encoded(value))
        for name, value in asked.pairs
        if name != "X-Amz-Signature"
    )
    headers = [
        f"{name}:{' '.join(asked.headers.get(name, '').split())}\n"
        for name in signature.signed_headers
    ]
    canonical = "\n".join(
        (
            asked.method,
            quote(unquote(asked.path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(signature.signed_headers),
            payload,
        )
    )
    date = signature.signed_at.strftime("%Y%m%dT%H%M%SZ")
    hashed = sha256(canonical.encode()).hexdigest()
    text = "\n".join((ALGORITHM, date, signature.scope, hashed))
    key = f"AWS4{secret}".encode()
    for part in signature.scope.split("/"):
        key = hmac.new(key, part.encode(), sha256).digest()
    return hmac.new(key, text.encode(), sha256).hexdigest()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
