"""Whose a job at a cloud is: which run folder here made it, and whether that still needs it.

Rules: a job is known by the id that its run folder noted; by the name or key that only that run
gives, where no id was noted yet. One that bears such a name under another id, or stands again under
an id whose result is here already, was bought beside what the folder knows of: it is in no ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import SnapshotError, SourceErrors
from qbatch.job import IN_FLIGHT, Job, JobState

if TYPE_CHECKING:
    from qbatch.providers.listing import JobAtCloud, JobsAtCloud
    from qbatch.snapshot import Run

#: Characters of a point's id by which the shortest of the names that drivers give tell it.
SHORTEST = 12


@dataclass(frozen=True, slots=True)
class Known:
    """A job of a run folder.

    Attributes:
        id: By which its run finds it.
        point: Its name.
        is_ended: It was an attempt that another followed, or that ended without a result.
    """

    folder: Path
    id: str
    point: str
    backend: str
    job: Job
    is_ended: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether its run still waits for it, or for a person's word on it."""
        return not self.is_ended and self.job.state in IN_FLIGHT


@dataclass(frozen=True, slots=True)
class Owner:
    """What is known here of a job at a cloud.

    Attributes:
        folder: Of the run that made it.
        points: Names of its points.
        state: Where the run has it; None where it does not know of this one.
        is_needed: The run still waits for it.
        is_double: It bears the name of one of the run's jobs, and is not that job.
    """

    folder: Path
    points: tuple[str, ...]
    state: JobState | None
    is_needed: bool = False
    is_double: bool = False

    def __str__(self) -> str:
        """In words: ``runs/bell: theta=0.5 (submitted)``."""
        if self.is_double:
            return (
                f"a second job under the name of {self.told_points} of {self.folder}; "
                "not in its ledger"
            )
        return f"{self.folder}: {self.told_points} ({self.state})"

    @property
    def told_points(self) -> str:
        first, *others = self.points
        return f"{first} and {len(others)} more" if others else first


@dataclass
class KnownJobs:
    """The jobs of run folders here that one cloud may have.

    Attributes:
        by_id: The cloud's id, or the key that became one -> jobs, of copies of a folder too.
        by_name: (Run id, beginning of a point's id) -> jobs.
        unread: What is wrong with folders that cannot be read.
    """

    by_id: dict[str, list[Known]] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[Known]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def owners(self, job: JobAtCloud, cloud: JobsAtCloud) -> list[Owner]:
        """Say which run folders a job is of; empty: of none here."""
        known, by_name = self.by_id.get(job.id, []), False
        if not known and job.claim is not None and job.claim.point:
            known = self.by_name.get((job.claim.run_id, job.claim.point[:SHORTEST]), [])
            known = [each for each in known if each.id.startswith(job.claim.point)]
            by_name = True
        folders: dict[Path, list[Known]] = {}
        for each in known:
            folders.setdefault(each.folder, []).append(each)
        return [
            _owner(
                of, is_double=not _is_awaited(of[0], job) if by_name else _again(of[0], job, cloud)
            )
            for of in folders.values()
        ]

    def ids(self) -> list[str]:
        """Ids that the cloud gave, those of jobs in flight first, then the latest."""
        given = [
            (not any(each.is_needed for each in of), -at, id_)
            for at, (id_, of) in enumerate(self.by_id.items())
            if of[0].job.provider_job_id == id_
        ]
        return [id_ for *_, id_ in sorted(given)]


def _owner(known: Sequence[Known], *, is_double: bool) -> Owner:
    first, points = known[0], tuple(dict.fromkeys(each.point for each in known))
    if is_double:
        return Owner(first.folder, points, None, is_double=True)
    needed = any(each.is_needed for each in known)
    return Owner(first.folder, points, first.job.state, is_needed=needed)


def _is_awaited(known: Known, job: JobAtCloud) -> bool:
    """Whether it may be the job of this name, whose id the run does not know yet."""
    assert job.claim is not None
    is_of_now = job.claim.generation == known.job.generation
    return known.job.provider_job_id is None and known.is_needed and is_of_now


def _again(known: Known, job: JobAtCloud, cloud: JobsAtCloud) -> bool:
    """Whether its id was free again, and another job was begun under it."""
    from qbatch.providers.listing import Deletes

    if known.is_ended or known.job.state is not JobState.COMPLETED:
        return False
    if not isinstance(cloud, Deletes):
        return False
    from qbatch.snapshot import Run

    with Run(known.folder) as run:
        return not cloud.is_same(job, run[known.id].facts)


def find_known(provider: str, folders: Iterable[Path]) -> KnownJobs:
    """Gather what run folders know of a cloud's jobs; a damaged one stops nothing."""
    from qbatch.snapshot import Run

    found = KnownJobs()
    for folder in folders:
        try:
            with Run(folder) as run:
                _add(found, run, provider)
        except (SnapshotError, SourceErrors) as error:
            found.unread.append(f"{folder}: {error}")
    return found


def _add(found: KnownJobs, run: Run, provider: str) -> None:
    backends, run_id = _backends(run, provider), run.meta.get("run_id", "")
    names: dict[int, Known] = {}
    for point, job in run.stored_points():
        if point.backend not in backends:
            continue
        known = names[point.ordinal] = Known(run.folder, point.id, point.name, point.backend, job)
        found.by_name.setdefault((run_id, point.id[:SHORTEST]), []).append(known)
        if job.provider_job_id is not None:
            found.by_id.setdefault(job.provider_job_id, []).append(known)
    for ordinal, attempt in run.ended_attempts():
        if ordinal not in names or attempt.provider_job_id is None:
            continue
        of = names[ordinal]
        job = Job(of.job.id, attempt.state, attempt.generation, attempt.provider_job_id)
        known = Known(of.folder, of.id, of.point, of.backend, job, is_ended=True)
        found.by_id.setdefault(attempt.provider_job_id, []).append(known)
    for each in run.in_flight():
        key = None if each.job.provider_job_id else run.intent_key_of(each)
        if key is not None and each.ordinal in names:
            found.by_id.setdefault(key, []).append(names[each.ordinal])


def _backends(run: Run, provider: str) -> set[str]:
    """Names of the run's backends at a cloud; all of them where the manifest cannot be read."""
    try:
        backends = run.manifest.backends
    except (SnapshotError, SourceErrors):
        return {point.backend for point, _ in run.stored_points()}
    return {name for name, backend in backends.items() if backend.provider == provider}
