"""All numbers a manifest asks for of one point, by name; and what repeats say together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, stdev
from typing import Protocol

from qbatch.result.counts import Counts, Registers
from qbatch.result.distance import distances, parse_distribution
from qbatch.result.estimate import Estimate, expectation_value, parse_pattern, probability
from qbatch.result.observable import parse_observable


class TargetLike(Protocol):
    """`manifest.models.Distribution`, as far as it is needed here."""

    @property
    def target(self) -> Mapping[str, float]: ...
    @property
    def metrics(self) -> Sequence[str]: ...


class IntervalsLike(Protocol):
    """`manifest.models.Intervals`, as far as it is needed here."""

    @property
    def level(self) -> float: ...


class AnalysisLike(Protocol):
    """`manifest.models.Analysis`, as far as it is needed here."""

    @property
    def observables(self) -> Mapping[str, str]: ...
    @property
    def probabilities(self) -> Mapping[str, str]: ...
    @property
    def distribution(self) -> TargetLike | None: ...
    @property
    def intervals(self) -> IntervalsLike: ...


def names_of(analysis: AnalysisLike) -> tuple[str, ...]:
    """Names of all analysed numbers, as they head the columns of a results table."""
    metrics = analysis.distribution.metrics if analysis.distribution else ()
    return (*analysis.observables, *analysis.probabilities, *metrics)


def check_analysis(analysis: AnalysisLike, registers: Registers) -> None:
    """Read everything once against a circuit's registers, without counts.

    Raises:
        ValueError: Something cannot be read or does not fit; a `NotationError` knows its column.
    """
    num_bits = sum(bits for _, bits in registers)
    for text in analysis.observables.values():
        parse_observable(text, num_bits, registers)
    for pattern in analysis.probabilities.values():
        parse_pattern(pattern, registers)
    if analysis.distribution is not None:
        parse_distribution(analysis.distribution.target, registers)


def analyse(counts: Counts, analysis: AnalysisLike) -> dict[str, Estimate]:
    """Compute every number that `analysis` names, in the order of `names_of`.

    Raises:
        ValueError: There are no shots, or something does not fit the registers.
    """
    level = analysis.intervals.level
    found = {}
    for name, text in analysis.observables.items():
        observable = parse_observable(text, counts.num_bits, counts.registers)
        found[name] = expectation_value(counts, observable, level)
    for name, pattern in analysis.probabilities.items():
        found[name] = probability(counts, pattern, level)
    if analysis.distribution is not None:
        target, metrics = analysis.distribution.target, analysis.distribution.metrics
        for name, (estimate, _) in distances(counts, target, metrics, level).items():
            found[name] = estimate
    return found


@dataclass(frozen=True, slots=True)
class Scatter:
    """How repeats of one point differ, against how shot noise alone would make them differ.

    Attributes:
        n: Repeats, 2 or more.
        mean: Of the repeats' values.
        sd: Standard deviation between the repeats.
        shot_noise: Root mean square of their standard errors.
        p_value: Probability that shot noise alone scatters them this much or more.
    """

    n: int
    mean: float
    sd: float
    shot_noise: float
    p_value: float

    @property
    def is_excessive(self) -> bool:
        """True when shot noise hardly (p < 0.001) explains the scatter: something drifted."""
        return self.p_value < 1e-3


def scatter(estimates: Sequence[Estimate]) -> Scatter:
    """Compare the scatter of repeats with their shot noise, by a χ² test.

    Raises:
        ValueError: There are fewer than two estimates.
    """
    if len(estimates) < 2:
        raise ValueError("scatter needs two repeats or more")
    values = [estimate.value for estimate in estimates]
    sd, noise = stdev(values), math.sqrt(fmean(e.se**2 for e in estimates))
    freedom = len(values) - 1
    if noise == 0:
        p_value = 1.0 if sd == 0 else 0.0
    else:
        p_value = chi_squared_p(freedom * (sd / noise) ** 2, freedom)
    return Scatter(len(values), fmean(values), sd, noise, p_value)


def chi_squared_p(chi_squared: float, freedom: int) -> float:
    """Return the probability that χ² with so many degrees of freedom is this large or larger.

    Wilson and Hilferty's cube-root approximation (Proc. Natl. Acad. Sci. 17, 684, 1931), good to a
    few per cent of p.

    >>> round(chi_squared_p(3.84, 1), 2)
    0.05
    """
    ninth = 2 / (9 * freedom)
    deviation = ((chi_squared / freedom) ** (1 / 3) - (1 - ninth)) / math.sqrt(ninth)
    return 1 - NormalDist().cdf(deviation)
