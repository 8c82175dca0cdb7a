"""All numbers a manifest asks for of one point, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from qbatch.frozen import dataclass
from qbatch.notation import listed
from qbatch.result.counts import Counts
from qbatch.result.distance import distances
from qbatch.result.estimate import Estimate, expectation_value, probability
from qbatch.result.grouping import AS_WRITTEN, split
from qbatch.result.homogeneity import Histogram
from qbatch.result.notation import NotationError
from qbatch.result.observable import Observable, parse_observable
from qbatch.result.own import OwnLike, measure_own
from qbatch.result.pattern import count_matches
from qbatch.result.pauli import parse_pauli


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


class ZneLike(Protocol):
    """`manifest.mitigation.Zne`, as far as it is needed here."""

    @property
    def fit(self) -> str: ...
    @property
    def asymptote(self) -> float | None: ...


class ReadoutLike(Protocol):
    """`manifest.mitigation.Readout`, as far as it is needed here."""

    @property
    def method(self) -> str: ...


class MitigationLike(Protocol):
    """`manifest.mitigation.Mitigation`, as far as it is needed here."""

    @property
    def readout(self) -> ReadoutLike | None: ...
    @property
    def twirl(self) -> object | None: ...
    @property
    def zne(self) -> ZneLike | None: ...


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
    @property
    def own_at_points(self) -> Mapping[str, OwnLike]: ...
    @property
    def mitigation(self) -> MitigationLike: ...


@dataclass(frozen=True, slots=True)
class _Unmitigated:
    """No mitigation is asked for."""

    readout: ReadoutLike | None = None
    twirl: object | None = None
    zne: ZneLike | None = None


#: Of an analysis that asks for no mitigation.
UNMITIGATED: MitigationLike = _Unmitigated()


@dataclass(frozen=True, slots=True)
class _Part:
    observables: Mapping[str, str]
    probabilities: Mapping[str, str]
    distribution: TargetLike | None
    intervals: IntervalsLike
    own_at_points: Mapping[str, OwnLike]
    mitigation: MitigationLike = UNMITIGATED


@dataclass(frozen=True, slots=True)
class _Metrics:
    target: Mapping[str, float]
    metrics: Sequence[str]


def only(analysis: AnalysisLike, names: Collection[str | None]) -> AnalysisLike:
    """Return an analysis without the numbers that are not among `names`.

    A mitigated number comes with the raw one that it is made of.
    """
    mitigated = {raw for name in names if (raw := (name or "").rpartition(".")[0])}
    whole, names = analysis.distribution, {*names, *mitigated}
    metrics = [] if whole is None else [name for name in whole.metrics if name in names]
    return _Part(
        {name: text for name, text in analysis.observables.items() if name in names},
        {name: text for name, text in analysis.probabilities.items() if name in names},
        _Metrics(whole.target, metrics) if whole is not None and metrics else None,
        analysis.intervals,
        {name: own for name, own in analysis.own_at_points.items() if {*own.returns} & {*names}},
        analysis.mitigation if mitigated else UNMITIGATED,
    )


def without_observables(analysis: AnalysisLike) -> AnalysisLike:
    """Return an analysis with those of its numbers alone that speak of outcomes."""
    return _Part(
        {},
        analysis.probabilities,
        analysis.distribution,
        analysis.intervals,
        analysis.own_at_points,
    )


def observables_over_z(counts: Counts, analysis: AnalysisLike) -> Iterator[tuple[str, Observable]]:
    """Yield the observables that counts of a circuit as it is written tell, with their names.

    Raises:
        ValueError: One does not fit the registers.
    """
    for name, text in analysis.observables.items():
        if not ("X" in text or "Y" in text):
            yield name, parse_observable(text, counts.num_bits, counts.registers)
        elif (whole := parse_pauli(text, counts.num_bits, counts.registers)).is_z_only:
            yield name, split(whole, (AS_WRITTEN,))[0]


def analyse(counts: Counts, analysis: AnalysisLike) -> dict[str, Estimate]:
    """Compute every number that `analysis` names, in the order of `Analysis.names`.

    Those that an own analysis fails to give are left out; see `measure_own`.

    Args:
        counts: Of a circuit measured as it is written.
        analysis: What is asked for.

    Raises:
        ValueError: There are no shots, something does not fit the registers, or an observable has
            to be measured in another basis.
    """
    level = analysis.intervals.level
    found = {
        name: expectation_value(counts, observable, level)
        for name, observable in observables_over_z(counts, analysis)
    }
    if missing := analysis.observables.keys() - found.keys():
        problem = "is not measured; `qbatch run` measures it"
        raise NotationError(f"{listed(sorted(missing))} {problem}")
    for name, pattern in analysis.probabilities.items():
        found[name] = probability(counts, pattern, level)
    if analysis.distribution is not None:
        target, metrics = analysis.distribution.target, analysis.distribution.metrics
        for name, (estimate, _) in distances(counts, target, metrics, level).items():
            found[name] = estimate
    return found | measure_own(counts, analysis.own_at_points, level)[0]


#: Outcomes of a target told apart by `shot_values`; rarer ones are one.
MAX_OUTCOMES = 32


def shot_values(counts: Counts, analysis: AnalysisLike) -> dict[str, Histogram]:
    """Tell how many shots were worth what, for each number that is a mean over shots.

    Distances are no such means: they are left out; see `shot_outcomes`. So are observables that are
    measured in other bases than as the circuit is written.

    Raises:
        ValueError: Something does not fit the registers.
    """
    found: dict[str, Histogram] = {}
    for name, observable in observables_over_z(counts, analysis):
        found[name] = values_of_shots(counts, observable)
    for name, pattern in analysis.probabilities.items():
        ones = count_matches(counts, pattern)
        found[name] = {0.0: counts.shots - ones, 1.0: ones}
    return found


def values_of_shots(counts: Counts, observable: Observable) -> Histogram:
    """Tell how many shots were worth what."""
    found: dict[float, int] = {}
    values = observable.values(counts).tolist()
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
