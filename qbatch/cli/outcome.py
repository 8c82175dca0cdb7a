"""What a run measured, in a few lines: its numbers, and the verdicts of its checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from qbatch.cli.exits import Exit
from qbatch.frozen import dataclass
from qbatch.notation import whole
from qbatch.report.judging import CheckResult, Judging, overall
from qbatch.report.numbers import count_of, in_unit, outcomes, short
from qbatch.report.overview import NumberSummary
from qbatch.report.rows import axes_of
from qbatch.result import Verdict

if TYPE_CHECKING:
    from qbatch.across import AcrossNumber
    from qbatch.report.rows import Point
    from qbatch.snapshot import Run

#: Points told one by one; of more only the ends of each number.
FEW = 4

#: Numbers told.
MOST_NUMBERS = 6

#: Numbers across points told.
MOST_ACROSS = 12

#: Points read for it, where nobody asked whether the checks pass.
MOST_POINTS = 20_000

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.UNDECIDED: "yellow"}
_CODES = {
    Verdict.PASS: Exit.DONE,
    Verdict.FAIL: Exit.CHECKS_FAILED,
    Verdict.UNDECIDED: Exit.UNDECIDED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one reading of a run found.

    Attributes:
        checks: Judged.
        numbers: Name -> its ends.
        first: The first points measured.
        measured: How many are.
        across: Numbers made of several points.
        units: Number -> its unit, where it has one.
    """

    checks: list[CheckResult]
    numbers: dict[str, NumberSummary] = field(default_factory=dict)
    first: Sequence[Point] = ()
    measured: int = 0
    across: Sequence[AcrossNumber] = ()
    units: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> Exit:
        """5 where a check fails, 4 where none does and one is undecided, else 0."""
        return _CODES[overall(self.checks)]

    def facts(self) -> list[dict[str, Any]]:
        """The checks as `--json` has them."""
        return [
            {
                "that": each.check.text,
                "where": dict(each.where),
                "verdict": each.verdict.value,
                "points": {verdict.value: number for verdict, number in each.numbers.items()},
            }
            for each in self.checks
        ]

    def lines(self) -> list[str]:
        """Numbers and verdicts, a line each."""
        few = self.measured <= FEW
        told = (
            _by_point(self.first, self.units)
            if few or not self.numbers
            else _by_number(self.numbers, self.units)
        )
        if not self.numbers and not few:
            told.append(f"  and {count_of(self.measured - FEW, 'more point')}")
        return [*told, *_across(self.across, self.units), *map(_verdict, self.checks)]


def outcome_of(run: Run) -> Outcome:
    """Read a run once."""
    judging, numbers, first, measured = Judging(run), dict[str, NumberSummary](), [], 0
    for point in run:
        judging.add(point, axes_of(point))
        if not point.used:
            continue
        measured += 1
        if measured <= FEW:
            first.append(point)
        for name, estimate in point.estimates.items():
            numbers.setdefault(name, NumberSummary()).add(point, estimate)
    across = judging.finish()
    made = [] if across is None else across.numbers
    return Outcome(judging.results, numbers, first, measured, made, run.manifest.units)


def _by_point(points: Sequence[Point], units: Mapping[str, str]) -> list[str]:
    width = max((len(point.name) for point in points), default=0)
    lines = []
    for point in points:
        told = [
            f"{name} {in_unit(short(one), units.get(name))}"
            for name, one in islice(point.estimates.items(), MOST_NUMBERS)
        ]
        if not told and point.counts is not None:
            told = [outcomes(point.counts)]
        lines.append(f"  {point.name.ljust(width)}  {', '.join(told)}")
    return lines


def _by_number(numbers: dict[str, NumberSummary], units: Mapping[str, str]) -> list[str]:
    width = max(map(len, numbers))
    lines = []
    for name, found in islice(numbers.items(), MOST_NUMBERS):
        low, high = found.lowest[0], found.highest[0]
        least, most = (in_unit(short(one.estimate), units.get(name)) for one in (low, high))
        told = f"from {least} at {low.name} to {most} at {high.name}"
        if low.estimate.value == high.estimate.value:
            told = f"{least} at all {whole(found.points)} points"
        lines.append(f"  {name.ljust(width)}  {told}")
    if len(numbers) > MOST_NUMBERS:
        lines.append(f"  and {len(numbers) - MOST_NUMBERS} more numbers")
    return lines


def _across(numbers: Sequence[AcrossNumber], units: Mapping[str, str]) -> list[str]:
    width = max((len(number.name) for number in numbers), default=0)
    lines = []
    for number in numbers[:MOST_ACROSS]:
        at = f" at {number.label}" if number.label else ""
        told = f"undecided: {number.reason}"
        if number.estimate is not None:
            told = in_unit(short(number.estimate), units.get(number.name))
        note = f" ({number.note})" if number.note else ""
        lines.append(f"  {number.name.ljust(width)}  {told}{at}{note}")
    if len(numbers) > MOST_ACROSS:
        lines.append(f"  and {len(numbers) - MOST_ACROSS} more numbers across points")
    return lines


def _verdict(result: CheckResult) -> str:
    word = click.style(result.verdict.value.ljust(9), fg=_COLOURS[result.verdict])
    return f"  {word}  {result.check.text}  ({result.summary})"
