"""All numbers a manifest asks for of one point, by name; and what repeats say together."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Protocol

from qbatch.result.counts import Counts, Registers
from qbatch.result.distance import distances, parse_distribution
from qbatch.result.estimate import Estimate, expectation_value, parse_pattern, probability
from qbatch.result.homogeneity import DRAWS, Histogram, homogeneity_p
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


@dataclass(frozen=True, slots=True)
class _Part:
    observables: Mapping[str, str]
    probabilities: Mapping[str, str]
    distribution: TargetLike | None
    intervals: IntervalsLike


@dataclass(frozen=True, slots=True)
class _Metrics:
    target: Mapping[str, float]
    metrics: Sequence[str]


def only(analysis: AnalysisLike, names: Collection[str | None]) -> AnalysisLike:
    """Return an analysis without the numbers that are not among `names`."""
    whole = analysis.distribution
    metrics = [] if whole is None else [name for name in whole.metrics if name in names]
    return _Part(
        {name: text for name, text in analysis.observables.items() if name in names},
        {name: text for name, text in analysis.probabilities.items() if name in names},
        _Metrics(whole.target, metrics) if whole is not None and metrics else None,
        analysis.intervals,
    )


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


#: Outcomes of a target told apart by `shot_values`; rarer ones are one.
MAX_OUTCOMES = 32


def shot_values(counts: Counts, analysis: AnalysisLike) -> dict[str, Histogram]:
    """Tell how many shots were worth what, for each number that is a mean over shots.

    Distances are no such means: they are left out; see `shot_outcomes`.

    Raises:
        ValueError: Something does not fit the registers.
    """
    found: dict[str, Histogram] = {}
    for name, text in analysis.observables.items():
        observable = parse_observable(text, counts.num_bits, counts.registers)
        found[name] = _histogram(observable.values(counts).tolist(), counts)
    for name, pattern in analysis.probabilities.items():
        ones = count_matches(counts, pattern)
        found[name] = {0.0: counts.shots - ones, 1.0: ones}
    return found


def count_matches(counts: Counts, pattern: str) -> int:
    """Count the shots whose outcome fits a pattern."""
    import numpy as np

    matches = np.ones(len(counts), dtype=bool)
    for bit, value in parse_pattern(pattern, counts.registers).items():
        matches &= counts.bit(bit) == value
    return int(counts.counts[matches].sum())


def _histogram(values: Sequence[float], counts: Counts) -> Histogram:
    found: dict[float, int] = {}
    for value, shots in zip(values, counts.counts.tolist(), strict=True):
        found[value] = found.get(value, 0) + shots
    return found


def told_apart(target: Mapping[str, float]) -> list[str]:
    """Return a target's likeliest outcomes, which `shot_outcomes` tells apart."""
    return sorted(target, key=lambda bits: (-target[bits], bits))[:MAX_OUTCOMES]


def shot_outcomes(counts: Counts, target: Mapping[str, float]) -> Histogram:
    """Tell how many shots gave each of a target's outcomes, numbered from 1; 0 are all others."""
    found = {
        float(number): count_matches(counts, bits)
        for number, bits in enumerate(told_apart(target), start=1)
    }
    return {0.0: counts.shots - sum(found.values()), **found}


@dataclass(frozen=True, slots=True)
class Scatter:
    """How repeats of one point differ, against how shot noise alone would make them differ.

    Attributes:
        n: Repeats with shots, 2 or more.
        mean: Over all shots.
        sd: Standard deviation between the repeats' values.
        shot_noise: What shot noise alone would make it, root mean square.
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


def scatter(repeats: Sequence[Histogram], draws: int = DRAWS) -> Scatter:
    """Compare the scatter of repeats with their shot noise; right from one shot a repeat on.

    Args:
        repeats: Value -> shots of each, as `shot_values` gives them.
        draws: As for `homogeneity_p`.

    Raises:
        ValueError: There are fewer than two repeats with shots.
    """
    filled = [repeat for repeat in repeats if sum(repeat.values())]
    if len(filled) < 2:
        raise ValueError("scatter needs two repeats or more")
    sizes = [sum(repeat.values()) for repeat in filled]
    means = [sum(v * n for v, n in r.items()) / s for r, s in zip(filled, sizes, strict=True)]
    total = sum(sizes)
    mean = sum(m * s for m, s in zip(means, sizes, strict=True)) / total
    squares = sum((v - mean) ** 2 * n for repeat in filled for v, n in repeat.items())
    noise = math.sqrt(squares / (total - 1) * fmean(1 / size for size in sizes))
    return Scatter(len(filled), mean, stdev(means), noise, homogeneity_p(filled, draws))
