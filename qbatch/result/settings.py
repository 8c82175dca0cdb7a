"""All numbers a manifest asks for of a point that is measured in several settings, by name.

What speaks of outcomes (probabilities, distances) is of the setting in which the circuit is
measured as it is written; an observable is of those settings that its terms need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from qbatch.result.observable import Observable
from qbatch.result.pauli import PauliSum, parse_pauli


def analyse_settings(
    counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> dict[str, Estimate]:
    """Compute every number of `analysis` that these counts tell, in the order of its names.

    Args:
        counts: Basis -> counts, of settings that have some; at least one.
        bases: Of all settings of the point.
        analysis: Numbers that need a setting which is not there, or has no counts, are left out.

    Raises:
        ValueError: Something does not fit the registers.
    """
    some = next(iter(counts.values()))
    registers, level = some.registers, analysis.intervals.level
    ordered = [Basis.parse(basis) for basis in bases]
    found = {}
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, registers)
        needed = _needed(whole, ordered)
        if needed is not None and all(basis.text in counts for basis in needed):
            told = {basis: counts[basis.text] for basis in needed} or {Basis.parse(""): some}
            found[name] = expectation_of(whole, told, level)
    if "" in counts:
        found |= analyse(counts[""], without_observables(analysis))
    return found


def told_alone(
    counts: Mapping[str, Counts], bases: Sequence[str], analysis: AnalysisLike
) -> dict[str, tuple[Observable, Counts] | None]:
    """Find the observables that the shots of one setting tell, each with those shots.

    Args:
        counts: Basis -> counts, of settings that have some; at least one.
        bases: Of all settings of the point.
        analysis: Observables that need a setting which is not there, or has no counts, are left
            out.

    Returns:
        Name -> observable and counts; None where several settings tell it together, so that no
        shot has its value.

    Raises:
        ValueError: Something does not fit the registers.
    """
    if [*bases] == [""]:
        return {
            name: (observable, counts[""])
            for name, observable in observables_over_z(counts[""], analysis)
        }
    some = next(iter(counts.values()))
    ordered = [Basis.parse(basis) for basis in bases]
    found: dict[str, tuple[Observable, Counts] | None] = {}
    for name, text in analysis.observables.items():
        whole = parse_pauli(text, some.num_bits, some.registers)
        needed = _needed(whole, ordered)
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
        counts: Basis -> counts.
        bases: Of all settings of the point.
        analysis: That the number is of.

    Returns:
        Their bases, one or more.
    """
    some = next(iter(counts.values()))
    if name not in analysis.observables:
        return [""]
    whole = parse_pauli(analysis.observables[name], some.num_bits, some.registers)
    needed = _needed(whole, [Basis.parse(basis) for basis in bases]) or []
    return [basis.text for basis in needed] or [next(iter(counts))]


def _needed(whole: PauliSum, bases: Sequence[Basis]) -> list[Basis] | None:
    """Return the bases of which some term is told; None where one is told by none."""
    try:
        parts = split(whole, bases)
    except ValueError:
        return None
    return [basis for basis, part in zip(bases, parts, strict=True) if part.terms]
