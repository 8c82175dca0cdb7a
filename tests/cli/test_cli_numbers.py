"""What verbs tell of a run's numbers: by themselves, as the manifest analyses them now.

P36: `report` ignored an edited `analysis`, and without one no number was told at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qbatch import load_manifest, open_run
from tests.cli.test_cli_results import change
from tests.daily import mostly_slow
from tests.plan.test_plan_revision import git

Call = Callable[..., Any]


def numbers(text: str) -> dict[str, list[float]]:
    points = json.loads(text)["points"]
    return {
        name: [point["estimates"][name]["value"] for point in points]
        for name in points[0]["estimates"]
    }


def test_an_edited_analysis_is_what_the_next_report_tells(qbatch: Call, done: Path) -> None:
    counts = [p["counts"] for p in json.loads(qbatch("export", done, "-f", "json").out)["points"]]
    change(done, "z: Z0}", 'z: Z0}\n  probabilities: {p11: "11"}')
    change(done, "zz >= 0.3", "p11 <= 0.9")
    found = numbers(qbatch("export", done, "-f", "json").out)
    assert found["p11"] == [each.get("11", 0) / sum(each.values()) for each in counts]
    assert qbatch("report", done).code == 0
    page = Path("runs/pair/report.md").read_text("utf-8")
    assert "p11" in page.splitlines()[page.splitlines().index("## Results") + 2]
    assert "`p11 <= 0.9`" in page
    assert qbatch("check", done, "--json").json[0]["that"] == "p11 <= 0.9"
    # A run folder is told as it was kept.
    assert set(numbers(qbatch("export", "runs/pair", "-f", "json").out)) == {"zz", "z"}


def test_numbers_that_were_read_are_analysed_anew(qbatch: Call, done: Path) -> None:
    with open_run("runs/pair") as run:
        assert set(run[0].estimates) == {"zz", "z"}
        change(done, "z: Z0}", "z1: Z1}")
        assert run.analyse_as(load_manifest(done))
        assert set(run[0].estimates) == {"zz", "z1"}


def test_an_edited_sweep_changes_no_point_that_ran(qbatch: Call, done: Path) -> None:
    change(done, "[10, 20, 40]", "[10, 20]")
    change(done, "z: Z0}", "z1: Z1}")
    said = qbatch("export", done, "-f", "json")
    assert [point["shots"] for point in json.loads(said.out)["points"]] == [10, 20, 40]
    assert set(numbers(said.out)) == {"zz", "z1"}
    assert "it asks for other points now; told are those that ran" in said.err


@pytest.mark.parametrize("verb", ["report", "show", "check", "export"])
def test_an_analysis_that_fits_no_result_is_a_mistake_of_the_manifest(
    verb: str, qbatch: Call, done: Path
) -> None:
    change(done, "z: Z0}", "z: Z7}")
    said = qbatch(verb, done)
    assert said.code == 3
    assert re.match(r"\S+\.yaml:\d+:\d+: does not fit the results of shots=10: ", said.err)


def test_without_an_analysis_outcomes_are_told(qbatch: Call, manifest: Path) -> None:
    text = manifest.read_text()
    manifest.write_text(text[: text.index("analysis:")])
    qbatch("run", manifest)
    points = json.loads(qbatch("export", manifest, "-f", "json").out)["points"]
    page = Path("runs/pair/report.html").read_text("utf-8")
    lines = Path("runs/pair/report.md").read_text("utf-8")
    shown = qbatch("show", manifest).out
    for point in points:
        bits, number = max(point["counts"].items(), key=lambda one: (one[1], -int(one[0], 2)))
        told = f"{bits}: {number} ({100 * number / point['shots']:.1f} %)"
        assert told in page
        assert told in lines
        assert told in shown
    assert "Frequencies of outcomes" in page
    assert page.count("<figcaption>") == 1


def test_a_run_ends_with_its_numbers_and_verdicts(qbatch: Call, manifest: Path) -> None:
    """P37: it told neither."""
    lines = qbatch("run", manifest).out.splitlines()
    points = json.loads(qbatch("export", manifest, "-f", "json").out)["points"]
    for line, point in zip(lines[1:4], points, strict=True):
        assert re.match(rf"  {point['point']} +zz [\d.]+\(.*\), z -?[\d.]+\(", line)
        assert f" z {point['estimates']['z']['value']:.2f}"[:5] in line
    assert re.match(r"  \w+ +zz >= 0.3  \(3 points: ", lines[4])


def test_of_many_points_a_run_tells_the_ends_of_each_number(qbatch: Call, done: Path) -> None:
    lines = qbatch("run", done, "-S", "shots=10,20,40,80,160,320").out.splitlines()
    points = json.loads(qbatch("export", done, "-f", "json").out)["points"]
    values = {point["point"]: point["estimates"]["z"]["value"] for point in points}
    low, high = min(values, key=lambda n: values[n]), max(values, key=lambda n: values[n])
    assert lines[1].startswith("  zz  1.00(+0−56) at all 6 points")
    assert re.match(rf"  z   from \S+ at {low} to \S+ at {high}$", lines[2])


@pytest.mark.parametrize(
    ("that", "code"), mostly_slow([("zz <= 0.1", 5), ("zz >= 0.3", 0), ("z == 0.5", 5)])
)
def test_a_check_that_fails_is_the_exit_code_where_it_is_asked_for(
    that: str, code: int, qbatch: Call, done: Path
) -> None:
    change(done, "zz >= 0.3", that)
    assert qbatch("run", done).code == 0
    assert qbatch("run", done, "--check").code == code
    finished = qbatch("run", done, "--check", "--json").json_lines[-1]
    assert finished["exit_code"] == code
    assert finished["checks"][0]["verdict"] == ("fail" if code else "pass")


def test_an_undecided_check_is_exit_code_four(qbatch: Call, done: Path) -> None:
    change(done, "zz >= 0.3", "z >= 0")
    assert qbatch("run", done, "--check").code == 4


def test_a_report_names_the_file_that_is_there_its_date_and_its_circuit(
    qbatch: Call, done: Path
) -> None:
    """P36: it said `qbatch run pair.yaml` of a file of another name, and held no circuit."""
    text = done.read_text().replace("name: pair", "name: another")
    (other := done.with_name("other.yaml")).write_text(text)
    qbatch("run", other.name)
    for name in ("report.md", "report.html"):
        page = Path("runs/another", name).read_text("utf-8")
        assert "qbatch run other.yaml" in page
        begun = r"The run was begun on (<time[^>]*>)?\d{4}-\d\d-\d\d at \d\d:\d\d UTC"
        assert re.search(begun, page)
        assert "cx q[0], q[1];" in page
        assert "- git:" not in page  # no repository, no commit
        assert "<dt>git</dt>" not in page


@pytest.mark.slow
def test_a_report_tells_the_commit_of_its_manifest(qbatch: Call, manifest: Path) -> None:
    """P17."""
    git(Path(), "init", "-q", "-b", "main")
    git(Path(), "add", ".")
    git(Path(), "commit", "-q", "-m", "first")
    commit = git(Path(), "rev-parse", "HEAD")
    qbatch("run", manifest)
    assert f"- git: {commit} on main\n" in Path("runs/pair/report.md").read_text("utf-8")
    manifest.write_text(manifest.read_text() + "\n# edited\n")
    qbatch("run", manifest)
    page = Path("runs/pair/report.html").read_text("utf-8")
    diff = subprocess.run(["git", "diff", "HEAD", "--binary"], stdout=subprocess.PIPE, check=True)
    changes = (
        f"with changes that are in no commit (diff {hashlib.sha256(diff.stdout).hexdigest()[:12]})"
    )
    assert f"<dd>{commit} on main, {changes}</dd>" in page
