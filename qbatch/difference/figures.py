"""The curves of a comparison over each other: of both sides, or of all values compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qbatch.difference.judging import OUTCOMES, Difference, NumberChange, Word
from qbatch.difference.sides import Asked, named, spread
from qbatch.notation import is_number
from qbatch.report.canvas import COLORS, MARKERS
from qbatch.report.figures import Figure, picture
from qbatch.report.numbers import count_of, plain
from qbatch.report.scales import Scale
from qbatch.result import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

#: Panels of one figure, and figures.
MOST_PANELS = 6
MOST_FIGURES = 4
_PANEL_IN = (6.6, 3.4)
#: Characters above a panel.
_LONGEST_HEAD = 70
#: Axes whose values are so many times as large as others are logarithmic.
_WIDE = 50


@dataclass(slots=True)
class Curve:
    """One number along an axis.

    Attributes:
        estimates: Value of the axis -> estimate.
        marked: Values of the axis that carry a mark.
    """

    estimates: dict[float, Estimate] = field(default_factory=dict)
    marked: set[float] = field(default_factory=set)


#: What is asked beside the axis -> label -> curve.
Panels = Mapping[str, Mapping[str, Curve]]


def figures_of(found: Difference) -> list[Figure]:
    """A figure for each number that has an axis of numbers to stand over."""
    axis = _axis_of(found)
    if axis is None:
        return []
    made: list[Figure] = []
    numbers = [pair for pair in found.numbers.items() if pair[0] != OUTCOMES]
    for name, changes in numbers[:MOST_FIGURES]:
        panels = _panels(found, changes, axis)
        caption = _caption(found)
        if len(panels) > MOST_PANELS:
            caption += f" {count_of(len(panels) - MOST_PANELS, 'further panel')} not shown."
        drawn = _Drawing(name, axis, dict(list(panels.items())[:MOST_PANELS]))
        made.append(picture(drawn.sheet, f"{name} over {axis}", caption, len(made) + 1))
    return made


def _caption(found: Difference) -> str:
    if len(found.values) > 2:
        return f"Each {found.axis} with its intervals."
    here, there = (side.name for side in found.sides)
    return f"Both sides with their intervals: A ({here}) and B ({there}). Filled: changed."


def _axis_of(found: Difference) -> str | None:
    """The axis of numbers with the most values, two at least."""
    values = spread(one.asked for one in found.changes)
    sizes = {
        name: len(each)
        for name, each in values.items()
        if len(each) > 1 and all(map(is_number, each))
    }
    return max(sizes, key=lambda name: sizes[name], default=None)


def _panels(found: Difference, changes: Sequence[NumberChange], axis: str) -> Panels:
    is_of_values = len(found.values) > 2
    parts = found.varied - {axis, found.axis if is_of_values else axis}
    panels: dict[str, dict[str, Curve]] = {}
    for one in changes:
        x = one.asked.values[axis]
        if not is_number(x):
            continue
        curves = panels.setdefault(named(one.asked, parts, found.writers), {})
        labels = _labels(found, one.asked) if is_of_values else ("A", "B")
        for label, estimate in zip(labels, (one.here, one.there), strict=True):
            curve = curves.setdefault(label, Curve())
            curve.estimates[float(x)] = estimate
            if is_of_values or one.word is Word.CHANGED:
                curve.marked.add(float(x))
    return panels


def _labels(found: Difference, asked: Asked) -> Iterator[str]:
    """The values of the axis between which they were compared."""
    return (plain(side.own(asked).values[found.axis]) for side in found.sides)


def _is_wide(values: Iterable[float]) -> bool:
    """Whether an axis' values are too far apart for a linear one."""
    found = list(values)
    return bool(found) and min(found) > 0 and max(found) >= _WIDE * min(found)


class _Drawing:
    """The curves of one number, a panel for each thing asked beside the axis."""

    def __init__(self, number: str, axis: str, panels: Panels) -> None:
        self._number, self._axis, self._panels = number, axis, panels

    def sheet(self) -> Sheet:
        from matplotlib.figure import Figure as Sheet

        rows = len(self._panels)
        size = (_PANEL_IN[0], _PANEL_IN[1] * rows)
        sheet = Sheet(figsize=size, layout="constrained")
        grid = sheet.subplots(rows, 1, sharex=True, squeeze=False)
        for (axes,), (head, curves) in zip(grid, self._panels.items(), strict=True):
            if rows > 1:
                axes.set_title(head if len(head) <= _LONGEST_HEAD else f"{head[:_LONGEST_HEAD]}…")
            axes.set_ylabel(self._number)
            axes.grid(visible=True)
            for number, (label, curve) in enumerate(curves.items()):
                _draw(axes, number, label, curve)
        each = (curve for curves in self._panels.values() for curve in curves.values())
        values = sorted({x for curve in each for x in curve.estimates})
        scale = "log" if _is_wide(values) else "linear"
        Scale.of(values).mark(grid[-1][0].xaxis, values, _as_they_are, scale)
        grid[-1][0].set_xlabel(self._axis)
        grid[0][0].legend()
        return sheet


def _as_they_are(values: Iterable[object]) -> list[str]:
    return [str(value) for value in values]


def _draw(axes: Axes, number: int, label: str, curve: Curve) -> None:
    xs = sorted(curve.estimates)
    each = [curve.estimates[x] for x in xs]
    values = [one.value for one in each]
    errors = [[one.value - one.low for one in each], [one.high - one.value for one in each]]
    color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
    style = "-" if number < len(COLORS) else "--"
    axes.errorbar(
        xs, values, errors, color=color, capsize=2, linewidth=1, linestyle=style, label=label
    )
    marked = [(x, curve.estimates[x].value) for x in xs if x in curve.marked]
    axes.plot(
        *(zip(*marked, strict=True) if marked else ((), ())),
        linestyle="",
        marker=marker,
        color=color,
    )
