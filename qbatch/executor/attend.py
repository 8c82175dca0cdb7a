"""Seeing to what is at the providers already, without sending anything: `fetch` and `cancel`.

Rules: nothing is submitted and no plan is made; what was ordered is read from the snapshot, so
neither the manifest nor a circuit file is needed any more. A provider that cannot be asked leaves
its jobs where they are and keeps no other from being asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import trio

from qbatch.errors import Misspoke, ProviderError, Refused, Unavailable
from qbatch.executor.accounts import hold_foreign
from qbatch.executor.carry import CUT_OFF, Carrier
from qbatch.executor.descriptors import ensure_descriptors
from qbatch.executor.doubts import MAX_LOOKS
from qbatch.executor.engine import Engine, Settings
from qbatch.executor.events import Observer, Started, Summary
from qbatch.executor.execute import collapsed
from qbatch.executor.fetching import fetch
from qbatch.executor.flight import Flight
from qbatch.executor.journal import Journal
from qbatch.executor.lane import Lane
from qbatch.executor.pace import PollPace, Slots
from qbatch.executor.resume import stored_flight
from qbatch.executor.stop import Stop
from qbatch.executor.waits import Cause, Waits
from qbatch.job import JobState
from qbatch.providers import (
    Answer,
    Driver,
    Price,
    Repeatable,
    Surroundings,
    Target,
    Unclear,
    open_driver,
)
from qbatch.snapshot import Run, Snapshot
from qbatch.snapshot.estimates import analysis_key

if TYPE_CHECKING:
    from qbatch.manifest import Manifest

#: How long `cancel` waits for the providers' word, seconds.
CONFIRM_S = 30.0

#: What to do about a purchase of which only sending it again tells.
FOUND_BY_RUN = "`qbatch run` sends the same again under its key, which finds it"

#: Which of a run's points are meant, by id; None: all.
Chosen = Callable[[str], bool] | None

#: What to do about one backend's flights.
Errand = Callable[["_Attendant", Sequence[Flight]], Awaitable[None]]


def fetch_run(
    folder: Path, *, wait: bool, observer: Observer, surroundings: Surroundings | None = None
) -> Run:
    """Ask every provider about what is in flight, and download what is finished.

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
    return _attend(folder, partial(_Attendant.bring_home, wait=wait), observer, surroundings)


def cancel_run(
    folder: Path,
    chosen: Chosen,
    *,
    observer: Observer,
    surroundings: Surroundings | None = None,
) -> Run:
    """Cancel jobs at their providers, and note what the providers say came of it.

    Results of jobs that were done before they could be cancelled are fetched. See `fetch_run`.
    """
    return _attend(folder, partial(_Attendant.cancel, chosen=chosen), observer, surroundings)


def _attend(
    folder: Path, errand: Errand, observer: Observer, surroundings: Surroundings | None
) -> Run:
    ensure_descriptors()
    with Run(folder) as run:
        manifest, run_id, known = run.manifest, run.meta.get("run_id", ""), run.targets
    prices = {name: Price(**target["price"]) for name, target in known.items()}
    around = replace(surroundings or Surroundings.of_this_process(), run_id=run_id)
    try:
        summary = trio.run(_run, folder, manifest, prices, around, errand, observer)
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    done = Run(folder)
    done.summary = summary
    return done


async def _run(
    folder: Path,
    manifest: Manifest,
    prices: Mapping[str, Price],
    around: Surroundings,
    errand: Errand,
    observer: Observer,
) -> Summary:
    with Snapshot(folder) as snapshot:
        engine = _make_engine(snapshot, manifest, observer)
        flights = _read_flights(engine, manifest)
        engine.tally.total = sum(len(f.at_work) + len(_held(f)) for f in _all(flights))
        engine.tell(Started(manifest.name, engine.tally.total))
        office = _Office(engine, manifest, prices, around)
        started = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.journal.write_steps)
            try:
                async with trio.open_nursery() as lanes:
                    for name, theirs in flights.items():
                        lanes.start_soon(office.attend, name, theirs, errand)
            finally:
                engine.journal.close()
        return Summary(
            total=engine.tally.total,
            completed=engine.tally.completed,
            states=snapshot.counts_by_state(),
            out_of_reach=office.out_of_reach,
            at_providers={
                n: k for n, f in flights.items() if (k := sum(len(g.at_work) for g in f))
            },
            elapsed_s=trio.current_time() - started,
        )


def _all(flights: Mapping[str, Sequence[Flight]]) -> Iterable[Flight]:
    return (flight for theirs in flights.values() for flight in theirs)


def _held(flight: Flight) -> list[str]:
    return flight.ids_in(JobState.HELD)


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
    )


def _read_flights(engine: Engine, manifest: Manifest) -> dict[str, list[Flight]]:
    """Backend -> what a provider may hold for us there; what ran on this machine is not meant."""
    found: dict[str, list[Flight]] = defaultdict(list)
    for stored in engine.snapshot.open_composites():
        backend = manifest.backends.get(stored.backend)
        if stored.stage == "created" or (backend is not None and backend.provider == "local"):
            continue
        flight = stored_flight(engine.snapshot, stored)
        if backend is not None:
            found[stored.backend].append(flight)
        elif number := len(flight.at_work) + len(_held(flight)):
            engine.warn(
                f"{number} jobs are in flight on backend {stored.backend!r}, which the manifest "
                "does not have any more; run it with that backend to fetch them"
            )
    return found


class _Office:
    """Opens a driver and a lane for each backend, and sees to its flights."""

    def __init__(
        self,
        engine: Engine,
        manifest: Manifest,
        prices: Mapping[str, Price],
        surroundings: Surroundings,
    ) -> None:
        self._engine = engine
        self._manifest = manifest
        #: Those that the jobs were bought at.
        self._prices = prices
        self._surroundings = surroundings
        self.out_of_reach: dict[str, ProviderError] = {}

    async def attend(self, name: str, flights: Sequence[Flight], errand: Errand) -> None:
        """See to one backend's flights."""
        driver = None
        try:
            driver = open_driver(
                self._manifest.backends[name],
                name=name,
                folder=self._manifest.folder,
                surroundings=self._surroundings,
                settings={order.settings: None for f in flights for order in f.batch.orders},
            )
            target = await self._describe(driver)
            target = replace(target, price=self._prices.get(name, target.price))
            lane = self._make_lane(name, driver, target)
        except ProviderError as error:
            self.out_of_reach[name] = error
            if driver is not None:
                await driver.aclose()
            return
        try:
            with lane.scope:
                attendant = _Attendant(self._engine, lane, _let_be)
                ours = await hold_foreign(self._engine, lane, flights)
                await attendant.settle(ours)
                await errand(attendant, ours)
        finally:
            await driver.aclose()
        if lane.error is not None:
            self.out_of_reach[name] = lane.error

    async def _describe(self, driver: Driver) -> Target:
        retry, failures = self._engine.settings.retry, 0
        while True:
            try:
                return await driver.describe()
            except Unavailable as error:
                failures += 1
                if failures >= retry.attempts:
                    raise
                pause_s = retry.pause_s(failures, self._engine.random, error.retry_after_s)
                await trio.sleep(pause_s)

    def _make_lane(self, name: str, driver: Driver, target: Target) -> Lane:
        return Lane(
            name,
            driver,
            target,
            in_flight=target.in_flight,
            limited_by=Cause.TARGET_LIMIT,
            timeout_s=self._manifest.backends[name].timeout_s,
            retry=self._engine.settings.retry,
            random=Random(self._engine.random.random()),
            tell=self._engine.tell,
            waits=Waits(),
        )


def _let_be(flight: Flight) -> None:
    """What the provider certainly never took is `created` again; nothing is sent here."""
    del flight


class _Attendant(Carrier):
    """A carrier that sends nothing."""

    async def settle(self, flights: Iterable[Flight]) -> None:
        """Find out what became of whatever was being sent, or is held."""
        for flight in flights:
            self._lane.enter(flight)
            if flight.ids_in(JobState.SUBMITTING, JobState.HELD):
                await self._look(flight, CUT_OFF, also_held=True)
            while flight.look_at < math.inf and flight.looks < MAX_LOOKS:
                await trio.sleep_until(flight.look_at)
                await self._look(flight, flight.doubt)

    async def _repeat(self, flight: Flight, told: Sequence[Answer]) -> Sequence[Answer]:
        """Hold it: what never reached its provider would be bought by that."""
        return [
            Unclear(one.job_id, error=f"{one.error}; {FOUND_BY_RUN}")
            if isinstance(one, Repeatable)
            else one
            for one in told
        ]

    async def bring_home(self, flights: Sequence[Flight], *, wait: bool) -> None:
        """Poll, once or until all are at their ends; download what is finished."""
        pace = PollPace(self._lane.target.poll_s, self._lane.random)
        while True:
            await self._ask(flights)
            if not wait or not any(flight.at_work for flight in flights):
                return
            await trio.sleep(pace.next_s())

    async def cancel(self, flights: Sequence[Flight], *, chosen: Chosen) -> None:
        """Ask for the chosen jobs to be cancelled; wait a while for the provider's word."""
        for flight in flights:
            keys = _chosen_of(flight, chosen)
            if keys:
                try:
                    await self._cancel(flight, keys)
                except (Refused, Misspoke) as error:
                    self._lane.warn(f"cancelling failed: {error}")
        pace = PollPace(self._lane.target.poll_s, self._lane.random)
        with trio.move_on_after(CONFIRM_S):
            while any(_chosen_of(flight, chosen) for flight in flights):
                await self._ask(flights)
                await trio.sleep(pace.next_s())

    async def _cancel(self, flight: Flight, keys: Sequence[str]) -> None:
        updates = await self._lane.read(lambda: self._lane.driver.cancel(flight.current(), keys))
        await self._take_news(flight, updates)
        await self._finish(flight)

    async def _ask(self, flights: Sequence[Flight]) -> None:
        """One poll for all, and whatever follows from it."""
        for flight in flights:
            if flight.look_at <= trio.current_time():
                await self._look(flight, flight.doubt)
        open_ones = [flight for flight in flights if flight.at_provider]
        if open_ones:
            await self._poll(open_ones)
        for flight in flights:
            await self._finish(flight)

    async def _poll(self, flights: Sequence[Flight]) -> None:
        try:
            await self._lane.ask(flights)
        except (Refused, Misspoke) as error:
            self._lane.warn(f"asking failed: {error}")
            return
        for flight in flights:
            news, flight.inbox = flight.inbox, []
            await self._take_news(flight, news)

    async def _finish(self, flight: Flight) -> None:
        while flight.ripe:
            await fetch(self._engine, self._lane, flight, self._moves)
        if not flight.at_work and flight.stage not in ("created", "closed"):
            await self._release(flight)


def _chosen_of(flight: Flight, chosen: Chosen) -> list[str]:
    return [key for key in flight.at_work if chosen is None or chosen(key)]
