"""Jobs of the emulated Marqov: admitted, paid for, run, read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Device, Job, Stage
from qbatch.emulators.marqov import native
from qbatch.emulators.marqov.access import (
    NAME,
    Access,
    Caller,
    Handler,
    Rejected,
    invalid,
    is_uuid,
    read_body,
)
from qbatch.emulators.marqov.allowances import Allowances
from qbatch.emulators.marqov.catalogue import (
    BACKENDS,
    list_backends,
)
from qbatch.emulators.marqov.execution import RunJob, execute
from qbatch.emulators.marqov.physics import (
    NoisySample,
    state_vector,
)
from qbatch.emulators.marqov.records import Records
from qbatch.emulators.marqov.requests import Reader, Wanted
from qbatch.emulators.marqov.scripts import (
    Scripts,
)
from qbatch.emulators.simulation import Computation, Sample

#: Longest that a status answer is held back, seconds.
MOST_WAIT_S = 22


class Submissions:
    """All jobs, by id, and the keys seen before."""

    def __init__(self, world: World, access: Access, scripts: Scripts) -> None:
        self.world = world
        self.access = access
        self.reader = Reader(world, access, scripts)
        self.records = Records(world)
        self.allowances = Allowances(world)
        self.jobs: dict[str, Job] = {}
        self.devices = {one.slug: Device(world.clock, world.queueing) for one in BACKENDS}
        #: (team, key) -> (digest of the body, answer)
        self._seen: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("POST", "/api/jobs/submit", self.submit),
            ("GET", "/api/jobs/managed-runtimes", self.runtimes),
            ("GET", "/api/jobs/{id}/status", self.status),
            ("POST", "/api/jobs/{id}/cancel", self.cancel),
        ]

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    async def backends(self, _: Request) -> Response:
        """``GET /api/backends``."""
        at_work = [job for job in self.jobs.values() if not job.stage.is_final]
        waiting = Counter(job.facts["backend"].slug for job in at_work)
        return JSONResponse(list_backends(self.world, waiting))

    async def page(self, _: Request) -> Response:
        """``GET /jobs``: the page on which people see their jobs; here as text, without a login."""
        lines = [
            f"{job.id}  {iso(self.world.clock.at(job.accepted_s))}  {self.records.word(job)}  "
            f"{job.facts['backend'].slug}  {job.name}  key {job.key or '-'}"
            for job in self.jobs.values()
        ]
        return PlainTextResponse("\n".join([*lines, f"{len(lines)} jobs (emulated)", ""]))

    # -- submission -----------------------------------------------------------------------------

    async def submit(self, request: Request) -> Response:
        body, caller = await request.body(), request.state.caller
        asked = await read_body(request)
        is_native = asked.get("protocol_version") == native.SUBMISSION
        mark = (caller.team, request.headers.get("idempotency-key", "").strip())
        digest = sha256(body).hexdigest()
        before = self._seen.get(mark) if self._deduplicates(is_native) and mark[1] else None
        if before is not None:
            if before[0] != digest:
                text = "this key came with another body before"
                raise Rejected(409, "idempotency_conflict", text)
            self.jobs[before[1]["job_id"]].submissions += 1
            return self._admitted(before[1])
        self.allowances.check_rate(caller)
        wanted = self.reader.read(asked, mark[1], caller, is_native=is_native)
        self.allowances.check_budget(caller, max(wanted.price, wanted.most))
        job = self._accept(wanted, caller, mark[1])
        answer: dict[str, Any] = {"job_id": job.id}
        if is_native:
            answer = native.receipt(job.id, self.world.new_id(), wanted.facts["native"])
        self._seen[mark] = (digest, answer)
        return self._admitted(answer)

    def _deduplicates(self, is_native: bool) -> bool:
        """Switch ``deduplicate``: all | native | none."""
        return bool(self.switch("deduplicate", "all") in ("all", "native" if is_native else "all"))

    def _admitted(self, answer: Mapping[str, Any]) -> Response:
        return JSONResponse(answer, 200 if self.access.is_old else 201)

    def _accept(self, wanted: Wanted, caller: Caller, key: str) -> Job:
        clock, job_id = self.world.clock, self.world.new_id()
        start_s, end_s = self.devices[wanted.backend.slug].schedule(1.0 + wanted.shots * 1e-4)
        execution = execute(
            wanted.mode,
            lambda: self.world.faults.on_job(NAME, "job", wanted.name, clock.now_s()),
            end_s - start_s,
        )
        job = RunJob(
            provider=NAME,
            id=job_id,
            key=key,
            name=wanted.name,
            shots=wanted.shots,
            price=wanted.price,
            unit="usd",
            clock=clock,
            accepted_s=clock.now_s(),
            start_s=start_s,
            end_s=end_s + execution.later_s,
            sample=None if wanted.refusal else self._sample(wanted, job_id, start_s),
            refusal=wanted.refusal,
            effects=execution.effects,
            facts={
                "backend": wanted.backend,
                "team": caller.team,
                "execution": execution,
                "noise": wanted.noise,
                "state": self._state(wanted),
                **wanted.facts,
            },
        )
        self.allowances.take(caller, wanted.price)
        self.jobs[job_id] = job
        self.world.ledger.add(job)
        return job

    def _sample(self, wanted: Wanted, job_id: str, start_s: float) -> Sample:
        simulator, qubits = self.world.simulator, wanted.backend.qubits
        if not wanted.noise:
            noise = self.world.noise_of(NAME, start_s) if wanted.backend.kind == "qpu" else None
            return simulator.sample(wanted.source, qubits, wanted.shots, job_id, noise)
        seed = int.from_bytes(sha256(job_id.encode()).digest()[:6], "big")
        sample = NoisySample(simulator, wanted.source, qubits, wanted.shots, seed, wanted.noise)
        if not simulator.is_inline:
            _ = sample.is_done  # starts the worker on it
        return sample

    def _state(self, wanted: Wanted) -> Computation[list[list[float]]] | None:
        if not wanted.wants_state:
            return None
        return Computation(lambda: self.world.simulator.call(state_vector, wanted.source))

    # -- afterwards -----------------------------------------------------------------------------

    def known(self, request: Request) -> Job:
        job = self.jobs.get(request.path_params["id"])
        if job is None or job.facts["team"] != request.state.caller.team:
            raise Rejected(404, "not_found", "no such job")
        return job

    async def status(self, request: Request) -> Response:
        """Answer at once when the job has ended, else after ``wait`` seconds at the latest."""
        job, clock = self.known(request), self.world.clock
        try:
            wait = int(request.query_params.get("wait", "0"))
        except ValueError as error:
            raise invalid("wait must be a whole number of seconds") from error
        until_s = clock.now_s() + min(max(wait, 0), MOST_WAIT_S)
        while (left_s := until_s - clock.now_s()) > 0 and not _has_ended(job):
            due_s = job.end_s + job.effects.wait_s - clock.now_s()
            await clock.sleep(min(left_s, max(due_s, 0.05)))
        return JSONResponse(self.records.record(job))

    async def cancel(self, request: Request) -> Response:
        """Refuse keys; a session may stop what waits. Switch ``cancel: allow`` lets keys too."""
        job = self.known(request)
        if not request.state.caller.has_session and self.switch("cancel", "session") != "allow":
            text = "jobs are cancelled in the browser"
            raise Rejected(403, "api_key_not_supported", text)
        if job.stage is not Stage.QUEUED and self.switch("cancel", "session") != "allow":
            raise Rejected(409, "not_cancellable", f"the job is {self.records.word(job)}")
        job.cancel()
        return JSONResponse({"id": job.id, "status": self.records.word(job)})

    async def runtimes(self, request: Request) -> Response:
        team = request.query_params.get("team_id")
        if not is_uuid(team):
            raise invalid("team_id must be a UUID")
        if team != request.state.caller.team:
            raise Rejected(404, "not_found", "no such team")
        return JSONResponse({"runtimes": native.RUNTIMES if self.switch("native", True) else []})


def _has_ended(job: Job) -> bool:
    return job.stage.is_final and job.odd_word is None
