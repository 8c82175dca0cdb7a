"""What a plan tells of the settings in which its points are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.bases import AS_WRITTEN, Setting, scale_text
from qbatch.notation import listed
from qbatch.plan.bases import scales_of
from qbatch.plan.compilers import told_compilers

if TYPE_CHECKING:
    from qbatch.plan.points import Points

#: Settings of a point beyond which that is said before all else.
MANY = 10

#: Bases of a circuit that are named.
_SHOWN = 12


def settings_of_circuits(plan: Points) -> dict[str, list[tuple[Setting, ...]]]:
    """Return each circuit that is not measured as it is written alone, with its settings.

    A circuit of several texts may have several such lists, each told once.
    """
    found: dict[str, dict[tuple[Setting, ...], None]] = {}
    measurements = plan.factory.measurements
    if measurements is None:
        return {}
    for layout in plan.variant_layouts():
        measured = measurements.of(layout.program, layout.shared)
        settings = tuple(each.setting for each in measured if not each.setting.prepared)
        if any(each.text for each in settings):
            found.setdefault(layout.circuit, {})[settings] = None
    return {name: [*each] for name, each in found.items()}


def told_settings(plan: Points) -> Iterator[str]:
    """Say in which settings circuits are measured, and what mitigation takes: sentences."""
    for name, several in settings_of_circuits(plan).items():
        if len(several) > 1:
            fewest, most = min(map(len, several)), max(map(len, several))
            told = f"{fewest} to {most}" if fewest < most else f"{most}"
            yield f"circuit {name!r} is measured in {told} settings, each of its texts in its own"
        else:
            yield f"circuit {name!r} is measured in {_told(several[0])}"
    yield from _overhead(plan)


def bases_of(settings: Sequence[Setting]) -> list[str]:
    """Return the bases that are among settings, in order; "" as the circuit is written."""
    return [*dict.fromkeys(each.basis for each in settings)]


def scales_in(settings: Sequence[Setting]) -> list[float]:
    """Return the scales of the noise that are among settings, in order."""
    return [*dict.fromkeys(each.scale for each in settings)]


def _told(settings: Sequence[Setting]) -> str:
    bases = listed([basis or AS_WRITTEN for basis in bases_of(settings)], _SHOWN)
    scales = scales_in(settings)
    if len(scales) > 1:
        told = listed(map(scale_text, scales), _SHOWN)
        return f"{len(settings)} settings: {bases}; each with its noise scaled by {told}"
    return f"{len(settings)} settings: {bases}" if len(settings) > 1 else f"the basis: {bases}"


def overhead_of(plan: Points) -> dict[str, dict[str, float]]:
    """Tell of each mitigation how many times the shots it takes, and how large its errors are.

    Both beside those of the raw numbers; of a decay the errors are larger still.
    """
    zne = plan.manifest.analysis.mitigation.zne
    if zne is None:
        return {}
    from qbatch.result.extrapolation import widened

    scales = scales_of(plan.manifest)
    return {"zne": {"shots": len(scales), "errors": widened(scales, zne.fit)}}


def _overhead(plan: Points) -> Iterator[str]:
    """Say what zero-noise extrapolation takes, and by how much it widens errors."""
    zne = plan.manifest.analysis.mitigation.zne
    if zne is None:
        return
    told = overhead_of(plan)["zne"]
    yield (
        f"zne takes {told['shots']} times the shots of the raw numbers; its errors are "
        f"{'more than' if zne.fit == 'exponential' else 'about'} {told['errors']:.2g} times theirs"
    )
    yield from told_compilers(plan.manifest)


def many_settings(plan: Points) -> Iterator[str]:
    """Say for each circuit of which a point has very many settings what these make of the price."""
    for name, several in settings_of_circuits(plan).items():
        most = max(map(len, several))
        if most > MANY:
            yield (
                f"circuit {name!r}: each point is measured in {most} settings, which takes {most} "
                f"times the shots of one, and {most} times the price"
            )
