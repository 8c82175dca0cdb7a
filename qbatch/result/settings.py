"""All numbers a manifest asks for of a point that is measured in several settings, by name.

What speaks of outcomes (probabilities, distances) is of the setting in which the circuit is
measured as it is written; an observable is of those settings that its terms need. Settings in which
noise is scaled, or a circuit is twirled, tell mitigated numbers alone (`qbatch.result.mitigated`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qbatch.bases import Setting, is_calibration, is_twirled
from qbatch.result.analysis import (
    AnalysisLike,
    analyse,
    observables_over_z,
    without_observables,
)
from qbatch.result.combined import expectation_of
from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate
from qbatch.result.grouping import Basis, split
from qbatch.result.mitigated import (
    calibrations_in,
    extrapolations,
    means_of_forms,
    needed_of,
    of_circuit,
)
from qbatch.result.observable import Observable
from qbatch.result.pauli import parse_pauli
from qbatch.result.readout import Mended, mend_settings

#: Endings of the names of mitigated numbers.
_MITIGATED = ("readout", "twirl", "zne")


def analyse_settings(
    counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> dict[str, Estimate]:
    """Compute every number of `analysis` that these counts tell, in the order of its names.

    Args:
        counts: Setting -> counts, of those that have some; at least one.
        bases: All settings of the point.
        analysis: Numbers that need a setting which is not there, or has no counts, are left out.

    Raises:
        ValueError: Something does not fit the registers.
    """
    mended = mended_of(counts, bases, analysis).estimates
    twirled, _ = means_of_forms(counts, bases, analysis)
    mitigated, _ = extrapolations(counts, bases, analysis)
    counts, bases = of_circuit(counts), [text for text in bases if not is_calibration(text)]
    if not counts:
        return {}
    some = next(iter(counts.values()))
    registers, level = some.registers, analysis.intervals.level
    counts, ordered = _unscaled(counts, bases)
    found = {}
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, registers)
        needed = needed_of(whole, ordered)
        if needed is not None and all(basis.text in counts for basis in needed):
            told = {basis: counts[basis.text] for basis in needed} or {Basis.parse(""): some}
            found[name] = expectation_of(whole, told, level)
    if "" in counts:
        found |= analyse(counts[""], without_observables(analysis))
    return found | mended | twirled | {name: each.estimate for name, each in mitigated.items()}


def _unscaled(
    counts: Mapping[str, Counts], settings: Sequence[str]
) -> tuple[Mapping[str, Counts], list[Basis]]:
    """Return the counts of each basis, and all bases, where noise is not scaled."""
    plain = [text for text in settings if Setting.parse(text).is_raw]
    there = {text: counts[text] for text in plain if text in counts}
    return there, [Basis.parse(text) for text in plain]


def mended_of(counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike) -> Mended:
    """Take the errors of readout out of the numbers of `analysis`, where that is asked for.

    Args:
        counts: As for `analyse_settings`, calibrations included.
        bases: Of all settings of the point.
        analysis: As for `analyse_settings`.

    Raises:
        ValueError: Something does not fit the registers.
    """
    readout = analysis.mitigation.readout
    measured = {text: each for text, each in counts.items() if Setting.parse(text).is_raw}
    if readout is None or not measured:
        return Mended({}, {})
    own = [text for text in bases if Setting.parse(text).is_raw]
    return mend_settings(measured, own, calibrations_in(counts), readout.method, analysis)


def told_alone(
    counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> dict[str, tuple[Observable, Counts] | None]:
    """Find the observables that the shots of one setting tell, each with those shots.

    Args:
        counts: Setting -> counts, of those that have some; at least one.
        bases: All settings of the point.
        analysis: Observables that need a setting which is not there, or has no counts, are left
            out.

    Returns:
        Name -> observable and counts; None where several settings tell it together, so that no
        shot has its value.

    Raises:
        ValueError: Something does not fit the registers.
    """
    counts, bases = of_circuit(counts), [text for text in bases if not is_calibration(text)]
    if not counts:
        return {}
    if bases == [""]:
        return {
            name: (observable, counts[""])
            for name, observable in observables_over_z(counts[""], analysis)
        }
    some = next(iter(counts.values()))
    counts, ordered = _unscaled(counts, bases)
    found: dict[str, tuple[Observable, Counts] | None] = {}
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, some.registers)
        needed = needed_of(whole, ordered)
        if needed is None:
            continue
        basis = needed[0] if needed else ordered[0]
        if len(needed) > 1:
            found[name] = None
        elif basis.text in counts:
            found[name] = split(whole, (basis,))[0], counts[basis.text]
    return found


def bases_of(
    name: str, counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> list[str]:
    """Tell of which settings' counts a number is made that `analyse_settings` has told.

    Args:
        name: The number's.
        counts: Setting -> counts.
        bases: All settings of the point.
        analysis: That the number is of.

    Returns:
        Their texts, one or more.
    """
    calibrations = [text for text in counts if is_calibration(text)]
    raw, _, method = name.rpartition(".")
    if not raw or method not in _MITIGATED:
        return _raw_bases(name, counts, [t for t in bases if Setting.parse(t).is_raw], analysis)
    meant = [text for text in bases if _is_of(method, text, has_forms=any(map(is_twirled, bases)))]
    return _raw_bases(raw, counts, meant, analysis) + calibrations


def _is_of(method: str, text: str, *, has_forms: bool) -> bool:
    """Tell whether a setting tells numbers that are mitigated so, but for calibrations."""
    setting = Setting.parse(text)
    if setting.prepared:
        return False
    if method == "readout":
        return setting.is_raw
    return bool(setting.twirl) == has_forms and (method == "zne" or setting.scale == 1)


def _raw_bases(
    name: str, counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> list[str]:
    """Tell which of some settings are of the bases in which a number is told."""
    there = [Setting.parse(text) for text in bases]
    if name not in analysis.observables:
        return [each.text for each in there if not each.basis]
    some = next(iter(counts.values()))
    whole = parse_pauli(analysis.observables[name], some.num_bits, some.registers)
    ordered = [Basis.parse(text) for text in dict.fromkeys(each.basis for each in there)]
    needed = {basis.text for basis in needed_of(whole, ordered) or ()}
    found = [each.text for each in there if each.basis in needed]
    return found or [next(iter(of_circuit(counts)))]
