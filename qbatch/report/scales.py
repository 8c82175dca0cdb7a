"""How values stand along an axis, and in which colour: the same for every kind of figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.notation import is_number
from qbatch.report.canvas import COLORS, DASHES, HATCHES, INK, MARKERS, RAMP
from qbatch.report.ticks import (
    Unit,
    set_angles,
    set_linear,
    set_logarithmic,
    set_words,
    step_of_pi,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Sheet

    from qbatch.manifest.models import Value


#: Entries of a legend beside a figure, of one below it, and of one that tells a ramp of colours.
MAX_BESIDE, MAX_NAMED, MAX_OF_RAMP = 14, 40, 7
#: Characters in a row of a legend below a figure.
LEGEND_CHARACTERS = 84
#: Height of a row there, inches.
LEGEND_ROW_IN = 0.2

#: Values of an axis -> how they are written beside ticks and in legends.
Labels = Callable[[Sequence["Value | None"]], Sequence[str]]


def in_order(values: Iterable[Value | None]) -> list[Value | None]:
    """Distinct values: numbers ascending, else as they first appear."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(map(is_number, distinct)) else distinct  # type: ignore[type-var]


@dataclass(frozen=True, slots=True)
class Scale:
    """How values become places along an axis: numbers as they are, words one beside the other."""

    words: tuple[Value | None, ...] | None

    @classmethod
    def of(cls, values: Iterable[Value | None]) -> Scale:
        found = in_order(values)
        return cls(None if all(map(is_number, found)) else tuple(found))

    def place(self, value: Value) -> float:
        return float(value) if self.words is None else float(self.words.index(value))

    def mark(
        self,
        axis: Any,
        values: Iterable[Value],
        labels: Labels,
        scale: str = "linear",
        unit: str = "",
        *,
        is_measured: bool = False,
    ) -> str:
        """Set the scale, and write words, numbers, or multiples of π beside the ticks.

        Args:
            axis: Of a panel.
            values: All that stand along it.
            labels: How words are written.
            scale: Of numbers, linear or log.
            unit: Of the values.
            is_measured: Then ticks are at round numbers, also where values are multiples of π.

        Returns:
            The unit of what stands beside the ticks.
        """
        if self.words is not None:
            set_words(axis, labels(self.words))
            return unit
        numbers = [float(value) for value in values]
        if scale == "log":
            set_logarithmic(axis, numbers)
        elif not is_measured and (step := step_of_pi(numbers)) is not None:
            set_angles(axis, step)
        else:
            made = Unit.of(numbers, unit)
            set_linear(axis, numbers, made)
            return made.text
        return unit


class Palette:
    """A colour and a marker for each value of the color axis.

    Numbers that are more than there are colours go from blue to orange. Of other values the ninth
    has the first one's colour again, and another marker, dash and hatching.
    """

    def __init__(self, values: Iterable[Value | None], labels: Labels) -> None:
        self.values = in_order(values)
        self._labels = labels(self.values)
        self._is_ramp = len(self.values) > len(COLORS) and all(map(is_number, self.values))

    def label(self, value: Value | None) -> str:
        return self._labels[self.values.index(value)]

    def color(self, value: Value | None) -> Any:
        at = self.values.index(value)
        if not self._is_ramp:
            return COLORS[at % len(COLORS)]
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("ramp", RAMP)(at / (len(self.values) - 1))

    def line(self, value: Value | None, *, joined: bool = True) -> dict[str, Any]:
        """How a line and its dots are drawn, or the dots alone."""
        at = self.values.index(value)
        marker = MARKERS[0] if self._is_ramp else MARKERS[(at + at // len(COLORS)) % len(MARKERS)]
        dash = DASHES[self._round(value) % len(DASHES)]
        linestyle = dash if joined else "none"
        return {"color": self.color(value), "marker": marker, "linestyle": linestyle}

    def bar(self, value: Value | None) -> dict[str, Any]:
        """How a bar is drawn."""
        hatch = HATCHES[self._round(value) % len(HATCHES)]
        return {"facecolor": self.color(value), "hatch": hatch, "edgecolor": INK, "linewidth": 0}

    def _round(self, value: Value | None) -> int:
        """How often all colours came before this value's."""
        return 0 if self._is_ramp else self.values.index(value) // len(COLORS)

    def told(self, second: str) -> str:
        """What a value is known by: its colour, and where colours come again a `second` thing."""
        if self._is_ramp or len(self.values) <= len(COLORS):
            return "one colour"
        if len(self.values) <= len(COLORS) * len(DASHES):
            return f"one colour and {second}"
        return f"a colour and {second} (which come again after {len(COLORS) * len(DASHES)})"

    def aside(self, value: Value | None) -> float:
        """How far beside a word on the x axis this colour stands, so that none hides another."""
        step = min(0.12, 0.6 / len(self.values))
        return step * (self.values.index(value) - (len(self.values) - 1) / 2)

    def add_legend(
        self,
        sheet: Sheet,
        title: str | None,
        *,
        of_lines: bool,
        lined: Collection[Value | None] = (),
    ) -> None:
        """Say what each colour stands for, whichever panels it is seen in.

        Args:
            sheet: Of the panels.
            title: What colours stand for; None or "" for nothing.
            of_lines: Of points and lines, not of bars.
            lined: Values with a line through their points; of others there are markers alone.
        """
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        if title is None or len(self.values) < 2:
            return
        shown = self._named()
        handles = [
            Line2D([], [], linewidth=1.2, **self.line(value, joined=value in lined))
            if of_lines
            else Patch(**self.bar(value))
            for value in shown
        ]
        words = [self.label(value) for value in shown]
        is_beside = max(map(len, words)) < 18 and len(shown) <= MAX_BESIDE
        columns = (
            1 if is_beside else max(1, min(4, LEGEND_CHARACTERS // (max(map(len, words)) + 6)))
        )
        if not is_beside:  # the panels keep their height
            rows = math.ceil(len(shown) / columns)
            sheet.set_figheight(sheet.get_figheight() + LEGEND_ROW_IN * rows)
        sheet.legend(
            handles,
            words,
            title=title,
            loc="outside right upper" if is_beside else "outside lower left",
            ncols=columns,
            alignment="left",
        )

    def _named(self) -> list[Value | None]:
        """The values that a legend tells: of a ramp some, from the first to the last."""
        most, last = (MAX_OF_RAMP if self._is_ramp else MAX_NAMED), len(self.values) - 1
        if last < most:
            return self.values
        steps = (
            [round(i * last / (most - 1)) for i in range(most)] if self._is_ramp else range(most)
        )
        return [self.values[i] for i in steps]
