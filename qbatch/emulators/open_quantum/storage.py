"""Object storage of the emulated Open Quantum: signed URLs, no other authorisation.

As real object stores do, it refuses a request that carries an ``Authorization`` header beside the
signature, so that a client which leaks its token here is found out.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World, own_url

#: A signed URL is good for so long, seconds.
URL_LIFE_S = 900.0

MAX_OBJECT_BYTES = 10_000_000


class Storage:
    """Objects by key. Outputs are written when they are first asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.objects: dict[str, bytes] = {}
        self._secret = world.new_id().encode()

    def url(self, request: Request, method: str, key: str) -> str:
        """Return a URL good for one `method` on `key` during `URL_LIFE_S` from now."""
        expires = int(self.world.clock.now_s() + URL_LIFE_S)
        signature = self._sign(method, key, expires)
        return f"{own_url(request)}/blob/{key}?X-Expires={expires}&X-Signature={signature}"

    def _sign(self, method: str, key: str, expires: int) -> str:
        text = f"{method} {key} {expires}".encode()
        return hmac.new(self._secret, text, sha256).hexdigest()

    async def answer(self, request: Request) -> Response:
        """PUT and GET."""
        key, asked = request.path_params["key"], request.query_params
        if "authorization" in request.headers:
            return _refusal(400, "Only one auth mechanism allowed")
        try:
            expires = int(asked.get("X-Expires", ""))
        except ValueError:
            return _refusal(403, "Signature missing")
        wanted = self._sign(request.method, key, expires)
        if not hmac.compare_digest(wanted, asked.get("X-Signature", "")):
            return _refusal(403, "Signature does not match")
        if self.world.clock.now_s() > expires:
            return _refusal(403, "Request has expired")
        if request.method == "PUT":
            return await self._put(key, request)
        if key not in self.objects:
            return _refusal(404, "No such key")
        return Response(self.objects[key], media_type="application/json")

    async def _put(self, key: str, request: Request) -> Response:
        body = await request.body()
        if len(body) > MAX_OBJECT_BYTES:
            return _refusal(413, "Object too large")
        self.objects[key] = body
        return Response()


def _refusal(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
