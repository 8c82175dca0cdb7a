"""Ticks of an axis of numbers: as many as there is room for, in a unit that keeps them short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from matplotlib import rcParams
from matplotlib.ticker import Formatter, FuncFormatter, MaxNLocator, MultipleLocator, NullFormatter

from qbatch.frozen import dataclass
from qbatch.notation import whole
from qbatch.report.numbers import as_pi, raised

#: Power of ten -> prefix, and the units that take one.
PREFIXES = dict(zip(range(-18, 15, 3), (*"afpnµm", "", *"kMGT"), strict=True))
PREFIXED = frozenset(("s", "Hz", "V", "A", "W", "K", "m", "J", "eV", "T", "F", "H", "Ω", "rad"))

#: Width of a character beside a tick, in font sizes; of the gap between two labels, in characters.
_WIDTH, _GAP = 0.62, 2
#: Share of a panel's width that its x axis has: the rest is labels and legend.
_SHARE = 0.72
_MOST_TICKS = 9
#: Below this matplotlib takes numbers for 0.
_LEAST = 1e-280


@dataclass(frozen=True, slots=True)
class Unit:
    """What the numbers beside an axis are multiples of.

    Attributes:
        power: Of ten.
        text: Behind the axis' label, in parentheses; "" for plain numbers.
    """

    power: int = 0
    text: str = ""

    @classmethod
    def of(cls, values: Iterable[float], unit: str = "") -> Unit:
        """Choose one for numbers of `unit`.

        >>> Unit.of([0.0, 2e-4], "s"), Unit.of([0.0, 2e-4]), Unit.of([0.0, 20.0])
        (Unit(power=-6, text='µs'), Unit(power=-6, text='10⁻⁶'), Unit(power=0, text=''))
        """
        size = max(map(abs, values), default=0.0)
        size = size if _LEAST < size < math.inf else 0.0
        power = 3 * math.floor(math.log10(size) / 3) if size else 0
        if unit in PREFIXED:
            power = max(min(PREFIXES), min(max(PREFIXES), power))
            return cls(power, f"{PREFIXES[power]}{unit}")
        if size == 0 or 0.01 <= size < 1e5:
            return cls(0, unit)
        return cls(power, f"{raised(power)} {unit}".strip())


class Plain(Formatter):
    """Numbers in units of a power of ten, each with the digits that all of an axis need."""

    def __init__(self, power: int) -> None:
        self._power = power

    def __call__(self, value: float, pos: int | None = None) -> str:
        return f"{self._scaled(value):g}"

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Text of each tick."""
        scaled = [self._scaled(value) for value in values]
        step = min((abs(b - a) for a, b in pairwise(scaled)), default=0.0) or 1.0
        digits = next((n for n in range(12) if _are_whole(scaled, n, step)), 12)
        return [f"{value:.{digits}f}".replace("-", "−") for value in scaled]

    def _scaled(self, value: float) -> float:
        return value / 10.0**self._power + 0.0


def _are_whole(values: Sequence[float], digits: int, step: float) -> bool:
    return all(abs(round(value, digits) - value) < 1e-3 * step for value in values)


def set_linear(axis: Any, values: Sequence[float], unit: Unit) -> None:
    """Put round numbers beside an axis, no more than fit; whole ones of whole values."""
    axis.set_major_formatter(Plain(unit.power))
    if axis.axis_name != "x" or not values:
        return
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    whole = {"integer": True, "min_n_ticks": 1}
    kind = whole if all(float(value).is_integer() for value in values) else {}
    for number in range(_MOST_TICKS, 1, -1):
        locator = MaxNLocator(number, steps=(1, 2, 2.5, 5, 10), **kind)
        begin, end = low - margin, high + margin
        ticks = [tick for tick in locator.tick_values(begin, end) if begin <= tick <= end]
        if is_room(axis, Plain(unit.power).format_ticks(ticks)):
            break
    axis.set_major_locator(locator)


def is_room(axis: Any, labels: Sequence[str]) -> bool:
    """Whether labels stand side by side below an x axis."""
    spec, sheet = axis.axes.get_subplotspec(), axis.axes.figure
    columns = 1 if spec is None else spec.get_gridspec().ncols
    width = 72 * sheet.get_figwidth() * _SHARE / columns
    characters = len(labels) * (max(map(len, labels), default=0) + _GAP)
    return bool(characters * _WIDTH * rcParams["font.size"] < width)


def set_words(axis: Any, labels: Sequence[str]) -> None:
    """Put words beside an axis, upright where they have no room side by side."""
    axis.set_ticks(range(len(labels)), labels)
    if axis.axis_name == "x" and not is_room(axis, labels):
        axis.set_tick_params(rotation=90)


def set_angles(axis: Any, step: float) -> None:
    """Put multiples of π beside an axis."""
    axis.set_major_locator(MultipleLocator(step))
    axis.set_major_formatter(FuncFormatter(lambda value, _: as_pi(value, 16)))


def set_logarithmic(axis: Any, values: Sequence[float]) -> None:
    """Put powers of ten beside an axis; where no two are in sight, other numbers too."""
    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    axis.set_major_formatter(FuncFormatter(lambda value, _: as_power(value)))
    sizes = [value for value in values if value > 0]
    if sizes and max(sizes) < 10 * min(sizes):
        axis.set_minor_formatter(FuncFormatter(lambda value, _: as_power(value)))
    else:
        axis.set_minor_formatter(NullFormatter())


def step_of_pi(values: Sequence[float]) -> float | None:
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


def as_power(value: float) -> str:
    """Write a tick of a logarithmic axis.

    >>> as_power(100.0), as_power(20000.0), as_power(1e6), as_power(1e-4), as_power(0.05)
    ('100', '20\u202f000', '10⁶', '10⁻⁴', '0.05')
    """
    exponent = round(math.log10(value)) if value > 0 else 0
    if math.isclose(value, 10.0**exponent) and not -3 < exponent < 5:
        return raised(exponent)
    if value >= 1000 and value == round(value):
        return whole(round(value))
    return f"{value:.4g}"
