"""The reference itself, against closed forms and matrices written out by hand."""

from __future__ import annotations

import ast
import cmath
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluator import Unresolved, evaluate, gate_matrix, library
from grammar import WrongProgram
from noisy import Entry, Noise, Qubit
from states import principal_power

HERE = Path(__file__).parent
HEAD = 'OPENQASM 3.0; include "stdgates.inc"; '
OLD = 'OPENQASM 2.0; include "qelib1.inc"; '


def close(found: dict[str, float], **expected: float) -> None:
    named = {key.strip("_").replace("_", " "): value for key, value in expected.items()}
    for key in {*found, *named}:
        assert found.get(key, 0.0) == pytest.approx(named.get(key, 0.0), abs=1e-12), (key, found)


def matrix(name: str, *angles: float, file: str = "stdgates.inc") -> np.ndarray:
    return gate_matrix(library(file).names[name], angles)


def equal_up_to_phase(one: np.ndarray, other: np.ndarray) -> bool:
    return abs(abs(np.trace(one.conj().T @ other)) - len(one)) < 1e-12


def test_the_reference_shares_no_code_with_what_it_judges() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "grammar", "noisy", "states", "evaluator"}
    for name in ("grammar", "states", "noisy", "evaluator"):
        tree = ast.parse((HERE / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                assert {one.name.split(".")[0] for one in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] in allowed


# -- gates -----------------------------------------------------------------------------------------

R = math.sqrt(0.5)
T = cmath.exp(0.25j * math.pi)
BY_HAND = {
    "x": [[0, 1], [1, 0]], "y": [[0, -1j], [1j, 0]], "z": [[1, 0], [0, -1]],
    "h": [[R, R], [R, -R]], "s": [[1, 0], [0, 1j]], "sdg": [[1, 0], [0, -1j]],
    "t": [[1, 0], [0, T]], "tdg": [[1, 0], [0, T.conjugate()]], "id": [[1, 0], [0, 1]],
    "sx": [[0.5 + 0.5j, 0.5 - 0.5j], [0.5 - 0.5j, 0.5 + 0.5j]],
    "cx": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    "CX": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
    "cz": np.diag([1, 1, 1, -1]), "swap": np.eye(4)[[0, 2, 1, 3]],
    "ch": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, R, R], [0, 0, R, -R]],
    "cy": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -1j], [0, 0, 1j, 0]],
    "ccx": np.eye(8)[[0, 1, 2, 3, 4, 5, 7, 6]], "cswap": np.eye(8)[[0, 1, 2, 3, 4, 6, 5, 7]],
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_library_gates_without_angles_are_their_matrices(name: str) -> None:
    assert np.allclose(matrix(name), BY_HAND[name], atol=1e-12)
    if name == "CX":
        return  # part of OpenQASM 2 itself
    assert equal_up_to_phase(matrix(name, file="qelib1.inc"), np.array(BY_HAND[name], complex))


def rotation(axis: str, angle: float) -> np.ndarray:
    pauli = np.array(BY_HAND[axis], complex)
    return math.cos(angle / 2) * np.eye(2) - 1j * math.sin(angle / 2) * pauli


def under_control(block: np.ndarray) -> np.ndarray:
    whole = np.eye(2 * len(block), dtype=complex)
    whole[len(block) :, len(block) :] = block
    return whole


@pytest.mark.parametrize("angle", [0.0, 0.3, -1.9, math.pi, 4.0])
def test_rotations_turn_about_their_axes_and_so_do_controlled_ones(angle: float) -> None:
    for axis in "xyz":
        turn = rotation(axis, angle)
        assert np.allclose(matrix(f"r{axis}", angle), turn)
        assert np.allclose(matrix(f"cr{axis}", angle), under_control(turn))
        old = matrix(f"cr{axis}", angle, file="qelib1.inc")
        assert equal_up_to_phase(old, under_control(turn))
    phase = np.diag([1, cmath.exp(1j * angle)])
    for name in ("p", "phase", "u1"):
        assert np.allclose(matrix(name, angle), phase)
    for name, file in (("cp", "stdgates.inc"), ("cphase", "stdgates.inc"), ("cu1", "qelib1.inc")):
        assert np.allclose(matrix(name, angle, file=file), under_control(phase))


def test_gates_of_several_angles_have_the_phases_that_the_specification_gives_them() -> None:
    a, b, c, d = 0.7, -1.1, 2.3, 0.4
    e = cmath.exp
    u = np.array(
        [
            [math.cos(a / 2), -e(1j * c) * math.sin(a / 2)],
            [e(1j * b) * math.sin(a / 2), e(1j * (b + c)) * math.cos(a / 2)],
        ]
    )
    assert np.allclose(matrix("u3", a, b, c), e(-0.5j * (b + c)) * u)
    half = np.array([[R, -e(1j * c) * R], [e(1j * b) * R, e(1j * (b + c)) * R]])
    assert np.allclose(matrix("u2", b, c), e(-0.5j * (b + c)) * half)
    assert np.allclose(matrix("cu", a, b, c, d), under_control(e(1j * d) * u))
    assert equal_up_to_phase(matrix("u", a, b, c, file="qelib1.inc"), u)
    wide = under_control(e(-0.5j * (b + c)) * u)
    assert equal_up_to_phase(matrix("cu3", a, b, c, file="qelib1.inc"), under_control(u)) or (
        equal_up_to_phase(matrix("cu3", a, b, c, file="qelib1.inc"), wide)
    )


def test_gates_that_qiskit_added_to_openqasm_2_are_what_their_names_say() -> None:
    def added(name: str, *angles: float) -> np.ndarray:
        return matrix(name, *angles, file="qelib1.inc")

    for count, name in ((3, "c3x"), (4, "c4x")):
        flip = np.eye(2 << count)
        flip[-2:, -2:] = BY_HAND["x"]
        assert equal_up_to_phase(added(name), flip)
    root = np.eye(16, dtype=complex)
    root[-2:, -2:] = BY_HAND["sx"]
    assert equal_up_to_phase(added("c3sqrtx"), root)
    assert equal_up_to_phase(added("csx"), under_control(np.array(BY_HAND["sx"])))
    both = np.kron(BY_HAND["z"], BY_HAND["z"])
    assert equal_up_to_phase(added("rzz", 0.7), np.diag(np.exp(-0.35j * np.diag(both))))
    across = np.kron(BY_HAND["x"], BY_HAND["x"])
    expected = math.cos(0.35) * np.eye(4) - 1j * math.sin(0.35) * across
    assert equal_up_to_phase(added("rxx", 0.7), expected)
    for name in ("rccx", "rc3x"):
        size = len(added(name))
        flip = np.eye(size)
        flip[-2:, -2:] = BY_HAND["x"]
        assert np.allclose(abs(added(name)), flip, atol=1e-12)


def test_powers_are_principal_ones() -> None:
    phases = np.array([3.0, -3.0, math.pi, 0.0])
    random = np.linalg.qr(np.arange(16).reshape(4, 4) % 7 + 1j * np.eye(4))[0]
    unitary = (random * np.exp(1j * phases)) @ random.conj().T
    rooted = (random * np.exp(0.5j * phases)) @ random.conj().T
    assert np.allclose(principal_power(unitary, 0.5), rooted)
    assert np.allclose(principal_power(unitary, -3), np.linalg.inv(unitary @ unitary @ unitary))
    assert np.allclose(principal_power(np.eye(4), 0.3), np.eye(4))
    text = HEAD + "qubit q; bit c; h q; pow(0.5) @ p(3*pi/2) q; h q; c = measure q;"
    close(evaluate(text), _0=math.cos(math.pi / 8) ** 2, _1=math.sin(math.pi / 8) ** 2)


# -- programs --------------------------------------------------------------------------------------


def test_a_bell_pair_and_a_ghz_state() -> None:
    bell = evaluate(OLD + "qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;")
    close(bell, _00=0.5, _11=0.5)
    ghz = (
        HEAD
        + "qubit[5] q; bit[5] c; h q[0]; for int i in [1:4] { cx q[i - 1], q[i]; } c = measure q;"
    )
    close(evaluate(ghz), _00000=0.5, _11111=0.5)


def test_bit_0_is_the_last_character_and_the_last_register_comes_first() -> None:
    text = (
        OLD
        + "qreg q[3]; creg a[2]; creg b[1]; x q[0]; x q[2]; "
        + "measure q[0] -> a[0]; measure q[2] -> b[0];"
    )
    close(evaluate(text), _1_01=1.0)


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.0, 3.1])
def test_rabi_oscillations(angle: float) -> None:
    text = HEAD + "input angle a; qubit q; bit c; rx(a) q; c = measure q;"
    close(evaluate(text, {"a": angle}), _0=math.cos(angle / 2) ** 2, _1=math.sin(angle / 2) ** 2)


def test_a_state_is_teleported() -> None:
    text = HEAD + (
        "qubit[3] q; bit[2] c; bit r; U(0.9, 0.2, 0) q[0]; h q[1]; cx q[1], q[2]; cx q[0], q[1]; "
        "h q[0]; c[0] = measure q[0]; c[1] = measure q[1]; if (c[1]) x q[2]; if (c[0]) { z q[2]; } "
        "inv @ U(0.9, 0.2, 0) q[2]; r = measure q[2];"
    )
    close(evaluate(text), _0_00=0.25, _0_01=0.25, _0_10=0.25, _0_11=0.25)


def test_phase_estimation_peaks_at_the_phase() -> None:
    text = HEAD + (
        "const float phase = 2*pi*5/8; qubit[3] k; qubit t; bit[3] c; x t; h k; "
        "for int i in [0:2] { pow(2**i) @ cp(phase) k[i], t; } swap k[0], k[2]; h k[0]; "
        "cp(-pi/2) k[0], k[1]; h k[1]; cp(-pi/4) k[0], k[2]; cp(-pi/2) k[1], k[2]; h k[2]; "
        "c = measure k;"
    )
    assert evaluate(text)["101"] == pytest.approx(1.0)


def test_a_loop_until_success_ends_in_success() -> None:
    text = HEAD + "qubit q; bit c; h q; c = measure q; while (c) { h q; c = measure q; }"
    close(evaluate(text), _0=1.0)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("!c", 0, True), ("!c", 2, False), ("!!c", 2, True), ("~c == 5", 2, True),
        ("(c & 6) == 4", 5, True), ("(c ^ 1) > 4", 4, True), ("c << 1 == 2", 5, True),
        ("c >> 1 == 2", 5, True), ("c < 8", 7, True), ("c > -1", 0, True), ("5 <= c", 4, False),
        ("c[0] ^ c[1]", 3, False), ("c[0] & c[2]", 5, True), ("c[0:1] == 2", 6, True),
        ('c == "101"', 5, True), ("c[0] == 1 && c[1] == 0 || c[2]", 1, True), ("c[-1]", 4, True),
        ("(c[0] == 1) == true", 1, True), ("c == 1 || c == 2 && c == 3", 1, True),
    ],
)  # fmt: skip
def test_conditions_read_registers_as_unsigned_integers(
    condition: str, value: int, holds: bool
) -> None:
    flips = " ".join(f"x q[{at}];" for at in range(3) if value >> at & 1)
    text = (
        HEAD
        + f"qubit[4] q; bit[3] c; bit r; {flips} c = measure q[0:2]; "
        + f"if ({condition}) x q[3]; r = measure q[3];"
    )
    close(evaluate(text), **{f"_{int(holds)}_{value:03b}": 1.0})


def test_blocks_of_every_sort_run_as_written() -> None:
    text = HEAD + (
        "def flip(qubit[2] w, int n) -> bit { if (n == 3) x w[0]; return measure w[0]; } "
        "qubit[4] q; bit[2] c; bit r; let odd = q[1:2:3]; c[1] = flip(odd, 3); "
        "switch (c) { case 0, 1 { x q[0]; } case 2 { x q[2]; } default { x q[3]; } } "
        "box { ctrl @ x q[2], q[3]; } for int i in {0, 2} { x q[i]; } r = measure q[3];"
    )
    close(evaluate(text), _1_10=1.0)


def test_wide_registers_keep_all_their_bits() -> None:
    text = OLD + (
        "qreg q[2]; creg c[70]; creg r[1]; x q[0]; measure q[0] -> c[65]; "
        "if(c==36893488147419103232) x q[1]; measure q[1] -> r[0];"
    )
    assert [*evaluate(text)] == ["1 " + "0" * 4 + "1" + "0" * 65]


def test_comments_annotations_and_line_ends_are_no_statements() -> None:
    text = HEAD + (
        "qubit[2] q; bit[2] c; /* notes\n@todo: check */\nx q[0]; // a comment ends at CR\rctrl\n"
        "  @ x q[0], q[1];\n@note x q; it is none\n/* second */ c = measure q;"
    )
    close(evaluate(text), _11=1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        "x q;",
        "qubit q; qubit q;",
        "qubit[2] q; cx q[0], q[0];",
        "qubit q; x q",
        "qubit[2] q; x q[2];",
    ],
)
def test_what_is_no_program_is_not_evaluated(wrong: str) -> None:
    with pytest.raises(WrongProgram):
        evaluate(HEAD + wrong)


# -- noise -----------------------------------------------------------------------------------------


def test_depolarizing_mixes_and_misreading_flips() -> None:
    text = HEAD + "qubit q; bit c; x q; c = measure q;"
    close(evaluate(text, noise=Noise(strengths=(0.2, 0))), _0=0.1, _1=0.9)
    close(evaluate(text, noise=Noise(qubits=(Qubit(p01=0.3, p10=0.05),))), _0=0.3, _1=0.7)
    two = HEAD + "qubit[2] q; bit[2] c; cx q[0], q[1]; c = measure q;"
    close(evaluate(two, noise=Noise(strengths=(0, 0.4))), _00=0.7, _01=0.1, _10=0.1, _11=0.1)


def test_relaxation_decays_with_t1_and_coherence_with_t2() -> None:
    noise = Noise(qubits=(Qubit(50e-6, 30e-6),))
    left = math.exp(-20 / 50)
    text = HEAD + "qubit q; bit c; x q; delay[20us] q; c = measure q;"
    close(evaluate(text, noise=noise), _0=1 - left, _1=left)
    ramsey = HEAD + "qubit q; bit c; h q; delay[20us] q; h q; c = measure q;"
    kept = math.exp(-20 / 30)
    close(evaluate(ramsey, noise=noise), _0=(1 + kept) / 2, _1=(1 - kept) / 2)


def test_a_condition_sees_the_misread_bit() -> None:
    text = (
        HEAD
        + "qubit[2] q; bit c; bit r; x q[0]; c = measure q[0]; if (c) x q[1]; r = measure q[1];"
    )
    found = evaluate(text, noise=Noise(qubits=(Qubit(p01=0.25), Qubit())))
    close(found, _0_0=0.25, _1_1=0.75)


def test_a_toffoli_gate_is_noisy_six_times_on_two_qubits() -> None:
    text = HEAD + "qubit[3] q; bit[3] c; ccx q[0], q[1], q[2]; c = measure q;"
    by_hand = HEAD + (
        "qubit[3] q; bit[3] c; h q[2]; cx q[1], q[2]; tdg q[2]; cx q[0], q[2]; t q[2]; "
        "cx q[1], q[2]; tdg q[2]; cx q[0], q[2]; t q[1]; t q[2]; h q[2]; cx q[0], q[1]; t q[0]; "
        "tdg q[1]; cx q[0], q[1]; c = measure q;"
    )
    noise = Noise(strengths=(0.01, 0.05))
    found = evaluate(text, noise=noise)
    assert found == pytest.approx(evaluate(by_hand, noise=noise))


def test_a_calibrated_infidelity_is_the_average_infidelity_of_the_channel() -> None:
    """Average fidelity over the six Pauli eigenstates, which form a 2-design."""
    noise = Noise(qubits=(Qubit(50e-6, 40e-6),), entries=(Entry("id", error=0.03, time=1e-6),))
    total = 0.0
    for there in ("id", "x", "h", "x q; h", "h q; s", "x q; h q; s"):
        gates = there.split(" q; ")
        back = "".join(f"inv @ {gate} w; " for gate in reversed(gates))
        free = Noise(
            qubits=noise.qubits,
            entries=(Entry("id", error=0.03, time=1e-6), *(Entry(g) for g in "xhs")),
        )
        text = HEAD + f"qubit w; bit c; {there.replace('q;', 'w;')} w; id w; {back} c = measure w;"
        text = text.replace("id w; id w;", "id w;").replace("inv @ id w;", "")
        total += evaluate(text, noise=free)["0"]
    assert total / 6 == pytest.approx(1 - 0.03, abs=1e-12)


def test_an_angle_that_a_double_does_not_know_has_no_exact_answer() -> None:
    text = HEAD + "gate g(a) q { U(0.7, exp(a), 0.7) q; } qubit q; bit c; g(%s) q; c = measure q;"
    close(evaluate(text % 11), _0=math.cos(0.35) ** 2, _1=math.sin(0.35) ** 2)
    with pytest.raises(Unresolved):
        evaluate(text % 12)
