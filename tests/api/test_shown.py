"""Objects that show themselves: what they say, and that hostile texts in them do nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import qbatch
from qbatch.api.progress import PAUSE_S, Shown, in_notebook
from qbatch.errors import SelectionError, UnwritableError
from qbatch.executor.events import BackendProgress, Finished, Progress, Started, Summary, Warned
from qbatch.fragments import line, note, table
from qbatch.job import JobState
from tests.executor.test_executor_consent import manifest_of
from tests.fuzz.whole_runs import Clouds
from tests.properties.priced import UNITS

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\u202e&amp;\"'"

ROTATION = """\
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[1] q;
bit[1] c;
rx(theta) q[0];
c[0] = measure q[0];
"""


class Tags(HTMLParser):
    """The tags of a page, and what stands between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def is_inert(html: str) -> bool:
    tags = Tags(html)
    harmless = {"p", "b", "table", "thead", "tbody", "tr", "th", "td", "progress"}
    return tags.found <= harmless and tags.attributes <= {"value", "max"}


def made(name: str = "rabi", **more: Any) -> qbatch.Manifest:
    given: dict[str, Any] = {
        "description": HOSTILE,
        "circuits": {"rabi": ROTATION},
        "backends": {"ideal": {"provider": "local", "limits": {"workers": 1}}},
        "sweep": qbatch.sweep(theta=[0.0, 0.5, 3.14]),
        "shots": 100,
        "analysis": {"observables": {"z": "Z0"}},
        "checks": [{"that": "z >= 0.5"}],
    }
    return qbatch.Manifest(name=name, **{**given, **more})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> qbatch.Run:
    return qbatch.run(made(), out=tmp_path_factory.mktemp("runs") / HOSTILE.replace("/", ""))


# -- hostile texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        line(HOSTILE, HOSTILE),
        note(HOSTILE),
        table((HOSTILE,), [(HOSTILE,)] * 3),
        table((HOSTILE,), [(HOSTILE,)] * 60, most=2),
    ],
)
def test_pieces_hold_nothing_but_text(html: str):
    assert is_inert(html)
    assert "<script>alert(1)</script>" in Tags(html).text
    assert "\u202e" not in html


def test_manifest_plan_offer_run_status_and_difference_are_inert(run: qbatch.Run):
    manifest = made(tags=[HOSTILE], circuits={"rabi": f"// {HOSTILE}\n{ROTATION}"})
    shown: list[Any] = [manifest, qbatch.expand(manifest), run, qbatch.status(run)]
    shown += [qbatch.offer(manifest, out=run.folder), qbatch.diff(run, run)]
    for each in shown:
        assert is_inert(each._repr_html_())
    assert "<script>" in Tags(manifest._repr_html_()).text


def test_swept_texts_are_inert(tmp_path: Path):
    (tmp_path / "t.qasm.j2").write_text(ROTATION.replace("theta) q", "{{ 1 if s else 2 }}) q"))
    manifest = made(
        "texts",
        circuits={"rabi": {"template": "t.qasm.j2"}},
        sweep=qbatch.sweep(s=[HOSTILE, "plain"], theta=[0.5]),
        folder=tmp_path,
    )
    run = qbatch.run(manifest, out=tmp_path / "run")
    assert is_inert(manifest._repr_html_())
    assert is_inert(run._repr_html_())
    picture = run.plot("s", "z", title=HOSTILE)._repr_svg_()
    assert picture is not None
    assert "<script" not in picture
    assert not re.search(r"<[^>]*\son\w+=", picture)


# -- what is shown ---------------------------------------------------------------------------------


def test_a_run_shows_its_checks_and_numbers(run: qbatch.Run):
    html = run._repr_html_()
    assert "<td>z &gt;= 0.5</td><td>fail</td><td>3 points: 2 pass, 1 fail</td>" in html
    assert "<td>theta=3.14</td><td>completed</td><td>-1.000(+74−0) [-1.000, " in html
    assert [str(check.verdict) for check in run.check()] == ["fail"]


def test_numbers_in_a_notebook_read_as_those_of_a_report(run: qbatch.Run):
    """They were 1 [0.926, 1] there; and where all shots agree 1 ± 0 would claim too much."""
    cells = run._repr_html_()
    assert "<td>theta=0</td><td>completed</td><td>1.000(+0−74) [0.926, 1.000]</td>" in cells
    assert re.search(
        r"<td>theta=0.5</td><td>completed</td><td>0\.\d{3}\(\d\d\) \[0\.\d{2,3}, ", cells
    )
    assert "95 % intervals" in cells


def test_a_notebook_shows_the_first_points_and_how_many_more_there_are(tmp_path: Path):
    many = made(sweep=qbatch.sweep(theta=[k / 25 for k in range(25)]), checks=[])
    html = qbatch.run(many, out=tmp_path / "many")._repr_html_()
    assert html.count("<td>completed</td>") == 20
    assert "<p>… and 5 more</p>" in html


def test_a_manifest_tells_its_axes_in_short():
    axes = {
        "theta": range(1, 40, 3),
        "phi": {"geomspace": [1, 8, 4]},
        "psi": [1, 2, 3, 4, 5, 6, 7, 8],
        "chi": {"random": {"min": 0, "max": 1, "n": 3}},
    }
    inputs = "\n".join(f"input float {name};" for name in ("phi", "psi", "chi"))
    text = ROTATION.replace("input", f"{inputs}\ninput", 1)
    html = made(circuits={"rabi": text}, sweep=qbatch.sweep(axes))._repr_html_()
    assert "<td>theta</td><td>range 1, 40, 3</td>" in html
    assert "<td>psi</td><td>1, 2, 3, 4, 5, 6, … 2 more</td>" in html
    assert "<td>phi</td><td>geomspace 1.0, 8.0, 4</td>" in html
    assert "<td>random distribution uniform, min 0.0, max 1.0, n 3</td>" in html


def test_status_and_diff_take_manifests_folders_and_runs(
    run: qbatch.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    qbatch.run(made())
    for named in (made(), Path("runs/rabi"), "runs/rabi", made().save("rabi.yaml"), run):
        found = qbatch.status(named)
        assert str(found) == "rabi: done, 3 completed"
        assert found.is_done
        assert found.states == {JobState.COMPLETED: 3}
        assert str(qbatch.diff(named, run).word) == "same"
    assert qbatch.open_run(made()).folder == Path("runs/rabi")


@pytest.mark.parametrize("provider", ["oqc", "open-quantum"])
def test_an_offer_has_the_price_and_buys_nothing(provider: str, tmp_path: Path):
    clouds = Clouds(provider)
    manifest = manifest_of(provider)
    asked: dict[str, Any] = {"out": tmp_path / "run", "surroundings": clouds.surroundings()}
    offer = qbatch.offer(manifest, **asked)
    assert offer.prices.keys() == {UNITS[provider]}
    assert UNITS[provider].lower() in Tags(offer._repr_html_()).text.lower()
    assert clouds.ledger() == []
    assert not (tmp_path / "run").exists()
    clouds.close()


def test_a_run_that_its_manifest_names_has_the_numbers_it_asks_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    run = qbatch.run(made().save("rabi.yaml"))
    asks_more = made(analysis={"observables": {"z": "Z0", "again": "Z0"}}, checks=[])
    Path("rabi.yaml").unlink()
    for named in (asks_more, asks_more.save("rabi.yaml")):  # as `qbatch show rabi.yaml` has it
        found = qbatch.open_run(named)
        assert found[0].estimates["again"] == run[0].estimates["z"]
        assert found.check() == []
        assert "again" in str(qbatch.diff(named, named))
    assert [*qbatch.open_run("runs/rabi")[0].estimates] == ["z"]


def test_an_offer_of_what_is_free_says_how_much_that_is(tmp_path: Path):
    told = "3 points, free: nothing to buy"
    offer = qbatch.offer(made(), out=tmp_path / "run")
    assert str(offer) == f"rabi: {told}"
    assert told in Tags(offer._repr_html_()).text


@pytest.mark.parametrize("within", [-0.1, float("nan"), {"z": -1}])
def test_diff_refuses_a_tolerance_that_is_none(run: qbatch.Run, within: Any):
    with pytest.raises(SelectionError, match="no change to tolerate; write 0 or more"):
        qbatch.diff(run, run, within=within)


def test_a_tolerance_of_nothing_is_one(run: qbatch.Run):
    assert qbatch.diff(run, run).word == "same"
    assert qbatch.diff(run, run, within=0).word == "undecided"  # as `qbatch diff --within 0`


def test_diff_refuses_a_chance_that_is_none(run: qbatch.Run):
    with pytest.raises(SelectionError, match="write more than 0"):
        qbatch.diff(run, run, error_rate=0)


# -- figures ---------------------------------------------------------------------------------------


def test_a_figure_has_what_was_asked_for_and_is_saved(run: qbatch.Run, tmp_path: Path):
    figure = run.plot(x="theta", y="z", title="turned")
    assert figure.title == "turned"
    assert figure.svg.count("<title>theta=") == 3  # each point has its name
    saved = figure.save(tmp_path / "turned.svg")
    assert saved.read_text("utf-8") == figure.svg
    with pytest.raises(SelectionError, match=r"is SVG; write .*turned\.svg, or .* `qbatch figure`"):
        figure.save(tmp_path / "turned.png")
    with pytest.raises(UnwritableError, match="there is no folder"):
        figure.save(tmp_path / "no" / "turned.svg")


def test_a_figure_is_not_printed_as_its_source(run: qbatch.Run):
    figure = run.plot("theta", "z")
    assert "figure-z-over-theta" in repr(figure)
    assert "<svg" not in repr(figure)


def test_two_figures_of_a_page_share_no_ids(run: qbatch.Run):
    first, second = run.plot("theta", "z"), run.plot("theta", "z", where={"theta": [0.0, 0.5]})
    ids = [set(re.findall(r'\bid="([^"]+)"', figure.svg)) for figure in (first, second)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert first.svg == run.plot("theta", "z").svg  # and the same one has the same bytes


def test_a_figure_without_points_says_so(tmp_path: Path):
    run = qbatch.run(made(), select="theta=0", out=tmp_path / "run")
    figure = run.plot("theta", "z", where={"theta": 0.5})
    assert figure._repr_svg_() is None
    assert figure._repr_html_() == "<p>No finished point belongs to this figure yet.</p>"
    with pytest.raises(SelectionError, match="there is no picture"):
        figure.save(tmp_path / "none.svg")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"x": "thata", "y": "z"}, "plot(): x: 'thata' is no axis or number of the analysis"),
        ({"x": "theta"}, "plot(): a line plot needs y"),
        ({}, "plot(): a line plot needs x and y"),
        ({"x": "theta", "y": "z", "colour": "backend"}, "plot(): colour: unknown key 'colour'"),
        ({"x": "theta", "y": object()}, "plot(): y: is of type object"),
        (
            {"x": "theta", "y": "z", "where": {"theta": 9.0}},
            "plot(): where.theta: no point has 9.0",
        ),
        (
            {"x": "theta", "y": "z", "where": {"backend": "x"}},
            "plot(): where.backend: no point has",
        ),
        ({"type": "pie"}, "plot(): type: 'pie' is none of line, heatmap, histogram"),
    ],
)
def test_a_figure_that_cannot_be_drawn_says_why(run: qbatch.Run, asked: Any, told: str):
    with pytest.raises(SelectionError) as caught:
        run.plot(**asked)
    assert str(caught.value).startswith(told)


# -- progress --------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_shown_at_most_so_often_and_the_end_always():
    shown: list[tuple[str, str]] = []
    clock = Clock()
    observer = Shown(lambda html, text: shown.append((html, text)), clock)
    observer(Started("rabi", 10, kept=2))
    for done in range(1, 6):
        clock.now += PAUSE_S / 2
        backends = {HOSTILE: BackendProgress(10, completed=done, spent=1.5, unit="usd")}
        observer(Progress(10, done, 0, 0, 1, backends))
    observer(Warned(HOSTILE))
    observer(Finished(Summary(states={JobState.COMPLETED: 10, JobState.FAILED: 2}, elapsed_s=3.0)))
    texts = [text.splitlines()[0] for _, text in shown]
    assert texts == [
        "rabi: 0 of 10 points, 2 done before",
        "rabi: 2 of 10",
        "rabi: 4 of 10",
        "rabi: 10 completed, 2 failed, in 3 s",
    ]
    assert all(is_inert(html) for html, _ in shown)
    assert '<progress value="4" max="10">' in shown[2][0]
    assert "1.50 USD" in shown[-1][0]
    assert "<script>" in Tags(shown[-1][0]).text


def test_outside_of_a_notebook_nothing_is_shown():
    assert in_notebook() is None
