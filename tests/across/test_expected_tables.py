"""Theory that stands in a table: held against points, drawn through them, kept with the run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import qbatch
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.manifest import load_manifest

MANIFEST = """\
qbatch: 1
name: theory
circuits:
  c:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      ry(theta) q; c = measure q;
backends: {ideal: {provider: local}}
sweep: {matrix: {theta: [0, pi/4, pi/2, 2]}, seed: 3}
shots: 2000
analysis:
  observables: {z: Z0}
  expected: {z: {file: exact.csv, column: cosine}}
checks:
  - {that: z == expected}
  - {that: z > expected + 0.5}
report: {formats: [md, html], plots: [{x: theta, y: z}]}
"""
TABLE = "theta,cosine\n0,1\npi/4,0.7071067811865476\npi/2,0\n"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "exact.csv").write_text(TABLE, "utf-8")
    path = tmp_path / "m.yaml"
    path.write_text(MANIFEST, "utf-8")
    return path


def test_points_are_held_against_the_rows_of_a_table_also_when_it_is_gone(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(manifest), "--yes"]) == 0
    (manifest.parent / "exact.csv").unlink()
    folder = manifest.parent / "runs" / "theory"
    with qbatch.open_run(folder) as done:
        from qbatch.across import read_across

        (found,) = read_across(done).expected
        values = [point.estimates["z"].value for point in done]
    assert (found.left_out, found.freedom, found.formula) == (1, 3, "exact.csv")
    wanted = [math.cos(theta) for theta in (0, math.pi / 4, math.pi / 2)]
    assert [one.expected for one in found.residuals] == pytest.approx(wanted)
    assert [one.value for one in found.residuals] == pytest.approx(np.array(values[:3]) - wanted)
    assert found.chi_squared < 12
    main(["check", str(folder)])
    said = capsys.readouterr().out
    assert "z == expected  (4 points: 3 pass, 1 undecided)" in said
    assert "z > expected + 0.5  (4 points: 3 fail, 1 undecided)" in said
    main(["report", str(folder)])
    assert "exact.csv" in (folder / "report.md").read_text("utf-8")
    assert "what theory says, exact.csv" in (folder / "report.html").read_text("utf-8")


def test_between_rows_lines_are_drawn_and_beyond_them_nothing(manifest: Path) -> None:
    theory = load_manifest(manifest).analysis.theory_of("z", {})
    assert theory is not None
    assert theory.axes == ("theta",)
    found = theory.at({"theta": np.array([-1, 0, math.pi / 8, math.pi / 2, 2])})
    assert found[1:4] == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0])
    assert np.isnan(found[[0, 4]]).all()
    assert theory.at_point({"theta": math.pi / 8}) is None
    assert theory.at_point({"theta": math.pi / 4 * (1 + 1e-12)}) == math.sqrt(0.5)


def test_a_table_of_two_axes_is_drawn_along_one_at_the_value_of_the_other(tmp_path: Path) -> None:
    from qbatch.manifest.tabled import Table

    table = Table("t.csv", ("a", "b"), ((0, 0, 1), (1, 0, 2), (0, 1, 5), (1, 1, 7)))
    assert Table.of(table.text) == table
    assert table({"a": 0.5, "b": np.array([0, 1])}).tolist() != [3, 6]
    assert table({"a": np.array([0, 0.5, 1]), "b": 1}).tolist() == [5, 6, 7]
    assert float(table({"a": 1, "b": 0})) == 2


@pytest.mark.parametrize(
    ("was", "now", "table", "said"),
    [
        (", column: cosine", "", TABLE, "exact.csv:1 has no column 'z' (theta, cosine)"),
        ("", "", "theta,cosine\n0,1\n0,2\n", "exact.csv:3 has the same place as a row above"),
        ("", "", "theta,cosine\n0\n", "exact.csv:2 has 1 cells where the first row has 2"),
        ("", "", "theta,cosine\n0,one\n", "exact.csv:2: "),
        ("", "", "tehta,cosine\n0,1\n", "'exact.csv' names 'tehta', which is none of"),
        ("", "", "cosine\n1\n", "needs a column for each axis"),
        ("exact.csv", "none.csv", TABLE, "none.csv"),
        ("{file: exact.csv, column: cosine}", "'{}'", TABLE, "is no formula; write a formula"),
        ("file: exact.csv", "fiel: exact.csv", TABLE, "is no theory; write a formula"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_at_its_line(
    manifest: Path, was: str, now: str, table: str, said: str
) -> None:
    (manifest.parent / "exact.csv").write_text(table, "utf-8")
    manifest.write_text(MANIFEST.replace(was, now) if was else MANIFEST, "utf-8")
    with pytest.raises(SourceErrors) as caught:
        load_manifest(manifest)
    (error,) = caught.value.exceptions
    assert str(error).startswith(f"{manifest}:13:") or "m.yaml:13:" in str(error)
    assert said in str(error)
