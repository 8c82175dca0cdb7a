"""OpenQASM becomes the Qiskit circuit it means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm2, qasm3
from qiskit.quantum_info import Operator

from qbatch.circuit import bind, build, parses, program_text
from qbatch.circuit.qasm.names import QELIB1, STDGATES
from qbatch.errors import CircuitError
from tests.circuit.conftest import QASM2, QASM3, circuit, circuit2, circuit3


def matrix_of_u(theta, phi, lam):
    """U as the OpenQASM 3 specification writes it."""
    e = np.exp
    return 0.5 * np.array(
        [
            [1 + e(1j * theta), -1j * e(1j * lam) * (1 - e(1j * theta))],
            [1j * e(1j * phi) * (1 - e(1j * theta)), e(1j * (phi + lam)) * (1 + e(1j * theta))],
        ]
    )


def controlled(matrix, controls=1, value=None):
    """Qubits 0… control, the last is the target."""
    size = 2 ** (controls + 1)
    value = 2**controls - 1 if value is None else value
    full = np.eye(size, dtype=complex)
    full[np.ix_(*[[value, value + size // 2]] * 2)] = matrix
    return Operator(full)


def call(name, num_params, num_qubits, start=0.3):
    angles = ", ".join(str(start + 0.4 * n) for n in range(num_params))
    qubits = ", ".join(f"q[{n}]" for n in range(num_qubits))
    return f"{name}{f'({angles})' if angles else ''} {qubits};"


@pytest.mark.parametrize("name", STDGATES)
def test_each_gate_of_stdgates_is_qiskits(name):
    spec = STDGATES[name]
    text = f"{QASM3}qubit[3] q; {call(name, spec.num_params, spec.num_qubits)}"
    assert Operator(build(circuit(text))) == Operator(qasm3.loads(text))


@pytest.mark.parametrize("name", QELIB1)
def test_each_gate_of_qelib1_is_qiskits(name):
    spec = QELIB1[name]
    start = 1 if name == "u0" else 0.3
    text = f"{QASM2}qreg q[5]; {call(name, spec.num_params, spec.num_qubits, start)}"
    loaded = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    assert Operator(build(circuit(text))).equiv(Operator(loaded))


def test_arguments_of_a_gate_are_taken_in_their_order_not_the_alphabets():
    expected = QuantumCircuit(1)
    expected.rx(0.1, 0)
    expected.rz(0.2, 0)
    text = "gate mine(b, a) q { rx(b) q; rz(a) q; } qubit q; mine(0.1, 0.2) q;"
    assert Operator(build(circuit3(text))) == Operator(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("ctrl @ U(0.3, 0.2, 0.1) q[0], q[1];", controlled(matrix_of_u(0.3, 0.2, 0.1))),
        ("negctrl @ U(0.3, 0.2, 0.1) q[0], q[1];", controlled(matrix_of_u(0.3, 0.2, 0.1), 1, 0)),
        ("ctrl(2) @ U(0.3, 0.2, 0.1) q[0], q[1], q[2];", controlled(matrix_of_u(0.3, 0.2, 0.1), 2)),
        ("ctrl @ ctrl @ g q[0], q[1], q[2];", controlled(matrix_of_u(0.3, 0.2, 0.1), 2)),
        (
            "ctrl @ inv @ U(0.3, 0.2, 0.1) q[0], q[1];",
            controlled(np.linalg.inv(matrix_of_u(0.3, 0.2, 0.1))),
        ),
        (
            "ctrl @ pow(3) @ g q[0], q[1];",
            controlled(np.linalg.matrix_power(matrix_of_u(0.3, 0.2, 0.1), 3)),
        ),
    ],
)
def test_modifiers_follow_the_specification_phases_included(body, expected):
    size = int(np.log2(expected.dim[0]))
    text = f"gate g q {{ U(0.3, 0.2, 0.1) q; }} qubit[{size}] q; {body}"
    assert Operator(build(circuit3(text))).equiv(expected)


def test_an_own_gate_never_passes_for_a_known_one_of_another_meaning():
    twice = "gate rzz(a) x, y { cx x, y; rz(2 * a) y; cx x, y; }"
    built = build(circuit3(f"{twice} qubit[2] q; rzz(0.3) q[0], q[1];"))
    expected = QuantumCircuit(2)
    expected.rzz(0.6, 0, 1)
    assert Operator(built).equiv(Operator(expected))
    assert "rzz" not in built.count_ops()


def test_an_own_gate_that_is_a_known_one_is_recognized():
    same = "gate rzz(a) x, y { cx x, y; rz(a) y; cx x, y; }"
    built = build(circuit3(f"{same} qubit[2] q; rzz(0.3) q[0], q[1];"))
    assert built.count_ops() == {"rzz": 1}


def test_an_old_programs_own_rzz_is_not_replaced():
    own = "gate rzz(a) x, y { cx x, y; rz(-a) y; cx x, y; }"
    built = build(circuit2(f"{own} qreg q[2]; rzz(0.3) q[0], q[1];"))
    expected = QuantumCircuit(2)
    expected.rzz(-0.3, 0, 1)
    assert Operator(built).equiv(Operator(expected))


def test_loops_constants_and_aliases_are_written_out():
    text = (
        "const int n = 3; const float step = pi / 4; qubit[n] q; let ends = q[{0, 2}];"
        "for uint i in [0:n - 1] { rx(step * (i + 1)) q[i]; } for int i in {0, 1} cx q[i], q[i+1];"
        "if (n > 2) h ends; for int i in [5:1] { x q[99]; }"
    )
    expected = QuantumCircuit(3)
    for qubit in range(3):
        expected.rx(np.pi / 4 * (qubit + 1), qubit)
    expected.cx(0, 1)
    expected.cx(1, 2)
    expected.h([0, 2])
    assert Operator(build(circuit3(text))) == Operator(expected)


def test_conditions_act_on_the_bits_they_name():
    body = (
        "qubit[2] q; bit[2] c; x q[1]; c = measure q; if (c == 2) { x q[0]; } else { h q[0]; }"
        "if (!c[0] && c[1]) x q[1]; while (c[1] == 1) c[1] = measure q[1];"
    )
    built = build(circuit3(body))
    ops = [item.operation for item in built.data if hasattr(item.operation, "condition")]
    assert [op.name for op in ops] == ["if_else", "if_else", "while_loop"]
    assert ops[0].condition == (built.cregs[0], 2)
    assert ops[2].condition == (built.clbits[1], True)


def test_a_bit_without_a_size_is_a_register_of_its_own():
    built = build(circuit3("bit a; bit[2] b; qubit q; a = measure q;"))
    assert [(register.name, register.size) for register in built.cregs] == [("a", 1), ("b", 2)]


def test_physical_qubits_are_numbered_as_written():
    built = build(circuit3("cx $3, $1;"))
    assert built.num_qubits == 4
    assert [built.find_bit(q).index for q in built.data[0].qubits] == [3, 1]


def test_bind_gives_every_input_its_value():
    bound = bind(circuit3("input float a; input float b; qubit q; rx(2 * a - b) q;"), {
        "a": 0.5, "b": 0.25})  # fmt: skip
    assert bound.data[0].operation.params == [0.75]


def test_bind_misses_no_input():
    with pytest.raises(CircuitError, match="no value for input 'b'"):
        bind(circuit3("input float a; input float b; qubit q; rx(a) q;"), {"a": 1.0})


def test_a_text_is_parsed_once():
    before = parses()
    for _ in range(3):
        same = circuit3("qubit q; h q;")
        build(same)
    assert parses() == before + 1


def test_the_same_text_is_built_once():
    assert build(circuit3("qubit q; h q;")) is build(circuit3("qubit q; h q;"))


GATES = st.sampled_from(sorted(name for name in QELIB1 if name != "u0"))


@st.composite
def programs(draw):
    """OpenQASM 2 that Qiskit reads as well, with gates of the program's own."""
    angle = st.floats(-7, 7, allow_nan=False).map(lambda x: f"{x:.6f}")
    lines = ["qreg q[5];", "gate own(b, a) x, y { rx(b/2) x; cu1(a-pi) x, y; ry(sin(a)) y; }"]
    for _ in range(draw(st.integers(1, 6))):
        qubits = draw(st.permutations(range(5)))
        name = draw(GATES | st.just("own"))
        sizes = (2, 2) if name == "own" else QELIB1[name][:2]
        angles = ", ".join(draw(angle) for _ in range(sizes[0]))
        wires = ", ".join(f"q[{n}]" for n in qubits[: sizes[1]])
        lines.append(f"{name}{f'({angles})' if angles else ''} {wires};")
    return QASM2 + "\n".join(lines)


@settings(max_examples=40, deadline=None)
@given(programs())
def test_any_program_means_to_us_what_it_means_to_qiskit(text):
    loaded = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    assert Operator(build(circuit(text))).equiv(Operator(loaded))


def test_binding_reaches_into_the_persons_own_gates():
    gates = "gate e(t) a, b { cx a, b; rz(-t / 2) b; } gate f(t) a, b { e(t) a, b; e(2*t) b, a; }"
    free = circuit3(f"{gates} input float g; qubit[2] q; f(3 * g) q[0], q[1];")
    fixed = circuit3(f"{gates} qubit[2] q; f(0.6) q[0], q[1];")
    assert Operator(bind(free, {"g": 0.2})).equiv(Operator(build(fixed)))


@pytest.mark.parametrize("body", ["rx(1 / a) q;", "rx(sqrt(a - 1)) q;", "rx(1e300 * 1e300 * a) q;"])
def test_an_angle_within_a_gate_that_cannot_be_computed_is_told_at_once(body):
    with pytest.raises(CircuitError, match=r"c\.qasm:4:\d+: "):
        circuit3(f"qubit q;\ngate g(a) q {{ {body} }} g(0.0) q;")


@pytest.mark.parametrize("how", [bind, program_text])
def test_a_value_at_which_an_angle_has_none_is_a_circuit_error(how):
    with pytest.raises(CircuitError, match="c: cannot be bound"):
        how(circuit3("input float a; qubit q; rx(1 / a) q;"), {"a": 0.0})


def test_no_module_hides_a_public_name():
    from pkgutil import iter_modules

    import qbatch.circuit

    modules = {module.name for module in iter_modules(qbatch.circuit.__path__)}
    assert modules.isdisjoint(qbatch.circuit.__all__)
