"""Figures draw what was asked, name every point, and are the same each time."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import pytest

from qbatch.manifest.models import Plot
from qbatch.report.figures import Figure, draw
from qbatch.report.rows import Columns, Floors, axes_of
from qbatch.report.series import Series, default_plots, open_series, pool_repeats


def series_of(run: Any, **plot: Any) -> Series:
    series = Series(Plot(**plot), Columns.of(run), Floors(run.manifest))
    for point in run.points:
        series.add(point, axes_of(point))
    return series


def drawn(run: Any, **plot: Any) -> Figure:
    figure = draw(series_of(run, **plot), run.manifest, 1)
    ElementTree.fromstring(figure.svg)
    ElementTree.fromstring(figure.inline)
    return figure


def titles(figure: Figure) -> list[str]:
    return re.findall(r"/?><title>([^<]*)</title></(?:use|path)>", figure.svg)


@pytest.mark.parametrize(
    "plot",
    [
        {"x": "shots", "y": "zz", "color": "backend", "xscale": "log"},
        {"x": "shots", "y": "tvd", "color": "backend", "xscale": "log", "yscale": "log"},
        {"x": "shots", "y": "zz", "facet": "backend", "band": "se"},
        {"x": "backend", "y": "p00", "color": "shots", "band": "none"},
        {"x": "zz", "y": "p00", "color": "backend"},
        {"type": "heatmap", "x": "shots", "y": "backend", "z": "zz"},
        {"type": "histogram", "color": "backend"},
        {"type": "histogram", "color": "backend", "facet": "shots"},
        {"type": "histogram", "x": "zz"},
    ],
)
def test_every_kind_of_figure_is_drawn_the_same_each_time(bell: Any, plot: dict[str, Any]) -> None:
    figure = drawn(bell, **plot)
    assert figure == drawn(bell, **plot)
    assert figure.caption
    assert "style=" not in figure.inline
    assert "#1a2b3c" not in figure.inline + figure.svg
    assert "currentColor" in figure.inline


def test_a_line_names_its_axes_its_colours_and_every_point(bell: Any) -> None:
    figure = drawn(bell, x="shots", y="zz", color="backend")
    texts = set(re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg))
    assert {"shots per point", "zz = ⟨Z0 Z1⟩", "backend", "ideal", "noisy"} <= texts
    assert len(titles(figure)) == 4
    assert titles(figure)[0].startswith("backend=ideal,shots=100, 2 repeats: zz = 1.000 [")


def test_a_heatmap_names_every_cell_and_its_highest(bell: Any) -> None:
    figure = drawn(bell, type="heatmap", x="shots", y="backend", z="zz")
    assert len(titles(figure)) == 4
    assert "Highest (ringed): 1.000" in figure.caption


def test_a_figure_shows_only_the_points_of_its_where(bell: Any) -> None:
    series = series_of(bell, x="shots", y="zz", where={"backend": "noisy", "repeat": 2})
    assert [mark.name for mark in series.marks] == [
        "backend=noisy,shots=100#2",
        "backend=noisy,shots=1000#2",
    ]


def test_pooled_repeats_are_as_certain_as_their_shots_together(bell: Any) -> None:
    (mark,) = pool_repeats(series_of(bell, x="shots", y="p00", where={"shots": 100}).marks[::2])
    one = bell.point("backend=ideal,shots=100").estimates["p00"]
    assert mark.shots == 200
    assert mark.y == pytest.approx((0.51 + 0.52) / 2)
    assert mark.estimate is not None
    assert mark.estimate.se == pytest.approx(one.se / math.sqrt(2), rel=0.01)
    assert mark.estimate.low < mark.y < mark.estimate.high


def test_points_that_differ_in_a_hidden_axis_are_never_averaged(bell: Any) -> None:
    series = series_of(bell, x="shots", y="zz")
    assert len(pool_repeats(series.marks)) == 4
    assert "Several lines of one colour differ" in draw(series, bell.manifest, 1).caption


def test_a_logarithmic_axis_says_what_it_cannot_show(bell: Any) -> None:
    bell.measure("backend=ideal,shots=100", {"00": 50, "11": 50})
    figure = drawn(bell, x="shots", y="tvd", yscale="log")
    assert "1 point at or below 0 not shown on the logarithmic y." in figure.caption


def test_unfinished_figures_say_so(bell: Any) -> None:
    figure = draw(series_of(bell, x="shots", y="zz", where={"shots": 7}), bell.manifest, 1)
    assert figure.note
    assert figure.svg == ""


def test_text_in_a_figure_is_escaped(bell: Any) -> None:
    for point in bell.points:
        point.name = "<i>&"
    figure = drawn(bell, x="shots", y="zz", color="backend", title="a < b & $x_1$")
    assert figure.title == "a < b & $x_1$"
    assert titles(figure)[0].startswith("&lt;i&gt;&amp;")


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ("{matrix: {backend: [ideal, noisy], shots: [1, 2]}}", ("line", "shots", "zz", "backend")),
        ("{matrix: {a: {linspace: [0, 1, 9]}, b: [1, 2]}}", ("line", "a", "zz", "backend")),
        (
            "{matrix: {a: {linspace: [0, 1, 9]}, b: {range: [0, 9, 1]}}}",
            ("heatmap", "a", "b", None),
        ),
        ("{matrix: {shots: [5]}}", ("line", "backend", "zz", None)),
    ],
)
def test_a_manifest_without_plots_gets_those_that_suit_it(
    make_run: Any, bell_manifest: str, sweep: str, expected: tuple[str, ...]
) -> None:
    start, end = bell_manifest.index("sweep:"), bell_manifest.index("analysis:")
    text = f"{bell_manifest[:start]}sweep: {sweep}\n{bell_manifest[end:]}"
    run = make_run(text[: text.index("checks:")])
    run.axes = ()
    first = default_plots(run.manifest, Columns.of(run))[0]
    assert (first.type, first.x, first.y, first.color) == expected


def test_a_figure_nobody_asked_for_is_left_out_of_a_huge_run(
    bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qbatch.report.series.MAX_UNASKED_MARKS", 5)
    series = open_series(bell, Columns.of(bell))[0]
    for point in bell.points:
        series.add(point, axes_of(point))
    assert (series.marks, series.dropped) == ([], 8)
    assert "Too many points" in draw(series, bell.manifest, 1).note
