"""A person's own template: what it gets, and how its mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import ReportError, SourceError
from qbatch.report import check_template, write_report


def written(make_run: Any, bell: Any, text: str, name: str = "own.md.j2") -> str:
    (bell.manifest.folder / name).write_text(text, "utf-8")
    manifest = bell.manifest.text + f"report: {{template: {name}}}\n"
    run = make_run(manifest, bell.points)
    paths = write_report(run, ("md",))
    return paths[-1].read_text("utf-8")


def test_a_template_gets_points_numbers_checks_and_figures(make_run: Any, bell: Any) -> None:
    text = (
        "{{ name }} {{ headline }} {{ states.completed }}\n"
        "{% for p in points if p.backend == 'ideal' %}{{ p.estimates.zz | short }};{% endfor %}\n"
        "{{ numbers.zz.highest[0].name }} {{ checks[0].verdict }}\n"
        "{{ (points | first).counts | top_counts(1) }} {{ 0.5 | percent }}\n"
        "{{ figures[0].path }} {{ versions.qbatch }} {{ command }}\n"
    )
    assert written(make_run, bell, text).splitlines() == [
        "bell-sweep 8 of 8 points completed 8",
        "1.000(+0−74);1.0000(+0−77);1.000(+0−74);1.0000(+0−77);",
        "backend=ideal,shots=100 pass",
        "00 51.0 %, others 49.0 % 50.0 %",
        "figures/figure-1-zz-over-shots.svg 1.2.3 qbatch run bell-sweep.yaml",
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("ok\n{{ numbrs }}", 2, "'numbrs' is undefined"),
        ("{% for p in points %}\n{{ p.nothing }}\n{% endfor %}", 2, "no attribute 'nothing'"),
        ("\n\n{% if %}", 3, "Expected an expression"),
        ("{{ ''.__class__ }}", 1, "unsafe"),
        ("a\n{{ 1 / 0 }}", 2, "division by zero"),
        ("{{ range(10 ** 9) }}", 1, "Range too big"),
        ("{{ points | map('nope') | list }}", 1, "nope"),
    ],
)
@pytest.mark.usefixtures("no_figures")
def test_a_mistake_is_told_at_its_line(
    make_run: Any, bell: Any, text: str, line: int, problem: str
) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        written(make_run, bell, text)
    assert (caught.value.place.file, caught.value.place.line) == ("own.md.j2", line)


@pytest.mark.usefixtures("no_figures")
def test_an_unknown_name_is_told_with_the_known_ones_and_the_nearest(
    make_run: Any, bell: Any
) -> None:
    with pytest.raises(ReportError, match=r"\(there are name, .*digest\); did you mean 'numbers'"):
        written(make_run, bell, "{{ numbrs }}")


def test_a_template_that_is_no_jinja_is_refused_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "own.md.j2").write_text("fine {{ nobody }}\n{% if %}")
    with pytest.raises(SourceError, match=r"own\.md\.j2:2: Expected an expression") as caught:
        check_template(tmp_path, "own.md.j2")
    assert not isinstance(caught.value, ReportError)


@pytest.mark.usefixtures("no_figures")
def test_a_wrong_template_leaves_the_report_in_place(make_run: Any, bell: Any) -> None:
    with pytest.raises(SourceError):
        written(make_run, bell, "{{ nope }}")
    assert sorted(path.name for path in bell.folder.iterdir()) == ["report.md"]


@pytest.mark.usefixtures("no_figures")
def test_a_template_that_never_stops_is_stopped(
    make_run: Any, bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qbatch.report.template.MAX_TEXT", 1000)
    with pytest.raises(SourceError, match="makes more than 1,000 characters"):
        written(make_run, bell, "{% for i in range(9999) %}{{ i }} and on{% endfor %}")


def test_html_templates_are_escaped(make_run: Any, bell: Any) -> None:
    text = written(make_run, bell, "{{ description }}{{ figures[0].inline }}", "own.html.j2")
    assert text.startswith("Is &lt;b&gt;noise&lt;/b&gt; told apart?<svg ")


@pytest.mark.usefixtures("no_figures")
def test_a_template_can_take_the_reports_place(make_run: Any, bell: Any) -> None:
    assert written(make_run, bell, "mine", "report.md.j2") == "mine"
    assert Path(bell.folder / "report.md").read_text("utf-8") == "mine"


@pytest.mark.usefixtures("no_figures")
def test_the_decay_example_fits_points_whose_shots_all_agree(make_run: Any, bell: Any) -> None:
    """Their standard error is 0, by which the template divided."""
    source = Path(__file__).parents[2] / "manifests" / "rb_decay.md.j2"
    made = make_run(bell.manifest.text.replace("zz:", "z:").replace("zz ", "z "), bell.points)
    for point, length in zip(made.points, (2, 4, 8, 16, 32, 64, 96, 128), strict=True):
        point.parameters = {"length": length}
        made.measure(point.name, {"00": 20})
    assert "gate error p = 1 − f | 0.0000" in written(make_run, made, source.read_text("utf-8"))
