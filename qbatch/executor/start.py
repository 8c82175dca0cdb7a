"""`run`: from a manifest to a finished run folder; what the command line and notebooks call.

Order: load and expand (all mistakes at once) → open drivers, ask what the targets take, check the
plan against them → the person's word (`approve`) → take the run folder → execute. Nothing is
written before the plan is known to be valid, and nothing is spent before it was approved.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import trio

from qbatch.errors import QbatchError, RunLockedError, SnapshotError, Unavailable
from qbatch.executor.budget import Excess
from qbatch.executor.descriptors import ensure_descriptors
from qbatch.executor.engine import WANTED, Settings
from qbatch.executor.events import Observer, Summary, Warned, ignore
from qbatch.executor.execute import Only, collapsed, execute
from qbatch.executor.stop import Stop, signals_raise, signals_to
from qbatch.job import JobState
from qbatch.manifest import Manifest
from qbatch.plan import Plan, check_targets, expand, expand_file, priced, select
from qbatch.plan.pinning.lock import installed_versions
from qbatch.plan.pricing.limits import check_planned, check_units, dump_limits, limits_of
from qbatch.providers import Driver, Surroundings, Target
from qbatch.providers.kit.permission import read_permission
from qbatch.snapshot import Run, Snapshot, holder_of, set_aside

if TYPE_CHECKING:
    from typing import Unpack

    from qbatch.manifest.models import Backend

Refresh = Callable[[Run], None]
Approve = Callable[[Plan, Mapping[str, Target], Mapping[str, Driver]], None]

#: A refresh may take a tenth of the time; a long one comes less often.
REFRESH_SHARE = 10

#: Time for drivers to close what they have open, seconds.
CLOSE_S = 2.0


class Options(TypedDict, total=False):
    """What `run` and `run_async` take beside the manifest; see `run`."""

    out: str | Path | None
    fresh: bool
    only: Literal["failed", "missing"] | None
    select: str | None
    overrides: Sequence[str]
    trust: bool
    fail_fast: bool | None
    observer: Observer
    refresh: Refresh | None
    refresh_s: float
    approve: Approve | None
    stop: Stop | None
    plan: Plan | None
    surroundings: Surroundings | None
    detach: bool
    max_cost: Mapping[str, float]
    ask_more: Callable[[Excess], float | None] | None
    adapt: Callable[[Backend], Backend] | None
    rehearsal: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Request:
    """`Options` with their defaults."""

    manifest: Manifest | str | Path
    out: str | Path | None = None
    fresh: bool = False
    only: Literal["failed", "missing"] | None = None
    select: str | None = None
    overrides: Sequence[str] = ()
    trust: bool = False
    fail_fast: bool | None = None
    observer: Observer = ignore
    refresh: Refresh | None = None
    refresh_s: float = 5.0
    approve: Approve | None = None
    stop: Stop | None = None
    plan: Plan | None = None
    surroundings: Surroundings | None = None
    detach: bool = False
    max_cost: Mapping[str, float] = field(default_factory=dict)
    ask_more: Callable[[Excess], float | None] | None = None
    adapt: Callable[[Backend], Backend] | None = None
    rehearsal: Mapping[str, Any] | None = None


def run(manifest: Manifest | str | Path, **options: Unpack[Options]) -> Run:
    """Run what is missing of an experiment, and return its results.

    Plain code calls it as it is. Inside a running asyncio loop (a notebook) or trio loop it works
    too: the run then has a thread of its own and the loop waits; inside trio,
    ``await run_async(…)`` does not make it wait.

    Running again does only what is missing. One Ctrl-C stops submitting, saves, and leaves jobs at
    the providers where they are, two leave at once; both raise `KeyboardInterrupt`, unless `stop`
    is given.

    Args:
        manifest: A manifest or its file.
        **options:
            out: The run folder; None: ``runs/NAME`` under the current folder.
            fresh: Set the old run folder aside and begin anew.
            only: "failed": only points that failed or were cancelled; "missing": only those never
                run; None: both.
            select: Only points this expression selects, as ``-k`` takes it.
            overrides: ``path=value`` each, as ``-S`` takes them.
            trust: Python circuits may run, and credentials may go wherever the manifest says.
            fail_fast: Stop at the first job that fails; None: as the manifest says.
            observer: Told of every event (`qbatch.executor.events`), in the run's thread.
            refresh: Called with the run now and then while it goes on, in a thread.
            refresh_s: How often, seconds.
            approve: Called with plan, targets and drivers before anything is spent or written;
                raises `ConsentError` to refuse.
            stop: By which the caller can ask the run to end; then signals are the caller's to
                judge, by `Summary.signal`.
            plan: The manifest's plan, where it was expanded already.
            surroundings: What drivers see of the world; a rehearsal gives its own.
            detach: Return once all that fits is submitted; results come by another call.
            max_cost: Unit -> most that the run may cost in all, earlier calls included. A plan
                known to cost more is refused; where prices are quoted job by job, buying stops.
            ask_more: Where the manifest says ``on_exceed: ask``, called in a thread when a purchase
                would go beyond a limit; returns what the limit is from now on, or None to stop.
            adapt: What a driver is told of a backend of the manifest; None: all of it.
            rehearsal: The facts that mark the run folder as a rehearsal's; None: a real run.

    Returns:
        The run, opened for reading; `Run.summary` says what this call did. Jobs that failed are
        results, not exceptions.

    Raises:
        SourceErrors: The manifest or a circuit is wrong: all mistakes at once.
        ProviderError: A provider cannot be reached, or refuses the credentials.
        SnapshotError: The run folder cannot be used.
        ConsentError: `approve` refused.
    """
    request = _Request(manifest, **options)
    stop = request.stop or Stop()
    request = replace(request, stop=stop)
    if _is_in_a_loop():
        done = _run_in_thread(request, stop)
    else:
        done = trio.run(_run_with_signals, request, stop)
    if options.get("stop") is None:
        _raise_for_signal(stop)
    return done


async def run_async(manifest: Manifest | str | Path, **options: Unpack[Options]) -> Run:
    """`run` for code inside a running trio loop; the options are the same. Handles no signals."""
    return await _run(_Request(manifest, **options))


def wait_described(driver: Driver) -> Target:
    """Ask a driver what its target takes, from plain code.

    Raises:
        ProviderError: It cannot be reached, or refuses the credentials.
    """

    async def ask() -> Target:
        try:
            return await _describe(driver, Settings())
        finally:
            await driver.aclose()

    return trio.run(ask)


def _is_in_a_loop() -> bool:
    if trio.lowlevel.in_trio_run():
        return True
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _run_in_thread(request: _Request, stop: Stop) -> Run:
    """Run in a thread with a trio loop of its own; Ctrl-C in this one asks it to stop."""
    done: list[Run] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(trio.run(_run, request))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="qbatch run")
    thread.start()
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt:
            stop.request("SIGINT", signal_number=signal.SIGINT)
    if failed:
        raise failed[0]
    return done[0]


async def _run_with_signals(request: _Request, stop: Stop) -> Run:
    if threading.current_thread() is not threading.main_thread():
        return await _run(request)
    try:
        async with signals_to(stop):
            return await _run(request)
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    raise AssertionError("unreachable")


def _raise_for_signal(stop: Stop) -> None:
    if stop.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


# -- the run itself -------------------------------------------------------------------------------


async def _run(request: _Request) -> Run:
    from qbatch.providers import open_driver

    ensure_descriptors()
    plan = request.plan or _expand(request)
    manifest = plan.manifest
    folder = Path(request.out) if request.out is not None else Path("runs") / manifest.name
    holder = holder_of(folder)
    if holder is not None:
        raise RunLockedError(holder)
    only = select(request.select, plan.axes, plan.manifest) if request.select is not None else None
    run_id = _run_id(folder, request)
    around = request.surroundings or _surroundings(request, manifest)
    around = replace(around, run_id=run_id)
    settings = _settings(request, plan, around)
    async with AsyncExitStack() as stack:
        drivers = {}
        for name in _backends(plan, only):
            backend = manifest.backends[name]
            driver = open_driver(
                request.adapt(backend) if request.adapt else backend,
                name=name,
                folder=manifest.folder,
                surroundings=around,
            )
            stack.push_async_callback(_close, driver)
            drivers[name] = driver
        _refuse_copy(folder, plan, drivers, only, request)
        targets = priced(await _describe_all(drivers, settings), plan)
        check_targets(plan, targets, drivers)
        check_units(settings.limits, targets, settings.rates)
        if request.max_cost:
            check_planned(settings.limits, plan.summary(targets, only), settings.rates)
        if request.approve is not None:
            with signals_raise():  # who is asked for the price may leave at once
                request.approve(plan, targets, drivers)
        if request.fresh:
            _set_aside(folder, request.observer)
        with _open_snapshot(folder, manifest, drivers, around) as snapshot:
            _note_run(snapshot, request, run_id)
            snapshot.set_meta(limits=dump_limits(settings.limits, settings.rates))
            work = partial(
                execute,
                plan,
                snapshot,
                drivers,
                targets,
                settings=settings,
                observer=request.observer,
                only=only,
                stop=request.stop,
            )
            summary = await _refreshing(work, folder, request, settings)
            snapshot.set_meta(finished_at=_now_text())
    done = Run(folder)
    done.summary = summary
    return done


def _surroundings(request: _Request, manifest: Manifest) -> Surroundings:
    permission = read_permission(os.environ, is_trusted=request.trust or manifest.trust)
    return Surroundings(environ=os.environ, permission=permission)


def _expand(request: _Request) -> Plan:
    if isinstance(request.manifest, Manifest):
        return expand(request.manifest)
    return expand_file(request.manifest, overrides=request.overrides, trust=request.trust)


def _settings(request: _Request, plan: Plan, around: Surroundings) -> Settings:
    manifest = plan.manifest
    settings = replace(
        Settings.of(manifest),
        only=request.only,
        is_inline=around.is_virtual,
        detach=request.detach,
        limits=limits_of(manifest, request.max_cost),
        rates=plan.prices.rates,
        ask_more=request.ask_more if manifest.budget.on_exceed == "ask" else None,
    )
    if request.fail_fast is not None:
        settings = replace(settings, fail_fast=request.fail_fast)
    return settings


def _run_id(folder: Path, request: _Request) -> str:
    """The run folder's own id, or a new one; read before the folder is taken.

    Raises:
        SnapshotError: It is the folder of a rehearsal, and this is none, or the other way round.
    """
    if not request.fresh and (folder / "snapshot.db").exists():
        try:
            known = Run(folder)
        except SnapshotError:  # damaged, or cut off before its first step: taking it will tell
            return secrets.token_hex(8)
        with known:
            found = known.meta.get("run_id")
            if found and known.is_rehearsal != (request.rehearsal is not None):
                raise SnapshotError(_mixed(folder, is_rehearsal=known.is_rehearsal))
        if found:
            return found
    return secrets.token_hex(8)


def _mixed(folder: Path, *, is_rehearsal: bool) -> str:
    if is_rehearsal:
        return (
            f"{folder}: this is a rehearsal, and a run's results are never kept with it; "
            f"name another folder with --out"
        )
    return f"{folder}: this is a run, no rehearsal; name another folder with --out"


def _refuse_copy(
    folder: Path,
    plan: Plan,
    drivers: Mapping[str, Driver],
    only: Only | None,
    request: _Request,
) -> None:
    """Refuse to buy in a copy while the run folder that it was copied from is still there.

    Before the folder is taken, so that nobody is asked in vain; only runs in it change what it
    says of itself.

    Raises:
        SnapshotError: Both would buy the same points, under the same names.
    """
    clouds = {name for name, driver in drivers.items() if not driver.is_local}
    if request.fresh or not clouds:
        return
    try:
        known = Run(folder)
    except SnapshotError:  # there is none yet, or it is damaged: taking it will tell
        return
    with known:
        other = _original_of(known)
        if other is None or not _is_left_to_buy(known, plan, clouds, only, request):
            return
    raise SnapshotError(
        f"{folder} is a copy of {other}, which is still there: both would buy the same points. "
        "Go on in one of them and remove the other, or rename it and never run it; "
        "to buy all of it again, run with another --out"
    )


def _original_of(known: Run) -> Path | None:
    """The folder in which a run was before, where that is another one and still has it."""
    noted = Path(known.meta.get("run_folder") or known.folder)
    try:
        if noted.samefile(known.folder):
            return None
        with Run(noted) as other:
            return noted if other.meta.get("run_id") == known.meta.get("run_id") else None
    except (OSError, SnapshotError):  # gone, or nothing that could go on
        return None


def _is_left_to_buy(
    known: Run, plan: Plan, clouds: Collection[str], only: Only | None, request: _Request
) -> bool:
    states: dict[str, JobState] = {}
    for point, job in known.stored_points():
        if job.state is JobState.SUBMITTING and point.backend in clouds:
            return True  # it is sent again where its cloud does not have it
        states[point.id] = job.state
    wanted = WANTED[request.only]
    return any(
        states.get(point.id, JobState.CREATED) in wanted
        for point in plan.points()
        if point.backend in clouds and (only is None or only(point))
    )


def _backends(plan: Plan, only: Only | None) -> list[str]:
    """Backends with points to run, in the manifest's order."""
    used = {layout.backend for layout in plan.layouts()}
    if only is not None:
        chosen: set[str] = set()
        for point in plan.points():
            if point.backend not in chosen and only(point):
                chosen.add(point.backend)
            if chosen == used:
                break
        used = chosen
    return [name for name in plan.manifest.backends if name in used]


async def _describe_all(drivers: Mapping[str, Driver], settings: Settings) -> dict[str, Target]:
    targets: dict[str, Target] = {}

    async def ask(name: str) -> None:
        targets[name] = await _describe(drivers[name], settings)

    try:
        async with trio.open_nursery() as nursery:
            for name in drivers:
                nursery.start_soon(ask, name)
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    return {name: targets[name] for name in drivers}


async def _describe(driver: Driver, settings: Settings) -> Target:
    random, failures = Random(settings.seed), 0
    while True:
        try:
            return await driver.describe()
        except Unavailable as error:
            failures += 1
            if failures >= settings.retry.attempts:
                raise
            await trio.sleep(settings.retry.pause_s(failures, random, error.retry_after_s))


async def _close(driver: Driver) -> None:
    with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_S):
        await driver.aclose()


def _set_aside(folder: Path, observer: Observer) -> None:
    moved = set_aside(folder)
    if moved is None:
        return
    new_folder, in_flight = moved
    text = f"the old run is in {new_folder}"
    if in_flight:
        text += (
            f"; {in_flight} of its jobs may still be at a provider: `qbatch status {new_folder}`"
        )
    observer(Warned(text))


def _open_snapshot(
    folder: Path, manifest: Manifest, drivers: Mapping[str, Driver], around: Surroundings
) -> Snapshot:
    is_free = all(driver.is_local for driver in drivers.values())
    durability = manifest.run.durability or ("normal" if is_free else "full")
    if not around.is_virtual:
        return Snapshot(folder, durability=durability, now=around.now)
    return Snapshot(folder, durability="normal", now=around.now)


def _note_run(snapshot: Snapshot, request: _Request, run_id: str) -> None:
    known = snapshot.meta().get("run_id", run_id)
    if known != run_id:
        raise RunLockedError(f"{snapshot.folder}: another run began here just now; run again")
    snapshot.set_meta(
        run_id=run_id,
        run_folder=str(snapshot.folder.resolve()),
        versions=json.dumps(installed_versions()),
        selection=request.select or "",
        started_at=_now_text(),
        finished_at="",
        **({} if request.rehearsal is None else {"rehearsal": json.dumps(request.rehearsal)}),
    )


def _now_text() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


async def _refreshing(
    work: Callable[[], Awaitable[Summary]], folder: Path, request: _Request, settings: Settings
) -> Summary:
    """Do the work, and let the person see how it stands meanwhile."""
    if request.refresh is None or settings.is_inline:
        return await work()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_refresh_forever, request.refresh, folder, request)
            summary = await work()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    return summary


async def _refresh_forever(refresh: Refresh, folder: Path, request: _Request) -> None:
    pause_s = request.refresh_s
    while True:
        await trio.sleep(pause_s)
        began = trio.current_time()
        try:
            await trio.to_thread.run_sync(_refresh, refresh, folder, abandon_on_cancel=True)
        except (QbatchError, OSError) as error:
            request.observer(Warned(f"the report could not be refreshed: {error}"))
        pause_s = max(request.refresh_s, REFRESH_SHARE * (trio.current_time() - began))


def _refresh(refresh: Refresh, folder: Path) -> None:
    with Run(folder) as current:
        refresh(current)
