"""What a report needs of a run, and which columns its points make.

Rule: a run is read once, point by point; nothing here keeps the points.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from qbatch.notation import is_number
from qbatch.plan.geometry.written import values_by_axis, writers_of
from qbatch.plan.layout import texts
from qbatch.point import PointOfRun
from qbatch.report.numbers import as_pi, parts_of_pi, plain
from qbatch.result import Estimate, sampling_floor

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis, Manifest, Sweep, Value
    from qbatch.snapshot import Held, Purchase
    from qbatch.snapshot.doubles import Double

#: Axes that are attributes of a point, not parameters of a circuit.
POINT_AXES = ("circuit", "backend", "shots", "repeat")


class Point(PointOfRun, Protocol):
    """What a report says of a point beside its numbers."""

    @property
    def is_short(self) -> bool: ...
    @property
    def counted(self) -> int: ...
    @property
    def asked(self) -> int: ...
    @property
    def state_in_words(self) -> str: ...
    @property
    def settings(self) -> Sequence[Point]: ...
    @property
    def each_setting(self) -> Sequence[Point]: ...
    @property
    def warning(self) -> str: ...
    @property
    def same_as(self) -> str: ...


def asked_of(point: Point, analysis: Analysis) -> Analysis:
    """Return the analysis of a point: with the observables that are its own."""
    own = {"circuit": point.circuit, "backend": point.backend}
    return analysis.at({**own, **point.parameters}) if analysis.varying else analysis


class Times(Protocol):
    """How long a backend's jobs took (`snapshot.times.Times`), seconds."""

    @property
    def jobs(self) -> int: ...
    @property
    def makespan_s(self) -> float: ...
    @property
    def queue_s(self) -> tuple[float, float] | None: ...
    @property
    def took_s(self) -> tuple[float, float]: ...


class Run(Protocol):
    """A run as its snapshot shows it (`snapshot.Run`); iterating reads it anew, in run order."""

    @property
    def folder(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def manifest(self) -> Manifest: ...
    @property
    def axes(self) -> tuple[str, ...]: ...
    @property
    def targets(self) -> Mapping[str, Any]: ...
    @property
    def emulated(self) -> Collection[str]: ...
    @property
    def is_plan_alone(self) -> bool: ...
    @property
    def meta(self) -> Mapping[str, str]: ...
    def times(self, backends: Collection[str]) -> Mapping[str, Times]: ...
    def ledger(self) -> Sequence[Purchase]: ...
    def doubles(self) -> Sequence[Double]: ...
    def held(self) -> Sequence[Held]: ...
    def circuit_of(self, point: Any) -> str | None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Point]: ...


@runtime_checkable
class InStretches(Protocol):
    """A run that is read in stretches (`snapshot.Run.stretches`)."""

    def stretches(self) -> Iterator[Sequence[Point]]: ...


def stretches(run: Run) -> Iterator[Sequence[Point]]:
    """Read a run once, many points at a time."""
    if isinstance(run, InStretches):
        return run.stretches()
    return ([point] for point in run)


def axes_of(point: Point) -> dict[str, Value]:
    """Every axis of a point, by name."""
    return {
        "circuit": point.circuit,
        "backend": point.backend,
        "shots": point.shots,
        "repeat": point.repeat,
        **point.parameters,
    }


@dataclass(frozen=True)
class Columns:
    """What heads a results table.

    Attributes:
        axes: Of POINT_AXES those that more than one value is asked for.
        parameters: Swept parameters, in the order declared.
        numbers: Analysed numbers, in the order of the manifest.
        level: Confidence of the intervals.
        writers: Parameter -> how its values are written, so that each differs from the others.
        values: Axis -> the values asked for; None or missing where they are not known.
        angles: Axis -> into how many parts π is cut, where its values are multiples of one.
        no_axes: Of POINT_AXES what no sweep sweeps and may differ all the same: shots.
        units: Axis or number -> its unit, where it has one.
        labels: Axis or number -> what stands for its name.
    """

    axes: tuple[str, ...]
    parameters: tuple[str, ...]
    numbers: tuple[str, ...]
    level: float
    writers: Mapping[str, Callable[[Value], str]] = field(default_factory=dict)
    values: Mapping[str, Sequence[Value] | None] = field(default_factory=dict)
    angles: Mapping[str, int] = field(default_factory=dict)
    no_axes: frozenset[str] = frozenset()
    units: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def varied(self) -> tuple[str, ...]:
        """Axes and parameters that points differ in: the columns of a page's table.

        Asked for at every point, and made from all values: kept.
        """
        return (*self.axes, *(name for name in self.parameters if name not in self.constant))

    @cached_property
    def constant(self) -> dict[str, Value]:
        """Parameters for which one value is asked for."""
        found = {name: set(self.values.get(name) or ()) for name in self.parameters}
        return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}

    def head(self, name: str) -> str:
        """What stands above an axis' values or a number's: its label or name, and its unit."""
        unit, told = self.units.get(name, ""), self.labels.get(name, name)
        return f"{told} ({unit})" if unit else told

    def text(self, name: str | None, value: Value | None) -> str:
        """A value of an axis, in as many digits as tell it from the axis' other values.

        Where all its values are simple fractions of π, as such a fraction.
        """
        if value is None:
            return ""
        if (parts := self.angles.get(name or "")) and is_number(value):
            return as_pi(float(value), parts)
        write = self.writers.get(name or "")
        return write(value) if write is not None and isinstance(value, float) else plain(value)

    def texts(self, name: str, values: Sequence[float]) -> Sequence[str]:
        """`text` of numbers of one kind, where no part of π is one of them."""
        write = self.writers.get(name)
        is_written = write is not None and isinstance(values[0], float)
        return texts(values, write if is_written and write is not None else plain)

    def setting(self, point: Point) -> str:
        """A point's circuit and parameters: "circuit, gamma=0.1"."""
        parameters = point.parameters.items()
        return ", ".join([point.circuit, *(f"{n}={self.text(n, v)}" for n, v in parameters)])

    @classmethod
    def of(cls, run: Run) -> Columns:
        """Read them from what the run asked for: no point needs to be seen."""
        manifest = run.manifest
        values = values_by_axis(manifest)
        declared = [*run.axes, *(name for sweep in manifest.sweeps for name in _swept(sweep))]
        shots = {value for sweep in manifest.sweeps for value in _shots(sweep, manifest.shots)}
        several = {
            "circuit": len(manifest.circuits) > 1,
            "backend": len(manifest.backends) > 1,
            "shots": len(shots) > 1,
            "repeat": any(sweep.repeat > 1 for sweep in manifest.sweeps),
        }
        return cls(
            tuple(axis for axis in POINT_AXES if several[axis]),
            tuple(dict.fromkeys(name for name in declared if name not in POINT_AXES)),
            manifest.analysis.names,
            manifest.analysis.intervals.level,
            writers_of(values),
            values,
            {name: parts for name, found in values.items() if (parts := parts_of_pi(found or ()))},
            frozenset() if any(s.has_shots_axis for s in manifest.sweeps) else frozenset({"shots"}),
            manifest.units,
            manifest.report.texts,
        )


def _swept(sweep: Sweep) -> Iterator[str]:
    yield from sweep.matrix
    yield from sweep.zip
    for point in sweep.include:
        yield from point
    for override in sweep.overrides:
        yield from override.set


def _shots(sweep: Sweep, default: int) -> Iterator[Value]:
    """Yield shots asked for somewhere in `sweep`; an axis without a list counts as two values."""
    axis = {**sweep.matrix, **sweep.zip}.get("shots")
    if axis is None:
        yield default
    else:
        yield from axis.values if axis.values is not None else (0, 1)
    for values in (*sweep.include, *(override.set for override in sweep.overrides)):
        yield from (values[name] for name in values if name == "shots")


class Floors:
    """Sampling floors of the analysed distances, looked up by number of shots.

    They depend on the target and the shots alone, so a snapshot need not keep them.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.analysis = manifest.analysis
        distribution = manifest.analysis.distribution
        self._target: dict[str, float] = {}
        self._metrics: frozenset[str] = frozenset()
        if distribution is not None:
            self._metrics = frozenset(distribution.metrics)
            for bits, probability in distribution.target.items():
                self._target[bits.replace(" ", "")] = probability

    def beside(self, name: str, estimate: Estimate, shots: int) -> Estimate:
        """The estimate with its floor, where it is a distance."""
        if name not in self._metrics or estimate.floor is not None:
            return estimate
        width = len(next(iter(self._target)))
        floors = sampling_floor(self._target, (("c", width),), shots)
        return replace(estimate, floor=floors[name])


def facts_of_setting(setting: Point) -> dict[str, Any]:
    """A setting of a point as JSON has it, whoever writes it.

    Returns:
        `basis` ("" as the circuit is written), `id`, `state`, `shots` asked for and `used` (those
        that there are), `counts` (bitstring -> count, or None), `error`.
    """
    counts = setting.counts
    return {
        "basis": setting.basis,
        "id": setting.id,
        "state": setting.job.state.value,
        "shots": setting.shots,
        "used": setting.used,
        "counts": None if counts is None else counts.to_dict(),
        "error": setting.job.error,
    }
