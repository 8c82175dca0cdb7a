"""What a plan tells of shots that are spread over settings by weight (see `weights`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from qbatch.bases import AS_WRITTEN, Setting
from qbatch.notation import listed, whole
from qbatch.plan.weights import Weight, allocated

if TYPE_CHECKING:
    from qbatch.plan.points import Points

#: Settings that are named.
_SHOWN = 12


class Told(NamedTuple):
    """How the shots of a circuit's points are spread.

    Attributes:
        shots: Setting -> the fewest and the most that points have of it.
        errors: The standard error as a share of that with even shots, smallest and largest, if
            every setting's shots vary as its terms do in the mixed state.
    """

    shots: Mapping[Setting, tuple[int, int]]
    errors: tuple[float, float]


def allocations_of(plan: Points) -> dict[str, Told]:
    """Return how shots are spread, of each circuit of which some are."""
    found: dict[str, Told] = {}
    if plan.manifest.allocate == "evenly" or plan.factory.measurements is None:
        return found
    for layout in plan.variant_layouts():
        measured = plan.factory.measurements.of(layout.program, layout.seed, layout.shared)
        several = [each for each in measured if not each.setting.prepared]
        if len(several) < 2:
            continue
        weights = [each.weight for each in several]
        _, column = layout.shots
        for shots in dict.fromkeys(column[at] for at in range(len(column))):
            spread = allocated(weights, shots)
            error = _share(weights, spread, shots)
            before = found.get(layout.circuit, Told({}, (error, error)))
            told = dict(before.shots)
            for each, n in zip(several, spread, strict=True):
                low, high = told.get(each.setting, (n, n))
                told[each.setting] = min(low, n), max(high, n)
            errors = min(before.errors[0], error), max(before.errors[1], error)
            found[layout.circuit] = Told(told, errors)
    return found


def _share(weights: Sequence[Weight], spread: Sequence[int], shots: int) -> float:
    """The standard error of a spread as a share of that with even shots."""
    even = math.fsum(each.variance for each in weights) / shots
    mine = math.fsum(each.variance / n for each, n in zip(weights, spread, strict=True))
    return math.sqrt(mine / even) if even else 1.0


def told_allocations(plan: Points) -> Iterator[str]:
    """Say how the shots of each circuit are spread: sentences."""
    found = allocations_of(plan)
    if plan.manifest.allocate != "evenly" and not found:
        yield "allocate: by_weight changes nothing here: each point is measured in one setting"
    for name, told in found.items():
        each = [f"{setting.text or AS_WRITTEN} {_range(*n)}" for setting, n in told.shots.items()]
        low, high = (f"{error:.2f}" for error in told.errors)
        errors = low if low == high else f"{low} to {high}"
        yield (
            f"circuit {name!r}: shots are spread by weight: {listed(each, _SHOWN)}; if nothing is "
            f"known of the state, standard errors are {errors} times those of even shots"
        )


def _range(low: int, high: int) -> str:
    return whole(low) if low == high else f"{whole(low)} to {whole(high)}"


def allocations_facts(plan: Points) -> dict[str, Any]:
    """Return what ``plan --json`` tells of it; empty where shots are even."""
    found = allocations_of(plan)
    if not found:
        return {}
    facts = {
        name: {
            "shots": {setting.text: [*n] for setting, n in told.shots.items()},
            "errors": [*told.errors],
        }
        for name, told in found.items()
    }
    return {"allocation": facts}
