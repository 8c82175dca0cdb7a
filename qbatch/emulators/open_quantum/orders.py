"""From upload to output: preparations, jobs and credits of the emulated Open Quantum."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.faults import JobFault
from qbatch.emulators.jobs import Device, Job, Stage
from qbatch.emulators.open_quantum.access import (
    ORGANIZATIONS,
    Handler,
    Rejected,
    check_organization,
    page,
    read_body,
)
from qbatch.emulators.open_quantum.catalogue import (
    NAME,
    PRIORITIES,
    PUBLIC,
    Backend,
    find_subcategory,
    offered,
)
from qbatch.emulators.open_quantum.storage import URL_LIFE_S, Storage
from qbatch.emulators.simulation import Computation, Solution, bitstrings

#: Jobs an organization may have under way at once.
ACTIVE_LIMIT = 10

DEFAULT_SHOTS = 1000

WORDS = {
    Stage.RUNNING: "Running",
    Stage.COMPLETED: "Completed",
    Stage.FAILED: "Failed",
    Stage.EXPIRED: "Failed",
    Stage.CANCELLED: "Canceled",
}


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


@dataclass
class Balance:
    """Credits of one organization; only Public plans may be paid with Spark credits."""

    spark: float
    full: float

    def pay(self, price: float, *, is_public: bool) -> tuple[float, float]:
        """Take `price`; return what came from each kind.

        Raises:
            Rejected: There is not enough.
        """
        spark = min(self.spark, price) if is_public else 0.0
        if price - spark > self.full:
            raise Rejected(402, "INSUFFICIENT_CREDITS", f"{price:g} credits are needed")
        self.spark -= spark
        self.full -= price - spark
        return spark, price - spark


class Order(Job):
    """A job that was paid for with credits, which come back when it is cancelled."""

    def ledger_entry(self) -> dict[str, Any]:
        kept = 0.0 if self.stage is Stage.CANCELLED else self.price
        return super().ledger_entry() | {"price": kept}


class Orders:
    """Everything between upload and output."""

    def __init__(self, world: World, storage: Storage) -> None:
        self.world = world
        self.storage = storage
        self.uploads: set[str] = set()
        self.preparations: dict[str, Preparation] = {}
        self.jobs: dict[str, Job] = {}
        self.backends = offered(world.targets.get(NAME, ()))
        self.devices = {one.id: Device(world.clock, world.queueing) for one in self.backends}
        self._by_name = {name: one for one in self.backends for name in (one.id, one.short_code)}
        self.balances: dict[str, Balance] = {}
        self._ids: dict[str, list[str]] = {one: [] for one, _ in ORGANIZATIONS}
        self._unfinished: list[Job] = []
        #: Rows of jobs at their end: those change no more, but for the signatures of their URLs.
        self._kept_rows: dict[str, tuple[float, dict[str, Any]]] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/sched/v1/jobs/upload", self.upload),
            ("POST", "/sched/v1/jobs/prepare", self.prepare),
            ("GET", "/sched/v1/jobs/prepare/{id}", self.show_preparation),
            ("POST", "/sched/v1/jobs", self.create),
            ("GET", "/sched/v1/jobs/{id}", self.show),
            ("DELETE", "/sched/v1/jobs/{id}", self.cancel),
            ("GET", "/sched/v1/organizations/{organization}/jobs", self.list_jobs),
            ("GET", "/mgmt/v1/organizations/{organization}/transactions/balance", self.balance),
        ]

    def find_backend(self, wanted: str) -> Backend | None:
        """Return the backend with that UUID or short code."""
        return self._by_name.get(wanted)

    def now(self, backend: Backend) -> Backend:
        """Return a backend as it is now: in an outage it takes no jobs."""
        now_s = self.world.clock.now_s()
        for one in self.switch("outages", ()):
            is_meant = one.get("backend", backend.short_code) == backend.short_code
            if is_meant and one.get("from_s", 0.0) <= now_s < one.get("until_s", inf):
                status = one.get("status", "Offline")
                return replace(backend, status=status, accepting_jobs=False)
        return backend

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    # -- preparation ---------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        upload_id = self.world.new_id()
        self.uploads.add(upload_id)
        url = self.storage.url(request, "PUT", f"input/{upload_id}")
        return JSONResponse({"id": upload_id, "url": url}, 201)

    async def prepare(self, request: Request) -> Response:
        preparation = self._preparation(await read_body(request))
        self.preparations[preparation.id] = preparation
        return JSONResponse({"id": preparation.id}, 201)

    def _preparation(self, asked: Mapping[str, Any]) -> Preparation:
        """Check a request for a preparation and begin it."""
        for key in ("organization_id", "backend_class_id", "name", "upload_endpoint_id"):
            if not isinstance(asked.get(key), str) or not asked[key]:
                raise Rejected(400, "VALIDATION_ERROR", f"{key} is required")
        backend = self.find_backend(asked["backend_class_id"])
        if backend is None:
            raise Rejected(404, "NOT_FOUND", f"no backend {asked['backend_class_id']}")
        if not self.now(backend).accepting_jobs:
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

    async def show_preparation(self, request: Request) -> Response:
        now, found = self.world.clock.now_s(), self.preparations.get(request.path_params["id"])
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

    # -- jobs ----------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        asked = await read_body(request)
        preparation = self.preparations.get(str(asked.get("job_preparation_id")))
        if preparation is None:
            raise Rejected(404, "NOT_FOUND", "no such preparation")
        given = asked.get("organization_id")
        if given is not None and given != preparation.organization_id:
            raise Rejected(400, "VALIDATION_ERROR", "organization_id is not the preparation's")
        if preparation.status(self.world.clock.now_s()) != "Completed":
            raise Rejected(409, "RESOURCE_NOT_ACTIVE", "the preparation is not completed")
        if preparation.job_ids and self.switch("second_create", "conflict") == "conflict":
            raise Rejected(409, "CONFLICT", "the preparation was already used")
        job = self._accept(preparation, asked)
        return JSONResponse(self.job_read(job, request), 201)

    def _accept(self, preparation: Preparation, asked: Mapping[str, Any]) -> Job:
        plan, priority, price = _chosen(preparation, asked)
        limit = self.switch("active_limit", ACTIVE_LIMIT)
        mine = preparation.organization_id
        if sum(job.facts["preparation"].organization_id == mine for job in self.active()) >= limit:
            raise Rejected(409, "JOB_LIMIT_REACHED", f"{limit} jobs are active")
        paid = self.balance_of(mine).pay(price, is_public=plan == PUBLIC)
        clock, job_id = self.world.clock, self.world.new_id()
        backend, wait = preparation.backend, {one[0]: one[3] for one in PRIORITIES}[priority]
        start_s, end_s = self.devices[backend.id].schedule(
            2.0 + preparation.shots * 1e-3, wait_factor=wait
        )
        job = Order(
            provider=NAME,
            id=job_id,
            key=preparation.id,
            name=preparation.name,
            shots=preparation.shots,
            price=price,
            unit="credits",
            clock=clock,
            accepted_s=clock.now_s(),
            start_s=start_s,
            end_s=end_s,
            sample=self.world.simulator.sample(
                preparation.program, backend.qubits, preparation.shots, job_id
            ),
            effects=self.world.faults.on_job(NAME, "job", preparation.name, clock.now_s()),
            facts={
                "preparation": preparation,
                "plan": plan,
                "priority": priority,
                "paid": paid,
                "transaction": self.world.new_id(),
            },
        )
        preparation.job_ids.append(job_id)
        self.jobs[job_id] = job
        self._ids[mine].append(job_id)
        self._unfinished.append(job)
        self.world.ledger.add(job)
        return job

    def active(self) -> list[Job]:
        """Return the jobs that have not ended; those are looked at, not all there ever were."""
        self._unfinished = [job for job in self._unfinished if not job.stage.is_final]
        return self._unfinished

    def status(self, job: Job) -> str:
        """Return the platform's word: the first half of the queue is Pending, the rest Queued."""
        if job.odd_word is not None:
            return job.odd_word
        if job.stage is not Stage.QUEUED:
            return WORDS[job.stage]
        handed_over_s = (job.accepted_s + job.start_s) / 2 + job.effects.wait_s
        return "Pending" if self.world.clock.now_s() < handed_over_s else "Queued"

    def known(self, request: Request) -> Job:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            raise Rejected(404, "NOT_FOUND", "no such job")
        return job

    async def show(self, request: Request) -> Response:
        return JSONResponse(self.job_read(self.known(request), request))

    def job_read(self, job: Job, request: Request) -> dict[str, Any]:
        facts, preparation = job.facts, job.facts["preparation"]
        message = None
        if job.stage is Stage.FAILED:
            message = job.failure
        elif job.stage is Stage.EXPIRED:
            message = "the job expired"
        return {
            "id": job.id,
            "status": self.status(job),
            "input_data_url": self.storage.url(request, "GET", f"input/{preparation.upload_id}"),
            "job_preparation_id": preparation.id,
            "execution_plan_id": facts["plan"],
            "queue_priority_id": facts["priority"],
            "message": message,
            "transaction_id": facts["transaction"],
            "submitted_at": iso(self.world.clock.at(job.accepted_s)),
            **self._outputs(job, request),
        }

    def _outputs(self, job: Job, request: Request) -> dict[str, Any]:
        """Return URLs of what a completed job left, or nulls."""
        if not job.has_results or job.odd_word is not None:
            return {"output_data_url": None, "calibration_data_url": None}
        self._write_objects(job)
        return {
            "output_data_url": self.storage.url(request, "GET", f"output/{job.id}"),
            "calibration_data_url": self.storage.url(request, "GET", f"calibration/{job.id}"),
        }

    def _write_objects(self, job: Job) -> None:
        if f"output/{job.id}" in self.storage.objects:
            return
        assert job.sample is not None
        backend = job.facts["preparation"].backend
        counts = bitstrings(job.counts, job.sample.solution.num_bits)
        calibration = {
            "backend": backend.short_code,
            "calibrated_at": iso(self.world.clock.began_at),
            "qubits": [{"qubit": at, "t1_us": 40 + at % 7} for at in range(backend.qubits)],
        }
        self.storage.objects[f"output/{job.id}"] = json.dumps(counts).encode()
        self.storage.objects[f"calibration/{job.id}"] = json.dumps(calibration).encode()

    async def list_jobs(self, request: Request) -> Response:
        organization = check_organization(request.path_params["organization"])
        wanted = request.query_params.get("status")
        ids = self._ids[organization][::-1]
        if any(rule.hide_s for rule in self.world.faults.jobs):
            ids = [one for one in ids if not self.jobs[one].is_hidden]
        if wanted:
            ids = [one for one in ids if self.status(self.jobs[one]) == wanted]
        return page(request, "jobs", ids, lambda one: self._row(self.jobs[one], request))

    def _row(self, job: Job, request: Request) -> dict[str, Any]:
        signed_s, row = self._kept_rows.get(job.id, (-inf, {}))
        if self.world.clock.now_s() - signed_s < URL_LIFE_S / 2:
            return row
        row = self._new_row(job, request)
        if row["output_data_url"]:
            self._kept_rows[job.id] = self.world.clock.now_s(), row
        return row

    def _new_row(self, job: Job, request: Request) -> dict[str, Any]:
        backend = job.facts["preparation"].backend
        return {
            "id": job.id,
            "backend_class_id": backend.id,
            "backend_name": backend.name,
            "name": job.name,
            "status": self.status(job),
            "credits_used": 0.0 if self.status(job) == "Canceled" else job.price,
            "submitted_at": iso(self.world.clock.at(job.accepted_s)),
            **self._outputs(job, request),
        }

    async def cancel(self, request: Request) -> Response:
        job = self.known(request)
        if self.status(job) != "Pending":
            text = f"a job that is {self.status(job)} cannot be canceled"
            raise Rejected(409, "JOB_NOT_CANCELABLE", text)
        job.cancel()
        spark, full = job.facts["paid"]
        balance = self.balance_of(job.facts["preparation"].organization_id)
        balance.spark += spark
        balance.full += full
        return Response(status_code=204)

    # -- credits -------------------------------------------------------------------------------

    def balance_of(self, organization_id: str) -> Balance:
        if organization_id not in self.balances:
            is_first = organization_id == ORGANIZATIONS[0][0]
            full = float(self.switch("credits", 1_000_000 if is_first else 0))
            self.balances[organization_id] = Balance(self.switch("spark_credits", 0.0), full)
        return self.balances[organization_id]

    def _quoted(self, preparation: Preparation) -> list[dict[str, Any]]:
        """Return its quote as it is told: false, where the script wants it so."""
        share = float(self.switch("quoted", 1.0))
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

    async def balance(self, request: Request) -> Response:
        balance = self.balance_of(check_organization(request.path_params["organization"]))
        return JSONResponse({"spark_credits": balance.spark, "full_credits": balance.full})


def _chosen(preparation: Preparation, asked: Mapping[str, Any]) -> tuple[str, str, float]:
    """Return plan, priority and total price; both must be in the quote."""
    for plan in preparation.backend.quote(preparation.shots):
        if plan["execution_plan_id"] == asked.get("execution_plan_id"):
            for priority in plan["queue_priorities"]:
                if priority["queue_priority_id"] == asked.get("queue_priority_id"):
                    price = float(plan["price"] + priority["price_increase"])
                    return plan["execution_plan_id"], priority["queue_priority_id"], price
    raise Rejected(400, "VALIDATION_ERROR", "plan or priority is not in the quote")
