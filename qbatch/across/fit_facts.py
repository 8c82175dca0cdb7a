"""Fits as other programs read them: maps for JSON, and a table with a row for each parameter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Manifest

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


def fit_facts(one: Fitted, manifest: Manifest) -> dict[str, Any]:
    """Return a fit as files have it; null where it is undecided."""
    solution, units = one.solution, manifest.units
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
                "unit": units.get(f"{one.name}.{name}", ""),
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
    units = manifest.units
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
            unit = units.get(f"{one.name}.{name}", "")
            yield (one.name, one.label, name, unit, *numbers, *quality, *told)
