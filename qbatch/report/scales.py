"""How values stand along an axis, and in which colour: the same for every kind of figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.notation import whole
from qbatch.report.canvas import COLORS, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

    from qbatch.manifest.models import Value


#: Values of an axis -> how they are written beside ticks and in legends.
Labels = Callable[[Sequence["Value | None"]], Sequence[str]]


def in_order(values: Iterable[Value | None]) -> list[Value | None]:
    """Distinct values: numbers ascending, else as they first appear."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(map(is_number, distinct)) else distinct  # type: ignore[type-var]


def is_number(value: Value | None) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        self, axis: Any, values: Iterable[Value], labels: Labels, scale: str = "linear"
    ) -> None:
        """Set the scale, and write words, powers of ten, or multiples of π beside the ticks."""
        if self.words is None and scale == "log":
            from matplotlib.ticker import FuncFormatter, NullFormatter

            getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
            axis.set_major_formatter(FuncFormatter(lambda value, _: _as_power(value)))
            sizes = [float(value) for value in values if float(value) > 0]
            if sizes and max(sizes) < 10 * min(sizes):  # no two powers of ten within: name the rest
                axis.set_minor_formatter(FuncFormatter(lambda value, _: _as_power(value)))
            else:
                axis.set_minor_formatter(NullFormatter())
        elif self.words is not None:
            axis.set_ticks(range(len(self.words)), labels(self.words))
        elif (step := _step_of_pi([float(value) for value in values])) is not None:
            from matplotlib.ticker import FuncFormatter, MultipleLocator

            axis.set_major_locator(MultipleLocator(step))
            axis.set_major_formatter(FuncFormatter(lambda value, _: _as_pi(value)))


def _step_of_pi(values: Sequence[float]) -> float | None:
    """Distance of ticks where values look like angles: multiples of π/2880, three or more.

    None where no more than one tick would stand in between: numbers say more there.
    """
    distinct = sorted(set(values))
    if len(distinct) < 3 or any(abs(v) > 100 for v in distinct):
        return None
    parts = [value / math.pi * 2880 for value in distinct]
    if any(abs(part - round(part)) > 1e-6 for part in parts) or not any(distinct):
        return None
    span = distinct[-1] - distinct[0]
    steps = [math.pi / n for n in (16, 8, 4, 2)] + [math.pi * n for n in (1, 2, 4, 8)]
    return next((step for step in steps if 1.99 <= span / step <= 6.01), None)


def _as_pi(value: float) -> str:
    """Write a multiple of π/16.

    >>> _as_pi(math.pi / 4), _as_pi(-math.pi), _as_pi(0.0), _as_pi(1.5 * math.pi)
    ('π/4', '−π', '0', '3π/2')
    """
    top, bottom = round(value / math.pi * 16), 16
    if top == 0:
        return "0"
    common = math.gcd(top, bottom)
    top, bottom = top // common, bottom // common
    sign, size = "−" if top < 0 else "", "" if abs(top) == 1 else str(abs(top))
    return f"{sign}{size}π" + ("" if bottom == 1 else f"/{bottom}")


def _as_power(value: float) -> str:
    """Write a tick of a logarithmic axis.

    >>> _as_power(100.0), _as_power(20000.0), _as_power(1e6), _as_power(1e-4), _as_power(0.05)
    ('100', '20\u202f000', '10⁶', '10⁻⁴', '0.05')
    """
    exponent = round(math.log10(value)) if value > 0 else 0
    if math.isclose(value, 10.0**exponent) and not -3 < exponent < 5:
        return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    if value >= 1000 and value == round(value):
        return whole(round(value))
    return f"{value:.4g}"


class Palette:
    """A colour and a marker for each value of the color axis."""

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
        from matplotlib import colormaps

        return colormaps["viridis"](0.9 * at / (len(self.values) - 1))

    def marker(self, value: Value | None) -> str:
        at = self.values.index(value)
        return MARKERS[0] if self._is_ramp else MARKERS[(at + at // len(COLORS)) % len(MARKERS)]

    def aside(self, value: Value | None) -> float:
        """How far beside a word on the x axis this colour stands, so that none hides another."""
        step = min(0.12, 0.6 / len(self.values))
        return step * (self.values.index(value) - (len(self.values) - 1) / 2)

    def add_legend(self, sheet: Sheet, axes: Axes, name: str | None) -> None:
        if name is None or len(self.values) < 2:
            return
        handles, labels = axes.get_legend_handles_labels()
        many = len(labels) > 14
        sheet.legend(
            handles[:14],
            [*labels[:13], "…"] if many else labels,
            title=name,
            loc="outside right upper" if max(map(len, labels)) < 18 else "outside lower left",
            alignment="left",
        )
