"""Estimates as they are kept beside a result, so that a report does not compute them again.

They are made once, when a result is stored. The key says for which analysis and by which method:
where the manifest's analysis, or how we compute it, was changed since, a reader computes afresh.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from qbatch.manifest.columns import ACROSS_POINTS
from qbatch.snapshot.schema import dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qbatch.manifest.models import Analysis
    from qbatch.result import Estimate


#: Of `result.analyse`; raised whenever it makes other numbers of the same counts.
METHOD = 2


def analysis_key(analysis: Analysis, noted: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Return 16 hex digits that stand for `analysis`, the method, and what own analyses are.

    Args:
        analysis: The manifest's.
        noted: Own analysis -> what it was when the run began: where its file is not to be had any
            more, what was kept by it then still holds.
    """
    left_out: dict[str, Any] = dict.fromkeys(ACROSS_POINTS, True)
    at_points = {"over": True, "where": True, "by": True}  # as before these were known
    left_out["own"] = {
        name: at_points if name in analysis.own_at_points else True for name in analysis.own
    }
    if not analysis.own_at_points:
        left_out["own"] = True
    text = f"{METHOD} {analysis.model_dump_json(exclude=left_out)}"
    for name, own in analysis.own_at_points.items():
        text += f" {own.sha256() or (noted or {}).get(name, {}).get('sha256', '')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def dump_estimates(estimates: Mapping[str, Estimate]) -> str:
    """Write estimates as JSON: name -> [value, se, low, high], and the ends for judging if any.

    Floors are left out: they depend on the target and the number of shots alone.
    """
    return dump({name: _numbers(estimate) for name, estimate in estimates.items()})


def _numbers(estimate: Estimate) -> list[float | None]:
    four = [estimate.value, estimate.se, estimate.low, estimate.high]
    if estimate.judged == (estimate.low, estimate.high):
        return [*four]
    return [*four, None, *estimate.judged]


def read_estimates(numbers: Mapping[str, Sequence[Any]]) -> dict[str, Estimate]:
    """Read what `dump_estimates` wrote, decoded."""
    from qbatch.result import Estimate

    return {name: Estimate(*fields) for name, fields in numbers.items()}
