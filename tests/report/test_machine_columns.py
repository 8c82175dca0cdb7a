"""Numbers of machines as axes of figures and columns of tables; the answer is the fault script."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbatch.cli import main
from qbatch.emulators.drift import read_course
from qbatch.errors import SelectionError, SourceErrors
from qbatch.executor import Options
from qbatch.executor.rehearsal import rehearse
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.report import render
from qbatch.report.one_figure import draw_one
from qbatch.snapshot import Run

MANIFEST = """\
qbatch: 1
name: wave
circuits:
  wave: {qasm: 'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      rx(theta) q; c = measure q;'}
backends: {BACKEND}
shots: 100
sweep: {matrix: {theta: {linspace: [0, 1, 6]}}, order: as-written, seed: 5}
analysis: {probabilities: {one: "1"}}
report:
  columns: ["target.T1[ 2 ]"]
  plots:
    - {x: "target.readout_error[0]", y: one, color: target.calibration}
    - {x: "target.t9[0]", y: one}
"""

#: Six jobs one after the other; the machine is calibrated as the third was taken.
FORTE = "{forte: {provider: open-quantum, target: 'ionq:forte-1', limits: {in_flight: 1}}}"
BEFORE, AFTER = 0.02, 0.05


def plan_of(folder: Path, backend: str = FORTE, **changes: str) -> Plan:
    text = MANIFEST.replace("{BACKEND}", backend)
    for old, new in changes.items():
        text = text.replace(old, new)
    return expand(parse_manifest(text, folder=folder))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("machine")
    course = read_course({"readout": BEFORE, "calibrations": [{"after_jobs": 3, "readout": AFTER}]})
    options = Options(out=folder / "wave.rehearsal")
    rehearse(plan_of(folder), options, queues_s=(600.0,), noise=course)
    with Run(folder / "wave.rehearsal") as opened:
        yield opened


def test_a_figure_stands_over_what_the_machine_told(run: Run) -> None:
    figure = draw_one(run, {"x": "target.readout_error[0]", "y": "one"})
    rows = [*csv.DictReader(io.StringIO(figure.csv))]
    assert [float(row["target.readout_error[0]"]) for row in rows] == [BEFORE] * 3 + [AFTER] * 3
    times = draw_one(run, {"x": "target.t1[3]", "y": "one"})
    assert "target.t1[3] (µs)" in times.svg or "(µs)" in times.caption


def test_tables_have_the_columns_that_the_report_names(run: Run) -> None:
    rows = [*csv.DictReader(io.StringIO(render(run, "csv")))]
    names = [name for name in rows[0] if name.startswith("target.")]
    assert names == [
        *("target.calibration", "target.t1[2]", "target.readout_error[0]", "target.t9[0]")
    ]
    # the emulator's book: T1 of qubit q is 40 + (q + 3 n) % 7 µs after n calibrations
    assert [float(row["target.t1[2]"]) for row in rows] == pytest.approx([42e-6] * 3 + [45e-6] * 3)
    assert {row["target.t9[0]"] for row in rows} == {""}
    units = {
        row["column"]: row["unit"] for row in csv.DictReader(io.StringIO(render(run, "columns")))
    }
    assert units["target.t1[2]"] == "s"
    assert [*run.to_dataframe()["target.readout_error[0]"]] == [BEFORE] * 3 + [AFTER] * 3
    assert run.to_xarray()["target.t1[2]"].attrs["units"] == "s"


def test_the_results_on_a_page_have_them_too(run: Run) -> None:
    text = render(run, "md")
    lines = [line.split("|") for line in text.splitlines() if "completed |" in line]
    head = next(line for line in text.splitlines() if "target.t1[2]" in line and "state" in line)
    at = [cell.strip() for cell in head.split("|")].index("target.t1[2]")
    assert [cells[at].strip() for cells in lines] == ["42 µs"] * 3 + ["45 µs"] * 3
    html = render(run, "html")
    assert '<th scope="col" class="r">target.t1[2]</th><th scope="col">state</th>' in html
    assert html.count(">42 µs</td>") == html.count(">45 µs</td>") == 3


def test_a_number_that_no_machine_tells_is_told_in_the_report(run: Run) -> None:
    said = "no calibration of it tells target.t9[0]; there are target.readout_error[0] to [35]"
    assert said in render(run, "md")
    assert said in draw_one(run, {"x": "target.t9[0]", "y": "one"}).note


@pytest.mark.parametrize(
    ("backend", "old", "new", "said"),
    [
        ("{sim: {provider: local}}", "", "", "no backend here tells of its calibration"),
        (FORTE, "target.t9[0]", "target.t1(3)", "is no number of a machine's calibration"),
        (FORTE, "target.T1[ 2 ]", "t1[2]", "is no number of a machine's calibration"),
    ],
)
def test_a_wrong_name_is_told_at_its_line(
    tmp_path: Path, backend: str, old: str, new: str, said: str
) -> None:
    with pytest.raises(SourceErrors) as caught:
        plan_of(tmp_path, backend, **({old: new} if old else {}))
    errors = [error for error in caught.value.exceptions if said in str(error)]
    assert errors
    lines = {str(error).split(":")[1] for error in errors}
    assert lines <= {"11", "13", "14"}


def test_all_numbers_are_exported_at_the_command_line(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run.folder), "-f", "calibrations"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    told = {row["value"] for row in rows if (row["name"], row["qubits"]) == ("readout_error", "0")}
    assert told == {f"{BEFORE}", f"{AFTER}"}


def test_a_wrong_name_in_python_is_told(run: Run) -> None:
    with pytest.raises(SelectionError, match="is no number of a machine's calibration"):
        draw_one(run, {"x": "target.", "y": "one"})
