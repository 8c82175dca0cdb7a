"""Open Quantum, emulated: identity, management, scheduler and storage under one URL.

The four roles stand under ``/idp``, ``/mgmt``, ``/sched`` and ``/blob``. A job goes upload →
preparation (free, compiles and quotes) → job (spends) → output: flat counts, Qiskit's bit order,
no blanks. Error bodies have ``status_code, message, type, error_code``.

Where the real service is not known, switches of the fault script choose: ``second_create``
(conflict | duplicate: a job from a used preparation), ``active_limit`` (10), ``credits`` and
``spark_credits`` of the first organization, ``token_life_s`` (300), ``quoted`` (1: so many times
the price is what a quote says; what is paid stays the price), ``tells_credits`` (true; false: jobs
do not say what was paid); ``outages``, a list of
objects with ``from_s``, ``until_s`` (emulation time; default always), ``backend`` (short code;
default all) and ``status`` (Offline | Maintenance). A cancelled job is refunded, a failed one is
not.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from qbatch.emulators.clouds import Cloud, World
from qbatch.emulators.open_quantum.access import (
    CLIENT_ID,
    CLIENT_SECRET,
    ORGANIZATIONS,
    REALM,
    Access,
    Handler,
    Rejected,
    page_of_rows,
)
from qbatch.emulators.open_quantum.catalogue import (
    BACKENDS,
    CATEGORIES,
    NAME,
    Backend,
    category_row,
    find_category,
    stable_id,
    subcategory_rows,
)
from qbatch.emulators.open_quantum.orders import Orders
from qbatch.emulators.open_quantum.storage import Storage

__all__ = ["BACKENDS", "ORGANIZATIONS", "environment", "open_cloud"]


class Discovery:
    """Organizations, vendors, backends and categories."""

    def __init__(self, orders: Orders) -> None:
        self.orders = orders

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/mgmt/v1/users/organizations", self.organizations),
            ("GET", "/mgmt/v1/backends/providers", self.vendors),
            ("GET", "/mgmt/v1/backends/classes", self.backends),
            ("GET", "/sched/v1/backends/classes/{id}", self.backend),
            ("GET", "/sched/v1/jobs/categories", self.categories),
            ("GET", "/sched/v1/jobs/categories/{id}/subcategories", self.subcategories),
        ]

    async def organizations(self, request: Request) -> Response:
        rows = [{"id": one, "name": name} for one, name in ORGANIZATIONS]
        return page_of_rows(request, "organizations", rows)

    async def vendors(self, request: Request) -> Response:
        rows = [
            {"id": stable_id(f"provider:{code}"), "name": name, "description": name}
            | {"short_code": code}
            for code, name in dict.fromkeys(
                backend.vendor for backend in self.orders.machines.backends
            )
        ]
        return page_of_rows(request, "providers", rows)

    async def backends(self, request: Request) -> Response:
        wanted = request.query_params.get("provider_id")
        rows = [
            self.orders.machines.now(backend).row(self.queue_depth(backend))
            for backend in self.orders.machines.backends
            if wanted in (None, backend.vendor[0], stable_id(f"provider:{backend.vendor[0]}"))
        ]
        return page_of_rows(request, "backend_classes", rows)

    async def backend(self, request: Request) -> Response:
        backend = self.orders.machines.find(request.path_params["id"])
        if backend is None:
            raise Rejected(404, "NOT_FOUND", "no such backend")
        return JSONResponse(self.orders.machines.now(backend).detail(self.queue_depth(backend)))

    def queue_depth(self, backend: Backend) -> int:
        return sum(job.facts["preparation"].backend is backend for job in self.orders.active())

    async def categories(self, request: Request) -> Response:
        return page_of_rows(request, "categories", [category_row(code) for code in CATEGORIES])

    async def subcategories(self, request: Request) -> Response:
        code = find_category(request.path_params["id"])
        if code is None:
            raise Rejected(404, "NOT_FOUND", "no such category")
        return page_of_rows(request, "categories", subcategory_rows(code))


def open_cloud(world: World) -> Cloud:
    """Emulate Open Quantum in `world`."""
    access, storage = Access(world), Storage(world)
    orders = Orders(world, storage)
    guarded = [
        Route(path, access.answering(handler), methods=[method])
        for method, path, handler in [*Discovery(orders).table(), *orders.table()]
    ]
    login = f"/idp/realms/{REALM}/protocol/openid-connect/token"
    open_ones = [
        Route(login, access.issue, methods=["POST"]),
        Route("/blob/{key:path}", storage.answer, methods=["GET", "PUT"]),
    ]
    return Cloud(
        NAME,
        Router([*open_ones, *guarded]),
        environment,
        lambda lasting: access.tokens.expire(lasting=lasting),
        usual=frozenset(name for one in BACKENDS for name in (one.short_code, one.id, one.name)),
    )


def environment(url: str) -> dict[str, str]:
    """Return what the official client, its plugins and qbatch read."""
    return {
        "QBATCH_OPEN_QUANTUM_URL": url,
        "OPENQUANTUM_KEYCLOAK_BASE": f"{url}/idp",
        "OPENQUANTUM_KEYCLOAK_REALM": REALM,
        "OPENQUANTUM_MANAGEMENT_URL": f"{url}/mgmt",
        "OPENQUANTUM_SCHEDULER_URL": f"{url}/sched",
        "OPENQUANTUM_CLIENT_ID": CLIENT_ID,
        "OPENQUANTUM_CLIENT_SECRET": CLIENT_SECRET,
        "OPENQUANTUM_ORGANIZATION_ID": ORGANIZATIONS[0][0],
    }
