"""Programs as sent: text that means the circuit it was written from."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, qasm3
from qiskit.circuit import Parameter, ParameterVector
from qiskit.circuit.library import QFTGate, UnitaryGate
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator, Statevector, random_unitary

from qbatch.circuit import Fit, Register, bind, build, program_text
from qbatch.circuit.qasm.writer import qasm3_text
from qbatch.errors import CircuitError, Place
from tests.circuit.conftest import circuit, circuit2, circuit3, qasm2_text

HERE = Place("circuits.py", 7)
WRITERS = {"2.0": qasm2_text, "3.0": qasm3_text}


def unitary(built):
    return Operator(built.remove_final_measurements(inplace=False) or built)


BODIES = [
    "qubit[3] q; h q; cx q[0], q[2]; rz(0.1) q[1]; U(0.1, 0.2, 0.3) q[2]; cp(pi/8) q[0], q[1];",
    "gate g(b, a) x, y { rx(b) x; cx x, y; rz(a) y; } qubit[2] q; g(0.1, 0.2) q[0], q[1];",
    "qubit[3] q; ctrl(2) @ s q[0], q[1], q[2]; pow(0.3) @ h q[0]; negctrl @ x q[1], q[0];",
    "qubit a; qubit[2] b; swap a, b[1]; cu(0.1, 0.2, 0.3, 0.4) b[0], a; sx a; u2(0.5, 1e-5) a;",
    "gate rzz(a) x, y { cx x, y; rz(a) y; cx x, y; } qubit[2] q; rzz(1e-7) q[0], q[1];",
]


@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.parametrize("body", BODIES)
def test_a_program_keeps_the_unitary(body, version):
    original = circuit3(body)
    sent = circuit(program_text(original, {}, version))
    assert sent.version == version
    assert Operator(build(sent)).equiv(Operator(build(original)))


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_a_program_keeps_registers_and_what_is_measured_into_them(version):
    original = circuit3(
        "qubit[3] q; bit[2] first; bit[1] second; x q[2];"
        "first[1] = measure q[2]; second[0] = measure q[0];"
    )
    sent = circuit(program_text(original, {}, version))
    assert sent.facts.registers == (Register("first", 2), Register("second", 1))
    assert sent.facts.terminal == original.facts.terminal == (None, 2, 0)


def test_one_register_can_take_the_place_of_all():
    original = circuit2("qreg q[2]; creg a[1]; creg b[2]; measure q[0] -> b[1];")
    sent = circuit(program_text(original, {}, "2.0", register="c"))
    assert sent.facts.registers == (Register("c", 3),)
    assert sent.facts.terminal == (None, None, 0)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.sampled_from(["2.0", "3.0"]))
def test_bound_angles_are_exact(a, b, version):
    original = circuit3(
        "gate g(x) q { ry(x/2) q; } input float a; input float b; qubit q; rx(a) q; g(b) q;"
    )
    values = {"a": a, "b": b}
    sent = build(circuit(program_text(original, values, version)))
    assert sent.data[0].operation.params == [a]
    assert Operator(sent).equiv(Operator(bind(original, values)))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 6), st.integers(0, 10_000), st.sampled_from(["2.0", "3.0"])
)
def test_any_qiskit_circuit_keeps_its_unitary(width, depth, seed, version):
    original = random_circuit(width, depth, seed=seed)
    text = WRITERS[version](original, HERE)
    assert Operator(build(circuit(text))).equiv(Operator(original))


@pytest.mark.parametrize("version", ["2.0", "3.0"])
def test_qiskit_reads_what_we_write_as_we_do(version):
    original = QuantumCircuit(3)
    original.append(QFTGate(3), [0, 2, 1])
    original.append(UnitaryGate(random_unitary(4, seed=1)), [0, 1])
    original.ecr(1, 2)
    original.cx(0, 1, ctrl_state=0)
    text = WRITERS[version](original, HERE)
    loaded = (qasm2 if version == "2.0" else qasm3).loads(text)
    assert Operator(loaded).equiv(Operator(original))


@pytest.mark.parametrize("version", ["2.0", "3.0"])
@pytest.mark.parametrize("away", [0.0, 1e-9, 1e-6, 1e-5, 3e-5, 1e-3])
@pytest.mark.parametrize("angles", [(0, 0, 0), (0.3, 0, 0), (0.3, 0.3, 0.3), (math.pi / 4,) * 3])
def test_a_gate_next_to_one_of_a_simpler_kind_is_written_to_rounding(angles, away, version):
    rng = np.random.default_rng(5)
    paulis = [np.array(p) for p in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    terms = [(a + away * rng.normal()) * np.kron(p, p) for a, p in zip(angles, paulis, strict=True)]
    values, vectors = np.linalg.eigh(sum(terms))
    canonical = vectors * np.exp(1j * values) @ vectors.conj().T
    outer = [np.kron(*(random_unitary(2, seed=rng).data for _ in "ab")) for _ in "lr"]
    matrix = outer[0] @ canonical @ outer[1]
    made = QuantumCircuit(2)
    made.append(UnitaryGate(matrix), [0, 1])
    found = Operator(build(circuit(WRITERS[version](made, HERE)))).data
    assert abs(np.trace(found.conj().T @ matrix)) / 4 == pytest.approx(1, abs=1e-14)
    phase = np.trace(found.conj().T @ matrix)
    assert np.allclose(found * phase / abs(phase), matrix, rtol=0, atol=1e-11)


def test_the_same_circuit_has_the_same_text():
    def make():
        made = QuantumCircuit(2)
        for seed in range(3):
            made.append(UnitaryGate(random_unitary(4, seed=seed)), [0, 1])
        return qasm3_text(made, HERE)

    assert make() == make()


def test_free_parameters_become_inputs_of_names_that_can_be_written():
    angles = ParameterVector("v", 2)
    theta = Parameter("θ")
    made = QuantumCircuit(2)
    made.rx(2 * theta.sin() + angles[1], 0)
    made.rzz(angles[0] ** 2, 0, 1)
    read = circuit(qasm3_text(made, HERE))
    assert set(read.facts.parameters) == {"v_0", "v_1", "θ"}
    bound = bind(read, {"v_0": 0.3, "v_1": 0.7, "θ": 0.2})
    expected = made.assign_parameters({angles: [0.3, 0.7], theta: 0.2})
    assert np.allclose(Operator(bound).data, Operator(expected).data)


@pytest.mark.parametrize("name", ["x", "t", "cx", "end", "tau", "exp", "1st"])
def test_a_free_parameter_is_never_renamed_in_silence(name):
    """P30: `x` became `x_2`."""
    made = QuantumCircuit(1)
    made.rx(Parameter(name), 0)
    with pytest.raises(CircuitError, match=f"circuits.py:7: the parameter '{name}' has a name"):
        qasm3_text(made, HERE)
    made = QuantumCircuit(1)
    made.rx(Parameter(f"v{name}"), 0)
    assert circuit(qasm3_text(made, HERE)).facts.parameters == (f"v{name}",)


def test_two_free_parameters_never_share_a_name():
    made = QuantumCircuit(1)
    made.rx(Parameter("v_0"), 0)
    made.rx(ParameterVector("v", 1)[0], 0)
    with pytest.raises(CircuitError, match="has a name that OpenQASM has given already"):
        qasm3_text(made, HERE)


@pytest.mark.parametrize(
    "name", ["arcsin", "arccos", "arctan", "sin", "cos", "tan", "exp", "log", "conjugate"]
)
def test_functions_of_free_parameters_are_in_the_languages_words(name):
    """The words are those of the specification; Qiskit prints others of its own."""
    language = {"arccos", "arcsin", "arctan", "cos", "exp", "log", "sin", "sqrt", "tan"}
    free, made = Parameter("theta"), QuantumCircuit(1, 1)
    made.rx(getattr(free, name)(), 0)
    made.measure(0, 0)
    text = qasm3_text(made, HERE)
    assert set(re.findall(r"(\w+)\(", text)) <= language | {"rx"}
    (bound,) = bind(circuit(text), {"theta": 0.4}).data[0].operation.params
    assert bound == pytest.approx(getattr(np, name)(0.4), abs=1e-15)


def test_control_flow_survives_in_openqasm_3():
    body = (
        "qubit[2] q; bit[2] c; c = measure q; if (c == 1) { x q[0]; } else { h q[1]; }"
        "while (c[0] == 1) { c[0] = measure q[0]; } if (!c[0] && c[1]) { z q[0]; }"
    )
    once = program_text(circuit3(body), {}, "3.0")
    assert program_text(circuit(once), {}, "3.0") == once
    assert build(circuit(once)).count_ops() == build(circuit3(body)).count_ops()


def test_an_if_on_a_register_survives_in_openqasm_2():
    original = circuit3("qubit q; bit[2] c; c[0] = measure q; if (c == 1) { x q; z q; }")
    text = program_text(original, {}, "2.0")
    assert text.endswith("if (c == 1) x q[0];\nif (c == 1) z q[0];\n")


@pytest.mark.parametrize(
    "body",
    [
        "if (c[0]) { x q; }",
        "if (c == 1) { c[0] = measure q; x q; }",
        "while (c == 1) { c[0] = measure q; }",
        "delay[10ns] q;",
    ],
)
def test_what_openqasm_2_lacks_is_an_error(body):
    with pytest.raises(CircuitError, match="OpenQASM 2 has no"):
        program_text(circuit3(f"qubit q; bit[2] c; c[0] = measure q; {body}"), {}, "2.0")


def test_registers_of_odd_names_and_shared_bits_are_written():
    qubits, bits = QuantumRegister(2, "measure"), ClassicalRegister(2, "My reg!")
    made = QuantumCircuit(qubits, bits)
    made.add_register(ClassicalRegister(bits=bits[::-1], name="alias"))
    made.measure(qubits, bits)
    read = circuit(qasm3_text(made, HERE))
    assert read.facts.num_bits == 2
    assert read.facts.terminal == (0, 1)


def test_an_instruction_without_definition_is_an_error():
    from qiskit.circuit import Gate

    made = QuantumCircuit(1)
    made.append(Gate("secret", 1, []), [0])
    with pytest.raises(CircuitError, match=r"circuits.py:7: 'secret' cannot be written"):
        qasm3_text(made, HERE)


def test_a_missing_value_is_an_error():
    with pytest.raises(CircuitError, match="no value for input 'a'"):
        program_text(circuit3("input float a; qubit q; rx(a) q;"), {}, "2.0")


def test_a_gate_known_beyond_the_library_is_still_one_gate_after_writing():
    made = QuantumCircuit(2)
    made.rzz(0.3, 0, 1)
    made.rzz(0.4, 0, 1)
    text = qasm3_text(made, HERE)
    assert text.count("gate rzz(") == 1
    assert build(circuit(text)).count_ops() == {"rzz": 2}


#: A line of five with one coupling the other way round.
LINE = ((0, 1), (1, 2), (3, 2), (3, 4))

#: No symmetry: all eight outcomes have probabilities of their own.
LOPSIDED = (
    "input float theta; qubit[3] q; bit[2] a; bit[1] b; ry(theta) q[0]; cx q[0], q[2];"
    "ry(0.7) q[1]; cp(theta) q[1], q[2]; cx q[2], q[1]; rx(0.3) q[0]; cx q[1], q[0];"
    "a[0] = measure q[0]; b[0] = measure q[1]; a[1] = measure q[2];"
)


def probabilities(built):
    """Probability of each outcome over the classical bits, bit 0 rightmost."""
    bits = {}
    bare = QuantumCircuit(built.qubits)
    for item in built.data:
        if item.operation.name == "measure":
            qubit = built.find_bit(item.qubits[0]).index
            bits[built.find_bit(item.clbits[0]).index] = qubit
        elif item.operation.name != "barrier":
            bare.append(item.operation, item.qubits)
    return Statevector(bare).probabilities_dict([bits[bit] for bit in sorted(bits)], decimals=9)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([("ecr", "id", "rz", "sx", "x"), ("cz", "rz", "sx", "x"), ("cx", "rz", "sx")]),
    st.integers(0, 3),
    st.floats(-7, 7),
    st.sampled_from([(), (4, 3, 2), (2, 0, 1)]),
)
def test_a_fitted_program_measures_what_the_circuit_does(basis, level, theta, layout):
    original = circuit3(LOPSIDED)
    fit = Fit(basis, LINE, 5, layout, optimization_level=level, seed=3)
    text = program_text(original, {"theta": theta}, "3.0", fit=fit)
    sent = qasm3.loads(text)
    assert probabilities(sent) == pytest.approx(
        probabilities(bind(original, {"theta": theta})), abs=1e-6
    )
    assert [(r.name, r.size) for r in sent.cregs] == [("a", 2), ("b", 1)]


@pytest.mark.parametrize("level", range(4))
def test_a_fitted_program_uses_the_machines_gates_where_it_has_them(level):
    fit = Fit(("ecr", "rz", "sx", "x"), LINE, 5, optimization_level=level)
    sent = qasm3.loads(program_text(circuit3(LOPSIDED), {"theta": 0.4}, "3.0", fit=fit))
    used = {
        tuple(sent.find_bit(q).index for q in item.qubits)
        for item in sent.data
        if item.operation.name == "ecr"
    }
    assert used
    assert used <= set(LINE)
    assert {item.operation.name for item in sent.data} <= {"ecr", "rz", "sx", "x", "measure"}


def test_a_layout_is_kept_and_one_that_does_not_fit_is_told():
    fit = Fit(("cx", "rz", "sx", "x"), LINE, 5, (4, 3, 2))
    sent = circuit3("qubit[1] q; bit[1] c; x q[0]; c[0] = measure q[0];")
    with pytest.raises(CircuitError, match="cannot be fitted to the target"):
        program_text(sent, {}, "3.0", fit=fit)
    text = program_text(sent, {}, "3.0", fit=replace(fit, layout=(4,)))
    assert "x $4;\nc[0] = measure $4;" in text


def test_error_rates_choose_the_better_qubits():
    errors = tuple(
        [("cx", pair, 0.2 if 0 in pair or 1 in pair else 0.001) for pair in LINE]
        + [("measure", (qubit,), 0.01) for qubit in range(5)]
    )
    fit = Fit(("cx", "rz", "sx", "x"), LINE, 5, errors=errors, optimization_level=2, seed=1)
    bell = circuit3("qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;")
    text = program_text(bell, {}, "3.0", fit=fit)
    assert "cx $3, $" in text
