"""What figures draw, gathered while a run is read: which points, and where on the axes they stand.

Repeats of a setting are pooled: their counts are added up and then analysed, as if one point had
had all the shots; each repeat stays visible as a faint dot. Points that share an x but differ in an
axis that the figure does not show are never averaged: they make lines of their own. Shots are such
an axis only where they are swept; else they say how well a point is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from qbatch.bases import is_calibration, is_shared_out
from qbatch.frozen import dataclass
from qbatch.manifest.expected import Theory
from qbatch.manifest.machine import PLOT_KEYS, is_of_machine
from qbatch.manifest.models import Plot
from qbatch.notation import is_number
from qbatch.plan.geometry.where import Narrowed, is_match, narrowed
from qbatch.report.rows import POINT_AXES, Columns, Floors, Point, Run, asked_of
from qbatch.result import AnalysisLike, Counts, Estimate, analyse_settings, only, pool
from qbatch.snapshot.machine_columns import MachineColumns

if TYPE_CHECKING:
    from qbatch.manifest.models import Axis, Manifest, Value

#: Points that one figure can hold; a run with more is asked to name a `where`.
MAX_MARKS = 20_000
#: Bytes of packed counts that one figure keeps to pool repeats.
MAX_BYTES = 128 << 20
#: Points up to which a figure is drawn that nobody asked for.
MAX_UNASKED_MARKS = 4_000
#: Panels of a histogram of outcomes that nobody asked for: one for each value of an axis.
MAX_FACETS = 8
#: Groups of one histogram of outcomes.
MAX_GROUPS = 24
#: Figures made when the manifest names none.
MAX_DEFAULT = 3

Key = tuple["Value | None", "Value | None", int]


@dataclass(frozen=True, slots=True)
class Mark:
    """One point in a figure, or the pooled repeats of one setting.

    Attributes:
        facet: Value of the facet axis; None without one.
        color: Value of the color axis; None without one.
        rest: Stands for the values of all axes that the figure does not show.
        x: Where along x.
        y: Where along y: a number's value, or an axis' value in a heatmap.
        estimate: The analysed number drawn; None where only axes are.
        shots: Of the point.
        name: Of the point.
        packed: Its counts by basis, kept only where it may have repeats to be pooled with.
        axes: All its axes, kept only where theory is drawn through the points.
        registers: Of its counts, kept with them: only equal ones are pooled. They follow from a
            circuit's parameters, so points along x may differ in them and are one line.
        analysis: What is asked of its counts, kept with them.
    """

    facet: Value | None
    color: Value | None
    rest: int
    x: Value
    y: Value
    estimate: Estimate | None
    shots: int
    name: str
    packed: tuple[tuple[str, bytes], ...] = ()
    axes: Mapping[str, Value] | None = None
    registers: tuple[tuple[str, int], ...] = ()
    analysis: AnalysisLike | None = None

    @property
    def key(self) -> Key:
        """Of the line it belongs to."""
        return self.facet, self.color, self.rest


@dataclass
class Series:
    """All that one figure draws.

    Attributes:
        plot: What was asked for.
        marks: For lines, heatmaps, and histograms of a number.
        outcomes: (facet, color) -> pooled counts, for histograms of outcomes.
        dropped: Points left out: too many, or of another register layout.
        is_asked_for: False where the manifest names no figures and this one was chosen for it.
        machines: Numbers of the machines that points were measured on.
    """

    plot: Plot
    columns: Columns
    floors: Floors
    marks: list[Mark] = field(default_factory=list)
    outcomes: dict[tuple[Value | None, Value | None], Counts] = field(default_factory=dict)
    dropped: int = 0
    is_asked_for: bool = True
    machines: MachineColumns | None = None
    _where: Narrowed = field(init=False)
    _rests: dict[object, int] = field(default_factory=dict)
    _hidden: list[dict[str, Value]] = field(default_factory=list)
    _bytes: int = 0

    def __post_init__(self) -> None:
        self._where = narrowed(self.plot.where, self.columns.values)

    @property
    def shows_outcomes(self) -> bool:
        """True for a histogram of bitstrings."""
        return self.plot.type == "histogram" and self.plot.x is None

    @property
    def number(self) -> str | None:
        """The analysed number drawn, if any."""
        named = {"heatmap": self.plot.z, "line": self.plot.y, "histogram": self.plot.x}
        name = named[self.plot.type]
        return name if name in self.columns.numbers else None

    def add(self, point: Point, values: Mapping[str, Value]) -> None:
        """Take in one point, whose axes are `values`, if the figure is about it."""
        if self.is_full:
            self.leave_out(1)
            return
        if not point.used or not is_match(self._where, values):
            return
        facet, color = (
            self._of_axis(name, point, values) for name in (self.plot.facet, self.plot.color)
        )
        if self.shows_outcomes:
            self._add_counts(point, (facet, color))
            return
        if self.dropped or len(self.marks) >= self._most_marks or self._bytes > MAX_BYTES:
            self._drop()
        elif (mark := self._mark(point, values, facet, color)) is not None:
            self.marks.append(mark)
            self._bytes += sum(len(each) for _, each in mark.packed)

    @cached_property
    def theory(self) -> Theory | None:
        """What theory says of the number drawn as lines; None where it says nothing."""
        manifest = self.floors.manifest
        is_drawn = self.plot.type == "line" and self.number is not None
        return manifest.analysis.theory_of(self.number or "", manifest.vars) if is_drawn else None

    @property
    def is_full(self) -> bool:
        """Whether all further points are left out, whatever they are."""
        return self.dropped > 0 and not self.is_asked_for

    def leave_out(self, points: int) -> None:
        """Note that so many further points are left out."""
        self.dropped += points

    @property
    def _most_marks(self) -> int:
        return MAX_MARKS if self.is_asked_for else MAX_UNASKED_MARKS

    def _drop(self) -> None:
        """Leave a point out; of a figure nobody asked for leave all of them out."""
        self.dropped += 1
        if not self.is_asked_for:
            self.dropped += len(self.marks)
            self.marks.clear()

    def _mark(
        self,
        point: Point,
        values: Mapping[str, Value],
        facet: Value | None,
        color: Value | None,
    ) -> Mark | None:
        plot, number = self.plot, self.number
        estimate = point.estimates.get(number) if number else None
        if estimate is not None and number is not None:
            estimate = self.floors.beside(number, estimate, point.sampled)
        x, y = (self._along(name, point, values) for name in (plot.x, plot.y))
        if plot.type == "histogram":
            y = 0.0
        if x is None or y is None or (number and estimate is None):
            return None
        shown = {plot.x, plot.y, plot.color, plot.facet, "repeat", *self.columns.no_axes}
        hidden = {name: value for name, value in values.items() if name not in shown}
        rest: list[object] = [(name, type(value), value) for name, value in hidden.items()]
        packed: tuple[tuple[str, bytes], ...] = ()
        registers: tuple[tuple[str, int], ...] = ()
        if self._may_pool and (counts := point.counts_by_basis):
            packed = tuple((basis, found.pack()) for basis, found in counts.items())
            registers = next(iter(counts.values())).registers
        number_of_rest = self._rests.setdefault(tuple(rest), len(self._rests))
        if number_of_rest == len(self._hidden):
            self._hidden.append(hidden)
        axes = values if self.theory is not None else None
        shots, name = point.sampled, point.name
        analysis = asked_of(point, self.floors.analysis) if packed else None
        told = x, y, estimate, shots, name, packed, axes, registers, analysis
        return Mark(facet, color, number_of_rest, *told)

    @property
    def _may_pool(self) -> bool:
        return "repeat" in self.columns.axes and self.plot.type != "histogram"

    def analysis_of(self, mark: Mark) -> AnalysisLike:
        """What is asked of a mark's counts, without the numbers that this figure does not show."""
        whole = self.floors.analysis if mark.analysis is None else mark.analysis
        return only(whole, {self.plot.x, self.plot.y, self.plot.z})

    def measures(self, axis: str) -> bool:
        """Whether an analysed number, not an axis of the sweep, stands along x or y."""
        name = getattr(self.plot, axis)
        return name in self.columns.numbers

    def pooled(self) -> list[Mark]:
        """One mark for each setting: its repeats' shots together; see the module's head."""
        groups: dict[tuple[object, ...], list[Mark]] = {}
        for mark in self.marks:
            # What is measured differs between repeats, and is no part of the setting.
            x, y = (None if self.measures(axis) else getattr(mark, axis) for axis in ("x", "y"))
            groups.setdefault((mark.key, mark.registers, x, y), []).append(mark)
        return [mark for group in groups.values() for mark in self._pooled(group)]

    def _pooled(self, marks: list[Mark]) -> list[Mark]:
        bases = [[basis for basis, _ in mark.packed] for mark in marks]
        if len(marks) == 1 or not bases[0] or any(each != bases[0] for each in bases):
            return marks
        shared = [[each for each in mark.packed if is_calibration(each[0])] for mark in marks]
        if any(each != shared[0] for each in shared):
            return marks  # each repeat is mended by a calibration of its own time
        packed = zip(*(mark.packed for mark in marks), strict=True)
        counts = {each[0][0]: _together(each) for each in packed}
        name = f"{marks[0].name.rpartition('#')[0] or marks[0].name}, {len(marks)} repeats"
        return [_pooled(marks[0], name, counts, self)]

    def hidden(self) -> tuple[tuple[str, ...], list[str]]:
        """The axes that lines differ in though the figure does not show them.

        Returns:
            Their names; for each `Mark.rest` the values of these: "n=1, phi=0.5".
        """
        seen: dict[str, set[tuple[type, Value]]] = {}
        for values in self._hidden:
            for name, value in values.items():
                seen.setdefault(name, set()).add((type(value), value))
        names = tuple(name for name, found in seen.items() if len(found) > 1)
        return names, [
            ", ".join(f"{n}={self.columns.text(n, v)}" for n, v in values.items() if n in names)
            for values in self._hidden
        ]

    def _of_axis(self, name: str | None, point: Point, values: Mapping[str, Value]) -> Value | None:
        """Where a point stands on an axis, or what its machine was like; None for neither."""
        if name is None:
            return None
        if name not in values and self.machines is not None and is_of_machine(name):
            found: Value | None = self.machines.value(point, name)
            return found
        return values.get(name)

    def why_left_out(self) -> str:
        """Why points are not drawn that have no number of a machine; "" where all are."""
        if self.machines is None:
            return ""
        named = (getattr(self.plot, key) for key in PLOT_KEYS)
        return " ".join(filter(None, (self.machines.why_not(name) for name in named if name)))

    def _along(self, name: str | None, point: Point, values: Mapping[str, Value]) -> Value | None:
        if name is None:
            return None
        if (found := self._of_axis(name, point, values)) is not None:
            return found
        estimate = point.estimates.get(name)
        return None if estimate is None else estimate.value

    def _add_counts(self, point: Point, key: tuple[Value | None, Value | None]) -> None:
        counts, known = point.counts, self.outcomes.get(key)
        if counts is None:
            return
        if known is None and len(self.outcomes) < MAX_GROUPS:
            self.outcomes[key] = counts
        elif known is not None and known.registers == counts.registers:
            self.outcomes[key] = known + counts
        else:
            self.dropped += 1


def _together(packed: Sequence[tuple[str, bytes]]) -> Counts:
    """The counts of one setting of all repeats; of a calibration, which they share, only one's."""
    shared = packed[:1] if is_calibration(packed[0][0]) else packed
    return pool([Counts.unpack(one) for _, one in shared])


def _pooled(first: Mark, name: str, counts: Mapping[str, Counts], series: Series) -> Mark:
    """The mark of all shots of a setting's repeats, analysed as if they were one point's."""
    found = analyse_settings(counts, [*counts], series.analysis_of(first))
    shots = min(each.shots for text, each in counts.items() if not is_shared_out(text))
    estimate = found.get(series.number) if series.number else None
    if estimate is not None and series.number is not None:
        estimate = series.floors.beside(series.number, estimate, shots)
    x, y = (
        found[axis].value if axis in found and is_number else place
        for axis, place, is_number in (
            (series.plot.x, first.x, series.measures("x")),
            (series.plot.y, first.y, series.measures("y")),
        )
    )
    return replace(first, x=x, y=y, estimate=estimate, shots=shots, name=name, packed=())


def open_series(run: Run, columns: Columns) -> list[Series]:
    """Begin the figures the manifest names, or those that suit its sweep."""
    manifest = run.manifest
    floors = Floors(manifest)
    asked = manifest.report.plots
    plots = asked or default_plots(manifest, columns)
    return [
        Series(plot, columns, floors, is_asked_for=bool(asked), machines=MachineColumns(run))
        for plot in plots
    ]


def default_plots(manifest: Manifest, columns: Columns) -> tuple[Plot, ...]:
    """Choose figures for a manifest that names none.

    Two numeric parameters of four or more values each make a heatmap of the first number. Else the
    first three numbers are drawn over the numeric axis of most values, one colour a backend (or a
    circuit, or a value of the next axis), else over backends or circuits. Without analysed numbers
    the outcomes' frequencies are drawn.
    """
    sizes = _numeric_axes(manifest)
    several = [axis for axis in ("backend", "circuit") if axis in columns.axes]
    color: str | None = several[0] if several else None
    if not columns.numbers:
        panels = [axis for axis, size in sizes.items() if 2 <= size <= MAX_FACETS]
        return (Plot(type="histogram", color=color, facet=panels[0] if panels else None),)
    grid = [name for name, size in sizes.items() if size >= 4 and name not in POINT_AXES]
    if len(grid) >= 2:
        return (Plot(type="heatmap", x=grid[0], y=grid[1], z=columns.numbers[0], facet=color),)
    if not sizes:
        if not several:
            return (Plot(type="histogram"),)
        second = several[1] if len(several) > 1 else None
        return tuple(
            Plot(x=several[0], y=name, color=second) for name in columns.numbers[:MAX_DEFAULT]
        )
    x = max(sizes, key=lambda name: sizes[name])
    others = [name for name in sizes if name != x]
    color = color or (others[0] if others else None)
    xscale = "log" if x == "shots" else "linear"
    return tuple(
        Plot.model_validate({"x": x, "y": name, "color": color, "xscale": xscale})
        for name in columns.numbers[:MAX_DEFAULT]
    )


def _numeric_axes(manifest: Manifest) -> dict[str, int]:
    """Numeric axis -> how many values it has, of those with two or more."""
    sizes: dict[str, int] = {}
    for sweep in manifest.sweeps:
        for name, axis in {**sweep.matrix, **sweep.zip}.items():
            size = _size(axis)
            if size >= 2:
                sizes[name] = max(size, sizes.get(name, 0))
    return sizes


def _size(axis: Axis) -> int:
    """How many numbers an axis has; 0 where its values are no numbers."""
    if axis.values is not None:
        numeric = all(map(is_number, axis.values))
        return len(axis.values) if numeric else 0
    if axis.range is not None:
        start, stop, step = axis.range
        return math.ceil((stop - start) / step)
    if axis.random is not None:
        return axis.random.n
    spaced = axis.linspace or axis.geomspace
    return int(spaced[2]) if spaced else 2  # a file's column: two or more
