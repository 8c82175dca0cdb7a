"""Object storage of the emulated Scaleway: signed URLs, no other authorisation.

As real object stores do, it refuses a request that carries a key beside the signature, so that a
client which leaks its key here is found out. It answers in XML.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from qbatch.emulators.clouds import World, own_url
from qbatch.emulators.scaleway.access import NAME

#: A signed URL is good for so long, seconds.
URL_LIFE_S = 3_600.0


class Storage:
    """Texts by key, made when they are asked for.

    Switch ``url_life_s`` (3600).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.texts: dict[str, Callable[[], str]] = {}
        self._secret = world.new_id().encode()

    def url(self, request: Request, key: str) -> str:
        """Return a URL good for one key from now on."""
        life_s = float(self.world.faults.switch(NAME, "url_life_s", URL_LIFE_S))
        expires = f"{self.world.clock.now_s() + life_s:.3f}"
        signature = self._sign(key, expires)
        return f"{own_url(request)}/storage/{key}?Expires={expires}&Signature={signature}"

    def _sign(self, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"{key} {expires}".encode(), sha256).hexdigest()

    async def answer(self, request: Request) -> Response:
        key, asked = request.path_params["key"], request.query_params
        if "x-auth-token" in request.headers or "authorization" in request.headers:
            return _refusal(400, "InvalidRequest", "only one authorisation is allowed")
        expires = asked.get("Expires", "")
        if not hmac.compare_digest(self._sign(key, expires), asked.get("Signature", "")):
            return _refusal(403, "SignatureDoesNotMatch", "the signature does not match")
        if self.world.clock.now_s() > float(expires):
            return _refusal(403, "AccessDenied", "the request has expired")
        if key not in self.texts:
            return _refusal(404, "NoSuchKey", "the key does not exist")
        return Response(self.texts[key](), media_type="application/json")


def _refusal(status: int, code: str, text: str) -> Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{text}</Message></Error>"
    return Response(body, status, media_type="application/xml")
