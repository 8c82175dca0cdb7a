"""Numbers across points held against the points of a plan, before any of them is bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.errors import SourceError
from qbatch.manifest.columns import OWN_AXES
from qbatch.manifest.expected import theory_in
from qbatch.manifest.of_points import Name, walk
from qbatch.manifest.theory_function import MOST_PLACES
from qbatch.notation import is_number, listed, shortened
from qbatch.plan.geometry.written import values_by_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qbatch.across.tables import RefusedError
    from qbatch.manifest.derived import Derived
    from qbatch.manifest.expected import Theory
    from qbatch.manifest.models import Manifest
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.plan import Plan


def check_derived(plan: Plan, mistakes: Mistakes) -> None:
    """See that each derived number means something for the points that there will be."""
    manifest = plan.manifest
    if not manifest.analysis.derived:
        return
    from qbatch.across.derived import axes_left
    from qbatch.across.points import MOST_POINTS, Points
    from qbatch.result import parse_check

    if plan.num_points > MOST_POINTS:
        said = f"{plan.num_points:,} points are too many for derived numbers"
        mistakes.add(("analysis", "derived"), f"{said} (at most {MOST_POINTS:,})")
        return
    points = Points(manifest)
    for point in plan.points_once():
        points.add_planned(point)
    found = axes_left(points)
    for name, derived in manifest.analysis.derived.items():
        error = found[name]
        if isinstance(error, tuple) or str(error) in _told(derived, found):
            continue
        add = mistakes.add_unmatched if error.is_void else mistakes.add
        add(("analysis", "derived", name), f"analysis.derived.{name}: {derived.value!r}: {error}")
    for number, check in enumerate(manifest.checks):
        words = theory_in(check.that, {*manifest.vars, *manifest.analysis.names})
        name = parse_check(check.that, variables={**_vars(manifest), **words}).name
        if isinstance(left := found.get(name), tuple):
            for axis in check.where:
                if axis in points.varied and axis not in left:
                    has = f"it has a value for each {listed(left)}" if left else "it is one number"
                    loc = ("checks", number, "where", axis)
                    mistakes.add(loc, f"{name} is not of one {axis}; {has}")


def _told(derived: Derived, found: Mapping[str, tuple[str, ...] | RefusedError]) -> tuple[str, ...]:
    """Return what is said already of the derived numbers that a formula names."""
    named = (found.get(each.name) for each in walk(derived.node) if isinstance(each, Name))
    return tuple(str(error) for error in named if error and not isinstance(error, tuple))


def _vars(manifest: Manifest) -> dict[str, float]:
    return {name: float(value) for name, value in manifest.vars.items()}


def check_expected(plan: Plan, mistakes: Mistakes) -> None:
    """See that theory is of axes that hold numbers, and ask functions what they say of points."""
    manifest = plan.manifest
    if not manifest.analysis.expected:
        return
    values = values_by_axis(manifest)
    for name in manifest.analysis.expected:
        theory = manifest.analysis.theory_of(name, manifest.vars)
        if theory is not None and theory.function is not None:
            _call_theory(plan, name, theory, mistakes)
            continue
        for axis in () if theory is None else theory.axes:
            strange = [value for value in values.get(axis) or () if not is_number(value)]
            if strange and theory is not None:
                has = shortened(str(strange[0]))
                said = (
                    f"{theory.text!r} is of {axis}, which has {has!r}, no number; "
                    "a function of yours may take it, as python: 'FILE:FUNCTION'"
                )
                mistakes.add(("analysis", "expected", name), f"analysis.expected.{name}: {said}")


def _call_theory(plan: Plan, name: str, theory: Theory, mistakes: Mistakes) -> None:
    """Load the function that says what theory says of a number, and ask it of every point."""
    loc = ("analysis", "expected", name)
    function, where = theory.function, f"analysis.expected.{name}"
    if function is None:
        return
    try:
        function.open(mistakes.place(*loc))
        if theory.parameters:  # known when all is measured
            return
        if plan.num_points > MOST_PLACES:
            said = f"{plan.num_points:,} points are too many for a function"
            mistakes.add(loc, f"{where}: {said} (at most {MOST_PLACES:,})")
            return
        lacking: list[str] = []
        is_asked = False
        for point in plan.points_once():
            values = {axis: getattr(point, axis) for axis in OWN_AXES} | dict(point.parameters)
            if missing := function.lacks(values):
                lacking = lacking or missing
                continue
            function.plan(values)
            is_asked = True
        if lacking and not is_asked:
            said = f"{theory.text} needs {listed(lacking)}, which no point has"
            mistakes.add(loc, f"{where}: {said}; write with: {{{lacking[0]}: …}}, or a default")
    except SourceError as error:
        mistakes.note(error)
