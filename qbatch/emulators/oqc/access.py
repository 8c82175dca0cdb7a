"""Who may speak to the emulated OQC, how it refuses, and how it reads a request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qbatch.emulators.clouds import World
from qbatch.emulators.tokens import Tokens, Verdict

VERSION = "3.22.0"
TOKEN = "emulated-oqc-token"
EMAIL = "person@lab.example"
PASSWORD = "emulated-oqc-password"
USER = {"id": "1", "email": EMAIL, "password_expires_at": "2030-01-02T03:04:05"}

#: A login's token lives so long, seconds.
LOGIN_LIFE_S = 86_400.0

MAX_BODY_BYTES = 131_072

Handler = Callable[[Request], Awaitable[Response]]


class Rejected(Exception):
    """The service's refusal of a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def answering(handler: Handler) -> Handler:
    """Give refusals the service's shape."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Rejected as refusal:
            is_v3 = "segment" in request.path_params or "/admin/" in request.url.path
            body: Any = {"detail": refusal.text}
            if is_v3:
                body = {"response": {"errors": [refusal.text]}}
            return JSONResponse(body, refusal.status)

    return answer


async def read_body(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object of at most `MAX_BODY_BYTES`."""
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise Rejected(413, "Request body too large.")
    try:
        asked = json.loads(body)
    except ValueError as error:
        raise Rejected(400, f"Body is not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise Rejected(400, "Body is not a JSON object.")
    return asked


class Access:
    """Login, tokens and users.

    Two passwords exist: a lasting token, and an e-mail with a password that buys one for a day.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = Tokens(world.clock)
        self.tokens.issue(TOKEN, EMAIL)

    def open_routes(self) -> list[Route]:
        """Return what is answered without a token."""
        return [
            Route("/admin/version", self.version),
            Route("/healthz", self.version),
            Route("/admin/logout", self.logout, methods=["POST"]),
            Route("/admin/login", answering(self.login), methods=["POST"]),
        ]

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/admin/users", self.list_users),
            ("GET", "/admin/users/{user_id}", self.show_user),
            ("POST", "/admin/users/current_user/auth_tokens", self.make_token),
            ("GET", "/admin/auth_tokens/{token}", self.show_token),
            ("DELETE", "/auth_tokens/{token}", self.delete_token),
        ]

    def authenticated(self, handler: Handler) -> Handler:
        async def check(request: Request) -> Response:
            token = request.headers.get("authentication-token")
            if token is None:
                token = request.headers.get("authorization", "").removeprefix("Bearer ")
            verdict = self.tokens.check(token)
            if verdict is not Verdict.VALID:
                words = "has expired" if verdict is Verdict.EXPIRED else "is not valid"
                raise Rejected(401, f"The authentication token {words}.")
            return await handler(request)

        return check

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": VERSION})

    async def logout(self, request: Request) -> Response:
        return JSONResponse({"response": {}})

    async def login(self, request: Request) -> Response:
        asked = await read_body(request)
        if (asked.get("email"), asked.get("password")) != (EMAIL, PASSWORD):
            raise Rejected(401, "Invalid e-mail or password.")
        token = self.tokens.issue(self.world.new_id(), EMAIL, LOGIN_LIFE_S)
        return JSONResponse({"response": {"user": {"authentication_token": token}}})

    async def make_token(self, request: Request) -> Response:
        await read_body(request)
        token = self.tokens.issue(self.world.new_id(), EMAIL, LOGIN_LIFE_S)
        return JSONResponse({"token": token})

    async def show_token(self, request: Request) -> Response:
        expires_s = self.tokens.expires_s(request.path_params["token"])
        if expires_s is None:
            raise Rejected(404, "No such token.")
        lasting = self.world.clock.began_at + timedelta(days=365)
        at = lasting if expires_s == float("inf") else self.world.clock.at(expires_s)
        return JSONResponse({"expires_at": at.strftime("%Y-%m-%dT%H:%M:%S")})

    async def delete_token(self, request: Request) -> Response:
        if not self.tokens.revoke(request.path_params["token"]):
            raise Rejected(404, "No such token.")
        return JSONResponse({"response": {}})

    async def list_users(self, request: Request) -> Response:
        found = [USER] if request.query_params.get("q") in (None, EMAIL) else []
        return JSONResponse({"total": len(found), "items": found})

    async def show_user(self, request: Request) -> Response:
        if request.path_params["user_id"] != USER["id"]:
            raise Rejected(404, "No such user.")
        return JSONResponse(USER)
