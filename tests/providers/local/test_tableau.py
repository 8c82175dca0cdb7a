"""Clifford gates are known by what they do at a point, and what is none is told before a run."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import plain as by_formula
import pytest
from simulating import HEAD, circuit, counts, failure, order, run, settings

from qbatch.circuit import bind
from qbatch.cli import main
from qbatch.providers.local import plain
from qbatch.providers.local.method import choose_method
from qbatch.providers.local.prepare import as_written
from qbatch.providers.local.tableau import PRIMITIVE, in_tableau_gates, misfit
from qbatch.providers.local.work import Program, settled

HALF = math.pi / 2

#: Gates and the angles at which they are Clifford gates.
CLIFFORD = [
    *(f"{name} q[0];" for name in ("x", "y", "z", "h", "s", "sdg", "id", "sx")),
    *(f"{name} q[0], q[1];" for name in ("cx", "cy", "cz", "swap")),
    *(f"{name}({k} * pi/2) q[1];" for name in ("rx", "ry", "rz", "p", "u1") for k in (-3, 1, 2, 7)),
    *(f"{name}({k} * pi) q[0], q[1];" for name in ("cp", "crx", "cry", "crz") for k in (1, 2, 4)),
    "U(pi/2, -pi/2, pi) q[0];",
    "u2(pi/2, pi) q[1];",
    "u3(3*pi/2, pi, pi/2) q[0];",
    "negctrl @ x q[0], q[1];",
    "inv @ s q[0];",
    "cu(pi, 0, pi, pi/2) q[0], q[1];",
]  # fmt: skip
SPREAD = "h q[0]; sx q[1]; cx q[0], q[1]; s q[1];\n"


def text_of(gate: str, inputs: str = "") -> str:
    body = f"{SPREAD}{gate}\n{SPREAD}"
    return HEAD + f"{inputs}qubit[2] q; bit[2] c;\n{body}c = measure q;\n"


def using(method: str, **backend: object):
    return settings(options={"method": method}, **backend)


def problem(text: str, rows: list[tuple[float, ...]], method: str = "stabilizer") -> str:
    made = circuit(text)
    return misfit(Program(made, settled(made.facts, using(method))), rows) or ""


@pytest.mark.parametrize("gate", CLIFFORD)
def test_a_clifford_gate_becomes_primitive_gates_that_do_the_same(gate):
    made = circuit(text_of(gate))
    turned = in_tableau_gates(as_written(Program(made, settled(made.facts, using("stabilizer")))))
    assert {i.operation.name for i in turned.data} <= PRIMITIVE | {"measure"}
    wanted = plain.distribution(bind(made, {}), [0, 1], mixed=False)
    assert plain.distribution(turned, [0, 1], mixed=False) == pytest.approx(wanted, abs=1e-12)
    assert problem(text_of(gate), [()]) == ""


@pytest.mark.parametrize("method", ["stabilizer", "stim"])
def test_all_of_them_in_one_circuit_come_out_as_amplitudes_say(method):
    for start in range(0, len(CLIFFORD), 9):
        text = text_of(SPREAD.join(CLIFFORD[start : start + 9]))
        wanted = plain.distribution(bind(circuit(text), {}), [0, 1], mixed=False)
        found = counts(order(text, start, shots=4000), using(method)).to_ints()
        for outcome in range(4):
            error = 5 * math.sqrt(max(0.0, wanted[outcome] * (1 - wanted[outcome])) / 4000) + 1e-9
            assert found.get(outcome, 0) / 4000 == pytest.approx(wanted[outcome], abs=error)


@pytest.mark.parametrize(
    "gate",
    [
        "t q[0];",
        "tdg q[1];",
        "ch q[0], q[1];",
        "rx(0.3) q[0];",
        "rz(pi/2 + 1e-6) q[0];",
        "cp(pi/2) q[0], q[1];",
        "crz(pi/2) q[0], q[1];",
        "ctrl @ sx q[0], q[1];",
    ],
)
@pytest.mark.parametrize("method", ["stabilizer", "stim"])
def test_what_is_no_clifford_gate_is_told_before_and_refused_in_the_run(gate, method):
    name = "csx" if "sx" in gate else gate.split("(")[0].split()[0]
    told = problem(text_of(gate), [()], method)
    assert told.startswith(name)
    assert "take method: automatic" in told
    assert failure(order(text_of(gate)), using(method)) == f"local: {told}"


def test_an_own_gate_is_what_its_body_does_whatever_its_name():
    is_clifford = (
        HEAD + "gate t2 a { s a; s a; }\nqubit[1] q; bit[1] c;\nt2 q[0];\nc = measure q;\n"
    )
    assert problem(is_clifford, [()]) == ""
    own_h = HEAD.replace('include "stdgates.inc";\n', "") + (
        "gate h a { U(0.3, 0, 0) a; }\nqubit[20] q; bit[20] c;\nh q[0];\nc = measure q;\n"
    )
    assert "is no Clifford gate" in problem(own_h, [()])
    assert choose_method(circuit(own_h).facts, settings()) == "statevector"
    own_t = HEAD.replace('include "stdgates.inc";\n', "") + (
        "gate t a { U(pi, 0, pi) a; }\nqubit[1] q; bit[1] c;\nt q[0];\nc = measure q;\n"
    )
    assert counts(order(own_t, shots=9), using("stabilizer")).to_dict() == {"1": 9}


def test_a_controlled_own_gate_with_a_library_name_does_not_make_a_circuit_clifford():
    text = HEAD.replace('include "stdgates.inc";\n', "") + (
        "gate x a { U(0.3, 0, 0) a; }\nqubit[20] q; bit[20] c;\n"
        "ctrl @ x q[0], q[1];\nc = measure q;\n"
    )
    assert choose_method(circuit(text).facts, settings()) == "statevector"


def test_points_are_judged_at_their_values():
    text = text_of("rx(a) q[0];", "input float a;\n")
    quarter = [(k * HALF,) for k in range(4)]
    assert problem(text, quarter) == ""
    assert "(at a = 0.3, and at 1 more)" in problem(text, [*quarter, (0.3,), (0.4,)])
    found = run([order(text, k, shots=2000, a=a) for k, (a,) in enumerate(quarter)], using("stim"))
    assert all(not isinstance(each, str) for each in found.values())


def test_failures_of_one_cause_have_one_text():
    text = text_of("rx(0.3) q[0]; rz(a) q[1];", "input float a;\n")
    found = run([order(text, k, a=k * 0.1) for k in range(5)], using("stabilizer"))
    assert len(set(found.values())) == 1
    mps = {"method": "matrix_product_state"}
    bad = text_of("rx(1/a) q[0];", "input float a;\n")
    found = run([order(bad, k, a=0.0, shots=10 + k) for k in range(5)], settings(options=mps))
    assert len(set(found.values())) == 1


def test_noise_stands_after_the_gate_as_written():
    text = HEAD + "qubit[1] q; bit[1] c;\nrx(pi) q[0];\nc = measure q;\n"
    noise = {"depolarizing": {"one_qubit": 0.2}}
    for method in ("stabilizer", "stim"):
        made = settings(options={"method": method}, noise=noise)
        found = counts(order(text, 1, shots=20_000), made).to_dict()
        assert found["0"] / 20_000 == pytest.approx(0.1, abs=0.012)


@pytest.mark.parametrize("verb", ["validate", "plan", "run"])
def test_sixty_points_that_cannot_run_are_told_once_before_the_run(verb, tmp_path, capsys):
    (tmp_path / "m.yaml").write_text(
        "qbatch: 1\nname: m\ncircuits:\n"
        '  c: {qasm: \'OPENQASM 3.0; include "stdgates.inc"; input float a; qubit q; bit c; '
        "rx(a) q; c = measure q;'}\n"
        "backends: {sim: {provider: local, options: {method: stabilizer}}}\n"
        "sweep: {matrix: {a: {linspace: [0.1, 3, 60]}}}\n"
    )
    assert main([verb, str(tmp_path / "m.yaml")]) == 3
    said = capsys.readouterr().err
    assert said.count("rx(0.1) is no Clifford gate") == 1
    assert "m.yaml:4:3" in said
    assert "and at 59 more" in said
    assert not Path(tmp_path, "runs").exists()


def test_formulas_and_matrices_name_the_same_gates():
    for gate, matrix in by_formula.FIXED.items():
        assert np.allclose(matrix @ matrix.conj().T, np.eye(len(matrix))), gate


@pytest.mark.parametrize("method", ["stim", "extended_stabilizer"])
def test_a_method_that_follows_no_measurement_is_refused_by_name_before_the_run(method):
    text = HEAD + "qubit q; bit c;\nh q; c = measure q;\nif (c) { x q; }\nc = measure q;\n"
    told = problem(text, [()], method)
    assert told.startswith(f"{method} knows no if_else; take method: ")


def test_extended_stabilizer_takes_gates_that_are_no_clifford_gates():
    assert problem(text_of("t q[0];"), [()], "extended_stabilizer") == ""
