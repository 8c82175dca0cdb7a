"""`execute`: one nursery around all backends; the only place where a run's time passes.

    journal (the writer, outlives the rest)
    └── per backend: poller, feeder, and a lifecycle for each composite job in flight

What was in flight when the last run ended is taken up before anything new is sent.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import groupby
from random import Random

import trio

from qbatch.bases import point_of
from qbatch.collecting import rarely_collecting
from qbatch.errors import QbatchError
from qbatch.executor.accounts import hold_of_other_accounts
from qbatch.executor.active import ActiveJob
from qbatch.executor.agreed import Agreed
from qbatch.executor.backend_run import BackendRun, Terms
from qbatch.executor.bills import Unbilled, ask_before_buying, read_unbilled
from qbatch.executor.budget import open_budget
from qbatch.executor.calibrating import calibration_kept
from qbatch.executor.doubles import Doubles
from qbatch.executor.engine import WANTED, Engine, Settings
from qbatch.executor.events import Finished, Observer, Started, Summary, ignore
from qbatch.executor.feeding import Few, feed, read_few
from qbatch.executor.journal import Journal
from qbatch.executor.leaving import (
    leave,
    leave_when_late,
    leave_when_nothing_moves,
    leave_when_sent,
    look_last,
    put_local_back,
)
from qbatch.executor.lifecycle import Lifecycle
from qbatch.executor.pace import Slots
from qbatch.executor.recalibrating import Aging, Recalibrating
from qbatch.executor.resume import Backlog, read_backlog
from qbatch.executor.steps import Steps
from qbatch.executor.stop import Stop
from qbatch.executor.tally import Tally
from qbatch.job import JobState
from qbatch.manifest import Manifest
from qbatch.manifest.decisions import decided_fact
from qbatch.plan import Plan, SweepPoint
from qbatch.plan.pinning.former import ids_of
from qbatch.plan.pinning.pinned import PINNED, pinned, programs_in
from qbatch.providers import Driver, GetsReady, Target, Translates
from qbatch.shots import Bounds
from qbatch.snapshot import Former, Registered, Snapshot
from qbatch.snapshot.estimates import analysis_key
from qbatch.snapshot.home import note_home
from qbatch.snapshot.sources import sources_fact

Only = Callable[[SweepPoint], bool]


async def execute(
    plan: Plan,
    snapshot: Snapshot,
    drivers: Mapping[str, Driver],
    targets: Mapping[str, Target],
    *,
    settings: Settings | None = None,
    observer: Observer = ignore,
    only: Only | None = None,
    stop: Stop | None = None,
    steps: Steps | None = None,
    agreed: Agreed | None = None,
) -> Summary:
    """Run what is missing of a plan; durable at every step.

    Args:
        plan: What is wanted; its points are registered in the snapshot here.
        snapshot: The run folder, held.
        drivers: Backend name -> driver, of all backends of the plan.
        targets: Backend name -> what it takes now.
        settings: How to run; None: as the plan's manifest asks.
        observer: Told of every move, in this thread; must return soon.
        only: Points to run; None: all. What is in flight is taken up in any case.
        stop: By which the run can be asked to end.
        steps: To which the drivers tell theirs; None: they tell none.
        agreed: What may be bought; None: whatever the plan lacks, for which the caller answers.

    Returns:
        What it came to; jobs that fail are no exception.

    Raises:
        SnapshotError: The run folder cannot be written any more.
    """
    settings, stop = settings or Settings.of(plan.manifest), stop or Stop()
    stop.attach()
    engine = _make_engine(plan, snapshot, settings, stop, observer, steps or Steps(observer))
    engine.agreed = agreed
    execution = _Execution(engine, plan, only)
    started = trio.current_time()
    execution.note_plan(targets)
    bounds = {name: target.bounds for name, target in targets.items()}
    with rarely_collecting(), _thawing():
        await execution.get_ready(drivers.values())
        registered = await engine.offload(partial(execution.register, bounds))
        await engine.offload(partial(execution.note_programs, drivers))
        backends = [execution.make_backend(name, drivers[name], targets[name]) for name in drivers]
        await execution.run(backends, registered)
    return execution.summary(backends, registered, trio.current_time() - started)


def _make_engine(
    plan: Plan,
    snapshot: Snapshot,
    settings: Settings,
    stop: Stop,
    observer: Observer,
    steps: Steps,
) -> Engine:
    analysis = plan.manifest.analysis
    return Engine(
        snapshot,
        Journal(snapshot, is_inline=settings.is_inline),
        settings,
        stop,
        observer,
        analysis,
        analysis_key(analysis),
        Slots(settings.max_in_flight),
        Random(settings.seed),
        steps=steps,
        budget=open_budget(settings.limits, settings.rates, snapshot),
    )


@contextmanager
def _thawing() -> Iterator[None]:
    """Undo at the end what a run froze, and tell of its errors the one a person can act on."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    finally:
        gc.unfreeze()


def _import_numpy() -> None:
    """Done in a thread: with the first result, in the loop, it would stall the loop for 100 ms."""
    import numpy  # noqa: F401


def collapsed(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error a person can act on, where tasks met nothing but such; else the whole group.

    Where the person asked for the end, that is all there is to say.
    """
    asked, _ = group.split((KeyboardInterrupt, SystemExit))
    if asked is not None:
        return _leaf(asked)
    ours, others = group.split(QbatchError)
    if ours is None or others is not None:
        return group
    return _leaf(ours)


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and not isinstance(error, QbatchError):
        error = error.exceptions[0]
    return error


def _whence(manifest: Manifest, meta: Mapping[str, str]) -> dict[str, str]:
    """Where a manifest stands; one made in Python stays that of the file it was saved as."""
    folder = str(manifest.folder.absolute())
    known = (meta.get("manifest"), meta.get("manifest_folder"))
    if manifest.is_made and known == (manifest.text, folder):
        return {}
    return {"manifest_path": str(manifest.path or "<string>"), "manifest_folder": folder}


class _Execution:
    """The execution of one run."""

    def __init__(self, engine: Engine, plan: Plan, only: Only | None) -> None:
        self._engine = engine
        self._plan = plan
        self._only = only
        self._kept = 0
        self._few: Few | None = None
        self._aging = Aging(plan)

    # -- before -------------------------------------------------------------------------------

    def note_plan(self, targets: Mapping[str, Target]) -> None:
        """Keep what a reader needs to know of the plan."""
        manifest = self._plan.manifest
        note_home(self._engine.snapshot.folder, manifest.folder)
        meta = self._engine.snapshot.meta()
        known = json.loads(meta.get("targets", "{}"))
        facts = {name: told for name, told in known.items() if name in manifest.backends}
        facts |= {name: asdict(target) for name, target in targets.items()}
        self._engine.snapshot.set_meta(
            name=manifest.name,
            manifest=manifest.text,
            sources=sources_fact(manifest),
            **_whence(manifest, meta),
            overrides=json.dumps(list(manifest.overrides)),
            decided=decided_fact(manifest.decisions, meta.get("decided")),
            sums=json.dumps(dict(manifest.sums)),
            axes=json.dumps(list(self._plan.axes)),
            targets=json.dumps(facts, default=str),
            **{PINNED: json.dumps(pinned(self._plan, targets), sort_keys=True)},
        )

    def note_programs(self, drivers: Mapping[str, Driver]) -> None:
        """Keep what circuits are translated to here, where something is to be bought by it."""
        here = {name: each for name, each in drivers.items() if isinstance(each, Translates)}
        if here and not self._is_complete and (programs := programs_in(self._plan, here)):
            self._engine.snapshot.note_programs(programs)

    async def get_ready(self, drivers: Iterable[Driver]) -> None:
        """Let drivers get ready meanwhile, where it is certain that something is to be computed."""
        ready = [driver for driver in drivers if isinstance(driver, GetsReady)]
        if ready and self._engine.settings.only is None and not self._is_complete:
            for driver in ready:
                await driver.get_ready()

    @property
    def _is_complete(self) -> bool:
        """Whether no point is left: it is asked of each row, so only where it matters."""
        done = self._engine.snapshot.counts_by_state().get(JobState.COMPLETED, 0)
        return done >= self._plan.num_points

    def register(self, bounds: Mapping[str, Bounds]) -> Registered:
        """Bring the snapshot in line with the plan."""
        plan = self._plan
        return self._engine.snapshot.register(
            plan.points(are_written=True),
            setting_of=plan.setting_text,
            former=Former(lambda: (id_ for id_, _ in plan.ids_and_names()), ids_of),
            bounds=bounds,
            identities=plan.identities,
            has_bases=plan.has_bases,
        )

    def count(self, backlog: Backlog) -> None:
        """Count what there is to do, and what is done; the backlog is written down.

        What is in flight is in no state that a point may be run from, so nothing counts twice.
        """
        plan, snapshot = self._plan, self._engine.snapshot
        for backend, number in backlog.in_flight.items():
            self._engine.expect(backend, number)
        wanted = WANTED[self._engine.settings.only]
        if self._only is None:
            jobs = snapshot.jobs_by_backend()
            for (backend, state), number in jobs.items():
                self._engine.expect(backend, number * (state in wanted))
            if snapshot.has_a_job_for_each_point():
                self._kept = sum(n for (_, s), n in jobs.items() if s is JobState.COMPLETED)
            else:
                self._kept = snapshot.counts_by_state().get(JobState.COMPLETED, 0)
            return
        places = Counter(
            point.id
            for point in (plan.points() if plan.shared else ())
            if point.id in plan.shared and self._only(point)
        )
        bought = plan.bought(self._only)
        for _, settings in groupby(bought, key=lambda each: point_of(each.name)):
            shown, is_done = 1, True
            for point in settings:
                states = [row.job.state for _, row in snapshot.pieces_of(point.id)]
                self._engine.expect(point.backend, sum(state in wanted for state in states))
                is_done &= all(state is JobState.COMPLETED for state in states)
                shown = places.get(point.id, 1)
            self._kept += is_done * shown

    @property
    def _unit(self) -> str:
        """What is counted while it goes on."""
        return "point" if self._engine.snapshot.has_a_job_for_each_point() else "job"

    def _is_chosen(self, point: SweepPoint) -> bool:
        return self._only is None or self._only(point)

    def _is_wanted(self, point: SweepPoint, state: JobState) -> bool:
        return self._is_chosen(point) and state in WANTED[self._engine.settings.only]

    def make_backend(self, name: str, driver: Driver, target: Target) -> BackendRun:
        """Make what runs one backend."""
        manifest, engine = self._plan.manifest, self._engine
        backend = engine.backends[name] = BackendRun(
            name,
            driver,
            target,
            Terms.of(manifest.backends[name], target, engine.settings.retry),
            random=Random(engine.random.random()),
            tell=engine.tell,
            waits=engine.open_waits(name, is_local=driver.is_local),
            tally=engine.tallies.setdefault(name, Tally()),
            chosen=manifest.stands_for.get(name, ""),
        )
        if target.rates:
            now = engine.snapshot.now()
            past = engine.snapshot.sent_since(name, now - max(r.window_s for r in target.rates))
            # What seems to have been sent later than now was before the clock was set back.
            backend.rates.count_past([(max(0.0, now - at), jobs) for at, jobs in past])
        return backend

    # -- during -------------------------------------------------------------------------------

    async def run(self, backends: list[BackendRun], registered: Registered) -> None:
        """All of it; returns when nothing is left to do, or when it was stopped."""
        engine = self._engine
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.journal.write_steps)
            try:
                backlog = read_backlog(self._plan, engine, backends, self._is_wanted)
                await backlog.forsake(backends)
                await engine.journal.commit(backlog.write)
                await engine.offload(partial(self.count, backlog))
                if engine.tally.total:
                    await engine.offload(_import_numpy)
                # qiskit and numpy are not looked through again: the loop would stall for 100 ms
                gc.freeze()
                engine.tell(
                    Started(
                        self._plan.manifest.name,
                        engine.tally.total,
                        self._kept,
                        registered.added,
                        registered.removed,
                        backlog.in_flight.total(),
                        self._unit,
                    )
                )
                doubles = Doubles(engine, self._plan.manifest, backends)
                await self._run_lanes(backends, backlog, doubles)
                await put_local_back(engine, backends)
                await leave(engine, backends)
                await look_last(engine, doubles)
            finally:
                engine.journal.close()
        engine.tell_progress()

    async def _run_lanes(
        self, backends: list[BackendRun], backlog: Backlog, doubles: Doubles
    ) -> None:
        clouds = [backend.name for backend in backends if not backend.driver.is_local]
        engine = self._engine
        unread: list[str] = []
        read = partial(read_unbilled, engine.snapshot, clouds, unread.append, is_run=True)
        unbilled = await engine.offload(read)  # circuits are parsed
        for text in unread:
            engine.warn(text)
        self._few = await engine.offload(partial(read_few, engine))
        async with trio.open_nursery() as watch:
            watch.start_soon(self._wind_down_when_asked, backends)
            watch.start_soon(self._cancel_when_asked_twice, backends)
            watch.start_soon(self._engine.keep_standing)
            watch.start_soon(doubles.look_forever)
            async with trio.open_nursery() as nursery:
                for backend in backends:
                    resumed, owing = backlog.active_jobs[backend.name], unbilled.get(backend.name)
                    nursery.start_soon(self._run_backend, backend, resumed, owing or ())
            watch.cancel_scope.cancel()

    async def _wind_down_when_asked(self, backends: list[BackendRun]) -> None:
        await self._engine.stop.wait_once()
        async with trio.open_nursery() as nursery:
            for backend in backends:
                nursery.start_soon(backend.wind_down, self._engine.settings.grace_s)

    async def _cancel_when_asked_twice(self, backends: list[BackendRun]) -> None:
        await self._engine.stop.wait_twice()
        for backend in backends:
            backend.scope.cancel()

    async def _run_backend(
        self, backend: BackendRun, resumed: Iterable[ActiveJob], unbilled: Sequence[Unbilled]
    ) -> None:
        async with calibration_kept(self._engine, backend):
            await self._run_in_scope(backend, resumed, unbilled)

    async def _run_in_scope(
        self, backend: BackendRun, resumed: Iterable[ActiveJob], unbilled: Sequence[Unbilled]
    ) -> None:
        with backend.scope:
            async with trio.open_nursery() as pollers:
                pollers.start_soon(backend.poller.poll_forever)
                if self._engine.settings.detach and not backend.driver.is_local:
                    pollers.start_soon(leave_when_sent, self._engine, backend)
                if not backend.driver.is_local:
                    pollers.start_soon(leave_when_nothing_moves, self._engine, backend)
                    pollers.start_soon(leave_when_late, self._engine, backend)
                async with trio.open_nursery() as nursery:
                    start = partial(self._start, nursery, backend)
                    lifecycle = Lifecycle(self._engine, backend, start)
                    for active in await hold_of_other_accounts(self._engine, backend, resumed):
                        self._occupy(backend)
                        nursery.start_soon(self._drive, lifecycle, backend, active)
                    if unbilled:  # before anything is bought: what is given back may be spent
                        await ask_before_buying(self._engine, backend, unbilled)
                    recalibrating = self._recalibrating(nursery, lifecycle, backend)
                    async for active in feed(
                        self._engine, self._plan, self._only, backend, self._few
                    ):
                        recalibrating.sent(active)
                        nursery.start_soon(self._drive, lifecycle, backend, active)
                    backend.has_fed = True
                pollers.cancel_scope.cancel()

    def _recalibrating(
        self, nursery: trio.Nursery, lifecycle: Lifecycle, backend: BackendRun
    ) -> Recalibrating:
        """Have calibrations bought again from now on when they are older than asked."""

        def drive(active: ActiveJob) -> None:
            nursery.start_soon(self._drive, lifecycle, backend, active)

        made = Recalibrating(self._engine, self._plan, self._aging, backend, nursery, drive)
        if self._aging.by_setting:
            backend.on_ran = made.moved
        return made

    def _start(self, nursery: trio.Nursery, backend: BackendRun, active: ActiveJob) -> None:
        """Carry on with a part of a composite job that needs a composite job of its own."""
        lifecycle = Lifecycle(self._engine, backend, partial(self._start, nursery, backend))
        self._occupy(backend)
        nursery.start_soon(self._drive, lifecycle, backend, active)

    def _occupy(self, backend: BackendRun) -> None:
        backend.slots.occupy()
        self._engine.slots.occupy()

    async def _drive(self, lifecycle: Lifecycle, backend: BackendRun, active: ActiveJob) -> None:
        try:
            await lifecycle.drive(active)
        finally:
            backend.slots.free()
            self._engine.slots.free()

    # -- after --------------------------------------------------------------------------------

    def summary(
        self, backends: list[BackendRun], registered: Registered, elapsed_s: float
    ) -> Summary:
        """Say what the run came to, and tell the observer."""
        engine = self._engine
        at_providers = {
            backend.name: number
            for backend in backends
            if (number := sum(len(active.at_work) for active in backend.cut_off))
            and not backend.driver.is_local
        }
        summary = Summary(
            total=engine.tally.total,
            completed=engine.tally.completed,
            states=engine.snapshot.counts_by_state(),
            removed=registered.removed,
            out_of_reach={
                backend.name: backend.error for backend in backends if backend.error is not None
            },
            at_providers=at_providers,
            stopped=engine.stop.reason,
            signal=engine.stop.signal,
            over_budget={
                backend.name: backend.over_budget for backend in backends if backend.over_budget
            },
            not_agreed={
                backend.name: told for backend in backends if (told := backend.told_not_agreed)
            },
            elapsed_s=elapsed_s,
            waits={backend.name: backend.waits.totals() for backend in backends},
            left={backend.name: backend.left for backend in backends if backend.left},
            unit=self._unit,
        )
        engine.tell(Finished(summary))
        return summary
