"""The points of a run, as numbers across points are made from them.

Rules: points are taken in one by one while a run is read for something else, too, so that a report
reads it once. Kept are those that have numbers to give or should have: a few hundred bytes each,
and the packed counts that its result has anyway; from `MOST_POINTS` on no more are kept, and what
would be made of them is undecided, with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.bases import is_calibration, is_twirled, told_missing
from qbatch.frozen import dataclass
from qbatch.manifest.columns import ACROSS_POINTS, OWN_AXES
from qbatch.result import (
    Counts,
    Estimate,
    InCommon,
    NotationError,
    analyse,
    bases_of,
    in_common,
    only,
)

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis, Manifest, Value
    from qbatch.point import PlannedPoint, PointOfRun

#: Points kept at most.
MOST_POINTS = 100_000


class Run(Protocol):
    """What is asked of a run (`snapshot.Run`)."""

    @property
    def manifest(self) -> Manifest: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """One point with its numbers.

    Attributes:
        id: The point's; points of one id are one purchase, and share their shots.
        name: The point's.
        axes: Axis -> value: circuit, backend, shots, repeat and every parameter.
        estimates: Number of the analysis -> estimate; empty before it is measured.
        shots: That its numbers come from; 0 before it is measured. Of a point in several settings
            the fewest that one of those has which have some.
        reason: Why it is not measured, or not in all of its settings; "" where it is.
    """

    id: str
    name: str
    axes: Mapping[str, Value]
    estimates: Mapping[str, Estimate]
    shots: int
    reason: str
    _point: PointOfRun | None = field(repr=False, compare=False)

    @property
    def counts(self) -> Counts | None:
        """Of all its shots, unpacked when asked for; None before it is measured."""
        return None if self._point is None else self._point.counts

    @property
    def is_measured(self) -> bool:
        """Whether all that it asks for is there."""
        return not self.reason and self.shots > 0

    def why_without(self, name: str, analysis: Analysis) -> str:
        """Say why it has no such number, as what follows its name: "is not measured (created)"."""
        if self._point is None or not self.is_measured:
            return f"is not measured ({self.reason})"
        why = self._point.undecided.get(analysis.maker_of(name), "")
        return f"has no {name}{f': {why}' if why else ''}"

    @property
    def counts_by_setting(self) -> Mapping[str, Counts]:
        """Of each of its settings, "" as the circuit is written; empty before it is measured."""
        return {} if self._point is None else self._point.counts_by_basis

    @property
    def shared(self) -> frozenset[str]:
        """What all its numbers may share with those of other points: see `shared_by`."""
        if self._point is None:
            return frozenset({self.id})
        return self._shared({each.basis: each.id for each in self._point.each_setting})

    def shared_by(self, name: str, analysis: Analysis) -> frozenset[str]:
        """Tell what one of its numbers is made of that makes others depend on it.

        These are ids of settings, for their shots, and names of forms of a twirled circuit, for
        which were drawn.
        """
        return self._shared(self.settings_of(name, analysis))

    def _shared(self, settings: Mapping[str, str]) -> frozenset[str]:
        forms = {f"{self.axes['circuit']} {text}" for text in settings if is_twirled(text)}
        return frozenset(settings.values()) | forms

    def settings_of(self, name: str, analysis: Analysis) -> dict[str, str]:
        """Tell of which settings' shots one of its numbers is made: basis -> the setting's id."""
        point = self._point
        settings = () if point is None else point.each_setting
        if point is None or not any(each.basis for each in settings):
            return {"": self.id}
        bases, own = [each.basis for each in settings], analysis.at(self.axes)
        needed = bases_of(name, point.counts_by_basis, bases, own)
        return {each.basis: each.id for each in settings if each.basis in needed}

    def own_settings_of(self, name: str, analysis: Analysis) -> frozenset[str]:
        """Return the ids of the settings of which one of its numbers is made, no calibrations."""
        settings = self.settings_of(name, analysis)
        return frozenset(settings.values()) - self.calibrations_of(name, analysis)

    def calibrations_of(self, name: str, analysis: Analysis) -> frozenset[str]:
        """Return the ids of the calibrations by which one of its numbers is mended."""
        settings = self.settings_of(name, analysis)
        return frozenset(id_ for basis, id_ in settings.items() if is_calibration(basis))

    def known_of(self, name: str, analysis: Analysis) -> frozenset[str]:
        """Return what of `shared_by` makes one of its numbers depend on others in a known way.

        That is calibrations, and forms of twirled circuits with their shots: `in_common` has both.
        """
        settings = self.settings_of(name, analysis)
        forms = {text: id_ for text, id_ in settings.items() if is_twirled(text)}
        return self._shared(forms) | self.calibrations_of(name, analysis)

    def in_common(self, name: str, analysis: Analysis) -> InCommon | None:
        """Tell by what one of its numbers errs together with those of other points.

        None where that is nothing: where readout is not taken out of it, nor circuits are twirled.
        """
        point, asked = self._point, analysis.mitigation
        if point is None or (asked.readout is None and asked.twirl is None):
            return None
        settings, own = [each.basis for each in point.each_setting], analysis.at(self.axes)
        jobs = point.calibrating_jobs
        return in_common(name, point.counts_by_basis, settings, own, jobs)

    @classmethod
    def of(cls, point: PointOfRun) -> Measured:
        """Take what is needed of a point."""
        own = {axis: getattr(point, axis) for axis in OWN_AXES}
        job, shots = point.job, point.used
        reason = "" if point.done else f"{job.state}{f': {job.error}' if job.error else ''}"
        if shots and point.missing:
            reason += f"; {told_missing(point.missing)}"
        estimates = point.estimates if shots else {}
        axes = {**own, **point.parameters}
        return cls(point.id, point.name, axes, estimates, shots, reason, point)


def told_without(points: Sequence[Measured], name: str, analysis: Analysis) -> str:
    """Say how many points have no such number, and of one that is measured why.

    ``2 more not measured, 1 more without zz.readout (theta=0: the readout is not calibrated: …)``
    """
    measured = [point for point in points if point.is_measured]
    waiting = len(points) - len(measured)
    told = [f"{waiting} more not measured"] if waiting else []
    if measured:
        first = f"{measured[0].name} {measured[0].why_without(name, analysis)}"
        told.append(f"{len(measured)} more without {name} ({first})")
    return ", ".join(told)


def needs_points(manifest: Manifest) -> bool:
    """Whether a manifest asks for anything across points."""
    analysis = manifest.analysis
    parts = (*ACROSS_POINTS, "own_over_axes")
    return any(getattr(analysis, part, None) for part in parts)


class Points:
    """The measured points of a run, and those that are to be.

    Args:
        manifest: The run's.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.found: list[Measured] = []
        #: Points that were not kept, for there are too many.
        self.left_out = 0

    def add_all(self, points: Iterable[PointOfRun]) -> None:
        """Take in points of the plan, in order."""
        for point in points:
            self.add(point)

    def add(self, point: PointOfRun) -> None:
        """Take in a point of the plan."""
        if len(self.found) < MOST_POINTS:
            self.found.append(Measured.of(point))
        else:
            self.left_out += 1

    def add_planned(self, point: PlannedPoint) -> None:
        """Take in a point that is not bought yet."""
        own = {axis: getattr(point, axis) for axis in OWN_AXES}
        axes = {**own, **dict(point.parameters)}
        self.found.append(Measured(point.id, point.name, axes, {}, 0, "planned", None))

    def __iter__(self) -> Iterator[Measured]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Axes that tell the points apart, in the order of tables.

        Where no sweep sweeps the shots, they say how well a point is known, not which one it is.
        """
        are_swept = any(sweep.has_shots_axis for sweep in self.manifest.sweeps)
        names = dict.fromkeys(axis for point in self.found for axis in point.axes)
        return tuple(name for name in names if are_swept or name != "shots")

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Of `axes` those on which the points have different values, or some have none."""
        seen: dict[str, set[tuple[bool, Value | None]]] = {axis: set() for axis in self.axes}
        for point in self.found:
            for axis, values in seen.items():
                value = point.axes.get(axis)
                values.add((value.__class__ is bool, value))
        return tuple(axis for axis, values in seen.items() if len(values) > 1)

    def at_level(
        self, point: Measured, names: Sequence[str], level: float
    ) -> Mapping[str, Estimate]:
        """Return some of a point's numbers with intervals of another level, from its counts.

        Numbers that cannot be made from the point's counts alone are left out.
        """
        wanted = only(self.manifest.analysis.at(point.axes), set(names))
        counts = point.counts
        if counts is None:
            return {}
        try:
            found = analyse(counts, _AtLevel(wanted, _Level(level)))
        except NotationError:  # these counts alone do not tell it
            return {}
        return {
            name: each
            for name, each in found.items()
            if name in point.estimates and each.value == point.estimates[name].value
        }


@dataclass(frozen=True, slots=True)
class _Level:
    level: float


class _AtLevel:
    """An analysis with intervals of another level."""

    def __init__(self, analysis: Any, intervals: _Level) -> None:
        self.observables: Mapping[str, str] = analysis.observables
        self.probabilities: Mapping[str, str] = analysis.probabilities
        self.distribution = analysis.distribution
        self.intervals = intervals
        self.own_at_points: Mapping[str, Any] = analysis.own_at_points
        self.mitigation: Any = analysis.mitigation
