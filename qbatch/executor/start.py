"""`run`: from a manifest to a finished run folder; what the command line and notebooks call.

Order: load and expand (all mistakes at once) → open drivers, ask what the targets take, check the
plan against them → the person's word (`approve`) → take the run folder → execute. Nothing is
written before the plan is known to be valid, and nothing is spent before it was approved.
"""

from __future__ import annotations

import secrets
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import trio

from qbatch.accuracy.standing import decided_in
from qbatch.errors import (
    NotAgreed,
    OverBudget,
    QbatchError,
    RunLockedError,
    SelectionError,
    SnapshotError,
)
from qbatch.executor.agreed import Agreed
from qbatch.executor.consent import (
    Asking,
    agreed_to,
    begun_in,
    is_at_quotes,
    limits_agreed,
    offer_of,
    read_approval,
)
from qbatch.executor.copies import refuse_copy
from qbatch.executor.deciding import Inquiry, decide, decided_before
from qbatch.executor.describing import describe
from qbatch.executor.descriptors import ensure_descriptors
from qbatch.executor.engine import WANTED, Settings
from qbatch.executor.events import Observer, Summary, Waiting, Warned
from qbatch.executor.execute import Only, collapsed, execute
from qbatch.executor.holding import begin_anew, finish, open_snapshot
from qbatch.executor.notices.hooks import Hooks, hooks_of
from qbatch.executor.notices.notices import Notices, warn_of
from qbatch.executor.noting import note_run
from qbatch.executor.options import Options, Refresh, keywords
from qbatch.executor.quoting import ask_quotes
from qbatch.executor.retry import Retry
from qbatch.executor.reuse import NOTHING, Gathered, gathered, offer_with, take
from qbatch.executor.rounds import Rounds
from qbatch.executor.selecting import chosen
from qbatch.executor.steps import Steps
from qbatch.executor.stop import Stop, signals_raise, signals_to
from qbatch.executor.waits import Waits
from qbatch.manifest import Manifest, override_manifest
from qbatch.plan import (
    Plan,
    SavedPlan,
    check_targets,
    expand,
    priced,
    read_file,
)
from qbatch.plan.pricing.limits import check_units, dump_limits, limits_of
from qbatch.plan.pricing.offer import Offer
from qbatch.providers import Driver, Surroundings, Target
from qbatch.snapshot import (
    Run,
    Snapshot,
    check_made,
    check_owner,
    holder_of,
    run_folder_of,
)
from qbatch.snapshot.borrowing import Borrower
from qbatch.state import state_folder

Work = Callable[[], Awaitable[Run]]

#: A refresh may take a tenth of the time; a long one comes less often.
REFRESH_SHARE = 10

#: Time for drivers to close what they have open, seconds.
CLOSE_S = 2.0


@keywords(Options)
def run(manifest: Manifest | str | Path, options: Options) -> Run:
    """What `qbatch.run` does, with its options and errors; the run is opened as it is stored."""
    return _all_bought(_warning(run_with(manifest, _as_agreed(options))))


@keywords(Options)
async def run_async(manifest: Manifest | str | Path, options: Options) -> Run:
    """`run` for code inside a running trio loop; the options are the same. Handles no signals."""
    return _all_bought(_warning(await run_async_with(manifest, _as_agreed(options))))


def _warning(done: Run) -> Run:
    """The run; who could not be told of it is warned of, once that is known."""
    summary: Summary = done.summary
    if summary.untold is not list:
        threading.Thread(target=warn_of, args=(summary.untold,), daemon=True).start()
    return done


def _all_bought(done: Run) -> Run:
    """The run, where all that was wanted could be bought.

    Raises:
        NotAgreed: Something of it was not agreed to.
        OverBudget: A limit was in the way.
    """
    summary: Summary = done.summary
    if summary.not_agreed:
        raise NotAgreed(done, summary.not_agreed)
    if summary.over_budget:
        raise OverBudget(done, summary.over_budget)
    return done


def run_with(manifest: Manifest | str | Path, options: Options) -> Run:
    """`run`, its options as one value, `approve` as `read_approval` returns it."""
    stop = options.stop or Stop()
    work = partial(run_async_with, manifest, replace(options, stop=stop))
    done = _run_in_thread(work, stop) if _is_in_a_loop() else trio.run(_with_signals, work, stop)
    if options.stop is None:
        _raise_for_signal(stop)
    return done


def wait_described(driver: Driver) -> Target:
    """Ask a driver what its target takes, from plain code.

    Raises:
        ProviderError: It cannot be reached, or refuses the credentials.
    """

    async def ask() -> Target:
        try:
            return await describe(driver, Retry(), Random(0), Waits())
        finally:
            await driver.aclose()

    return trio.run(ask)


def _is_in_a_loop() -> bool:
    if trio.lowlevel.in_trio_run():
        return True
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def _run_in_thread(work: Work, stop: Stop) -> Run:
    """Run in a thread with a trio loop of its own; Ctrl-C in this one asks it to stop."""
    done: list[Run] = []
    failed: list[BaseException] = []

    def run_here() -> None:
        try:
            done.append(trio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run_here, name="qbatch run")
    thread.start()
    while thread.is_alive():
        try:
            thread.join()
        except KeyboardInterrupt:
            stop.request("SIGINT", signal_number=signal.SIGINT)
    if failed:
        raise failed[0]
    return done[0]


async def _with_signals(work: Work, stop: Stop) -> Run:
    if threading.current_thread() is not threading.main_thread():
        return await work()
    try:
        async with signals_to(stop):
            return await work()
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    raise AssertionError("unreachable")


def _raise_for_signal(stop: Stop) -> None:
    if stop.signal == signal.SIGINT:
        raise KeyboardInterrupt
    if stop.signal is not None:
        raise SystemExit(128 + stop.signal)


# -- the run itself -------------------------------------------------------------------------------


def _free_folder(manifest: Manifest, options: Options) -> Path:
    """Return the run folder of a manifest.

    Raises:
        SnapshotError: It is another manifest's.
        RunLockedError: Another runner holds it.
    """
    folder = Path(options.out) if options.out is not None else run_folder_of(manifest)
    check_owner(folder, manifest)
    if manifest.is_made:
        check_made(folder, manifest.name, manifest.text)
    holder = holder_of(folder)
    if holder is not None:
        raise RunLockedError(holder)
    return folder


def _open_drivers(
    stack: AsyncExitStack, plan: Plan, only: Only | None, options: Options, around: Surroundings
) -> dict[str, Driver]:
    """Open the drivers of a plan's backends; the stack closes them."""
    from qbatch.providers import open_driver

    drivers = {}
    for name, set_to in plan.backends_used(only).items():
        backend = plan.manifest.backends[name]
        driver = open_driver(
            options.adapt(backend) if options.adapt else backend,
            name=name,
            folder=plan.manifest.folder,
            surroundings=around,
            settings=set_to,
        )
        stack.push_async_callback(_close, driver)
        drivers[name] = driver
    return drivers


async def run_async_with(source: Manifest | str | Path, options: Options) -> Run:
    """`run_async`, its options as one value, `approve` as `read_approval` returns it."""
    ensure_descriptors()
    plan = options.plan or expand(await _decided(source, options))
    manifest = plan.manifest
    folder = _free_folder(manifest, options)
    plan.wanted = {} if options.fresh else decided_in(folder, plan)
    only = chosen(options, plan, folder)
    around = options.surroundings or _surroundings(options, manifest)
    notices = _notices(manifest, options, around)
    options = replace(options, observer=notices.observe)
    steps, run_id = Steps(options.observer), _run_id(folder, options)
    around = replace(around, run_id=run_id, run_folder=folder.absolute(), tell=steps.tell)
    settings = _settings(options, plan, around, notices)
    async with AsyncExitStack() as stack:
        drivers = _open_drivers(stack, plan, only, options, around)
        if not options.fresh:
            refuse_copy(folder, plan, drivers, only, WANTED[options.only])
        targets = priced(await _describe_all(drivers, settings, around, options.observer), plan)
        check_targets(plan, targets, drivers, None if options.fresh else lambda: begun_in(folder))
        check_units(settings.limits, targets, settings.rates, manifest.questions)
        others = _others(options, plan, targets, folder)
        known = None if options.fresh else folder
        at = partial(offer_of, plan=plan, targets=targets, drivers=drivers, only=only)
        offer_in = partial(at, settings=settings, now=around.now)
        offer = offer_with(others, known, plan, around.now, offer_in)
        await _tell_before(offer, options)
        with signals_raise():  # who is asked for the price may leave at once
            agreed = agreed_to(options.approve, offer)
        if options.fresh:
            begin_anew(folder, options.observer)
        with open_snapshot(folder, manifest, drivers, around) as snapshot:
            note_run(snapshot, options, run_id, manifest)
            _count_elsewhere(snapshot, drivers, around)
            take(snapshot, others, plan)
            snapshot.set_meta(limits=dump_limits(settings.limits, settings.rates))
            work = partial(_run_offer, offer, agreed, snapshot, settings, options, steps)
            with notices.of_a_break():
                summary = await _refreshing(work, folder, options, settings)
            states = finish(snapshot, plan, targets, options.observer)
            summary = replace(summary, states=states or summary.states, untold=notices.failures)
            notices.end(snapshot, summary)
            await settings.offload(snapshot.close)  # its seal is made of all of the file
    done = Run(folder)
    done.summary = summary
    return done


async def _run_offer(
    offer: Offer,
    agreed: Agreed | None,
    snapshot: Borrower,
    settings: Settings,
    options: Options,
    steps: Steps,
) -> Summary:
    """Run what was agreed to, in as many rounds as its points want."""
    plan, targets, only = offer.plan, offer.targets, offer.only
    execution = partial(
        execute,
        *(plan, snapshot, offer.drivers, targets),
        observer=options.observer,
        only=only,
        stop=options.stop,
        steps=steps,
        agreed=agreed,
    )
    rounds = Rounds(plan, snapshot, settings, options.observer, only, targets)
    return await rounds.run(lambda settings: execution(settings=settings))


def _notices(manifest: Manifest, options: Options, around: Surroundings) -> Notices:
    """Who is told of a run: nobody of a rehearsal."""
    hooks = Hooks() if options.rehearsal is not None else hooks_of(manifest, around)
    return Notices(hooks, manifest.name, options.observer)


def _others(options: Options, plan: Plan, targets: Mapping[str, Target], folder: Path) -> Gathered:
    """What other runs have: nothing for a rehearsal, which plays all of it."""
    found = NOTHING
    if options.rehearsal is None:
        found = gathered(options.reuse, plan, targets, folder, is_anew=options.fresh)
    return replace(found, aside=options.put_aside)


def _count_elsewhere(
    snapshot: Snapshot, drivers: Mapping[str, Driver], around: Surroundings
) -> None:
    """Count the folder's steps beside it, too, where a copy of it could buy twice."""
    if not (around.is_virtual or all(driver.is_local for driver in drivers.values())):
        snapshot.count_elsewhere(state_folder(around.environ) / "runs" / around.run_id)


async def _tell_before(offer: Offer, options: Options) -> None:
    """Tell what is to be known before the person agrees."""
    lines: list[str] = []
    if options.quote or is_at_quotes(options.approve, offer):
        terms = offer.plan, offer.drivers, offer.targets, offer.only, offer.pieces_of
        lines += map(str, await ask_quotes(*terms))
    if not callable(options.approve):  # else the offer is shown
        lines += [*offer.reused, *offer.shares]
    for line in lines:
        options.observer(Warned(line))


def _surroundings(options: Options, manifest: Manifest) -> Surroundings:
    return Surroundings.of_this_process(is_trusted=options.trust or manifest.trust)


async def _decided(source: Manifest | str | Path, options: Options) -> Manifest:
    """Read the manifest; targets that are one of several are decided, now or as they were."""
    if isinstance(source, Manifest):
        manifest = override_manifest(source, options.overrides, trust=options.trust)
    else:
        manifest = read_file(source, overrides=options.overrides, trust=options.trust)
    if not manifest.open_questions:
        return manifest
    folder = None if options.fresh else _free_folder(manifest, options)
    agreed: object = options.approve
    is_locked = isinstance(agreed, Asking) and agreed.is_locked
    word = agreed.word if isinstance(agreed, Asking) else agreed
    known = decided_before(manifest, folder, word, is_anew=options.fresh and not is_locked)
    around = options.surroundings or _surroundings(options, manifest)
    asking = Inquiry(
        around=around,
        folder=folder,
        max_cost=options.max_cost,
        adapt=options.adapt,
        note=partial(_warn, options.observer),
    )
    return await decide(known, asking)


def _warn(observer: Observer, line: str) -> None:
    observer(Warned(line))


def _settings(options: Options, plan: Plan, around: Surroundings, notices: Notices) -> Settings:
    manifest = plan.manifest
    settings = replace(
        Settings.of(manifest),
        only=options.only,
        is_inline=around.is_virtual,
        detach=options.detach,
        limits=limits_of(manifest, options.max_cost),
        rates=plan.prices.rates,
        ask_more=notices.asking(options.ask_more) if manifest.budget.on_exceed == "ask" else None,
    )
    if options.fail_fast is not None:
        settings = replace(settings, fail_fast=options.fail_fast)
    return settings


def _as_agreed(options: Options) -> Options:
    """The options with what was agreed to: a limit bounds, a saved plan has its points chosen.

    Raises:
        SelectionError: There is no such plan, or a selection beside it.
    """
    approve = read_approval(options.approve)
    options = replace(options, approve=approve, max_cost=limits_agreed(approve, options.max_cost))
    if not isinstance(approve, SavedPlan):
        return options
    if options.select not in (None, approve.selection):
        raise SelectionError(
            f"{approve.path}: a saved plan has its points chosen already; take `select` away"
        )
    return replace(options, select=approve.selection or None)


def _run_id(folder: Path, options: Options) -> str:
    """The run folder's own id, or a new one; read before the folder is taken.

    Raises:
        SnapshotError: It is the folder of a rehearsal, and this is none, or the other way round.
    """
    if not options.fresh and (folder / "snapshot.db").exists():
        try:
            known = Run(folder)
        except SnapshotError:  # damaged, or cut off before its first step: taking it will tell
            return secrets.token_hex(8)
        with known:
            found = known.meta.get("run_id")
            if found and known.is_rehearsal != (options.rehearsal is not None):
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


async def _describe_all(
    drivers: Mapping[str, Driver], settings: Settings, around: Surroundings, observer: Observer
) -> dict[str, Target]:
    targets: dict[str, Target] = {}

    async def ask(name: str) -> None:
        waits = Waits(around.now, lambda waits: observer(Waiting(name, waits)))
        random = Random(settings.seed)
        targets[name] = await describe(drivers[name], settings.retry, random, waits)

    try:
        async with trio.open_nursery() as nursery:
            for name in drivers:
                nursery.start_soon(ask, name)
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    return {name: targets[name] for name in drivers}


async def _close(driver: Driver) -> None:
    with trio.CancelScope(shield=True), trio.move_on_after(CLOSE_S):
        await driver.aclose()


async def _refreshing(
    work: Callable[[], Awaitable[Summary]], folder: Path, options: Options, settings: Settings
) -> Summary:
    """Do the work, and let the person see how it stands meanwhile."""
    if options.refresh is None or settings.is_inline:
        return await work()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_refresh_forever, options.refresh, folder, options)
            summary = await work()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise collapsed(group) from None
    return summary


async def _refresh_forever(refresh: Refresh, folder: Path, options: Options) -> None:
    pause_s = options.refresh_s
    while True:
        await trio.sleep(pause_s)
        began = trio.current_time()
        try:
            await trio.to_thread.run_sync(_refresh, refresh, folder, abandon_on_cancel=True)
        except (QbatchError, OSError) as error:
            options.observer(Warned(f"the report could not be refreshed: {error}"))
        pause_s = max(options.refresh_s, REFRESH_SHARE * (trio.current_time() - began))


def _refresh(refresh: Refresh, folder: Path) -> None:
    with Run(folder) as current:
        refresh(current)
