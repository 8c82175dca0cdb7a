"""Jobs of the emulated Marqov: admitted, paid for, run, read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import ceil
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from qbatch.emulators.clock import iso
from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Device, Job, Stage
from qbatch.emulators.limits import RateLimit
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
    stable_id,
    text_of,
    whole_of,
)
from qbatch.emulators.marqov.catalogue import (
    BACKENDS,
    STOCK_SCRIPTS,
    Backend,
    find_backend,
    list_backends,
)
from qbatch.emulators.marqov.execution import DIRECT, MODES, RunJob, execute
from qbatch.emulators.marqov.physics import (
    MOST_STATE_QUBITS,
    Channel,
    NoisySample,
    describe_noise,
    read_noise,
    state_vector,
)
from qbatch.emulators.marqov.scripts import (
    MOST_SHOTS,
    Scripts,
    is_openqasm,
    registers_of,
    width_of,
    with_measurements,
)
from qbatch.emulators.simulation import Computation, Sample

QASM = "openqasm"
FRAMEWORKS = ("qiskit", "cirq", "pennylane", QASM, "marqov")
MOST_INLINE = 50_000

#: Longest that a status answer is held back, seconds.
MOST_WAIT_S = 22

DAY_S = 86_400.0

#: From a cancel to the state ``cancelled``, seconds.
CANCELLING_S = 1.0

NO_PYTHON = "the emulator executes no Python"

WORDS = {
    Stage.QUEUED: "pending",
    Stage.RUNNING: "running",
    Stage.COMPLETED: "completed",
    Stage.FAILED: "failed",
    Stage.EXPIRED: "dispatch_failed",
}


@dataclass(frozen=True)
class Wanted:
    """A submission that was read and found good.

    Attributes:
        source: OpenQASM to run; "" for what the emulator does not execute.
        refusal: Why it will not run, or "".
        mode: One of `execution.MODES`.
        most: The most that it may be charged, USD; 0: its price.
    """

    backend: Backend
    shots: int
    name: str
    source: str = ""
    price: float = 0.0
    refusal: str = ""
    mode: str = DIRECT
    most: float = 0.0
    noise: tuple[Channel, ...] = ()
    wants_state: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class Submissions:
    """All jobs, by id, and what bounds them: requests per time, money, keys seen before."""

    def __init__(self, world: World, access: Access, scripts: Scripts) -> None:
        self.world = world
        self.access = access
        self.scripts = scripts
        self.jobs: dict[str, Job] = {}
        self.devices = {one.slug: Device(world.clock, world.queueing) for one in BACKENDS}
        self._limits: dict[str, RateLimit] = {}
        #: (team, key) -> (digest of the body, answer)
        self._seen: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}
        #: team -> (second, USD) of each admitted job
        self._spent: dict[str, list[tuple[float, float]]] = {}

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
            f"{job.id}  {iso(self.world.clock.at(job.accepted_s))}  {self.word(job)}  "
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
        self._check_rate(caller)
        wanted = self._wanted(asked, mark[1], caller, is_native=is_native)
        self._check_budget(caller, max(wanted.price, wanted.most))
        job = self._accept(wanted, caller, mark[1])
        answer: dict[str, Any] = {"job_id": job.id}
        if is_native:
            answer = native.receipt(job.id, self.world.new_id(), wanted.facts["native"])
        self._seen[mark] = (digest, answer)
        return self._admitted(answer)

    @property
    def _is_strict(self) -> bool:
        """Switch ``strict``: keys are refused what the newest client says that they are."""
        return bool(self.switch("strict", False)) and not self.access.is_old

    def _deduplicates(self, is_native: bool) -> bool:
        """Switch ``deduplicate``: all | native | none."""
        return bool(self.switch("deduplicate", "all") in ("all", "native" if is_native else "all"))

    def _admitted(self, answer: Mapping[str, Any]) -> Response:
        return JSONResponse(answer, 200 if self.access.is_old else 201)

    def _check_rate(self, caller: Caller) -> None:
        """Refuse the eleventh a minute of a user and the 101st a day of a team."""
        windows = [
            self._limit(f"user {caller.user}", self.switch("per_minute", 10), 60.0),
            self._limit(f"team {caller.team}", self.switch("per_day", 100), DAY_S),
        ]
        wait_s = max(window.left_s() for window in windows)
        if wait_s > 0:
            raise Rejected(429, "rate_limited", "too many submissions", retry_after_s=ceil(wait_s))

    def _limit(self, whose: str, calls: int, window_s: float) -> RateLimit:
        if whose not in self._limits:
            self._limits[whose] = RateLimit(self.world.clock, calls, window_s)
        self._limits[whose].calls = calls
        return self._limits[whose]

    def _check_budget(self, caller: Caller, price: float) -> None:
        """Refuse what the team's budgets do not cover, and say what remains."""
        now = self.world.clock.now_s()
        spent = self._spent.setdefault(caller.team, [])
        budgets = (
            ("job", self.switch("job_usd", 100.0), 0.0),
            ("day", self.switch("day_usd", 100.0), DAY_S),
            ("month", self.switch("month_usd", 1000.0), 30 * DAY_S),
        )
        for period, limit, window_s in budgets:
            remaining = limit - sum(usd for at, usd in spent if now - at < window_s)
            if price > remaining + 1e-9:
                text = f"costs {price:.2f} USD; {remaining:.2f} USD of the {period}'s budget remain"
                more = {"period": period, "limit_usd": limit, "remaining_usd": round(remaining, 6)}
                raise Rejected(402, "spend_limit_exceeded", text, more={"budget": more})

    def _wanted(
        self, asked: Mapping[str, Any], key: str, caller: Caller, *, is_native: bool
    ) -> Wanted:
        if not caller.may_run:
            raise Rejected(403, "permission_denied", "the key may not run anything")
        return self._native(asked, key, caller) if is_native else self._generic(asked, caller)

    def _native(self, asked: Mapping[str, Any], key: str, caller: Caller) -> Wanted:
        if not self.switch("native", True):
            text = "managed execution is not enabled for this team"
            raise Rejected(503, "managed_execution_unavailable", text)
        found = native.read(asked, key, caller, self.scripts)
        return Wanted(
            find_backend(asked["backend"]),
            found.shots,
            found.name,
            found.program and with_measurements(found.program),
            native.PRICE,
            refusal="" if found.program else NO_PYTHON,
            most=found.cap_cents / 100,
            facts={"native": found, "cap_cents": found.cap_cents},
        )

    def _generic(self, asked: Mapping[str, Any], caller: Caller) -> Wanted:
        if "circuit" in asked:
            raise invalid("circuit bodies are not accepted; save a script")
        sources = [key for key in ("script_id", "script_slug", "inline_code") if key in asked]
        if len(sources) != 1:
            raise invalid("exactly one of script_id, script_slug and inline_code is needed")
        backend, params = find_backend(asked.get("backend")), read_params(asked.get("params"))
        check_settings(asked)
        name, source = self._source(asked, backend, params, caller)
        self._check_analysis(asked, backend, params)
        wanted = Wanted(
            backend,
            params["shots"],
            name,
            price=backend.price(params["shots"], params.get("circuit_count", 1)),
            mode=asked.get("execution_mode", DIRECT),
        )
        is_inline_python = "inline_code" in asked and asked.get("framework", QASM) != QASM
        if is_inline_python or not is_openqasm(source):
            if self._is_strict:
                raise Rejected(422, "execution_unavailable", "only OpenQASM is run here")
            return replace(wanted, refusal=NO_PYTHON)
        noise, wants_state = read_physics(params, backend, source)
        source = with_measurements(source)
        return replace(wanted, source=source, noise=noise, wants_state=wants_state)

    def _source(
        self, asked: Mapping[str, Any], backend: Backend, params: Mapping[str, Any], caller: Caller
    ) -> tuple[str, str]:
        """Return name and text of what is to be run."""
        if "script_id" in asked:
            if not is_uuid(asked["script_id"]):
                raise invalid("script_id must be a UUID")
            script = self.scripts.known(asked["script_id"], caller)
            return script.name, script.content
        if "script_slug" in asked:
            slug = asked["script_slug"]
            if slug not in STOCK_SCRIPTS:
                raise Rejected(404, "not_found", f"no script {slug!r}")
            return slug, STOCK_SCRIPTS[slug].replace("{theta}", str(params.get("theta", 0.0)))
        code = text_of(asked, "inline_code", MOST_INLINE)
        if not backend.is_free and self._is_strict:
            raise Rejected(422, "script_required", "paid backends run saved scripts only")
        return "inline", code

    def _check_analysis(
        self, asked: Mapping[str, Any], backend: Backend, params: Mapping[str, Any]
    ) -> None:
        given = asked.get("analysis_id")
        if given is None:
            if not backend.is_free and self._is_strict:
                raise Rejected(422, "analysis_required", f"{backend.slug} needs an analysis_id")
            return
        found = self.scripts.analyses.get(str(given))
        if found is None:
            raise Rejected(404, "not_found", f"no analysis {given}")
        circuits = params.get("circuit_count", found.circuits)
        ordered = (str(asked.get("script_id")), backend.slug, params["shots"], circuits)
        if ordered != (found.script_id, found.backend, found.shots, found.circuits):
            raise Rejected(409, "analysis_mismatch", "the analysis was of something else")
        open_warnings = set(found.warnings) - set(asked.get("warn_check_ids") or ())
        if open_warnings:
            text = f"warnings to accept by warn_check_ids: {', '.join(sorted(open_warnings))}"
            raise Rejected(422, "validation_error", text)

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
            sample=None if wanted.refusal else self._sample(wanted, job_id),
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
        for limit in (f"user {caller.user}", f"team {caller.team}"):
            self._limits[limit].wait_s()
        self._spent[caller.team].append((clock.now_s(), wanted.price))
        self.jobs[job_id] = job
        self.world.ledger.add(job)
        return job

    def _sample(self, wanted: Wanted, job_id: str) -> Sample:
        simulator, qubits = self.world.simulator, wanted.backend.qubits
        if not wanted.noise:
            return simulator.sample(wanted.source, qubits, wanted.shots, job_id)
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
        return JSONResponse(self.record(job))

    def word(self, job: Job) -> str:
        if job.odd_word is not None:
            return job.odd_word
        if job.cancelled_s is not None:
            stopping = self.world.clock.now_s() - job.cancelled_s < CANCELLING_S
            return "cancelling" if stopping else "cancelled"
        return WORDS[job.stage]

    def record(self, job: Job) -> dict[str, Any]:
        """Return the status answer: these fields and no others."""
        updated_s = min(self.world.clock.now_s(), job.end_s)
        return {
            "id": job.id,
            "status": self.word(job),
            "backend": job.facts["backend"].slug,
            "created_at": iso(self.world.clock.at(job.accepted_s)),
            "updated_at": iso(self.world.clock.at(max(updated_s, job.accepted_s))),
            "estimated_cost_usd": job.price,
            "result": None if job.odd_word else self.result(job),
        }

    def result(self, job: Job) -> dict[str, Any] | None:
        if job.stage is Stage.FAILED:
            silent = self.switch("silent_failures", False)
            return None if silent else {"error": job.failure}
        if job.stage is Stage.EXPIRED:
            return {"error": "could not be handed to a worker"}
        if not job.has_results:
            return None
        assert job.sample is not None
        num_bits = job.sample.solution.num_bits
        metadata: dict[str, Any] = {
            "reproducibility": {"bit_order": "qubit_0_first"},
            "noise": describe_noise(job.facts["noise"]),
        }
        if job.facts["state"] is not None:
            metadata["state_vector"] = job.facts["state"].value()
        counts = {
            format(outcome, f"0{num_bits}b")[::-1]: count for outcome, count in job.counts.items()
        }
        found = {"counts": dict(sorted(counts.items())), "shots": job.shots, "metadata": metadata}
        if "native" in job.facts:
            artifact_id = stable_id(f"artifact:{job.id}")
            return native.result(found, artifact_id, job.facts["team"])
        return found

    async def cancel(self, request: Request) -> Response:
        """Refuse keys; a session may stop what waits. Switch ``cancel: allow`` lets keys too."""
        job = self.known(request)
        if not request.state.caller.has_session and self.switch("cancel", "session") != "allow":
            text = "jobs are cancelled in the browser"
            raise Rejected(403, "api_key_not_supported", text)
        if job.stage is not Stage.QUEUED and self.switch("cancel", "session") != "allow":
            raise Rejected(409, "not_cancellable", f"the job is {self.word(job)}")
        job.cancel()
        return JSONResponse({"id": job.id, "status": self.word(job)})

    async def runtimes(self, request: Request) -> Response:
        team = request.query_params.get("team_id")
        if not is_uuid(team):
            raise invalid("team_id must be a UUID")
        if team != request.state.caller.team:
            raise Rejected(404, "not_found", "no such team")
        return JSONResponse({"runtimes": native.RUNTIMES if self.switch("native", True) else []})


def _has_ended(job: Job) -> bool:
    return job.stage.is_final and job.odd_word is None


def read_params(params: Any) -> Mapping[str, Any]:
    """Check ``params``; unknown keys are dropped by whoever reads them."""
    if not isinstance(params, dict):
        raise invalid("params must be an object")
    whole_of(params.get("shots"), "params.shots", 1, MOST_SHOTS)
    ranges = {"circuit_count": (1, 10_000), "graph_size": (2, 20), "layers": (1, 10)}
    for key, (low, high) in ranges.items():
        if key in params:
            whole_of(params[key], f"params.{key}", low, high)
    theta = params.get("theta", 0.0)
    if isinstance(theta, bool) or not isinstance(theta, int | float):
        raise invalid("params.theta must be a number")
    return params


def read_physics(
    params: Mapping[str, Any], backend: Backend, source: str
) -> tuple[tuple[Channel, ...], bool]:
    """Return noise channels and whether the state is wanted."""
    noise: tuple[Channel, ...] = ()
    if params.get("noise_model") is not None:
        if not backend.takes_noise:
            raise invalid(f"{backend.slug} takes no noise_model")
        noise = read_noise(params["noise_model"])
    wants_state = params.get("extract_state_vector", False)
    if not isinstance(wants_state, bool):
        raise invalid("params.extract_state_vector must be true or false")
    if wants_state and not backend.gives_state:
        raise invalid(f"{backend.slug} gives no state vector")
    if wants_state and not 0 < width_of(source) <= MOST_STATE_QUBITS:
        raise invalid(f"state vectors go up to {MOST_STATE_QUBITS} qubits")
    qubits = sum(registers_of(source).values())
    for channel in noise:
        if channel.qubits and max(channel.qubits) >= max(qubits, 1):
            raise invalid(f"noise_model: the program has {qubits} qubits")
    return noise, wants_state


def check_settings(asked: Mapping[str, Any]) -> None:
    """Check what stands beside source, backend and params."""
    if asked.get("framework", "openqasm") not in FRAMEWORKS:
        raise invalid(f"framework must be one of {', '.join(FRAMEWORKS)}")
    if asked.get("execution_mode", "direct") not in MODES:
        raise invalid(f"execution_mode must be one of {', '.join(MODES)}")
    warnings: Sequence[Any] = asked.get("warn_check_ids") or []
    if not isinstance(warnings, list) or not all(isinstance(one, str) and one for one in warnings):
        raise invalid("warn_check_ids must be a list of non-empty strings")
    if not isinstance(asked.get("create_capsule", False), bool):
        raise invalid("create_capsule must be true or false")
    if asked.get("capsule_name") is not None:
        text_of(asked, "capsule_name", 200)
