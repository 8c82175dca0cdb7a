"""Whose a job at a cloud is: which run folder made it, and whether that still needs it.

Rules: a job is known by the id that its run folder noted; where none was noted, by the name or key
that only that run gives. A second one under such a name, one under another id than was noted, and
one that stands again under an id whose result is here already were bought beside what the folder
knows of: they are in no ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import SnapshotError, SourceErrors
from qbatch.frozen import dataclass
from qbatch.job import FINAL, IN_FLIGHT, Job, JobState
from qbatch.snapshot.doubles import Double, read_doubles

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
        row: Of its point.
        point: Its name.
        is_ended: It was an attempt that another followed, or that ended without a result.
    """

    folder: Path
    id: str
    row: int
    point: str
    backend: str
    job: Job
    is_ended: bool = False

    @property
    def is_needed(self) -> bool:
        """Whether its run waits for it or a person's word, or takes it over as it goes on."""
        return not self.is_ended and self.job.state in IN_FLIGHT | {JobState.CREATED}


@dataclass(frozen=True, slots=True)
class Owner:
    """What is known here of a job at a cloud.

    Attributes:
        folder: Of the run that made it.
        backend: In that run's manifest.
        points: Names of its points.
        state: Where the run has it; None where it does not know of this one.
        is_needed: The run still waits for it.
        is_double: It bears the name of one of the run's jobs, and is not that job.
        noted: What the run noted of it as a double; None: nothing yet.
        twins: Rows and attempts of the purchases whose name a double bears.
    """

    folder: Path
    backend: str
    points: tuple[str, ...]
    state: JobState | None
    is_needed: bool = False
    is_double: bool = False
    noted: Double | None = None
    twins: tuple[tuple[int, int], ...] = ()

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
    """The jobs of run folders that one cloud may have.

    Attributes:
        by_id: The cloud's id -> jobs, of copies of a folder too.
        by_name: (Run id, beginning of a point's id) -> jobs.
        by_key: Key that we chose for a purchase -> its generation, and its jobs.
        noted: What runs noted of doubles, by the cloud's id.
        ended: (Point's id, generation) -> ids that ended attempts had.
        unread: What is wrong with folders that cannot be read.
    """

    by_id: dict[str, list[Known]] = field(default_factory=dict)
    by_name: dict[tuple[str, str], list[Known]] = field(default_factory=dict)
    by_key: dict[str, list[tuple[int, Known]]] = field(default_factory=dict)
    ended: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    noted: dict[str, Double] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def owners(self, jobs: Sequence[JobAtCloud], cloud: JobsAtCloud) -> list[list[Owner]]:
        """Say of each job which run folders it is of; none: of none here.

        Args:
            jobs: Of one account. Of several under one name that are not known by their ids, the
                oldest is taken for the one that was meant.
            cloud: Theirs.
        """
        meant: set[tuple[str, int]] = set()
        found: dict[str, list[Owner]] = {}
        for job in sorted(jobs, key=lambda job: (job.created_at, job.id)):
            if job.id in self.by_id:
                folders = _by_folder(self.by_id[job.id])
                found[job.id] = [
                    _owner(known, is_double=_again(known[0], job, cloud)) for known in folders
                ]
                continue
            generation, named = self._named(job)
            found[job.id] = [
                _owner(known, generation, is_double=self._is_double(known[0], generation, meant))
                for known in _by_folder(named)
            ]
            meant |= {(each.id, generation) for each in named}
        return [
            [replace(owner, noted=self.noted.get(job.id)) for owner in found[job.id]]
            for job in jobs
        ]

    def _named(self, job: JobAtCloud) -> tuple[int, list[Known]]:
        """Which purchase its name or key says: the generation, and the jobs."""
        if job.id in self.by_key:
            pairs = self.by_key[job.id]
            return pairs[0][0], [known for _, known in pairs]
        claim = job.claim
        if claim is None or not claim.point:
            return 0, []
        named = self.by_name.get((claim.run_id, claim.point[:SHORTEST]), [])
        return claim.generation, [each for each in named if each.id.startswith(claim.point)]

    def _is_double(self, known: Known, generation: int, meant: set[tuple[str, int]]) -> bool:
        """Whether a job under this name, whose id was not noted, is not the one that was meant."""
        job = known.job
        if (known.id, generation) in meant:
            return True
        if generation < job.generation:
            return bool(self.ended.get((known.id, generation)))
        if generation > job.generation:  # bought by another copy of the folder
            return False
        return job.provider_job_id is not None or job.state in FINAL

    def ids(self) -> list[str]:
        """Ids that the cloud gave, those of jobs in flight first, then the latest."""
        given = [
            (not any(each.is_needed for each in of), -at, id_)
            for at, (id_, of) in enumerate(self.by_id.items())
        ]
        return [id_ for *_, id_ in sorted(given)]


def _by_folder(known: Iterable[Known]) -> list[list[Known]]:
    folders: dict[Path, list[Known]] = {}
    for each in known:
        folders.setdefault(each.folder, []).append(each)
    return [*folders.values()]


def _owner(known: Sequence[Known], generation: int | None = None, *, is_double: bool) -> Owner:
    first, points = known[0], tuple(dict.fromkeys(each.point for each in known))
    if is_double:
        twins = tuple((each.row, generation or each.job.generation) for each in known)
        return Owner(first.folder, first.backend, points, None, is_double=True, twins=twins)
    needed = any(each.is_needed for each in known)
    return Owner(first.folder, first.backend, points, first.job.state, is_needed=needed)


def _again(known: Known, job: JobAtCloud, cloud: JobsAtCloud) -> bool:
    """Whether its id was free again, and another job was begun under it."""
    from qbatch.providers.listing import Deletes
    from qbatch.snapshot import Run

    if known.is_ended or known.job.state is not JobState.COMPLETED:
        return False
    if not isinstance(cloud, Deletes):
        return False

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
    rows: dict[int, Known] = {}
    for point, job in run.stored_points():
        if point.backend not in backends:
            continue
        known = rows[point.ordinal] = Known(
            run.folder, point.id, point.ordinal, point.name, point.backend, job
        )
        found.by_name.setdefault((run_id, point.id[:SHORTEST]), []).append(known)
        if job.provider_job_id is not None:
            found.by_id.setdefault(job.provider_job_id, []).append(known)
    for ordinal, attempt in run.ended_attempts():
        if ordinal not in rows or attempt.provider_job_id is None:
            continue
        of = rows[ordinal]
        job = Job(of.job.id, attempt.state, attempt.generation, attempt.provider_job_id)
        known = Known(of.folder, of.id, of.row, of.point, of.backend, job, is_ended=True)
        found.by_id.setdefault(attempt.provider_job_id, []).append(known)
        found.ended.setdefault((of.id, attempt.generation), set()).add(attempt.provider_job_id)
    found.noted |= read_doubles(run.meta)
    for key, generation, ordinals in run.purchases():
        bought = [(generation, rows[ordinal]) for ordinal in ordinals if ordinal in rows]
        if bought:
            found.by_key.setdefault(key, []).extend(bought)


def _backends(run: Run, provider: str) -> set[str]:
    """Names of the run's backends at a cloud; all of them where the manifest cannot be read."""
    try:
        backends = run.manifest.backends
    except (SnapshotError, SourceErrors):
        return {point.backend for point, _ in run.stored_points()}
    return {name for name, backend in backends.items() if backend.provider == provider}
