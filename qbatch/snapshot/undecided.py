"""Why numbers of the analysis are not there, though their point is measured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.manifest.columns import mitigated_numbers

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis
    from qbatch.result import Counts


def undecided(
    analysis: Analysis,
    there: Collection[str],
    counts: Mapping[str, Counts],
    settings: Sequence[str],
    uncalibrated: str = "",
) -> dict[str, str]:
    """Return own analyses and mitigated numbers of which there are none -> why, asked once more.

    Args:
        analysis: What is asked for.
        there: Names of the numbers that there are.
        counts: Setting of the point -> its counts.
        settings: All settings of the point; empty where it is measured as its circuit is written.
        uncalibrated: Why there is no calibration of its readout; "" where there may be one.
    """
    found: dict[str, str] = {}
    mitigated = {name for name, _ in mitigated_numbers(analysis)}
    if settings and counts and not {*there} >= mitigated:
        from qbatch.result import extrapolations, means_of_forms, mended_of

        found |= mended_of(counts, settings, analysis).untold
        found |= means_of_forms(counts, settings, analysis)[1]
        found |= extrapolations(counts, settings, analysis)[1]
        if uncalibrated:
            found = dict.fromkeys(found, f"the readout is not calibrated: {uncalibrated}")
    missing = {
        name: own for name, own in analysis.own_at_points.items() if not {*there} >= {*own.returns}
    }
    if missing and "" in counts:
        from qbatch.result import measure_own

        found |= measure_own(counts[""], missing, analysis.intervals.level)[1]
    return found
