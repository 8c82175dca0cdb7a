"""What is said of shots that come from other runs: from which, whose, how many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.bases import point_of
from qbatch.frozen import dataclass
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
        points: How many.
        cost: Unit -> what it was charged there.
        imported: Files of other programs from which that run had them; sorted.
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
    imported: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """All of it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def days(self) -> str:
        """The days of its results in words."""
        return self.first if self.first == self.last else f"{self.first} to {self.last}"

    @property
    def _told(self) -> tuple[str, ...]:
        files = (f"imported from {file}" for file in self.imported)
        return (f"run {self.name}", *files, *self.who, self.days)

    def in_short(self) -> str:
        """Which run, whose, of when."""
        told = self._told
        return visible(f"{self.folder} ({', '.join(filter(None, told))})")

    def __str__(self) -> str:
        told = self._told
        jobs = "1 job" if self.jobs == 1 else f"{whole(self.jobs)} jobs"
        points = "1 point" if self.points == 1 else f"{whole(self.points)} points"
        return visible(
            f"{whole(self.shots)} shots of {points} come from {self.folder} "
            f"({', '.join(filter(None, told))}): {jobs}, not bought again"
        )


class Shots(NamedTuple):
    """Shots that come from another run.

    Attributes:
        id: Of the content.
        point: Name of the point, or of one of its settings.
        reused: Where they come from.
        number: How many.
    """

    id: str
    point: str
    reused: Reused
    number: int


def by_run(found: Iterable[Shots]) -> Iterator[FromRun]:
    """Yield what comes from each other run, by where it was read."""
    rows = sorted(found, key=lambda each: (*_run_of(each), each.id))
    for _, group in groupby(rows, key=_run_of):
        yield _from_run([*group])


def _run_of(each: Shots) -> tuple[str, str]:
    return each.reused.folder, each.reused.run


def _from_run(rows: Sequence[Shots]) -> FromRun:
    told = [each.reused for each in rows]
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
        shots=sum(each.number for each in rows),
        points=len({point_of(each.point) for each in rows}),
        cost=cost,
        imported=(*sorted({each.imported for each in told} - {""}),),
    )


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def shots_from_others(point: PointResult) -> Iterator[Shots]:
    """Yield what of a point comes from other runs."""
    for job in point.jobs:
        reused = Reused.of(job.facts) if job.done else None
        if reused is not None:
            yield Shots(job.id, point.name, reused, job.bought)
