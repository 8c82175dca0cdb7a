"""Objects in an S3-compatible store, reached by presigned URLs alone.

The signature is AWS Signature Version 4 in the query (the variant named ``UNSIGNED-PAYLOAD``, only
``host`` signed), path-style addressing. It is ours because botocore writes the same URLs in three
times the time and is 25 MB with what it needs; the conformance tests compare the two. Who holds
such a URL may do one thing with one object until it ends, so URLs never stand in a memo, an intent,
a message or a report.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

import httpx

from qbatch.errors import CredentialsError, Refused
from qbatch.frozen import dataclass
from qbatch.providers.kit.credentials import Secret, address, read_environment

Method = Literal["GET", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and the keys to sign for it.

    Attributes:
        endpoint: Scheme, host and path of the store as requests name them (`as_sent`), without a
            trailing slash.
        service_endpoint: The same store as the quantum service reaches it.
        region: As the store calls it.
    """

    endpoint: str
    service_endpoint: str
    name: str
    region: str
    access_key: Secret
    secret_key: Secret

    def presign(
        self, method: Method, key: str, *, now_s: float, life_s: int, for_service: bool = False
    ) -> str:
        """Return a URL good for one `method` on one object.

        Args:
            method: The request's.
            key: The object's.
            now_s: UTC, seconds since 1970; stores refuse a date that is off by much.
            life_s: From then on, 1 to `MOST_LIFE_S`.
            for_service: Through the service's own address of the store.
        """
        endpoint = self.service_endpoint if for_service else self.endpoint
        base = urlsplit(endpoint)
        path = f"{base.path}/{quote(self.name)}/{quote(key, safe='/~')}"
        at = datetime.fromtimestamp(now_s, UTC)
        stamp, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
        scope = f"{day}/{self.region}/s3/aws4_request"
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self.access_key.reveal()}/{scope}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(life_s),
            "X-Amz-SignedHeaders": "host",
        }
        asked = "&".join(f"{name}={quote(value, safe='~')}" for name, value in query.items())
        request = "\n".join(
            (method, path, asked, f"host:{base.netloc}", "", "host", "UNSIGNED-PAYLOAD")
        )
        digest = sha256(request.encode()).hexdigest()
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, digest))
        signature = hmac.new(self._signing_key(day), text.encode(), sha256).hexdigest()
        return f"{base.scheme}://{base.netloc}{path}?{asked}&X-Amz-Signature={signature}"

    def _signing_key(self, day: str) -> bytes:
        key = b"AWS4" + self.secret_key.reveal().encode()
        for part in (day, self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), sha256).digest()
        return key

    def url(self, key: str) -> str:
        """Return the unsigned URL under which the service knows an object."""
        return f"{self.service_endpoint}/{quote(self.name)}/{quote(key, safe='/~')}"

    def key_of(self, url: str) -> str | None:
        """Return the key of an object by its URL, signed or not; None where it lies elsewhere."""
        there = _address_of(url)
        for endpoint in (self.endpoint, self.service_endpoint):
            base = _address_of(endpoint)
            hosts = {
                (base[0], base[1]): f"{base[2]}/{quote(self.name)}/",
                (base[0], f"{self.name}.{base[1]}"): f"{base[2]}/",  # the bucket as a host
            }
            begin = hosts.get(there[:2])
            if begin is not None and there[2].startswith(begin):
                return unquote(there[2].removeprefix(begin)) or None
        return None


def _address_of(url: str) -> tuple[str, str, str]:
    """Return scheme, host with port, and path of a URL; ("", "", "") where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ("", "", "")
    return (parts.scheme, parts.netloc.lower(), parts.path)


def as_sent(url: str) -> str:
    """Return a base URL as requests name it: what is signed is what is sent.

    >>> as_sent("https://S3.Example.com:443/a b/")
    'https://s3.example.com/a%20b'

    Raises:
        Refused: It is no URL.
    """
    try:
        sent = httpx.URL(address(url))
    except httpx.InvalidURL as error:
        raise Refused(f"ibm-direct-access: the bucket's endpoint is no URL: {error}") from error
    if sent.scheme not in ("http", "https") or not sent.host:
        raise Refused(
            f"ibm-direct-access: the bucket's endpoint {url!r} is no URL; write https://HOST"
        )
    return str(sent).rstrip("/")


def path_of(url: str) -> str:
    """Return the path of a URL; "" where it is none."""
    return _address_of(url)[2]


def open_bucket(
    options: Mapping[str, str | None], environ: Mapping[str, str], prefix: str
) -> Bucket:
    """Find the bucket: what the manifest says of it, else the official client's own variables.

    Args:
        options: endpoint, endpoint_for_service, bucket, region; None where nothing was said.
        environ: The environment.
        prefix: Variables with it before their names win over those without.

    Raises:
        Refused: Endpoint or bucket are not known, or the endpoint is no URL.
        CredentialsError: There are no keys.
    """

    def said(option: str, variable: str) -> str | None:
        names = (f"{prefix}{variable}", variable)
        return options.get(option) or next((environ[n] for n in names if environ.get(n)), None)

    endpoint, name = said("endpoint", VARIABLES["endpoint"]), said("bucket", VARIABLES["bucket"])
    if endpoint is None or name is None:
        raise Refused(
            "ibm-direct-access: programs and results travel through an S3-compatible bucket of "
            f"yours: set {VARIABLES['endpoint']} and {VARIABLES['bucket']}, or write options: "
            "{storage: {endpoint: https://…, bucket: …}}"
        )
    keys = []
    for variable in KEY_VARIABLES:
        try:
            keys.append(read_environment((f"{prefix}{variable}", variable), environ))
        except CredentialsError as error:
            raise CredentialsError(
                f"ibm-direct-access: no keys to the bucket: set {' and '.join(KEY_VARIABLES)}"
            ) from error
    endpoint = address(endpoint, _place("endpoint"))
    service = said("endpoint_for_service", VARIABLES["endpoint_for_service"]) or endpoint
    service = address(service, _place("endpoint_for_service"))
    region = said("region", VARIABLES["region"]) or "us-east-1"
    return Bucket(as_sent(endpoint), as_sent(service), name, region, keys[0], keys[1])


def _place(option: str) -> str:
    return f"options.storage.{option} or {VARIABLES[option]}"


VARIABLES = {
    "endpoint": "QRMI_IBM_QS_S3_ENDPOINT",
    "endpoint_for_service": "QRMI_IBM_QS_S3_ENDPOINT_FOR_QSAPI",
    "bucket": "QRMI_IBM_QS_S3_BUCKET",
    "region": "QRMI_IBM_QS_S3_REGION",
}
STORE_VARIABLES = (VARIABLES["endpoint"], VARIABLES["endpoint_for_service"])
KEY_VARIABLES = ("QRMI_IBM_QS_AWS_ACCESS_KEY_ID", "QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY")
