"""The numbers of a point that are mended, by name: ``zz.readout`` stands beside ``zz``.

Mended are observables and probabilities. Distances are not: they are of a distribution, and what is
mended need not be one; nor are own analyses, which take counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qbatch.result.analysis import AnalysisLike
from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate
from qbatch.result.grouping import Basis, split
from qbatch.result.pauli import parse_pauli
from qbatch.result.readout.mending import mend
from qbatch.result.readout.methods import readout_of
from qbatch.result.readout.told import Moves, UntoldError
from qbatch.result.readout.worth import OfObservable, OfPattern, Worth

#: What the name of a mended number has behind that of the number.
ENDING = ".readout"


class Mended(NamedTuple):
    """What was mended.

    Attributes:
        estimates: Name, with `ENDING`, -> estimate.
        untold: Name, likewise -> why there is no number.
    """

    estimates: dict[str, Estimate]
    untold: dict[str, str]


def mend_settings(
    counts: Mapping[str, Counts],
    bases: Sequence[str],
    calibrations: Mapping[str, Counts],
    method: str,
    analysis: AnalysisLike,
) -> Mended:
    """Mend every number of `analysis` that these counts tell.

    Args:
        counts: Basis -> counts, of settings that have some; at least one.
        bases: Of all settings of the point but the calibrations.
        calibrations: What was prepared, as text -> counts, of those that have some.
        method: tensored, full or mthree.
        analysis: Numbers that need a setting which is not there, or has no counts, are left out.

    Raises:
        ValueError: Something does not fit the registers.
    """
    found = Mended({}, {})
    parts = dict(_parts(counts, bases, analysis))
    try:
        readout = readout_of(method, calibrations)
    except UntoldError as error:
        return Mended({}, {f"{name}{ENDING}": str(error) for name in parts})
    for name, measured in parts.items():
        try:
            found.estimates[f"{name}{ENDING}"] = mend(measured, readout, analysis.intervals.level)
        except UntoldError as error:
            found.untold[f"{name}{ENDING}"] = str(error)
    return found


def moves_of_mended(
    counts: Mapping[str, Counts],
    bases: Sequence[str],
    calibrations: Mapping[str, Counts],
    method: str,
    analysis: AnalysisLike,
) -> Moves | None:
    """Tell how the one number of `analysis` moves with what is known of the readout.

    Args:
        counts: As of `mend_settings`.
        bases: As there.
        calibrations: As there.
        method: As there.
        analysis: Of one number alone.

    Returns:
        None where there is no mended number.
    """
    for _, measured in _parts(counts, bases, analysis):
        try:
            readout = readout_of(method, calibrations)
            told = [readout.mended(worth, each) for worth, each in measured]
        except UntoldError:
            return None
        return Moves.of(readout, [(1.0, each) for each in told])
    return None


def _parts(
    counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> Iterator[tuple[str, list[tuple[Worth, Counts]]]]:
    """Yield each number's name, with what is measured of it in each setting."""
    some = next(iter(counts.values()))
    ordered = [Basis.parse(basis) for basis in bases]
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, some.registers)
        try:
            parts = split(whole, ordered)
        except ValueError:
            continue
        told = [(part, basis.text) for part, basis in zip(parts, ordered, strict=True)]
        needed = [(part, basis) for part, basis in told if part.terms or part.constant]
        if all(basis in counts for part, basis in needed if part.terms):
            yield name, [(OfObservable(part), counts.get(basis, some)) for part, basis in needed]
    if "" in counts:
        for name, pattern in analysis.probabilities.items():
            yield name, [(OfPattern(pattern, some.registers), counts[""])]
