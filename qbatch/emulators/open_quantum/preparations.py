"""Programs uploaded, checked and quoted by the emulated Open Quantum: all free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.faults import JobFault
from qbatch.emulators.open_quantum.access import Handler, Rejected, check_organization, read_body
from qbatch.emulators.open_quantum.catalogue import NAME, Backend, find_subcategory
from qbatch.emulators.open_quantum.machines import Machines
from qbatch.emulators.open_quantum.storage import Storage
from qbatch.emulators.simulation import Computation, Solution

DEFAULT_SHOTS = 1000


@dataclass
class Preparation:
    """A program checked and priced for a backend. Costs nothing."""

    id: str
    organization_id: str
    backend: Backend
    name: str
    upload_id: str
    category: tuple[str, str]
    shots: int
    configuration: Mapping[str, Any]
    program: str
    compiled: Computation[Solution]
    made_s: float
    ready_s: float
    effects: JobFault
    job_ids: list[str] = field(default_factory=list)

    def status(self, now_s: float) -> str:
        if now_s < self.ready_s or not self.compiled.is_done:
            return "Pending"
        return "Failed" if self.failure else "Completed"

    @property
    def failure(self) -> str:
        return self.effects.fail or self.backend.wrong_program(self.compiled.value())

    def chosen(self, asked: Mapping[str, Any]) -> tuple[str, str, float]:
        """Return plan, priority and total price; both must be in the quote.

        Raises:
            Rejected: One is not.
        """
        for plan in self.backend.quote(self.shots):
            if plan["execution_plan_id"] == asked.get("execution_plan_id"):
                for priority in plan["queue_priorities"]:
                    if priority["queue_priority_id"] == asked.get("queue_priority_id"):
                        price = float(plan["price"] + priority["price_increase"])
                        return plan["execution_plan_id"], priority["queue_priority_id"], price
        raise Rejected(400, "VALIDATION_ERROR", "plan or priority is not in the quote")


class Preparations:
    """From upload to quote."""

    def __init__(self, world: World, storage: Storage, machines: Machines) -> None:
        self.world = world
        self.storage = storage
        self.machines = machines
        self.uploads: set[str] = set()
        self.known: dict[str, Preparation] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/sched/v1/jobs/upload", self.upload),
            ("POST", "/sched/v1/jobs/prepare", self.prepare),
            ("GET", "/sched/v1/jobs/prepare/{id}", self.show),
        ]

    async def upload(self, request: Request) -> Response:
        upload_id = self.world.new_id()
        self.uploads.add(upload_id)
        url = self.storage.url(request, "PUT", f"input/{upload_id}")
        return JSONResponse({"id": upload_id, "url": url}, 201)

    async def prepare(self, request: Request) -> Response:
        preparation = self._preparation(await read_body(request))
        self.known[preparation.id] = preparation
        return JSONResponse({"id": preparation.id}, 201)

    def _preparation(self, asked: Mapping[str, Any]) -> Preparation:
        """Check a request for a preparation and begin it."""
        for key in ("organization_id", "backend_class_id", "name", "upload_endpoint_id"):
            if not isinstance(asked.get(key), str) or not asked[key]:
                raise Rejected(400, "VALIDATION_ERROR", f"{key} is required")
        backend = self.machines.find(asked["backend_class_id"])
        if backend is None:
            raise Rejected(404, "NOT_FOUND", f"no backend {asked['backend_class_id']}")
        if not self.machines.now(backend).accepting_jobs:
            raise Rejected(409, "RESOURCE_NOT_ACTIVE", f"{backend.short_code} takes no jobs now")
        category = find_subcategory(asked.get("job_subcategory_id") or "oth:oth")
        if category is None:
            raise Rejected(404, "NOT_FOUND", f"no subcategory {asked['job_subcategory_id']}")
        configuration, shots = self._configuration(asked, backend)
        program = self._program(asked["upload_endpoint_id"])
        clock = self.world.clock
        return Preparation(
            id=self.world.new_id(),
            organization_id=check_organization(asked["organization_id"]),
            backend=backend,
            name=asked["name"],
            upload_id=asked["upload_endpoint_id"],
            category=(category[0], category[1]["id"]),
            shots=shots,
            configuration=configuration,
            program=program,
            compiled=self.world.simulator.solve(program, backend.qubits),
            made_s=clock.now_s(),
            ready_s=clock.now_s() + min(2.0, self.world.queueing.queue_s / 4),
            effects=self.world.faults.on_job(NAME, "preparation", asked["name"], clock.now_s()),
        )

    def _configuration(
        self, asked: Mapping[str, Any], backend: Backend
    ) -> tuple[dict[str, Any], int]:
        configuration = asked.get("configuration_data") or {}
        if asked.get("input_format", "qasm") != "qasm":
            raise Rejected(400, "VALIDATION_ERROR", "input_format must be qasm")
        if not isinstance(configuration, dict):
            raise Rejected(400, "VALIDATION_ERROR", "configuration_data must be an object")
        shots = configuration.get("shots", asked.get("shots", DEFAULT_SHOTS))
        problem = backend.wrong_configuration(configuration, shots)
        if problem:
            raise Rejected(400, "VALIDATION_ERROR", problem)
        return {**configuration, "shots": shots}, shots

    def _program(self, upload_id: str) -> str:
        if upload_id not in self.uploads:
            raise Rejected(404, "NOT_FOUND", f"no upload {upload_id}")
        content = self.storage.objects.get(f"input/{upload_id}")
        if content is None:
            raise Rejected(400, "BAD_REQUEST", "nothing was uploaded")
        return content.decode("utf-8", "replace")

    async def show(self, request: Request) -> Response:
        now, found = self.world.clock.now_s(), self.known.get(request.path_params["id"])
        if found is None or now - found.made_s < found.effects.hide_s:
            raise Rejected(404, "NOT_FOUND", "no such preparation")
        if now - found.made_s < found.effects.not_ready_s:
            raise Rejected(425, "NOT_READY", "the preparation is not ready")
        status = found.status(now)
        body = {
            "organization_id": found.organization_id,
            "backend_class_id": found.backend.id,
            "status": status,
            "name": found.name,
            "input_data_url": self.storage.url(request, "GET", f"input/{found.upload_id}"),
            "job_category_id": found.category[0],
            "job_subcategory_id": found.category[1],
            "shots": found.shots,
            "message": found.failure if status == "Failed" else None,
            "quote": self._quoted(found) if status == "Completed" else [],
            "configuration_data": found.configuration,
            "input_format": "qasm",
        }
        return JSONResponse(body)

    def _quoted(self, preparation: Preparation) -> list[dict[str, Any]]:
        """Return its quote as it is told: false, where the script wants it so."""
        share = float(self.world.faults.switch(NAME, "quoted", 1.0))
        return [
            {
                **plan,
                "price": plan["price"] * share,
                "queue_priorities": [
                    {**one, "price_increase": one["price_increase"] * share}
                    for one in plan["queue_priorities"]
                ],
            }
            for plan in preparation.backend.quote(preparation.shots)
        ]
