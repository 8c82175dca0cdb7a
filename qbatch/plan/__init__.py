"""From a manifest to points, and from points to composite jobs: pure, lazy, ids that last.

`identity` says what a point is and how its id is made, `sweep` in which order points come.
"""

from __future__ import annotations

from qbatch.plan.expansion import expand
from qbatch.plan.identity import SweepPoint, canonical_json
from qbatch.plan.points import Plan
from qbatch.plan.pricing import BackendSummary, PlanSummary, price_formula
from qbatch.plan.where import is_match

__all__ = [
    "BackendSummary",
    "Plan",
    "PlanSummary",
    "SweepPoint",
    "canonical_json",
    "expand",
    "is_match",
    "price_formula",
]
