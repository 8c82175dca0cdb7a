"""Which jobs of a run were taken while a machine was not as usual, by its references.

A change happened somewhere between two references. So a stretch reaches from the last good
reference before it to the first good one behind it: every job between these is in it, the
references of the stretch, too. What another run bought has another time; simulators do not drift.

What was bought again once for that is not bought a third time: a machine that stays as it is by
then gives the same again, however often it is paid for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.across.drifting import Drifting, in_order
from qbatch.frozen import dataclass
from qbatch.result.stretches import Stretch, bad_stretches
from qbatch.snapshot.put_aside import PutAside
from qbatch.snapshot.reused import Reused

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest


class Run(Protocol):
    """What is asked of a run (`snapshot.Run`)."""

    @property
    def manifest(self) -> Manifest: ...
    @property
    def meta(self) -> Mapping[str, str]: ...
    @property
    def name(self) -> str: ...
    @property
    def folder(self) -> Path: ...
    def put_aside(self, point: Any = None) -> Sequence[PutAside]: ...
    def drift(self) -> Sequence[Drifting]: ...
    def references(self) -> Iterator[Any]: ...
    def moments(self) -> Mapping[int, Any]: ...
    def settings(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Bad:
    """A bad stretch of a machine, and what ran in it.

    Attributes:
        found: The machine.
        stretch: Of its references.
        jobs: (point, or setting, or reference; its job), of all that were completed in it.
    """

    found: Drifting
    stretch: Stretch
    jobs: tuple[tuple[Any, Any], ...]

    @property
    def why(self) -> str:
        """In a sentence."""
        found, stretch = self.found, self.stretch
        return (
            f"taken while the share of {found.outcome} in {found.circuit!r} was "
            f"{stretch.share:.4f} on {found.backend}, usually {stretch.usual:.4f} "
            f"(p = {stretch.p:.2g})"
        )


def drifted_in(run: Run) -> list[Bad]:
    """Return the bad stretches of a run, machine by machine."""
    told = {each.backend: each for each in run.drift() if each.test.kind == "jump"}
    if not told:
        return []
    moments = run.moments()
    jobs: dict[str, list[tuple[Any, Any, Any]]] = {name: [] for name in told}
    for point in run.settings():
        if point.backend in told and not point.same_as:
            jobs[point.backend] += [
                (moments[job.ordinal], point, job)
                for job in point.jobs
                if job.done and job.ordinal in moments and not Reused.of(job.facts)
            ]
    references = [*run.references()]
    return [bad for found in told.values() for bad in _of(found, references, moments, jobs)]


def _of(
    found: Drifting,
    references: Sequence[Any],
    moments: Mapping[int, Any],
    jobs: Mapping[str, Sequence[tuple[Any, Any, Any]]],
) -> Iterator[Bad]:
    there = [each for each in references if each.backend == found.backend and each.counts]
    ran = [moment for moment, _ in in_order(there, moments)]
    for stretch in bad_stretches(found.ones, found.shots):
        after = ran[stretch.first - 1] if stretch.first else None
        before = ran[stretch.end] if stretch.end < len(ran) else None
        inside = tuple(
            (point, job)
            for moment, point, job in jobs[found.backend]
            if (after is None or after < moment) and (before is None or moment < before)
        )
        yield Bad(found, stretch, inside)


@dataclass(frozen=True, slots=True)
class ToBuyAgain:
    """What of bad stretches is to be bought again.

    Attributes:
        jobs: As they are to be set aside.
        again: How many others were bought again for a drift before, and lie in one again.
        stretches: What is told of each stretch, with how many of its jobs are bought again.
    """

    jobs: tuple[PutAside, ...]
    again: int
    stretches: tuple[str, ...]


def to_buy_again(run: Run, ids: Collection[str] | None = None) -> ToBuyAgain:
    """Return what of the bad stretches of a run is to be bought again.

    Args:
        run: Whose references tell of them.
        ids: Of points, settings and references that are meant; None: all.
    """
    before = {each.reused.job for each in run.put_aside() if each.why}
    jobs: list[PutAside] = []
    told, again = [], 0
    for bad in drifted_in(run):
        meant = [(point, job) for point, job in bad.jobs if ids is None or point.id in ids]
        fresh = [(point, job) for point, job in meant if job.job.id not in before]
        again += len(meant) - len(fresh)
        jobs += [_set_aside(run, bad, point, job) for point, job in fresh]
        if fresh:
            told.append(f"{len(fresh)} jobs were {bad.why}")
    return ToBuyAgain((*jobs,), again, (*told,))


def _set_aside(run: Run, bad: Bad, point: Any, job: Any) -> PutAside:
    origin = Reused(
        run=run.meta.get("run_id", ""),
        name=run.name,
        folder=str(run.folder),
        job=job.job.id,
        start=job.start,
        provider_job_id=job.job.provider_job_id or "",
        completed_at=job.completed_at.timestamp() if job.completed_at else None,
        cost=job.job.cost,
        unit=job.job.unit,
    )
    counts = job.counts
    return PutAside(
        point.id, point.name, counts.shots, counts.to_dict(), bad.stretch.p, origin, bad.why
    )
