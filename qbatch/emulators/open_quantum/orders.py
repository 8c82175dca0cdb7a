"""Jobs of the emulated Open Quantum: created of preparations, paid for, run, read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Job, Stage
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
)
from qbatch.emulators.open_quantum.credits import Credits
from qbatch.emulators.open_quantum.machines import Machines
from qbatch.emulators.open_quantum.preparations import Preparation, Preparations
from qbatch.emulators.open_quantum.storage import URL_LIFE_S, Storage
from qbatch.emulators.simulation import bitstrings

#: Jobs an organization may have under way at once.
ACTIVE_LIMIT = 10

WORDS = {
    Stage.RUNNING: "Running",
    Stage.COMPLETED: "Completed",
    Stage.FAILED: "Failed",
    Stage.EXPIRED: "Failed",
    Stage.CANCELLED: "Canceled",
}


class Order(Job):
    """A job that was paid for with credits, which come back when it is cancelled."""

    def ledger_entry(self) -> dict[str, Any]:
        kept = 0.0 if self.stage is Stage.CANCELLED else self.price
        return super().ledger_entry() | {"price": kept}


class Orders:
    """Jobs: paid for, run, told."""

    def __init__(self, world: World, storage: Storage) -> None:
        self.world = world
        self.storage = storage
        self.machines = Machines(world)
        self.preparations = Preparations(world, storage, self.machines)
        self.credits = Credits(world)
        self.jobs: dict[str, Job] = {}
        self._ids: dict[str, list[str]] = {one: [] for one, _ in ORGANIZATIONS}
        self._unfinished: list[Job] = []
        #: Rows of jobs at their end: those change no more, but for the signatures of their URLs.
        self._kept_rows: dict[str, tuple[float, dict[str, Any]]] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            *self.preparations.table(),
            ("POST", "/sched/v1/jobs", self.create),
            ("GET", "/sched/v1/jobs/{id}", self.show),
            ("DELETE", "/sched/v1/jobs/{id}", self.cancel),
            ("GET", "/sched/v1/organizations/{organization}/jobs", self.list_jobs),
            (
                "GET",
                "/mgmt/v1/organizations/{organization}/transactions/balance",
                self.credits.show,
            ),
        ]

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    # -- jobs ----------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        asked = await read_body(request)
        preparation = self.preparations.known.get(str(asked.get("job_preparation_id")))
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
        plan, priority, price = preparation.chosen(asked)
        limit = self.switch("active_limit", ACTIVE_LIMIT)
        mine = preparation.organization_id
        if sum(job.facts["preparation"].organization_id == mine for job in self.active()) >= limit:
            raise Rejected(409, "JOB_LIMIT_REACHED", f"{limit} jobs are active")
        paid = self.credits.of(mine).pay(price, is_public=plan == PUBLIC)
        clock, job_id = self.world.clock, self.world.new_id()
        backend, wait = preparation.backend, {one[0]: one[3] for one in PRIORITIES}[priority]
        start_s, end_s = self.machines.devices[backend.id].schedule(
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
                preparation.program,
                backend.qubits,
                preparation.shots,
                job_id,
                self.world.noise_of(NAME, start_s) if backend.kind == "QPU" else None,
            ),
            effects=self.world.faults.on_job(NAME, "job", preparation.name, clock.now_s()),
            facts={
                "preparation": preparation,
                "plan": plan,
                "priority": priority,
                "paid": paid,
                "before": len(self.world.ledger.taken(NAME)),
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
        is_noisy, before = backend.kind == "QPU", job.facts["before"]
        told = self.world.published(NAME, job.start_s, before) if is_noisy else None
        number, measured_s = (0, 0.0) if told is None else told[:2]
        errors = {} if told is None else {"readout_error": told.noise.readout}
        calibration = {
            "backend": backend.short_code,
            "calibrated_at": iso(self.world.clock.at(measured_s)),
            "qubits": [
                {"qubit": at, "t1_us": 40 + (at + 3 * number) % 7, **errors}
                for at in range(backend.qubits)
            ],
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
        row = self._kept_row(job, request)
        return row if self.switch("tells_credits", True) else {**row, "credits_used": None}

    def _kept_row(self, job: Job, request: Request) -> dict[str, Any]:
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
        balance = self.credits.of(job.facts["preparation"].organization_id)
        balance.spark += spark
        balance.full += full
        return Response(status_code=204)
