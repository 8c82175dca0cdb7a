"""What a run folder has of a point's shots, and what a run would buy of it.

By the rule by which the folder places what a plan asks for: `qbatch.shots.to_buy`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from qbatch import shots
from qbatch.accuracy.deciding import MOST_ROUNDS
from qbatch.job import Job, JobState
from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.plan.packing import Piece, PiecesOf
from qbatch.plan.pinning.former import known_as
from qbatch.purchase import BOUGHT, PRECEDENCE
from qbatch.shots import ANY, FIRST_OF_OTHERS, AgedShots, Bounds, cut, job_id, missing

if TYPE_CHECKING:
    from qbatch.plan.identity import SweepPoint
    from qbatch.providers import Target


class Had(NamedTuple):
    """One job of a point: it buys, or bought, shots [start, start + shots)."""

    start: int
    shots: int
    state: JobState

    @property
    def is_bought(self) -> bool:
        """Whether its shots are there, or may be on their way."""
        return self.state in BOUGHT


class Run(Protocol):
    """What is asked of a run folder."""

    @property
    def has_former_ids(self) -> bool: ...
    def setting_of(self, point: Any) -> dict[str, Any]: ...
    def stored_points(self) -> Iterator[tuple[Any, Job]]: ...


def jobs_in(run: Run) -> dict[str, list[Had]]:
    """Return the jobs of each point that a run folder knows, by the ids a plan may know it by."""
    found: dict[str, list[Had]] = {}
    for point, job in run.stored_points():
        for id_ in known_as(run, point):
            found.setdefault(id_, []).append(Had(point.start, point.shots, job.state))
    return found


def states_in(run: Run) -> dict[str, str]:
    """Return where each point that a run folder knows is: the state of its job furthest behind."""
    found: dict[str, str] = {}
    for id_, jobs in jobs_in(run).items():
        states = {job.state for job in jobs}
        found[id_] = next((one for one in PRECEDENCE if one in states), JobState.COMPLETED).value
    return found


def to_buy(had: Sequence[Had], wanted: int, bounds: Bounds = ANY) -> list[Had]:
    """Return what is to be bought so that there are `wanted` shots, each as it stands now.

    Args:
        had: The jobs of the point.
        wanted: In all.
        bounds: Of one job.
    """
    found = shots.to_buy(had, wanted, bounds)
    return [Had(*run, job.state if job else JobState.CREATED) for run, job in found]


def begun(jobs: Mapping[str, Sequence[Had]]) -> set[str]:
    """Return the points of which shots are there, or may be on their way."""
    return {id_ for id_, had in jobs.items() if any(job.is_bought for job in had)}


def done(had: Iterable[Had]) -> int:
    """Return how many shots there are."""
    return sum(job.shots for job in had if job.state is JobState.COMPLETED)


def states_left(had: Sequence[Had], wanted: int) -> set[JobState]:
    """Return where the jobs stand that are to be bought so that there are `wanted` shots.

    Whatever the target takes: also those are meant that will be cut otherwise than before.
    """
    runs = missing([(job.start, job.shots) for job in had if job.is_bought], wanted)
    tried = [job for job in had if not job.is_bought and job.shots]
    found: set[JobState] = set()
    for start, number in runs:
        there = [job for job in tried if start <= job.start < start + number]
        found |= {job.state for job in there} or {JobState.CREATED}
    return found


def pieces_of(
    jobs: Mapping[str, Sequence[Had]],
    targets: Mapping[str, Target],
    states: Collection[JobState] | None = None,
) -> PiecesOf:
    """Return what says of a point which jobs a run would buy now.

    Args:
        jobs: Of the points that a run folder knows.
        targets: Backend -> target; where one is missing, it takes any number of shots.
        states: Where these jobs stand; None: whether or not they were tried before.
    """

    def pieces(point: SweepPoint) -> Iterator[Piece]:
        target = targets.get(point.backend)
        bounds = ANY if target is None else target.bounds
        for job in to_buy(jobs.get(point.id, ()), point.shots, bounds):
            if states is None or job.state in states:
                yield Piece(job_id(point.id, job.start), job.shots, job.start)

    return pieces


def most_pieces_of(
    jobs: Mapping[str, Sequence[Had]],
    targets: Mapping[str, Target],
    states: Collection[JobState] | None = None,
) -> PiecesOf:
    """Return what says of a point which jobs a run may buy at most: as `pieces_of`.

    Where a point is to reach an accuracy, that is all shots that it may come to want, in as many
    jobs as there may be rounds. Of a calibration, it is each time that it may be too old.
    """
    now = pieces_of(jobs, targets, states)

    def again(point: SweepPoint, wanted: AgedShots) -> Iterator[Piece]:
        found, target = [*now(point)], targets.get(point.backend)
        had = [(job.start, job.shots) for job in jobs.get(point.id, ()) if job.is_bought]
        own = ((start, shots) for start, shots in had if start < FIRST_OF_OTHERS)
        at = max((sum(run) for run in (*own, *((p.start, p.shots) for p in found))), default=0)
        yield from found
        for _ in range((wanted.most - wanted) // wanted.first):
            for size, times in cut(wanted.first, ANY if target is None else target.bounds):
                for _ in range(times):
                    yield Piece(job_id(point.id, at), size, at)
                    at += size

    is_new = states is None or JobState.CREATED in states

    def pieces(point: SweepPoint) -> Iterator[Piece]:
        wanted, had = point.shots, jobs.get(point.id, ())
        if isinstance(wanted, AgedShots):
            yield from again(point, wanted)
            return
        if not isinstance(wanted, AdaptiveShots) or wanted.most == wanted or not is_new:
            yield from now(point)
            return
        target = targets.get(point.backend)
        bounds = ANY if target is None else target.bounds
        for start, number in in_rounds(to_buy(had, wanted.most, bounds), bounds):
            yield Piece(job_id(point.id, start), number, start)

    return pieces


def in_rounds(runs: Iterable[Had], bounds: Bounds) -> Iterator[tuple[int, int]]:
    """Cut runs of shots into the jobs that cost most, if they are bought in several rounds.

    >>> [*in_rounds([Had(0, 20, JobState.CREATED)], Bounds(1, 10))][-3:]
    [(4, 1), (5, 1), (6, 14)]
    """
    left = MOST_ROUNDS
    for run in runs:
        start, end = run.start, run.start + run.shots
        while left and end - start >= 2 * bounds.least:
            yield start, bounds.least
            start, left = start + bounds.least, left - 1
        yield start, end - start
