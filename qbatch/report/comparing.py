"""Groups of shots of the same numbers at the same settings, gathered point by point and compared.

Rules: what is kept of a setting does not grow with its shots: how many were worth what, which for
sums of many values is coarsened; beyond `MAX_COMPARISONS` or `MAX_CELLS` further settings are not
compared. All comparisons are judged together, so that the chance of any false alarm is `ALARM`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from math import ceil, floor, log2, sqrt
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.notation import listed
from qbatch.report.numbers import count_of, with_error
from qbatch.result import (
    DRAWS,
    FEW_DRAWS,
    AnalysisLike,
    Counts,
    Histogram,
    family,
    homogeneity_p,
    shot_outcomes,
    shot_values,
    smallest_p,
    told_alone,
    told_apart,
    values_of_shots,
    without_observables,
)

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis

#: Chance that groups which all measure the same are told to differ, all comparisons together.
ALARM = 0.01
#: (number, setting) pairs compared.
MAX_COMPARISONS = 20_000
#: Different values of all histograms together.
MAX_CELLS = 1_000_000
#: Different values of one comparison; more are coarsened to a grid.
MAX_VALUES = 200
_GRID = 64

#: Stands for all distances: they differ only where the outcomes do.
OUTCOMES = "outcomes"


@dataclass(slots=True)
class Shots:
    """All shots that one group has of one number at one setting.

    Attributes:
        number: Of shots.
        total: Sum of what they are worth.
        squares: Sum of its squares.
        values: Value (of the grid, where there is one) -> shots.
    """

    number: int = 0
    total: float = 0.0
    squares: float = 0.0
    values: dict[float, int] = field(default_factory=dict)

    def add(self, histogram: Histogram, step: float) -> None:
        for value, shots in histogram.items():
            if shots:
                self.number += shots
                self.total += value * shots
                self.squares += value * value * shots
                cell = value if not step else floor(value / step) * step
                self.values[cell] = self.values.get(cell, 0) + shots

    def coarsen(self, step: float) -> None:
        fine, self.values = self.values, {}
        for value, shots in fine.items():
            cell = floor(value / step) * step
            self.values[cell] = self.values.get(cell, 0) + shots

    @property
    def told(self) -> str:
        """Mean and standard error; where all shots agree, how many do."""
        mean = self.total / self.number
        variance = max(0.0, self.squares / self.number - mean**2)
        if len(self.values) < 2:
            return f"{mean:.6g} (all of {count_of(self.number, 'shot')})"
        return with_error(mean, sqrt(variance / self.number))


@dataclass(slots=True)
class _Groups:
    """What is compared: group -> its shots; the grid's step, 0 where values are as they are."""

    found: dict[str, Shots] = field(default_factory=dict)
    step: float = 0.0

    def add(self, group: str, histogram: Histogram) -> None:
        self.found.setdefault(group, Shots()).add(histogram, self.step)
        while len(values := self._values()) > MAX_VALUES:
            finest = 2.0 ** ceil(log2((max(values) - min(values)) / _GRID))
            self.step = max(finest, 2 * self.step)
            for shots in self.found.values():
                shots.coarsen(self.step)

    def _values(self) -> set[float]:
        values: set[float] = set()
        return values.union(*(shots.values for shots in self.found.values()))

    @property
    def cells(self) -> int:
        return sum(len(shots.values) for shots in self.found.values())


@dataclass(frozen=True, slots=True)
class Compared:
    """One number at one setting, as its groups have it.

    Attributes:
        number: Name.
        setting: Readable: "circuit, gamma=0.1".
        groups: Group -> its shots.
        p_value: Probability that shot noise alone makes them differ so much or more.
        is_different: More than chance, all comparisons together; None: too few shots to say.
    """

    number: str
    setting: str
    groups: Mapping[str, Shots]
    p_value: float
    is_different: bool | None

    @property
    def told(self) -> str:
        """Each group's value with its standard error; of outcomes, how many shots there are."""
        if self.number == OUTCOMES:
            shots = (f"{name} {count_of(one.number, 'shot')}" for name, one in self.groups.items())
            return ", ".join(shots)
        return ", ".join(f"{name} {one.told}" for name, one in self.groups.items())


class Comparison:
    """Collects shots, then judges.

    Args:
        analysis: Whose numbers are compared: means over shots, and for its distances the outcomes.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._found: dict[tuple[str, str], _Groups] = {}
        self._cells = 0
        self._sums: set[str] = set()
        #: Numbers that several settings of a point tell together: no shot has their value.
        self.not_compared: set[str] = set()

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """Names of what is compared."""
        names = (*self._analysis.observables, *self._analysis.probabilities)
        return (*names, OUTCOMES) if self._analysis.distribution is not None else names

    def add(
        self,
        setting: str,
        group: str,
        counts: Mapping[str, Counts],
        bases: Sequence[str] = ("",),
        analysis: AnalysisLike | None = None,
    ) -> None:
        """Take in shots of a group at a setting.

        Args:
            setting: A circuit with its parameters.
            group: Whose shots they are.
            counts: By the basis in which they were measured; "" as the circuit is written.
            bases: All in which the point is measured.
            analysis: What is asked of the point; None: what is asked of all.
        """
        own = self._analysis if analysis is None else analysis
        for number, histogram in self._histograms(counts, bases, own) if counts else ():
            key = (number, setting)
            groups = self._found.get(key)
            if groups is None:
                if len(self._found) >= MAX_COMPARISONS or self._cells >= MAX_CELLS:
                    continue
                groups = self._found[key] = _Groups()
            before = groups.cells
            groups.add(group, histogram)
            self._cells += groups.cells - before

    def _histograms(
        self, counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
    ) -> Iterator[tuple[str, Histogram]]:
        for name, told in told_alone(counts, bases, analysis).items():
            if told is None:
                self.not_compared.add(name)
                continue
            observable, shots = told
            if len(observable.terms) > 1:
                self._sums.add(name)
            yield name, values_of_shots(shots, observable)
        if "" in counts:
            yield from shot_values(counts[""], without_observables(self._analysis)).items()
            if self._analysis.distribution is not None:
                yield OUTCOMES, shot_outcomes(counts[""], self._analysis.distribution.target)

    @property
    def note(self) -> str:
        """Which numbers are not compared, and why; "" where all are."""
        if not self.not_compared:
            return ""
        names = listed(name for name in self.numbers if name in self.not_compared)
        return f"Not compared: {names}; shots in several bases tell it together, and none alone."

    def judged(self) -> list[Compared]:
        """Judge what two groups or more have measured, all together, in the order taken in."""
        several = {
            key: groups.found for key, groups in self._found.items() if len(groups.found) > 1
        }
        draws = DRAWS if len(several) * 2 / (DRAWS + 1) <= ALARM else FEW_DRAWS
        p_values = [self._p(key[0], found, draws) for key, found in several.items()]
        smallest = [self._smallest(key[0], found, draws) for key, found in several.items()]
        verdicts = family(p_values, smallest, ALARM)
        return [
            Compared(number, setting, found, p_value, verdict)
            for ((number, setting), found), p_value, verdict in zip(
                several.items(), p_values, verdicts, strict=True
            )
        ]

    def _p(self, number: str, found: Mapping[str, Shots], draws: int) -> float:
        histograms = [shots.values for shots in found.values()]
        if number != OUTCOMES:
            return homogeneity_p(histograms, draws)
        outcomes = set[float]().union(*histograms)
        least = min(homogeneity_p(_split(histograms, each), draws) for each in outcomes)
        return min(1.0, least * self._ways)

    def _smallest(self, number: str, found: Mapping[str, Shots], draws: int) -> float:
        sizes = tuple(sorted(shots.number for shots in found.values()))
        least = smallest_p(sizes, draws, two_valued=number not in self._sums)
        return min(1.0, least * self._ways) if number == OUTCOMES else least

    @cached_property
    def _ways(self) -> int:
        """In how many ways outcomes are split in two."""
        target = self._analysis.distribution
        return 1 if target is None else len(told_apart(target.target)) + 1


def _split(histograms: list[dict[float, int]], outcome: float) -> list[dict[float, int]]:
    """Shots with one outcome (1) and with others (0)."""
    return [
        {1.0: (ones := found.get(outcome, 0)), 0.0: sum(found.values()) - ones}
        for found in histograms
    ]
