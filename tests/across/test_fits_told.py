"""What is told of fits: on the command line, in reports and figures, in files, in Python."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path

import pytest

import qbatch
from qbatch.cli import main

MANIFEST = """\
qbatch: 1
name: told
circuits:
  excited:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input duration wait; qubit q; bit c;
      x q; delay[wait] q; c = measure q;
  idle:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input duration wait; qubit q; bit c;
      delay[wait] q; c = measure q;
backends:
  noisy: {provider: local, noise: {thermal_relaxation: {t1: 20us, t2: 20us}}}
sweep:
  matrix: {circuit: [excited, idle], wait: {linspace: [1us, 81us, 9]}}
  seed: 3
shots: 1000
analysis:
  probabilities: {p1: "1"}
  fits: {t1: {model: exponential, x: wait, y: p1}}
checks:
  - {that: t1.tau >= 15e-6, where: {circuit: excited}}
  - {that: t1.tau == 20e-6, where: {circuit: excited}}
  - {that: t1.c < 0.1, where: {circuit: idle}}
report: {formats: [md, html], plots: [{x: wait, y: p1, color: circuit}]}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run of the manifest above, done, with its report."""
    place = tmp_path_factory.mktemp("told")
    (place / "told.yaml").write_text(MANIFEST)
    main(["run", str(place / "told.yaml"), "--yes", f"--out={place / 'run'}"])
    return place / "run"


@pytest.mark.slow
def test_checks_are_judged_on_the_interval_of_each_group(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(folder)]) == 4  # what is undecided
    said = capsys.readouterr().out
    assert re.search(r"pass .*t1\.tau >= 15e-6", said)
    assert re.search(r"pass .*t1\.tau == 20e-6", said)
    assert re.search(r"undecided .*t1\.c < 0\.1", said)
    assert "undecided: " not in said  # the word stands before the place already


def test_a_run_tells_a_time_with_its_unit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", str(folder.parent / "told.yaml"), "--yes", f"--out={folder}"])
    assert re.search(r"t1\.tau +0\.0000\d+\(\d+\) s at circuit=excited", capsys.readouterr().out)


def test_the_report_has_a_table_of_each_fit(folder: Path) -> None:
    page = (folder / "report.md").read_text("utf-8")
    section = page.partition("## Fits")[2].partition("\n## ")[0]
    assert "t1: p1 over wait" in section
    assert "`p1 = a*exp(-x/tau) + c, x = wait`" in section
    head, _, excited, idle = (row for row in section.splitlines() if row.startswith("|"))
    assert "tau (µs)" in head
    assert re.match(r"\| circuit=excited +\| .* \| 9 +\| .* \| good", excited)
    assert re.match(r"\| circuit=idle +\| .* undecided: the points ", idle)
    html = (folder / "report.html").read_text("utf-8")
    assert '<section id="fits">' in html
    assert "circuit=excited" in html.partition('<section id="fits">')[2].partition("</section>")[0]


def test_the_figure_has_the_curve_and_says_so(folder: Path) -> None:
    page = (folder / "report.md").read_text("utf-8")
    assert "Curves: fit t1, a*exp(-x/tau) + c, with its 95 % band." in page


def test_json_has_the_fits_whole(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    assert main(["export", str(folder), "-o", str(file)]) == 0
    excited, idle = json.loads(file.read_text("utf-8"))["fits"]
    assert (excited["name"], excited["group"]) == ("t1", {"circuit": "excited"})
    tau = excited["parameters"]["tau"]
    assert tau["low"] <= 20e-6 <= tau["high"]
    assert tau["unit"] == "s"
    at = excited["covariance_of"].index("tau")
    assert math.sqrt(excited["covariance"][at][at]) == pytest.approx(tau["se"])
    assert excited["dof"] == 9 - 3
    assert idle["parameters"] == {}
    assert idle["covariance"] is None
    assert idle["reason"]


def test_a_table_has_a_row_for_each_parameter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(folder), "--format", "fits"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["group"], row["parameter"]) for row in rows] == [
        (f"circuit={circuit}", name)
        for circuit in ("excited", "idle")
        for name in ("a", "tau", "c")
    ]
    assert float(rows[1]["low"]) <= 20e-6 <= float(rows[1]["high"])
    assert rows[4]["value"] == ""
    assert rows[4]["verdict"] == "undecided"


def test_python_has_the_same(folder: Path) -> None:
    run = qbatch.open_run(folder)
    excited, idle = run.fits()
    frame = run.fits_to_dataframe()
    assert list(frame["parameter"]) == ["a", "tau", "c"] * 2
    assert frame["value"][1] == excited.parameters["tau"].value
    assert math.isnan(frame["value"][4])
    assert idle.solution is None
    assert excited.solution is not None
    assert excited.solution.at(20e-6) == pytest.approx(math.exp(-1), abs=0.05)
