"""What is known of a circuit: registers, shape, dynamics, Clifford."""

from dataclasses import replace

import pytest
from qiskit.circuit.library import standard_gates

from qbatch.circuit import CircuitFacts, Register
from qbatch.circuit.qasm.names import BUILTIN, PERMUTING, QELIB1, STDGATES
from tests.circuit.conftest import circuit, circuit2, circuit3


def test_bits_are_numbered_through_the_registers_in_the_order_declared():
    facts = circuit3("qubit[3] q; bit[2] b; bit a; a = measure q[0]; b[1] = measure q[2];").facts
    assert facts.registers == (Register("b", 2), Register("a", 1))
    assert facts.terminal == (None, 2, 0)
    assert facts.measured_bits == (1, 2)


def test_a_bell_pair_in_either_version_has_the_same_facts():
    old = circuit2("qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;").facts
    new = circuit3("qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;").facts
    assert replace(old, content=new.content) == new
    assert (old.depth, old.num_gates, old.num_two_qubit_gates) == (3, 2, 1)
    assert old.gates == ("cx", "h")


def test_inputs_are_the_parameters_in_the_order_declared():
    facts = circuit3("input float z; input angle[32] a; qubit q; rx(z * sin(a)) q;").facts
    assert facts.parameters == ("z", "a")
    assert not facts.is_clifford


@pytest.mark.parametrize(
    "body",
    [
        "c[0] = measure q[0]; x q[0];",
        "c[0] = measure q[0]; c[1] = measure q[0];",
        "h q[0]; reset q[0];",
        "c[0] = measure q[0]; if (c[0]) x q[1];",
        "while (c == 1) c[0] = measure q[0];",
    ],
)
def test_what_acts_on_the_measured_is_dynamic(body):
    facts = circuit3(f"qubit[2] q; bit[2] c; {body}").facts
    assert facts.is_dynamic
    assert facts.terminal == ()


@pytest.mark.parametrize(
    "body",
    [
        "reset q; h q[0]; c = measure q;",
        "c[0] = measure q[0]; h q[1]; c[1] = measure q[1];",
        "c[0] = measure q[0]; barrier q; delay[10ns] q[0]; c[1] = measure q[1];",
    ],
)
def test_measuring_each_qubit_once_at_its_end_is_not_dynamic(body):
    facts = circuit3(f"qubit[2] q; bit[2] c; {body}").facts
    assert not facts.is_dynamic
    assert facts.terminal == (0, 1)


def test_of_two_measurements_into_one_bit_the_last_counts():
    facts = circuit3("qubit[2] q; bit c; c = measure q[0]; c = measure q[1];").facts
    assert facts.terminal == (1,)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ("h q; s q; cx q[0], q[1];", True),
        ("rz(pi/2) q; rx(-3*pi/2) q; U(pi/2, 0, pi) q; cp(pi) q[0], q[1];", True),
        ("inv @ s q; ctrl @ x q[0], q[1]; inv @ mine(1.0) q;", True),
        ("t q;", False),
        ("rz(0.1) q;", False),
        ("ctrl @ s q[0], q[1];", False),
        ("mine(0.3) q;", False),
        ("pow(0.5) @ x q;", False),
    ],
)
def test_clifford_circuits_are_known_by_their_gates_and_angles(gates, expected):
    own = "gate mine(a) q { h q; rz(a * pi) q; }"
    assert circuit3(f"{own} qubit[2] q; {gates}").facts.is_clifford is expected


@pytest.mark.parametrize(
    ("text", "gates", "is_clifford"),
    [
        ("gate x q { U(1, 0, 0) q; } qubit[2] q; ctrl @ x q[0], q[1];", ("ctrl @ gate_x",), False),
        ("gate x q { U(pi/4, 0, pi) q; } qubit q; x q;", ("gate_x",), False),
        ("gate t q { U(pi, 0, pi) q; } qubit q; t q;", ("gate_t",), True),
        ("gate cx a, b { U(0.1, 0, 0) a; } qubit[2] q; cx q[0], q[1];", ("gate_cx",), False),
        ("gate mine q { U(pi, 0, pi) q; } qubit q; mine q;", ("mine",), True),
        ("gate x q { U(pi, 0, pi) q; } gate z q { inv @ x q; } qubit q; z q;", ("gate_z",), True),
    ],
)
def test_an_own_gate_does_not_pass_for_the_librarys_of_that_name(text, gates, is_clifford):
    facts = circuit(f"OPENQASM 3.0; {text}").facts
    assert (facts.gates, facts.is_clifford) == (gates, is_clifford)


@pytest.mark.parametrize(
    ("statement", "often"),
    [
        ("if (c == 5) x q;", "never"),
        ("if (c < 4) x q;", "always"),
        ("while (c[0] && !c[0]) x q;", "never"),
        ("if (c == 3) x q;", ""),
        ("if (true) x q;", ""),
        ("for int i in [0:5] { if (c == i) x q; }", ""),  # another condition in each round
    ],
)
def test_conditions_that_no_measurement_changes_are_remarked(statement, often):
    remarks = circuit3(f"qubit q; bit[2] c;\nc[0] = measure q; {statement}").facts.remarks
    told = f"the condition in its line 4 is {often} true, whatever is measured"
    assert remarks == ((told,) if often else ())


@pytest.mark.parametrize(
    ("body", "is_told"),
    [
        ("qubit[2] q; bit[2] c;\nmeasure q;", True),
        ("qubit[2] q;\nmeasure q;", True),
        ("qubit[2] q; bit[2] c;\nmeasure q[0]; c[1] = measure q[1];", True),
        ("qubit q; bit c;\ndef f(qubit a) -> bit { return measure a; } f(q);", True),
        ("qubit[2] q; bit[2] c;\nmeasure q[0]; h q[0]; c = measure q;", False),  # on purpose
        ("qubit[2] q; bit[2] c;\nc = measure q;", False),
        ("qubit[2] q; bit[2] c;\nc[0] = measure q[0];", False),
    ],
)
def test_a_result_that_goes_nowhere_while_bits_stay_empty_is_remarked(body, is_told):
    told = "what is measured in its line 4 goes into no bit; write c = measure q; to keep it"
    assert circuit3(body).facts.remarks == ((told,) if is_told else ())


def test_facts_survive_json():
    facts = circuit3("input float a; qubit q; bit[2] c; rx(a) q; if (c > 3) x q;").facts
    assert facts.remarks
    assert CircuitFacts.from_json(facts.to_json()) == facts


@pytest.mark.parametrize(
    ("body", "free"),
    [
        ("h q[0]; cx q[0], q[1]; cx q[1], q[2];", 1),
        ("x q; cz q[0], q[1]; swap q[1], q[2]; rz(0.3) q[0]; gphase(1);", 0),
        ("h q; h q;", 3),
        ("gate two a, b { h a; cx a, b; } two q[0], q[1];", 1),
        ("gate two a, b { h a; cx a, b; h a; ry(1) b; } inv @ two q[0], q[1];", 2),
        ("gate two a, b { h a; cx a, b; } ctrl @ two q[0], q[1], q[2];", 3),
        ("gate none a, b { x a; cx a, b; } ctrl @ none q[0], q[1], q[2];", 0),
        ("pow(0.5) @ x q[0];", 1),
        ("gate x a { U(1, 0, 0) a; } ctrl @ x q[0], q[1];", 2),
    ],
)
def test_bits_are_free_where_a_gate_makes_several_states_of_one(body, free):
    own, _, call = body.rpartition("} ")
    head = "OPENQASM 3.0;" if "gate x" in own else 'OPENQASM 3.0; include "stdgates.inc";'
    made = circuit(f"{head} {own}{'}' * bool(own)} qubit[3] q; {call}")
    assert made.facts.free_bits == free


def test_no_bit_is_told_free_of_a_circuit_that_acts_on_what_it_measured():
    made = circuit3("qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0]; if (c[0]) { h q[1]; }")
    assert made.facts.free_bits == 0


@pytest.mark.parametrize("name", sorted(PERMUTING - {"gphase", "u0"}))
def test_a_gate_that_lets_no_bit_free_makes_one_state_of_one(name):
    standard = {**QELIB1, **STDGATES, **BUILTIN}[name]
    made = getattr(standard_gates, standard.qiskit_name)(*[0.7] * standard.num_params)
    assert ((abs(made.to_matrix()) > 1e-9).sum(axis=0) == 1).all()
