"""Figures draw what was asked, name every point, and are the same each time."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest

from qbatch.errors import SourceErrors
from qbatch.manifest.models import Plot
from qbatch.report.figures import Figure, draw
from qbatch.report.rows import Columns, Floors, axes_of
from qbatch.report.scales import Scale
from qbatch.report.series import Series, default_plots, open_series
from qbatch.result import Counts, analyse, pool
from tests.daily import mostly_slow
from tests.report.conftest import FakePoint


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
    mostly_slow(
        [
            {"x": "shots", "y": "zz", "color": "backend", "xscale": "log"},
            {"x": "shots", "y": "zz", "facet": "backend", "band": "se"},
            {"type": "heatmap", "x": "shots", "y": "backend", "z": "zz"},
            {"type": "histogram", "color": "backend"},
            {"x": "shots", "y": "tvd", "color": "backend", "xscale": "log", "yscale": "log"},
            {"x": "backend", "y": "p00", "color": "shots", "band": "none"},
            {"x": "zz", "y": "p00", "color": "backend"},
            {"type": "histogram", "color": "backend", "facet": "shots"},
            {"type": "histogram", "x": "zz"},
        ],
        daily=4,
    ),
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
    assert titles(figure)[0].startswith("backend=ideal,shots=100, 2 repeats: zz = 1.000(+0−38) [")


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
    """S2."""
    where = {"shots": 100, "backend": "ideal"}
    both = [p.counts for p in bell.points if (p.shots, p.backend) == (100, "ideal")]
    expected = analyse(pool(both), bell.manifest.analysis)
    for number in ("p00", "zz", "tvd"):
        (mark,) = series_of(bell, x="shots", y=number, where=where).pooled()
        assert mark.shots == 200
        assert mark.estimate is not None
        assert replace(mark.estimate, floor=expected[number].floor) == expected[number]
        assert mark.y == expected[number].value


def test_ten_times_a_hundred_shots_are_a_thousand(bell: Any, make_run: Any) -> None:
    """S2: 10 x 100 shots of a Bell pair showed tvd .051 [.0325, .082]: ten biased ones."""
    rng, first = Random(4), bell.points[0]
    dealt = [sum(rng.random() < 0.5 for _ in range(100)) for _ in range(10)]
    bell.points = [replace(first, name=f"p#{i}", repeat=i) for i in range(1, 11)]
    for point, zeros in zip(bell.points, dealt, strict=True):
        bell.measure(point.name, {"00": zeros, "11": 100 - zeros})
    whole = make_run(points=[replace(first, name="p", shots=1000)])
    whole.measure("p", {"00": sum(dealt), "11": 1000 - sum(dealt)})
    for number in ("tvd", "zz", "p00"):
        (pooled,) = series_of(bell, x="shots", y=number).pooled()
        (one,) = series_of(whole, x="shots", y=number).pooled()
        assert (pooled.y, pooled.estimate, pooled.shots) == (one.y, one.estimate, one.shots)


def test_what_is_measured_on_both_axes_is_pooled_too(bell: Any) -> None:
    marks = series_of(bell, x="zz", y="p00", color="backend").pooled()
    assert len(marks) == 4
    both = pool([p.counts for p in bell.points if (p.shots, p.backend) == (1000, "noisy")])
    expected = analyse(both, bell.manifest.analysis)
    assert (expected["zz"].value, expected["p00"].value) in [(mark.x, mark.y) for mark in marks]


def test_a_repeat_that_an_axis_cannot_show_is_pooled_all_the_same(bell: Any) -> None:
    bell.measure("backend=ideal,shots=100", {"00": 50, "11": 50})
    bell.measure("backend=ideal,shots=100#2", {"00": 60, "11": 40})
    where = {"shots": 100, "backend": "ideal"}
    figure = drawn(bell, x="shots", y="tvd", yscale="log", where=where)
    assert ", 2 repeats: tvd = 0.05" in titles(figure)[0]


def test_hidden_values_of_equal_hash_are_no_repeats(bell: Any) -> None:
    """Python's hash(-1) is hash(-2): points at x = -1 and x = -2 were drawn as one."""
    bell.points = bell.points[:2]
    for point, x in zip(bell.points, (-1, -2), strict=True):
        point.parameters, point.backend = {"x": x}, "ideal"
    assert len(series_of(bell, x="backend", y="zz").pooled()) == 2


def test_repeats_of_unlike_registers_are_not_put_together(bell: Any) -> None:
    point = bell.point("backend=ideal,shots=100#2")
    point.counts = Counts.from_dict((("d", 1), ("c", 2)), {"00 1": 100})
    marks = series_of(bell, x="shots", y="zz", where={"shots": 100, "backend": "ideal"}).pooled()
    assert [mark.shots for mark in marks] == [100, 100]


def test_points_that_differ_in_a_hidden_axis_are_never_averaged(bell: Any) -> None:
    series = series_of(bell, x="shots", y="zz")
    assert len(series.pooled()) == 4
    assert "one colour for each backend" in draw(series, bell.manifest, 1).caption


def words_in(figure: Figure) -> set[str]:
    return set(re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg))


def test_lines_that_differ_in_a_hidden_axis_have_colours_of_their_own(bell: Any) -> None:
    """P34: five bands of randomized benchmarking shared one colour."""
    first = bell.points[0]
    bell.points = [
        replace(first, name=f"{n},{shots}", shots=shots, parameters={"n": n, "k": 0})
        for n in range(5)
        for shots in (100, 1000)
    ]
    for point in bell.points:
        bell.measure(point.name, {"00": point.shots - 3, "01": 3})
    figure = drawn(bell, x="shots", y="zz", color="backend")
    assert {f"ideal, n={n}" for n in range(5)} | {"backend, n"} <= words_in(figure)
    assert "one colour for each backend, n;" in figure.caption
    lines = {s[0] for s in strokes(figure, "stroke", "stroke-width", "clip-path") if s[1] == "1.2"}
    assert len(lines) == 5


@pytest.mark.parametrize(("axis", "curves"), [("", 1), (", shots: [100, 1000]", 2)])
def test_shots_make_curves_of_their_own_only_as_an_axis(
    make_run: Any, bell_manifest: str, axis: str, curves: int
) -> None:
    """An override that takes more shots at some points leaves one curve, whose repeats pool."""
    written = "matrix: {backend: [ideal, noisy], shots: [100, 1000]}"
    more = f"""matrix: {{n: [0, 1, 2]{axis}}}
  overrides: [{{where: {{n: 1}}, set: {{shots: 1000}}}}]"""
    points = [
        FakePoint(f"n={n},shots={s}" + "#2" * (r - 1), "ideal", s, r, parameters={"n": n})
        for n, shots in enumerate([(100, 1000), (1000,), (100, 1000)])
        for s in (shots if axis else shots[:1])
        for r in (1, 2)
    ]
    text = bell_manifest.partition("checks:")[0].replace(written, more)
    run = make_run(text, points)
    for point in run.points:
        run.measure(point.name, {"00": point.shots - 3, "01": 3})
    series = series_of(run, x="n", y="zz")
    assert len({mark.key for mark in series.pooled()}) == curves
    assert [mark.shots for mark in series.pooled() if mark.x == 1] == [2000]
    assert "shots" in Columns.of(run).varied  # the table tells them all the same


def test_lines_too_many_to_be_told_apart_say_in_what_they_differ(bell: Any) -> None:
    first = bell.points[0]
    bell.points = [replace(first, name=str(n), parameters={"n": n, "k": 0}) for n in range(33)]
    for point in bell.points:
        bell.measure(point.name, {"00": 50, "11": 50})
    assert "Lines of one colour differ in n, which" in drawn(bell, x="shots", y="zz").caption


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([0.0, 1e-4, 2e-4], "s", "waiting time (µs)"),
        ([0.0, 1e-4, 2e-4], "", "waiting time (10⁻⁶)"),
        ([4.9e9, 5.1e9], "Hz", "waiting time (GHz)"),
        ([0.0, 0.5, 1.0], "", "waiting time"),
        ([0.0, 100.0], "mV/µm", "waiting time (mV/µm)"),
    ],
)
def test_labels_and_units_of_axes_are_the_manifests(
    make_run: Any, bell_manifest: str, values: list[float], unit: str, expected: str
) -> None:
    """P34: no labels or units could be given."""
    sweep = bell_manifest.replace("shots: [100, 1000]}", "shots: [100], t: [1.5, 2.5]}")
    told = f"report: {{labels: {{t: waiting time}}, units: {{t: '{unit or 1}'}}}}\n"
    run = make_run(sweep + (told if unit else told.partition(", units")[0] + "}\n"))
    run.points = [FakePoint(str(v), "ideal", 100, parameters={"t": v}) for v in values]
    for point in run.points:
        run.measure(point.name, {"00": 50, "11": 50})
    assert expected in words_in(drawn(run, x="t", y="zz"))


def test_a_label_of_what_there_is_not_is_refused(make_run: Any, bell_manifest: str) -> None:
    with pytest.raises(SourceErrors) as found:
        make_run(bell_manifest + "report: {units: {shotz: s, zz: '1'}, labels: {x: y}}\n")
    told = [str(error) for error in found.value.exceptions]
    assert len(told) == 2
    assert "'shotz'" in told[0]
    assert "did you mean 'shots'" in told[0]


@pytest.mark.parametrize("columns", [1, 3])
@pytest.mark.parametrize(
    "values",
    [
        [0.0, 2e-4],
        [0.0, 1e-300],
        [1.0, 1e12],
        [5.1234e9, 5.1235e9],
        [-1234.5, 9876.5],
        [0.1],
        [0.0, 0.0],
        [-1e-7, 3e5],
        ["a word of some length", "and another", "x"],
        [f"backend-{i}" for i in range(13)],
    ],
)
@pytest.mark.slow
def test_no_two_labels_of_ticks_overlap(values: list[Any], columns: int) -> None:
    """P34: eleven times between 0 and 2e-4 stood on one another."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Sheet

    with mpl.rc_context({"font.size": 9.5}):
        sheet = Sheet(figsize=(max(6.6, 3.5 * columns), 3.7), layout="constrained")
        axes = sheet.subplots(1, columns, squeeze=False)[0][0]
        along = Scale.of(values)
        axes.plot([along.place(value) for value in values], [0] * len(values))
        along.mark(axes.xaxis, values, lambda texts: list(map(str, texts)))
        sheet.draw_without_rendering()
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
        texts = [label.get_text() for label in axes.get_xticklabels()]
    assert len(set(texts)) == len(texts)
    for one, other in itertools.pairwise(boxes):
        assert one.x1 < other.x0


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


def with_backends(make_run: Any, number: int) -> Any:
    """A run with so many backends, each measured at two numbers of shots."""
    names = [f"b{i}" for i in range(number)]
    backends = "".join(f"  {name}: {{provider: local}}\n" for name in names)
    text = (
        "qbatch: 1\nname: many\n"
        "circuits: {bell: {qasm: 'bit[2] c; qubit[2] q; c = measure q;'}}\n"
        f"backends:\n{backends}"
        f"sweep: {{matrix: {{backend: [{', '.join(names)}], shots: [10, 20]}}}}\n"
        "analysis: {observables: {zz: Z0 Z1}}\n"
    )
    points = [FakePoint(f"{name},{shots}", name, shots) for name in names for shots in (10, 20)]
    run = make_run(text, points)
    for point in points:
        run.measure(point.name, {"00": point.shots - 3, "01": 3})
    return run


def strokes(figure: Figure, *names: str) -> list[tuple[str, ...]]:
    """Attributes `names` of every coloured line and bar, in the order drawn."""
    found = [element.attrib for element in ElementTree.fromstring(figure.svg).iter()]
    return [tuple(each.get(name, "") for name in names) for each in found]


@pytest.mark.parametrize(
    ("number", "told"), [(8, "one colour for"), (13, "one colour and dash for")]
)
def test_no_two_of_many_lines_look_alike(make_run: Any, number: int, told: str) -> None:
    """P15: thirteen backends shared eight strokes, and the caption said one colour each."""
    figure = drawn(with_backends(make_run, number), x="shots", y="zz", color="backend")
    lines = [
        stroke
        for stroke in strokes(figure, "stroke", "stroke-dasharray", "stroke-width", "clip-path")
        if stroke[2] == "1.2"
    ]
    drawn_lines, in_legend = (
        [s for s in lines if bool(s[3]) is inside] for inside in (True, False)
    )
    assert len(set(drawn_lines)) == len(drawn_lines) == number
    assert {s[:2] for s in in_legend} == {s[:2] for s in drawn_lines}
    assert f"{told} each backend;" in figure.caption


WIDER = (
    "qbatch: 1\nname: wider\n"
    "circuits: {c: {qasm: 'input int n; bit[2] c; qubit[2] q; c = measure q;'}}\n"
    "backends: {a: {provider: local}, b: {provider: local}}\n"
    "sweep: {matrix: {backend: [a, b], n: [2, 3, 4]}, repeat: 2}\n"
    "analysis: {observables: {w: weight(all)}, expected: {w: n/2}}\n"
)


def wider(make_run: Any, widths: tuple[int, ...]) -> Any:
    """A run whose circuits get wider along n; half of all bits are 1, as theory says."""
    points = [
        FakePoint(f"{b}{n}{'#2' * (r - 1)}", b, 20, repeat=r, parameters={"n": n})
        for b in "ab"
        for n in widths
        for r in (1, 2)
    ]
    run = make_run(WIDER, points)
    for point in points:
        n = point.parameters["n"]
        run.measure(point.name, {"0" * n: 10, "1" * n: 10})
    return run


def paths(figure: Figure) -> list[tuple[str, list[tuple[float, ...]]]]:
    """(dash, corners) of each line of a panel's that is 1.2 wide."""
    return [
        (dash, [tuple(map(float, pair.split()[1:])) for pair in re.findall(r"[ML] \S+ \S+", d)])
        for width, clip, dash, d in strokes(
            figure, "stroke-width", "clip-path", "stroke-dasharray", "d"
        )
        if width == "1.2" and clip
    ]


def in_legend(figure: Figure) -> int:
    """How many lines a legend has."""
    return sum(
        width == "1.2" and not clip for width, clip in strokes(figure, "stroke-width", "clip-path")
    )


def test_circuits_that_get_wider_along_x_are_one_line_beside_theory(make_run: Any) -> None:
    """Each width was a line of its own: no line, no theory, and a caption that spoke of both."""
    figure = drawn(wider(make_run, (2, 3, 4)), x="n", y="w", color="backend")
    lines = paths(figure)
    joined, theory = ([c for dash, c in lines if bool(dash) is dotted] for dotted in (False, True))
    assert [len(corners) for corners in joined] == [3, 3]
    assert len(theory) == 2
    for line, dots in zip(joined, theory, strict=True):  # w is n/2 in all shots together
        assert (dots[0], dots[-1]) == (line[0], line[-1])
    assert "Shaded: 95 % intervals. Dotted: what theory says, n/2." in figure.caption
    assert in_legend(figure) == 2


@pytest.mark.parametrize(
    ("x", "said"),
    [("backend", ""), ("n", "Level strokes: what theory says, n/2.")],
)
def test_a_caption_and_a_legend_speak_of_what_is_drawn_alone(
    make_run: Any, x: str, said: str
) -> None:
    color = "backend" if x == "n" else "n"
    figure = drawn(wider(make_run, (2,) if x == "n" else (2, 3)), x=x, y="w", color=color)
    assert "Bars: 95 % intervals." in figure.caption
    assert said in figure.caption
    assert ("theory" in figure.caption) is bool(said)
    assert "Shaded" not in figure.caption
    assert "Dotted" not in figure.caption
    assert not paths(figure)
    assert in_legend(figure) == 0


@pytest.mark.parametrize("kind", [{}, {"x": "zz"}])
def test_no_two_of_many_bars_look_alike(make_run: Any, kind: dict[str, str]) -> None:
    figure = drawn(with_backends(make_run, 13), type="histogram", color="backend", **kind)
    defs = re.findall(r'<pattern id="([^"]+)"', figure.svg)
    assert len(defs) >= 5
    assert "one colour and hatching for each backend" in figure.caption
    assert {f"b{i}" for i in range(13)} <= set(re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg))


def test_a_legend_of_many_numbers_tells_the_first_and_the_last(bell: Any) -> None:
    bell.points = [replace(bell.points[0], name=f"p{i}", parameters={"a": i}) for i in range(30)]
    for point in bell.points:
        bell.measure(point.name, {"00": 50, "11": 50})
    figure = drawn(bell, x="shots", y="zz", color="a")
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg)
    assert {"0", "29"} <= set(texts)
    assert "…" not in texts


@pytest.mark.parametrize("unit", [1e-300, 1e-10, math.pi / 2880, math.pi / 180, math.pi / 16, 1.0])
@pytest.mark.parametrize("count", [3, 7, 20])
def test_an_axis_has_two_ticks_or_more_that_differ(unit: float, count: int) -> None:
    """1e-10, 2e-10, 3e-10 passed for multiples of pi, and had no tick at all."""
    from matplotlib.figure import Figure as Sheet

    values = [unit * number for number in range(1, count + 1)]
    axes = Sheet().add_subplot()
    axes.set_xlim(values[0], values[-1])
    Scale.of(values).mark(axes.xaxis, values, lambda texts: list(map(str, texts)))
    low, high = axes.get_xlim()
    ticks = [t for t in axes.xaxis.get_majorticklocs() if low - unit / 2 <= t <= high + unit / 2]
    texts = axes.xaxis.get_major_formatter().format_ticks(ticks)
    assert len(set(texts)) == len(texts) >= 2


@pytest.mark.parametrize(("width_in", "points"), [(3.386, 8.0), (3.504, 7.0)])
def test_an_axis_in_a_column_of_a_paper_has_all_ticks_it_has_room_for(
    width_in: float, points: float
) -> None:
    """From 1 µs to 201 µs an axis of 8.6 cm had ticks at 0 and 200 alone."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Sheet

    values = [1e-6 + 1e-5 * number for number in range(21)]
    with mpl.rc_context({"font.size": points}):
        axes = Sheet(figsize=(width_in, 2.3)).add_subplot()
        axes.plot(values, values)
        Scale.of(values).mark(axes.xaxis, values, lambda texts: list(map(str, texts)))
    low, high = axes.get_xlim()
    assert len([tick for tick in axes.xaxis.get_majorticklocs() if low <= tick <= high]) >= 4


@pytest.mark.parametrize("values", [[1, 2, 3], [2, 3], [4, 5, 6, 7], [1, 40], [6], [2.0, 3.0]])
def test_an_axis_of_whole_numbers_has_whole_ticks(values: list[float]) -> None:
    from matplotlib.figure import Figure as Sheet

    axes = Sheet().add_subplot()
    Scale.of(values).mark(axes.xaxis, values, lambda texts: list(map(str, texts)))
    axes.set_xlim(values[0] - 0.2, values[-1] + 0.2)
    assert all(float(tick).is_integer() for tick in axes.xaxis.get_majorticklocs())
