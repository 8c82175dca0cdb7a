"""What is sent means what was read, to a reader that has only the text and the language's paper."""

import re
import time

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm3
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import CU3Gate
from qiskit.quantum_info import Operator

from qbatch.circuit import Fit, bind, build, program_text
from qbatch.circuit.program import FUNCTIONS
from qbatch.circuit.qasm.writer import qasm3_text
from qbatch.errors import CircuitError, Place
from tests.circuit.conftest import circuit, circuit2, circuit3, qasm2_text
from tests.circuit.test_modifiers import same
from tests.circuit.unitaries import GATES, Generator, NearCut
from tests.daily import mostly_slow

HERE = Place("circuits.py", 7)

#: ``qelib1.inc`` as printed in arXiv:1707.03429.
QELIB1 = """
gate u3(theta,phi,lambda) q { U(theta,phi,lambda) q; }
gate u2(phi,lambda) q { U(pi/2,phi,lambda) q; }
gate u1(lambda) q { U(0,0,lambda) q; }
gate cx c,t { CX c,t; }
gate id a { U(0,0,0) a; }
gate x a { u3(pi,0,pi) a; }
gate y a { u3(pi,pi/2,pi/2) a; }
gate z a { u1(pi) a; }
gate h a { u2(0,pi) a; }
gate s a { u1(pi/2) a; }
gate sdg a { u1(-pi/2) a; }
gate t a { u1(pi/4) a; }
gate tdg a { u1(-pi/4) a; }
gate rx(theta) a { u3(theta,-pi/2,pi/2) a; }
gate ry(theta) a { u3(theta,0,0) a; }
gate rz(phi) a { u1(phi) a; }
gate cz a,b { h b; cx a,b; h b; }
gate cy a,b { sdg b; cx a,b; s b; }
gate ch a,b { h b; sdg b; cx a,b; h b; t b; cx a,b; t b; h b; s b; x b; s a; }
gate ccx a,b,c { h c; cx b,c; tdg c; cx a,c; t c; cx b,c; tdg c; cx a,c; t b; t c; h c; cx a,b;
  t a; tdg b; cx a,b; }
gate crz(lambda) a,b { u1(lambda/2) b; cx a,b; u1(-lambda/2) b; cx a,b; }
gate cu1(lambda) a,b { u1(lambda/2) a; cx a,b; u1(-lambda/2) b; cx a,b; u1(lambda/2) b; }
"""

#: ``stdgates.inc``, with 0.5 where it has 1/2.
STDGATES = """
gate p(λ) a { ctrl @ gphase(λ) a; }
gate x a { U(π, 0, π) a; gphase(-π/2); }
gate y a { U(π, π/2, π/2) a; gphase(-π/2); }
gate z a { p(π) a; }
gate h a { U(π/2, 0, π) a; gphase(-π/4); }
gate s a { pow(0.5) @ z a; }
gate sdg a { inv @ pow(0.5) @ z a; }
gate t a { pow(0.5) @ s a; }
gate tdg a { inv @ pow(0.5) @ s a; }
gate sx a { pow(0.5) @ x a; }
gate rx(θ) a { U(θ, -π/2, π/2) a; gphase(-θ/2); }
gate ry(θ) a { U(θ, 0, 0) a; gphase(-θ/2); }
gate rz(λ) a { gphase(-λ/2); U(0, 0, λ) a; }
gate cx a, b { ctrl @ x a, b; }
gate cy a, b { ctrl @ y a, b; }
gate cz a, b { ctrl @ z a, b; }
gate cp(λ) a, b { ctrl @ p(λ) a, b; }
gate crx(θ) a, b { ctrl @ rx(θ) a, b; }
gate cry(θ) a, b { ctrl @ ry(θ) a, b; }
gate crz(θ) a, b { ctrl @ rz(θ) a, b; }
gate ch a, b { ctrl @ h a, b; }
gate swap a, b { cx a, b; cx b, a; cx a, b; }
gate ccx a, b, c { ctrl @ ctrl @ x a, b, c; }
gate cswap a, b, c { ctrl @ swap a, b, c; }
gate cu(θ, φ, λ, γ) a, b { p(γ-θ/2) a; ctrl @ U(θ, φ, λ) a, b; }
gate CX a, b { cx a, b; }
gate phase(λ) q { U(0, 0, λ) q; }
gate cphase(λ) a, b { ctrl @ phase(λ) a, b; }
gate id a { U(0, 0, 0) a; }
gate u1(λ) q { U(0, 0, λ) q; }
gate u2(φ, λ) q { gphase(-(φ+λ+π/2)/2); U(π/2, φ, λ) q; }
gate u3(θ, φ, λ) q { gphase(-(φ+λ+θ)/2); U(θ, φ, λ) q; }
"""


def with_library(text):
    """The text with its library written out in place of the include."""
    text = text.replace('include "qelib1.inc";', QELIB1)
    return text.replace('include "stdgates.inc";', STDGATES)


def random_programs(seeds, **options):
    """Programs that are not refused, with values and the unitary."""
    for seed in seeds:
        program = Generator(seed, **options).program()
        values = {name: 0.61 + 1.7 * k for k, name in enumerate(program.inputs)}
        try:
            yield circuit(program.text()), values, program.matrix(values)
        except NearCut:
            continue
        except CircuitError as error:
            if "principal one depends" not in str(error):
                raise


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("way", mostly_slow(["", "ctrl @ ", "inv @ "]))
def test_each_gate_of_stdgates_is_what_its_definition_there_says(name, way):
    angles, qubits, _ = GATES[name]
    qubits += way == "ctrl @ "
    if name == "gphase" or qubits == 0:
        return
    params = f"({', '.join(str(0.3 + 0.4 * n) for n in range(angles))})" if angles else ""
    wires = ", ".join(f"q[{n}]" for n in range(qubits))
    text = f'OPENQASM 3.0; include "stdgates.inc"; qubit[{qubits}] q; {way}{name}{params} {wires};'
    assert same(build(circuit(text)), Operator(build(circuit(with_library(text)))).data)


@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.slow
def test_random_programs_sent_use_the_library_as_printed(version):
    checked = 0
    for read, values, matrix in random_programs(range(40_000, 40_012)):
        text = program_text(read, values, version)
        assert same(build(circuit(with_library(text))), matrix), text
        checked += 1
    assert checked > 8


def test_random_openqasm_2_programs_are_read_and_sent_as_what_they_are():
    for read, values, matrix in random_programs(range(43_000, 43_012), version="2.0"):
        assert same(bind(read, values), matrix)
        for version in ("2.0", "3.0"):
            text = program_text(read, values, version)
            assert same(build(circuit(with_library(text))), matrix), text


@pytest.mark.parametrize("basis", [("cx", "rz", "sx", "x"), ("u", "cz"), ("rzz", "h", "rx", "rz")])
def test_random_programs_fitted_to_a_basis_are_what_they_were(basis):
    for read, values, matrix in random_programs(range(41_000, 41_008), num_qubits=3):
        for version in ("2.0", "3.0"):
            text = program_text(read, values, version, fit=Fit(basis, optimization_level=1))
            assert same(build(circuit(text)), matrix), text


def test_one_register_in_place_of_all_keeps_gates_and_their_names():
    for read, values, matrix in random_programs(range(42_000, 42_010)):
        for version in ("2.0", "3.0"):
            text = program_text(read, values, version, register="c")
            assert same(build(circuit(text)), matrix), text


@pytest.mark.parametrize(
    "body",
    [
        "pow(2) @ rx(a) q[0];",
        "negctrl @ U(a, 2 * a, 0.3) q[0], q[1];",
        "ctrl(2) @ gphase(a) q[0], q[1];",
        "ctrl @ pow(2) @ rx(a) q[0], q[1];",
        "gate g(t) q { rx(t) q; p(t) q; } pow(3) @ g(a) q[1];",
        "gate g(t) q { rx(t) q; p(t) q; } g(a) q[0]; g(2 * a) q[0]; ctrl @ g(a) q[0], q[1];",
        "pow(0.5) @ crz(a) q[0], q[1];",
    ],
)  # fmt: skip
@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_no_free_angle_is_left_in_what_is_sent(body, version):
    original = circuit3(f"input float a; qubit[2] q; {body}")
    for value in (0.7, -4.1):
        text = program_text(original, {"a": value}, version)
        assert re.search(r"\ba\b", text) is None
        expected = Operator(bind(original, {"a": value})).data
        assert same(build(circuit(with_library(text))), expected)


def test_cu3_is_never_sent_by_name_to_readers_of_openqasm_2():
    made = QuantumCircuit(2)
    made.append(CU3Gate(0.3, 0.5, 0.9), [0, 1])
    text = qasm2_text(made, HERE)
    assert "cu3" not in text
    assert same(build(circuit(with_library(text))), Operator(made).data)
    read = circuit2("qreg q[2]; cu3(0.3, 0.5, 0.9) q[0], q[1];")
    assert same(build(circuit(with_library(program_text(read, {}, "2.0")))), Operator(made).data)


NAMES = ["measure", "reset", "barrier", "delay", "if_else", "while_loop", "unitary", "box",
         "x", "rzz", "U", "CX", "gate", "a0", "p0", "sin", "π", "my gate", "c", "q"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [qasm2_text, qasm3_text])
def test_a_gate_of_any_name_is_written_as_its_definition(name, write):
    inner = QuantumCircuit(2, name=name)
    inner.ry(0.4, 0)
    inner.cx(0, 1)
    outer = QuantumCircuit(2, name="outer")
    outer.append(inner.to_gate(), [1, 0])
    made = QuantumCircuit(3)
    made.append(inner.to_gate(), [0, 2])
    made.append(outer.to_gate(), [2, 1])
    text = write(made, HERE)
    assert same(build(circuit(text)), Operator(made).data), text
    if write is qasm3_text:
        assert same(qasm3.loads(text), Operator(made).data), text


def test_no_name_that_is_written_is_a_word_of_a_language():
    made = QuantumCircuit(1)
    for number, name in enumerate([*FUNCTIONS, "opaque", "case", "default", "h", "pi", "tau"]):
        inner = QuantumCircuit(1, name=name)
        inner.rx(number / 10, 0)
        made.append(inner.to_gate(), [0])
    for write in (qasm2_text, qasm3_text):
        defined = re.findall(r"gate (\w+)", write(made, HERE))
        assert not {*FUNCTIONS, "opaque", "case", "default", "h", "pi", "tau"} & {*defined}


def test_gates_of_one_name_and_other_angles_are_defined_apart():
    text = "gate g(t) a { rx(t) a; } qubit q; g(0.1) q; g(0.2) q; g(0.1) q;"
    for version in ("2.0", "3.0"):
        sent = program_text(circuit3(text), {}, version)
        assert sent.count("gate gate_g") == 2
        assert same(build(circuit(sent)), Operator(build(circuit3(text))).data)


def test_a_free_angle_hidden_in_a_definition_is_written_out():
    free = Parameter("a")
    body = QuantumCircuit(1)
    body.rx(free, 0)
    hidden = Gate("hidden", 1, [])
    hidden.definition = body
    made = QuantumCircuit(1)
    made.rz(free, 0)
    made.append(hidden, [0])
    text = qasm3_text(made, HERE)
    assert text.endswith("rz(a) q[0];\nrx(a) q[0];\n")


def test_definitions_that_double_at_each_level_are_written_once_each():
    gates = "gate g0 a { h a; t a; }" + "".join(
        f"gate g{n} a {{ g{n - 1} a; g{n - 1} a; }}" for n in range(1, 18)
    )
    text = program_text(circuit3(f"{gates} qubit q; g17 q;"), {}, "2.0")
    assert text.count("gate ") == 18


def test_what_is_sent_is_the_same_text_each_time():
    read = circuit3(
        "input float a; qubit[3] q; ctrl(2) @ pow(0.5) @ x q[0], q[1], q[2]; cry(a) q[0], q[1];"
    )
    assert len({program_text(read, {"a": 0.3}, "3.0") for _ in range(3)}) == 1


def test_controlled_gates_of_qiskit_circuits_keep_the_phases_seen_through_them():
    rng = np.random.default_rng(5)
    for _ in range(6):
        inner = QuantumCircuit(2, global_phase=rng.uniform(0, 6))
        inner.u(*rng.uniform(-3, 3, 3), 0)
        inner.rzz(rng.uniform(-3, 3), 0, 1)
        inner.sx(1)
        made = QuantumCircuit(4)
        made.append(inner.to_gate().control(2, ctrl_state=int(rng.integers(4))), [3, 0, 2, 1])
        for write in (qasm2_text, qasm3_text):
            assert same(build(circuit(with_library(write(made, HERE)))), Operator(made).data)


def test_many_free_angles_of_alike_terms_are_fitted_soon_and_right():
    """Qiskit added the phases of all gates up, which took it for ever after a few dozen."""
    angles = ("sin(t), exp(-t)", "pi - t*t, -(t + t**2)/3", "t - t**2, sqrt(t*t)")
    gates = "".join(
        f"U(2*t, {pair}) w; ctrl @ U(-2*t, {pair}) w, x; inv @ ctrl @ U(t, {pair}) x, w; "
        for pair in angles
    )
    text = (
        f"input float b; qubit[2] q; gate g(t) x, w {{ {gates} }} "
        "g(2*b) q[0], q[1]; g(b/2) q[1], q[0]; g(sqrt(b*b)) q[0], q[1];"
    )
    read, basis = circuit3(text), ("rz", "sx", "x", "cx")
    began = time.process_time()
    sent = program_text(read, {"b": 0.7}, "3.0", fit=Fit(basis, optimization_level=1))
    assert time.process_time() - began < 10
    assert same(build(circuit(sent)), Operator(bind(read, {"b": 0.7})).data)
