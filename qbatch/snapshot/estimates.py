"""Estimates as they are kept beside a result, so that a report does not compute them again.

They are made once, when a result is stored. The key says for which analysis: where the manifest's
analysis was changed since, a reader computes afresh.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from qbatch.snapshot.schema import dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qbatch.manifest.models import Analysis
    from qbatch.result import Estimate


def analysis_key(analysis: Analysis) -> str:
    """Return 16 hex digits that stand for `analysis`."""
    return hashlib.sha256(analysis.model_dump_json().encode()).hexdigest()[:16]


def dump_estimates(estimates: Mapping[str, Estimate]) -> str:
    """Write estimates as JSON: name -> [value, se, low, high]."""
    return dump({name: [e.value, e.se, e.low, e.high] for name, e in estimates.items()})


def read_estimates(numbers: Mapping[str, Sequence[float]]) -> dict[str, Estimate]:
    """Read what `dump_estimates` wrote, decoded."""
    from qbatch.result import Estimate

    return {name: Estimate(*four) for name, four in numbers.items()}
