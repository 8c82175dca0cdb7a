"""Jobs of the emulated system: submitted under ids of the clients', cancelled, deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World, own_url
from qbatch.emulators.ibm_direct_access.access import NAME, Handler, Rejected
from qbatch.emulators.ibm_direct_access.backends import Backends
from qbatch.emulators.ibm_direct_access.circuits import Machine
from qbatch.emulators.ibm_direct_access.documents import Backend
from qbatch.emulators.ibm_direct_access.execution import Outcome, Task, execute
from qbatch.emulators.ibm_direct_access.payload import JOB_S, read_job
from qbatch.emulators.ibm_direct_access.presigned import OutOfReach, PresignedObjects
from qbatch.emulators.ibm_direct_access.runs import Behaviour, Run
from qbatch.emulators.ibm_direct_access.store import Store
from qbatch.emulators.ibm_direct_access.submission import Wanted, read_wanted
from qbatch.emulators.ibm_direct_access.typed import InputError
from qbatch.emulators.jobs import Device, Stage
from qbatch.emulators.simulation import Computation


class Service:
    """All jobs, by id; those deleted are gone but for the ledger."""

    def __init__(self, world: World, backends: Backends, store: Store) -> None:
        self.world = world
        self.backends = backends
        self.store = store
        self.runs: dict[str, Run] = {}
        self.devices = {name: Device(world.clock, world.queueing) for name in backends.backends}
        self._used_ids: set[str] = set()
        self._unsettled: dict[int, Run] = {}
        store.before = self.settle

    def table(self) -> list[tuple[str, str, str, Handler]]:
        return [
            ("job.create", "POST", "/v1/jobs", self.create),
            ("job.list", "GET", "/v1/jobs", self.list_jobs),
            ("job.read", "GET", "/v1/jobs/{id}", self.show),
            ("job.cancel", "POST", "/v1/jobs/{id}/cancel", self.cancel),
            ("job.delete", "DELETE", "/v1/jobs/{id}", self.delete),
        ]

    def switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)

    async def settle(self) -> None:
        """Let every job do what is due by now."""
        for number, run in list(self._unsettled.items()):
            await run.move()
            if run.is_settled:
                self._unsettled.pop(number, None)

    # -- submission --------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        wanted = await read_wanted(request, self.switch("malformed", 422))
        await self.settle()
        backend = self.backends.known(wanted.backend)
        self._check_id(wanted)
        not_before_s = self._check_backend(backend)
        self._check_lanes(backend)
        self._accept(wanted, backend, request, not_before_s)
        return Response(status_code=204)

    def _check_id(self, wanted: Wanted) -> None:
        """Refuse an id that is taken; whoever has it."""
        earlier = self.runs.get(wanted.id)
        if earlier is not None:
            earlier.submissions += 1
        elif wanted.id not in self._used_ids or self.switch("deleted_ids", "reusable") != "refused":
            return
        text = f"A job with id {wanted.id!r} exists; use another id or delete it"
        raise Rejected(409, "1231", text)

    def _check_backend(self, backend: Backend) -> float:
        """Refuse what the backend's state forbids; return when jobs may start, seconds."""
        status, until_s = self.backends.outage_of(backend)
        if status != "online" and self.switch("paused", "refuse") == "refuse":
            raise Rejected(400, "1337", f"Backend {backend.name!r} is {status}")
        if self.backends.is_reserved(backend):
            text = f"Backend {backend.name!r} is reserved; jobs outside the reservation cannot run"
            raise Rejected(423, "1233", text)
        return 0.0 if status == "online" else until_s

    def _check_lanes(self, backend: Backend) -> None:
        """Refuse when all lanes are taken: by anybody's jobs that are not deleted, or not over."""
        held = [run for run in self.runs.values() if run.backend is backend]
        if self.switch("lane_held", "until_deleted") == "until_ended":
            held = [run for run in held if not run.stage.is_final]
        if len(held) >= self.backends.lanes:
            text = f"{len(held)} jobs exist on {backend.name!r}; delete terminated ones, try later"
            raise Rejected(429, "1232", text)

    def _accept(
        self, wanted: Wanted, backend: Backend, request: Request, not_before_s: float
    ) -> None:
        clock, objects = (
            self.world.clock,
            PresignedObjects(self.world, self.store, own_url(request)),
        )
        start_s, end_s = self.devices[backend.name].schedule(
            self._needed_s(wanted, objects), not_before_s=not_before_s
        )
        number = len(self.world.ledger.taken(NAME))
        run = Run(
            provider=NAME,
            id=wanted.id,
            key=wanted.id,
            name=wanted.id,
            shots=0,
            price=0.0,
            unit="qpu_seconds",
            clock=clock,
            accepted_s=clock.now_s(),
            start_s=start_s,
            end_s=end_s,
            effects=self.world.faults.on_job(NAME, "job", wanted.id, clock.now_s()),
            wanted=wanted,
            backend=backend,
            owner=request.state.caller.user,
            objects=objects,
            behaviour=self._behaviour(),
            start_work=lambda content, at: self._start(wanted, backend, content, at, number),
        )
        self.runs[run.id] = run
        self._used_ids.add(run.id)
        self._unsettled[id(run)] = run
        self.world.ledger.add(run)

    def _needed_s(self, wanted: Wanted, objects: PresignedObjects) -> float:
        """Return how long the machine will be busy, as far as can be told before the job starts."""
        if not self.world.queueing.is_serial:
            return JOB_S
        try:
            content = objects.peek(wanted.urls.get("input", ""))
            needed_s = read_job(wanted.program_id, content, any_options=True).usage_s
        except (OutOfReach, InputError):
            return JOB_S
        return min(needed_s, float(wanted.timeout_secs))

    def _behaviour(self) -> Behaviour:
        timeout_stage = Stage(self.switch("timeout_state", "cancelled"))
        return Behaviour(
            timeout_stage,
            bool(self.switch("lost_results", False)),
            bool(self.switch("late_writes", False)),
            self.switch("metrics", "absent") == "complete",
        )

    def _start(
        self, wanted: Wanted, backend: Backend, content: bytes, at: datetime, number: int
    ) -> Computation[Outcome]:
        simulator = self.world.simulator
        is_strict = self.switch("isa", "strict") == "strict"
        basis = frozenset(backend.basis) if is_strict else None
        begins_s = (at - self.world.clock.began_at).total_seconds()
        noise = self.world.noise_of(NAME, begins_s, number)
        task = Task(
            wanted.program_id,
            content,
            Machine(backend.qubits, backend.max_shots, basis, frozenset(backend.edges), noise),
            simulator.seed_of(wanted.id),
            at,
            float(wanted.timeout_secs),
            any_options=self.switch("options", "strict") != "strict",
            service_form=self.switch("results_format", "service") == "service",
        )
        work = Computation(lambda: simulator.call(execute, task))
        if not simulator.is_inline:
            _ = work.is_done  # starts the worker on it
        return work

    # -- afterwards --------------------------------------------------------------------------------

    def known(self, request: Request) -> Run:
        """Return one of the caller's own jobs."""
        run = self.runs.get(request.path_params["id"])
        if run is None or run.owner != request.state.caller.user:
            raise Rejected(404, "1291", f"Job {request.path_params['id']!r} not found")
        return run

    async def list_jobs(self, request: Request) -> Response:
        await self.settle()
        user = request.state.caller.user
        mine = [run for run in self.runs.values() if run.owner == user and not run.is_hidden]
        if not mine and self.switch("empty_list", "list") == "null":
            return JSONResponse({"jobs": None})
        return JSONResponse({"jobs": [run.record() for run in mine]})

    async def show(self, request: Request) -> Response:
        await self.settle()
        return JSONResponse(self.known(request).record())

    async def cancel(self, request: Request) -> Response:
        await self.settle()
        run = self.known(request)
        if run.stage.is_final:
            raise Rejected(409, "1306", f"Job {run.id!r} has already terminated")
        if run.cancelled_s is None:
            run.cancelled_s = self.world.clock.now_s() + float(self.switch("cancel_lag_s", 0.0))
        await run.move()
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        await self.settle()
        run = self.known(request)
        if not run.stage.is_final:
            raise Rejected(409, "1337", f"Job {run.id!r} has not terminated; cancel it first")
        del self.runs[run.id]
        return Response(status_code=204)
