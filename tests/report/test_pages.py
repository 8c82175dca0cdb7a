"""Pages say what the run measured, escape what they are given, and are whole or not there."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from qbatch.errors import SelectionError, SnapshotError
from qbatch.job import Job, JobState
from qbatch.plan.pricing.limits import Limit, dump_limits
from qbatch.report import render, write_report
from qbatch.report.canvas import COLORS, RAMP
from qbatch.report.html import HtmlRows, _asset
from qbatch.report.markdown import MarkdownRows
from qbatch.report.rows import Columns, Floors
from qbatch.snapshot import Entry, Held, Purchase
from qbatch.snapshot.times import Times
from tests.report.conftest import FakePoint

HOSTILE = "<script>alert(1)</script> \" onclick='x' | `x` \n=1+1 ]]> &amp;"
VOID = {"wbr", "meta", "br", "link", "img", "input", "hr"}


class Balanced(HTMLParser):
    """Fails on a tag that is not closed in its order; keeps ids, tags, text, outward links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.tags: Counter[str] = Counter()
        self.drawn: set[str] = set()
        self.text = ""
        self.outward: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        shape = f"{tag} {sorted(name for name, _ in attrs)}"
        if "svg" in self.open:
            self.drawn.add(shape)
        else:
            self.tags[shape] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "xlink:href"} and not (value or "").startswith("#"):
                self.outward.append(value or "")
            assert not name.startswith("on"), name
            assert name != "style", value

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    assert parser.open == []
    return parser


def test_markdown_says_what_was_measured(bell: Any) -> None:
    text = render(bell, "md")
    assert "**8 of 8 points completed.** 4 400 shots" in text.replace("\u202f", " ")
    assert "| ideal   | 100   | 1      | completed | 1.000(+0−74) [0.926, 1.000]" in text
    assert "| ✔ pass  | `zz >= 0.8`" in text
    assert "| ✔ pass  | `zz == 1`   | backend = ideal" in text
    assert "noise: {readout: 0.02}" in text
    assert "![zz over shots](figures/figure-1-zz-over-shots.svg)" in text
    assert "- versions: qbatch 1.2.3" in text
    assert "qbatch run bell-sweep.yaml" in text
    assert "Is &lt;b>noise&lt;/b> told apart?" in text


@pytest.mark.usefixtures("no_figures")
def test_heads_of_the_table_of_checks_say_what_stands_below_them(bell: Any) -> None:
    """P43: "where" and "points" stood above values and reasons."""
    part = render(bell, "md").partition("## Checks")[2].partition("## ")[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part.splitlines()
        if line.startswith("|")
    ]
    assert rows[0] == ["verdict", "claim", "where", "points"]
    assert rows[2:] == [
        ["✔ pass", "`zz >= 0.8`", "backend = noisy, shots = 1000", "2 points: 2 pass"],
        ["✔ pass", "`zz == 1`", "backend = ideal", "4 points: 4 pass"],
    ]


@pytest.mark.usefixtures("no_figures")
def test_every_column_of_a_markdown_table_is_as_wide_as_its_head(bell: Any) -> None:
    table = [line for line in render(bell, "md").splitlines() if line.startswith("| ideal   | 1")]
    assert len(table) == 4
    assert len({len(line) for line in table}) == 1


def test_html_is_balanced_and_its_ids_are_its_own(bell: Any) -> None:
    page = parsed(render(bell, "html"))
    assert len(page.ids) == len(set(page.ids))
    assert f"p-{bell.points[0].id[:16]}" in page.ids
    assert {link.partition(",")[0] for link in page.outward} == {"data:text/csv;charset=utf-8"}
    assert page.scripts == 1
    assert "8 of 8 points completed" in page.text
    assert "Is <b>noise</b> told apart?" in page.text


def test_html_lets_nothing_run_but_its_own_script(bell: Any) -> None:
    html = render(bell, "html")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert "http:" not in re.sub(r"http://www\.w3\.org/[\w/.]+", "", html)


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("state", [JobState.FAILED, JobState.HELD])
def test_hostile_text_stays_text(bell: Any, state: JobState) -> None:
    bell.fail("backend=noisy,shots=100", HOSTILE, state)
    bell.points[0].name = HOSTILE
    page = parsed(render(bell, "html"))
    assert page.scripts == 1
    assert "<script>alert(1)</script>" in page.text
    markdown = render(bell, "md")
    assert "<script>" not in markdown
    widths = {line.count(" | ") for line in markdown.splitlines() if line.startswith("| ideal ")}
    assert len(widths - {4}) == 1  # the results table keeps its columns; 4: backends


@pytest.mark.usefixtures("no_figures")
def test_failures_stand_first_in_the_providers_words_with_a_remedy(bell: Any) -> None:
    bell.fail("backend=noisy,shots=100", "QPU is offline")
    bell.fail("backend=noisy,shots=100#2", "QPU is offline")
    text = render(bell, "md")
    assert "- **2 points failed** on noisy: QPU is offline" in text
    assert "`qbatch retry`" in text
    assert text.index("## Failures") < text.index("## Results")
    assert "(2 failed)" in text


def test_a_run_without_results_has_a_report_too(bell: Any) -> None:
    for point in bell.points:
        point.counts, point.estimates, point.job = None, {}, Job(point.id)
    assert "0 of 8 points completed (8 created)" in parsed(render(bell, "html")).text
    text = render(bell, "md")
    assert "No finished point belongs to this figure yet." in text
    assert "not measured: created" in text


def test_equal_runs_give_equal_files(bell: Any, tmp_path: Path) -> None:
    formats = ("md", "html", "csv", "json")
    first = write_report(bell, formats, tmp_path / "a")
    second = write_report(bell, formats, tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert [path.name for path in first] == [
        "report.md",
        "report.html",
        "results.csv",
        "results.json",
    ]


@pytest.mark.usefixtures("no_figures")
def test_pages_and_csv_are_made_from_one_reading(bell: Any) -> None:
    write_report(bell, ("md", "html", "csv"))
    assert bell.times_read == 1


CLOUDS = """\
qbatch: 1
name: clouds
circuits:
  bell: {qasm: "OPENQASM 3.0; bit[2] c; qubit[2] q; c = measure q;"}
backends:
  sim: {provider: local}
  one: {provider: oqc, target: q}
  two: {provider: oqc, target: p}
"""


@pytest.mark.usefixtures("no_figures")
def test_times_are_told_of_clouds_and_of_nothing_else(make_run: Any) -> None:
    """A report of this machine's own simulators is the same however often the run was cut off."""
    points = [FakePoint(f"backend={name}", name, 100) for name in ("sim", "one", "two")]
    run = make_run(CLOUDS, points)
    assert "## Time" not in render(run, "md")
    times = Times(2, 1000.0, 1000.0 + 7300, (60.0, 90.0), (3000.0, 7000.0))
    run.took = {"sim": times, "one": times, "two": replace(times, queue_s=None)}
    page = render(run, "md")
    assert page.count("| 2 h 1 min |") == 2
    assert "1 min 30 s" in page
    assert ">2 h 1 min</td>" in render(run, "html")


@pytest.mark.usefixtures("no_figures")
def test_costs_are_told_by_unit_and_never_added_over_units(bell: Any) -> None:
    bell.points[0].job = Job("", JobState.COMPLETED, cost=1.5, unit="usd")
    bell.points[2].job = Job("", JobState.COMPLETED, cost=0.25, unit="usd")
    bell.points[1].job = Job("", JobState.COMPLETED, cost=12.0, unit="credits")
    text = render(bell, "md")
    assert "12 credits spent · 1.75 USD spent" in text
    assert re.search(
        r"\| ideal +\| 4 +(\| 0.00 USD +){2}\| 1.75 USD +\| 0.00 USD +\| 1.75 USD", text
    )


def entry(backend: str = "noisy", unit: str = "usd", **figures: Any) -> Purchase:
    figures = {"quoted": 1.0, "quoted_by": "by list", "reserved": 2.0} | figures
    return Purchase("0" * 64, "a point", Entry(0, 1, backend, unit, **figures))


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("format", ["md", "html"])
def test_the_ledger_is_told_with_what_may_still_be_billed_and_who_says_so(
    bell: Any, format: str
) -> None:
    bell.bought = [
        entry(),
        entry(billed=1.5, billed_by="by invoice", refunded=0.25),
        entry("ideal", billed=3.0, billed_by="by post"),
        entry("ideal", "credits", billed=7.0, billed_by="by post"),
    ]
    limits = (Limit("budget.total", "usd", 10.0), Limit("budget.ideal", "credits", 9.0, "ideal"))
    bell.meta = {**bell.meta, "limits": dump_limits(limits, {("credits", "usd"): 0.5})}
    text = re.sub(r"<[^>]*>|[|\n]+", " ", render(bell, format))
    text = re.sub(r" +", " ", text)
    assert "noisy 2 2.00 USD 2.00 USD 1.50 USD 0.25 USD 1.25 USD" in text
    assert "all 3 3.00 USD 2.00 USD 4.50 USD 0.25 USD 4.25 USD" in text
    assert "noisy: by list; by invoice." in text
    assert "budget.total: 9.75 USD of 10.00 USD taken." in text
    assert "budget.ideal: 7 credits of 9 credits taken." in text


@pytest.mark.usefixtures("no_figures")
def test_what_may_still_be_billed_is_rounded_up_and_what_was_is_not(bell: Any) -> None:
    bell.bought = [entry(reserved=0.0711), entry("ideal", reserved=0.2, billed=0.0711)]
    bell.meta = {**bell.meta, "limits": dump_limits((Limit("budget.total", "usd", 1.0),), {})}
    text = re.sub(r"[| ]+", " ", render(bell, "md"))
    assert " noisy 1 1.00 USD 0.08 USD 0.00 USD" in text
    assert " ideal 1 1.00 USD 0.00 USD 0.0711 USD" in text
    assert "budget.total: 0.15 USD of 1.00 USD taken." in text


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("format", ["md", "html"])
def test_a_held_job_is_told_with_all_that_is_needed_to_look_it_up(bell: Any, format: str) -> None:
    point = bell.points[1]
    bell.fail(point.name, "the answer was lost", JobState.HELD)
    bell.doubtful = [
        Held(
            id=point.id,
            point=point.name,
            shots="[2000, 4000)",
            backend="noisy",
            provider="oqc",
            target="qpu:uk:1:12345",
            sent_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
            provider_job_id=None,
            key="our-key",
            known_as={"task_ids": "task-1", "empty": ""},
            why="the answer was <lost>",
        )
    ]
    text = render(bell, format)
    said = (
        "1 job is held",
        "resolve",
        point.id[:8],
        "oqc qpu:uk:1:12345",
        "our-key",
        "task-1",
        "[2000, 4000)",
    )
    assert [one for one in (*said, "2026-11-01T12:00:00+00:00") if one not in text] == []
    assert "<lost>" not in text
    assert "empty" not in text.partition("1 job is held")[2].partition("task-1")[0]
    assert "Failures" not in text


@pytest.mark.usefixtures("no_figures")
def test_repeats_that_drift_are_named(bell: Any) -> None:
    assert "Shot noise explains all of it" in render(bell, "md")
    bell.measure("backend=noisy,shots=1000#2", {"00": 300, "11": 300, "01": 400})
    assert re.search(
        r"1 scatter more than shot noise explains .*: backend=noisy,shots=1000\.", render(bell)
    )


@pytest.mark.usefixtures("no_figures")
def test_a_long_markdown_table_is_cut_and_the_csv_stands_beside_it(
    bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MarkdownRows.__init__, "__defaults__", (5,))
    written = write_report(bell, ("md",))
    assert "… and 3 more rows: all are in `results.csv`." in written[0].read_text("utf-8")
    assert len(written[1].read_text("utf-8").splitlines()) == 9


@pytest.mark.usefixtures("no_figures")
def test_all_markdown_rows_can_be_had(bell: Any) -> None:
    rows = MarkdownRows(Columns.of(bell), Floors(bell.manifest), None)
    for point in bell.points * 300:
        rows.add(point)
    assert len(list(rows.lines())) == 2402


def test_zero_and_minus_zero_are_written_as_they_are(bell: Any) -> None:
    """They are equal, and so are the keys of cells that are kept."""
    columns = Columns(axes=(), parameters=("theta",), numbers=(), level=0.95)
    rows = HtmlRows(columns, Floors(bell.manifest))
    for theta in (0.0, -0.0, 0.0, 0, False):
        rows.add(replace(bell.points[0], parameters={"theta": theta}))
    found = re.findall('data-v="([^"]*)"', "".join(rows.chunks()))
    rows.close()
    assert found == ["0.0", "-0.0", "0.0", "0"]


@pytest.mark.usefixtures("no_figures")
def test_a_report_that_cannot_be_written_leaves_the_old_one(
    bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (page,) = write_report(bell, ("html",))
    before = page.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(SnapshotError, match=r"report.html: cannot be written \(No space left"):
        write_report(bell, ("html",))
    assert page.read_bytes() == before
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


@pytest.mark.usefixtures("no_figures")
def test_an_unknown_format_is_refused_before_anything_is_written(bell: Any) -> None:
    with pytest.raises(SelectionError, match="no report format 'pdf'"):
        write_report(bell, ("md", "pdf"))
    assert not bell.folder.exists()


@pytest.mark.usefixtures("no_figures")
def test_equalities_are_told_how_often_they_fail_by_chance(bell: Any) -> None:
    assert "4 equalities were judged at the 95 % level" in render(bell)
    assert "about 0.2 would fail by chance" in render(bell)


@pytest.mark.usefixtures("no_figures")
def test_equal_values_are_told_once(bell: Any) -> None:
    """P43: ties filled both "highest" and "lowest"."""
    bell.points = [FakePoint(f"p{i}", "ideal", 100) for i in range(40)]
    for i, point in enumerate(bell.points):
        bell.measure(point.name, {"00": 100} if i else {"00": 90, "01": 10})
    text = render(bell, "md")
    rows = [line for line in text.splitlines() if re.match(r"\| zz +\| (high|low)est", line)]
    assert ["p1 and 38 other points" in rows[0], "| p0 " in rows[1]] == [True, True]
    assert len(rows) == 2


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize(("number", "is_open"), [(59, True), (60, False)])
def test_a_long_table_is_folded(bell: Any, number: int, is_open: bool) -> None:
    """P34: all 441 points stood open."""
    bell.points = (bell.points * 8)[:number]
    assert ("<details open><summary>All" in render(bell, "html")) is is_open
    assert (f"<details><summary>All {number} points</summary>" not in render(bell, "md")) is is_open


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("format", ["md", "html"])
def test_facts_of_a_backend_are_no_json(bell: Any, format: str) -> None:
    """P43: Backends was a wall of it, clipped."""
    facts = {"gates": [{"name": "cz", "arity": 2}], "told": '{"shots": {"most": 9}}', "odd": "{x"}
    bell.targets = {"noisy": {"name": "m", "facts": facts}}
    page = render(bell, format)
    pairs = [("gates", "cz"), ("told.shots.most", "9"), ("odd", "{x"), ("noise.readout", "0.02")]
    for key, value in pairs:
        told = f"- {key}: {value}\n" if format == "md" else f"<dt>{key}</dt><dd>{value}</dd>"
        assert told in page


@pytest.mark.usefixtures("no_figures")
def test_fractions_of_pi_are_written_alike(make_run: Any, bell: Any) -> None:
    """P43: tables said 0.785398 where figures said π/4."""
    text = bell.manifest.text.replace("shots: [100, 1000]}", "shots: [100], a: [pi/4, pi], b: [1]}")
    run = make_run(text.replace("bit[2] c;", "input float a; input float b; bit[2] c;"))
    run.axes = ("backend", "a", "b")
    for value in (math.pi / 4, math.pi):
        run.points.append(FakePoint(str(value), "ideal", 100, parameters={"a": value, "b": 1}))
        run.measure(str(value), {"00": 100})
    page, lines = render(run, "html"), render(run, "md")
    assert f'data-v="{math.pi / 4!r}">π/4</td>' in page
    assert "| π/4 " in lines
    assert "At every point that has it: b = 1." in lines
    assert "0.785398" in render(run, "csv")


def luminance(color: str) -> float:
    """WCAG 2's relative luminance of #rrggbb."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_of_a_figure_is_seen_in_the_dark() -> None:
    """P34: the blue was dim there; 4.5 is what WCAG asks of text."""
    style = _asset("page.css")
    darker = dict(re.findall(r'\[stroke="(#\w+)"\] { stroke: (#\w+); }', style))
    assert darker == dict(re.findall(r'\[fill="(#\w+)"\] { fill: (#\w+); }', style))
    card = re.findall(r"--card: (#\w+)", style)[1]
    for color in COLORS:
        assert contrast(darker.get(color.lower(), color), card) >= 4.5, color
    for color in RAMP:
        assert min(contrast(color, card), contrast(color, "#ffffff")) >= 3, color


@pytest.mark.usefixtures("no_figures")
def test_many_points_are_summed_up_by_their_highest_and_lowest(bell: Any) -> None:
    """P34: "mean 0.1328 over 42 points" mixed unlike points."""
    bell.points = bell.points * 5
    page = parsed(render(bell, "html")).text
    assert "zz, of 40 points" in page
    assert "mean" not in page[: page.index("How to read")]  # of unlike points it says nothing
    assert "highest" in page
    assert "lowest" in page


@pytest.mark.usefixtures("no_figures")
def test_failures_of_one_cause_are_told_once_whatever_is_each_points_own(bell: Any) -> None:
    for number, point in enumerate(bell.points[:4]):
        bell.fail(point.name, f"circuit-{40 + number} of {point.name} ({point.id[:8]}): no room")
    bell.fail(bell.points[4].name, "needs 30 qubits")
    bell.fail(bell.points[5].name, "needs 31 qubits")
    text = render(bell, "md")
    assert "**4 points failed**" in text
    assert text.count("**1 point failed**") == 2
    assert "circuit-40 of" in text


def test_columns_are_made_once_not_at_each_point(bell) -> None:
    """Made from all values of the sweep, at each of 10,000 points: 22 s of a page that takes 2."""
    columns = Columns.of(bell)
    assert columns.varied is columns.varied
    assert columns.constant is columns.constant
