"""Points that have some of the shots they ask for are shown as what they are, everywhere."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from qbatch.cli import main
from qbatch.job import JobState
from qbatch.snapshot import InPart, open_run
from tests.cli.conftest import Said

Call = Callable[..., Any]

MANIFEST = """
qbatch: 1
name: more
shots: 300
circuits: {c: {qasm: "OPENQASM 3.0; include 'stdgates.inc'; input float t; qubit q; bit c;
                      ry(t) q; c = measure q;"}}
backends: {a: {provider: local}, b: {provider: local, noise: {readout: 0.02}}}
sweep: {matrix: {backend: [a, b], t: [0.4, 1.0]}, seed: 1}
analysis: {observables: {z: Z0}}
checks: [{that: z >= 0.2, where: {backend: b}}]
report: {plots: [{x: t, y: z, color: backend}]}
"""

TOLD = "2 points have some of the shots wanted: 600 of 1\u202f400 done"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A folder with a run that took only half of the points from 300 shots to 700; what it said."""
    folder, out, err = tmp_path_factory.mktemp("more"), StringIO(), StringIO()
    (folder / "more.yaml").write_text(MANIFEST.replace("'", '\\"'))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["run", "more.yaml"]) == 0
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["run", "more.yaml", "-S", "shots=700", "-k", "backend=a"])
    return folder, Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def more(made: tuple[Path, Said], qbatch: Call, tmp_path: Path) -> Said:
    """What that run said; a copy of its folder is the current one."""
    folder, said = made
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return said


@pytest.mark.slow
def test_the_run_and_status_say_what_there_is(qbatch: Call, more: Any) -> None:
    assert "more: 2 of 4 points done" in more.out
    assert "2 points not done yet" in more.out
    assert TOLD in more.out
    assert len(re.findall(r"^  backend=.*z 0\.", more.out, re.M)) == 4
    said = qbatch("status", "more.yaml")
    assert (said.code, TOLD in said.out) == (9, True)
    (facts,) = qbatch("status", "more.yaml", "--json").json_lines
    assert facts["in_part"] == {"points": 2, "done": 600, "wanted": 1400}
    assert qbatch("show", "more.yaml").out.count("more shots: 300 of 700 done") == 2


def test_the_report_counts_and_draws_them(more: Any) -> None:
    text = Path("runs/more/report.md").read_text()
    assert f"**2 of 4 points completed (2 created); {TOLD}.** 2\u202f000 shots" in text
    assert re.search(r"^\| b +\|.*\| more shots: 300 of 700 done \| 0\.", text, re.M)
    assert re.search(r"^\| b +\| local .*\| 0 of 2 +\| 600 +\|$", text, re.M)
    assert "one colour for each backend; 4 points" in text
    page = Path("runs/more/report.html").read_text()
    assert page.count('<span class="chip small created">more shots: 300 of 700 done</span>') == 2
    with Path("runs/more/results.csv").open(newline="") as file:
        shots = [int(row["shots"]) for row in csv.DictReader(file)]
    assert sorted(shots) == [300, 300, 700, 700]


def test_the_sum_is_that_of_the_points(qbatch: Call, more: Any) -> None:
    with open_run(Path("runs/more")) as run:
        some = [p for p in run if p.counts and p.counts.shots < p.shots]
        assert [point.state for point in some] == [JobState.CREATED] * 2
        had = [point.counts.shots for point in some if point.counts]
        assert run.in_part() == InPart(2, sum(had), sum(point.shots for point in some))
    assert qbatch("run", "more.yaml", "-S", "shots=700").code == 0
    with open_run(Path("runs/more")) as run:
        assert run.in_part() == InPart()
        assert {point.state_in_words for point in run} == {"completed"}
