"""One reading of a run: everything its pages say besides the rows themselves.

Rules: constant memory but for what figures draw; no clock, so that equal runs give equal pages.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from qbatch.across import Across
from qbatch.job import JobState
from qbatch.report.agreement import Agreement, Repeats
from qbatch.report.judging import CheckResult, Judging
from qbatch.report.rows import Columns, Point, Run, axes_of
from qbatch.report.series import Series, open_series
from qbatch.result import Estimate
from qbatch.snapshot import InPart
from qbatch.snapshot.bulk import Page
from qbatch.snapshot.column import Column

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Value

#: Highest and lowest values kept of each analysed number.
MAX_EXTREMES = 5
#: Different errors told; further ones are only counted.
MAX_FAILURES = 50

#: State -> what a person can do about it.
REMEDIES = {
    JobState.FAILED: "mend the cause, then `qbatch retry`",
    JobState.CANCELLED: "`qbatch retry` runs it again",
    JobState.HELD: "look at the provider's console, then `qbatch resolve`",
}


@dataclass(slots=True)
class Failure:
    """Points that ended badly in the same words, but for what is each point's own in them.

    Attributes:
        state: failed, cancelled or held.
        error: The provider's own words about the first of them.
        backends: Where.
        number: How many points.
        names: The first of them.
    """

    state: JobState
    error: str
    backends: set[str] = field(default_factory=set)
    number: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def remedy(self) -> str:
        """What a person can do about it."""
        return REMEDIES[self.state]


@dataclass(slots=True)
class Share:
    """What one backend did.

    Attributes:
        points: Asked of it.
        completed: Of these, with all the shots that they ask for.
        measured: Of these, with some of them at least.
        shots: Counted; none for a point whose shots another one was bought with.
        cost: Unit -> cost as noted with the results.
    """

    points: int = 0
    completed: int = 0
    measured: int = 0
    shots: int = 0
    cost: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Extreme:
    """A point that stands out by one of its numbers.

    Attributes:
        id: Of the first point with this value.
        name: Of that point.
        estimate: Its number.
        others: Further points with the same value.
    """

    id: str
    name: str
    estimate: Estimate
    others: int = 0


@dataclass(slots=True)
class NumberSummary:
    """One analysed number over all points that have it.

    Attributes:
        points: How many have it.
        total: Sum of the values.
    """

    points: int = 0
    total: float = 0.0
    _highest: dict[float, Extreme] = field(default_factory=dict)
    _lowest: dict[float, Extreme] = field(default_factory=dict)

    def add(self, point: Point, estimate: Estimate) -> None:
        """Take in one point."""
        self.points += 1
        self.total += estimate.value
        _keep(self._highest, estimate.value, point, estimate)
        _keep(self._lowest, -estimate.value, point, estimate)

    def add_all(self, page: Page, fields: Sequence[Column]) -> None:
        """Take in a page's points, with the arguments of their estimates."""
        values = fields[0].values
        self.points += len(values)
        self.total = reduce(add, values, self.total)
        numbers = Counter(values)
        most = sorted(numbers)
        for kept, sign, keys in (
            (self._highest, 1.0, most[-MAX_EXTREMES:]),
            (self._lowest, -1.0, most[:MAX_EXTREMES]),
        ):
            for value in keys:
                place = values.index(value)
                _keep_all(kept, sign * value, numbers[value], page, place, fields)

    @property
    def mean(self) -> float:
        """Mean of the values, of whatever points."""
        return self.total / self.points

    @property
    def highest(self) -> list[Extreme]:
        """Largest values first."""
        return [self._highest[key] for key in sorted(self._highest, reverse=True)]

    @property
    def lowest(self) -> list[Extreme]:
        """Smallest values first."""
        return [self._lowest[key] for key in sorted(self._lowest, reverse=True)]

    @property
    def extremes(self) -> list[tuple[str, Extreme]]:
        """The three highest and three lowest values, each told once, with what they are."""
        highest = self.highest[:3]
        told = {one.estimate.value for one in highest}
        lowest = [one for one in self.lowest[:3] if one.estimate.value not in told]
        return [*(("highest", one) for one in highest), *(("lowest", one) for one in lowest)]


def _is_new(kept: dict[float, Extreme], key: float, number: int) -> bool:
    """Count points that have a key; say whether it is one to keep, for which room was made."""
    if key in kept:
        kept[key].others += number
        return False
    if len(kept) >= MAX_EXTREMES:
        least = min(kept)
        if key <= least:
            return False
        del kept[least]
    return True


def _keep(kept: dict[float, Extreme], key: float, point: Point, estimate: Estimate) -> None:
    """Keep the largest keys, and how many points have each; the first of them is told."""
    if _is_new(kept, key, 1):
        kept[key] = Extreme(point.id, point.name, estimate)


def _keep_all(
    kept: dict[float, Extreme],
    key: float,
    number: int,
    page: Page,
    place: int,
    fields: Sequence[Column],
) -> None:
    """Keep a key that so many points of a page have, the first of them at a place."""
    if not _is_new(kept, key, number):
        return
    estimate = Estimate(*(field.values[place] for field in fields))
    kept[key] = Extreme(page.ids[place], page.column("name")[place], estimate, number - 1)


@dataclass(slots=True)
class Overview:
    """What one reading of a run found; feed it every point once, in order.

    Attributes:
        states: State -> points.
        backends: Name -> what it did.
        failures: (state, common words) -> the points.
        untold: Points whose errors were too many different ones to be told.
        warnings: (backend, what it warned of) -> points.
        numbers: Analysed name -> its summary.
        circuits: Name -> the first point that runs it.
        across: What is made of several points, when all is read; None where nothing is asked for.
        judging: Judges the checks, those of numbers across points at the end.
        series: What the figures draw.
        repeats: Whether repeats measure the same.
        agreement: Whether the backends measure the same.
    """

    columns: Columns
    judging: Judging
    series: list[Series]
    agreement: Agreement
    repeats: Repeats
    states: Counter[JobState] = field(default_factory=Counter)
    backends: dict[str, Share] = field(default_factory=dict)
    in_part: InPart = field(default_factory=InPart)
    failures: dict[tuple[JobState, str], Failure] = field(default_factory=dict)
    untold: int = 0
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)
    numbers: dict[str, NumberSummary] = field(default_factory=dict)
    circuits: dict[str, Point] = field(default_factory=dict)
    across: Across | None = None
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @classmethod
    def of(cls, run: Run, columns: Columns) -> Overview:
        """Begin; nothing is read yet."""
        return cls(
            columns,
            Judging(run),
            open_series(run, columns),
            Agreement(run.manifest, columns),
            Repeats(run.manifest, columns),
        )

    def add_all(self, points: Sequence[Point]) -> None:
        """Take in points, in order."""
        if isinstance(points, Page) and self._takes_columns():
            self._add_page(points)
            return
        for point in points:
            self.add(point)

    def _takes_columns(self) -> bool:
        """Whether nothing is asked of each point by itself."""
        is_compared = self.agreement.compares or self.repeats.compares
        return (
            not self.judging.wants_points
            and not is_compared
            and all(one.is_full for one in self.series)
        )

    def _add_page(self, page: Page) -> None:
        self.states[JobState.COMPLETED] += len(page)
        self._digest.update("".join(page.ids).encode())
        for name in dict.fromkeys(page.column("circuit")):
            if name not in self.circuits:
                self.circuits[name] = page[page.column("circuit").index(name)]
        self._add_shares(page)
        for name, fields in page.fields.items():
            self.numbers.setdefault(name, NumberSummary()).add_all(page, fields)
        for series in self.series:
            series.leave_out(len(page))

    def _add_shares(self, page: Page) -> None:
        names, shots = page.column("backend"), page.column("shots")
        for name, number in Counter(names).items():
            share = self.backends.setdefault(name, Share())
            share.points += number
            share.completed += number
            share.measured += number
            is_all = number == len(page)
            share.shots += sum(
                shots if is_all else itertools.compress(shots, map(name.__eq__, names))
            )
        if page.of("cost").only == (None,) or page.of("unit").only == ("",):
            return
        for name, cost, unit in zip(names, page.column("cost"), page.column("unit"), strict=True):
            if cost is not None and unit:
                costs = self.backends[name].cost
                costs[unit] = costs.get(unit, 0.0) + cost

    def add(self, point: Point) -> None:
        """Take in one point."""
        job = point.job
        self.states[job.state] += 1
        self._digest.update(point.id.encode())
        self.circuits.setdefault(point.circuit, point)
        share = self.backends.get(point.backend)
        if share is None:
            share = self.backends[point.backend] = Share()
        share.points += 1
        if job.cost is not None and job.unit:
            share.cost[job.unit] = share.cost.get(job.unit, 0.0) + job.cost
        share.completed += job.state is JobState.COMPLETED
        if point.used:
            share.measured += 1
            if point.is_short and job.state is not JobState.COMPLETED:
                is_counted = bool(point.same_as)
                self.in_part = self.in_part.and_one(
                    point.counted, point.asked, is_counted=is_counted
                )
            share.shots += point.counted
            if warning := point.warning:
                self._add_warning(point.backend, warning)
            self._add_numbers(point)
            for name, why in point.undecided.items():
                self._add_warning(point.backend, f"analysis {name!r} gave no numbers: {why}")
        if job.state in REMEDIES:
            self._add_failure(point)
        if self.judging.wants_points or self.series:
            values = axes_of(point)
            self.judging.add(point, values)
            for series in self.series:
                series.add(point, values)

    def _add_warning(self, backend: str, warning: str) -> None:
        key = backend, warning
        if key in self.warnings or len(self.warnings) < MAX_FAILURES:
            self.warnings[key] += 1

    def _add_numbers(self, point: Point) -> None:
        estimates = point.estimates
        for name, estimate in estimates.items():
            summary = self.numbers.get(name)
            if summary is None:
                summary = self.numbers[name] = NumberSummary()
            summary.add(point, estimate)
        self.agreement.add(point)
        self.repeats.add(point)

    def _add_failure(self, point: Point) -> None:
        key = point.job.state, common_words(point)
        failure = self.failures.get(key)
        if failure is None:
            if len(self.failures) >= MAX_FAILURES:
                self.untold += 1
                return
            failure = self.failures[key] = Failure(point.job.state, point.job.error)
        failure.number += 1
        failure.backends.add(point.backend)
        if len(failure.names) < 5:
            failure.names.append(point.name)

    @property
    def checks(self) -> list[CheckResult]:
        """Judged; those of numbers across points when all is read."""
        return self.judging.results

    def finish(self) -> None:
        """Make what is made of all points."""
        self.across = self.judging.finish()

    @property
    def fits(self) -> Sequence[Fitted]:
        """Curves, fitted when all is read."""
        return () if self.across is None else self.across.fits

    @property
    def points(self) -> int:
        """Points of the plan."""
        return self.states.total()

    @property
    def completed(self) -> int:
        """Points that have all the shots that they ask for."""
        return self.states[JobState.COMPLETED]

    @property
    def shots(self) -> int:
        """Shots counted in all."""
        return sum(share.shots for share in self.backends.values())

    @property
    def points_digest(self) -> str:
        """SHA-256 over all points' ids in run order, 64 hex digits."""
        return self._digest.hexdigest()


#: Numbers that libraries give to circuits as they come.
_COUNTER = re.compile(r"\bcircuit-\d+(?:-\d+)?\b")


def common_words(point: Point) -> str:
    """A point's error without what is the point's own in it: its name, its ids, its number.

    Other figures stay: what needs 30 qubits and what needs 31 may fail for different reasons.
    """
    words = point.job.error
    for own in (point.name, point.id, point.id[:16], point.id[:8], point.job.provider_job_id):
        if own and len(own) > 2:
            words = words.replace(own, "…")
    return _COUNTER.sub("circuit-…", words)


def axis_values(point: Point, columns: Columns) -> list[Value | None]:
    """A point's values under the columns of a page's table."""
    values = axes_of(point)
    return [values.get(name) for name in columns.varied]
