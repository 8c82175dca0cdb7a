"""What a figure is drawn on: its colours, its words, its tooltips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.report.numbers import labels
from qbatch.report.series import Series

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.manifest.models import Manifest, Value

#: Okabe and Ito's colours, told apart with any colour vision, on white and on dark grey.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6BB1", "#7F7F7F")
#: Ends and middle of the colours of many numbers, about as bright as one another: seen on both.
RAMP = ("#2b6fd6", "#a04ab8", "#d65a1e")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
#: Where colours come again: dashes of a line, and hatching of a bar, that tell them apart.
DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
HATCHES = ("", "////", "....", "xxxx")
FONT_SIZE = 9.5  # points
INK = "#1a2b3c"  # stands for the page's own text colour until the SVG is made fit
PAPER = "#fefdfc"  # likewise for its background

#: Panels of one figure.
MAX_FACETS = 12
_PANEL_IN = (6.6, 3.7)
_SMALL_PANEL_IN = (3.5, 2.9)
#: Height of a panel of a sheet whose width is given, as a share of its width.
_LEAST = 0.68
#: Points with a tooltip; more make the file too large.
MAX_TITLES = 3_000

METRIC_LABELS = {
    "tvd": "total variation distance",
    "hellinger": "Hellinger distance",
    "fidelity": "classical fidelity",
}


@dataclass(slots=True)
class Canvas:
    """One figure while it is drawn.

    Attributes:
        series: What to draw.
        manifest: For the words on the axes.
        titles: Id of a group of marks -> tooltip of each, in the order drawn.
        caption: Sentences, added to while drawing.
        fits: Curves of the run; those of this figure's axes are drawn.
        width_in: Of the whole sheet, inches; None: as wide as its panels want.
    """

    series: Series
    manifest: Manifest
    titles: dict[str, list[str]]
    caption: list[str]
    fits: Sequence[Fitted] = ()
    width_in: float | None = None

    def size_of(self, panels: int, columns: int) -> tuple[float, float]:
        """Return width and height of a sheet with so many panels in so many columns, inches."""
        width, height = _PANEL_IN if panels == 1 else _SMALL_PANEL_IN
        rows = math.ceil(panels / columns)
        if self.width_in is not None:
            return self.width_in, self.width_in / columns * max(height / width, _LEAST) * rows
        return max(_PANEL_IN[0], width * columns), height * rows

    def label(self, name: str | None) -> str:
        """An axis label: the name, and what it stands for."""
        name = name or ""
        analysis, labels = self.manifest.analysis, self.manifest.report.texts
        if name in labels:
            return labels[name]
        if name in analysis.varying:
            return f"⟨{name}⟩"
        if name in analysis.observables:
            text = analysis.observables[name].strip()
            return f"{name} = ⟨{text}⟩" if len(text) <= 32 else f"⟨{name}⟩"
        if name in analysis.probabilities:
            return f"{name} = P({analysis.probabilities[name]})"
        if name == "shots":
            return "shots per point"
        return METRIC_LABELS.get(name, name)

    def unit(self, name: str | None) -> str:
        """The unit of an axis or number; "" where the manifest gives none."""
        machines = self.series.machines
        told = "" if machines is None or not name else machines.unit(name)
        return self.series.columns.units.get(name or "", told)

    def with_unit(self, name: str | None, unit: str | None = None) -> str:
        """An axis label with its unit, or with `unit`."""
        told = self.unit(name) if unit is None else unit
        return f"{self.label(name)} ({told})" if told else self.label(name)

    def text(self, name: str | None, value: Value | None) -> str:
        """A value of an axis, told from the axis' other values."""
        return self.series.columns.text(name, value)

    def labels(self, name: str | None, values: Sequence[Value | None]) -> list[str]:
        """Values of an axis, short enough to stand beside ticks and in a legend."""
        return labels([self.text(name, value) for value in values])

    def tooltips(self, artist: Any, texts: Sequence[str]) -> None:
        """Give each mark of `artist` a tooltip."""
        if sum(map(len, self.titles.values())) + len(texts) <= MAX_TITLES:
            gid = f"marks-{len(self.titles)}"
            artist.set_gid(gid)
            self.titles[gid] = list(texts)
