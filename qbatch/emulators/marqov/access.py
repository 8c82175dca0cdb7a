"""Keys, refusals and request bodies of the emulated Marqov."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.tokens import Tokens, Verdict

NAME = "marqov"

#: A browser's session, for what keys may not do. The cookie's name is our choice.
SESSION_COOKIE = "sb-access-token"
SESSION = "emulated-marqov-session"

MAX_BODY_BYTES = 4 * 2**20

Handler = Callable[[Request], Awaitable[Response]]


def stable_id(name: str) -> str:
    """Return the UUID that stands for `name` in every emulation."""
    return str(uuid5(NAMESPACE_URL, f"emulated:{NAME}:{name}"))


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        team: Pays, and owns scripts and jobs.
        may_run: False: a permission level below ``simulate``.
        has_session: A browser, not a key.
    """

    user: str
    team: str
    may_run: bool = True
    has_session: bool = False


TEAM = stable_id("team:lab")

#: Key -> who holds it. The first is the one clients are given.
CALLERS: Mapping[str, Caller] = {
    "marqey_test_" + "0" * 32: Caller("ada", TEAM),
    "marqey_test_" + "1" * 32: Caller("ben", TEAM),
    "marqey_test_" + "2" * 32: Caller("eve", stable_id("team:others")),
    "marqey_test_" + "3" * 32: Caller("kim", TEAM, may_run=False),
}
KEY, COLLEAGUE_KEY, STRANGER_KEY, READER_KEY = CALLERS


class Rejected(Exception):
    """The platform's refusal of a request.

    Args:
        code: The stable word.
        more: Stands beside ``error`` in the body.
        retry_after_s: Goes into ``Retry-After`` as whole seconds.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        *,
        more: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.text = text
        self.more = more or {}
        self.retry_after_s = retry_after_s


class Access:
    """Checks who asks, and gives refusals the shape of the generation in force."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = Tokens(world.clock)
        for key, caller in CALLERS.items():
            self.tokens.issue(key, caller.user)

    @property
    def is_old(self) -> bool:
        """The older generation of the API is emulated."""
        return bool(self.world.faults.switch(NAME, "generation", "new") == "old")

    def answering(self, handler: Handler, *, is_public: bool = False) -> Handler:
        """Wrap a handler; on a public path only a wrong key is refused, not a missing one."""

        async def answer(request: Request) -> Response:
            try:
                anonymous = is_public and "authorization" not in request.headers
                request.state.caller = None if anonymous else self.caller(request)
                return await handler(request)
            except Rejected as refusal:
                return self.refusal(refusal)

        return answer

    def caller(self, request: Request) -> Caller:
        """Return who asks, by key or by session."""
        cookies = SimpleCookie(request.headers.get("cookie", ""))
        if SESSION_COOKIE in cookies and cookies[SESSION_COOKIE].value == SESSION:
            return Caller("ada", TEAM, has_session=True)
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or self.tokens.check(key) is not Verdict.VALID:
            raise Rejected(401, "unauthorized", "Missing, invalid or revoked API key")
        return CALLERS[key]

    def refusal(self, refusal: Rejected) -> Response:
        error: Any = refusal.text
        if not self.is_old:
            words = {"code": refusal.code, "message": refusal.text, "status": refusal.status}
            error = words
        headers = {}
        if refusal.retry_after_s is not None:
            headers["retry-after"] = str(refusal.retry_after_s)
        return JSONResponse({"error": error, **refusal.more}, refusal.status, headers)

    async def nowhere(self, request: Request) -> Response:
        """Answer paths that a key does not reach."""
        return self.refusal(Rejected(404, "not_found", f"no {request.url.path}"))


async def read_body(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object of at most `MAX_BODY_BYTES`."""
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise Rejected(413, "validation_error", "the body is too large")
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise invalid(f"the body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise invalid("the body is not a JSON object")
    return asked


def invalid(text: str) -> Rejected:
    return Rejected(400, "validation_error", text)


def text_of(asked: Mapping[str, Any], key: str, longest: int, *, shortest: int = 1) -> str:
    """Return a text of `shortest` to `longest` characters."""
    value = asked.get(key, "" if shortest == 0 else None)
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise invalid(f"{key} must be a string of {shortest} to {longest} characters")
    return value


def whole_of(value: Any, key: str, low: int, high: int) -> int:
    """Return a whole number in range."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise invalid(f"{key} must be a whole number from {low} to {high}, not {value!r}")
    return value


def is_uuid(value: Any) -> bool:
    """Tell whether it is a UUID in its dashed form."""
    try:
        return isinstance(value, str) and len(value) == 36 and bool(UUID(value))
    except ValueError:
        return False
