"""Runs of shots: which of a sample there are, and which jobs are to take what is missing.

Rules: the shots of one content are numbered from 0; a *run* (start, number) is shots [start, start
+ number), bought by one job. Runs add up; what is missing is taken from the lowest free numbers on,
so that a sample grows by its next shots, whatever the cuts.

A target takes jobs of so many shots, and no others. A stretch that is longer than one job may be is
cut into as few as possible, as even as possible, the longer ones first: so that any of them that
are still missing, next to each other, are cut at the same places again. No job is shorter than the
target takes: where less is missing, a little more is taken than is wanted, and a gap that is
shorter than one job is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple, Protocol, TypeVar

#: Shots that a machine gave another run are numbered from here on. So a run's own are numbered
#: without gaps, and none of its jobs ever has the id of one whose shots were set aside.
FIRST_OF_OTHERS = 2**32

#: (start, number).
Shots = tuple[int, int]


class Bounds(NamedTuple):
    """How many shots one job may take.

    Attributes:
        least: 1 or more.
        most: `least` or more; None: any number.
    """

    least: int = 1
    most: int | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is any number that a job may take."""
        return self.most is None or self.most >= self.least

    def jobs_for(self, shots: int) -> int:
        """Return how few jobs may take so many shots."""
        return 1 if self.most is None else -(-shots // self.most)

    def divides(self, shots: int) -> bool:
        """Tell whether jobs may take just so many shots, no more."""
        return self.jobs_for(shots) * self.least <= shots


ANY = Bounds()


class AgedShots(int):
    """So many shots are wanted now of what is bought again when it is too old; a number by itself.

    Attributes:
        first: How many are bought each time.
        most: How many may be wanted in the end.
        is_due: What there is is too old for what is left to run: the latest of them are for that.
    """

    first: int
    most: int
    is_due: bool

    def __new__(cls, shots: int, first: int, most: int, *, is_due: bool = False) -> AgedShots:
        """Make it."""
        made = super().__new__(cls, shots)
        made.first, made.most, made.is_due = first, most, is_due
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[int, int, int], dict[str, bool]]:
        return (int(self), self.first, self.most), {"is_due": self.is_due}


def missing(had: Iterable[Shots], wanted: int, bounds: Bounds = ANY) -> list[Shots]:
    """Return the runs that are to be bought so that there are `wanted` shots in all, each a job's.

    Args:
        had: Runs that are bought already; they do not overlap.
        wanted: In all.
        bounds: Of one job.

    >>> missing([], 4000), missing([(0, 1000)], 4000), missing([(0, 4000)], 1000)
    ([(0, 4000)], [(1000, 3000)], [])
    >>> missing([(0, 10), (20, 10)], 35)
    [(10, 10), (30, 5)]
    >>> missing([(0, 1000)], 2600, Bounds(10, 600))
    [(1000, 534), (1534, 533), (2067, 533)]
    >>> missing([(0, 1000)], 1003, Bounds(10, 600))
    [(1000, 10)]
    """
    if not (runs := sorted(had)):
        return [*_of_a_fresh_sample(wanted, bounds)]
    at = 0
    left = wanted - sum(number for _, number in runs)
    found: list[Shots] = []
    for start, number in [*runs, (None, 0)]:
        if left <= 0:
            break
        room = None if start is None else start - at
        for size, times in cut(_that_fit(left, room, bounds), bounds):
            found += [(at + at_job * size, size) for at_job in range(times)]
            at += times * size
            left -= times * size
        at = at if start is None else start + number
    return found


@lru_cache(maxsize=1024)
def _of_a_fresh_sample(shots: int, bounds: Bounds) -> tuple[Shots, ...]:
    """Return the runs that buy a sample of which there is nothing: most points' shots are equal."""
    sizes = [size for size, times in cut(shots, bounds) for _ in range(times)]
    return tuple(zip(accumulate(sizes, initial=0), sizes, strict=False))


def joined(runs: Iterable[Shots]) -> tuple[Shots, ...]:
    """Return runs with those that follow one another as one.

    >>> joined([(10, 5), (0, 10), (20, 5)])
    ((0, 15), (20, 5))
    """
    found: list[Shots] = []
    for start, number in sorted(runs):
        if found and sum(found[-1]) == start:
            start, number = found[-1][0], found.pop()[1] + number
        found.append((start, number))
    return tuple(found)


class Job(Protocol):
    """A job that there is of a sample."""

    @property
    def start(self) -> int: ...
    @property
    def shots(self) -> int: ...
    @property
    def is_bought(self) -> bool: ...


_Job = TypeVar("_Job", bound=Job)


def to_buy(
    had: Iterable[_Job], wanted: int, bounds: Bounds = ANY
) -> list[tuple[Shots, _Job | None]]:
    """Return what is to be bought so that there are `wanted` shots: a run for each job.

    What is bought counts, whatever is wanted now. A job that there is, and that is not bought, buys
    the run that begins where it does; beside the others stands None.

    Args:
        had: The jobs of the sample.
        wanted: In all.
        bounds: Of one job.
    """
    had = list(had)
    runs = missing([(job.start, job.shots) for job in had if job.is_bought], wanted, bounds)
    free = {job.start: job for job in had if not job.is_bought}
    return [(run, free.get(run[0])) for run in runs]


def job_id(point_id: str, start: int) -> str:
    """Return the id of the job that buys shots of a point from `start` on: the point's, or made
    of it.
    """
    return sha256(f"{point_id}/{start}".encode()).hexdigest() if start else point_id


def cut(shots: int, bounds: Bounds) -> Iterator[tuple[int, int]]:
    """Yield the sizes of the jobs that buy so many shots in a row, with how many are of each.

    >>> list(cut(20_000, Bounds(1, 8192))), list(cut(1000, Bounds(1, 500)))
    ([(6667, 2), (6666, 1)], [(500, 2)])
    """
    if shots:
        jobs = bounds.jobs_for(shots)
        size, longer = divmod(max(shots, jobs * bounds.least), jobs)
        yield from ((n, times) for n, times in ((size + 1, longer), (size, jobs - longer)) if times)


def _that_fit(wanted: int, room: int | None, bounds: Bounds) -> int:
    """Return how many of the wanted shots jobs can take where only so many are free in a row.

    Args:
        wanted: 1 or more.
        room: Free numbers; None: all that follow.
        bounds: Of one job.
    """
    if room is None:
        return wanted
    shots = min(wanted, room)
    if bounds.jobs_for(shots) * bounds.least <= room:
        return shots
    return room // bounds.least * (bounds.most or 0)  # 0, where one job may take any number
