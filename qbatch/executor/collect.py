"""Seeing to what is at the providers already, without sending anything: `fetch` and `cancel`.

Rules: nothing is submitted and no plan is made; what was ordered is read from the snapshot, so
neither the manifest nor a circuit file is needed any more. A provider that cannot be asked leaves
its jobs where they are and keeps no other from being asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import trio

from qbatch.errors import CredentialsError, Misspoke, ProviderError, Refused
from qbatch.executor.accounts import hold_of_other_accounts
from qbatch.executor.active import ActiveJob
from qbatch.executor.backend_run import BackendRun, Terms
from qbatch.executor.bills import Unbilled, ask_for_bills, read_unbilled
from qbatch.executor.calibrating import calibration_kept
from qbatch.executor.describing import describe
from qbatch.executor.descriptors import ensure_descriptors
from qbatch.executor.doubles import Doubles
from qbatch.executor.doubts import MAX_LOOKS
from qbatch.executor.engine import Engine, Settings
from qbatch.executor.events import Observer, Started, Summary, Warned
from qbatch.executor.execute import collapsed
from qbatch.executor.fetching import fetch
from qbatch.executor.journal import Journal
from qbatch.executor.lifecycle import Lifecycle
from qbatch.executor.looking import LookingOnly
from qbatch.executor.notices.hooks import Hooks, hooks_of
from qbatch.executor.notices.notices import Notices
from qbatch.executor.pace import PollPace, Slots
from qbatch.executor.resume import stored_active
from qbatch.executor.steps import Steps
from qbatch.executor.stop import Stop
from qbatch.executor.tally import Tally
from qbatch.executor.waits import Waits
from qbatch.job import JobState
from qbatch.providers import (
    Driver,
    Price,
    Surroundings,
    Target,
    is_here,
    open_driver,
)
from qbatch.purchase import Next
from qbatch.snapshot import Run, Snapshot
from qbatch.snapshot.estimates import analysis_key

if TYPE_CHECKING:
    from qbatch.manifest import Manifest

#: How long `cancel` waits for the providers' word, seconds.
CONFIRM_S = 30.0

#: Which of a run's points are meant, by id; None: all.
Chosen = Callable[[str], bool] | None

#: What to do about one backend's composite jobs.
Errand = Callable[["_Collector", Sequence[ActiveJob]], Awaitable[None]]


def fetch_run(
    folder: Path, *, wait: bool, observer: Observer, surroundings: Surroundings | None = None
) -> Run:
    """Ask every provider about what is in flight, and download what is finished.

    Who is told when the run ends (``run: {notify: …}``) is told where nothing is left there.

    Args:
        folder: The run folder.
        wait: Until nothing is at a provider any more; else ask once.
        observer: Told of every move.
        surroundings: What the drivers may see of the world; None: this process's environment.

    Returns:
        The run; `Run.summary` says what this call did.

    Raises:
        SnapshotError: The run folder cannot be used.
    """
    errand = partial(_Collector.bring_home, wait=wait)
    return _collect(folder, errand, observer, surroundings, with_bills=True)


def cancel_run(
    folder: Path,
    chosen: Chosen,
    *,
    observer: Observer,
    surroundings: Surroundings | None = None,
) -> Run:
    """Cancel jobs at their providers, and note what the providers say came of it.

    Results of jobs that were done before they could be cancelled are fetched. Composite jobs
    without a chosen job are not asked about. See `fetch_run`.
    """
    errand = partial(_Collector.cancel, chosen=chosen)
    return _collect(folder, errand, observer, surroundings, chosen)


def _collect(
    folder: Path,
    errand: Errand,
    observer: Observer,
    surroundings: Surroundings | None,
    chosen: Chosen = None,
    *,
    with_bills: bool = False,
) -> Run:
    ensure_descriptors()
    with Run(folder) as run:
        manifest, run_id, known = run.manifest, run.meta.get("run_id", ""), run.targets
        tells = with_bills and not run.is_rehearsal
    prices = {name: Price(**target["price"]) for name, target in known.items()}
    around = surroundings or Surroundings.of_this_process()
    around = replace(around, run_id=run_id, run_folder=folder.absolute(), only_sees=True)
    notices = _notices(manifest, around, observer, tells=tells)
    try:
        summary = trio.run(
            _run, folder, manifest, prices, around, errand, notices, chosen, with_bills
        )
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    done = Run(folder)
    done.summary = summary
    return done


def _notices(
    manifest: Manifest, around: Surroundings, observer: Observer, *, tells: bool
) -> Notices:
    """Who is told; that one may not be keeps nothing at the clouds."""
    hooks = Hooks()
    if tells:
        try:
            hooks = hooks_of(manifest, around)
        except CredentialsError as error:  # the person did not agree, or a secret is not there
            observer(Warned(f"nobody is told when the run ends: {error}"))
    return Notices(hooks, manifest.name, observer)


async def _run(
    folder: Path,
    manifest: Manifest,
    prices: Mapping[str, Price],
    around: Surroundings,
    errand: Errand,
    notices: Notices,
    chosen: Chosen,
    with_bills: bool,
) -> Summary:
    with Snapshot(folder) as snapshot:
        engine = _make_engine(snapshot, manifest, notices.observe)
        in_flight = _read_active_jobs(engine, manifest)
        active_jobs = _with_chosen(in_flight, chosen)
        for name, theirs in active_jobs.items():
            number = sum(len(active.at_work) + len(_held(active)) for active in theirs)
            engine.expect(name, number)
        unit = "point" if snapshot.has_a_job_for_each_point() else "job"
        engine.tell(Started(manifest.name, engine.tally.total, unit=unit))
        around = replace(around, tell=engine.steps.tell)
        there = [name for name, each in manifest.backends.items() if not is_here(each)]
        unbilled = read_unbilled(snapshot, there, engine.warn) if with_bills else {}
        visits = _Backends(engine, manifest, prices, around, unbilled)
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.journal.write_steps)
            try:
                async with trio.open_nursery() as watch:
                    watch.start_soon(engine.keep_standing)
                    async with trio.open_nursery() as backends:
                        for name in {**active_jobs, **unbilled}:
                            theirs = active_jobs.get(name, [])
                            backends.start_soon(visits.visit, name, theirs, errand)
                    watch.cancel_scope.cancel()
            finally:
                engine.journal.close()
        summary = Summary(
            total=engine.tally.total,
            completed=engine.tally.completed,
            states=snapshot.counts_by_state(),
            out_of_reach=visits.out_of_reach,
            at_providers=_at_work(in_flight),
            elapsed_s=trio.current_time() - started,
            unit=unit,
            untold=notices.failures,
        )
        if visits.out_of_reach or not summary.at_providers:
            notices.end(snapshot, summary)
        return summary


def _at_work(in_flight: Mapping[str, Sequence[ActiveJob]]) -> dict[str, int]:
    """Backend -> jobs that it may still hold, where there are any."""
    numbers = {name: sum(len(each.at_work) for each in jobs) for name, jobs in in_flight.items()}
    return {name: number for name, number in numbers.items() if number}


def _with_chosen(
    in_flight: Mapping[str, Sequence[ActiveJob]], chosen: Chosen
) -> dict[str, list[ActiveJob]]:
    """Of each backend the composite jobs that have a chosen job; without any it is left out."""
    found = {
        name: [active for active in theirs if chosen is None or any(map(chosen, active.rows))]
        for name, theirs in in_flight.items()
    }
    return {name: theirs for name, theirs in found.items() if theirs}


def _held(active: ActiveJob) -> list[str]:
    return active.ids_in(JobState.HELD)


def _make_engine(snapshot: Snapshot, manifest: Manifest, observer: Observer) -> Engine:
    settings, stop = Settings.of(manifest), Stop()
    stop.attach()
    return Engine(
        snapshot,
        Journal(snapshot, is_inline=False),
        settings,
        stop,
        observer,
        manifest.analysis,
        analysis_key(manifest.analysis),
        Slots(settings.max_in_flight),
        Random(settings.seed),
        steps=Steps(observer),
    )


def _read_active_jobs(engine: Engine, manifest: Manifest) -> dict[str, list[ActiveJob]]:
    """Backend -> what a provider may hold for us there; what ran on this machine is not meant."""
    found: dict[str, list[ActiveJob]] = defaultdict(list)
    here = {name for name, each in manifest.backends.items() if is_here(each)}
    for stored in engine.snapshot.open_composites():
        if stored.stage == "created" or stored.backend in here:
            continue
        active = stored_active(engine.snapshot, stored)
        if stored.backend in manifest.backends:
            found[stored.backend].append(active)
        elif number := len(active.at_work) + len(_held(active)):
            engine.warn(
                f"{number} jobs are in flight on backend {stored.backend!r}, which the manifest "
                "does not have any more; run it with that backend to fetch them"
            )
    return found


class _Backends:
    """Opens a driver for each backend, and sees to its composite jobs."""

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        prices: Mapping[str, Price],
        surroundings: Surroundings,
        unbilled: Mapping[str, Sequence[Unbilled]],
    ) -> None:
        self._engine = engine
        self._manifest = manifest
        self._unbilled = unbilled
        #: Those that the jobs were bought at.
        self._prices = prices
        self._surroundings = surroundings
        self.out_of_reach: dict[str, ProviderError] = {}

    async def visit(self, name: str, active_jobs: Sequence[ActiveJob], errand: Errand) -> None:
        """See to one backend's composite jobs, and to bills that it owes."""
        driver, unbilled = None, self._unbilled.get(name, ())
        batches = [f.batch for f in active_jobs] + [each.batch for each in unbilled]
        try:
            driver = open_driver(
                self._manifest.backends[name],
                name=name,
                folder=self._manifest.folder,
                surroundings=self._surroundings,
                settings={order.settings: None for batch in batches for order in batch.orders},
            )
            waits = self._engine.open_waits(name, is_local=driver.is_local)
            retry = self._engine.settings.retry
            target = await describe(driver, retry, self._engine.random, waits)
            target = replace(target, price=self._prices.get(name, target.price))
            backend = self._make_backend(name, driver, target, waits)
        except ProviderError as error:
            self._miss(name, error, is_needed=bool(active_jobs))
            if driver is not None:
                await driver.aclose()
            return
        try:
            with backend.scope:
                collector = _Collector(self._engine, backend)
                ours = await hold_of_other_accounts(self._engine, backend, active_jobs)
                async with calibration_kept(self._engine, backend):
                    await collector.settle(ours)
                    await errand(collector, ours)
                await ask_for_bills(self._engine, backend, unbilled)
                await Doubles(self._engine, self._manifest, [backend]).look()
        finally:
            await driver.aclose()
        if backend.error is not None:
            self._miss(name, backend.error, is_needed=bool(active_jobs))

    def _miss(self, name: str, error: ProviderError, *, is_needed: bool) -> None:
        """A provider cannot be asked; where only bills are due, that is told and no more."""
        if is_needed:
            self.out_of_reach[name] = error
        else:
            self._engine.warn(f"{name} cannot be asked for bills that are due: {error}")

    def _make_backend(self, name: str, driver: Driver, target: Target, waits: Waits) -> BackendRun:
        engine, declared = self._engine, self._manifest.backends[name]
        backend = engine.backends[name] = BackendRun(
            name,
            driver,
            target,
            Terms.of(declared, target, engine.settings.retry),
            random=Random(engine.random.random()),
            tell=engine.tell,
            waits=waits,
            tally=engine.tallies.setdefault(name, Tally()),
        )
        return backend


def _let_be(active: ActiveJob) -> None:
    """What the provider certainly never took is `created` again; nothing is sent here."""
    del active


class _Collector(Lifecycle):
    """A lifecycle that sends nothing."""

    def __init__(self, engine: Engine, backend: BackendRun) -> None:
        super().__init__(engine, backend, _let_be)
        self._looking = LookingOnly(engine, backend)

    async def settle(self, active_jobs: Iterable[ActiveJob]) -> None:
        """Find out what became of whatever was being sent, or is held."""
        for active in active_jobs:
            self._backend.enter(active)
            while active.ids_then(Next.LOOK) and active.looks < MAX_LOOKS:
                await trio.sleep_until(active.look_at)
                await self._look(active)

    async def bring_home(self, active_jobs: Sequence[ActiveJob], *, wait: bool) -> None:
        """Poll, once or until all are at their ends; download what is finished."""
        pace = PollPace(self._backend.target.poll_s, self._backend.random)
        while True:
            await self._ask(active_jobs)
            if not wait or not any(active.at_work for active in active_jobs):
                return
            await trio.sleep(pace.next_s())

    async def cancel(self, active_jobs: Sequence[ActiveJob], *, chosen: Chosen) -> None:
        """Ask for the chosen jobs to be cancelled; wait a while for the provider's word."""
        for active in active_jobs:
            keys = _chosen_of(active, chosen)
            if keys:
                try:
                    await self._cancel(active, keys)
                except (Refused, Misspoke) as error:
                    self._backend.warn(f"cancelling failed: {error}")
        pace = PollPace(self._backend.target.poll_s, self._backend.random)
        with trio.move_on_after(CONFIRM_S):
            while any(_chosen_of(active, chosen) for active in active_jobs):
                await self._ask(active_jobs)
                await trio.sleep(pace.next_s())

    async def _cancel(self, active: ActiveJob, keys: Sequence[str]) -> None:
        updates = await self._backend.read(
            lambda: self._backend.driver.cancel(active.current(), keys)
        )
        await self._take_news(active, updates)
        await self._finish(active)

    async def _ask(self, active_jobs: Sequence[ActiveJob]) -> None:
        """One poll for all, and whatever follows from it."""
        for active in active_jobs:
            if active.ids_then(Next.LOOK) and active.look_at <= trio.current_time():
                await self._look(active)
        open_ones = [active for active in active_jobs if active.ids_then(Next.POLL)]
        if open_ones:
            await self._poll(open_ones)
        for active in active_jobs:
            await self._finish(active)

    async def _poll(self, active_jobs: Sequence[ActiveJob]) -> None:
        try:
            await self._backend.poller.ask(active_jobs)
        except (Refused, Misspoke) as error:
            self._backend.warn(f"asking failed: {error}")
            return
        for active in active_jobs:
            news, active.inbox = active.inbox, []
            await self._take_news(active, news)

    async def _finish(self, active: ActiveJob) -> None:
        while active.ids_then(Next.FETCH):
            await fetch(self._engine, self._backend, active, self._moves)
        if not active.at_work and active.stage not in ("created", "closed"):
            await self._release(active)


def _chosen_of(active: ActiveJob, chosen: Chosen) -> list[str]:
    return [key for key in active.at_work if chosen is None or chosen(key)]
