"""The local backend as a driver: composite jobs in, counts out; nothing outlives the process.

Rules: as for every driver (`qbatch.providers`): no sleeping, looping or retrying, with one
exception that only it can make: a chunk whose worker ended or hung is given to a fresh worker once,
each evolution by itself, before its jobs fail; no other job does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, get_args

from qbatch.errors import Refused
from qbatch.job import JobState
from qbatch.manifest.models import Backend
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    GivenBack,
    Intent,
    NotTaken,
    Order,
    Prepared,
    Running,
    Taken,
    Target,
)
from qbatch.providers.local.method import (
    evolution_s,
    machine_bytes,
    memory_bytes,
    num_cores,
    readable_bytes,
    settled,
)
from qbatch.providers.local.options import STATEVECTOR_QUBITS, Method
from qbatch.providers.local.settings import read_settings
from qbatch.providers.local.work import Answer as Computed
from qbatch.providers.local.work import Chunk, alone, cut, without

if TYPE_CHECKING:
    import trio

    from qbatch.circuit import CircuitFacts
    from qbatch.providers.local.pool import Broken, Share, Task

#: Jobs in one composite job: enough to share a transaction, few enough to see progress.
MAX_JOBS = 256

#: Shots of one job: enough for a standard error of 0.0003; more would fill the memory.
MAX_SHOTS = 10_000_000

#: A chunk that takes so long is worth saying that it runs, seconds.
WORTH_TELLING_S = 0.5


#: News of a job just submitted may come before the executor asks for it; then it asks again soon.
UNASKED_S = 0.05


class _Workers(Protocol):
    def put(self, task: Task, *, first: bool = False) -> None: ...
    def drop(self, task: Task) -> None: ...
    async def leave(self, share: Share) -> None: ...


@dataclass(slots=True)
class _Result:
    """Where a job's counts stand in an answer."""

    answer: Computed
    rows: slice
    evolution: int


#: Where a job stands -> how that is said.
_KINDS: Mapping[JobState, type[Answer]] = {
    JobState.SUBMITTED: Taken,
    JobState.COMPLETED: Done,
    JobState.FAILED: Failed,
    JobState.CANCELLED: Cancelled,
}


@dataclass(slots=True)
class _Held:
    """A job of ours."""

    order: Order
    state: JobState = JobState.SUBMITTED
    error: str = ""
    result: _Result | None = None


@cache
def missing_gpu() -> str | None:
    """Say why nothing can run on a GPU here, or None; loads qiskit-aer."""
    from qiskit_aer import AerSimulator

    devices = AerSimulator().available_devices()
    if "GPU" in devices:
        return None
    return (
        f"device: GPU: the qiskit-aer installed here knows {', '.join(devices)} only; install "
        "qiskit-aer-gpu, or take device: CPU"
    )


class LocalDriver:
    """Simulates; see `qbatch.providers.Driver` for what each method promises.

    Args:
        backend: Of the manifest, valid.
        name: The backend's.
        folder: The manifest's, for a calibration file.
        inline: Compute in this process, blocking: for virtual clocks, which may not outrun work.

    Raises:
        Refused: The backend's settings are wrong.
    """

    is_local = True

    def __init__(self, backend: Backend, *, name: str, folder: Path, inline: bool = False) -> None:
        self.name = name
        self._settings = read_settings(backend, folder)
        self._timeout_s = backend.timeout_s
        self._num_workers = backend.limits.workers or num_cores()
        limit = backend.limits.memory_gb
        self._memory = int(limit * 1e9) if limit else machine_bytes()
        self._memory_source = "limits.memory_gb allows" if limit else "this machine has"
        self._inline = inline
        self._verdicts: dict[str, str | None] = {}
        self._jobs: dict[str, _Held] = {}
        self._tasks: set[Task] = set()
        self._news: dict[str, Answer] = {}
        self._event: trio.Event | None = None
        self._workers: _Workers | None = None
        self._share: Share | None = None

    # -- before anything runs ----------------------------------------------------------------------

    async def describe(self) -> Target:
        noise, method = self._settings.noise, self._settings.options.method
        return Target(
            name="stim" if method == "stim" else f"aer:{method}",
            num_qubits=noise.num_qubits if noise else None,
            max_shots=MAX_SHOTS,
            max_jobs=MAX_JOBS,
            in_flight=max(4, 3 * self._num_workers),
            poll_s=(0.0, 0.0),
            facts={"method": method, "workers": self._num_workers},
        )

    async def list_targets(self) -> Sequence[Target]:
        """List the simulation methods, with the qubits that this machine's memory holds."""
        most = int(math.log2(max(self._memory, 16) / 16))
        held = {"statevector": most, "density_matrix": most // 2}
        target, listed = await self.describe(), []
        for method in get_args(Method):
            if method == "tensor_network" or (method == "stim" and find_spec("stim") is None):
                continue
            name = "stim" if method == "stim" else f"aer:{method}"
            listed.append(replace(target, name=name, num_qubits=held.get(method)))
        return listed

    def account(self) -> str:
        """Nobody's: nothing outlives this process."""
        return ""

    def check(self, order: Order, target: Target) -> str | None:
        key = order.circuit.sha256
        if key not in self._verdicts:
            self._verdicts[key] = self._refusal(order.circuit.facts, target)
        return self._verdicts[key]

    def _refusal(self, facts: CircuitFacts, target: Target) -> str | None:
        if self._settings.options.device == "GPU" and (missing := missing_gpu()):
            return missing
        if target.num_qubits is not None and facts.num_qubits > target.num_qubits:
            return (
                f"it has {facts.num_qubits} qubits; the calibration file knows {target.num_qubits}"
            )
        if self._settings.options.statevector:
            if facts.is_dynamic:
                return "statevector: true needs a circuit that ends in its measurements"
            if facts.num_qubits > STATEVECTOR_QUBITS:
                return (
                    f"statevector: true keeps at most {STATEVECTOR_QUBITS} qubits; "
                    f"it has {facts.num_qubits}"
                )
        return self._too_large(facts)

    def _too_large(self, facts: CircuitFacts) -> str | None:
        settings = settled(facts, self._settings)
        needed = memory_bytes(facts, settings)
        if needed is None or needed <= self._memory:
            return None
        return (
            f"{facts.num_qubits} qubits by {settings.method} need {readable_bytes(needed)}; "
            f"{self._memory_source} {readable_bytes(self._memory)}; take fewer qubits, "
            "method: matrix_product_state, or raise limits.memory_gb"
        )

    def estimate_s(self, order: Order) -> float:
        """About how long `order` keeps this machine's workers busy, seconds.

        Within a factor of three; points that share an evolution take less.
        """
        facts = order.circuit.facts
        return evolution_s(facts, settled(facts, self._settings), order.shots) / self._num_workers

    # -- the life of a composite job ---------------------------------------------------------------

    async def prepare(self, batch: Batch) -> Prepared:
        self._join()
        return Prepared(memo=batch.composite.memo)

    def intend(self, batch: Batch) -> Intent:
        return Intent(key=batch.composite.id, body=b"")

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        workers = self._join()
        for order in batch.orders:
            self._jobs[order.id] = _Held(order)
            self._news.pop(order.id, None)
        for chunk in cut(batch.orders, self._settings):
            workers.put(self._task(chunk))
        return [Taken(order.id, "queued") for order in batch.orders]

    def _join(self) -> _Workers:
        if self._workers is None:
            from qbatch.providers.local.pool import Share, join

            self._share = Share(self._num_workers, self._memory)
            if self._inline:
                from qbatch.providers.local.inline import Inline

                self._workers = Inline()
            else:
                self._workers = join(self._share)
        return self._workers

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        return [NotTaken(order.id) for order in batch.orders]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        import trio

        await trio.lowlevel.checkpoint()
        asked = {job_id for batch in batches for job_id in batch.composite.job_ids}
        if lost := asked - self._jobs.keys():
            why = "not known to this process any more"
            return [GivenBack(job_id, why) for job_id in sorted(lost)]
        if not asked & self._news.keys() and self._tasks:
            self._event = trio.Event()
            with trio.move_on_after(UNASKED_S if self._news else math.inf):
                await self._event.wait()
        found = [job_id for job_id in self._news if job_id in asked]
        return [self._news.pop(job_id) for job_id in found]

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        fetched = []
        for job_id in job_ids:
            held = self._jobs.get(job_id)
            if held is None or held.result is None:
                raise Refused(
                    f"local: this process has no result of job {job_id[:12]}; run it again"
                )
            fetched.append(self._fetched(held.order, held.result))
        return fetched

    def _fetched(self, order: Order, result: _Result) -> Fetched:
        from qbatch.result import Counts

        answer = result.answer
        registers = tuple((r.name, r.num_bits) for r in order.circuit.facts.registers)
        states = answer.statevectors
        return Fetched(
            job_id=order.id,
            counts=Counts(registers, answer.outcomes[result.rows], answer.counts[result.rows]),
            facts={
                **answer.facts,
                "seed": order.seed,
                **({"start": order.start} if order.start else {}),
                "evolution_s": round(answer.evolution_s[result.evolution], 6),
            },
            statevector=states[result.evolution] if states else None,
        )

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        stopped = frozenset(
            job_id
            for job_id in job_ids
            if job_id in self._jobs and not self._jobs[job_id].state.is_final
        )
        for task in [*self._tasks]:
            if stopped.intersection(task.chunk.job_ids):
                self._stop(task, stopped)
        for job_id in stopped:
            self._jobs[job_id].state = JobState.CANCELLED
            self._news.pop(job_id, None)
        return [self._as_it_is(job_id) for job_id in job_ids]

    def _as_it_is(self, job_id: str) -> Answer:
        if (held := self._jobs.get(job_id)) is None:
            return Cancelled(job_id, "never begun")
        return _KINDS[held.state](job_id, held.state.value, error=held.error)

    def _stop(self, task: Task, stopped: frozenset[str]) -> None:
        """Take jobs out of a task: end its worker, begin again with what is left."""
        assert self._workers is not None
        self._workers.drop(task)
        self._tasks.discard(task)
        if (rest := without(task.chunk, stopped)) is not None:
            self._workers.put(self._task(rest), first=True)

    async def release(self, batch: Batch) -> Mapping[str, float]:
        for job_id in batch.composite.job_ids:
            self._jobs.pop(job_id, None)
            self._news.pop(job_id, None)
        return {}

    async def aclose(self) -> None:
        if self._workers is None or self._share is None:
            return
        for task in self._tasks:
            self._workers.drop(task)
        self._tasks.clear()
        await self._workers.leave(self._share)
        self._workers = None

    # -- what comes back from workers --------------------------------------------------------------

    def _task(self, chunk: Chunk, *, again: str = "") -> Task:
        """Make a task of a chunk; `again` says why its first worker gave no answer."""
        from qbatch.providers.local.pool import Task

        def started() -> None:
            if chunk.seconds >= WORTH_TELLING_S:
                self._tell([Running(i, "running") for i in chunk.job_ids])

        def finished(outcome: Computed | Broken) -> None:
            self._tasks.discard(task)
            if isinstance(outcome, Computed):
                self._take(chunk, outcome)
            elif again:
                self._fail(chunk, f"{outcome.cause}; before that: {again}")
            else:
                self._try_again(chunk, outcome)

        assert self._share is not None
        task = Task(chunk, self._share, self._timeout_s, started, finished)
        self._tasks.add(task)
        return task

    def _try_again(self, chunk: Chunk, broken: Broken) -> None:
        assert self._workers is not None
        for part in reversed([*alone(chunk)]):
            self._workers.put(self._task(part, again=broken.cause), first=True)

    def _take(self, chunk: Chunk, answer: Computed) -> None:
        start = 0
        updates: list[Answer] = []
        job_ids = iter(zip(chunk.job_ids, answer.sizes, strict=True))
        for index, evolution in enumerate(chunk.evolutions):
            for _ in evolution.samplings:
                job_id, size = next(job_ids)
                result = _Result(answer, slice(start, start + size), index)
                updates += self._ended(job_id, answer.errors.get(job_id, ""), result)
                start += size
        self._tell(updates)

    def _fail(self, chunk: Chunk, error: str) -> None:
        self._tell([u for job_id in chunk.job_ids for u in self._ended(job_id, error, None)])

    def _ended(self, job_id: str, error: str, result: _Result | None) -> Sequence[Answer]:
        held = self._jobs.get(job_id)
        if held is None or held.state.is_final:
            return ()
        held.state = JobState.FAILED if error else JobState.COMPLETED
        held.error, held.result = error, None if error else result
        return (_KINDS[held.state](job_id, held.state.value, error=error),)

    def _tell(self, updates: Sequence[Answer]) -> None:
        for update in updates:
            self._news[update.job_id] = update
        if self._event is not None:
            self._event.set()
