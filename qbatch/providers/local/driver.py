"""The local backend as a driver: composite jobs in, counts out; nothing outlives the process.

Rules: as for every driver (`qbatch.providers`): no sleeping, looping or retrying, with one
exception that only it can make (`engines.given_out`): a chunk whose worker ended or hung is given
out once more, each evolution by itself, before its jobs fail; no other job does. A plan asks a
driver, too, so what computes is imported where that begins.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args

from qbatch.errors import Refused, Unfit
from qbatch.frozen import dataclass
from qbatch.job import CompositeJob, JobState
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
from qbatch.providers.local.fit import Fit
from qbatch.providers.local.method import RULE
from qbatch.providers.local.options import Method

if TYPE_CHECKING:
    import trio

    from qbatch.providers.local.engines.contract import Engine
    from qbatch.providers.local.engines.given_out import GivenOut
    from qbatch.providers.local.results import Result
    from qbatch.providers.local.settings import Settings
    from qbatch.providers.local.work import Answer as Computed
    from qbatch.providers.local.work import Chunk

#: Jobs in one composite job: enough to share a transaction, few enough to see progress.
MAX_JOBS = 256

#: Shots of one job: enough for a standard error of 0.0003; more would fill the memory.
MAX_SHOTS = 10_000_000

#: A chunk that takes so long is worth saying that it runs, seconds.
WORTH_TELLING_S = 0.5


#: News of a job just submitted may come before the executor asks for it; then it asks again soon.
UNASKED_S = 0.05


#: As in `qbatch.providers.Forsakes`.
Forsake = Callable[[Sequence[tuple[CompositeJob, Intent]]], Awaitable[str]]

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
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a backend's circuits are simulated.

    Attributes:
        engine: Makes the engine, when the first work comes.
        capacity: Chunks that it computes at once, about.
        memory: Bytes that one simulation may take there; None: not known.
        memory_source: Who says so.
        is_elsewhere: On other machines than this.
        is_asked: The engine has to be asked what it takes, before anything is sent.
        remark: As in `Target`.
        engine_name: Of a package's: its name, package and version; "" for qbatch's own.
    """

    engine: Callable[[], Engine]
    capacity: int
    memory: int | None
    memory_source: str = "this machine has"
    is_elsewhere: bool = False
    is_asked: bool = False
    remark: str = ""
    engine_name: str = ""


class LocalDriver:
    """Simulates; see `qbatch.providers.Driver` for what each method promises.

    Args:
        name: The backend's.
        settings: The backend's.
        place: Where.
        timeout_s: Seconds of computing after which a worker is taken to hang.
        forsake: Stops what another engine of the backend's was sent; None: there was none.
    """

    is_local = True

    def __init__(
        self,
        name: str,
        settings: Settings,
        place: Place,
        timeout_s: float,
        forsake: Forsake | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._place = place
        self._timeout_s = timeout_s
        self._forsake = forsake
        self._fit = Fit(
            settings, place.memory, place.memory_source, is_elsewhere=place.is_elsewhere
        )
        self._jobs: dict[str, _Held] = {}
        self._news: dict[str, Answer] = {}
        self._event: trio.Event | None = None
        self._work: GivenOut | None = None
        self._capacity = place.capacity

    @property
    def is_asked(self) -> bool:
        """Whether describing it asks other machines."""
        return self._place.is_asked

    # -- before anything runs ----------------------------------------------------------------------

    async def describe(self) -> Target:
        """Say what it takes; asks nobody where it computes on this machine."""
        if not self._place.is_elsewhere:
            check_installed(self.name, self._settings)
        if self.is_asked:
            await self._begin()
        target = target_of(self._settings, self._capacity, remark=self._place.remark)
        if not self._place.engine_name:
            return target
        return replace(target, facts={**target.facts, "engine": self._place.engine_name})

    async def list_targets(self) -> Sequence[Target]:
        """List the simulation methods, with the qubits that this machine's memory holds."""
        most = int(math.log2(max(self._place.memory or 16, 16) / 16))
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
        return self._fit.check(order, target)

    def estimate_s(self, order: Order) -> float:
        """About how long `order` keeps this machine's workers busy, seconds.

        Within a factor of three; points that share an evolution take less.
        """
        return self._fit.core_s(order) / self._capacity

    # -- the life of a composite job ---------------------------------------------------------------

    async def get_ready(self) -> None:
        """Start what computes on this machine; elsewhere nobody is asked before there are jobs."""
        if not self._place.is_elsewhere:
            await self._begin()

    async def prepare(self, batch: Batch) -> Prepared:
        await self._begin()
        return Prepared(memo=batch.composite.memo)

    def intend(self, batch: Batch) -> Intent:
        return Intent(key=batch.composite.id, body=b"")

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        from qbatch.providers.local.work import cut

        work = await self._begin()
        for order in batch.orders:
            self._jobs[order.id] = _Held(order)
            self._news.pop(order.id, None)
        for chunk in cut(batch.orders, self._settings):
            work.put(chunk)
        return [Taken(order.id, "queued") for order in batch.orders]

    async def _begin(self) -> GivenOut:
        from qbatch.providers.local.engines.given_out import GivenOut, Told

        if self._work is None:
            engine = self._place.engine()
            told = Told(self._started, self._take, self._fail)
            await engine.begin()
            self._capacity = engine.capacity
            self._work = GivenOut(engine, self._timeout_s, told)
        return self._work

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        return [NotTaken(order.id) for order in batch.orders]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        import trio

        await trio.lowlevel.checkpoint()
        asked = {job_id for batch in batches for job_id in batch.composite.job_ids}
        if lost := asked - self._jobs.keys():
            why = "not known to this process any more"
            return [GivenBack(job_id, why) for job_id in sorted(lost)]
        if not asked & self._news.keys() and self._work:
            self._event = trio.Event()
            with trio.move_on_after(UNASKED_S if self._news else math.inf):
                await self._event.wait()
        found = [job_id for job_id in self._news if job_id in asked]
        return [self._news.pop(job_id) for job_id in found]

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        from qbatch.providers.local.results import fetched

        found = []
        for job_id in job_ids:
            held = self._jobs.get(job_id)
            if held is None or held.result is None:
                raise Refused(
                    f"local: this process has no result of job {job_id[:12]}; run it again"
                )
            found.append(fetched(held.order, held.result))
        return found

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        stopped = frozenset(
            job_id
            for job_id in job_ids
            if job_id in self._jobs and not self._jobs[job_id].state.is_final
        )
        if self._work is not None:
            self._work.stop(stopped)
        for job_id in stopped:
            self._jobs[job_id].state = JobState.CANCELLED
            self._news.pop(job_id, None)
        return [self._as_it_is(job_id) for job_id in job_ids]

    def _as_it_is(self, job_id: str) -> Answer:
        if (held := self._jobs.get(job_id)) is None:
            return Cancelled(job_id, "never begun")
        return _KINDS[held.state](job_id, held.state.value, error=held.error)

    async def release(self, batch: Batch) -> Mapping[str, float]:
        for job_id in batch.composite.job_ids:
            self._jobs.pop(job_id, None)
            self._news.pop(job_id, None)
        return {}

    async def forsake(self, sent: Sequence[tuple[CompositeJob, Intent]]) -> str:
        return await self._forsake(sent) if self._forsake is not None else ""

    async def aclose(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            await work.leave()

    # -- what comes back ---------------------------------------------------------------------------

    def _started(self, chunk: Chunk) -> None:
        if chunk.seconds >= WORTH_TELLING_S:
            self._tell([Running(i, "running") for i in chunk.job_ids])

    def _take(self, chunk: Chunk, answer: Computed) -> None:
        from qbatch.providers.local.engines.frames import jobs_of
        from qbatch.providers.local.results import results_of

        found = results_of(jobs_of(chunk), answer)
        self._tell([u for job_id, one in found for u in self._ended(job_id, one.error, one)])

    def _fail(self, chunk: Chunk, error: str) -> None:
        self._tell([u for job_id in chunk.job_ids for u in self._ended(job_id, error, None)])

    def _ended(self, job_id: str, error: str, result: Result | None) -> Sequence[Answer]:
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


def check_installed(name: str, settings: Settings) -> None:
    """See that what a backend computes with is on this machine.

    Raises:
        Unfit: It is not.
    """
    if settings.options.method == "stim" and find_spec("stim") is None:
        raise Unfit(
            f"{name}: options.method: stim is not installed; pip install 'qbatch[stim]' brings it, "
            "or write method: stabilizer"
        ).about("circuits")


def target_of(settings: Settings, capacity: int, **more: Any) -> Target:
    """Say what a backend with these settings takes; `more` as `Target` has it."""
    noise, method = settings.noise, settings.options.method
    told: dict[str, Any] = {
        "name": "stim" if method == "stim" else f"aer:{method}",
        "num_qubits": noise.num_qubits if noise else None,
        "max_shots": MAX_SHOTS,
        "max_jobs": MAX_JOBS,
        "in_flight": max(4, 3 * capacity),
        "poll_s": (0.0, 0.0),
        "facts": {"method": method, "workers": capacity, "rule": RULE},
    }
    return Target(**{**told, **more})
