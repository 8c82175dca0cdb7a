"""Shots bought before, in other runs: found, checked, and taken before anything is bought.

Order: the other run folders are read once a plan and its targets are known (`gather`); what a run
would have with them is seen in a copy of its folder (`seen_with`), by which it is told what is left
to buy; once that was agreed to, they are taken into the folder itself (`take`). Nothing but what
they hold of the plan's own contents is looked at, and nothing of them is executed.

References are never taken: they tell how the machine is while this run goes on. A job of a machine
is taken as it is. One that was computed is taken where it would be computed here bit for bit: of
the same seed, by the same versions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import field, replace
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from qbatch.bases import is_reference
from qbatch.circuit.earlier import MARK
from qbatch.circuit.facts import FORMAT
from qbatch.errors import SelectionError, SnapshotError
from qbatch.exchange.secrets import SECRETS
from qbatch.executor.fetching import pack_result
from qbatch.executor.lenders import Lends, is_archive, open_lender
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.decisions import decided_fact
from qbatch.plan import reasons
from qbatch.plan.aging import aged_contents
from qbatch.providers import Fetched, room_of
from qbatch.snapshot import Run, find_run_folder, is_run_folder
from qbatch.snapshot.borrowing import Borrowed, Borrower, Loan
from qbatch.snapshot.estimates import analysis_key
from qbatch.snapshot.from_runs import Shots, by_run
from qbatch.snapshot.home import note_home
from qbatch.snapshot.lending import Lent
from qbatch.snapshot.merge_sources import Source
from qbatch.snapshot.paths import SNAPSHOT
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.sources import sources_fact

if TYPE_CHECKING:
    from qbatch.plan import Plan, SweepPoint
    from qbatch.plan.pinning.had import Had
    from qbatch.plan.pricing.offer import Offer
    from qbatch.providers import Order, Target


@dataclass(frozen=True, slots=True)
class Gathered:
    """What other runs have for the points of a plan.

    Attributes:
        loans: Jobs that can be taken.
        notes: What a person should know of the others, a line each.
        named: The others, as they are known again when they are gone.
        aside: Jobs of this run itself whose shots are to count no more.
    """

    loans: tuple[Loan, ...] = ()
    notes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    aside: tuple[PutAside, ...] = ()


NOTHING = Gathered()

#: The fact of a run that says of which others it has taken what they have.
TAKEN_FROM = "taken_from"

_NAMES = "--reuse, or `reuse` of the manifest, names"


def sources_named(named: Iterable[str | Path], own: Path) -> tuple[Path, ...]:
    """Return the run folders and archives that are meant, each once.

    Args:
        named: Run folders, manifests or archives.
        own: The folder of the run that is to take of them.

    Raises:
        SelectionError: One is no run, or is this run.
        SourceErrors: One is a manifest, and wrong.
    """
    found: dict[Path, Path] = {}
    for each in map(Path, named):
        if not each.exists():
            raise SelectionError(f"{each}: there is no such run folder; {_NAMES} one")
        if is_archive(each):
            found.setdefault(each.resolve(), each)
            continue
        folder = find_run_folder(each)
        if not is_run_folder(folder):
            raise SelectionError(f"{each}: no run is kept here; {_NAMES} the folder of one")
        if folder.resolve() == own.resolve():
            raise SelectionError(f"{each}: that is the folder of this run; name another")
        found.setdefault(folder.resolve(), folder)
    return (*found.values(),)


def gather(plan: Plan, targets: Mapping[str, Target], folders: Sequence[Path]) -> Gathered:
    """Return what other runs have for the points of a plan.

    Args:
        plan: What is wanted.
        targets: Backend -> what it is now; points of others are left alone.
        folders: Of the other runs.

    Raises:
        SelectionError: One has nothing that the plan asks for; the message says what is nearest.
        SnapshotError: One cannot be read, or is nothing that may be taken from.
    """
    points = {
        point.id: point
        for point in plan.bought()
        if not is_reference(point.name)  # it tells of its own time
    }
    gathering = _Gathering(plan, targets, points)
    for folder in folders:
        with open_lender(folder) as lender:
            gathering.read(lender)
    return gathering.found()


def gathered(
    named: Sequence[str | Path],
    plan: Plan,
    targets: Mapping[str, Target],
    folder: Path,
    *,
    is_anew: bool = False,
) -> Gathered:
    """Return what the runs that a person, or the manifest, names have for the points of a plan.

    Args:
        named: By the person: run folders, manifests or archives.
        plan: What is wanted.
        targets: Backend -> what it is now.
        folder: Of the run, which may have taken what is gone now.
        is_anew: The run begins anew: what the folder has counts no more.

    Raises:
        SelectionError: As `sources_named` and `gather` do.
        SnapshotError: As `gather` does.
    """
    every = [(str(Path(each).resolve()), Path(each)) for each in named]
    every += [(str(each), plan.manifest.folder / each) for each in plan.manifest.reuse]
    if not every:
        return NOTHING
    known = set() if is_anew else _taken_from(folder)
    gone = [path for name, path in every if name in known and not path.exists()]
    there = [path for _, path in every if path not in gone]
    found = gather(plan, targets, sources_named(there, folder))
    notes = (f"{each}: is gone; what this run took of it counts as before" for each in gone)
    return replace(found, notes=(*found.notes, *notes), named=(*(name for name, _ in every),))


def _taken_from(folder: Path) -> set[str]:
    """Of which others a run has taken shots before; nothing where there is no run."""
    with suppress(SnapshotError), Run(folder) as run:  # damaged: whoever takes it will tell
        return {*json.loads(run.meta.get(TAKEN_FROM) or "[]")}
    return set()


def take(snapshot: Borrower, others: Gathered, plan: Plan) -> None:
    """Take what other runs have into the run folder; durable when it returns.

    What of the run itself is to count no more is set aside first.
    """
    snapshot.set_aside(others.aside)
    snapshot.borrow(others.loans, aged_contents(plan))
    if others.named:
        known = json.loads(snapshot.meta().get(TAKEN_FROM) or "[]")
        every = dict.fromkeys([*known, *others.named])
        snapshot.set_meta(**{TAKEN_FROM: json.dumps([*every])})


@contextmanager
def seen_with(
    folder: Path | None, gathered: Gathered, now: Callable[[], float], plan: Plan
) -> Iterator[tuple[Path | None, Borrowed]]:
    """Show a run folder as it will be once these jobs are taken into it; it stays as it is.

    Args:
        folder: Of the run; None: there is none yet.
        gathered: What is to be taken.
        now: UTC, seconds since 1970.
        plan: Where it is to reach an accuracy, its points stand in the folder that is shown.
    """
    if not (gathered.loans or gathered.aside):
        yield folder, Borrowed()
        return
    with TemporaryDirectory(prefix="qbatch-") as scratch:
        copy = Path(scratch)
        if folder is not None and (folder / SNAPSHOT).exists():
            with Source(folder) as known:
                known.copy_to(copy / SNAPSHOT)
        with Borrower(copy, durability="normal", now=now) as target:
            target.set_aside(gathered.aside)
            borrowed = target.borrow(gathered.loans, aged_contents(plan))
            if plan.has_accuracies:
                _register(plan, target)
        yield copy, borrowed


def _register(plan: Plan, target: Borrower) -> None:
    """Let readers of a copy see the points of a plan."""
    target.register(
        plan.points(are_written=True), setting_of=plan.setting_text, has_bases=plan.has_bases
    )
    manifest = plan.manifest
    note_home(target.folder, manifest.folder, lasting=False)
    target.set_meta(
        name=manifest.name,
        manifest=manifest.text,
        sources=sources_fact(manifest),
        manifest_path=str(manifest.path or "<string>"),
        manifest_folder=str(manifest.folder.absolute()),
        overrides=json.dumps(list(manifest.overrides)),
        decided=decided_fact(manifest.decisions),
        sums=json.dumps(dict(manifest.sums)),
    )


def offer_with(
    others: Gathered,
    folder: Path | None,
    plan: Plan,
    now: Callable[[], float],
    offer_in: Callable[[Path | None], Offer],
) -> Offer:
    """Return what a run would buy beside what its folder has, and what comes from other runs.

    Args:
        others: What comes from there.
        folder: Of the run; None: there is none yet.
        plan: What is wanted.
        now: UTC, seconds since 1970.
        offer_in: Returns what it would buy beside what a folder has; None: all.
    """
    with seen_with(folder, others, now, plan) as (seen, borrowed):
        return replace(offer_in(seen), reused=(*told_of(borrowed), *others.notes))


@dataclass
class _Gathering:
    """What is found, run folder by run folder."""

    plan: Plan
    targets: Mapping[str, Target]
    points: Mapping[str, SweepPoint]
    loans: list[Loan] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    aside: set[tuple[str, str]] = field(default_factory=set)

    def found(self) -> Gathered:
        """Return what was found, without what one of the others has set aside."""
        good = [loan for loan in self.loans if loan.lent.reused.key not in self.aside]
        if left := len(self.loans) - len(good):
            jobs = "1 job is" if left == 1 else f"{left} jobs are"
            self.notes.append(
                f"{jobs} not taken: another run that is named has set them aside, and bought them "
                "again"
            )
        return Gathered((*good,), (*self.notes,))

    def read(self, lender: Lends) -> None:
        """Read one."""
        lender.check_can_lend()
        if lender.is_rehearsal:
            raise SnapshotError(
                f"{lender.folder}: it is a rehearsal; its shots are no results of anything"
            )
        if lender.is_running:
            self.notes.append(
                f"{lender.folder}: a run goes on there; what it has by now is taken, the same "
                "command takes the rest later"
            )
        self.aside |= lender.set_aside
        left: Counter[str] = Counter()
        met = 0
        for lent in lender.finished(self.points):
            met += 1
            if why := self._look_at(lender, lent):
                left[why] += 1
        if not met:
            raise SelectionError(_nothing_in(lender, self.plan))
        self.notes += [
            f"{lender.folder}: {count} of its jobs not taken: {why}" for why, count in left.items()
        ]

    def _look_at(self, lender: Lends, lent: Lent) -> str:
        """Take a job into the list, or say why not."""
        point = self.points[lent.point.point_id]
        if point.backend not in self.targets:  # nothing of it is wanted now
            return ""
        order = self.plan.order_of(point)
        fetched = _read(lender, lent, order)
        backend = self.plan.manifest.backends[point.backend].with_settings(order.settings)
        room = room_of(backend.provider)
        if lent.is_emulated != self.targets[point.backend].is_emulated:
            return "of them and this run one had an emulator in place of the cloud"
        if lent.lacks_vector:
            return "an archive has no states; they are computed anew"
        if room.is_local and (why := _other_than_computed(lent, order)):
            return why
        is_repeatable = room.is_local or room.is_seeded(backend.options)
        if not is_repeatable and not lent.reused.provider_job_id:
            return "under which id its cloud knows them is not kept, so they might count twice"
        analysis = self.plan.manifest.analysis
        result = pack_result(fetched, analysis, analysis_key(analysis))
        self.loans.append(Loan(point, lent, result, is_repeatable))
        return ""


def _read(lender: Lends, lent: Lent, order: Order) -> Fetched:
    """Read a result, which has to be one of what is ordered here.

    Raises:
        SnapshotError: It is not.
    """
    import numpy as np

    from qbatch.result import Counts

    where = f"{lender.folder}: {lent.point.name}"
    counts = Counts.unpack(lent.counts)
    expected = tuple((each.name, each.num_bits) for each in order.circuit.facts.registers)
    if counts.shots != lent.point.shots or counts.registers != expected:
        raise SnapshotError(
            f"{where}: its counts are {counts.shots} shots on {_told(counts.registers)}, said are "
            f"{lent.point.shots} on {_told(expected)}; name another; nothing was taken from it"
        )
    told = (f"{lent.facts} {lent.reused}", *lent.calibrations)
    if any(map(_has_secret, told)):
        raise SnapshotError(
            f"{where}: what is kept with its result holds what looks like a credential; have it "
            "changed at its provider; nothing was taken from this folder"
        )
    vector = None if lent.vector is None else np.frombuffer(lent.vector, np.complex128)
    return Fetched(lent.point.id, counts, facts=lent.facts, statevector=vector)


@lru_cache(maxsize=64)
def _has_secret(text: str) -> bool:
    return SECRETS.search(text) is not None


def _told(registers: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name}[{bits}]" for name, bits in registers)


def _other_than_computed(lent: Lent, order: Order) -> str:
    """Say why a computed result need not be what would be computed here; "" where it is."""
    facts = lent.facts
    if facts.get(MARK) != FORMAT:
        return "computed by an earlier qbatch; they are computed anew"
    if (facts.get("seed"), facts.get("start", 0)) != (order.seed, lent.reused.start):
        return "computed with another seed than they say; they are computed anew"
    versions = {facts.get("engine"): facts.get("engine_version"), **(facts.get("versions") or {})}
    for name, version in versions.items():
        if (ours := _installed(str(name))) != version:
            return f"computed with {name} {version}, here is {ours or 'none'}; computed anew"
    return ""


@cache
def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _nothing_in(lender: Lends, plan: Plan) -> str:
    """Say that a run has nothing of what a plan asks for, and what of it is nearest."""
    stored = lender.stored(plan)
    done = sum(1 for each in stored.values() if any(_is_done(job) for job in each.jobs))
    if not done:
        return (
            f"{lender.folder}: none of its points is done yet, so it has no shots to take; "
            "run or fetch it first"
        )
    head = f"{lender.folder}: none of its {done} points is one of this plan"
    for reason in reasons(plan, stored):
        if reason.changes:
            told = "; ".join(map(str, reason.changes))
            return f"{head}; nearest is {stored[reason.before].name!r}, in which differs {told}"
    return f"{head}, nor near to one; it has {', '.join(lender.places[:4])}"


def _is_done(job: Had) -> bool:
    return bool(job.shots) and job.state is JobState.COMPLETED


def shots_of(loans: Iterable[Loan]) -> Iterator[Shots]:
    """Yield what each loan brings."""
    for each in loans:
        yield Shots(each.point.id, each.point.name, each.lent.reused, each.lent.point.shots)


def told_of(borrowed: Borrowed) -> list[str]:
    """Say what was taken, and what was not as it is there."""
    lines = [str(each) for each in by_run(shots_of(borrowed.taken))]
    lines += map(str, borrowed.aside)
    if borrowed.overlapping:
        jobs = len(borrowed.overlapping)
        lines.append(
            f"{jobs} computed {'job is' if jobs == 1 else 'jobs are'} not taken: some of their "
            "shots are here already, and a shot counts once"
        )
    return lines
