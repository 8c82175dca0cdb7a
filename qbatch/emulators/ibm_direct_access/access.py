"""Who may speak to the emulated system, how it refuses, and how it reads a request.

Identity is another service in reality (IBM Cloud IAM): an API key buys a bearer token for an hour,
and there is no refresh. Errors of the two services have different shapes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.tokens import Tokens, Verdict

NAME = "ibm-direct-access"

VERSION = "2.4.1"

#: Values of ``IBM-API-Version``, oldest first.
API_VERSIONS = ("2025-08-01", "2025-08-15")

GRANT = "urn:ibm:params:oauth:grant-type:apikey"

CRN = "crn:v1:bluemix:public:quantum-computing:us-east:a/emulated:emulated::"

#: Actions a key may be allowed.
READ = frozenset({"job.list", "job.read", "backend.list", "backend.read"})
EVERYTHING = READ | {"job.create", "job.cancel", "job.delete"}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Caller:
    """The holder of an API key. Jobs belong to callers; lanes are shared by all."""

    user: str
    actions: frozenset[str] = EVERYTHING


#: API key -> its holder. The first is the one clients are given.
CALLERS: Mapping[str, Caller] = {
    "emulated-ibm-api-key": Caller("ada"),
    "emulated-ibm-colleague-key": Caller("ben"),
    "emulated-ibm-reader-key": Caller("kim", READ),
}
API_KEY, COLLEAGUE_KEY, READER_KEY = CALLERS


@dataclass(frozen=True)
class Problem:
    """One entry of an error body.

    Attributes:
        code: The service's own number; a string on the wire.
        target: What is wrong: (name, kind), kind one of field, parameter and header.
    """

    code: str
    text: str
    target: tuple[str, str] | None = None


class Rejected(Exception):
    """The service's refusal of a request."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.problems: Sequence[Problem] = (Problem(code, text),)


class Invalid(Rejected):
    """A refusal that names every mistake found."""

    def __init__(self, status: int, problems: Sequence[Problem]) -> None:
        super().__init__(status, problems[0].code, problems[0].text)
        self.problems = problems


TITLES = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Request too large",
    422: "Unprocessable",
    423: "Locked",
    429: "Too many jobs",
}


class Access:
    """Tokens and what they open.

    Switches: ``token_life_s`` (3600), ``crn`` (any: not empty | strict: the instance's own |
    ignored).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = Tokens(world.clock)
        self._callers: dict[str, Caller] = {}

    async def issue(self, request: Request) -> Response:
        """Sell a token for an API key: ``POST /identity/token``, a form."""
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        if "grant_type" not in form:
            return self._iam_error("BXNIM0109E", "Property missing or empty: grant_type")
        if form["grant_type"] != GRANT:
            return self._iam_error("BXNIM0118E", "Grant type is not supported")
        caller = CALLERS.get(form.get("apikey", ""))
        if caller is None:
            return self._iam_error("BXNIM0415E", "Provided API key could not be found.")
        life_s = self.world.faults.switch(NAME, "token_life_s", 3600)
        token = self.tokens.issue(f"ey.{self.world.new_id()}.ey", caller.user, life_s)
        self._callers[token] = caller
        answer = {
            "access_token": token,
            "refresh_token": "not_supported",
            "ims_user_id": 1,
            "token_type": "Bearer",
            "expires_in": life_s,
            "expiration": int(self.world.clock.utc().timestamp() + life_s),
            "scope": "ibm openid",
        }
        return JSONResponse(answer)

    def _iam_error(self, code: str, text: str) -> JSONResponse:
        body = {"errorCode": code, "errorMessage": text, "errorDetails": None}
        return JSONResponse(body, 400)

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": VERSION})

    async def versions(self, request: Request) -> Response:
        return JSONResponse({"versions": list(API_VERSIONS)})

    async def nowhere(self, request: Request) -> Response:
        return self.refusal(Rejected(404, "1200", f"no such path: {request.url.path}"))

    def answering(self, action: str, handler: Handler) -> Handler:
        """Check token, instance, version and permission; give refusals the service's shape."""

        async def answer(request: Request) -> Response:
            try:
                request.state.caller = self._caller(request)
                self._check_instance(request)
                _check_version(request)
                if action not in request.state.caller.actions:
                    text = f"quantum-computing.direct-access-{action} is not allowed"
                    raise Rejected(403, "1200", text)
                return await handler(request)
            except Rejected as refusal:
                return self.refusal(refusal)

        return answer

    def _caller(self, request: Request) -> Caller:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if not token:
            raise Rejected(401, "1200", "Not authorized: no bearer token")
        verdict = self.tokens.check(token)
        if kind != "Bearer" or verdict is not Verdict.VALID:
            raise Rejected(401, "1201", f"Bad credentials: the token is {verdict}")
        return self._callers[token]

    def _check_instance(self, request: Request) -> None:
        given = request.headers.get("service-crn", "")
        wanted = self.world.faults.switch(NAME, "crn", "any")
        if (wanted == "any" and not given) or (wanted == "strict" and given != CRN):
            raise Rejected(401, "1201", "Service-CRN is not that of this instance")

    def refusal(self, refusal: Rejected) -> JSONResponse:
        body = {
            "status_code": refusal.status,
            "title": TITLES.get(refusal.status, "Error"),
            "trace": self.world.new_id().replace("-", ""),
            "errors": [_entry(problem) for problem in refusal.problems],
        }
        return JSONResponse(body, refusal.status)


def _entry(problem: Problem) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "code": problem.code,
        "message": problem.text,
        "more_info": f"https://docs.emulated.example/errors#{problem.code}",
    }
    if problem.target is not None:
        name, kind = problem.target
        entry |= {"location": name, "target": {"name": name, "type": kind}}
    return entry


def _check_version(request: Request) -> None:
    """Check ``IBM-API-Version``: a date, with hyphens or without; absent means the newest."""
    given = request.headers.get("ibm-api-version")
    if given is None:
        return
    try:
        wanted = date.fromisoformat(given)
    except ValueError:
        wanted = date.min
    if not re.fullmatch(r"\d{4}-\d\d-\d\d|\d{8}", given) or wanted.isoformat() < API_VERSIONS[0]:
        text = f"IBM-API-Version: {given!r} is none of {', '.join(API_VERSIONS)}"
        raise Invalid(400, [Problem("1337", text, ("IBM-API-Version", "header"))])
