"""Drivers that simulate nothing: counts follow from the seed, faults from a script.

`FakeLocal` is a well-behaved simulator. `FakeCloud` speaks for a cloud whose `Ledger` outlives the
process that talks to it: the oracle of what was bought, never the snapshot under test.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
import trio.testing

from qbatch.errors import ProviderError, Unavailable
from qbatch.executor import Event, Settings, Stop, Summary, execute
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.providers import (
    Answer,
    Batch,
    Cancelled,
    Done,
    Failed,
    Fetched,
    Intent,
    NotTaken,
    Order,
    Prepared,
    Price,
    Running,
    Taken,
    Target,
    Unclear,
)
from qbatch.result import Counts
from qbatch.snapshot import Snapshot

MANIFEST = """
qbatch: 1
name: fakes
circuits:
  flip:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[2] q;
      bit[2] c;
      rx(theta) q[0];
      cx q[0], q[1];
      c = measure q;
backends:
%s
sweep:
  matrix:
    backend: [%s]
    theta: {linspace: [0, 1, %d]}
shots: 100
run: {%s}
analysis: {observables: {zz: Z0 Z1}}
"""


def plan_of(points: int, *backends: str, run: str = "", extra: str = "") -> Plan:
    """A plan of `points` per backend; local for names with "local", else a cloud's."""
    lines = [
        f"  {name}: {{provider: {'local' if 'local' in name else f'oqc, target: {name}'}{extra}}}"
        for name in backends
    ]
    text = MANIFEST % ("\n".join(lines), ", ".join(backends), points, run)
    return expand(parse_manifest(text, folder=Path("/")))


def counts_of(order: Order) -> Counts:
    """Counts that depend on the point alone."""
    ones = order.seed % (order.shots + 1)
    found = {"11": ones, "00": order.shots - ones}
    return Counts.from_dict([("c", 2)], {key: n for key, n in found.items() if n})


class FakeLocal:
    """A simulator in this process: at once, always right."""

    is_local = True

    def __init__(self, *, max_jobs: int = 10, in_flight: int = 4) -> None:
        self.target = Target("fake", max_jobs=max_jobs, in_flight=in_flight, poll_s=(0.0, 0.0))
        self.computed: Counter[str] = Counter()
        self._done: deque[Answer] = deque()
        self._news = trio.Event()

    async def describe(self) -> Target:
        return self.target

    def account(self) -> str:
        return ""

    def check(self, order: Order, target: Target) -> str | None:
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        return Prepared(batch.composite.memo)

    def intend(self, batch: Batch) -> Intent:
        return Intent(batch.composite.id, b"")

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        for order in batch.orders:
            self.computed[order.id] += 1
            self._done.append(Done(order.id, "done"))
        self._news.set()
        return [Running(order.id, "running") for order in batch.orders]

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        return [NotTaken(order.id) for order in batch.orders]

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        while not self._done:
            self._news = trio.Event()
            await self._news.wait()
        news = list(self._done)
        self._done.clear()
        return news

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        orders = {order.id: order for order in batch.orders}
        return [Fetched(key, counts_of(orders[key])) for key in job_ids]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        return [Cancelled(key, "cancelled") for key in job_ids]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        await trio.lowlevel.checkpoint()
        return {}

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Bought:
    """One job the cloud accepted."""

    job_id: str
    key: str
    id: str
    at: float
    state: JobState = JobState.SUBMITTED


@dataclass
class Ledger:
    """All that a cloud accepted; it outlives every run."""

    jobs: list[Bought] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    released: list[str] = field(default_factory=list)

    def of(self, job_id: str) -> Bought | None:
        return next((job for job in reversed(self.jobs) if job.job_id == job_id), None)

    @property
    def times_bought(self) -> Counter[str]:
        return Counter(job.job_id for job in self.jobs)


#: What happens to a call: called with the call's own work; may do it, or not, and may raise.
Fault = Callable[[Callable[[], Any]], Any]


def lost_after(act: Callable[[], Any]) -> Any:
    """The cloud takes it; the answer is lost."""
    act()
    raise Unavailable("cloud: the answer was lost")


def lost_before(act: Callable[[], Any]) -> Any:
    """It never arrives, and nobody can tell."""
    raise Unavailable("cloud: no answer")


def unsent(act: Callable[[], Any]) -> Any:
    """No connection: it provably never arrived."""
    raise Unavailable("cloud: connection refused", unsent=True)


def raising(error: ProviderError) -> Fault:
    """The call fails with `error`, undone."""

    def fault(act: Callable[[], Any]) -> Any:
        raise error

    return fault


#: Where a job stands at the fake cloud -> how it says so.
KINDS: Mapping[JobState, type[Answer]] = {
    JobState.SUBMITTED: Taken,
    JobState.COMPLETED: Done,
    JobState.FAILED: Failed,
    JobState.CANCELLED: Cancelled,
}


class FakeCloud:
    """A cloud that takes `works_s` for a job, and lies as its script says."""

    is_local = False

    def __init__(
        self, ledger: Ledger | None = None, *, works_s: float = 30.0, **target: Any
    ) -> None:
        options = {"max_jobs": 1, "in_flight": 4, "poll_s": (1.0, 10.0)} | target
        options.setdefault("price", Price("credits", per_job=1.0))
        self.target = Target("cloud", **options)
        self.ledger = ledger if ledger is not None else Ledger()
        self.works_s = works_s
        #: Call -> faults of its next times, in order; then it works.
        self.script: dict[str, list[Fault]] = {}
        #: What `locate` says: the truth, or this.
        self.located: Answer | None = None
        #: What each job turns out to cost when it is released; 0: that was known before.
        self.final_bill = 0.0
        #: The most that each job may cost; 0: what its price is.
        self.most = 0.0
        #: What the most of any composite job comes to at least.
        self.least = 0.0
        #: What `prepare` quotes for each job, and `fetch` says that it cost.
        self.quote: float | None = None
        self.bill: float | None = 1.0
        #: Job id -> what `poll` says of it instead of the truth.
        self.said: dict[str, Answer] = {}
        #: Whose account it is.
        self.owner = "lab at cloud"

    async def _call(self, name: str, act: Callable[[], Any]) -> Any:
        self.ledger.calls[name] += 1
        await trio.lowlevel.checkpoint()
        faults = self.script.get(name)
        return faults.pop(0)(act) if faults else act()

    async def describe(self) -> Target:
        return self.target

    def account(self) -> str:
        return self.owner

    def check(self, order: Order, target: Target) -> str | None:
        return None

    async def prepare(self, batch: Batch) -> Prepared:
        most = dict.fromkeys(batch.composite.job_ids, self.most)
        quotes = {} if self.quote is None else dict.fromkeys(most, self.quote)
        prepared = Prepared(
            {"upload": batch.composite.id}, quotes=quotes, most=most, least=self.least
        )
        return await self._call("prepare", lambda: prepared)  # type: ignore[no-any-return]

    def intend(self, batch: Batch) -> Intent:
        return Intent(batch.composite.id, b"body of " + batch.composite.id.encode())

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        def act() -> list[Answer]:
            return [self._buy(order.id, intent.key) for order in batch.orders]

        return await self._call("submit", act)  # type: ignore[no-any-return]

    def _buy(self, job_id: str, key: str) -> Answer:
        job = Bought(job_id, key, f"c{len(self.ledger.jobs)}", trio.current_time())
        self.ledger.jobs.append(job)
        return Taken(job_id, "SUBMITTED", job.id)

    async def locate(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        def act() -> list[Answer]:
            ids = [order.id for order in batch.orders]
            if self.located is None:
                return [self._find(key) for key in ids]
            return [replace(self.located, job_id=key) for key in ids]

        return await self._call("locate", act)  # type: ignore[no-any-return]

    def _find(self, job_id: str) -> Answer:
        job = self.ledger.of(job_id)
        return NotTaken(job_id) if job is None else self._news_of(job)

    def _news_of(self, job: Bought) -> Answer:
        if job.state is JobState.SUBMITTED and trio.current_time() - job.at >= self.works_s:
            job.state = JobState.COMPLETED
        return KINDS[job.state](job.job_id, job.state.value.upper(), job.id)

    async def poll(self, batches: Sequence[Batch]) -> Sequence[Answer]:
        def act() -> list[Answer]:
            ids = [order.id for batch in batches for order in batch.orders]
            known = [job for key in ids if (job := self.ledger.of(key))]
            return [self.said.get(job.job_id) or self._news_of(job) for job in known]

        return await self._call("poll", act)  # type: ignore[no-any-return]

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        def act() -> list[Fetched]:
            orders = {order.id: order for order in batch.orders}
            return [Fetched(k, counts_of(orders[k]), b"reply", cost=self.bill) for k in job_ids]

        return await self._call("fetch", act)  # type: ignore[no-any-return]

    async def cancel(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Answer]:
        def act() -> list[Answer]:
            found = [job for key in job_ids if (job := self.ledger.of(key))]
            for job in found:
                job.state = JobState.CANCELLED
            return [self._news_of(job) for job in found]

        return await self._call("cancel", act)  # type: ignore[no-any-return]

    async def release(self, batch: Batch) -> Mapping[str, float]:
        await self._call("release", lambda: self.ledger.released.append(batch.composite.id))
        return {key: price for key in batch.composite.job_ids if (price := self.final_bill)}

    async def leave(self, batches: Sequence[Batch]) -> None:
        await self._call("leave", lambda: [batch.composite.id for batch in batches])

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Play:
    """One run on a virtual clock, and what came of it."""

    summary: Summary
    events: list[Event]
    elapsed_s: float

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def play(
    folder: Path,
    plan: Plan,
    drivers: Mapping[str, Any] | Any,
    *,
    beside: Iterable[Callable[[Stop], Awaitable[None]]] = (),
    **settings: Any,
) -> Play:
    """Run `plan` in `folder` on a virtual clock.

    Args:
        drivers: By backend, or the one driver of the plan's one backend.
        beside: Tasks that run beside it, given its `Stop`.
        settings: Of `Settings`, `selected` points, `agreed` to, and `clock_s` by which the calendar
            is wrong.
    """
    if not isinstance(drivers, Mapping):
        drivers = {next(iter(plan.manifest.backends)): drivers}
    events: list[Event] = []
    selected, clock_s = settings.pop("selected", None), settings.pop("clock_s", 0.0)
    agreed = settings.pop("agreed", None)

    async def main() -> Play:
        stop = Stop()
        targets = {name: await driver.describe() for name, driver in drivers.items()}
        wanted = replace(Settings.of(plan.manifest), is_inline=True, **settings)
        with Snapshot(folder, now=lambda: 1.8e9 + clock_s + trio.current_time()) as snapshot:
            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                for task in beside:
                    nursery.start_soon(task, stop)
                summary = await execute(
                    plan,
                    snapshot,
                    drivers,
                    targets,
                    settings=wanted,
                    observer=events.append,
                    only=selected,
                    stop=stop,
                    agreed=agreed,
                )
                nursery.cancel_scope.cancel()
            return Play(summary, events, trio.current_time() - began)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def at_once(unknown: str = "nobody can tell") -> Unclear:
    """`locate` cannot tell, and will not be able to later."""
    return Unclear("", error=unknown)
