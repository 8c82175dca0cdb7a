"""A person's own template: what it gets, and how its mistakes are told."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import ReportError, SourceError
from qbatch.report import check_template, write_report
from tests.daily import mostly_slow


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
        ("{{ range(10 ** 9) }}", 1, "a range of 1000000000 numbers"),
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
    """S8: their standard error is 0, by which the template divided."""
    source = Path(__file__).parents[2] / "manifests" / "rb_decay.md.j2"
    made = make_run(bell.manifest.text.replace("zz:", "z:").replace("zz ", "z "), bell.points)
    for point, length in zip(made.points, (2, 4, 8, 16, 32, 64, 96, 128), strict=True):
        point.parameters = {"length": length}
        made.measure(point.name, {"00": 20})
    assert "gate error p = 1 − f | 0.0000" in written(make_run, made, source.read_text("utf-8"))


#: M7: what takes more than its budget whatever a run holds, and what is said of it.
BOMBS = [
    ('{{ ("a" * 1000000000)|length }}', "too long"),
    ('{{ "a" * 1000000000 }}', "too long"),
    ("{{ ([0] * 1000000000)|length }}", "too long"),
    ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "steps"),
    pytest.param(
        "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}",
        "more",
        marks=pytest.mark.slow,
    ),
    ("{% for i in range(9999) %}{{ range(99999)|last }}{% endfor %}", "more than"),
    ("{{ 10 ** (10 ** 9) }}", "an integer of more than 1024 bits"),
    ('{{ "a"|center(1000000000) }}', "may become too long"),
    ('{{ "a".ljust(1000000000) }}', "may become too long"),
    ('{{ "a"|indent(1000000000, true) }}', "may become too long"),
    ('{{ "%1000000000d"|format(1) }}', "a width or precision"),
    ('{{ "%*d"|format(1000000000, 1) }}', "a width or precision"),
    ('{{ "%1000000000d" % 1 }}', "a width or precision"),
    ('{{ ("a" * 100000)|replace("a", "a" * 100000) }}', "may become too long"),
    ('{{ ("a" * 100000).replace("a", "a" * 100000) }}', "may become too long"),
    ('{{ range(99999)|join("a" * 100000) }}', "join makes"),
    ('{{ ("a" * 100000).join(range(99999)) }}', "join makes"),
    ("{{ [1]|slice(1000000000)|list }}", "slice by more than"),
    ("{{ [1]|batch(1000000000, 0)|list }}", "batch by more than"),
    (
        '{% set n = namespace(t="aa") %}{% for i in range(60) %}{% set n.t = n.t ~ n.t %}'
        "{% endfor %}",
        "too long",
    ),
    (
        "{% set n = namespace(t=[0]) %}{% for i in range(60) %}{% set n.t = n.t + n.t %}"
        "{% endfor %}",
        "too long",
    ),
    ("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "calls itself too deep"),
    (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
        "{{ m(60) }}",
        "steps",
    ),
]


@pytest.mark.parametrize(("text", "problem"), mostly_slow(BOMBS, daily=8))
@pytest.mark.usefixtures("no_figures")
def test_a_template_that_takes_too_much_is_told_before_it_does(
    make_run: Any, bell: Any, tmp_path: Path, text: str, problem: str
) -> None:
    """M7."""
    (tmp_path / "own.md.j2").write_text(f"so\n{text}\n")
    if is_small := "steps" not in problem:
        tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=problem) as early:
            check_template(tmp_path, "own.md.j2")
        with pytest.raises(SourceError, match=problem) as late:
            written(make_run, bell, f"so\n{text}\n")
        if is_small:
            assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()
    assert early.value.place.line == late.value.place.line == 2


@pytest.mark.usefixtures("no_figures")
def test_a_template_that_needs_a_run_is_not_judged_without_one(tmp_path: Path) -> None:
    (tmp_path / "own.md.j2").write_text("{{ 1 / shots }}{{ points.nothing.more|top_counts }}")
    check_template(tmp_path, "own.md.j2")


@pytest.mark.usefixtures("no_figures")
def test_what_reports_are_written_with_still_works(make_run: Any, bell: Any) -> None:
    text = """\
{% set sep = joiner("; ") %}{% for p in points if p.backend == "ideal" %}{{ sep() }}\
{{ loop.index }}:{{ p.parameters.values()|list|length }}{% endfor %}
{{ points|list|length }} {{ points|map(attribute="backend")|unique|join(",") }}
{{ points|sum(attribute="shots") }} {{ (points|list)[0].name.ljust(30)|length }}
{% for b in points|groupby("backend") %}{{ b.grouper }}={{ b.list|length }} {% endfor %}
{{ "%6.3f"|format(0.25) }} {{ [3, 1]|sort|tojson }} {{ "<b>" ~ name }} {{ {"a": 1}|dictsort }}
"""
    assert written(make_run, bell, text).splitlines() == [
        "1:0; 2:0; 3:0; 4:0",
        "8 ideal,noisy",
        "4400 30",
        "ideal=4 noisy=4 ",
        " 0.250 [1, 3] <b>bell-sweep [('a', 1)]",
    ]


@pytest.mark.usefixtures("no_figures")
def test_a_page_escapes_what_it_joins(make_run: Any, bell: Any) -> None:
    text = "{{ '<i>' ~ ('<b>'|safe) }}|{{ ['<u>']|join }}|{{ '<s>' }}"
    assert written(make_run, bell, text, "own.html.j2") == "&lt;i&gt;<b>|&lt;u&gt;|&lt;s&gt;"
