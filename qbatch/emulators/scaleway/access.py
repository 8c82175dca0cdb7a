"""Who may speak to the emulated Scaleway, how it refuses, and how it reads and answers requests.

One key opens two projects of one organisation. Success is 200 with an object, or 204 without a
body; nothing else. A refusal is an object with ``type``, ``message`` and what belongs to the type.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from math import inf
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.scaleway.moments import in_protobuf_form, read_duration, read_instant, snake
from qbatch.emulators.tokens import Tokens, Verdict

NAME = "scaleway"

MAX_BODY_BYTES = 32_000_000

DEFAULT_PAGE_SIZE = 20
MOST_PAGE_SIZE = 100

T = TypeVar("T")

Answer = dict[str, Any] | None
Handler = Callable[[Request], Awaitable[Answer]]
Table = list[tuple[str, str, Handler]]


def stable_id(name: str) -> str:
    """Return the UUID that stands for `name` in every emulation."""
    return str(uuid5(NAMESPACE_URL, f"emulated:{NAME}:{name}"))


PROJECT_ID = stable_id("project:lab")
OTHER_PROJECT_ID = stable_id("project:guests")
SECRET_KEY = stable_id("secret")


class Rejected(Exception):
    """The service's refusal of a request.

    Args:
        kind: The stable word under ``type``.
        facts: What else belongs to that type.
    """

    def __init__(self, status: int, kind: str, text: str, **facts: Any) -> None:
        super().__init__(text)
        self.status = status
        self.body = {"type": kind, "message": text, **facts}


def invalid(argument: str, reason: str, text: str) -> Rejected:
    """Return the refusal of an argument; `reason` is required, format, constraint or unknown."""
    detail = {"argument_name": argument, "reason": reason, "help_message": text}
    return Rejected(400, "invalid_arguments", "invalid argument(s)", details=[detail])


def not_found(resource: str, resource_id: str) -> Rejected:
    text = f"{resource} {resource_id} is not found"
    return Rejected(404, "not_found", text, resource=resource, resource_id=resource_id)


def precondition_failed(text: str) -> Rejected:
    return Rejected(
        412,
        "precondition_failed",
        f"precondition is not respected: {text}",
        precondition="unknown_precondition",
        help_message=text,
    )


def over_quota(resource: str, quota: int, current: int) -> Rejected:
    detail = {"resource": resource, "quota": quota, "current": current}
    return Rejected(403, "quotas_exceeded", f"quota exceeded: {resource}", details=[detail])


class Access:
    """The check of the key, and the shape of every answer.

    Switches ``wrong_key_status`` (401), ``form`` (plain | protobuf).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.tokens = Tokens(world.clock)
        self.tokens.issue(SECRET_KEY, PROJECT_ID)

    def answering(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                self._check(request)
                body = await handler(request)
            except Rejected as refusal:
                return JSONResponse(refusal.body, refusal.status)
            if body is None:
                return Response(status_code=204)
            if self.world.faults.switch(NAME, "form", "plain") == "protobuf":
                return JSONResponse(in_protobuf_form(body))
            return JSONResponse(body)

        return answer

    def _check(self, request: Request) -> None:
        key = request.headers.get("x-auth-token")
        verdict = self.tokens.check(key)
        if verdict is Verdict.VALID:
            return
        reason = "expired" if verdict is Verdict.EXPIRED else "not_found"
        raise Rejected(
            self.world.faults.switch(NAME, "wrong_key_status", 401),
            "denied_authentication",
            "authentication is denied",
            method="api_key",
            reason="invalid_argument" if key is None else reason,
        )

    async def nowhere(self, request: Request) -> Answer:
        raise not_found("path", request.url.path)


class Asked:
    """A request's fields, read with their types; names may come in camelCase too."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = {snake(name): value for name, value in fields.items()}

    @classmethod
    async def read(cls, request: Request) -> Asked:
        """Read the body, which must be a JSON object; nothing at all is an empty one."""
        body = await request.body()
        if len(body) > MAX_BODY_BYTES:
            raise invalid("body", "constraint", f"more than {MAX_BODY_BYTES} bytes")
        try:
            fields = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise invalid("body", "format", f"not JSON: {error}") from error
        if not isinstance(fields, dict):
            raise invalid("body", "format", "not a JSON object")
        return cls(fields)

    def text(self, name: str) -> str | None:
        """Return a text; None when it is absent or null."""
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(name, "format", "must be a string")
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise invalid(name, "required", "must be given")
        return value

    def uuid(self, name: str) -> str:
        value = self.required(name)
        if not is_uuid(value):
            raise invalid(name, "format", "must be a UUID")
        return value

    def tags(self) -> list[str] | None:
        value = self.fields.get("tags")
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
            raise invalid("tags", "format", "must be a list of strings")
        return list(value)

    def duration_s(self, name: str) -> float | None:
        """Return seconds; None when it is absent or null."""
        value = self.fields.get(name)
        if value is None:
            return None
        seconds = read_duration(value)
        if seconds is None:
            raise invalid(name, "format", 'must be seconds with an "s": "600s", "2.5s"')
        if seconds <= 0:
            raise invalid(name, "constraint", "must be more than 0s")
        return seconds

    def instant_s(self, name: str, began_at: Any) -> float:
        """Return a required RFC 3339 instant in seconds since `began_at`."""
        instant = read_instant(self.required(name))
        if instant is None:
            raise invalid(name, "format", "must be RFC 3339 with an offset")
        return float((instant - began_at).total_seconds())


def is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def check_project(project_id: str) -> str:
    """Return the project's id; the key opens no others than its own two."""
    if not is_uuid(project_id):
        raise invalid("project_id", "format", "must be a UUID")
    if project_id not in (PROJECT_ID, OTHER_PROJECT_ID):
        detail = {"resource": "project", "action": "write"}
        raise Rejected(403, "permissions_denied", "insufficient permissions", details=[detail])
    return project_id


def queried(request: Request) -> dict[str, str]:
    """Return the query's fields in snake_case; of repeated ones the last."""
    return {snake(name): value for name, value in request.query_params.items()}


def tag_filter(world: World, request: Request) -> Callable[[Sequence[str] | None], bool]:
    """Return a test of something's tags; several asked for mean all of them (switch ``tags``)."""
    wanted = set(filter(None, request.query_params.getlist("tags")))
    if not wanted:
        return lambda _: True
    if world.faults.switch(NAME, "tags", "all") == "any":
        return lambda tags: not wanted.isdisjoint(tags or ())
    return lambda tags: wanted.issubset(tags or ())


def page_of(
    world: World,
    request: Request,
    key: str,
    rows: Sequence[T],
    show: Callable[[T], Any],
    orders: Mapping[str, Callable[[T], Any] | None],
    default: str,
) -> Answer:
    """Answer one page.

    Args:
        world: For the switches.
        request: Whose query says which page, how long, in what order.
        key: The list's name in the answer.
        rows: Everything that fits the query, oldest first.
        show: A row -> what stands in the answer.
        orders: Name without ``_asc`` and ``_desc`` -> sort key; None: as old as they are.
        default: The order when none is asked for.

    Switches ``page_size`` (20), ``most_page_size`` (100; more is cut to it).
    """
    asked = queried(request)
    name, _, direction = (asked.get("order_by") or default).rpartition("_")
    if name not in orders or direction not in ("asc", "desc"):
        raise invalid("order_by", "constraint", f"unknown order {asked.get('order_by')!r}")
    by = orders[name]
    if by is not None:
        rows = sorted(rows, key=by)
    number = _whole(asked, "page", 1)
    usual = world.faults.switch(NAME, "page_size", DEFAULT_PAGE_SIZE)
    most = world.faults.switch(NAME, "most_page_size", MOST_PAGE_SIZE)
    size = min(_whole(asked, "page_size", usual), most)
    first = (number - 1) * size
    shown = rows[::-1][first : first + size] if direction == "desc" else rows[first : first + size]
    return {"total_count": len(rows), key: [show(row) for row in shown]}


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii() or not 0 < int(text) < 2**32:
        raise invalid(name, "format", "must be a whole number of 1 or more")
    return int(text)


def sortable(seconds: float | None) -> float:
    """Return an instant as a sort key; what has not come yet is last."""
    return inf if seconds is None else seconds
