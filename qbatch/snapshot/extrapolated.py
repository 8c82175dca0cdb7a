"""What the numbers without noise of a point are made of: values at each scale, and χ²."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qbatch.snapshot.points import PointResult, asked_of

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.result.extrapolation import Extrapolation


def extrapolations_of(point: PointResult, manifest: Manifest) -> Mapping[str, Extrapolation]:
    """Return each of a point's extrapolated numbers with what it is made of."""
    counts = point.counts_by_basis
    if manifest.analysis.mitigation.zne is None or not counts or not point.settings:
        return {}
    from qbatch.result import extrapolations

    settings = [each.basis for each in point.settings]
    return extrapolations(counts, settings, asked_of(point, manifest))[0]


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
