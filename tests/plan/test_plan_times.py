"""A time without quotes that a circuit takes as a mere number is told: it may be a label."""

from pathlib import Path

from qbatch.manifest import parse_manifest
from qbatch.plan import expand, remarks

HEAD = """\
qbatch: 1
name: test
backends: {ideal: {provider: local}}
"""
ECHO = "OPENQASM 3.0; input duration tau; qubit q; bit c; delay[tau] q; c = measure q;"
RATIO = "OPENQASM 3.0; input duration tau; qubit q; bit c; U(tau/1us,0,0) q; c = measure q;"
TURN = "OPENQASM 3.0; input float tau; qubit q; bit c; U(tau,0,0) q; c = measure q;"
LABELS = (
    'OPENQASM 3.0; qubit q; bit c; {% if orbital == "1s" %}U(pi,0,0) q;{% endif %} c = measure q;'
)


def told(folder: Path, circuits: str, sweep: str = "{}") -> list[str]:
    (folder / "t.qasm.j2").write_text(LABELS)
    text = f"{HEAD}circuits: {circuits}\nsweep: {sweep}\n"
    return remarks(expand(parse_manifest(text, file="m.yaml", folder=folder)))


def test_a_time_for_a_template_is_told_once(tmp_path: Path) -> None:
    circuits = "{t: {template: t.qasm.j2}}"
    assert told(tmp_path, circuits, "{matrix: {orbital: [1s, 2s]}}") == [
        "m.yaml:5:28: orbital: 1s is read as 1 second, a number for circuit 't'; "
        "in quotes it is text"
    ]
    quoted = "{matrix: {orbital: ['1s', \"2s\", 2p]}}"
    assert told(tmp_path, circuits, quoted) == []


def test_a_time_in_with_is_told(tmp_path: Path) -> None:
    assert told(tmp_path, "{t: {template: t.qasm.j2, with: {orbital: 20us}}}") == [
        "m.yaml:4:44: orbital: 20us is read as 2e-05 seconds, a number for circuit 't'; "
        "in quotes it is text"
    ]
    assert told(tmp_path, "{t: {template: t.qasm.j2, with: {orbital: '1s'}}}") == []


def test_a_time_for_a_float_is_told_and_for_a_duration_not(tmp_path: Path) -> None:
    sweep = "{matrix: {circuit: [CIRCUITS], tau: {linspace: [0, 20us, 3]}}}"
    circuits = f"{{echo: {{qasm: '{ECHO}'}}, ratio: {{qasm: '{RATIO}'}}, turn: {{qasm: '{TURN}'}}}}"
    assert told(tmp_path, circuits, sweep.replace("CIRCUITS", "echo, ratio")) == []
    (said,) = told(tmp_path, circuits, sweep.replace("CIRCUITS", "echo, ratio, turn"))
    assert "tau: 20us is read as 2e-05 seconds, a number for circuit 'turn'; in quotes" in said


def test_a_time_that_only_an_override_or_an_included_point_gives_is_told(tmp_path: Path) -> None:
    circuits = "{t: {template: t.qasm.j2, with: {orbital: '1s'}}}"
    change = "{overrides: [{where: {shots: 7}, set: {orbital: 2s}}], matrix: {shots: [7, 8]}}"
    (said,) = told(tmp_path, circuits, change)
    assert "orbital: 2s is read as 2 seconds" in said
    point = "{include: [{circuit: t, backend: ideal, orbital: 3s}]}"
    (said,) = told(tmp_path, circuits, point)
    assert "orbital: 3s is read as 3 seconds" in said
