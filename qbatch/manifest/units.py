"""Units that a report may give: numbers that are seconds keep theirs.

Rule: a unit names what values are in and converts nothing. Where an axis is of times, its values, a
fit's parameters along it and the place of a largest value on it are seconds, or one over seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from qbatch.manifest.fields import Mistakes, wrong
from qbatch.manifest.of_points import Gathered

if TYPE_CHECKING:
    from qbatch.arithmetic import Number
    from qbatch.manifest.analysis import Analysis

#: What each is in -> how that may be written, first as it is told where nothing is written.
_SECONDS, _PER_SECOND = ("s",), ("Hz", "1/s")


def check_units(
    units: Mapping[str, str],
    times: Collection[str],
    analysis: Analysis,
    numbers: Mapping[str, Number],
) -> None:
    """See that what is in seconds is given no other unit.

    Args:
        units: That the report gives.
        times: Axes whose values are seconds.
        analysis: For fits along them, and places on them.
        numbers: The manifest's vars.

    Raises:
        ValidationError: All that is, each at its line.
    """
    fixed, mistakes = dict(_fixed(times, analysis, numbers)), Mistakes()
    for name, unit in units.items():
        if name in fixed and unit not in fixed[name]:
            values = "seconds" if fixed[name] is _SECONDS else "one over seconds"
            said = (
                f"converts nothing, and the values of {name} are {values}; write "
                f"{fixed[name][0]} or leave it out (figures scale them themselves)"
            )
            mistakes.add(("report", "units", name), wrong(said))
    mistakes.raise_any()


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
