"""A rehearsal: a manifest's own drivers against emulated clouds, on a virtual clock.

Rules: nothing real is touched. No socket is opened, and the environment drivers see is the
emulation's alone; a backend's ``credentials`` and ``url``, and options that name an account, are
set aside. Simulations run inline, for a virtual clock takes a thread's work for idleness. A folder
holds a rehearsal or a run, never both.

How long a cloud's queue is, nobody can know beforehand, so a rehearsal makes two passes: every job
queues for a short time in one and for a long time in the other, and each machine runs one job
after the other. Makespan and waits are told for both; the truth is between them as far as the real
queue is. Prices are the emulators'. Time this machine's own simulators take is not in the makespan.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused, RunLockedError, SnapshotError
from qbatch.executor.events import Summary
from qbatch.executor.options import Options
from qbatch.executor.selecting import chosen
from qbatch.executor.start import run_async_with
from qbatch.executor.waits import Cause, Wait
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.reading import possible
from qbatch.providers import Surroundings, account_options, is_local
from qbatch.snapshot import PointResult, Run, holder_of, jobs_of, run_folder_of

if TYPE_CHECKING:
    from qbatch.emulators import Course, Emulation, Noise
    from qbatch.manifest import Manifest
    from qbatch.manifest.models import Backend
    from qbatch.plan import Plan

#: Seconds every job queues at a cloud, in the two passes.
QUEUES_S = (60.0, 3600.0)

#: What is in ``runs/`` beside a run.
SUFFIX = ".rehearsal"

#: Where emulated clouds stand; nobody listens there.
ORIGIN = "https://emulated.invalid"

#: A cloud's job id -> unit and price.
Bills = Mapping[str, tuple[str, float]]

#: Reasons told for one backend.
MAX_REASONS = 10


@dataclass(frozen=True, slots=True)
class BackendPass:
    """One backend in one pass.

    Attributes:
        jobs: Each buys a point, or a part of its shots.
        composite_jobs: Submitted together.
        states: State -> jobs, in the end.
        spent: Unit -> price of what the emulated cloud accepted.
        waits: What held it up, the longest first.
        refused: Reason -> jobs that failed for it.
    """

    jobs: int
    composite_jobs: int
    states: Mapping[JobState, int]
    spent: Mapping[str, float]
    waits: Mapping[Cause, Wait]
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Pass:
    """The manifest run once.

    Attributes:
        queue_s: How long every job queued at its cloud, seconds.
        makespan_s: From the first step to the last, seconds of the virtual clock.
        wall_s: Seconds it really took.
        backends: By name, those that have points.
        summary: The executor's.
    """

    queue_s: float
    makespan_s: float
    wall_s: float
    backends: Mapping[str, BackendPass]
    summary: Summary


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of a rehearsal.

    Attributes:
        name: The manifest's.
        folder: Of the last pass, whose queue is the longest; its results and report.
        passes: From the shortest queue to the longest.
        targets: Backend -> target.
        assumed: Backend -> target that the emulated cloud does not usually have; its limits and
            prices are made up.
        uncounted: Backends on this machine; the time they take is not in the makespan.
        requests: To emulated clouds, over all passes.
        noise: Of their machines; None: there was none.
    """

    name: str
    folder: Path
    passes: tuple[Pass, ...]
    targets: Mapping[str, str]
    assumed: Mapping[str, str] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    requests: int = 0
    noise: Noise | Course | None = None

    @property
    def makespan_s(self) -> tuple[float, float]:
        """Shortest and longest, seconds."""
        spans = [one.makespan_s for one in self.passes]
        return min(spans), max(spans)

    @property
    def spent(self) -> dict[str, tuple[float, float]]:
        """Unit -> least and most over the passes."""
        sums = []
        for one in self.passes:
            total: dict[str, float] = {}
            for backend in one.backends.values():
                for unit, price in backend.spent.items():
                    total[unit] = total.get(unit, 0.0) + price
            sums.append(total)
        units = sorted(set().union(*sums))
        spans = {unit: [total.get(unit, 0.0) for total in sums] for unit in units}
        return {unit: (min(span), max(span)) for unit, span in spans.items()}

    @property
    def summary(self) -> Summary:
        """The last pass's."""
        return self.passes[-1].summary

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON; what ``--json`` prints."""
        return {
            "rehearsal": True,
            "name": self.name,
            "folder": str(self.folder),
            "queue_s": [one.queue_s for one in self.passes],
            "makespan_s": list(self.makespan_s),
            "spent": {unit: list(span) for unit, span in self.spent.items()},
            "targets": dict(self.targets),
            "assumed": dict(self.assumed),
            "uncounted": list(self.uncounted),
            "requests": self.requests,
            "noise": None if self.noise is None else asdict(self.noise),
            "passes": [_pass_facts(one) for one in self.passes],
        }


def _pass_facts(one: Pass) -> dict[str, Any]:
    return {
        "queue_s": one.queue_s,
        "makespan_s": round(one.makespan_s, 3),
        "wall_s": round(one.wall_s, 3),
        "over_budget": dict(one.summary.over_budget),
        "backends": {
            name: {
                "jobs": backend.jobs,
                "composite_jobs": backend.composite_jobs,
                "states": {state.value: number for state, number in backend.states.items()},
                "spent": dict(backend.spent),
                "waits": {cause.value: asdict(wait) for cause, wait in backend.waits.items()},
                "refused": dict(backend.refused),
            }
            for name, backend in one.backends.items()
        },
    }


def rehearse(
    plan: Plan,
    options: Options | None = None,
    *,
    queues_s: Sequence[float] = QUEUES_S,
    seed: int = 1,
    noise: Noise | Course | None = None,
) -> Rehearsal:
    """Rehearse a plan, whatever was run of it before: all of it, or what the options select.

    Takes no consent: it is free.

    Args:
        plan: Of any manifest whose providers have emulators.
        options: As for the run. Without `Options.out` the folder is ``runs/NAME.rehearsal``
            beside the run's own; an earlier rehearsal there is replaced.
        queues_s: How long every job queues, one pass each, in ascending order.
        seed: Of the emulated clouds; equal seeds give equal rehearsals.
        noise: Of their machines, `qbatch.emulators.USUAL` or one of your own; None: there is none.

    Raises:
        SourceErrors: What every cloud would refuse at once: circuits too wide, shots over limits.
        Refused: A provider has no emulator, or refuses a backend's settings.
        SnapshotError: The folder is a real run's, or cannot be used.
    """
    options = options or Options()
    folder = Path(options.out or run_folder_of(plan.manifest, SUFFIX))
    _make_room(folder)
    stage = _Stage(plan, options, folder, seed, noise)
    passes = []
    with tempfile.TemporaryDirectory(prefix="qbatch-rehearsal-") as scratch:
        for at, queue_s in enumerate(queues_s):
            is_last = at == len(queues_s) - 1
            here = folder if is_last else Path(scratch) / str(at)
            passes.append(stage.play(here, queue_s))
            if options.stop is not None and options.stop.level:
                break
    backends = plan.manifest.backends
    done = Rehearsal(
        plan.manifest.name,
        folder,
        tuple(passes),
        stage.targets,
        stage.assumed,
        tuple(name for name in stage.targets if is_local(backends[name].provider)),
        stage.requests,
        noise,
    )
    _write_facts(done)
    return done


def decide_rehearsed(manifest: Manifest, *, seed: int = 1) -> Manifest:
    """Decide by what emulated clouds tell, each job of which queues as in the first pass.

    Raises:
        SourceErrors: Something cannot be decided.
        Refused: A provider has no emulator.
    """
    import trio
    import trio.testing

    from qbatch.emulators import Emulation, Queueing
    from qbatch.executor.deciding import Inquiry, decide

    wanted: dict[str, list[str]] = {}
    for each in possible(manifest):
        for provider, targets in _targets_by_provider(each).items():
            wanted.setdefault(provider, []).extend(targets)
    queueing = Queueing(QUEUES_S[0], is_serial=True)
    emulation = Emulation([*wanted], queueing=queueing, inline=True, seed=seed, targets=wanted)
    around = Surroundings(
        environ=emulation.environment(ORIGIN),
        transport=emulation.transport(),
        is_virtual=True,
        now=lambda: emulation.world.clock.utc().timestamp(),
    )
    try:
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(
            decide, manifest, Inquiry(around=around, adapt=without_account), clock=clock
        )
    finally:
        emulation.close()


def _write_facts(done: Rehearsal) -> None:
    """Keep what came of it beside the last pass, where there is one."""
    if (done.folder / "snapshot.db").exists():
        text = json.dumps(done.to_dict(), ensure_ascii=False, indent=2)
        (done.folder / "rehearsal.json").write_text(text + "\n", encoding="utf-8")


def _make_room(folder: Path) -> None:
    """Drop an earlier rehearsal.

    Raises:
        SnapshotError: A real run is kept there.
        RunLockedError: A runner holds it.
    """
    if not (folder / "snapshot.db").exists():
        return
    holder = holder_of(folder)
    if holder is not None:
        raise RunLockedError(holder)
    with Run(folder) as known:
        if known.meta.get("run_id") and not known.is_rehearsal:
            raise SnapshotError(
                f"{folder}: this is a run, no rehearsal; name another folder with --out"
            )
    for name in ("snapshot.lock", "snapshot.db", "snapshot.db-wal", "snapshot.db-shm"):
        (folder / name).unlink(missing_ok=True)


class _Stage:
    """What the passes of one rehearsal share."""

    def __init__(
        self, plan: Plan, options: Options, folder: Path, seed: int, noise: Noise | Course | None
    ) -> None:
        self._plan = plan
        self._options = options
        self._seed = seed
        self._noise = noise
        self._wanted = _targets_by_provider(plan.manifest)
        only = chosen(options, plan, folder)
        self._chosen = None if only is None else {point.id for point in plan.bought(only)}
        self.targets: dict[str, str] = {}
        self.assumed: dict[str, str] = {}
        self.requests = 0

    def play(self, folder: Path, queue_s: float) -> Pass:
        """Run all of it once."""
        import trio
        import trio.testing

        emulation = self._emulate(queue_s)
        transport = emulation.transport()
        around = Surroundings(
            environ=emulation.environment(ORIGIN),
            transport=transport,
            is_virtual=True,
            now=lambda: emulation.world.clock.utc().timestamp(),
        )
        options = replace(
            self._options,
            plan=self._plan,
            select=None,
            points=self._chosen,  # as read once, for all passes
            out=folder,
            surroundings=around,
            approve=True,
            adapt=without_account,
            rehearsal={"queue_s": queue_s, **({"noise": str(self._noise)} if self._noise else {})},
        )
        began = time.perf_counter()

        async def act() -> tuple[Run, Bills]:
            done = await run_async_with(self._plan.manifest, options)
            return done, _bills(emulation)

        try:
            done, bills = trio.run(act, clock=trio.testing.MockClock(autojump_threshold=0))
        finally:
            emulation.close()
        self.requests += transport.requests
        self.assumed = _assumed(self._plan, emulation)
        with done as run:
            self.targets = {name: facts["name"] for name, facts in run.targets.items()}
            summary: Summary = run.summary
            settings = run.settings()
            meant = (one for one in settings if self._chosen is None or one.id in self._chosen)
            backends = _backends(meant, run.composites_by_stage(), bills, summary)
        return Pass(queue_s, summary.elapsed_s, time.perf_counter() - began, backends, summary)

    def _emulate(self, queue_s: float) -> Emulation:
        from qbatch.emulators import Emulation, Queueing

        return Emulation(
            list(self._wanted),
            queueing=Queueing(queue_s, is_serial=True),
            inline=True,
            seed=self._seed,
            targets=self._wanted,
            noise=self._noise,
        )


def _targets_by_provider(manifest: Manifest) -> dict[str, list[str]]:
    """Provider -> targets the manifest names, of all that need an emulator.

    Raises:
        Refused: One has none.
    """
    from qbatch.emulators import MODULES

    wanted: dict[str, list[str]] = {}
    for name, backend in manifest.backends.items():
        if is_local(backend.provider):
            continue
        if backend.provider not in MODULES:
            raise Refused(
                f"backend {name!r}: provider {backend.provider!r} has no emulator, so it cannot be "
                f"rehearsed; there are {', '.join(MODULES)}"
            )
        wanted.setdefault(backend.provider, []).extend([backend.target] if backend.target else [])
    return wanted


def _assumed(plan: Plan, emulation: Emulation) -> dict[str, str]:
    """Backends whose target the emulated cloud would not have, had nobody asked for it."""
    found = {}
    for name, backend in plan.manifest.backends.items():
        cloud = emulation.clouds.get(backend.provider)
        if cloud is None or cloud.usual is None or backend.target is None:
            continue
        if backend.target not in cloud.usual:
            found[name] = backend.target
    return found


def without_account(backend: Backend) -> Backend:
    """The backend without what leads to a real account or address."""
    if is_local(backend.provider):
        return backend
    account = account_options(backend.provider)
    options = {key: value for key, value in backend.options.items() if key not in account}
    changes = {"credentials": None, "url": None, "options": options}
    return backend.model_copy(update=changes)


def _bills(emulation: Emulation) -> Bills:
    """Read what the emulated clouds charge from their own ledger."""
    return {
        entry["id"]: (entry["unit"], entry["price"])
        for entry in emulation.world.ledger.entries()
        if entry["price"] and entry["state"] != "cancelled"
    }


def _backends(
    points: Iterable[PointResult],
    composites: Mapping[tuple[str, str], int],
    bills: Bills,
    summary: Summary,
) -> dict[str, BackendPass]:
    """Read the points of a finished pass that were meant, backend by backend."""
    jobs: Counter[str] = Counter()
    states: dict[str, Counter[JobState]] = {}
    spent: dict[str, dict[str, float]] = {}
    refused: dict[str, Counter[str]] = {}
    billed: set[str] = set()
    for part in jobs_of(points):
        name, job = part.backend, part.job
        jobs[name] += 1
        states.setdefault(name, Counter())[job.state] += 1
        id_ = job.provider_job_id or ""
        unit, price = bills.get(id_, ("", 0.0))
        if unit and id_ not in billed:  # several of our jobs may be one there
            billed.add(id_)
            bill = spent.setdefault(name, {})
            bill[unit] = bill.get(unit, 0.0) + price
        if job.state is JobState.FAILED:
            refused.setdefault(name, Counter())[job.error] += 1
    sent: Counter[str] = Counter()
    for (name, _), number in composites.items():
        sent[name] += number
    return {
        name: BackendPass(
            jobs[name],
            sent[name],
            states[name],
            spent.get(name, {}),
            summary.waits.get(name, {}),
            dict(refused.get(name, Counter()).most_common(MAX_REASONS)),
        )
        for name in summary.waits
        if jobs[name]
    }
