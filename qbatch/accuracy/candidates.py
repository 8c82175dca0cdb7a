"""How well numbers would be known at a target that a backend may be: see `plan.choosing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.accuracy.expecting import EARLIER, HERE, WORST, Outlooks, forecast
from qbatch.accuracy.prices import precision
from qbatch.notation import listed
from qbatch.plan.choosing import Error

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.providers import Target
    from qbatch.snapshot import Run

_TOLD = {
    HERE: "shots that were taken there",
    EARLIER: "shots of an earlier run",
    WORST: "the worst case",
}


def error_of(plan: Plan, backend: str, target: Target, run: Run | None = None) -> Error | None:
    """Return the largest standard error of any number at any point of a backend.

    Args:
        plan: With the backend as the candidate.
        backend: Its name.
        target: The candidate.
        run: Whose shots tell how far single shots are apart, of contents that it has; of others
            the worst case is taken.

    Returns:
        None where the analysis has no number that has a standard error.
    """
    analysis = plan.manifest.analysis
    names = [*analysis.observables, *analysis.probabilities]
    if not names:
        return None
    outlooks = [*Outlooks(plan, names, run).of_points(lambda point: point.backend == backend)]
    found = precision(outlooks, {backend: target}, forecast(outlooks))
    errors = [row.largest for each in found for row in each.rows if row.factor == 1]
    if not errors:
        return None
    told = listed(_TOLD[source] for source in dict.fromkeys(each.source for each in outlooks))
    return Error(max(errors), told)
