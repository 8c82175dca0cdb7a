"""What the numbers without noise of a point are made of: values at each scale, and χ²."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.manifest.columns import OF_CURVE
from qbatch.snapshot.points import PointResult, asked_of

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.result.extrapolation import Extrapolation


def extrapolations_of(point: PointResult, manifest: Manifest) -> Mapping[str, Extrapolation]:
    """Return each of a point's extrapolated numbers with what it is made of."""
    if manifest.analysis.mitigation.zne is None or not point.settings:
        return {}
    if not (counts := point.counts_by_basis):
        return {}
    from qbatch.result import extrapolations

    settings = [each.basis for each in point.settings]
    return extrapolations(counts, settings, asked_of(point, manifest))[0]


#: Columns of the table of numbers without noise.
ZNE_COLUMNS = ("id", "point", "number", "value", "se", "low", "high", "chi2", "dof", "p")


def zne_rows(points: Iterable[PointResult], manifest: Manifest) -> Iterator[tuple[Any, ...]]:
    """Yield the rows under `ZNE_COLUMNS`, of each point and number; None where nothing is left."""
    for point in points:
        for name, found in extrapolations_of(point, manifest).items():
            each = found.estimate
            numbers = (each.value, each.se, each.low, each.high)
            yield (point.id, point.name, name, *numbers, found.chi2, found.dof, found.p)


def zne_columns(point: PointResult, manifest: Manifest) -> dict[str, float]:
    """Return how a point's extrapolations fit, by the columns of `OF_CURVE`; nan: no such p."""
    return {
        f"{name}{end}": math.nan if value is None else value
        for name, found in extrapolations_of(point, manifest).items()
        for end, value in zip(OF_CURVE, (found.chi2, found.dof, found.p), strict=True)
    }


def zne_facts(point: PointResult, manifest: Manifest) -> dict[str, Any]:
    """Return what a point's numbers without noise are made of, as JSON has it; or nothing."""
    found = extrapolations_of(point, manifest)
    return {"zne": {name: facts_of(each) for name, each in found.items()}} if found else {}


def facts_of(found: Extrapolation) -> dict[str, Any]:
    """Return it as JSON has it."""
    return {
        "scales": [*found.scales],
        "values": [*found.values],
        "errors": [*found.errors],
        "chi2": found.chi2,
        "dof": found.dof,
        "p": found.p,
    }
