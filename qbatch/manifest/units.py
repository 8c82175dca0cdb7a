"""Units that a manifest gives: numbers that are seconds keep theirs, and unlike ones stay apart.

Rule: a unit names what values are in and converts nothing. Where an axis is of times, its values, a
fit's parameters along it and the place of a largest value on it are seconds, or one over seconds.
What follows for derived numbers: see `derived_units`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.manifest.derived_units import (
    MixedError,
    derived_units,
    fitted_units,
    with_units_made,
)
from qbatch.manifest.fields import Mistakes, amiss, wrong
from qbatch.manifest.of_points import Gathered
from qbatch.unit import Powers, read_unit, text_of

if TYPE_CHECKING:
    from qbatch.arithmetic import Number
    from qbatch.manifest.analysis import Analysis, Check, Report

#: What each is in -> how that may be written, first as it is told where nothing is written.
_SECONDS, _PER_SECOND = ("s",), ("Hz", "1/s")


def check_units(
    report: Report,
    times: Collection[str],
    analysis: Analysis,
    numbers: Mapping[str, Number],
    checks: Sequence[Check] = (),
) -> None:
    """See that what is in seconds is given no other unit, and that unlike units are not mixed.

    Args:
        report: With the units that it gives.
        times: Axes whose values are seconds.
        analysis: For fits along them, places on them, and derived numbers.
        numbers: The manifest's vars.
        checks: Claims, whose numbers may have units.

    Raises:
        ValidationError: All that is wrong, each at its line.
    """
    mistakes = Mistakes()
    fixed = dict(_fixed(times, analysis, numbers))
    _check_seconds(report, fixed, mistakes)
    said = {**report.all_units, **dict.fromkeys(sorted(times), "s")}
    known = {**dict(fitted_units(analysis, numbers, said)), **said}
    _check_derived(report, analysis, derived_units(analysis, known), fixed, mistakes)
    _check_claims(checks, with_units_made(analysis, numbers, said), numbers, mistakes)
    mistakes.raise_any()


def _place(report: Report, name: str) -> tuple[str, ...]:
    """Where the unit of an axis or a number stands."""
    is_apart = name in report.units
    return ("report", "units", name) if is_apart else ("report", "labels", name, "unit")


def _check_seconds(
    report: Report, fixed: Mapping[str, tuple[str, ...]], mistakes: Mistakes
) -> None:
    for name, unit in report.all_units.items():
        if name in fixed and unit not in fixed[name]:
            values = "seconds" if fixed[name] is _SECONDS else "one over seconds"
            said = (
                f"converts nothing, and the values of {name} are {values}; write "
                f"{fixed[name][0]} or leave it out (figures scale them themselves)"
            )
            mistakes.add(_place(report, name), wrong(said))


def _check_derived(
    report: Report,
    analysis: Analysis,
    made: Mapping[str, Powers | MixedError],
    fixed: Collection[str],
    mistakes: Mistakes,
) -> None:
    """See that formulas add like to like, and that what comes of them is told as what it is."""
    for name, unit in made.items():
        text = str(analysis.derived[name].value)
        if isinstance(unit, MixedError):
            said = f"{text!r} {unit}, and units convert nothing; multiply one by what converts it"
            mistakes.add(("analysis", "derived", name, "value"), amiss(said))
            continue
        told = report.all_units.get(name)
        if told is not None and name not in fixed and read_unit(told) != unit:
            have = f"is in {text_of(unit)}" if unit else "has no unit"
            said = f"converts nothing, and {text!r} {have}; write that, or leave it out"
            mistakes.add(_place(report, name), wrong(said))


def _check_claims(
    checks: Sequence[Check],
    units: Mapping[str, str],
    numbers: Mapping[str, Number],
    mistakes: Mistakes,
) -> None:
    """See that a number with a unit is held against a number in that one."""
    for at, check in enumerate(checks):
        name, claimed = check.units(numbers)
        for unit in claimed:
            told = units.get(name)
            if told is None:
                remedy = f"leave {unit} out, or write report: {{units: {{{name}: {unit}}}}}"
                said = f"{str(check.that)!r}: {name} has no unit; {remedy}"
            elif read_unit(told) != read_unit(unit):
                said = (
                    f"{str(check.that)!r}: {name} is in {told}, not in {unit}; write it in {told}"
                )
            else:
                continue
            mistakes.add(("checks", at, "that"), amiss(said))


def _fixed(
    times: Collection[str], analysis: Analysis, numbers: Mapping[str, Number]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what is in seconds, or one over seconds, with how that may be written."""
    yield from ((axis, _SECONDS) for axis in times)
    by_dimension: Mapping[tuple[int, int] | None, tuple[str, ...]] = {
        (1, 0): _SECONDS,
        (-1, 0): _PER_SECOND,
    }
    for name, fit in analysis.fits.items():
        for parameter in fit.curve(numbers).parameters if fit.x in times else ():
            if parameter.dimension in by_dimension:
                yield f"{name}.{parameter.name}", by_dimension[parameter.dimension]
    for name, derived in analysis.derived.items():
        match derived.node:
            case Gathered(function="argmax" | "argmin", over=axis) if axis in times:
                yield name, _SECONDS
