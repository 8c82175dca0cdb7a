"""Observables that a function makes for each point, or that stand in a file for each value."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path

import pytest
from qiskit.quantum_info import SparsePauliOp

import qbatch
from qbatch.cli import main
from qbatch.errors import CircuitError, SourceErrors
from qbatch.manifest.own import Home
from qbatch.manifest.varying import MOST_SUMS, VaryingSum
from qbatch.plan import Plan, expand_file
from qbatch.plan.measured import bases_of, settings_of_circuits
from qbatch.result.pauli import parse_pauli
from qbatch.result.returned import text_of_returned

MANIFEST = """\
qbatch: 1
name: made
circuits:
  pair:
    qasm: "OPENQASM 3; input float theta; qubit[2] q; bit[2] c; U(theta,0,0) q; c = measure q;"
backends: {sim: {provider: local}}
sweep:
  zip: {r: [0.5, 1.0, 2], theta: [0.2, 0.2, 0.6]}
  seed: 3
analysis:
  observables: {energy: WRITTEN, z: Z0}
  derived: {gap: "energy[r=0.5] - energy[r=1]"}
  expected: {energy: "2*r*cos(theta) + sin(theta)**2"}
checks: [{that: energy == expected}]
report: {formats: [csv, md]}
"""
BY_FUNCTION = '{python: "h.py:hamiltonian", with: {scale: 2}}'
CODE = """\
def hamiltonian(r, scale):
    if r > 1.5:
        return {"IZ": scale * r, "XX": 1.0}
    return {"IZ": scale * r, "XX": 1, "YI": 1e-3 * (r == 0.5)}
"""


def write(folder: Path, written: str = BY_FUNCTION, code: str = CODE) -> Path:
    (folder / "h.py").write_text(code, "utf-8")
    path = folder / "m.yaml"
    path.write_text(MANIFEST.replace("WRITTEN", written), "utf-8")
    return path


def mistake(path: Path) -> str:
    with pytest.raises(SourceErrors) as caught:
        expand_file(path, trust=True)
    return str(caught.value)


def ids(plan: Plan) -> list[str]:
    return [point.id for point in plan.points()]


def test_the_sum_and_its_bases_may_differ_from_point_to_point(tmp_path: Path) -> None:
    plan = expand_file(write(tmp_path), trust=True)
    bases = [point.name.partition("basis=")[2] for point in plan.points()]
    assert bases == ['"X0 X1"', '"Y1"', "", '"X0 X1"', "", '"X0 X1"']
    told = [bases_of(each) for each in settings_of_circuits(plan)["pair"]]
    assert told == [["X0 X1", "Y1"], ["", "X0 X1"]]
    assert [dict(point.parameters)["r"] for point in plan.points_once()] == [0.5, 1.0, 2]


def test_an_observable_that_is_made_changes_no_content(tmp_path: Path) -> None:
    same = '{python: "h.py:hamiltonian", with: {scale: 3}}'
    plans = [expand_file(write(tmp_path, each), trust=True) for each in (BY_FUNCTION, same)]
    assert ids(plans[0]) == ids(plans[1])
    text = write(tmp_path).read_text("utf-8").replace("r: [0.5, 1.0, 2], ", "")
    alone = text.replace(BY_FUNCTION, "Z0 + X0 X1").split("  derived:")[0]
    alone = alone.replace("[0.2, 0.2, 0.6]", "[0.2, 0.6]")
    (tmp_path / "alone.yaml").write_text(alone, "utf-8")
    assert {*ids(expand_file(tmp_path / "alone.yaml"))} < {*ids(plans[0])}


def test_a_strangers_function_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QBATCH_STATE_DIR", str(tmp_path / "state"))
    path = write(tmp_path, code="open('ran', 'w')\n")
    assert main(["run", str(path), "--yes"]) == 6
    assert "m.yaml:11:17: observable 'energy' runs code from h.py" in capsys.readouterr().err
    assert not Path("ran").exists()


@pytest.mark.slow
def test_a_run_is_read_without_the_code_it_was_made_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    assert main(["run", str(path), "--yes", "--trust"]) == 0
    told = {point.parameters["r"]: point.estimates for point in qbatch.open_run(path)}
    for r, theta in ((0.5, 0.2), (1.0, 0.2), (2, 0.6)):
        truth = 2 * r * math.cos(theta) + math.sin(theta) ** 2
        assert told[r]["energy"].value == pytest.approx(truth, abs=5 * told[r]["energy"].se)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(tmp_path / "runs" / "made", elsewhere)
    path.unlink()
    (tmp_path / "h.py").unlink()
    again = {point.parameters["r"]: point.estimates for point in qbatch.open_run(elsewhere)}
    assert again == told
    assert main(["check", str(elsewhere)]) == 0
    archive = tmp_path / "a.zip"
    assert main(["archive", str(elsewhere), "-o", str(archive)]) == 0
    assert main(["verify", str(archive)]) == 0
    assert "5 numbers computed anew" not in capsys.readouterr().err


def test_places_of_one_content_have_their_own_sums_and_depend_on_the_same_shots(
    tmp_path: Path,
) -> None:
    code = "def hamiltonian(r, scale):\n    return f'{r} Z0'\n"
    path = write(tmp_path, code=code)
    assert main(["run", str(path), "--yes", "--trust"]) in (0, 5)
    run = qbatch.open_run(path)
    near, far, _ = run
    assert (near.id, far.same_as) == (far.id, near.name)
    assert far.estimates["energy"].value == pytest.approx(2 * near.estimates["energy"].value)
    (gap,) = [each for each in run.derived() if each.name == "gap"]
    assert gap.estimate is not None
    # Of the same shots the difference is -0.5 Z0, not what two independent numbers would give.
    assert gap.estimate.value == pytest.approx(-0.5 * near.estimates["z"].value)
    assert gap.estimate.se == pytest.approx(0.5 * near.estimates["z"].se)


def test_a_function_that_is_edited_buys_nothing_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path)
    assert main(["run", str(path), "--yes", "--trust"]) == 0
    before = [point.estimates["energy"].value for point in qbatch.open_run(path)]
    write(tmp_path, code=CODE.replace("scale * r", "scale * r * 3").replace("1.0", "3.0"))
    assert main(["run", str(path), "--yes", "--trust"]) in (0, 5)
    after = [point.estimates["energy"].value for point in qbatch.open_run(path)]
    table = (tmp_path / "runs" / "made" / "results.csv").read_text("utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    assert [float(row["energy"]) for row in rows] == after
    assert after[2] == pytest.approx(3 * before[2])
    assert "nothing to do; 3 of 3 points done" in capsys.readouterr().out


def test_each_value_of_an_axis_has_a_file(tmp_path: Path) -> None:
    for r in ("0.5", "1", "2"):
        (tmp_path / f"h_{r}.json").write_text(json.dumps([["IZ", 2 * float(r)], ["XX", 1]]))
    path = write(tmp_path, '{file: "h_{r}.json"}')
    assert main(["run", str(path), "--yes"]) == 0
    (tmp_path / "h_2.json").unlink()
    run = qbatch.open_run(tmp_path / "runs" / "made")
    assert {*run.manifest.sums} == {"h_0.5.json", "h_1.json", "h_2.json"}
    energies = [point.estimates["energy"] for point in run]
    assert [point.estimates["energy"] for point in qbatch.open_run(path)] == energies
    assert "h_2.json is no file" in mistake(path)


@pytest.mark.parametrize(
    ("written", "code", "told"),
    [
        ('{file: "h_{s}.json"}', CODE, "m.yaml:11:32: analysis.observables.energy.file: 's' in"),
        ('{file: "../h_{r}.json"}', CODE, "outside"),
        ('{python: "h.py"}', CODE, "write FILE.py:FUNCTION"),
        ('{python: "h.py:none"}', CODE, "h.py: has no function 'none'"),
        ('{python: "h.py:hamiltonian"}', CODE, "h.py:hamiltonian needs scale; write an axis"),
        (BY_FUNCTION, CODE.replace("scale", "skale"), "'with' gives 'scale', which is no argument"),
        (
            BY_FUNCTION,
            "def hamiltonian(r, scale, shots): pass",
            "takes 'shots', of which no observable",
        ),
        (BY_FUNCTION, CODE.replace("r > 1.5", "1/(r-2)"), "h.py:2: ZeroDivisionError: "),
        (BY_FUNCTION, "def hamiltonian(r, scale): return 3", "this int is no sum"),
        (BY_FUNCTION, "def hamiltonian(r, scale): return {'Z': 1j}", "is not real"),
        (BY_FUNCTION, "def hamiltonian(r, scale): return {'ZZZ': r}", "bits 0 to 1"),
        ('{python: "h.py:hamiltonian", file: h.json}', CODE, "is no observable; write a sum"),
        ('"{}"', CODE, "is no sum of products"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(
    written: str, code: str, told: str, tmp_path: Path
) -> None:
    assert told in mistake(write(tmp_path, written, code))


def test_too_many_different_sums_are_refused_with_the_figure(tmp_path: Path) -> None:
    write(tmp_path)
    home = Home(tmp_path, trust=True)
    made = {str(number): "0" for number in range(MOST_SUMS)}
    given = {"scale": 1}
    found = VaryingSum("e", "h.py:hamiltonian", given, is_function=True, home=home, made=made)
    with pytest.raises(CircuitError, match="observable 'e' is more than 10,000 different sums"):
        found.text_at({"r": 0.7})


@pytest.mark.parametrize(
    "returned",
    [
        "0.5 X0 X1 - 0.25 Z1",
        {"XX": 0.5, "ZI": -0.25},
        [("XX", 0.5), ("ZI", -0.25 + 0j)],
        SparsePauliOp(["XX", "ZI"], [0.5, -0.25]),
        SparsePauliOp.from_sparse_list([("XX", [0, 1], 0.5), ("Z", [1], -0.25)], 2),
    ],
)
def test_every_form_of_a_hamiltonian_is_the_same_sum(returned: object) -> None:
    found = parse_pauli(text_of_returned(returned), 2)
    assert found.terms == {((0, "X"), (1, "X")): 0.5, ((1, "Z"),): -0.25}
