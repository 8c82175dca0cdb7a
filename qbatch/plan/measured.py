"""What a plan tells of the settings in which its points are measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from qbatch.bases import AS_WRITTEN, Setting, scale_text
from qbatch.notation import listed, whole
from qbatch.plan.bases import forms_in, scales_of
from qbatch.plan.compilers import told_compilers
from qbatch.plan.twirls import told_twirls

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
        measured = measurements.of(layout.program, layout.seed, layout.shared)
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
    number = f"{whole(len(settings))} settings"
    if len(scales) > 1:
        told = listed(map(scale_text, scales), _SHOWN)
        return f"{number}: {bases}; each with its noise scaled by {told}"
    return f"{number}: {bases}" if len(settings) > 1 else f"the basis: {bases}"


def overhead_of(plan: Points) -> dict[str, dict[str, float]]:
    """Tell of each mitigation how many times the shots it takes, and how large its errors are.

    Both beside those of the raw numbers; of a decay the errors are larger still, and so are those
    of twirled circuits by what the choice of their forms leaves open.
    """
    asked = plan.manifest.analysis.mitigation
    found: dict[str, dict[str, float]] = {}
    if asked.twirl is not None:
        from qbatch.result.twirled import widened_by

        found["twirl"] = {"shots": 2, "errors": widened_by(asked.twirl.n)}
    if asked.zne is not None:
        from qbatch.result.extrapolation import widened

        scales = scales_of(plan.manifest)
        shots = len(scales) + (asked.twirl is not None)
        found["zne"] = {"shots": shots, "errors": widened(scales, asked.zne.fit)}
    return found


def _overhead(plan: Points) -> Iterator[str]:
    """Say what twirling and zero-noise extrapolation take, and by how much they widen errors."""
    zne, told = plan.manifest.analysis.mitigation.zne, overhead_of(plan)
    yield from told_twirls(plan)
    if zne is not None:
        overhead = told["zne"]
        about = "more than" if zne.fit == "exponential" or "twirl" in told else "about"
        yield (
            f"zne takes {overhead['shots']:g} times the shots of the raw numbers; its errors are "
            f"{about} {overhead['errors']:.2g} times theirs"
        )
    yield from told_compilers(plan.manifest)


def many_settings(plan: Points) -> Iterator[str]:
    """Say for each circuit of which a point has very many settings what these make of the price."""
    for name, several in settings_of_circuits(plan).items():
        most = max(map(len, several))
        if most <= MANY:
            continue
        forms = forms_in(plan.manifest)
        sums = (sum(1 / forms if s.twirl else 1.0 for s in each) for each in several)
        times = f"{whole(round(max(sums)))} times"
        price = f"{times} the price"
        if forms:
            price += f", or up to {whole(most)} times where each circuit has a price of its own"
        yield (
            f"circuit {name!r}: each point is measured in {whole(most)} settings, which takes "
            f"{times} the shots of one, and {price}"
        )
