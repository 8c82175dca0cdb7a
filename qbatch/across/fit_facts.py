"""Fits as other programs read them: maps for JSON, and a table with a row for each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.curves import Parameter
    from qbatch.manifest.models import Manifest

#: What one over these units is called.
_INVERSE = {"s": "Hz", "Hz": "s"}

#: Columns of the table of parameters.
FIT_COLUMNS = (
    "fit",
    "group",
    "parameter",
    "unit",
    "value",
    "se",
    "low",
    "high",
    "chi2",
    "dof",
    "p",
    "scale",
    "verdict",
    "reason",
    "points",
    "missing",
)


def unit_of(name: str, fitted: Fitted, manifest: Manifest) -> str:
    """The unit of a fit's parameter, as the report names it or as its x and y have it."""
    units = manifest.units
    if own := units.get(f"{fitted.name}.{name}"):
        return own
    found = {parameter.name: parameter for parameter in fitted.curve.parameters}.get(name)
    x, y = (units.get(axis, "") for axis in (fitted.spec.x, fitted.spec.y))
    return "" if found is None else _unit(found, x, y)


def _unit(parameter: Parameter, x: str, y: str) -> str:
    match parameter.dimension:
        case (1, 0):
            return x
        case (-1, 0):
            return _INVERSE.get(x, f"1/{x}") if x else ""
        case (0, 1):
            return y
        case (-1, 1):
            return f"{y or '1'}/{x}" if x else ""
    return ""


def fit_facts(one: Fitted, manifest: Manifest) -> dict[str, Any]:
    """Return a fit as files have it; null where it is undecided."""
    solution = one.solution
    return {
        "name": one.name,
        "group": dict(one.group),
        "x": one.spec.x,
        "y": one.spec.y,
        "formula": one.curve.formula.text,
        "parameters": {
            name: {
                "value": each.value,
                "se": each.se,
                "low": each.low,
                "high": each.high,
                "unit": unit_of(name, one, manifest),
            }
            for name, each in one.parameters.items()
        },
        "fixed": dict(one.spec.fixed),
        "covariance_of": [] if solution is None else list(solution.free),
        "covariance": None if solution is None else [list(row) for row in solution.covariance],
        "chi2": None if solution is None else solution.chi2,
        "dof": None if solution is None else solution.dof,
        "p": None if solution is None else solution.p,
        "scale": None if solution is None else solution.scale,
        "verdict": one.verdict,
        "reason": one.reason,
        "missing": one.missing,
        "points": list(one.points),
    }


def fit_rows(fitted: Iterable[Fitted], manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """Yield the rows under `FIT_COLUMNS`; None where there is no number."""
    for one in fitted:
        solution = one.solution
        quality: tuple[Any, ...] = (None,) * 4
        if solution is not None:
            quality = (solution.chi2, solution.dof, solution.p, solution.scale)
        for name in one.names:
            estimate = one.parameters.get(name)
            numbers: tuple[Any, ...] = (None,) * 4
            if estimate is not None:
                numbers = (estimate.value, estimate.se, estimate.low, estimate.high)
            told = (one.verdict, one.reason, len(one.points), one.missing)
            unit = unit_of(name, one, manifest)
            yield (one.name, one.label, name, unit, *numbers, *quality, *told)
