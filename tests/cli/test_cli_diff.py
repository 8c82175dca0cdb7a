"""``qbatch diff`` and ``qbatch check --against``: as a person calls them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import BELL, MANIFEST, Call

NOISY = "sim: {provider: local, noise: {readout: 0.2}, limits: {workers: 1}}"


@pytest.fixture
def two(done: Path, qbatch: Call, tmp_path: Path) -> tuple[str, str]:
    """The small run, and one of the same with another seed and poor readout."""
    text = MANIFEST.replace("sim: {provider: local, limits: {workers: 1}}", NOISY)
    text = text.replace("seed: 1", "seed: 2").replace("[10, 20, 40]", "[10, 20, 400]")
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "bell.qasm").write_text(BELL)
    (folder / "pair.yaml").write_text(text)
    assert qbatch("run", folder / "pair.yaml", "--no-report").code == 0
    assert qbatch("run", done, "-S", "shots=10,20,400", "--no-report").code == 0
    return "runs/pair", "other/runs/pair"


@pytest.mark.slow
def test_what_changed_is_told_with_what_else_differs(two: tuple[str, str], qbatch: Call) -> None:
    said = qbatch("diff", *two)
    assert said.code == 5
    assert "manifest.backends.sim.noise.readout: – → 0.2" in said.out
    assert "manifest.sweeps.0.seed: 1 → 2" in said.out
    told = [line.split() for line in said.out.splitlines() if line.startswith(("changed", "same"))]
    assert [words[:2] for words in told] == [["changed", "zz"], ["same", "z"]]
    assert "shots=400: 1 → " in said.out


@pytest.mark.slow
def test_json_has_each_comparison(two: tuple[str, str], qbatch: Call) -> None:
    found = qbatch("diff", *two, "--json").json
    assert found["verdict"] == "changed"
    assert {one["number"] for one in found["changes"]} == {"zz", "z"}
    (worst,) = [one for one in found["changes"] if one["verdict"] == "changed"]
    assert worst["shots"] == [400, 400]
    assert worst["shots_asked"] == 400
    assert worst["low"] <= worst["b"]["value"] - worst["a"]["value"] <= worst["high"] < 0


def test_a_run_beside_itself_is_the_same_and_said_to_be_the_same_shots(
    done: Path, qbatch: Call
) -> None:
    said = qbatch("diff", done, "runs/pair")
    assert said.code == 0
    assert "3 points with one id and equal counts: both have the same jobs, or a" in said.out
    assert qbatch("diff", done, done, "--within", "0.01").code == 4


@pytest.mark.slow
def test_exports_and_commits_of_them_are_compared_as_runs_are(
    two: tuple[str, str], qbatch: Call, tmp_path: Path
) -> None:
    for number, run in enumerate(two):
        for form in ("json", "csv"):
            assert qbatch("export", run, "-o", f"{number}.{form}").code == 0
    for command in (
        ["init", "-q"],
        ["add", "-f", "0.json"],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "one"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert "intervals of 0.csv are taken to be of 95%" in qbatch("diff", "0.csv", "1.json").out
    assert "taken to be" not in qbatch("diff", "0.json", "1.json").out
    for sides in (
        ("0.json", "1.json"),
        ("0.csv", "1.json"),
        (two[0], "1.csv"),
        ("HEAD:0.json", two[1]),
        ("HEAD:./0.json", "1.csv"),
    ):
        found = qbatch("diff", *sides, "--json").json
        assert found["facts"] == [], "what a file does not tell is no difference"
        verdicts = {(one["number"], one["shots_asked"]): one["verdict"] for one in found["changes"]}
        assert verdicts["zz", 400] == "changed", sides
        assert {v for key, v in verdicts.items() if key != ("zz", 400)} == {"same"}, sides


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["none", "runs/pair"], 2, "none: there is no such run folder, manifest or exported file"),
        (["HEAD:none.json", "runs/pair"], 2, "HEAD:none.json: git has no such file"),
        (["--", "-x:a.json", "runs/pair"], 2, "before the colon stands a commit"),
        (["bell.qasm", "runs/pair"], 2, "runs/bell: no run is kept here; `qbatch run bell"),
        (["bad.json", "runs/pair"], 2, "bad.json: is no export of qbatch: is no JSON"),
        (["list.json", "runs/pair"], 2, 'list.json: is no export of qbatch: has no "qbatch": 1'),
        (["odd.json", "runs/pair"], 2, "points[0].zz: the interval does not hold the value"),
        (["few.csv", "runs/pair"], 2, "few.csv: is no export of qbatch: has no column 'id'"),
        (["runs/pair", "runs/pair", "--within", "x=y"], 2, "'x=y' is none; write a number"),
        (["runs/pair", "runs/pair", "--within", "q=1"], 2, "a tolerance is given for 'q'"),
        (["runs/pair", "runs/pair", "--error-rate", "0"], 2, "error-rate"),
        (["runs/pair"], 2, "name B, or what to compare within A, as --between backend"),
        (["runs/pair", "runs/pair", "--between", "backend"], 2, "leave out B and --map"),
        (["runs/pair", "--between", "backend"], 2, "backend has one value only, sim"),
        (["runs/pair", "runs/pair", "--map", "sim"], 2, "'sim' is no pair; write a backend of A"),
        (
            ["runs/pair", "runs/pair", "--map", "sim=x"],
            2,
            "runs/pair has no backend 'x'; it has sim",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(
    done: Path, qbatch: Call, words: list[str], code: int, told: str
) -> None:
    Path("bad.json").write_text("{")
    Path("list.json").write_text("[]")
    odd = {"value": 2, "se": 0, "low": 0, "high": 1}
    point = {"id": "a", "circuit": "c", "backend": "b", "shots": 1, "repeat": 1}
    point |= {"parameters": {}, "estimates": {"zz": odd}}
    Path("odd.json").write_text(json.dumps({"qbatch": 1, "level": 0.9, "points": [point]}))
    Path("few.csv").write_text("a,b\n1,2\n")
    said = qbatch("diff", *words)
    assert said.code == code
    assert told in said.err


@pytest.mark.slow
def test_the_page_has_both_curves_and_no_text_as_markup(
    two: tuple[str, str], qbatch: Call, tmp_path: Path
) -> None:
    odd = "<script>alert(1)<script>.json"
    assert qbatch("export", two[0], "-f", "json", "-o", odd).code == 0
    assert qbatch("diff", odd, two[1], "-o", "d.html").code == 5
    page = (tmp_path / "d.html").read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<figure>") == 2
    assert "zz over shots" in page
    assert "default-src 'none'" in page


def test_check_against_a_run_fails_where_numbers_changed(
    two: tuple[str, str], qbatch: Call
) -> None:
    here, there = two
    assert qbatch("check", here).code == 0
    assert qbatch("check", here, "--against", here).code == 0
    said = qbatch("check", here, "--against", there, "--junit", "junit.xml")
    assert said.code == 5
    assert said.out.splitlines()[0].startswith("pass")
    assert any(line.startswith("changed    zz") for line in said.out.splitlines())
    suite = ElementTree.parse("junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    found = qbatch("check", here, "--against", there, "--json").json
    assert found["diff"]["verdict"] == "changed"
    assert found["checks"][0]["verdict"] == "pass"
    assert isinstance(qbatch("check", here, "--json").json, list)


def test_what_changed_is_written_for_a_ci_service(two: tuple[str, str], qbatch: Call) -> None:
    here, there = two
    Path("summary.md").write_text("of the step before\n")
    assert qbatch("diff", here, there, "--junit", "d.xml", "--summary", "summary.md").code == 5
    said = qbatch("diff", here, there, "--json").json
    suite = ElementTree.parse("d.xml").getroot()
    changed = {one["number"] for one in said["changes"] if one["verdict"] == "changed"}
    cases = suite.findall("testcase")
    assert {case.get("name") for case in cases if case.find("failure") is not None} == {
        f"same {number}" for number in changed
    }
    text = Path("summary.md").read_text("utf-8")
    assert text.startswith("of the step before\n### ")
    assert "| ✘ fail" in text
    assert len(cases) == len({one["number"] for one in said["changes"]})


def test_a_hostile_name_makes_no_markup_for_a_ci_service(
    two: tuple[str, str], qbatch: Call
) -> None:
    odd = "<b>&amp;[x](y)|\x1b[31m.json"
    assert qbatch("export", two[0], "-f", "json", "-o", odd).code == 0
    assert qbatch("diff", odd, two[1], "--junit", "d.xml", "--summary", "s.md").code == 5
    assert (ElementTree.parse("d.xml").getroot().get("name") or "").startswith(
        "<b>&amp;[x](y)|\ufffd"
    )
    head = Path("s.md").read_text("utf-8").splitlines()[0]
    assert "<b>" not in head
    assert "](y)" not in head.replace(r"\](y)", "")
    assert "\x1b" not in head


@pytest.mark.slow
def test_numbers_over_several_bases_are_compared(qbatch: Call, tmp_path: Path) -> None:
    text = """\
qbatch: 1
name: xx
circuits: {bell: bell.qasm}
backends: {sim: {provider: local, noise: {readout: 0.01}, limits: {workers: 1}}}
shots: 2000
analysis: {observables: {e: 0.5 X0 X1 - 0.5 Y0 Y1}}
"""
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "xx.yaml").write_text(text)
    assert qbatch("run", "xx.yaml", "--no-report").code == 0
    (tmp_path / "xx.yaml").write_text(text.replace("0.01", "0.2"))
    assert qbatch("run", "xx.yaml", "--no-report", "--out", "poor").code == 0
    same = qbatch("diff", "runs/xx", "runs/xx")
    assert same.code == 0
    assert "1 point with one id and equal counts" in same.out
    found = qbatch("diff", "runs/xx", "poor", "--json")
    assert found.code == 5
    (one,) = found.json["changes"]
    assert one["number"] == "e"
    assert one["change"] == pytest.approx(0.6**2 - 0.98**2, abs=0.1)


def test_backends_of_one_run_are_compared_with_each_other(
    done: Path, qbatch: Call, tmp_path: Path
) -> None:
    noisy = [f"  {name}: {{provider: local, noise: {{readout: {e}}}}}\n" for name, e in NOISES]
    text = MANIFEST.replace("sweep:", "".join([*noisy, "sweep:"])).replace("[10, 20, 40]", "[400]")
    (tmp_path / "pair.yaml").write_text(text)
    assert qbatch("run", done, "--no-report").code == 0
    said = qbatch("diff", "runs/pair", "--between", "backend", "-o", "page.html")
    assert said.code == 5
    head, compared, *lines = said.out.splitlines()
    assert head == "runs/pair: the 3 values of backend: sim, worse, worst"
    assert compared.startswith("6 comparisons at 3 pairs of points;")
    assert any(re.match(r" +sim 1 > worse 0\.\S+ > worst -?0\.\S+$", line) for line in lines)
    assert "<td>sim 1 &gt; worse 0." in Path("page.html").read_text()
    found = qbatch("diff", done, "--between=backend", "--json").json
    pairs = [one["pair"] for one in found["changes"] if one["number"] == "zz"]
    assert pairs == [["sim", "worse"], ["sim", "worst"], ["worse", "worst"]]
    mapped = qbatch("diff", done, "runs/pair", "--map", "sim=worst").out
    assert "targets.sim → worst" not in mapped
    assert "zz  (1 changed, 1 same" in mapped


#: Backends beside the exact one, and how often they misread a bit.
NOISES = (("worse", 0.2), ("worst", 0.5))
