"""Identity, refusals and pages of the emulated Open Quantum."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.open_quantum.catalogue import NAME, stable_id
from qbatch.emulators.tokens import Tokens, Verdict

REALM = "platform"
CLIENT_ID = f"s_{stable_id('client')}"
CLIENT_SECRET = "emulated-open-quantum-secret"

#: The client's organizations: (id, name). Both have a balance of their own.
ORGANIZATIONS = (
    (stable_id("organization:lab"), "Emulated Lab"),
    (stable_id("organization:guests"), "Emulated Guests"),
)

DEFAULT_LIMIT = 20
MOST_LIMIT = 100

Handler = Callable[[Request], Awaitable[Response]]


class Rejected(Exception):
    """The platform's refusal of a request.

    Args:
        kind: The stable word under ``type``.
    """

    def __init__(self, status: int, kind: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.kind = kind
        self.text = text


class Access:
    """The Keycloak realm and the check of what it issued.

    Switch ``token_life_s``: ``expires_in`` of a token, 300 by default.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = Tokens(world.clock)

    async def issue(self, request: Request) -> Response:
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "Unsupported grant_type")
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            text = "Invalid client or Invalid client credentials"
            return _oauth_error(401, "invalid_client", text)
        life_s = self.world.faults.switch(NAME, "token_life_s", 300)
        token = self.tokens.issue(f"ey.{self.world.new_id()}.ey", CLIENT_ID, life_s)
        return JSONResponse(
            {"access_token": token, "expires_in": life_s, "token_type": "Bearer", "scope": ""}
        )

    def answering(self, handler: Handler) -> Handler:
        """Check the bearer token and give refusals the platform's shape."""

        async def answer(request: Request) -> Response:
            try:
                self._check(request)
                return await handler(request)
            except Rejected as refusal:
                return self.refusal(refusal)

        return answer

    def _check(self, request: Request) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self.tokens.check(token) is not Verdict.VALID:
            raise Rejected(401, "UNAUTHORIZED", "Missing, invalid or expired token")

    def refusal(self, refusal: Rejected) -> JSONResponse:
        body = {
            "status_code": refusal.status,
            "message": [refusal.text],
            "type": refusal.kind,
            "error_code": self.world.new_id(),
        }
        return JSONResponse(body, refusal.status)


def _oauth_error(status: int, word: str, text: str) -> JSONResponse:
    return JSONResponse({"error": word, "error_description": text}, status)


async def read_body(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object."""
    try:
        asked = json.loads(await request.body())
    except ValueError as error:
        raise Rejected(400, "BAD_REQUEST", f"body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise Rejected(400, "BAD_REQUEST", "body is not a JSON object")
    return asked


def check_organization(wanted: Any) -> str:
    """Return the organization's id; others than the client's own are refused."""
    if wanted not in [one for one, _ in ORGANIZATIONS]:
        raise Rejected(403, "ORG_MEMBERSHIP_REQUIRED", f"not a member of organization {wanted}")
    return str(wanted)


def page(
    request: Request, key: str, ids: Sequence[str], show: Callable[[str], dict[str, Any]]
) -> JSONResponse:
    """Answer one page of what `ids` name; the last id shown is the cursor to the next."""
    try:
        limit = min(int(request.query_params.get("limit", DEFAULT_LIMIT)), MOST_LIMIT)
        cursor = urlsafe_b64decode(request.query_params.get("cursor", "")).decode()
        first = ids.index(cursor) + 1 if cursor else 0
    except ValueError as error:
        raise Rejected(400, "BAD_REQUEST", "limit or cursor is not valid") from error
    if limit < 1:
        raise Rejected(400, "BAD_REQUEST", "limit must be 1 or more")
    shown = ids[first : first + limit]
    more = first + limit < len(ids)
    following = urlsafe_b64encode(shown[-1].encode()).decode() if more else None
    rows = [show(one) for one in shown]
    return JSONResponse({key: rows, "pagination": {"next_cursor": following}})


def page_of_rows(request: Request, key: str, rows: Sequence[dict[str, Any]]) -> JSONResponse:
    """Answer one page of `rows`, each with an ``id``."""
    by_id = {row["id"]: row for row in rows}
    return page(request, key, list(by_id), by_id.__getitem__)
