"""A manifest's checks, judged while a run is read: point by point, and of all points at its end."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from qbatch.across import Across, AcrossNumber, Points
from qbatch.across.points import needs_points
from qbatch.across.theory import Expected, FittedTheory
from qbatch.bases import told_missing
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.expected import EXPECTED, Theory, theory_in
from qbatch.notation import is_number
from qbatch.plan.geometry.where import Narrowed, is_match, is_void, narrowed
from qbatch.plan.geometry.written import values_by_axis
from qbatch.report.numbers import count_of
from qbatch.report.rows import Point, Run, axes_of
from qbatch.result import Check, Estimate, Verdict, explain, judge, margin, parse_check

if TYPE_CHECKING:
    from qbatch.across import Measured
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Analysis, Value, Where
    from qbatch.manifest.models import Check as CheckModel

#: Judgements kept of each verdict; the rest is only counted.
MAX_KEPT = 20

#: What a number across points is of, where there is one for the whole run.
ALL_POINTS = "all points together"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One check at one point, or of one number across points.

    Attributes:
        id: The point's; "" of a number across points.
        name: The point's, or which points the number is of.
        verdict: Judged on the interval.
        estimate: What was measured; None when nothing was.
        reason: Why.
        margin: How far it is from failing; infinite where nothing was measured.
        conditions: (operator, number) each, as they were judged at this point.
    """

    id: str
    name: str
    verdict: Verdict
    estimate: Estimate | None
    reason: str
    margin: float = math.inf
    conditions: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True)
class CheckResult:
    """One check over all points that it is about.

    Attributes:
        check: What is claimed.
        where: Of which points.
        meant: The same, given which values the axes have.
        is_across: Whether it is about a number across points.
        maker: What makes its number at a point: an own analysis, or the number itself.
        narrowing: What makes its number's interval narrower.
        theory: What `expected` stands for in it; None where it names no such thing.
        vars: Numbers that it may name.
        numbers: Verdict -> how many points.
        kept: Judgements of each verdict, those nearest to failing first; see `margin`.
    """

    check: Check
    where: Where
    meant: Narrowed
    is_across: bool = False
    maker: str = ""
    narrowing: str = "more shots"
    theory: Theory | None = None
    vars: Mapping[str, float] = field(default_factory=dict)
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
        what = "value" if self.is_across else "point"
        points = count_of(self.numbers.total(), what)
        return f"{points}: {', '.join(words)}" if words else f"no {what}"

    def add(self, point: Point, values: Mapping[str, Value]) -> None:
        """Judge at `point`, whose axes are `values`, if the check is about it."""
        if self.is_across or self.needs_fits or not is_match(self.meant, values):
            return
        estimate = point.estimates.get(self.check.name)
        check = self.check
        if self.theory is not None:
            expected = self.theory.at_point(values)
            if expected is None:
                self._judge(check, point.id, point.name, None, self.theory.silence)
                return
            check = self._at(expected)
        reason = "" if estimate else self._why_none(point)
        self._judge(check, point.id, point.name, estimate, reason)

    def _why_none(self, point: Point) -> str:
        """Why a point has no such number."""
        if point.job.state is JobState.COMPLETED:
            return point.undecided.get(self.maker) or f"has no {self.check.name}"
        told = f"not measured: {point.job.state}{f': {point.job.error}' if point.job.error else ''}"
        return f"{told}; {told_missing(point.missing)}" if point.used and point.missing else told

    @property
    def needs_fits(self) -> bool:
        """Whether theory names fitted parameters, which are known when all points are read."""
        return self.theory is not None and bool(self.theory.parameters)

    def add_fitted(self, points: Points, fits: Sequence[Fitted], analysis: Analysis) -> None:
        """Judge at each point against theory that is made of fits."""
        if self.theory is None:
            return
        theory = FittedTheory(self.theory, fits, analysis)
        if points.left_out:
            said = f"{len(points) + points.left_out:,} points are too many for theory of fits"
            self._judge(self.check, "", ALL_POINTS, None, said)
            return
        for point in points:
            if is_match(self.meant, point.axes):
                self._judge_fitted(point, theory.at_point(point.axes), analysis)

    def _judge_fitted(self, point: Measured, told: Expected, analysis: Analysis) -> None:
        """Judge at a point: its interval is wider by what theory may be off."""
        estimate = point.estimates.get(self.check.name)
        if told.value is None or estimate is None:
            why = point.why_without(self.check.name, analysis)
            reason = told.reason if told.value is None else why
            self._judge(self.check, point.id, point.name, None, reason)
            return
        half = NormalDist().inv_cdf((1 + analysis.intervals.level) / 2) * told.se
        low, check, high = (self._at(told.value + side) for side in (-half, 0.0, half))
        ends = zip(low.conditions, high.conditions, strict=True)
        off = max(abs(last - first) / 2 for (_, first), (_, last) in ends)
        is_dependent = not told.shots.isdisjoint(point.shared_by(check.name, analysis))
        wide = widened(estimate, off, is_dependent=is_dependent)
        self._judge(check, point.id, point.name, wide, "")

    def _at(self, expected: float) -> Check:
        """The check with what theory says in it."""
        return parse_check(self.check.text, variables={**self.vars, EXPECTED: expected})

    def add_across(self, number: AcrossNumber) -> None:
        """Judge a number across points, if the check is about it."""
        meant = {axis: choice for axis, choice in self.meant.items() if axis in number.group}
        if number.name == self.check.name and is_match(meant, number.group):
            name = number.label or ALL_POINTS
            self._judge(self.check, "", name, number.estimate, number.reason)

    def _judge(
        self, check: Check, id_: str, name: str, estimate: Estimate | None, reason: str
    ) -> None:
        verdict = Verdict.UNDECIDED if estimate is None else judge(check, estimate)
        self.numbers[verdict] += 1
        kept = self.kept.setdefault(verdict, [])
        away = math.inf if estimate is None else margin(check, estimate)
        if len(kept) < MAX_KEPT or away < kept[-1].margin:
            reason = reason if estimate is None else explain(check, estimate, self.narrowing)
            one = Judgement(id_, name, verdict, estimate, reason, away, check.conditions)
            insort(kept, one, key=lambda each: each.margin)
            del kept[MAX_KEPT:]


def widened(estimate: Estimate, off: float, *, is_dependent: bool) -> Estimate:
    """Return an estimate that is held against something that may be off itself.

    Args:
        estimate: What was measured.
        off: How far the other may be off.
        is_dependent: Whether both are of the same shots, or forms of a twirled circuit: then the
            worst is taken.
    """
    value, (least, most) = estimate.value, estimate.judged

    def reach(end: float) -> float:
        away = abs(end - value)
        return away + off if is_dependent else math.hypot(away, off)

    return replace(
        estimate,
        low=value - reach(estimate.low),
        high=value + reach(estimate.high),
        judged_low=value - reach(least),
        judged_high=value + reach(most),
    )


def open_checks(run: Run) -> list[CheckResult]:
    """Read the manifest's checks; nothing is judged yet.

    Those that a `-S` left without points are left out.
    """
    numbers = _vars(run)
    checks = run.manifest.checks
    values = values_by_axis(run.manifest) if any(check.where for check in checks) else {}
    return [
        CheckResult(
            _read(run, check),
            check.where,
            narrowed(check.where, values),
            _read(run, check).name not in run.manifest.analysis.names,
            run.manifest.analysis.maker_of(_read(run, check).name),
            run.manifest.analysis.narrowing(_read(run, check).name),
            _theory(run, check),
            numbers,
        )
        for check in checks
        if not (run.manifest.overrides and is_void(check.where, values))
    ]


def _read(run: Run, check: CheckModel) -> Check:
    return parse_check(check.that, variables={**_vars(run), **_words(run, check)})


def _words(run: Run, check: CheckModel) -> dict[str, float]:
    return theory_in(check.that, {*run.manifest.vars, *run.manifest.analysis.names})


def _theory(run: Run, check: CheckModel) -> Theory | None:
    """Return what `expected` stands for in a check; None where it does not name it."""
    if not _words(run, check):
        return None
    manifest = run.manifest
    return manifest.analysis.theory_of(_read(run, check).name, manifest.vars)


def _vars(run: Run) -> dict[str, float]:
    return {name: float(value) for name, value in run.manifest.vars.items() if is_number(value)}


class Judging:
    """Judges a run's checks as its points are read.

    Args:
        run: Whose checks.
    """

    def __init__(self, run: Run) -> None:
        self.results = open_checks(run)
        self._points = Points(run.manifest) if needs_points(run.manifest) else None

    @property
    def wants_points(self) -> bool:
        """Whether anything is asked of single points."""
        return bool(self.results) or self._points is not None

    def add(self, point: Point, values: Mapping[str, Value]) -> None:
        """Take in a point, whose axes are `values`."""
        for result in self.results:
            result.add(point, values)
        if self._points is not None:
            self._points.add(point)

    def finish(self) -> Across | None:
        """Judge what is about all points; return what there is across them, None for nothing."""
        if self._points is None:
            return None
        found = Across(self._points)
        for result in self.results:
            if result.needs_fits:
                result.add_fitted(self._points, found.fits, self._points.manifest.analysis)
        for number in found.numbers:
            for result in self.results:
                if result.is_across:
                    result.add_across(number)
        return found


def judge_run(run: Run) -> list[CheckResult]:
    """Judge every check of the run's manifest at every point it is about."""
    judging = Judging(run)
    for point in run if judging.results else ():
        judging.add(point, axes_of(point))
    judging.finish()
    return judging.results


def overall(results: Iterable[CheckResult]) -> Verdict:
    """FAIL if any check fails, else UNDECIDED if any is, else PASS."""
    verdicts = {result.verdict for result in results}
    for worst in (Verdict.FAIL, Verdict.UNDECIDED):
        if worst in verdicts:
            return worst
    return Verdict.PASS
