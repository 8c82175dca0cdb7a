"""A circuit named without a manifest: it runs, is kept, and becomes a manifest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from qbatch.manifest.bare import BareCircuit, axis_of
from tests.cli.conftest import BELL, Call

TURNED = """\
OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit q;
bit c;
ry(theta) q;
c = measure q;
"""

#: Counts of runs in it say how often the file was run.
CODE = """\
from pathlib import Path
with Path("ran.txt").open("a") as file:
    file.write("x")

def _text(theta):
    return f'OPENQASM 3.0; include "stdgates.inc"; qubit q; bit c; ry({theta}) q; c = measure q;'

def build(theta, phase=0):
    return _text(theta)

def other():
    return _text(0)
"""


@pytest.fixture(autouse=True)
def circuits(qbatch: Call, no_clouds: None, tmp_path: Path) -> None:
    """In the current folder: two circuits and a Python file; nothing is allowed yet."""
    (tmp_path / "bell.qasm").write_text(BELL)
    (tmp_path / "turned.qasm").write_text(TURNED)
    (tmp_path / "made.py").write_text(CODE)


def test_a_bare_circuit_runs_in_a_folder_of_its_name(qbatch: Call) -> None:
    said = qbatch("run", "bell.qasm", "--shots", "50")
    assert said.code == 0
    assert "bell: 1 point, 50 shots" in said.err
    assert "qbatch run bell.qasm --shots 50\n" in Path("runs/bell/report.md").read_text()
    assert "as a manifest: qbatch run bell.qasm --shots 50 --save bell.yaml" in said.err
    assert not Path("qbatch.lock").exists()
    assert qbatch("status", "bell.qasm").code == 0
    assert qbatch("report", "bell.qasm").code == 0


def test_a_saved_manifest_asks_for_the_same_points_and_takes_the_run_over(qbatch: Call) -> None:
    asked = ("turned.qasm", "-p", "theta=0:pi:3", "--shots", "20")
    assert qbatch("run", *asked, "--no-report").code == 0
    (bare,) = [qbatch("plan", *asked, "--json", "--all").json]
    assert qbatch("plan", *asked, "--save", "new.yaml").code == 0
    saved = qbatch("plan", "new.yaml", "--json", "--all").json
    assert [each["id"] for each in saved["list"]] == [each["id"] for each in bare["list"]]
    assert saved["would_run"] == 0
    assert "nothing to do" in qbatch("run", "new.yaml", "--no-report").out
    assert yaml.safe_load(Path("new.yaml").read_text())["sweep"]["matrix"] == {
        "theta": {"linspace": [0, "pi", 3]}
    }


def test_what_was_set_is_in_the_manifest_that_is_offered(qbatch: Call) -> None:
    set_ = ("-S", "shots=70", "-S", "backends.local.noise.readout=0.01")
    Path("bell.yaml").write_text("another's")
    said = qbatch("run", "bell.qasm", *set_)
    offered = f"qbatch run bell.qasm {' '.join(set_)} --save bell-2.yaml"
    assert f"as a manifest: {offered}\n" in said.err
    Path("deep").mkdir()
    Path("deep/bell.qasm").write_text(BELL)
    for circuit, file in (("bell.qasm", "bell-2.yaml"), ("deep/bell.qasm", "above.yaml")):
        assert qbatch("run", circuit, *set_, "--save", file, "--out", f"runs/{file}").code == 0
        saved = yaml.safe_load(Path(file).read_text())
        assert (saved["shots"], saved["backends"]["local"]["noise"]) == (70, {"readout": 0.01})
        assert "nothing is left to run" in qbatch("plan", file, "--out", f"runs/{file}").out


def test_a_python_file_that_is_named_runs_without_trust(qbatch: Call) -> None:
    said = qbatch("run", "made.py", "-p", "theta=0,pi", "--no-report")
    assert said.code == 0
    assert "theta=3.14159" in said.out
    assert qbatch("run", "made.py:other", "--no-report").code == 0
    assert Path("runs/made-other").is_dir()


def test_a_manifest_that_names_a_python_file_still_needs_trust(qbatch: Call) -> None:
    Path("m.yaml").write_text(BareCircuit(Path("made.py:other"), ("local",)).text())
    assert qbatch("plan", "m.yaml").code == 6


def test_what_is_wrong_with_a_python_file_is_told_without_running_it(qbatch: Call) -> None:
    assert qbatch("plan", "made.py").code == 2
    assert "theta needs a value" in qbatch("plan", "made.py").err
    assert "did you mean 'build'" in qbatch("plan", "made.py:biuld").err
    assert not Path("ran.txt").exists()


READY = """\
from qiskit import QuantumCircuit, circuit as parts
import qiskit
theta = parts.Parameter("theta")
NAME = qiskit.QuantumCircuit(1, 1)
NAME.ry(theta, 0)
NAME.measure(0, 0)
"""


@pytest.mark.parametrize("name", ["circuit", "qc"])
def test_a_circuit_that_stands_ready_in_a_python_file_runs(qbatch: Call, name: str) -> None:
    Path("ready.py").write_text(READY.replace("NAME", name))
    needs = qbatch("plan", f"ready.py:{name}")
    assert needs.code == 2
    assert f"ready.py:{name}: theta needs a value; write -p theta=0:pi:9" in needs.err
    said = qbatch("run", "ready.py", "-p", "theta=0,pi", "--shots", "10", "--save", "m.yaml")
    assert said.code == 0, said.err
    assert "0: 10 (100.0 %)" in said.out
    assert "1: 10 (100.0 %)" in said.out
    assert f"ready.py:{name}" in Path("m.yaml").read_text()
    again = qbatch("plan", f"ready.py:{name}", "-p", "theta=1", "--out", "other")
    assert again.code == 0, again.err


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("circuit = 1\n", "made.py: has no circuit; write circuit = QuantumCircuit(…), or def b"),
        ("def _hidden(): ...\n", "made.py: has no circuit; write circuit = QuantumCircuit(…), or"),
        ("circuit = dict()\n", "made.py: has no function 'circuit'"),
        ("def a(): ...\ndef b(): ...\n", "name one, as in made.py:a; there are a, b"),
    ],
)
def test_a_python_file_without_the_usual_function_is_told(
    code: str, told: str, qbatch: Call
) -> None:
    Path("made.py").write_text(code)
    said = qbatch("plan", "made.py")
    assert said.code == 3, said.err
    assert told in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("turned.qasm",), 2, "theta needs a value; write -p theta=0:pi:9"),
        (("turned.qasm", "-p", "thet=1"), 2, "(theta); did you mean 'theta'?"),
        (("bell.qasm", "-p", "theta=1"), 2, "bell.qasm (it has none)"),
        (("turned.qasm", "-p", "theta=0:1"), 2, "is no NAME=VALUES"),
        (("turned.qasm", "-p", "theta=0:pii:3"), 3, "turned.qasm, as a manifest:10:27: "),
        (("bell.qasm", "--backend", "nowhere"), 3, "nowhere"),
        (("none.qasm",), 3, "none.qasm: no such file"),
        (("bell.qasm", "--save", "bell.qasm"), 2, "is there already"),
        (("bell.qasm", "--save", "../../m.yaml"), 0, ""),
    ],
)
def test_what_is_asked_wrongly_is_told(
    arguments: tuple[str, ...], code: int, told: str, qbatch: Call, tmp_path: Path
) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    if "../../m.yaml" in arguments:
        os.chdir(inner)
        (inner / "bell.qasm").write_text(BELL)
    said = qbatch("plan", *arguments)
    assert said.code == code, said.err
    assert told in said.err


def test_a_manifest_is_not_saved_where_it_could_not_name_the_circuit(
    qbatch: Call, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    said = qbatch("plan", "bell.qasm", "--save", "other/m.yaml")
    assert said.code == 2
    assert "save it beside the circuit" in said.err
    assert not list(other.iterdir())


def test_flags_of_circuits_are_refused_beside_a_manifest(qbatch: Call, manifest: Path) -> None:
    for flags in (["--shots", "5"], ["-p", "theta=1"], ["--backend", "oqc"], ["--save", "m.yaml"]):
        said = qbatch("plan", manifest, *flags)
        assert said.code == 2
        assert f"{flags[0]} is for a circuit without a manifest" in said.err


def test_a_run_that_is_another_manifests_is_not_taken(qbatch: Call, manifest: Path) -> None:
    text = manifest.read_text().replace("name: pair", "name: bell")
    manifest.write_text(text)
    assert qbatch("run", manifest, "--no-report").code == 0
    said = qbatch("run", "bell.qasm", "--no-report")
    assert said.code == 9
    assert "is kept here" in said.err


def test_a_failed_point_is_retried_as_it_was_asked_for(qbatch: Call) -> None:
    Path("fails.py").write_text("def build(n):\n    return 'no circuit'\n")
    assert qbatch("run", "turned.qasm", "-p", "theta=0.5", "--no-report", "--json").code == 0
    said = qbatch("retry", "runs/turned", "--no-report", "--json")
    assert said.code == 0
    assert json.loads(said.out.splitlines()[-1])["states"] == {"completed": 1}


@pytest.mark.parametrize(
    ("written", "axis"),
    [
        ("0:pi:9", "{linspace: [0, pi, 9]}"),
        ("-pi/2:2*pi:5", "{linspace: [-pi/2, 2*pi, 5]}"),
        ("0,0.5, 1", "[0, 0.5, 1]"),
        ("0.3", "[0.3]"),
        ("x: y", None),
        ("a]b", '["a]b"]'),
        ("", None),
        ("1,,2", None),
        ("0:1:2:3", None),
    ],
)
def test_values_are_read_as_they_are_typed(written: str, axis: str | None) -> None:
    assert axis_of(written) == axis


def test_a_name_of_a_run_is_made_of_any_file() -> None:
    names = {"2 q.qasm": "circuit-2-q", "a b.c.qasm": "a-b", "x.py:build": "x", "x.py:y": "x-y"}
    assert {path: BareCircuit(Path(path)).name for path in names} == names


def test_several_backends_have_names_of_their_own() -> None:
    text = BareCircuit(Path("a.qasm"), backends=("local", "oqc:qpu:uk:1", "oqc:2")).text()
    assert yaml.safe_load(text)["backends"] == {
        "local": {"provider": "local"},
        "oqc": {"provider": "oqc", "target": "qpu:uk:1"},
        "oqc-2": {"provider": "oqc", "target": "2"},
    }
