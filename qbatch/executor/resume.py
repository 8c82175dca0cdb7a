"""What the last run left in flight, as composite jobs of this one.

Rules: what a provider may hold is taken up whatever the plan says now; a composite job that was
only being prepared is taken up if all its points are still wanted and the account is the same, else
its points are packed anew; local work that was cut off is gone, and its points are run anew; what a
backend sent elsewhere, that now computes here, is stopped there first.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import trio

from qbatch.executor.accounts import is_foreign
from qbatch.executor.active import ActiveJob
from qbatch.executor.backend_run import BackendRun
from qbatch.job import CompositeJob, JobState
from qbatch.manifest.paths import settings_of
from qbatch.plan.identity import SweepPoint
from qbatch.providers import Batch, Forsakes, Intent, Order
from qbatch.purchase import IN_FLIGHT, CompositeEvent, Event
from qbatch.snapshot import JobRow, StoredComposite, StoredPoint

if TYPE_CHECKING:
    from qbatch.executor.engine import Engine
    from qbatch.plan import Plan
    from qbatch.snapshot import Snapshot

#: What is taken up has at least so long beside two polls, seconds: to be heard of; or to be found,
#: for which drivers may want a minute and more.
NEWS_S, DOUBT_S = 30.0, 150.0

Children = list[tuple[StoredPoint, JobRow]]


@dataclass
class Backlog:
    """What there is to take up.

    Attributes:
        active_jobs: Backend -> composite jobs to go on with.
        in_flight: Backend -> jobs in them that were under way.
        forsaken: Backend that computes here -> what was sent and is begun anew.
    """

    snapshot: Snapshot
    active_jobs: dict[str, list[ActiveJob]] = field(default_factory=lambda: defaultdict(list))
    in_flight: Counter[str] = field(default_factory=Counter)
    forsaken: dict[str, list[tuple[CompositeJob, Intent]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _over: list[tuple[int, CompositeEvent]] = field(default_factory=list)
    _anew: list[JobRow] = field(default_factory=list)

    def close(
        self, stored: StoredComposite, why: CompositeEvent, anew: Sequence[JobRow] = ()
    ) -> None:
        """Nothing is left of a composite job; the jobs in `anew` are `created` again."""
        self._over.append((stored.ordinal, why))
        self._anew += [replace(row, job=row.job.after(Event.CUT_OFF)) for row in anew]

    async def forsake(self, backends: Sequence[BackendRun]) -> None:
        """Have stopped what is done elsewhere of what is begun anew here; before `write`."""
        for backend in backends:
            driver, sent = backend.driver, self.forsaken.get(backend.name)
            if sent and isinstance(driver, Forsakes) and (told := await driver.forsake(sent)):
                backend.warn(told)

    def write(self) -> None:
        """Write down what was decided here; inside a transaction."""
        self.snapshot.save_jobs(self._anew, note=Event.CUT_OFF.value)
        for ordinal, why in self._over:
            self.snapshot.happens(ordinal, why)


#: Whether a point in this state is to be run now.
Wants = Callable[[SweepPoint, JobState], bool]


def read_backlog(
    plan: Plan, engine: Engine, backends: Sequence[BackendRun], wants: Wants
) -> Backlog:
    """Read it from the snapshot, and mark its jobs as busy."""
    snapshot = engine.snapshot
    backlog, by_name = Backlog(snapshot), {backend.name: backend for backend in backends}
    lost: dict[str, int] = defaultdict(int)
    for stored in snapshot.open_composites():
        children = snapshot.rows_at(stored.children)
        live = [child for child in children if _is_live(stored, child[1])]
        backend = by_name.get(stored.backend)
        if backend is None:
            lost[stored.backend] += len(live)
        elif backend.driver.is_local:
            backlog.close(stored, CompositeEvent.CUT_OFF, [row for _, row in live])
            if live and stored.intent is not None:
                ids = tuple(point.id for point, _ in children)
                sent = _composite(stored, ids), Intent(*stored.intent)
                backlog.forsaken[stored.backend].append(sent)
        elif stored.stage == "created":
            is_ours = not is_foreign(stored.memo, backend.account)
            if is_ours and (active := _prepared(plan, stored, children, wants)):
                backlog.active_jobs[backend.name].append(active)
                engine.busy.update(active.rows)
            else:
                backlog.close(stored, CompositeEvent.UNWANTED)
        else:
            active = _sent(plan, snapshot, stored, children)
            left_s = _time_left_s(backend, active, stored, snapshot.now())
            active.deadline = trio.current_time() + left_s
            backlog.active_jobs[backend.name].append(active)
            backlog.in_flight[stored.backend] += len(live)
            in_flight = {row.job.id for _, row in live}
            engine.busy.update(in_flight)
            if engine.agreed is not None:
                engine.agreed.take_up(in_flight)
    for name, number in lost.items():
        if number:
            engine.warn(
                f"{number} jobs are in flight on backend {name!r}, which has no part in this run; "
                "run it again with that backend to fetch them"
            )
    return backlog


def _time_left_s(
    backend: BackendRun, active: ActiveJob, stored: StoredComposite, now: float
) -> float:
    """Seconds until the time-out; enough to hear of what was done while we were away.

    Where late jobs are left, it limits the waiting, and each run waits anew.
    A clock that was set back does not make the wait longer than the time-out.
    """
    if backend.leaves_late:
        return backend.timeout_s
    left_s = backend.timeout_s - max(0.0, now - (stored.sent_at or now))
    is_in_doubt = bool(active.ids_in(JobState.SUBMITTING, JobState.HELD))
    return max(left_s, 2 * backend.target.poll_s[1] + (DOUBT_S if is_in_doubt else NEWS_S))


def _is_live(stored: StoredComposite, row: JobRow) -> bool:
    """Whether this composite job still answers for the job."""
    return row.composite == stored.ordinal and row.job.state in IN_FLIGHT


def _prepared(
    plan: Plan, stored: StoredComposite, children: Children, wants: Wants
) -> ActiveJob | None:
    if not all(
        point.in_plan
        and row.job.state is JobState.CREATED
        and wants(sweep_point(point), row.job.state)
        for point, row in children
    ):
        return None
    orders = [_order(plan, point) for point, _ in children]
    return _active(stored, orders, [row for _, row in children])


def _sent(plan: Plan, snapshot: Snapshot, stored: StoredComposite, children: Children) -> ActiveJob:
    orders = [
        _order(plan, point) if point.in_plan else _old_order(snapshot, point)
        for point, _ in children
    ]
    return _taken_up(stored, orders, children)


def stored_active(snapshot: Snapshot, stored: StoredComposite) -> ActiveJob:
    """A composite job that was sent, from the snapshot alone: no plan, no circuit file."""
    children = snapshot.rows_at(stored.children)
    return _taken_up(stored, [_old_order(snapshot, point) for point, _ in children], children)


def _taken_up(stored: StoredComposite, orders: Sequence[Order], children: Children) -> ActiveJob:
    active = _active(stored, orders, [row for _, row in children])
    active.split_off({row.job.id for _, row in children if not _is_live(stored, row)})
    if stored.intent is not None:
        active.intent = Intent(*stored.intent)
    return active


def _active(stored: StoredComposite, orders: Sequence[Order], rows: Sequence[JobRow]) -> ActiveJob:
    ids = tuple(order.id for order in orders)
    by_id = {row.job.id: row for row in rows}
    batch = Batch(_composite(stored, ids), tuple(orders))
    return ActiveJob(batch, by_id, stored.ordinal, stored.stage)


def _composite(stored: StoredComposite, job_ids: tuple[str, ...]) -> CompositeJob:
    return CompositeJob(stored.id, stored.backend, job_ids, stored.generation, stored.memo)


def _order(plan: Plan, point: StoredPoint) -> Order:
    return replace(plan.order_of(sweep_point(point)), start=point.start)


def sweep_point(point: StoredPoint) -> SweepPoint:
    return SweepPoint(
        point.id,
        point.name,
        point.circuit,
        point.backend,
        point.shots,
        point.repeat,
        point.parameters,
        point.seed,
        point.setting,
    )


def _old_order(snapshot: Snapshot, point: StoredPoint) -> Order:
    """The order of a point that is in the plan no more, from what was kept of it."""
    from qbatch.circuit import open_circuit
    from qbatch.manifest.models import Circuit

    setting = json.loads(snapshot.setting(point.setting))
    spec = Circuit(qasm=setting["circuit"])
    circuit = open_circuit(point.circuit, spec, folder=snapshot.folder).circuit({})
    values = dict(point.parameters)
    return Order(
        point.id,
        point.name,
        circuit,
        {name: float(values[name]) for name in circuit.facts.parameters},
        point.shots,
        point.seed,
        settings_of(point.parameters),
        point.start,
    )
