"""The mitigated numbers of a point, each beside the raw one: from the counts of all its settings.

A number at one scale of the noise is what it is without any other: a probability of the setting in
which the circuit is measured as it is written, an observable of those settings that its terms need.
Where readout is to be taken out too, that is done at each scale, before the curve is laid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from qbatch.bases import Setting, is_calibration
from qbatch.result.analysis import AnalysisLike, ZneLike
from qbatch.result.combined import sample_of
from qbatch.result.counts import Counts, Registers
from qbatch.result.extrapolation import (
    Extrapolation,
    NoExtrapolationError,
    Scaled,
    Shared,
    extrapolated,
)
from qbatch.result.grouping import Basis, split
from qbatch.result.independent import Sample
from qbatch.result.pattern import count_matches, share_of
from qbatch.result.pauli import PauliSum, parse_pauli
from qbatch.result.readout.methods import readout_of
from qbatch.result.readout.told import Readout, UntoldError
from qbatch.result.readout.worth import OfObservable, OfPattern, Worth

#: Counts of each basis at one scale.
AtScale = Mapping[str, Counts]


def by_scale(counts: Mapping[str, Counts]) -> dict[float, dict[str, Counts]]:
    """Sort settings' counts: scale of the noise, ascending -> basis -> counts."""
    found: dict[float, dict[str, Counts]] = {}
    for setting, each in sorted((Setting.parse(text), each) for text, each in counts.items()):
        found.setdefault(setting.scale, {})[setting.basis] = each
    return dict(sorted(found.items()))


def needed_of(whole: PauliSum, bases: Sequence[Basis]) -> list[Basis] | None:
    """Return the bases of which some term is told; None where one is told by none."""
    try:
        parts = split(whole, bases)
    except ValueError:
        return None
    return [basis for basis, part in zip(bases, parts, strict=True) if part.terms]


def extrapolations(
    counts: Mapping[str, Counts], settings: Sequence[str], analysis: AnalysisLike
) -> tuple[dict[str, Extrapolation], dict[str, str]]:
    """Extrapolate every number of an analysis that can be to no noise.

    Args:
        counts: Setting -> counts, of those that have some; at least one.
        settings: All of the point's.
        analysis: Numbers of which a setting has no counts are left out.

    Returns:
        ``NAME.zne`` -> what it is; and of those that nothing can be said of: why.

    Raises:
        ValueError: Something does not fit the registers.
    """
    zne = analysis.mitigation.zne
    found: dict[str, Extrapolation] = {}
    undecided: dict[str, str] = {}
    if zne is None:
        return found, undecided
    readout, why = _readout(counts, analysis)
    counts, settings = of_circuit(counts), [t for t in settings if not is_calibration(t)]
    if not counts:
        return found, undecided
    scales = {Setting.parse(text).scale for text in settings}
    at_scales = by_scale(counts)
    for name, parts in _numbers(counts, settings, analysis):
        at_each = [_scaled(scale, parts, each) for scale, each in at_scales.items()]
        told = [each for each in at_each if each is not None]
        if len(told) < len(scales) or len(told) < 2:
            continue
        try:
            if why:
                raise NoExtrapolationError(why)
            end = _end(zne, parts, next(iter(counts.values())).registers)
            shared = None
            if readout is not None:
                told, shared = _mended(at_scales, parts, readout)
            found[name] = extrapolated(told, zne.fit, end, analysis.intervals.level, shared)
        except (NoExtrapolationError, UntoldError) as error:
            undecided[name] = str(error)
    return found, undecided


def of_circuit(counts: Mapping[str, Counts]) -> Mapping[str, Counts]:
    """Return the counts of settings in which the circuit itself is measured, by setting."""
    return {text: each for text, each in counts.items() if not is_calibration(text)}


def calibrations_in(counts: Mapping[str, Counts]) -> dict[str, Counts]:
    """Return the counts of calibrations, by what each prepared."""
    return {
        Setting.parse(text).prepared: each for text, each in counts.items() if is_calibration(text)
    }


def _readout(counts: Mapping[str, Counts], analysis: AnalysisLike) -> tuple[Readout | None, str]:
    """Return what the calibrations tell, where readout is to be mended; and why it cannot be."""
    if analysis.mitigation.readout is None:
        return None, ""
    try:
        return readout_of(analysis.mitigation.readout.method, calibrations_in(counts)), ""
    except UntoldError as error:
        return None, str(error)


def _mended(
    counts: Mapping[float, AtScale], parts: _Parts, readout: Readout
) -> tuple[list[Scaled], Shared | None]:
    """Return a number at each scale with readout taken out, and what the calibration leaves open.

    Raises:
        UntoldError: The calibration does not tell it.
    """
    found, slopes = [], []
    for scale, each in counts.items():
        told = [readout.mended(worth, shots) for worth, shots in _worths(parts, each)]
        found.append(Scaled(scale, [one.sample for one in told], _known(parts)))
        slopes.append([one.slopes for one in told])
    if not any(slopes):
        return found, None

    def shared(weights: Sequence[float]) -> list[Sample]:
        weighed = [
            weight * slope
            for weight, several in zip(weights, slopes, strict=True)
            for slope in several
        ]
        return readout.samples(sum(weighed[1:], start=weighed[0]))

    return found, shared


def _worths(parts: _Parts, counts: AtScale) -> list[tuple[Worth, Counts]]:
    """Return what outcomes of each basis are worth at a scale."""
    if isinstance(parts, str):
        return [(OfPattern(parts, counts[""].registers), counts[""])]
    whole, bases = parts
    return [
        (OfObservable(replace(part, constant=0.0)), counts[basis.text])
        for basis, part in zip(bases, split(whole, bases), strict=True)
        if part.terms
    ]


def _known(parts: _Parts) -> float:
    """Return what is added to a number, whatever shots say."""
    return 0.0 if isinstance(parts, str) else parts[0].constant


#: What a number is made of at a scale: a pattern, or a sum and the bases that tell it.
_Parts = str | tuple[PauliSum, Sequence[Basis]]


def _numbers(
    counts: Mapping[str, Counts], settings: Sequence[str], analysis: AnalysisLike
) -> Iterator[tuple[str, _Parts]]:
    """Yield the name of each mitigated number, and what it is made of."""
    some = next(iter(counts.values()))
    texts = dict.fromkeys(Setting.parse(text).basis for text in settings)
    bases = [Basis.parse(text) for text in texts]
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, some.registers)
        needed = needed_of(whole, bases)
        if needed is not None:
            yield f"{name}.zne", (whole, needed or bases[:1])
    if "" in texts:
        for name, pattern in analysis.probabilities.items():
            yield f"{name}.zne", pattern


def _end(zne: ZneLike, parts: _Parts, registers: Registers) -> float:
    """Return what a decay ends in: as is asked for, or where all outcomes are alike.

    Raises:
        NoExtrapolationError: It is not asked for, and too long to find out.
    """
    if zne.fit != "exponential":
        return 0.0
    if zne.asymptote is not None:
        return zne.asymptote
    if not isinstance(parts, str):
        return parts[0].constant
    if (share := share_of(parts, registers)) is not None:
        return share
    raise NoExtrapolationError("what its decay ends in takes too long to find out; write asymptote")


def _scaled(scale: float, parts: _Parts, counts: AtScale) -> Scaled | None:
    """Return a number at a scale; None where a setting that it needs has no counts."""
    if isinstance(parts, str):
        return Scaled(scale, [_ones(counts[""], parts)]) if "" in counts else None
    whole, bases = parts
    if any(basis.text not in counts for basis in bases):
        return None
    samples, known = [], 0.0
    for basis, part in zip(bases, split(whole, bases), strict=True):
        if not part.terms:
            known += part.constant
            continue
        samples.append(sample_of(part, counts[basis.text]))
    return Scaled(scale, samples, known)


def _ones(counts: Counts, pattern: str) -> Sample:
    import numpy as np

    ones = count_matches(counts, pattern)
    there = [(0.0, counts.shots - ones), (1.0, ones)]
    values, numbers = zip(*((value, number) for value, number in there if number), strict=True)
    return Sample(np.array(values), np.array(numbers), (0.0, 1.0), True)
