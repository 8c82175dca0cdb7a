"""Axes by formula: ``phi: {formula: 2*pi*0.05*tau}`` has at each point what its tau makes of it.

Such an axis moves together with the one it is made of, as if they were zipped: it adds no points. A
formula reads `vars` and the axes of one dimension (one axis, or those of `zip`), and those made of
them; what is worked out of axes that vary apart would be an axis of neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qbatch.arithmetic import CONSTANTS, FUNCTIONS, ExpressionError, evaluate, is_number, names_in
from qbatch.manifest.models import Manifest, Sweep, Value
from qbatch.notation import did_you_mean, listed
from qbatch.plan.geometry.grid import Dimension, Loc
from qbatch.plan.layout import full_text
from qbatch.plan.mistakes import Mistakes


def add_formulas(
    manifest: Manifest,
    sweep: Sweep,
    dimensions: Sequence[Dimension],
    loc: Loc,
    mistakes: Mistakes,
) -> list[Dimension]:
    """Return the dimensions with the axes that are made of theirs.

    Args:
        manifest: Whose `vars` formulas may use.
        sweep: Whose axes they are.
        dimensions: Of the axes that are written out.
        loc: Of the sweep.
        mistakes: Filled with what is wrong with a formula.
    """
    found = [*dimensions]
    left = {
        name: ((*loc, part, name), axis.formula)
        for part in ("matrix", "zip")
        for name, axis in getattr(sweep, part).items()
        if axis.formula is not None
    }
    _check_set(sweep, {name: text for name, (_, text) in left.items()}, loc, mistakes)
    broken: set[str] = set()
    while left:
        ready = [name for name, (_, text) in left.items() if not names_in(text) & left.keys()]
        if not ready:
            for name, (at, _) in left.items():
                said = f"the formula of {name!r} needs its own value, by way of others"
                mistakes.add(at, f"{said}; write values for one of them")
            break
        for name in ready:
            at, text = left.pop(name)
            if names_in(text) & broken or not _add(name, text, found, manifest.vars, at, mistakes):
                broken.add(name)
    return found


def read_by_formulas(sweep: Sweep) -> set[str]:
    """Return the names that formulas of a sweep read: a circuit need not take those."""
    axes = (*sweep.matrix.values(), *sweep.zip.values())
    return {name for axis in axes if axis.formula for name in names_in(axis.formula)}


def _check_set(sweep: Sweep, texts: Mapping[str, str], loc: Loc, mistakes: Mistakes) -> None:
    """See that no override changes what a formula reads, and leaves what it makes as it was."""
    for number, override in enumerate(sweep.overrides):
        for name, text in texts.items():
            stale = sorted(names_in(text) & override.set.keys())
            if stale and name not in override.set:
                said = f"{name!r} is made of {listed(stale)} by a formula; set {name!r} as well"
                mistakes.add((*loc, "overrides", number, "set", stale[0]), said)


def _add(
    name: str,
    text: str,
    found: list[Dimension],
    variables: Mapping[str, int | float],
    at: Loc,
    mistakes: Mistakes,
) -> bool:
    """Add one axis to the dimension it is made of; False where that is a mistake, and noted."""
    axes = {axis: number for number, each in enumerate(found) for axis in each.names}
    used = names_in(text) - variables.keys() - CONSTANTS.keys() - FUNCTIONS
    if unknown := sorted(used - axes.keys()):
        known = [*axes, *variables]
        has = f"there are {listed(known)}" if known else "there are none"
        near = did_you_mean(unknown[0], known)
        mistakes.add(at, f"{unknown[0]!r} is no axis of matrix or zip and no var; {has}{near}")
        return False
    if name in ("circuit", "backend"):
        mistakes.add(at, f"{name} is a name, and a formula makes numbers; write a list")
        return False
    if not used:
        mistakes.add(at, f"the formula of {name!r} reads no axis; write its value, as in [{text}]")
        return False
    numbers = {axes[axis] for axis in used}
    if len(numbers) > 1:
        apart = listed(sorted(used))
        mistakes.add(at, f"the formula of {name!r} reads axes that vary apart ({apart}); zip them")
        return False
    (number,) = numbers
    dimension = found[number]
    column: list[Value] = []
    for row in zip(*(dimension.column(axis) for axis in sorted(used)), strict=True):
        values = dict(zip(sorted(used), row, strict=True))
        odd = next((axis for axis, value in values.items() if not is_number(value)), None)
        if odd is not None:
            said = f"{odd} is {full_text(values[odd])}, which is no number"
            mistakes.add(at, f"the formula of {name!r}: {said}; leave {odd} out of it")
            return False
        try:
            column.append(evaluate(text, {**variables, **values}))
        except ExpressionError as error:
            where = ", ".join(f"{axis}={full_text(value)}" for axis, value in values.items())
            mistakes.add(at, f"at {where} the formula of {name!r} {error}")
            return False
    if name == "shots" and (wrong := [one for one in column if type(one) is not int or one < 1]):
        mistakes.add(at, f"shots: {wrong[0]!r} is no whole number of 1 or more; mend the formula")
        return False
    found[number] = Dimension((*dimension.names, name), (*dimension.columns, tuple(column)))
    return True
