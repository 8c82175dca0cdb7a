"""Marqov, emulated: saved scripts, their analysis, native submissions, jobs, budgets.

A job goes upload → execution options → analysis → submission → status (held back up to 22 s with
``wait``), and brings counts inside the status answer, leftmost character = bit 0. Ten submissions
a minute per user and a hundred a day per team, then 429 with ``Retry-After``; beyond a budget 402
with what remains. Errors are ``{"error": {"code", "message", "status"}}``. Only OpenQASM is run,
2 or 3 by its header; a program without classical bits has all its qubits measured. The bodies that
the platform's pages show are accepted; of their Python nothing is executed, and its job fails. How
the modes ``direct`` and ``temporal`` differ, see `execution`; native submissions, see `native`.
``/jobs``, where people see their jobs in a browser, is a list as text here.

Where the real service is not known, or to try its older description, switches choose:
``generation`` (new | old: flat errors ``{"error": text}``, 200 for a submission), ``strict`` (keys
are also refused what the newest client says that the hosted service refuses them: Python, and on
paid backends inline code and what has no analysis), ``deduplicate`` by Idempotency-Key (all |
native | none),
``per_minute`` (10), ``per_day`` (100), ``job_usd`` (100), ``day_usd`` (100), ``month_usd`` (1000),
``cancel`` (session | allow: for keys too), ``quoted`` (1: so many times the price is what an
analysis says), ``native`` (true: managed runtimes are enabled),
``silent_failures`` (no reason in a failed job), ``script_bytes``. Refused submissions and repeated
keys count against no limit. Names of noise options are ours, see `physics`.
"""

from __future__ import annotations

from starlette.routing import Route, Router

from qbatch.emulators.clouds import Cloud, World
from qbatch.emulators.marqov.access import (
    COLLEAGUE_KEY,
    KEY,
    NAME,
    READER_KEY,
    SESSION,
    SESSION_COOKIE,
    STRANGER_KEY,
    TEAM,
    Access,
)
from qbatch.emulators.marqov.catalogue import BACKENDS
from qbatch.emulators.marqov.scripts import Scripts
from qbatch.emulators.marqov.submissions import Submissions

__all__ = [
    "BACKENDS",
    "COLLEAGUE_KEY",
    "KEY",
    "READER_KEY",
    "SESSION",
    "SESSION_COOKIE",
    "STRANGER_KEY",
    "TEAM",
    "environment",
    "open_cloud",
]


def open_cloud(world: World) -> Cloud:
    """Emulate Marqov in `world`."""
    access, scripts = Access(world), Scripts(world)
    submissions = Submissions(world, access, scripts)
    routes = [
        Route(path, access.answering(handler), methods=[method])
        for method, path, handler in [*scripts.table(), *submissions.table()]
    ]
    catalogue = access.answering(submissions.backends, is_public=True)
    page = access.answering(submissions.page, is_public=True)
    rest = Route("/{path:path}", access.nowhere, methods=["GET", "POST", "PUT", "DELETE"])
    return Cloud(
        NAME,
        Router(
            [
                Route("/api/backends", catalogue, methods=["GET"]),
                Route("/jobs", page, methods=["GET"]),
                *routes,
                rest,
            ]
        ),
        environment,
        lambda lasting: access.tokens.expire(lasting=lasting),
    )


def environment(url: str) -> dict[str, str]:
    """Return what the official client and qbatch read."""
    return {
        "QBATCH_MARQOV_URL": url,
        "MARQOV_PLATFORM_URL": url,
        "MARQOV_PLATFORM_KEY": KEY,
        "MARQOV_TEAM_ID": TEAM,
    }
