"""Scaleway Quantum as a Service, emulated: everything under ``/qaas/v1alpha1``.

A computation goes model → session → job → rows of results; a job of one circuit or several, its
result inline or behind a signed URL, written as the machine writes it (`flavours`). Success is 200
or 204 alone. Noise is what the switch `noise` says of machines, and what comes with a job to an
Aer platform. QPUs cost by circuit and shot; simulators and booked slots by time, which the ledger
shares equally among a session's jobs, so far. A session without a job stands in no ledger.

Where the real service is not known, switches of the fault script choose:

- ``boot_s`` (half the queue, 20 at most), ``stopping_s`` (1), ``cancelling_s`` (0.5): seconds a
  session boots and stops, and a job is cancelled. ``cancel_running`` (stop | finish).
- ``idle_counts_waiting`` (true): a waiting job keeps its session from idling out.
- ``dedup_scope`` (project | platform | organisation) of ``deduplication_id``.
- ``session_quota`` (none), ``availability`` (platform's name -> word), ``bookings`` (slots of
  others: ``{platform, from_s, to_s}``).
- ``tags`` (all | any), ``page_size`` (20), ``most_page_size`` (100; larger ones are cut).
- ``checks`` (request | run): a computation beyond the limits is refused, or accepted and fails.
- ``intermediate_rows`` (0), ``one_row_per_circuit`` (false), ``compression`` (2 | 1),
  ``result_by_url_above`` (1,000,000 bytes), ``empty_result`` (null | ""), ``url_life_s`` (3600),
  ``retention_s`` (for ever), ``mimiq_bit_0`` (left | right).
- ``billing_step_s`` (0: to the moment; 60: by the minute), ``bill_cancelled`` (started: those that
  had not begun are free | all | none), ``bill_failed`` (true).
- ``wrong_key_status`` (401), ``form`` (plain | protobuf: instants, durations and 64-bit numbers as
  raw protobuf writes them).

Of the fault script, ``kind: session`` takes ``ends_after_s``, ``word``, ``hide_s`` and ``wait_s``.
"""

from __future__ import annotations

from starlette.routing import Route, Router

from qbatch.emulators.clouds import Cloud, World
from qbatch.emulators.scaleway.access import (
    NAME,
    OTHER_PROJECT_ID,
    PROJECT_ID,
    SECRET_KEY,
    Access,
)
from qbatch.emulators.scaleway.bookings import Bookings
from qbatch.emulators.scaleway.jobs import Jobs
from qbatch.emulators.scaleway.models import Models
from qbatch.emulators.scaleway.platforms import PLATFORMS, Catalogue
from qbatch.emulators.scaleway.results import Results
from qbatch.emulators.scaleway.sessions import Sessions
from qbatch.emulators.scaleway.storage import Storage

__all__ = [
    "OTHER_PROJECT_ID",
    "PLATFORMS",
    "PREFIX",
    "PROJECT_ID",
    "SECRET_KEY",
    "environment",
    "open_cloud",
]

PREFIX = "/qaas/v1alpha1"


def open_cloud(world: World) -> Cloud:
    """Emulate Scaleway in `world`."""
    access, catalogue, storage = Access(world), Catalogue(world), Storage(world)
    models, bookings = Models(world, storage), Bookings(world, catalogue)
    sessions = Sessions(world, catalogue, bookings, models)
    jobs = Jobs(world, sessions, models, Results(world, storage))
    routes = [
        Route(f"{PREFIX}{path}", access.answering(handler), methods=[method])
        for part in (catalogue, models, bookings, sessions, jobs)
        for method, path, handler in part.table()
    ]
    objects = Route("/storage/{key:path}", storage.answer, methods=["GET"])
    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    rest = Route("/{path:path}", access.answering(access.nowhere), methods=every)
    return Cloud(
        NAME,
        Router([objects, *routes, rest]),
        environment,
        lambda lasting: access.tokens.expire(lasting=lasting),
        usual=frozenset(name for one in PLATFORMS for name in (one.name, one.id)),
    )


def environment(url: str) -> dict[str, str]:
    """Return what qbatch, the Qiskit provider and CUDA-Q read."""
    return {
        "QBATCH_SCALEWAY_URL": url,
        "QISKIT_SCALEWAY_API_URL": url,
        "QISKIT_SCALEWAY_PROJECT_ID": PROJECT_ID,
        "QISKIT_SCALEWAY_SECRET_KEY": SECRET_KEY,
        "SCW_API_URL": url,
        "SCW_PROJECT_ID": PROJECT_ID,
        "SCW_SECRET_KEY": SECRET_KEY,
    }
