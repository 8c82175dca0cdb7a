"""Tasks of the emulated OQC: allocated, submitted, run, read."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qbatch.emulators.clouds import World
from qbatch.emulators.jobs import Job, Stage
from qbatch.emulators.oqc.access import Handler, Rejected, read_body
from qbatch.emulators.oqc.config import SQUASH, CompilerConfig, ConfigError, read_config
from qbatch.emulators.oqc.qpus import NAME, Machines, Qpu
from qbatch.emulators.simulation import by_register


@dataclass(eq=False)
class Execution(Job):
    """A task's job; only time on the machine is billed."""

    @property
    def execute_s(self) -> float | None:
        """Seconds on the machine; None: none, or not known yet."""
        if self.stage is Stage.COMPLETED:
            return round(self.shots * 200e-6, 6)
        begins_s = self.start_s + self.effects.wait_s
        if self.cancelled_s is None or self.cancelled_s <= begins_s:
            return None
        return round(self.cancelled_s - begins_s, 6)

    def ledger_entry(self) -> dict[str, Any]:
        is_billed = not self.stage.is_final or self.execute_s is not None
        return super().ledger_entry() | {"price": self.price if is_billed else 0.0}


@dataclass
class Task:
    """A task id, and the job behind it once it was submitted."""

    id: str
    qpu: Qpu
    tag: str | None
    created_s: float
    program: str = ""
    config_text: Any = None
    config: CompilerConfig = field(default_factory=CompilerConfig)
    hybrid_marker: str | None = None
    job: Execution | None = None
    is_cancelled: bool = False

    @property
    def status(self) -> str:
        if self.job is None:
            return "CANCELLED" if self.is_cancelled else "CREATED"
        if self.job.odd_word is not None:
            return self.job.odd_word
        return "SUBMITTED" if self.job.stage is Stage.QUEUED else self.job.stage.upper()


class Tasks:
    """All tasks, by id; ids of every QPU live in one space."""

    def __init__(self, world: World, machines: Machines) -> None:
        self.world = world
        self.machines = machines
        self.tasks: dict[str, Task] = {}

    def table(self) -> list[tuple[str, str, Handler]]:
        """Return the routes; version 4 keeps its tasks under the base URL."""
        rows: list[tuple[str, str, Handler]] = [
            ("POST", "/tasks", self.allocate_v4),
            ("POST", "/{segment}/tasks", self.allocate),
            ("POST", "/{segment}/monitoring/task_wait_time", self.task_wait_time),
        ]
        for stem in ("", "/{segment}"):
            rows += [
                ("POST", f"{stem}/tasks/submit", self.submit),
                ("POST", f"{stem}/tasks/cancel_many", self.cancel_many),
                ("GET", f"{stem}/tasks", self.list_tasks),
                ("GET", f"{stem}/tasks/{{task_id}}/{{part}}", self.show_task),
            ]
        return rows

    def new_task(self, qpu: Qpu, tag: Any) -> Task:
        if not qpu.active:
            raise Rejected(400, f"QPU {qpu.id} is not active.")
        task = Task(self.world.new_id(), qpu, tag or None, self.world.clock.now_s())
        self.tasks[task.id] = task
        return task

    async def allocate(self, request: Request) -> Response:
        qpu, asked = self.machines.qpu_of(request), await read_body(request)
        count = asked.get("task_count", 1)
        if asked.get("qpu_id") != qpu.id or not isinstance(count, int) or count < 1:
            raise Rejected(400, "qpu_id and task_count are required.")
        return JSONResponse([self.new_task(qpu, asked.get("tag")).id for _ in range(count)])

    async def allocate_v4(self, request: Request) -> Response:
        wanted = (await read_body(request)).get("tasks")
        if not isinstance(wanted, list) or not wanted:
            raise Rejected(422, "tasks is required.")
        by_id = {qpu.id: qpu for qpu in self.machines.qpus}
        if any(one.get("qpu_id") not in by_id for one in wanted):
            raise Rejected(404, "QPU not found.")
        made = [self.new_task(by_id[one["qpu_id"]], one.get("tag")).id for one in wanted]
        return JSONResponse({"tasks": made})

    async def submit(self, request: Request) -> Response:
        wanted = (await read_body(request)).get("tasks")
        if not isinstance(wanted, list) or not wanted:
            raise Rejected(400, "tasks is required.")
        tasks = [self.task_for(one, request) for one in wanted]
        if self.world.faults.switch(NAME, "resubmit", "ignore") == "conflict":
            again = [task.id for task in tasks if task.job is not None]
            if again:
                raise Rejected(409, f"Task {again[0]} was already submitted.")
        for task, one in zip(tasks, wanted, strict=True):
            self.accept(task, one)
        return JSONResponse([{"task_id": task.id, "status": task.status} for task in tasks])

    def task_for(self, wanted: Any, request: Request) -> Task:
        """Check one submitted task, all before any is accepted; allocate an id where none came."""
        if not isinstance(wanted, dict) or not isinstance(wanted.get("program"), str):
            raise Rejected(400, "Each task needs a program.")
        found = [qpu for qpu in self.machines.qpus if qpu.id == wanted.get("qpu_id")]
        if not found or (
            "segment" in request.path_params and found[0] != self.machines.qpu_of(request)
        ):
            raise Rejected(400, f"qpu_id {wanted.get('qpu_id')!r} does not belong to this URL.")
        known = wanted.get("task_id")
        if known in (None, -1):
            return self.new_task(found[0], wanted.get("tag"))
        try:
            task = self.tasks[str(uuid.UUID(str(known)))]
        except (ValueError, KeyError) as error:
            raise Rejected(404, f"Task {known} not found.") from error
        if task.is_cancelled:
            raise Rejected(400, f"Task {known} was cancelled.")
        return task

    def accept(self, task: Task, wanted: dict[str, Any]) -> None:
        if task.job is not None:
            task.job.submissions += 1
            if self.world.faults.switch(NAME, "resubmit", "ignore") != "twice":
                return
        task.program = wanted["program"]
        task.tag = wanted.get("tag") or task.tag
        task.hybrid_marker = wanted.get("hybrid_marker")
        task.config_text = wanted.get("config")
        task.job = self.job_for(task)
        self.machines.jobs[task.qpu.id].append(task.job)
        self.world.ledger.add(task.job)

    def job_for(self, task: Task) -> Execution:
        clock, qpu, refusal = self.world.clock, task.qpu, ""
        try:
            task.config = read_config(task.config_text)
        except ConfigError as error:
            refusal = str(error)
        shots = task.config.shots
        if shots > qpu.max_shots:
            refusal = f"repeats: {shots} is more than the maximum of {qpu.max_shots}"
        start_s, end_s = self.machines.devices[qpu.id].schedule(
            1.0 + shots * 200e-6, not_before_s=self.machines.window_s(qpu)
        )
        return Execution(
            provider=NAME,
            id=task.id,
            key=task.id,
            name=task.tag or "",
            shots=shots,
            price=qpu.price(shots),
            unit="usd",
            clock=clock,
            accepted_s=clock.now_s(),
            start_s=start_s,
            end_s=end_s,
            sample=None
            if refusal
            else self.world.simulator.sample(
                task.program, qpu.qubits, shots, task.id, self.machines.noise_of(qpu, start_s)
            ),
            refusal=refusal,
            effects=self.world.faults.on_job(NAME, "job", task.tag or "", clock.now_s()),
        )

    async def cancel_many(self, request: Request) -> Response:
        wanted = (await read_body(request)).get("tasks")
        if not isinstance(wanted, list):
            raise Rejected(400, "tasks is required.")
        for task in [self.known(str(one)) for one in wanted]:
            if task.job is None:
                task.is_cancelled = True
            else:
                task.job.cancel()
        return JSONResponse("OK")

    def known(self, task_id: str) -> Task:
        task = self.tasks.get(task_id)
        switch = self.world.faults.switch(NAME, "unsubmitted", "created")
        if task is None or (task.job is None and switch == "missing"):
            raise Rejected(404, f"Task {task_id} not found.")
        return task

    async def list_tasks(self, request: Request) -> Response:
        qpu = self.machines.qpu_of(request) if "segment" in request.path_params else None
        begin, end = (request.query_params.get(name) for name in ("start_date", "end_date"))
        rows = []
        for task in self.tasks.values():
            created = self.world.clock.at(task.created_s).strftime("%Y-%m-%d %H:%M:%S")
            shown = qpu in (None, task.qpu) and not (task.job is not None and task.job.is_hidden)
            if shown and (begin or "") <= created <= (end or "9999"):
                rows.append({**self.metadata(task), "status": task.status})
        return JSONResponse(rows)

    async def show_task(self, request: Request) -> Response:
        task, part = self.known(request.path_params["task_id"]), request.path_params["part"]
        if part == "status":
            return JSONResponse({"status": task.status})
        record = self.all_info(task)
        if part == "all_info":
            return JSONResponse(record)
        if part == "results":
            metrics = record["execution_metadata"]
            return JSONResponse(
                {"results": record["results"], **({"metrics": metrics} if metrics else {})}
            )
        key = {"error": "task_error"}.get(part, part)
        if key not in ("task_error", "execution_metadata", "metadata", "timings"):
            raise Rejected(404, "Not found.")
        return JSONResponse({key: record[key]})

    def all_info(self, task: Task) -> dict[str, Any]:
        """Return the task record; ``results`` and ``task_error`` are always there."""
        job = task.job
        record: dict[str, Any] = {
            **self.metadata(task),
            "status": task.status,
            "results": None,
            "task_error": None,
            "execution_metadata": None,
            "metadata": self.metadata(task),
            "timings": None,
            "compile_time": None,
            "execute_time": None,
        }
        if job is None or job.odd_word is not None:
            return record
        record["timings"] = self.timings(job)
        if job.stage is Stage.FAILED:
            code = job.effects.code if job.effects.fail else 102
            record["task_error"] = {"error_code": code, "error_message": job.failure}
        elif job.stage is Stage.EXPIRED:
            record["task_error"] = {"error_code": 408, "error_message": "The task expired."}
        elif job.has_results:
            record |= self.outcome(task, job)
        elif job.stage is Stage.CANCELLED:
            record["execute_time"] = job.execute_s
        return record

    def outcome(self, task: Task, job: Execution) -> dict[str, Any]:
        assert job.sample is not None
        operations = job.sample.solution.operations
        strip = bool(self.world.faults.switch(NAME, "strip_zeros", False))
        return {
            "results": results(job, task.config, strip=strip),
            "execution_metadata": {
                "optimized_circuit": task.program,
                "optimized_instruction_count": sum(operations.values()),
            },
            "compile_time": 0.05,
            "execute_time": job.execute_s,
        }

    def metadata(self, task: Task) -> dict[str, Any]:
        return {
            "allow_support_access": False,
            "config": task.config_text,
            "created_at": format_datetime(self.world.clock.at(task.created_s), usegmt=True),
            "id": task.id,
            "qpu_id": task.qpu.id,
            "tag": task.tag,
            "hybrid_marker": task.hybrid_marker,
        }

    def timings(self, job: Job) -> dict[str, str]:
        now, at = self.world.clock.now_s(), self.world.clock.at
        stations = {
            "SERVER_RECEIVED": job.accepted_s,
            "SERVER_ENQUEUED": job.accepted_s,
            "SERVER_DEQUEUED": job.start_s,
            "RECEIVER_ENQUEUED": job.start_s,
            "RECEIVER_DEQUEUED": job.start_s,
            "RECEIVER_TO_SCC": job.start_s,
            "RECEIVER_FROM_SCC": job.end_s,
        }
        return {name: str(at(second)) for name, second in stations.items() if second <= now}

    async def task_wait_time(self, request: Request) -> Response:
        asked = await read_body(request)
        now = self.world.clock.now_s()
        rows = [
            {"task_id": task.id, "wait_seconds": max(0.0, task.job.start_s - now)}
            for task in map(self.tasks.get, asked.get("task_ids", ()))
            if task is not None and task.job is not None
        ]
        return JSONResponse({"task_wait_times": rows})


def results(job: Job, config: CompilerConfig, *, strip: bool = False) -> dict[str, Any]:
    """Return counts per register, leftmost character = bit 0.

    Where no counts were asked for, one array per register: the shots' bits, or with ``squash`` the
    majority bit of each (a guess: the real layout is not known).
    """
    assert job.sample is not None
    registers = job.sample.solution.registers
    sizes = dict(registers)
    split = by_register(job.counts, registers)
    texts = {
        name: {format(value, f"0{sizes[name]}b")[::-1]: count for value, count in counts.items()}
        for name, counts in split.items()
    }
    if config.wants_counts:
        if strip:
            return {name: _stripped(counts) for name, counts in texts.items()}
        return texts
    if config.transforms & SQUASH:
        return {
            name: [
                int(2 * sum(n for text, n in counts.items() if text[at] == "1") > job.shots)
                for at in range(sizes[name])
            ]
            for name, counts in texts.items()
        }
    return {
        name: [[int(bit) for bit in text] for text, count in counts.items() for _ in range(count)]
        for name, counts in texts.items()
    }


def _stripped(counts: dict[str, int]) -> dict[str, int]:
    return {text.lstrip("0") or "0": count for text, count in counts.items()}
