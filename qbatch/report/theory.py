"""Lines of what theory says through the points of a figure, and how a figure's lines look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qbatch.across.theory import FittedTheory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from qbatch.manifest.models import Value
    from qbatch.report.canvas import Canvas
    from qbatch.report.scales import Scale
    from qbatch.report.series import Mark

#: Places along x at which theory is drawn.
CURVE_POINTS = 200


@dataclass
class Looks:
    """What lines were drawn as, for the caption and the legend.

    Attributes:
        lined: Colours that a line was drawn in.
        theory: How what theory says looks.
        bands: What shows how well points are known.
    """

    lined: set[Value | None]
    theory: set[str] = field(default_factory=set)
    bands: set[str] = field(default_factory=set)

    def add(self, color: Value | None, theory: str, is_joined: bool) -> None:
        """Note how the points of one line were drawn."""
        if is_joined:
            self.lined.add(color)
        if theory:
            self.theory.add(theory)
        self.bands.add("shaded" if is_joined else "bars")


def draw_theory(
    canvas: Canvas, axes: Axes, line: Sequence[Mark], along_x: Scale, color: Any
) -> str:
    """Draw what theory says along a line's points, where x is a number.

    Returns:
        How it looks, for the caption; "" where nothing is drawn.
    """
    import numpy as np

    theory, plot = canvas.series.theory, canvas.series.plot
    if theory is None or plot.x is None or along_x.words is not None or line[0].axes is None:
        return ""
    first, last = (along_x.place(mark.x) for mark in (line[0], line[-1]))
    spaced = np.geomspace if plot.xscale == "log" else np.linspace
    xs = spaced(first, last, CURVE_POINTS) if first < last else np.array([first])
    fitted = FittedTheory(theory, canvas.fits, canvas.manifest.analysis)
    found = fitted.at({**line[0].axes, plot.x: xs})
    if found is None or not np.isfinite(found).any():
        return ""
    ys = np.broadcast_to(found, xs.shape)
    if len(xs) == 1:
        axes.plot(xs, ys, color=color, marker="_", markersize=12, linestyle="none", label="_")
        return "Level strokes"
    axes.plot(xs, ys, color=color, linestyle=(0, (1, 1.5)), linewidth=1.2, label="_")
    return "Dotted"
