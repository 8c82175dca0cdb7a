"""Jobs of the emulated Scaleway: taken, watched, cancelled, read.

A name may be used again: every POST makes a job, and every job is paid for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Stage
from qbatch.emulators.scaleway.access import (
    NAME,
    Answer,
    Asked,
    Table,
    check_project,
    invalid,
    not_found,
    page_of,
    precondition_failed,
    queried,
    tag_filter,
)
from qbatch.emulators.scaleway.encoding import (
    EncodingError,
    Parameters,
    Payload,
    read_legacy,
    read_parameters,
    read_payload,
)
from qbatch.emulators.scaleway.lifecycle import Execution, Session
from qbatch.emulators.scaleway.models import Models
from qbatch.emulators.scaleway.moments import write_duration, write_instant
from qbatch.emulators.scaleway.physics import sample_of
from qbatch.emulators.scaleway.platforms import OPENQASM, Platform
from qbatch.emulators.scaleway.results import Results
from qbatch.emulators.scaleway.sessions import Sessions

NO_PAYLOAD = Payload()
NO_PARAMETERS = Parameters(0)


@dataclass(frozen=True)
class Work:
    """What a request wants to be run.

    Attributes:
        refusal: Why it will not run, or "".
    """

    payload: Payload = NO_PAYLOAD
    parameters: Parameters = NO_PARAMETERS
    refusal: str = ""


class Jobs:
    """All jobs, by id.

    Switch ``checks`` (request | run): whether a computation that cannot be read, or is beyond the
    platform's limits, is refused with 400, or taken and ended with ``error``.
    """

    def __init__(self, world: World, sessions: Sessions, models: Models, results: Results) -> None:
        self.world = world
        self.sessions = sessions
        self.models = models
        self.results = results
        self._jobs: dict[str, Execution] = {}
        self._namesakes: Counter[str] = Counter()

    def table(self) -> Table:
        return [
            ("POST", "/jobs", self.create),
            ("GET", "/jobs", self.list_jobs),
            ("GET", "/jobs/{id}", self.show),
            ("PATCH", "/jobs/{id}", self.change),
            ("DELETE", "/jobs/{id}", self.delete),
            ("POST", "/jobs/{id}/cancel", self.cancel),
            ("GET", "/jobs/{id}/circuit", self.show_circuit),
            ("GET", "/jobs/{id}/results", self.list_results),
        ]

    def known(self, request: Request) -> Execution:
        job = self._jobs.get(request.path_params["id"])
        if job is None or job.is_deleted:
            raise not_found("job", request.path_params["id"])
        return job

    # -- taking ----------------------------------------------------------------------------------

    async def create(self, request: Request) -> Answer:
        asked = await Asked.read(request)
        name, tags = asked.required("name"), asked.tags()
        session = self.sessions.known(asked.required("session_id"))
        max_duration_s = asked.duration_s("max_duration")
        if not session.is_live:
            raise precondition_failed(f"session {session.id} is {session.status}")
        circuit, model_id = _circuit(asked), asked.text("model_id")
        if not model_id and not any(circuit.values()):
            model_id = session.model_id
        work = self._work(asked, session, circuit, model_id)
        job = self._accept(name, session, work)
        job.tags, job.model_id, job.circuit = tags, model_id, circuit
        job.parameters = asked.text("parameters")
        job.is_legacy = not model_id
        if max_duration_s is not None:
            job.limit(max_duration_s)
        return self.row(job)

    def _work(
        self,
        asked: Asked,
        session: Session,
        circuit: dict[str, str | None],
        model_id: str | None,
    ) -> Work:
        """Read what shall be run.

        Raises:
            Rejected: Nothing is there to run, or it is no good and such things are refused.
        """
        argument = "model_id" if model_id else "circuit"
        try:
            if model_id:
                parameters = asked.text("parameters") or session.parameters
                if parameters is None:
                    raise invalid("parameters", "required", "must be given")
                model = self.models.known(model_id)
                payload, argument = read_payload(model.payload), "parameters"
                work = Work(payload, read_parameters(parameters))
            elif circuit["qiskit_circuit"]:
                work = Work(*read_legacy(circuit["qiskit_circuit"]))
            elif circuit["perceval_circuit"]:
                return Work(refusal="this emulator runs no Perceval programs")
            else:
                raise invalid("model_id", "required", "neither a model nor a circuit is given")
            problem = _beyond_limits(work, session.platform)
        except EncodingError as error:
            work, problem = Work(), str(error)
        if problem and self.world.faults.switch(NAME, "checks", "request") == "request":
            raise invalid(argument, "constraint", problem)
        return Work(work.payload, work.parameters, problem or _not_executed(work))

    def _accept(self, name: str, session: Session, work: Work) -> Execution:
        clock, platform, job_id = self.world.clock, session.platform, self.world.new_id()
        circuits, shots = len(work.payload.programs), work.parameters.shots
        start_s, end_s = session.device.schedule(
            1.0 + circuits * shots * platform.shot_s, not_before_s=session.starts_s
        )
        effects = self.world.faults.on_job(NAME, "job", name, clock.now_s())
        runs = not work.refusal and not effects.fail
        noise = self.world.noise_of(NAME, start_s) if platform.type == "qpu" else None
        self._namesakes[name] += 1
        job = Execution(
            provider=NAME,
            id=job_id,
            key=name,
            name=name,
            shots=shots,
            price=platform.price(circuits, shots),
            unit="eur",
            clock=clock,
            accepted_s=clock.now_s(),
            start_s=start_s,
            end_s=end_s,
            refusal=work.refusal,
            effects=effects,
            session=session,
            namesakes=self._namesakes,
            circuits=circuits,
            memory=work.parameters.memory,
            samples=[
                sample_of(self.world.simulator, platform, work.payload, at, shots, job_id, noise)
                for at in range(circuits * runs)
            ],
        )
        session.add(job)
        self._jobs[job_id] = job
        self.world.ledger.add(job)
        return job

    # -- afterwards ------------------------------------------------------------------------------

    async def show(self, request: Request) -> Answer:
        return self.row(self.known(request))

    async def change(self, request: Request) -> Answer:
        job, asked = self.known(request), await Asked.read(request)
        name, tags = asked.text("name"), asked.tags()
        job.name = name or job.name
        job.tags = job.tags if tags is None else tags
        job.changed_s = self.world.clock.now_s()
        return self.row(job)

    async def cancel(self, request: Request) -> Answer:
        """Cancel, if it can be; a job that has ended is answered unchanged."""
        job = self.known(request)
        job.cancel()
        return self.row(job)

    async def delete(self, request: Request) -> Answer:
        job = self.known(request)
        job.cancel()
        job.is_deleted = True
        job.session.jobs.remove(job)
        return None

    async def show_circuit(self, request: Request) -> Answer:
        return dict(self.known(request).circuit)

    async def list_jobs(self, request: Request) -> Answer:
        asked, fits = queried(request), tag_filter(self.world, request)
        session_id, project_id = asked.get("session_id"), asked.get("project_id")
        if session_id is None and project_id is None:
            raise invalid("session_id", "required", "session_id or project_id must be given")
        if project_id is not None:
            check_project(project_id)
        session = self.sessions.sessions.get(session_id or "")
        if session_id is None:
            every = [job for job in self._jobs.values() if not job.is_deleted]
        else:
            every = session.jobs if session else []
        rows = [
            job
            for job in every
            if project_id in (None, job.session.project_id) and fits(job.tags) and not job.is_hidden
        ]
        orders = {
            "created_at": None,
            "status": lambda job: job.status,
            "platform_name": lambda job: job.session.platform.name,
            "name": lambda job: job.name,
            "session_name": lambda job: job.session.name,
        }
        return page_of(self.world, request, "jobs", rows, self.row, orders, "created_at_desc")

    async def list_results(self, request: Request) -> Answer:
        job = self.known(request)
        return page_of(
            self.world,
            request,
            "job_results",
            self.results.rows(job),
            lambda row: self.results.show(job, row, request),
            {"created_at": None},
            "created_at_desc",
        )

    def row(self, job: Execution) -> dict[str, Any]:
        clock, status, stage = self.world.clock, job.status, job.stage
        now_s, ended_s = clock.now_s(), job.ended_s
        began = job.begins_s <= min(now_s, ended_s)
        message = None
        if stage is Stage.FAILED:
            message = job.failure
        elif stage is Stage.EXPIRED:
            message = "the job expired"
        instants = [job.accepted_s, job.changed_s, job.begins_s if began else 0.0]
        return {
            "id": job.id,
            "name": job.name,
            "tags": job.tags,
            "session_id": job.session.id,
            "created_at": write_instant(clock, job.accepted_s),
            "started_at": write_instant(clock, job.begins_s) if began else None,
            "updated_at": write_instant(clock, max(*instants, ended_s if stage.is_final else 0.0)),
            "status": status,
            "progress_message": message,
            "job_duration": write_duration(ended_s - job.begins_s)
            if began and stage.is_final
            else None,
            "result_distribution": self.results.distribution(job),
            "model_id": job.model_id,
            "parameters": job.parameters,
        }


def _circuit(asked: Asked) -> dict[str, str | None]:
    """Read the older form's circuit; absent, empty and null are all nothing."""
    found = asked.fields.get("circuit")
    if found is not None and not isinstance(found, dict):
        raise invalid("circuit", "format", "must be an object")
    circuit = Asked(found or {})
    return {name: circuit.text(name) for name in ("perceval_circuit", "qiskit_circuit")}


def _beyond_limits(work: Work, platform: Platform) -> str:
    """Return which limit of the platform is not kept, or ""."""
    programs, shots = work.payload.programs, work.parameters.shots
    for at, program in enumerate(programs):
        if program.format not in platform.formats:
            known = ", ".join(map(str, platform.formats))
            return f"programs[{at}]: format {program.format}; {platform.name} runs {known}"
    if len(programs) > platform.circuits:
        return f"{len(programs)} circuits; {platform.name} runs {platform.circuits} in a job"
    if shots > platform.shots:
        return f"{shots} shots; {platform.name} takes {platform.shots}"
    if work.payload.noise is not None and platform.backend != "aer":
        return f"{platform.name} takes no noise model"
    return ""


def _not_executed(work: Work) -> str:
    other = [one.format for one in work.payload.programs if one.format not in OPENQASM]
    return f"this emulator runs no programs of format {other[0]}" if other else ""
