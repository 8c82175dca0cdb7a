"""Accuracies held against the points of a plan, before any of them is bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.notation import listed

if TYPE_CHECKING:
    from qbatch.manifest.models import Manifest
    from qbatch.plan.mistakes import Mistakes
    from qbatch.plan.plan import Plan


def check_accuracies(plan: Plan, mistakes: Mistakes) -> None:
    """See that each accuracy is of numbers of which shots tell how far they spread."""
    if not plan.has_accuracies:
        return
    spread = [*plan.manifest.analysis.observables, *plan.manifest.analysis.probabilities]
    for loc, accuracy in plan.manifest.accuracies:
        for name in accuracy.of:
            if name not in spread:
                there = f"; there are {listed(spread)}" if spread else "; name one of those"
                mistakes.add(
                    (*loc, "of"),
                    f"{name} is {_kind_of(name, plan.manifest)}, of which nothing says how its "
                    "error falls with the shots; an accuracy is of observables and probabilities"
                    f"{there}",
                )
    _check_shared(plan, mistakes)


def _kind_of(name: str, manifest: Manifest) -> str:
    metrics = manifest.analysis.distribution.metrics if manifest.analysis.distribution else ()
    if "." in name:
        return "extrapolated or mended"
    return "a distance" if name in metrics else "a number of your own analysis"


def _check_shared(plan: Plan, mistakes: Mistakes) -> None:
    """See that places that come to one content, which is bought once, ask for the same of it."""
    asked: dict[str, object] = {}
    for layout, index in plan.rows() if plan.shared else ():
        id_ = layout.id_at(index)
        if id_ in plan.shared:
            shots = layout.shots_at(index)
            wish = shots.accuracy if isinstance(shots, AdaptiveShots) else None
            if asked.setdefault(id_, wish) != wish:
                mistakes.add(
                    ("shots",),
                    f"{layout.name_at(index)} comes to the same content as another point, which "
                    "asks for another accuracy; ask for the same",
                )
                return
