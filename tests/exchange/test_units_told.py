"""Units and labels where readers expect them; the head of a CSV file has names alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qbatch.cli import main
from qbatch.exchange.exports import export
from qbatch.executor import run
from qbatch.manifest import parse_manifest
from qbatch.snapshot import Run

TEXT = """qbatch: 1
name: told
circuits:
  a:
    qasm: |
      OPENQASM 3.0;
      include "stdgates.inc";
      input float theta;
      qubit[1] q;
      bit[1] c;
      ry(theta) q[0];
      c = measure q;
backends: {sim: {provider: local}}
shots: 200
sweep: {matrix: {theta: [0.5, 1.5]}}
analysis:
  observables: {E: 2 Z0}
  probabilities: {p: "1"}
  derived: {gap: "E[theta=0.5] - E[theta=1.5]"}
checks: [{that: gap >= -9 Ha}]
report:
  labels: {theta: {label: θ, unit: rad}, E: {label: energy, unit: Ha}}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    out = tmp_path_factory.mktemp("told")
    with run(parse_manifest(TEXT, folder=Path("/")), out=out) as found:
        yield found


def written(found: Run, format_: str) -> str:
    out = io.StringIO()
    export(found, format_, out)
    return out.getvalue()


def test_a_table_beside_the_results_says_what_each_of_their_columns_is(done: Run) -> None:
    head = written(done, "csv").splitlines()[0].split(",")
    rows = list(csv.DictReader(io.StringIO(written(done, "columns"))))
    assert [row["column"] for row in rows] == head
    told = {row["column"]: (row["label"], row["unit"], row["meaning"]) for row in rows}
    assert told["theta"] == ("θ", "rad", "swept")
    assert told["E"] == ("energy", "Ha", "2 Z0")
    assert told["E_se"] == ("energy", "Ha", "standard error of E")
    assert told["E_low"] == ("energy", "Ha", "lower end of the interval of E at level 0.95")
    assert told["p"] == ("", "", "1")
    assert told["shots"] == ("", "", "")


def test_json_arrays_and_tables_have_units_and_labels(done: Run) -> None:
    facts = json.loads(written(done, "json"))
    units = {"theta": "rad", "E": "Ha", "gap": "Ha"}
    assert (facts["units"], facts["labels"]) == (units, {"theta": "θ", "E": "energy"})
    array = done.to_xarray()
    assert array["theta"].attrs == {"units": "rad", "long_name": "θ"}
    assert array["E"].attrs == {"units": "Ha", "long_name": "energy"}
    assert array["E_se"].attrs == {"units": "Ha", "long_name": "energy: standard error"}
    assert array["p"].attrs == {}
    assert done.to_dataframe().attrs == {"units": units, "labels": facts["labels"]}


@pytest.mark.parametrize("format_", ["md", "html"])
def test_pages_head_their_columns_with_labels_and_units(
    done: Run, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(done.folder), "-f", format_]) == 0
    page = " ".join(capsys.readouterr().out.split())
    assert "| θ (rad) | state | energy (Ha) |" in page or format_ == "html"
    assert "θ (rad)</th>" in page or format_ == "md"
    assert "energy (Ha)</th>" in page or format_ == "md"
    assert "gap (Ha)" in page


def test_show_tells_units(done: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(done.folder)]) == 0
    table, of_several = capsys.readouterr().out.split("\n\n")
    assert "E (Ha)" in table.splitlines()[0]
    (gap,) = done.derived()
    assert gap.estimate is not None
    told = of_several.splitlines()[1].split()
    assert told[:2] == ["gap", "(Ha)"]
    assert float(told[2].partition("(")[0]) == pytest.approx(
        gap.estimate.value, abs=gap.estimate.se
    )
    assert main(["show", str(done.folder), "-k", "theta=0.5"]) == 0
    assert "gap" not in capsys.readouterr().out
    assert main(["show", str(done.folder), "theta=0.5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["theta", "0.5", "rad"] for line in lines)
    assert any(line.startswith("E ") and line.endswith(" Ha") for line in lines)
