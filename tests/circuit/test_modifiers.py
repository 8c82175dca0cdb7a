"""Modified gates are the unitaries that the language says, phases and principal roots included."""

import math

import numpy as np
import pytest
from qiskit import qasm2, qasm3
from qiskit.quantum_info import Operator

from qbatch.circuit import bind, build, program_text, to_qiskit
from qbatch.circuit.qasm import modifiers
from qbatch.circuit.unitaries.atoms import ATOMS
from qbatch.circuit.unitaries.powers import principal
from qbatch.errors import CircuitError
from tests.circuit import unitaries
from tests.circuit.conftest import circuit, circuit2, circuit3
from tests.circuit.unitaries import Generator, NearCut, controlled, p_matrix, phase, power, u_matrix
from tests.proving import for_a_while

VALUES = (0.37, -2.9, 2 * math.pi)


def same(built, matrix):
    """Whether a circuit is a matrix up to a phase that nothing can see."""
    overlap = np.trace(matrix.conj().T @ Operator(built).data)
    return abs(abs(overlap) / len(matrix) - 1) < 1e-9


def unitary(text):
    return Operator(build(circuit3(text))).data


def differences(seeds, *, written):
    """Programs whose unitary differs from numpy's, after binding or after being written."""
    for seed in seeds:
        program = Generator(seed).program()
        try:
            read = circuit(program.text())
        except CircuitError as error:
            if "principal one depends" not in str(error):
                yield seed, str(error)
            continue
        for value in VALUES:
            values = {name: value * (1 + 0.3 * k) for k, name in enumerate(program.inputs)}
            try:
                matrix = program.matrix(values)
            except NearCut:
                continue
            made = {"bound": bind(read, values), **(_written(read, values) if written else {})}
            yield from ((seed, way) for way, it in made.items() if not same(it, matrix))


def _written(read, values):
    old, new = (program_text(read, values, version) for version in ("2.0", "3.0"))
    return {
        "2.0, read by us": build(circuit(old)),
        "3.0, read by us": build(circuit(new)),
        "2.0, read by Qiskit": qasm2.loads(old),
        "3.0, read by Qiskit": qasm3.loads(new),
    }


def test_random_programs_are_the_unitaries_numpy_says_at_every_value():
    assert list(differences(range(80), written=False)) == []


def test_random_programs_are_written_as_what_they_are():
    assert list(differences(range(1000, 1008), written=True)) == []


@pytest.mark.slow
def test_thousands_of_random_programs_are_the_unitaries_numpy_says():
    assert list(differences(for_a_while(range(10_000, 13_000), 700, 5.0), written=False)) == []


@pytest.mark.slow
def test_hundreds_of_random_programs_are_written_as_what_they_are():
    assert list(differences(for_a_while(range(20_000, 21_000), 150, 5.0), written=True)) == []


@pytest.mark.parametrize("name", unitaries.GATES)
@pytest.mark.parametrize("way", ["ctrl", "negctrl", "ctrl(2)", "negctrl(3)", "inv", "pow(-3)"])
def test_each_gate_under_each_modifier_with_a_free_angle(name, way):
    angles, qubits, make = unitaries.GATES[name]
    kind, count = way.rstrip("()0123456789-"), int(way.strip("ctrlnegivpow()") or 1)
    controls = count if kind.endswith("ctrl") else 0
    if qubits + controls == 0:
        return
    params = f"({', '.join(f'{k + 1} * a - 0.4' for k in range(angles))})" if angles else ""
    wires = ", ".join(f"q[{n}]" for n in range(qubits + controls))
    text = f"input float a; qubit[{qubits + controls}] q; {way} @ {name}{params} {wires};"
    free = circuit3(text)
    for value in (0.9, -7.1, 0.9):
        matrix = make(*[(k + 1) * value - 0.4 for k in range(angles)])
        if kind == "inv":
            matrix = matrix.conj().T
        if kind == "pow":
            matrix = power(matrix, count)
        for _ in range(controls):
            matrix = controlled(matrix, int(kind == "ctrl"))
        assert same(bind(free, {"a": value}), matrix)


def test_the_table_has_every_gate_of_the_language():
    assert set(ATOMS) == set(unitaries.GATES)


@pytest.mark.parametrize("name", ["U(1.0, 0.3, 0.7)", "u2(0.3, 0.7)", "u3(1.0, 0.3, 0.7)"])
def test_the_phase_of_a_gate_in_a_body_is_seen_under_an_outer_control(name):
    gates, angles = (
        name.split("(")[0],
        [float(x) for x in name[name.index("(") + 1 : -1].split(",")],
    )
    text = f"gate g a, b {{ ctrl @ {name} a, b; }} qubit[3] q; ctrl @ g q[0], q[1], q[2];"
    matrix = controlled(controlled(unitaries.ONE[gates][1](*angles)))
    assert same(build(circuit3(text)), matrix)


def test_a_control_that_never_acts_leaves_no_phase_behind():
    text = (
        "gate g a, b { ctrl @ U(1.0, 0.3, 0.7) a, b; } qubit[3] q;"
        "h q[0]; ctrl @ g q[0], q[1], q[2]; h q[0];"
    )
    assert abs(unitary(text)[0, 0]) == pytest.approx(1)


@pytest.mark.parametrize("name", ["u2", "x", "cx", "swap", "p", "rz", "CX", "id", "u3", "ccx"])
def test_an_own_gate_with_the_name_of_a_library_gate_is_its_own_definition(name):
    own = f"OPENQASM 3.0; gate {name} q {{ U(pi, 0, pi) q; }}"
    inner = f"{own} gate g q {{ {name} q; }} qubit[2] q; ctrl @ g q[0], q[1];"
    outer = f"{own} qubit[2] q; ctrl @ {name} q[0], q[1];"
    expected = controlled(u_matrix(math.pi, 0, math.pi))
    assert same(build(circuit(inner)), expected)
    assert same(build(circuit(outer)), expected)


@pytest.mark.parametrize("angle", ["abs(a)", "sqrt(a * a)", "a * a * a", "arcsin(sin(a))", "a + 7"])
def test_an_own_gate_is_taken_for_a_known_one_only_if_it_is_it_at_every_angle(angle):
    own = f"gate rzz(a) x, y {{ cx x, y; rz({angle}) y; cx x, y; }}"
    built = build(circuit3(f"{own} qubit[2] q; rzz(-0.3) q[0], q[1];"))
    assert "rzz" not in built.count_ops()


def test_an_own_gate_of_a_known_gate_without_angles_is_recognized():
    own = "gate iswap a, b { s a; s b; h a; cx a, b; cx b, a; h b; }"
    assert build(circuit3(f"{own} qubit[2] q; iswap q[0], q[1];")).count_ops() == {"iswap": 1}


def test_an_own_gate_named_as_a_clifford_gate_is_no_clifford_gate_by_its_name():
    own = "OPENQASM 3.0; gate x q { U(0.3, 0, 0) q; }"
    facts = circuit(f"{own} qubit[2] q; ctrl @ x q[0], q[1];").facts
    assert not facts.is_clifford
    assert facts.gates == ("ctrl @ gate_x",)


def test_names_of_angles_within_gates_mean_the_innermost():
    text = (
        "gate one(pi, q) a { rx(pi) a; rz(q) a; } gate two(q, pi) a { one(q, 2 * pi) a; }"
        "input float q0; input float b; qubit q; two(b, q0) q;"
    )
    values = {"q0": 0.4, "b": 1.3}
    expected = unitaries.ONE["rz"][1](0.8) @ unitaries.ONE["rx"][1](1.3)
    assert same(bind(circuit3(text), values), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pow(0.5) @ p(3*pi/2) q;", p_matrix(-math.pi / 4)),
        ("gate g q { p(3*pi/2) q; } pow(0.5) @ g q;", p_matrix(-math.pi / 4)),
        ("gate g q { h q; h q; p(3*pi/2) q; } pow(0.5) @ g q;", p_matrix(-math.pi / 4)),
        ("pow(0.5) @ z q;", p_matrix(math.pi / 2)),
        ("pow(0.5) @ inv @ z q;", p_matrix(math.pi / 2)),
        ("inv @ pow(0.5) @ z q;", p_matrix(-math.pi / 2)),
        ("pow(-0.5) @ z q;", p_matrix(-math.pi / 2)),
        ("pow(0.5) @ p(-pi) q;", p_matrix(math.pi / 2)),
        ("pow(0.5) @ p(7*pi) q;", p_matrix(math.pi / 2)),
        ("gate g q { h q; x q; h q; } pow(0.5) @ g q;", p_matrix(math.pi / 2)),
        ("gate g q { s q; s q; } inv @ pow(1.5) @ g q;", p_matrix(-1.5 * math.pi)),
        ("pow(0.5) @ pow(2) @ t q;", p_matrix(math.pi / 4)),
        ("pow(0.5) @ pow(2) @ p(2.0) q;", p_matrix(2 - math.pi)),
        ("pow(0.5) @ rx(3*pi) q;", unitaries.ONE["rx"][1](-math.pi / 2)),
        ("pow(0.5) @ x q;", unitaries.ONE["sx"][1]()),
    ],
)
def test_a_power_that_is_no_integer_is_the_principal_one(text, expected):
    gate, _, call = text.rpartition("} ")
    gate += "} " if gate else ""
    assert same(build(circuit3(f"{gate} qubit q; {call}")), expected)
    modified = call.replace(" q;", " c, q;")
    under = build(circuit3(f"{gate} qubit c; qubit q; ctrl @ {modified}"))
    assert same(under, controlled(expected))


@pytest.mark.parametrize("name", ["rx", "ry", "rz", "p"])
@pytest.mark.parametrize("exponent", [0.5, -0.75])
def test_the_root_of_a_rotation_by_an_input_is_principal_at_every_value(name, exponent):
    text = f"input float a; qubit[2] q; ctrl @ pow({exponent}) @ {name}(a) q[0], q[1];"
    free = circuit3(text)
    for value in [*np.linspace(-13, 13, 23), *(n * math.pi for n in range(-7, 8))]:
        matrix = power(unitaries.ONE[name][1](value), exponent)
        assert same(bind(free, {"a": value}), controlled(matrix))


def test_the_principal_phase_of_an_expression_is_that_of_its_value():
    from qiskit.circuit import Parameter

    free = Parameter("a")
    for value in [0.1, -3.0, 9.0, 1e3, math.pi, -math.pi, 5 * math.pi, -31 * math.pi]:
        bound = float(principal(free).bind({free: value}))
        assert bound == pytest.approx(principal(value), abs=1e-12 * max(1, abs(value)))
        assert -math.pi < bound < math.pi + 1e-8


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("qubit q;\npow(0.5) @ U(a, 0, 0) q;", "5:12"),
        ("qubit[2] q;\nctrl @ pow(0.5) @ u3(a, 0, a) q[0], q[1];", "5:19"),
        ("qubit q;\ngate g(t) q { rx(t) q; rz(t) q; } pow(1.5) @ g(a) q;", "5:46"),
        ("qubit q;\ngate g(t) q { pow(0.5) @ u2(t, t) q; h q; } g(a) q;", "5:26"),
    ],
)
def test_a_root_that_depends_on_a_free_angle_in_another_way_is_refused(body, place):
    with pytest.raises(CircuitError, match=rf"c\.qasm:{place}: pow.*depends on a free angle; give"):
        circuit3(f"\ninput float a; {body}")


def test_a_root_on_many_qubits_is_refused():
    wires = ", ".join(f"q{n}" for n in range(7))
    body = " ".join(f"h q{n};" for n in range(7))
    with pytest.raises(CircuitError, match="on at most 6 qubits, not 7"):
        circuit3(f"gate g {wires} {{ {body} }} qubit[7] q; pow(0.5) @ g "
                 + ", ".join(f"q[{n}]" for n in range(7)) + ";")  # fmt: skip


@pytest.mark.parametrize("exponent", [65, 1000, -4097, 1_000_000])
def test_a_high_power_is_right_and_short(exponent):
    text = f"gate g q {{ rx(0.7) q; p(0.3) q; }} qubit[2] q; ctrl @ pow({exponent}) @ g q[0], q[1];"
    built = build(circuit3(text))
    matrix = p_matrix(0.3) @ unitaries.ONE["rx"][1](0.7)
    values, vectors = np.linalg.eig(matrix)
    values = np.exp(1j * exponent * np.angle(values))
    raised = vectors @ np.diag(values) @ np.linalg.inv(vectors)
    assert built.size() < 20
    assert abs(np.trace(controlled(raised).conj().T @ Operator(built).data)) == pytest.approx(4)


def test_a_high_power_of_a_free_rotation_is_one_gate():
    free = circuit3("input float a; qubit[2] q; ctrl @ pow(1024) @ p(a) q[0], q[1];")
    assert bind(free, {"a": 0.25}).count_ops() == {"cp": 1}
    assert bind(free, {"a": 0.25}).data[0].operation.params == [256.0]


@pytest.mark.parametrize("modifier", ["ctrl", "inv", "pow(2)", "pow(0.5)"])
def test_barriers_within_a_modified_gate_are_dropped(modifier):
    gate = "gate g a { barrier a; rx(0.3) a; barrier a; }"
    wires = "q[0], q[1]" if modifier == "ctrl" else "q[1]"
    built = build(circuit3(f"{gate} qubit[2] q; {modifier} @ g {wires};"))
    assert "barrier" not in built.count_ops()


def test_controls_upon_controls_upon_controls_are_as_good_as_many_at_once():
    wires = ", ".join(f"q[{n}]" for n in range(9))
    gates = "gate g0 a { sx a; } " + "".join(
        f"gate g{n} {', '.join(f'a{k}' for k in range(n + 1))} "
        f"{{ ctrl @ g{n - 1} {', '.join(f'a{k}' for k in range(n + 1))}; }} "
        for n in range(1, 8)
    )
    at_once, above, within = (
        build(circuit3(f"{gates} qubit[9] q; {call} {wires};"))
        for call in ("ctrl(8) @ sx", f"{'ctrl @ ' * 8}sx", "ctrl @ g7")
    )
    assert at_once == above == within
    assert at_once.size() < 100


@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("kind", ["ctrl", "negctrl"])
def test_any_number_of_controls_on_any_phase(count, kind):
    wires = ", ".join(f"q[{n}]" for n in range(count))
    free = circuit3(f"input float a; qubit[{count}] q; {kind}({count}) @ gphase(a) {wires};")
    expected = np.ones(2**count, dtype=complex)
    expected[-1 if kind == "ctrl" else 0] = np.exp(0.8j)
    assert same(bind(free, {"a": 0.8}), np.diag(expected))


def test_a_phase_of_the_whole_program_is_nothing():
    text = "input float a; qubit q; gphase(a); gphase(0.3); gate g(b) q { gphase(b); h q; } g(a) q;"
    assert same(bind(circuit3(text), {"a": 0.4}), unitaries.ONE["h"][1]())


@pytest.mark.parametrize("name", ["id", "gphase(0.0)"])
def test_what_does_nothing_does_nothing_under_controls(name):
    wires = "q[0], q[1], q[2]" if name == "id" else "q[0], q[1]"
    assert same(build(circuit3(f"qubit[3] q; ctrl(2) @ {name} {wires};")), np.eye(8))


def test_the_root_of_a_gate_on_several_qubits_may_have_controls():
    gate = "gate g a, b { swap a, b; cx a, b; gphase(0.2); }"
    text = f"{gate} qubit[5] q; ctrl @ negctrl @ pow(0.5) @ g q[3], q[0], q[1], q[2];"
    matrix = phase(0.2, controlled(unitaries.X) @ unitaries.SWAP)
    expected = controlled(controlled(power(matrix, 0.5), 0), 1)
    assert same(build(circuit3(text)), unitaries.placed(expected, [3, 0, 1, 2], 5))


def test_binding_changes_nothing_that_is_kept():
    free = circuit3(
        "input float a; qubit[4] q; gate g(t) b { rx(t) b; } g(2 * a) q[0];"
        "negctrl @ rx(a) q[0], q[1]; ctrl(3) @ ry(a) q[0], q[1], q[2], q[3];"
        "ctrl @ g(a) q[1], q[2];"
    )
    first = Operator(bind(free, {"a": 0.3})).data
    bind(free, {"a": 1.7})
    assert {p.name for p in build(free).parameters} == {"a"}
    assert np.array_equal(Operator(bind(free, {"a": 0.3})).data, first)


def test_what_comes_down_to_too_many_gates_is_refused_at_its_place(monkeypatch):
    monkeypatch.setattr(modifiers, "MOST", 1000)
    gates = "gate g0 a { h a; t a; }" + "".join(
        f"gate g{n} a {{ {f'g{n - 1} a; ' * 10}}}" for n in range(1, 4)
    )
    with pytest.raises(CircuitError, match=r"c\.qasm:4:\d+: .*come down to more than"):
        circuit3(f"{gates} qubit[9] q;\nctrl(3) @ g3 q[0], q[1], q[2], q[3];")


def test_openqasm_2_gates_that_contain_the_same_gate_often_are_built_once():
    gates = "gate g0 a { h a; }" + "".join(
        f"gate g{n} a {{ {f'g{n - 1} a; ' * 2}}}" for n in range(1, 19)
    )
    built = build(circuit2(f"{gates} qreg q[1]; g18 q[0];"))
    assert built.count_ops() == {"gate_g18": 1}


@pytest.mark.parametrize("body", ["x q;", "x q; t q;"])
def test_powers_that_leave_no_digits_of_an_angle_are_refused(body):
    gates = f"gate g q {{ {body} }} gate f q {{ pow(2000) @ g q; }}"
    with pytest.raises(CircuitError, match=r"c\.qasm:3:\d+: a power of 2e\+06 is too high"):
        circuit3(f"{gates} qubit q; pow(1000) @ f q;")


def test_gates_of_free_angles_that_double_at_each_level_end_in_a_limit(monkeypatch):
    monkeypatch.setattr(to_qiskit, "MOST", 500)
    gates = "gate g0(t) a { rx(t) a; } " + "".join(
        f"gate g{n}(t) a {{ g{n - 1}(t) a; g{n - 1}(t / 2) a; }} " for n in range(1, 20)
    )
    with pytest.raises(CircuitError, match=r"3:\d+: .*of free angles come down to more than 500"):
        circuit3(f"{gates}input float a; qubit q;\ng19(a) q;")
