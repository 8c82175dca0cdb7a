"""What is said of shots that come from other runs: from which, whose, how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from qbatch.notation import visible, whole
from qbatch.snapshot.reused import Reused

if TYPE_CHECKING:
    from qbatch.snapshot.points import PointResult


@dataclass(frozen=True, slots=True)
class FromRun:
    """What comes from one other run.

    Attributes:
        name: Of that run.
        folder: Where it was read.
        run: Its id.
        who: Who sent it, and from where; sorted.
        accounts: With which it was bought; sorted.
        first: The day of its first result, ISO 8601; "" where that is not known.
        last: Of its last one.
        jobs: How many.
        shots: How many.
        points: How many contents.
        cost: Unit -> what it was charged there.
    """

    name: str
    folder: str
    run: str
    who: tuple[str, ...]
    accounts: tuple[str, ...]
    first: str
    last: str
    jobs: int
    shots: int
    points: int
    cost: dict[str, float]

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def days(self) -> str:
        """The days of its results in words."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"

    def in_short(self) -> str:
        """Which run, whose, of when."""
        told = (f"run {self.name}", *self.who, self.days)
        return visible(f"{self.folder} ({', '.join(filter(None, told))})")

    def __str__(self) -> str:
        told = (f"run {self.name}", *self.who, self.days)
        jobs = "1 job" if self.jobs == 1 else f"{whole(self.jobs)} jobs"
        points = "1 point" if self.points == 1 else f"{whole(self.points)} points"
        return visible(
            f"{whole(self.shots)} shots of {points} come from {self.folder} "
            f"({', '.join(filter(None, told))}): {jobs}, not bought again"
        )


#: Shots that come from another run: the content, where it comes from, how many.
Shots = tuple[str, Reused, int]


def by_run(found: Iterable[Shots]) -> Iterator[FromRun]:
    """Yield what comes from each other run, by where it was read."""
    rows = sorted(found, key=lambda each: (each[1].folder, each[1].run, each[0]))
    for _, group in groupby(rows, key=lambda each: (each[1].folder, each[1].run)):
        yield _from_run([*group])


def _from_run(rows: Sequence[Shots]) -> FromRun:
    told = [reused for _, reused, _ in rows]
    days = sorted(_day(each.completed_at) for each in told if each.completed_at is not None)
    cost: dict[str, float] = {}
    for each in told:
        if each.cost and each.unit:
            cost[each.unit] = cost.get(each.unit, 0.0) + each.cost
    return FromRun(
        name=told[0].name,
        folder=told[0].folder,
        run=told[0].run,
        who=(*sorted({each.who for each in told} - {""}),),
        accounts=(*sorted({each.account for each in told} - {""}),),
        first=days[0] if days else "",
        last=days[-1] if days else "",
        jobs=len(rows),
        shots=sum(shots for _, _, shots in rows),
        points=len({content for content, _, _ in rows}),
        cost=cost,
    )


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def shots_from_others(point: PointResult) -> Iterator[Shots]:
    """Yield what of a point comes from other runs."""
    for job in point.jobs:
        reused = Reused.of(job.facts) if job.done else None
        if reused is not None:
            yield job.id, reused, job.bought
