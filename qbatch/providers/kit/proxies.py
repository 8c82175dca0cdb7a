"""Which proxy a request takes: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, as elsewhere.

Loopback takes none, whatever they say. A proxy's own user and password stand in no message.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote

import httpx

from qbatch.frozen import dataclass
from qbatch.notation import is_loopback


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and who says so.

    Attributes:
        url: Without user and password.
        variable: Where it was found.
        auth: User and password, if it wants any.
    """

    url: str
    variable: str
    auth: tuple[bytes, bytes] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.url} ({self.variable})"


def proxy_for(url: httpx.URL, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy that leads to a URL; None: there is none, or it is not for this host.

    Lower-case names win over upper-case ones, as everywhere.

    Raises:
        httpx.ConnectError: The variable holds no address of a proxy.
    """
    if is_loopback(url.host):
        return None
    kinds = (f"{url.scheme}_proxy", "all_proxy")
    names = [name for kind in kinds for name in (kind, kind.upper())]
    variable = next((name for name in names if environ.get(name)), None)
    bypassed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if variable is None or _is_bypassed(url, bypassed):
        return None
    return _read(environ[variable], variable)


def _is_bypassed(url: httpx.URL, without: str) -> bool:
    """Tell whether NO_PROXY names a host, or a domain that it is below; "*" names all."""
    names = [one.strip().lower().lstrip(".") for one in without.split(",")]
    hosts = (url.host, f"{url.host}:{url.port or 443}")
    return any(
        one == "*" or host == one or host.endswith(f".{one}")
        for one in names
        for host in hosts
        if one
    )


def proxy_to(url: str) -> Proxy | None:
    """Return the proxy that leads to a URL, for who tells of it; None also where that is wrong."""
    try:
        return proxy_for(httpx.URL(url))
    except (httpx.InvalidURL, httpx.ConnectError):  # told when it is asked
        return None


def _read(text: str, variable: str) -> Proxy:
    try:
        read = httpx.URL(text if "://" in text else f"http://{text}")
    except httpx.InvalidURL:
        read = httpx.URL()
    if read.scheme not in ("http", "https") or not read.host:
        shown = text.rpartition("@")[2]
        raise httpx.ConnectError(
            f"{variable}={shown} is no http or https proxy; write http://HOST:PORT"
        )
    auth = None
    if read.userinfo:
        user, _, password = read.userinfo.decode().partition(":")
        auth = (unquote(user).encode(), unquote(password).encode())
    netloc = read.netloc.decode().rpartition("@")[2]
    return Proxy(f"{read.scheme}://{netloc}", variable, auth)
