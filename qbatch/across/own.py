"""Numbers that a person's own function makes of several points: once for each group of them.

Rules: the function is called when all points of a group are measured, for what it would make of
fewer nobody knows; until then, and where it fails, its numbers are undecided, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING

from qbatch.across.groups import Group, groups_along
from qbatch.across.numbers import AcrossNumber
from qbatch.across.points import MOST_POINTS
from qbatch.frozen import dataclass
from qbatch.result import Estimate, Measurement, OwnNumbersError, own_numbers

if TYPE_CHECKING:
    from qbatch.across.points import Measured, Points
    from qbatch.manifest.own import OwnAnalysis

#: Groups of one run that functions are called with.
MOST_CALLS = 2_000

#: Points of a group that lack shots and are named.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class OwnOfGroup:
    """What an analysis of a person's own says of one group of points, or why nothing.

    Attributes:
        name: Of the analysis.
        spec: What the manifest says of it.
        group: The points.
        estimates: Number -> estimate; empty where there is none.
        reason: Why there is none; "" where there is.
    """

    name: str
    spec: OwnAnalysis
    group: Group
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    reason: str = ""

    @property
    def shots(self) -> frozenset[str]:
        """Ids of the settings whose shots it is made of, and more: see `Measured.shared_by`."""
        return frozenset().union(*(point.shared for point in self.group.members))

    def numbers(self) -> Iterator[AcrossNumber]:
        """Yield its numbers, in the order in which the manifest names them."""
        points = tuple(point.name for point in self.group.members)
        for name in self.spec.returns:
            yield AcrossNumber(
                name,
                self.group.axes,
                self.group.label,
                self.estimates.get(name),
                self.reason,
                () if self.reason else points,
            )


def read_own(points: Points) -> Iterator[OwnOfGroup]:
    """Call every function of groups with each of its groups, in order."""
    nothing = Group({}, "", ())
    room = MOST_CALLS
    for name, spec in points.manifest.analysis.own_over_axes.items():
        if points.left_out:
            number = f"{len(points) + points.left_out:,}"
            said = f"{number} points are too many to be grouped (at most {MOST_POINTS:,})"
            yield OwnOfGroup(name, spec, nothing, reason=said)
            continue
        groups = [*groups_along(points, spec)]
        room -= len(groups)
        if room < 0:
            said = f"{len(groups):,} groups, and functions are called with {MOST_CALLS:,} at most"
            yield OwnOfGroup(name, spec, nothing, reason=f"{said}; write by")
            continue
        if not groups:
            yield OwnOfGroup(name, spec, nothing, reason="no point matches its where")
        level = points.manifest.analysis.intervals.level
        for group in groups:
            yield _of_group(name, spec, group, level)


def _of_group(name: str, spec: OwnAnalysis, group: Group, level: float) -> OwnOfGroup:
    lacking = [point for point in group.members if not point.is_measured]
    if lacking:
        told = "; ".join(f"{p.name} is not measured ({p.reason})" for p in lacking[:_NAMED])
        more = len(lacking) - _NAMED
        return OwnOfGroup(name, spec, group, reason=told + (f"; {more} more" if more > 0 else ""))
    measured = [_measurement(point) for point in group.members]
    try:
        found = own_numbers(spec, measured, level)
    except OwnNumbersError as error:
        return OwnOfGroup(name, spec, group, reason=str(error))
    return OwnOfGroup(name, spec, group, found)


def _measurement(point: Measured) -> Measurement:
    by_setting = point.counts_by_setting
    return Measurement(dict(point.axes), by_setting[""], by_setting, dict(point.estimates))
