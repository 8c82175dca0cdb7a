"""The machines of the emulated system: a list, what each says about itself, who may use it now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.ibm_direct_access.access import NAME, Handler, Rejected
from qbatch.emulators.ibm_direct_access.documents import Backend, configuration, properties

#: Jobs of one backend that may exist at once.
LANES = 5


def heavy_hexagons() -> tuple[tuple[int, int], ...]:
    """Return the edges of 127 qubits: seven rows, joined by four qubits between each two.

    The first row lacks its last place and the last row its first.
    """
    edges: list[tuple[int, int]] = []
    row_at: list[dict[int, int]] = []
    first = 0
    for row in range(7):
        columns = range(row == 6, 15 - (row == 0))
        row_at.append({column: first + at for at, column in enumerate(columns)})
        qubits = list(row_at[-1].values())
        edges += pairwise(qubits)
        first = qubits[-1] + 5
    for row in range(6):
        between = max(row_at[row].values()) + 1
        for at in range(4):
            column = 4 * at + 2 * (row % 2)
            edges += [(row_at[row][column], between + at), (between + at, row_at[row + 1][column])]
    return tuple(sorted(edges))


def _line(qubits: int) -> tuple[tuple[int, int], ...]:
    pairs = [(at, at + 1) for at in range(qubits - 1)]
    return tuple(sorted([*pairs, *[(second, first) for first, second in pairs]]))


EAGLE = ("ecr", "id", "rz", "sx", "x")
FALCON = ("cx", "id", "rz", "sx", "x")

BACKENDS = (
    Backend("ibm_rensselaer", 127, EAGLE, heavy_hexagons()),
    Backend("emu_5q", 5, FALCON, _line(5), ("Falcon", "5.11")),
    Backend(
        "emu_paused",
        7,
        FALCON,
        _line(7),
        ("Falcon", "5.11"),
        status="paused",
        message="maintenance",
    ),
    Backend("emu_offline", 7, FALCON, _line(7), ("Falcon", "5.11"), status="offline"),
)


def offered(more: Sequence[str]) -> tuple[Backend, ...]:
    """Return the usual backends and those asked for beside them, which are like the first."""
    known = {one.name for one in BACKENDS}
    added = [Backend(name, 127, EAGLE, heavy_hexagons()) for name in more if name not in known]
    return (*BACKENDS, *added)


class Backends:
    """The machines and everything one may ask about them.

    Switches: ``lanes`` (5), ``outages`` and ``reservations``, lists of objects with ``from_s``,
    ``until_s`` (emulation time; default always) and ``backend`` (default all), an outage also with
    ``status`` (paused | offline).
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.backends = {one.name: one for one in offered(world.targets.get(NAME, ()))}

    def table(self) -> list[tuple[str, str, str, Handler]]:
        one = "/v1/backends/{name}"
        return [
            ("backend.list", "GET", "/v1/backends", self.list_all),
            ("backend.read", "GET", one, self.show),
            ("backend.read", "GET", f"{one}/configuration", self.show_configuration),
            ("backend.read", "GET", f"{one}/properties", self.show_properties),
            ("backend.read", "GET", f"{one}/lanes", self.show_lanes),
        ]

    def known(self, name: Any) -> Backend:
        """Return a backend by its name, in which case matters.

        Raises:
            Rejected: There is none.
        """
        if name not in self.backends:
            raise Rejected(404, "1216", f"Backend {name!r} not found")
        return self.backends[name]

    @property
    def lanes(self) -> int:
        return int(self._switch("lanes", LANES))

    def outage_of(self, backend: Backend) -> tuple[str, float]:
        """Return the backend's status now, and when that ends, seconds of the clock."""
        for one in self._now_in_force("outages", backend):
            return str(one.get("status", "offline")), float(one.get("until_s", inf))
        return backend.status, inf

    def is_reserved(self, backend: Backend) -> bool:
        return bool(self._now_in_force("reservations", backend))

    def _now_in_force(self, switch: str, backend: Backend) -> list[Mapping[str, Any]]:
        now_s = self.world.clock.now_s()
        return [
            one
            for one in self._switch(switch, ())
            if one.get("backend", backend.name) == backend.name
            and one.get("from_s", 0.0) <= now_s < one.get("until_s", inf)
        ]

    def _switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    # -- routes ----------------------------------------------------------------------------------

    def record(self, backend: Backend) -> dict[str, Any]:
        status, _ = self.outage_of(backend)
        row: dict[str, Any] = {
            "name": backend.name,
            "status": status,
            "message": backend.message,
            "version": backend.version,
        }
        if status == "online":
            row["locked"] = self.is_reserved(backend)
        return row

    async def list_all(self, request: Request) -> Response:
        return JSONResponse({"backends": [self.record(one) for one in self.backends.values()]})

    async def show(self, request: Request) -> Response:
        return JSONResponse(self.record(self.known(request.path_params["name"])))

    async def show_configuration(self, request: Request) -> Response:
        return JSONResponse(configuration(self.known(request.path_params["name"])))

    async def show_properties(self, request: Request) -> Response:
        backend = self.known(request.path_params["name"])
        told = self.world.published(NAME)
        if told is None:
            return JSONResponse(properties(backend, self.world.clock.began_at))
        at = self.world.clock.at(told.at_s)
        return JSONResponse(properties(backend, at, told.noise, told.number))

    async def show_lanes(self, request: Request) -> Response:
        self.known(request.path_params["name"])
        return JSONResponse(
            {
                "hpc_workload_manager": {"lanes": self.lanes},
                "ibm_quantum_compute": {"lanes": 0},
            }
        )
