"""A manifest's checks, judged point by point while a run is read."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qbatch.job import JobState
from qbatch.notation import is_number
from qbatch.plan.geometry.where import Narrowed, is_match, is_void, narrowed
from qbatch.plan.geometry.written import values_by_axis
from qbatch.report.numbers import count_of
from qbatch.report.rows import Point, Run, axes_of
from qbatch.result import Check, Estimate, Verdict, explain, judge, margin, parse_check

if TYPE_CHECKING:
    from qbatch.manifest.models import Value, Where

#: Judgements kept of each verdict; the rest is only counted.
MAX_KEPT = 20


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check at one point.

    Attributes:
        id: The point's.
        name: The point's.
        verdict: Judged on the interval.
        estimate: What was measured; None when nothing was.
        reason: Why.
        margin: How far it is from failing; infinite where nothing was measured.
    """

    id: str
    name: str
    verdict: Verdict
    estimate: Estimate | None
    reason: str
    margin: float = math.inf


@dataclass(slots=True)
class CheckResult:
    """One check over all points that it is about.

    Attributes:
        check: What is claimed.
        where: Of which points.
        meant: The same, given which values the axes have.
        numbers: Verdict -> how many points.
        kept: Judgements of each verdict, those nearest to failing first; see `margin`.
    """

    check: Check
    where: Where
    meant: Narrowed
    numbers: Counter[Verdict] = field(default_factory=Counter)
    kept: dict[Verdict, list[Judgement]] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """FAIL if any point fails, else UNDECIDED if any is, or if there is no point."""
        if self.numbers[Verdict.FAIL]:
            return Verdict.FAIL
        if self.numbers[Verdict.UNDECIDED] or not self.numbers:
            return Verdict.UNDECIDED
        return Verdict.PASS

    @property
    def judgements(self) -> list[Judgement]:
        """Those kept, the worst first."""
        worst_first = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.PASS)
        return [one for verdict in worst_first for one in self.kept.get(verdict, [])]

    @property
    def summary(self) -> str:
        """How many points passed, failed, or are undecided."""
        words = [f"{n} {verdict}" for verdict in Verdict if (n := self.numbers[verdict])]
        points = count_of(self.numbers.total(), "point")
        return f"{points}: {', '.join(words)}" if words else "no point"

    def add(self, point: Point, values: Mapping[str, Value]) -> None:
        """Judge at `point`, whose axes are `values`, if the check is about it."""
        if not is_match(self.meant, values):
            return
        estimate = point.estimates.get(self.check.name)
        verdict = Verdict.UNDECIDED if estimate is None else judge(self.check, estimate)
        self.numbers[verdict] += 1
        kept = self.kept.setdefault(verdict, [])
        away = math.inf if estimate is None else margin(self.check, estimate)
        if len(kept) < MAX_KEPT or away < kept[-1].margin:
            reason = _not_measured(point) if estimate is None else explain(self.check, estimate)
            one = Judgement(point.id, point.name, verdict, estimate, reason, away)
            insort(kept, one, key=lambda each: each.margin)
            del kept[MAX_KEPT:]


def _not_measured(point: Point) -> str:
    if point.job.state is JobState.COMPLETED:
        return "not analysed"
    return f"not measured: {point.job.state}" + (f": {point.job.error}" if point.job.error else "")


def open_checks(run: Run) -> list[CheckResult]:
    """Read the manifest's checks; nothing is judged yet.

    Those that a `-S` left without points are left out.
    """
    numbers = {name: float(value) for name, value in run.manifest.vars.items() if is_number(value)}
    checks = run.manifest.checks
    values = values_by_axis(run.manifest) if any(check.where for check in checks) else {}
    return [
        CheckResult(
            parse_check(check.that, variables=numbers),
            check.where,
            narrowed(check.where, values),
        )
        for check in checks
        if not (run.manifest.overrides and is_void(check.where, values))
    ]


def judge_run(run: Run) -> list[CheckResult]:
    """Judge every check of the run's manifest at every point it is about."""
    results = open_checks(run)
    for point in run if results else ():
        values = axes_of(point)
        for result in results:
            result.add(point, values)
    return results


def overall(results: Iterable[CheckResult]) -> Verdict:
    """FAIL if any check fails, else UNDECIDED if any is, else PASS."""
    verdicts = {result.verdict for result in results}
    for worst in (Verdict.FAIL, Verdict.UNDECIDED):
        if worst in verdicts:
            return worst
    return Verdict.PASS
