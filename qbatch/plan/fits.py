"""Fits against what the sweep has: x must be numbers, and enough different ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.notation import is_number, listed
from qbatch.plan.geometry.resolving import Draft
from qbatch.plan.geometry.where import fits as is_meant
from qbatch.plan.geometry.where import narrowed_choices
from qbatch.plan.layout import full_text
from qbatch.plan.mistakes import Mistakes

if TYPE_CHECKING:
    from qbatch.manifest.fits import Fit
    from qbatch.manifest.models import Manifest, Value


def check_fits(manifest: Manifest, drafts: Sequence[Draft], mistakes: Mistakes) -> None:
    """See that every fit has points that could tell its parameters, were they measured.

    Too few because of a ``-S`` is no mistake but a remark: the fit will be undecided.
    """
    _check_wheres(manifest, mistakes)
    for name, fit in manifest.analysis.fits.items():
        loc = ("analysis", "fits", name)
        values = list(dict.fromkeys(_values(fit, drafts)))
        strange = [value for value in values if not is_number(value)]
        if strange:
            said = f"{fit.x!r} is {full_text(strange[0])!r} at some points; a curve needs numbers"
            mistakes.add((*loc, "x"), said)
            continue
        free = [each for each in fit.curve(manifest.vars).names if each not in fit.fixed]
        if 0 < len(values) < len(free):  # a where that matches nothing is told already
            mistakes.add_unmatched((*loc, "x"), _too_few(fit, len(values), free))


def _check_wheres(manifest: Manifest, mistakes: Mistakes) -> None:
    """See that checks of parameters choose among fits, by axes that have a fit for each value."""
    analysis = manifest.analysis
    of_groups = {n: each for each in analysis.own_over_axes.values() for n in each.returns}
    for number, check in enumerate(manifest.checks if analysis.fits or of_groups else ()):
        name, _ = check.units(manifest.vars)
        fit = analysis.fits.get(name.partition(".")[0]) if "." in name else of_groups.get(name)
        if fit is None:
            continue
        for axis in check.where.keys() - fit.where.keys():
            if axis in (fit.along, "repeat") if fit.by is None else axis not in fit.by:
                made = "fitted" if name not in of_groups else "analysed"
                said = (
                    f"{name} is not of one {axis}: all of its values are {made} together; "
                    f"name it in `by` of {name.partition('.')[0]}, or take it away here"
                )
                mistakes.add(("checks", number, "where", axis), said)


def _too_few(fit: Fit, number: int, free: Sequence[str]) -> str:
    values = f"{number} value{'' if number == 1 else 's'}"
    return (
        f"{fit.x!r} has {values}, too few for parameters {listed(free)}; sweep more of "
        "them, or fix a parameter"
    )


def _values(fit: Fit, drafts: Sequence[Draft]) -> Iterator[Value]:
    """Yield the values of x that a fit may meet, as far as its `where` says so of x itself."""
    for each in drafts:
        found = (
            list(range(1, each.sweep.repeat + 1)) if fit.x == "repeat" else each.values_of(fit.x)
        )
        column = list(found)
        if fit.x not in fit.where:
            yield from column
            continue
        allowed = narrowed_choices(fit.where[fit.x], column)
        yield from (value for value in column if any(is_meant(value, one) for one in allowed))
