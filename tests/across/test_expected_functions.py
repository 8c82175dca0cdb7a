"""Theory that a function says: held against points, drawn, kept with the run, told who it is."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import qbatch
from qbatch.across import read_across
from qbatch.cli import main
from qbatch.errors import SourceErrors
from qbatch.manifest import load_manifest
from qbatch.plan import expand_file

MANIFEST = """\
qbatch: 1
name: theory
vars: {e: 0.1}
circuits:
  c:
    qasm: |
      OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c;
      ry(theta) q; c = measure q;
backends: {ideal: {provider: local}, flipped: {provider: local, noise: {readout: 0.05}}}
sweep: {matrix: {backend: [ideal, flipped], theta: [0, pi/4, pi/2, 2]}, seed: 3}
shots: 2000
analysis:
  observables: {z: Z0}
  probabilities: {p1: "1"}
  fits: {turn: {formula: "a*cos(x)", x: theta, y: z, start: {a: 1}}}
  expected: {z: WRITTEN, p1: {python: "theory.py:p1", with: {a: turn.a}}}
checks:
  - {that: z == expected}
  - {that: z > expected + 0.5}
report: {formats: [md, html, json], plots: [{x: theta, y: z, color: backend}]}
"""
WRITTEN = '{python: "theory.py:z", with: {left: 1 - e}}'
CODE = """\
from math import cos
__version__ = "1.2"

def z(theta, backend, left):
    return cos(theta) * (left if backend == "flipped" else 1.0)

def p1(theta, a):
    return None if theta > 1.9 else (1 - abs(a) * cos(theta)) / 2
"""


def write(folder: Path, written: str = WRITTEN, code: str = CODE) -> Path:
    (folder / "theory.py").write_text(code, "utf-8")
    path = folder / "m.yaml"
    path.write_text(MANIFEST.replace("WRITTEN", written), "utf-8")
    return path


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))


def test_a_strangers_theory_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, code="open('ran', 'w')\n")
    assert main(["run", str(path), "--yes"]) == 6
    assert "m.yaml:16:14: theory of 'z' runs code from theory.py" in capsys.readouterr().err
    assert not Path("ran").exists()


@pytest.mark.slow
def test_points_are_held_against_what_a_function_says_also_when_its_code_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    assert main(["run", str(path), "--yes", "--trust"]) == 0
    folder = tmp_path / "runs" / "theory"
    with qbatch.open_run(folder) as done:
        found = read_across(done).expected
    told = {(one.name, one.backend): one for one in found}
    for backend, left in (("ideal", 1.0), ("flipped", 0.9)):
        wanted = [left * math.cos(theta) for theta in (0, math.pi / 4, math.pi / 2, 2)]
        assert [one.expected for one in told["z", backend].residuals] == pytest.approx(wanted)
        assert told["z", backend].chi_squared < 20
    # Of a fitted amplitude: a parameter is taken off; where it returns None, a point is left out.
    fitted = told["p1", "flipped"]
    assert (fitted.freedom, fitted.left_out, fitted.formula) == (2, 1, "theory.py:p1")
    assert fitted.residuals[0].expected == pytest.approx(0.05, abs=0.02)
    digest = hashlib.sha256(CODE.encode()).hexdigest()
    said = f"theory.py:z 1.2, SHA-256 {digest}"
    assert said in (folder / "report.md").read_text("utf-8")
    page = (folder / "report.html").read_text("utf-8")
    assert said in page
    assert "what theory says, theory.py:z" in page
    facts = json.loads((folder / "results.json").read_text("utf-8"))
    assert facts["theories"]["z"] == {"python": "theory.py:z", "version": "1.2", "sha256": digest}

    elsewhere = tmp_path / "elsewhere"
    shutil.move(folder, elsewhere)
    path.unlink()
    (tmp_path / "theory.py").unlink()
    with qbatch.open_run(elsewhere) as done:
        again = {(one.name, one.backend): one for one in read_across(done).expected}
        theory = done.manifest.analysis.theory_of("z", {})
    for backend in ("ideal", "flipped"):
        assert again["z", backend].residuals == told["z", backend].residuals
    assert again["p1", "ideal"].reason == "theory.py is not what it was when the run was made"
    assert theory is not None
    drawn = theory.at({"theta": np.array([-1, math.pi / 8]), "backend": "ideal"})
    assert drawn is not None
    assert math.isnan(drawn[0])
    assert drawn[1] == pytest.approx((1 + math.sqrt(0.5)) / 2)
    capsys.readouterr()
    main(["check", str(elsewhere)])
    assert "z > expected + 0.5  (8 points: 8 fail)" in capsys.readouterr().out
    archive = tmp_path / "a.zip"
    assert main(["archive", str(elsewhere), "-o", str(archive)]) == 0
    assert main(["verify", str(archive)]) == 0


def test_theory_belongs_to_no_point_and_an_edited_one_is_asked_anew(tmp_path: Path) -> None:
    plan = expand_file(write(tmp_path), trust=True)
    ids = [point.id for point in plan.points()]
    path = write(tmp_path, code=CODE.replace("left if", "2 * left if"))
    again = expand_file(path, trust=True)
    assert [point.id for point in again.points()] == ids
    theory = again.manifest.analysis.theory_of("z", {})
    assert theory is not None
    assert theory.at_point({"theta": 0.0, "backend": "flipped"}) == pytest.approx(1.8)
    assert theory.at({"theta": np.array([0.0, 1.0]), "backend": "ideal"}) == pytest.approx(
        [1, math.cos(1)]
    )


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ('{python: "theory.py"}', CODE, "write FILE.py:FUNCTION"),
        ('{python: "../t.py:z"}', CODE, "outside"),
        ('{python: "theory.py:zz"}', CODE, "theory.py: has no function 'zz'"),
        ('{python: "theory.py:z", file: a.csv}', CODE, "file"),
        ('{python: "theory.py:z"}', CODE, "theory.py:z needs left, which no point has"),
        (WRITTEN.replace("left", "lift"), CODE, "'with' gives 'lift', which is no argument"),
        (WRITTEN, CODE.replace("1.0)", "1/theta)"), "theory.py:5: ZeroDivisionError: "),
        (WRITTEN, CODE.replace("1.0)", "'a')"), "theory.py:5: "),
        (WRITTEN, CODE.replace("return cos(theta) *", "return 1j *"), "returned a complex; return"),
    ],
)
def test_what_is_wrong_with_a_function_is_told_where_it_stands(
    written: str, code: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceErrors) as caught:
        expand_file(write(tmp_path, written, code), trust=True)
    assert said in str(caught.value)


def test_a_manifest_is_read_without_running_its_theory(tmp_path: Path) -> None:
    path = write(tmp_path, code="raise SystemExit\n")
    theory = load_manifest(path).analysis.theory_of("z", {})
    assert theory is not None
    assert theory.text == "theory.py:z"
    assert theory.at_point({"theta": 0.0, "backend": "ideal"}) is None
    assert "runs code from theory.py" in theory.silence
