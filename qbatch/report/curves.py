"""Fitted curves in a figure: through the points that they were fitted to, with their bands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.curves import CurveError
from qbatch.frozen import dataclass
from qbatch.report.canvas import INK, Canvas
from qbatch.report.numbers import percent
from qbatch.report.scales import Palette
from qbatch.report.series import Key, Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Value

#: Places that a curve is drawn through.
_PLACES = 400


@dataclass(frozen=True, slots=True)
class Drawn:
    """A fitted curve in one panel.

    Attributes:
        fitted: The fit.
        facet: Of the panel.
        colors: Of the points that it was fitted to.
        keys: Of the lines that these points are on.
    """

    fitted: Fitted
    facet: Value | None
    colors: frozenset[Value | None]
    keys: frozenset[Key]


def curves_of(canvas: Canvas, marks: Sequence[Mark]) -> list[Drawn]:
    """The curves of a figure: fits of its y along its x, to points that are in it."""
    return list(_curves(canvas, marks))


def _curves(canvas: Canvas, marks: Sequence[Mark]) -> Iterator[Drawn]:
    plot = canvas.series.plot
    for one in canvas.fits:
        if one.solution is None or (one.spec.x, one.spec.y) != (plot.x, plot.y):
            continue
        names = set(one.points)
        for facet in dict.fromkeys(mark.facet for mark in marks):
            here = [mark for mark in marks if mark.facet == facet and mark.name in names]
            if here:
                colors = frozenset(mark.color for mark in here)
                yield Drawn(one, facet, colors, frozenset(mark.key for mark in here))


def draw_curves(canvas: Canvas, axes: Axes, curves: Sequence[Drawn], palette: Palette) -> None:
    """Draw the curves of one panel over its points."""
    import numpy as np

    plot = canvas.series.plot
    for drawn in curves:
        solution = drawn.fitted.solution
        if solution is None:
            continue
        low, high = min(drawn.fitted.x), max(drawn.fitted.x)
        spaced: Any = np.geomspace if plot.xscale == "log" and low > 0 else np.linspace
        x = spaced(low, high, _PLACES)
        try:
            y, (least, most) = solution.at(x), solution.band(x)
        except CurveError as error:  # a package's, which has no value between the points
            canvas.caption.append(f"The curve of {drawn.fitted.name} is not drawn: {error}.")
            continue
        color: Any = INK
        if len(drawn.colors) == 1:
            color = palette.color(next(iter(drawn.colors)))
        if plot.yscale == "log":
            y, least, most = (np.where(each > 0, each, np.nan) for each in (y, least, most))
        axes.fill_between(x, least, most, color=color, alpha=0.22, linewidth=0, label="_")
        axes.plot(x, y, color=color, linewidth=1.4, label="_")


def describe_curves(canvas: Canvas, curves: Sequence[Drawn]) -> None:
    """Say in the caption which curves there are."""
    formulas = {drawn.fitted.name: drawn.fitted.curve.formula.text for drawn in curves}
    if formulas:
        named = "; ".join(f"{name}, {formula}" for name, formula in formulas.items())
        level = percent(canvas.series.columns.level, 0)
        canvas.caption.append(f"Curves: fit {named}, with its {level} band.")
