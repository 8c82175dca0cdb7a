"""What a plan tells of the settings in which its points are measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from qbatch.bases import AS_WRITTEN
from qbatch.notation import listed

if TYPE_CHECKING:
    from qbatch.plan.points import Points

#: Settings of a point beyond which that is said before all else.
MANY = 10

#: Bases of a circuit that are named.
_SHOWN = 12


def bases_of_circuits(plan: Points) -> dict[str, list[tuple[str, ...]]]:
    """Return each circuit that is measured in other bases than as it is written, with them.

    A circuit of several texts may have several such lists, each told once.
    """
    found: dict[str, dict[tuple[str, ...], None]] = {}
    measurements = plan.factory.measurements
    if measurements is None:
        return {}
    for layout in plan.variant_layouts():
        bases = tuple(each.basis for each in measurements.of(layout.program, layout.shared))
        if any(bases):
            found.setdefault(layout.circuit, {})[bases] = None
    return {name: [*each] for name, each in found.items()}


def told_settings(plan: Points) -> Iterator[str]:
    """Say in which settings circuits are measured, a sentence for each."""
    for name, several in bases_of_circuits(plan).items():
        if len(several) > 1:
            fewest, most = min(map(len, several)), max(map(len, several))
            told = f"{fewest} to {most}" if fewest < most else f"{most}"
            yield f"circuit {name!r} is measured in {told} settings, each of its texts in its own"
        else:
            bases = [basis or AS_WRITTEN for basis in several[0]]
            told = f"{len(bases)} settings" if len(bases) > 1 else "the basis"
            yield f"circuit {name!r} is measured in {told}: {listed(bases, _SHOWN)}"


def many_settings(plan: Points) -> Iterator[str]:
    """Say for each circuit of which a point has very many settings what these make of the price."""
    for name, several in bases_of_circuits(plan).items():
        most = max(map(len, several))
        if most > MANY:
            yield (
                f"circuit {name!r}: each point is measured in {most} settings, which takes {most} "
                f"times the shots of one, and {most} times the price"
            )
