"""The mitigated numbers of a point, each beside the raw one: from the counts of all its settings.

A number at one scale of the noise is what it is without any other: a probability of the setting in
which the circuit is measured as it is written, an observable of those settings that its terms need.
Where circuits are twirled, it is that of all forms together. Where readout is to be taken out too,
that is done at each scale, in each form, before the curve is laid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.bases import Setting, is_calibration, is_twirled
from qbatch.frozen import dataclass
from qbatch.result.analysis import AnalysisLike, ZneLike
from qbatch.result.combined import sample_of
from qbatch.result.counts import Counts, Registers
from qbatch.result.estimate import Estimate
from qbatch.result.extrapolation import (
    Extrapolation,
    NoExtrapolationError,
    Scaled,
    Shared,
    extrapolated,
)
from qbatch.result.flipped import Flipped, flipped_back
from qbatch.result.grouping import Basis, split
from qbatch.result.independent import Sample
from qbatch.result.pattern import count_matches, share_of
from qbatch.result.pauli import PauliSum, parse_pauli
from qbatch.result.readout.methods import readout_of
from qbatch.result.readout.told import Moves, Readout, Told, UntoldError
from qbatch.result.readout.worth import OfObservable, OfPattern, Worth
from qbatch.result.twirled import ByForm, OfForms, added, mean_of_forms, together

if TYPE_CHECKING:
    from qbatch.result.readout.told import Floats

#: Counts of each form of a circuit, with the bits that it flips; one without flips where the
#: circuit is not twirled.
Forms = Sequence[tuple[str, Counts]]

#: Counts of each basis at one scale.
AtScale = Mapping[str, Forms]


def by_scale(counts: Mapping[str, Counts], settings: Sequence[str]) -> dict[float, AtScale]:
    """Sort settings' counts: scale of the noise, ascending -> basis -> counts.

    A basis of which a form has no counts, or is no setting any more, is left out.
    """
    found: dict[float, dict[str, list[tuple[str, Counts]]]] = {}
    parsed = sorted((Setting.parse(text), text) for text in settings)
    there: dict[Setting, set[int]] = {}
    for each, text in parsed:
        there.setdefault(each.untwirled, set()).update([each.form] if text in counts else [])
    every = {each.form for each, _ in parsed}
    for each, text in sorted(parsed, key=lambda one: one[0].form):
        if there[each.untwirled] == every:
            forms = found.setdefault(each.scale, {}).setdefault(each.basis, [])
            forms.append((each.flips, counts[text]))
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
    counts, settings = _mitigating(counts, settings)
    if not counts:
        return found, undecided
    scales = {Setting.parse(text).scale for text in settings}
    at_scales = by_scale(counts, settings)
    registers = next(iter(counts.values())).registers
    for name, parts in _numbers(registers, settings, analysis):
        if len(scales) < 2 or not all(_is_told(parts, at_scales.get(each)) for each in scales):
            continue
        try:
            if why:
                raise NoExtrapolationError(why)
            end = _end(zne, parts, registers)
            told = [_at_scale(parts, each, readout) for each in at_scales.values()]
            level = analysis.intervals.level
            made = _extrapolated([*at_scales], told, zne.fit, end, level, readout)
            found[f"{name}.zne"] = made
        except (NoExtrapolationError, UntoldError) as error:
            undecided[f"{name}.zne"] = str(error)
    return found, undecided


def _extrapolated(
    scales: Sequence[float],
    told: Sequence[_Told],
    fit: str,
    end: float,
    level: float,
    readout: Readout | None,
) -> Extrapolation:
    scaled = [
        Scaled(scale, [one.sample for one in each.parts], each.known, each.away)
        for scale, each in zip(scales, told, strict=True)
    ]
    shared = _shared([each.slopes for each in told], readout)
    return extrapolated(scaled, fit, end, level, shared)


def means_of_forms(
    counts: Mapping[str, Counts], settings: Sequence[str], analysis: AnalysisLike
) -> tuple[dict[str, Estimate], dict[str, str]]:
    """Estimate every number of an analysis that can be from twirled circuits.

    Args:
        counts: Setting -> counts, of those that have some; at least one.
        settings: All of the point's.
        analysis: Numbers of which a setting has no counts are left out.

    Returns:
        ``NAME.twirl`` -> what it is; and of those that nothing can be said of: why.

    Raises:
        ValueError: Something does not fit the registers.
    """
    found: dict[str, Estimate] = {}
    undecided: dict[str, str] = {}
    if analysis.mitigation.twirl is None or not any(map(is_twirled, counts)):
        return found, undecided
    readout, why = _readout(counts, analysis)
    counts, settings = _mitigating(counts, settings)
    at_scale = by_scale(counts, settings).get(1.0)
    registers = next(iter(counts.values())).registers
    for name, parts in _numbers(registers, settings, analysis):
        if at_scale is None or not _is_told(parts, at_scale):
            continue
        try:
            if why:
                raise UntoldError(why)
            told = _at_scale(parts, at_scale, readout)
            shared = _shared([told.slopes], readout)
            further = shared([1.0]) if shared is not None else []
            level = analysis.intervals.level
            found[f"{name}.twirl"] = mean_of_forms(told.parts, told.known, further, level)
        except UntoldError as error:
            undecided[f"{name}.twirl"] = str(error)
    return found, undecided


@dataclass(frozen=True, slots=True)
class MadeOf:
    """What a number of method twirl or zne is made of.

    Attributes:
        weights: Of the number at each scale of the noise.
        told: The number there.
        readout: What is known of it; None where it is not taken out.
    """

    weights: Sequence[float]
    told: Sequence[_Told]
    readout: Readout | None

    @property
    def moves(self) -> Moves | None:
        """How it moves with what is known of the readout; None where that is not taken out."""
        if self.readout is None:
            return None
        parts = [
            (weight * share, each)
            for weight, one in zip(self.weights, self.told, strict=True)
            for forms in one.mended
            for share, each in forms
        ]
        return Moves.of(self.readout, parts)

    @property
    def by_form(self) -> ByForm | None:
        """By what it errs in each form; None where circuits are not twirled."""
        both = [*zip(self.weights, self.told, strict=True)]
        away = added([(weight, each) for weight, one in both for each in one.away if each])
        by_shots = sum(w**2 * part.sample.squared_error for w, one in both for part in one.parts)
        return ByForm.of(away, by_shots) if away else None


def made_of_forms(
    counts: Mapping[str, Counts], settings: Sequence[str], analysis: AnalysisLike, method: str
) -> MadeOf | None:
    """Tell what a number of `method` twirl or zne is made of.

    Args:
        counts: As of `extrapolations`.
        settings: As there.
        analysis: Of one number alone.
        method: twirl or zne.

    Returns:
        None where there is no such number.
    """
    readout, why = _readout(counts, analysis)
    zne = analysis.mitigation.zne
    counts, settings = _mitigating(counts, settings)
    if why or not counts:
        return None
    at_scales = by_scale(counts, settings)
    at_scales = at_scales if method == "zne" else {1.0: at_scales.get(1.0, {})}
    registers = next(iter(counts.values())).registers
    for _, parts in _numbers(registers, settings, analysis):
        try:
            told = [_at_scale(parts, each, readout) for each in at_scales.values()]
            weights: Sequence[float] = [1.0]
            if method == "zne" and zne is not None:
                end, level = _end(zne, parts, registers), analysis.intervals.level
                weights = _extrapolated([*at_scales], told, zne.fit, end, level, readout).weights
        except (NoExtrapolationError, UntoldError):
            return None
        return MadeOf(weights, told, readout)
    return None


def _mitigating(
    counts: Mapping[str, Counts], settings: Sequence[str]
) -> tuple[Mapping[str, Counts], list[str]]:
    """Return the counts and settings of which mitigated numbers are made, without calibrations.

    Where circuits are twirled, these are their forms.
    """
    has_forms = any(map(is_twirled, settings))
    own = [text for text in settings if not is_calibration(text) and is_twirled(text) == has_forms]
    return {text: counts[text] for text in own if text in counts}, own


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


@dataclass(frozen=True, slots=True)
class _Told:
    """What a number is at one scale of the noise.

    Attributes:
        parts: Of each basis.
        known: What is added, whatever shots say.
        mended: Of each basis what its forms tell, with each form's share of the shots; empty where
            readout is not taken out.
    """

    parts: Sequence[OfForms]
    known: float
    mended: Sequence[Sequence[tuple[float, Told]]]

    @property
    def slopes(self) -> Sequence[Floats]:
        """Of each basis how its mean moves with what is known of the readout."""
        each = ([share * one.slopes for share, one in forms] for forms in self.mended)
        return [sum(forms[1:], start=forms[0]) for forms in each]

    @property
    def away(self) -> Sequence[Sequence[float]]:
        """Of each basis how far each form is away."""
        return [each.away for each in self.parts]


def _at_scale(parts: _Parts, counts: AtScale, readout: Readout | None) -> _Told:
    """Return a number at a scale, with readout taken out where that is known.

    Raises:
        UntoldError: The calibration does not tell it.
    """
    found: list[OfForms] = []
    mended: list[list[tuple[float, Told]]] = []
    known = 0.0 if isinstance(parts, str) else parts[0].constant
    for worth, forms in _worths(parts, counts):
        if readout is None:
            samples = [_sample(worth, flipped_back(each, flips)) for flips, each in forms]
        else:
            told = [readout.mended(_flipped(worth, flips), each) for flips, each in forms]
            samples = [each.sample for each in told]
            total = sum(each.shots for _, each in forms)
            shares = [each.shots / total for _, each in forms]
            mended.append([*zip(shares, told, strict=True)])
        found.append(together(samples, are_forms=bool(forms[0][0])))
    return _Told(found, known, mended)


def _flipped(worth: Worth, flips: str) -> Worth:
    return Flipped(worth, flips) if flips else worth


def _sample(worth: OfObservable | OfPattern, counts: Counts) -> Sample:
    if isinstance(worth, OfPattern):
        return _ones(counts, worth.pattern)
    return sample_of(worth.observable, counts)


def _shared(slopes: Sequence[Sequence[Floats]], readout: Readout | None) -> Shared | None:
    """Return what the calibration leaves open of a sum of numbers; None: nothing."""
    if readout is None or not any(slopes):
        return None

    def shared(weights: Sequence[float]) -> list[Sample]:
        weighed = [
            weight * slope
            for weight, several in zip(weights, slopes, strict=True)
            for slope in several
        ]
        return readout.samples(sum(weighed[1:], start=weighed[0]))

    return shared


def _is_told(parts: _Parts, counts: AtScale | None) -> bool:
    """Tell whether all bases of a number have counts at a scale."""
    if counts is None:
        return False
    needed = [""] if isinstance(parts, str) else [basis.text for basis in parts[1]]
    return all(text in counts for text in needed)


def _worths(parts: _Parts, counts: AtScale) -> list[tuple[OfObservable | OfPattern, Forms]]:
    """Return what outcomes of each basis are worth at a scale."""
    if isinstance(parts, str):
        forms = counts[""]
        return [(OfPattern(parts, forms[0][1].registers), forms)]
    whole, bases = parts
    return [
        (OfObservable(replace(part, constant=0.0)), counts[basis.text])
        for basis, part in zip(bases, split(whole, bases), strict=True)
        if part.terms
    ]


#: What a number is made of at a scale: a pattern, or a sum and the bases that tell it.
_Parts = str | tuple[PauliSum, Sequence[Basis]]


def _numbers(
    registers: Registers, settings: Sequence[str], analysis: AnalysisLike
) -> Iterator[tuple[str, _Parts]]:
    """Yield the name of each number that may be mitigated, and what it is made of."""
    texts = dict.fromkeys(Setting.parse(text).basis for text in settings)
    bases = [Basis.parse(text) for text in texts]
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, sum(size for _, size in registers), registers)
        needed = needed_of(whole, bases)
        if needed is not None:
            yield name, (whole, needed or bases[:1])
    if "" in texts:
        yield from analysis.probabilities.items()


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


def _ones(counts: Counts, pattern: str) -> Sample:
    import numpy as np

    ones = count_matches(counts, pattern)
    there = [(0.0, counts.shots - ones), (1.0, ones)]
    values, numbers = zip(*((value, number) for value, number in there if number), strict=True)
    return Sample(np.array(values), np.array(numbers), (0.0, 1.0), True)
