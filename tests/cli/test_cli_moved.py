"""A run folder is read wherever it lies, without the files that stood beside its manifest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import BELL, Call

TEXT = """\
qbatch: 1
name: moved
circuits: {bell: bell.qasm}
backends: {sim: {provider: local, limits: {workers: 1}}}
shots: 200
analysis: {observables: {energy: {file: two.csv}}}
report: {formats: [md], template: own.md.j2}
"""


@pytest.fixture
def moved(qbatch: Call, tmp_path: Path) -> Path:
    """A run whose manifest names an observable's file, a circuit's and a template's, alone."""
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "two.csv").write_text("pauli,coefficient\nZZ,0.5\nXX,0.25\n")
    (tmp_path / "own.md.j2").write_text("done with {{ command }}\n")
    (tmp_path / "moved.yaml").write_text(TEXT)
    assert qbatch("run", "moved.yaml").code == 0
    shutil.move("runs/moved", "elsewhere")
    for name in ("bell.qasm", "two.csv", "own.md.j2", "moved.yaml"):
        (tmp_path / name).unlink()
    return Path("elsewhere")


def test_it_tells_its_numbers(moved: Path, qbatch: Call) -> None:
    assert qbatch("status", moved).code == 0
    (point,) = qbatch("export", moved, "-f", "json").json["points"]
    assert point["estimates"]["energy"]["value"] == 0.75
    assert qbatch("show", moved).code == 0
    assert qbatch("diff", moved, moved).code == 0


@pytest.mark.slow
def test_it_is_archived_and_verified(moved: Path, qbatch: Call) -> None:
    assert qbatch("archive", moved, "-o", "a.zip").code == 0
    found = qbatch("verify", "a.zip", "--json").json
    assert found["holds"], found
    assert found["numbers"] == 1


def test_its_report_says_that_the_template_is_missing(moved: Path, qbatch: Call) -> None:
    said = qbatch("report", moved)
    assert said.code != 70
    assert "own.md.j2" in said.err
