"""What goes onto the axes of a figure: lines with bands, heatmaps, histograms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure as Sheet

from qbatch.notation import is_number
from qbatch.report.canvas import COLORS, DASHES, INK, MAX_FACETS, Canvas
from qbatch.report.curves import curves_of, describe_curves, draw_curves
from qbatch.report.numbers import count_of, full, labels, percent, plain
from qbatch.report.scales import Palette, Scale, in_order
from qbatch.report.series import Mark
from qbatch.report.theory import Looks, draw_theory
from qbatch.result import Counts, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from qbatch.manifest.models import Value

#: Bars of one histogram of outcomes.
MAX_BARS = 32
#: Cells drawn one by one; a finer heatmap becomes an image inside the SVG.
MAX_VECTOR_CELLS = 4_000
#: Dots drawn one by one.
MAX_VECTOR_DOTS = 6_000
#: Lines that are told apart by colour and dash.
MAX_STROKES = len(COLORS) * len(DASHES)


def draw(canvas: Canvas) -> Sheet:
    """Draw the canvas' series onto a new sheet."""
    plot = canvas.series.plot
    pairs: Iterable[Value | None]
    if canvas.series.shows_outcomes:
        pairs = (facet for facet, _ in canvas.series.outcomes)
    else:
        pairs = (mark.facet for mark in canvas.series.marks)
    facets = in_order(pairs)
    if len(facets) > MAX_FACETS:
        canvas.caption.append(f"{count_of(len(facets) - MAX_FACETS, 'further panel')} not shown.")
        facets = facets[:MAX_FACETS]
    columns = min(len(facets), 2 if len(facets) in (2, 4) else 3)
    rows = math.ceil(len(facets) / columns)
    sheet = Sheet(figsize=canvas.size_of(len(facets), columns), layout="constrained")
    grid = sheet.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    panels = [axes for row in grid for axes in row]
    for axes in panels[len(facets) :]:
        axes.set_visible(False)
    used = list(zip(facets, panels, strict=False))
    heads = canvas.labels(plot.facet, [facet for facet, _ in used])
    for (_, axes), head in zip(used, heads, strict=True):
        if plot.facet:
            axes.set_title(f"{plot.facet} = {head}")
    if canvas.series.shows_outcomes:
        _draw_outcomes(canvas, sheet, used)
    elif plot.type == "heatmap":
        _draw_heatmaps(canvas, sheet, used)
    elif plot.type == "histogram":
        _draw_histograms(canvas, sheet, used)
    else:
        _draw_lines(canvas, sheet, used)
    return sheet


Panels = Sequence[tuple["Value | None", "Axes"]]


def _set_axes(
    canvas: Canvas, panels: Panels, marks: Sequence[Mark], along_x: Scale, along_y: Scale
) -> None:
    """Put ticks and labels beside both axes of every panel."""
    plot, texts = canvas.series.plot, []
    for axis, along in (("x", along_x), ("y", along_y)):
        name = getattr(plot, axis)
        values, unit = [getattr(mark, axis) for mark in marks], canvas.unit(name)
        for _, axes in panels:
            unit = along.mark(
                getattr(axes, f"{axis}axis"),
                values,
                partial(canvas.labels, name),
                getattr(plot, f"{axis}scale"),
                canvas.unit(name),
                is_measured=canvas.series.measures(axis),
            )
        texts.append(canvas.with_unit(name, unit))
    _set_labels(panels, *texts)


def _set_labels(panels: Panels, x: str, y: str) -> None:
    for _, axes in panels:
        spec = axes.get_subplotspec()
        axes.grid(visible=True)
        if spec is None or spec.is_last_row() or len(panels) <= 3:
            axes.set_xlabel(x)
        if spec is None or spec.is_first_col():
            axes.set_ylabel(y)


# -- lines -----------------------------------------------------------------------------------------


def _draw_lines(canvas: Canvas, sheet: Sheet, panels: Panels) -> None:
    plot, series = canvas.series.plot, canvas.series
    marks = _drawable(canvas, series.marks)
    pooled = _drawable(canvas, series.pooled(), says_so=False)
    along_x = Scale.of(mark.x for mark in marks)
    along_y = Scale.of(mark.y for mark in marks)
    marks, pooled, by = _told_apart(canvas, marks, pooled)
    palette = Palette((mark.color for mark in marks), partial(canvas.labels, plot.color))
    curves = [] if along_x.words or along_y.words else curves_of(canvas, marks)
    looks = Looks(lined={c for one in curves if len(one.colors) == 1 for c in one.colors})
    for facet, axes in panels:
        here = [mark for mark in marks if mark.facet == facet]
        means = [mark for mark in pooled if mark.facet == facet]
        if len(means) < len(here):
            for color in palette.values:
                dots = [mark for mark in here if mark.color == color]
                aside = 0.0 if along_x.words is None else palette.aside(color)
                _draw_repeats(axes, dots, palette.color(color), along_x, along_y, aside)
        for key in dict.fromkeys(mark.key for mark in means):
            line = sorted(
                (mark for mark in means if mark.key == key), key=lambda m: along_x.place(m.x)
            )
            color = line[0].color
            aside = 0.0 if along_x.words is None else palette.aside(color)
            is_fitted = any(line[0].key in drawn.keys for drawn in curves)
            style = palette.line(color)
            is_joined = not is_fitted and along_x.words is None and len(line) > 1
            _draw_line(canvas, axes, line, along_x, along_y, style, aside, joined=is_joined)
            looks.add(color, draw_theory(canvas, axes, line, along_x, style["color"]), is_joined)
        _draw_floor(axes, means, along_x)
        draw_curves(canvas, axes, [one for one in curves if one.facet == facet], palette)
    _set_axes(canvas, panels, marks, along_x, along_y)
    palette.add_legend(sheet, by, of_lines=True, lined=looks.lined)
    stroke = f"{palette.told('dash')} for each {by}" if by else ""
    _describe_lines(canvas, marks, pooled, stroke, looks)
    describe_curves(canvas, curves)


def _told_apart(
    canvas: Canvas, marks: list[Mark], pooled: list[Mark]
) -> tuple[list[Mark], list[Mark], str]:
    """Give colours of their own to lines that differ in axes which nothing shows.

    Returns:
        Marks and pooled marks; what colours stand for, "" for nothing.
    """
    plot, (names, texts) = canvas.series.plot, canvas.series.hidden()
    by = canvas.with_unit(plot.color) if plot.color else ""
    rests = len({(mark.color, mark.rest) for mark in marks})
    if not names or len({(mark.facet, mark.color) for mark in marks}) == len(
        {mark.key for mark in pooled}
    ):
        return marks, pooled, by
    if rests > MAX_STROKES:
        told = f"Lines of one colour differ in {', '.join(names)}, which this figure does not show."
        canvas.caption.append(told)
        return marks, pooled, by

    def named(mark: Mark) -> Mark:
        own = [canvas.text(plot.color, mark.color)] if plot.color else []
        return replace(mark, color=", ".join([*own, texts[mark.rest]]))

    (by,) = labels([", ".join([*([by] if by else []), *map(canvas.with_unit, names)])])
    return [named(mark) for mark in marks], [named(mark) for mark in pooled], by


def _drawable(canvas: Canvas, marks: list[Mark], *, says_so: bool = True) -> list[Mark]:
    """Marks without those that a logarithmic axis cannot show; the caption says so."""
    plot = canvas.series.plot
    for name, scale in (("x", plot.xscale), ("y", plot.yscale)):
        if scale == "log":
            values = [(mark, getattr(mark, name)) for mark in marks]
            kept = [mark for mark, value in values if not is_number(value) or value > 0]
            if says_so and len(kept) < len(marks):
                lost = count_of(len(marks) - len(kept), "point")
                canvas.caption.append(f"{lost} at or below 0 not shown on the logarithmic {name}.")
            marks = kept
    return marks


def _draw_line(
    canvas: Canvas,
    axes: Axes,
    line: list[Mark],
    along_x: Scale,
    along_y: Scale,
    style: dict[str, Any],
    aside: float,
    *,
    joined: bool,
) -> None:
    xs = [along_x.place(mark.x) + aside for mark in line]
    ys = [along_y.place(mark.y) for mark in line]
    low, high = _ends(canvas, line)
    if low and joined:
        axes.fill_between(xs, low, high, color=style["color"], alpha=0.18, linewidth=0)
    if low and (not joined or len(line) <= 40):
        axes.vlines(xs, low, high, color=style["color"], linewidth=0.9, alpha=0.8)
    if joined:
        axes.plot(xs, ys, **(style | {"marker": None}), linewidth=1.2, alpha=0.85)
    alone = style | {"linestyle": "none"}
    (dots,) = axes.plot(xs, ys, **alone, rasterized=len(line) > MAX_VECTOR_DOTS)
    canvas.tooltips(dots, [_tooltip(canvas, mark) for mark in line])


def _ends(canvas: Canvas, line: list[Mark]) -> tuple[list[float], list[float]]:
    """Lower and upper edge of the band; empty without one."""
    band, estimates = canvas.series.plot.band, [mark.estimate for mark in line if mark.estimate]
    if band == "none" or len(estimates) < len(line):
        return [], []
    if band == "se":
        return [e.value - e.se for e in estimates], [e.value + e.se for e in estimates]
    return [e.low for e in estimates], [e.high for e in estimates]


def _tooltip(canvas: Canvas, mark: Mark) -> str:
    what = full(mark.estimate) if mark.estimate else plain(mark.y)
    return f"{mark.name}: {canvas.series.number or canvas.series.plot.y} = {what}"


def _draw_repeats(
    axes: Axes, dots: list[Mark], color: Any, along_x: Scale, along_y: Scale, aside: float
) -> None:
    axes.plot(
        [along_x.place(mark.x) + aside for mark in dots],
        [along_y.place(mark.y) for mark in dots],
        linestyle="none",
        marker="o",
        markersize=2.6,
        alpha=0.45,
        color=color,
        markeredgewidth=0,
        label="_",
        rasterized=len(dots) > MAX_VECTOR_DOTS,
    )


def _draw_floor(axes: Axes, means: list[Mark], along_x: Scale) -> None:
    """Draw what a perfect device would show, where the number is a distance."""
    floors = {
        along_x.place(mark.x): mark.estimate.floor
        for mark in means
        if mark.estimate and mark.estimate.floor is not None
    }
    if floors and along_x.words is None:
        xs = sorted(floors)
        ys = [floors[x] or 0.0 for x in xs]
        axes.plot(xs, ys, color=INK, alpha=0.6, linestyle=(0, (4, 3)), linewidth=1, label="_")


def _describe_lines(
    canvas: Canvas, marks: list[Mark], pooled: list[Mark], stroke: str, looks: Looks
) -> None:
    plot = canvas.series.plot
    what = f"{canvas.label(plot.y)} against {canvas.label(plot.x)}"
    coloured = f", {stroke}" if stroke else ""
    parted = f", one panel for each {plot.facet}" if plot.facet else ""
    canvas.caption.insert(0, f"{what}{coloured}{parted}; {count_of(len(marks), 'point')}.")
    bands = {
        "ci": f"{percent(canvas.series.columns.level, 0)} intervals",
        "se": "± one standard error",
    }
    if plot.band in bands and canvas.series.number:
        drawn = " or ".join(sorted(looks.bands, reverse=True)).capitalize()
        canvas.caption.append(f"{drawn}: {bands[plot.band]}.")
    if canvas.series.theory is not None and looks.theory:
        drawn = " or ".join(sorted(looks.theory)).capitalize()
        canvas.caption.append(f"{drawn}: what theory says, {canvas.series.theory.text}.")
    if len(pooled) < len(marks):
        canvas.caption.append(
            "Repeats are pooled: their counts are added up, then analysed. Each is a faint dot."
        )
    if any(mark.estimate and mark.estimate.floor is not None for mark in pooled):
        canvas.caption.append(
            "Thin and dashed: what a perfect device would show with as many shots."
        )


# -- heatmaps --------------------------------------------------------------------------------------


def _draw_heatmaps(canvas: Canvas, sheet: Sheet, panels: Panels) -> None:
    import numpy as np

    plot, marks = canvas.series.plot, _drawable(canvas, canvas.series.pooled())
    along_x, along_y = (Scale.of(getattr(mark, axis) for mark in marks) for axis in ("x", "y"))
    xs = sorted({along_x.place(mark.x) for mark in marks})
    ys = sorted({along_y.place(mark.y) for mark in marks})
    values = [mark.estimate.value for mark in marks if mark.estimate]
    mesh, overlaid = None, 0
    for facet, axes in panels:
        here = [mark for mark in marks if mark.facet == facet and mark.estimate]
        grid, texts = np.full((len(ys), len(xs)), np.nan), dict[tuple[int, int], str]()
        for mark in here:
            at = ys.index(along_y.place(mark.y)), xs.index(along_x.place(mark.x))
            overlaid += not np.isnan(grid[at])
            grid[at] = mark.estimate.value if mark.estimate else np.nan
            texts[at] = _tooltip(canvas, mark)
        mesh = axes.pcolormesh(
            _edges(xs, is_log=plot.xscale == "log"),
            _edges(ys, is_log=plot.yscale == "log"),
            np.ma.masked_invalid(grid),
            cmap="viridis",
            vmin=min(values),
            vmax=max(values),
            rasterized=grid.size > MAX_VECTOR_CELLS,
        )
        if len(texts) == grid.size:
            canvas.tooltips(mesh, [texts[at] for at in np.ndindex(grid.shape)])
        _ring_highest(axes, here, along_x, along_y)
    _set_axes(canvas, panels, marks, along_x, along_y)
    for _, axes in panels:
        axes.grid(visible=False)
    if mesh is not None:
        bar = sheet.colorbar(mesh, ax=[axes for _, axes in panels], label=canvas.with_unit(plot.z))
        bar.outline.set_visible(False)
    _describe_heatmap(canvas, marks, overlaid)


def _edges(centres: list[float], *, is_log: bool) -> list[float]:
    """Borders between cells, half-way between their centres."""
    places = [math.log(c) for c in centres] if is_log else centres
    if len(places) == 1:
        edges = [places[0] - 0.5, places[0] + 0.5]
    else:
        between = [(a + b) / 2 for a, b in itertools.pairwise(places)]
        edges = [2 * places[0] - between[0], *between, 2 * places[-1] - between[-1]]
    return [math.exp(e) for e in edges] if is_log else edges


def _ring_highest(axes: Axes, marks: list[Mark], along_x: Scale, along_y: Scale) -> None:
    if not marks:
        return
    best = max(marks, key=lambda mark: mark.estimate.value if mark.estimate else -math.inf)
    axes.plot(
        [along_x.place(best.x)],
        [along_y.place(best.y)],
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor="#D55E00",
        markeredgewidth=1.6,
        linestyle="none",
    )


def _describe_heatmap(canvas: Canvas, marks: list[Mark], overlaid: int) -> None:
    plot = canvas.series.plot
    best = max(marks, key=lambda mark: mark.estimate.value if mark.estimate else -math.inf)
    canvas.caption.insert(
        0,
        f"{canvas.label(plot.z)} over {plot.x} and {plot.y}; {count_of(len(marks), 'cell')}. "
        f"Highest (ringed): {full(best.estimate) if best.estimate else ''} at "
        f"{plot.x} = {canvas.text(plot.x, best.x)}, {plot.y} = {canvas.text(plot.y, best.y)}.",
    )
    if overlaid:
        canvas.caption.append(
            f"{count_of(overlaid, 'point')} hidden behind others of the same cell: axes that this "
            "figure does not show; name a where."
        )


# -- histograms ------------------------------------------------------------------------------------


def _draw_histograms(canvas: Canvas, sheet: Sheet, panels: Panels) -> None:
    import numpy as np

    plot, marks = canvas.series.plot, canvas.series.marks
    along = Scale.of(mark.x for mark in marks)
    palette = Palette((mark.color for mark in marks), partial(canvas.labels, plot.color))
    places = [along.place(mark.x) for mark in marks]
    bins: Any = "auto" if len(set(places)) > 1 else 1
    if along.words is not None:
        bins = [i - 0.5 for i in range(len(along.words) + 1)]
    edges, unit = np.histogram_bin_edges(places, bins=bins), ""
    for facet, axes in panels:
        for color in palette.values:
            here = [
                along.place(mark.x) for mark in marks if mark.facet == facet and mark.color == color
            ]
            axes.hist(here, list(edges), alpha=0.6, **palette.bar(color))
        unit = along.mark(
            axes.xaxis,
            [mark.x for mark in marks],
            partial(canvas.labels, plot.x),
            unit=canvas.unit(plot.x),
            is_measured=canvas.series.measures("x"),
        )
    _set_labels(panels, canvas.with_unit(plot.x, unit), "points")
    palette.add_legend(sheet, plot.color, of_lines=False)
    coloured = _coloured(palette, plot.color)
    canvas.caption.append(f"How {count_of(len(marks), 'point')} spread over {plot.x}{coloured}.")


def _draw_outcomes(canvas: Canvas, sheet: Sheet, panels: Panels) -> None:
    plot, outcomes = canvas.series.plot, canvas.series.outcomes
    bars, left_out = _bars(outcomes.values())
    palette = Palette((color for _, color in outcomes), partial(canvas.labels, plot.color))
    target = canvas.manifest.analysis.distribution
    wanted = {} if target is None else {k.replace(" ", ""): p for k, p in target.target.items()}
    for facet, axes in panels:
        here = [(color, counts) for (f, color), counts in outcomes.items() if f == facet]
        for number, (color, counts) in enumerate(here):
            width = 0.8 / len(here)
            offset = (number - (len(here) - 1) / 2) * width
            _draw_bars(canvas, axes, counts, bars, offset, width, palette, color)
        if wanted:
            heights = [wanted.get(bits.replace(" ", ""), 0.0) for bits in bars]
            axes.hlines(
                heights,
                [i - 0.45 for i in range(len(bars))],
                [i + 0.45 for i in range(len(bars))],
                color=INK,
                linewidth=1.1,
                linestyle=(0, (2, 2)),
            )
        is_long = len(bars) * len(bars[0]) > 60
        axes.set_xticks(
            range(len(bars)), list(bars), rotation=90 if is_long else 0, family="monospace"
        )
    _set_labels(panels, "outcome (bit 0 rightmost)", "frequency")
    palette.add_legend(sheet, plot.color, of_lines=False)
    shots, coloured = (
        sum(counts.shots for counts in outcomes.values()),
        _coloured(palette, plot.color),
    )
    canvas.caption.append(
        f"Frequencies of outcomes over {count_of(shots, 'shot')}, with "
        f"{percent(canvas.series.columns.level, 0)} Wilson intervals{coloured}."
    )
    if wanted:
        canvas.caption.append("Thin and dashed: the target distribution.")
    if left_out:
        canvas.caption.append(f"{count_of(left_out, 'rarer outcome')} not shown.")


def _coloured(palette: Palette, name: str | None) -> str:
    return f", {palette.told('hatching')} for each {name}" if name else ""


def _bars(all_counts: Iterable[Counts]) -> tuple[list[str], int]:
    """The most frequent outcomes in ascending order, and how many others there are."""
    total: dict[str, float] = {}
    for counts in all_counts:
        for bits, shots in counts.top(4 * MAX_BARS):
            total[bits] = total.get(bits, 0.0) + shots / counts.shots
    first = sorted(total, key=lambda bits: (-total[bits], bits))[:MAX_BARS]
    return sorted(first), len(total) - len(first)


def _draw_bars(
    canvas: Canvas,
    axes: Axes,
    counts: Counts,
    bars: list[str],
    offset: float,
    width: float,
    palette: Palette,
    color: Value | None,
) -> None:
    seen, level = counts.to_dict(), canvas.series.columns.level
    shares = [wilson(seen.get(bits, 0), counts.shots, level) for bits in bars]
    xs = [i + offset for i in range(len(bars))]
    axes.bar(
        xs,
        [s.value for s in shares],
        width * 0.92,
        **palette.bar(color),
    )
    axes.vlines(xs, [s.low for s in shares], [s.high for s in shares], color=INK, linewidth=0.9)
