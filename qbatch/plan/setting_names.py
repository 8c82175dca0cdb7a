"""Names that tell the settings of a point apart, and are no axes beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.bases import BASIS, CALIBRATION, SCALE, TWIRL
from qbatch.plan.bases import may_rotate, scales_of

if TYPE_CHECKING:
    from qbatch.circuit import CircuitSource
    from qbatch.manifest.models import Manifest
    from qbatch.plan.geometry.resolving import Draft
    from qbatch.plan.mistakes import Mistakes


def check_setting_names(
    manifest: Manifest,
    sources: Mapping[str, CircuitSource],
    drafts: Sequence[Draft],
    mistakes: Mistakes,
) -> None:
    """See that no parameter or axis is named as what tells the settings of a point apart."""
    if may_rotate(manifest):
        said = "tells in which basis a point is measured, for X or Y is asked for"
        _check_unused(BASIS, said, sources, drafts, mistakes)
    if scales_of(manifest):
        said = "tells by how much the noise of a setting is scaled, for zne is asked for"
        _check_unused(SCALE, said, sources, drafts, mistakes)
    if manifest.analysis.mitigation.readout is not None:
        said = "tells the settings that calibrate the readout, for its mitigation is asked for"
        _check_unused(CALIBRATION, said, sources, drafts, mistakes)
    if manifest.analysis.mitigation.twirl is not None:
        said = "tells the forms of a twirled circuit apart, for twirl is asked for"
        _check_unused(TWIRL, said, sources, drafts, mistakes)


def _check_unused(
    name: str,
    what: str,
    sources: Mapping[str, CircuitSource],
    drafts: Sequence[Draft],
    mistakes: Mistakes,
) -> None:
    """See that no parameter or axis is named as what tells the settings of a point apart."""
    said = f"the name {name!r} {what}"
    for circuit, source in sources.items():
        if name in source.parameters:
            problem = f"circuit {circuit!r}: {said}; rename its parameter"
            mistakes.add(("circuits", circuit), problem)
    for each in drafts:
        for part in ("matrix", "zip"):
            if name in getattr(each.sweep, part):
                mistakes.add((*each.loc, part, name), f"{said}; rename the axis")
