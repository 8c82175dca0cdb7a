"""A twirled circuit means what the circuit does, and its forms are random as they should be.

Unitaries are numpy's, of programs generated beside the product, and Qiskit's; what outcomes come is
computed by Qiskit from the form's own text, and its bits are flipped back here.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, Pauli, Statevector

from qbatch.circuit import bind, build
from qbatch.circuit.folding import folded
from qbatch.circuit.twirling import UntwirlableError, num_twirled, through, twirled
from qbatch.errors import CircuitError
from tests.circuit.conftest import circuit, circuit2, circuit3
from tests.circuit.unitaries import Generator, NearCut
from tests.proving import for_a_while

BELL = "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"


def same(built, matrix):
    overlap = np.trace(matrix.conj().T @ Operator(built).data)
    return abs(abs(overlap) / len(matrix) - 1) < 1e-9


def outcomes(found):
    """Bits, bit 0 rightmost -> probability, of a circuit that ends in measurements."""
    built = build(found)
    qubit_of = {}
    for item in built.data:
        if item.operation.name == "measure":
            bit = built.find_bit(item.clbits[0]).index
            qubit_of[bit] = built.find_bit(item.qubits[0]).index
    state = Statevector(built.remove_final_measurements(inplace=False))
    told = Counter()
    for index, share in enumerate(state.probabilities()):
        bits = [index >> qubit_of[bit] & 1 for bit in sorted(qubit_of)]
        told["".join(map(str, reversed(bits)))] += share
    return told


def flipped(told, flips):
    return {
        "".join(str(int(a) ^ int(b)) for a, b in zip(bits, flips, strict=True)): share
        for bits, share in told.items()
    }


def differences(seeds):
    for seed in seeds:
        program = Generator(seed).program()
        values = {name: 0.37 * (1 + 0.3 * k) for k, name in enumerate(program.inputs)}
        try:
            read, matrix = circuit(program.text()), program.matrix(values)
            some = [twirled(read, number, seed).circuit for number in range(2)]
        except (CircuitError, NearCut, UntwirlableError):
            continue
        yield from (
            (seed, found.text)
            for found in some
            if not same(bind(found, values), matrix) or found.facts.parameters != (*program.inputs,)
        )


def test_random_programs_twirled_are_the_unitaries_that_numpy_says():
    assert list(differences(range(60))) == []


@pytest.mark.slow
def test_thousands_of_random_programs_twirled_are_the_same_unitaries():
    assert list(differences(for_a_while(range(70_000, 73_000), 300, 8.0))) == []


@pytest.mark.parametrize("name", ["cx", "cy", "cz", "swap"])
def test_paulis_go_through_gates_as_qiskit_evolves_them(name):
    gate = QuantumCircuit(2)
    getattr(gate, name)(0, 1)
    for code in range(16):
        x1, z1, x2, z2 = (code >> k & 1 for k in range(4))
        theirs = Pauli(([z1, z2], [x1, x2])).evolve(gate, frame="s")
        first, second = through(name, (x1, z1), (x2, z2))
        assert [*theirs.x] == [first[0], second[0]]
        assert [*theirs.z] == [first[1], second[1]]


@pytest.mark.parametrize("seed", range(12))
def test_outcomes_are_the_circuits_once_their_bits_are_flipped_back(seed):
    draws = random.Random(seed)
    lines = ["qreg q[3];", "creg a[2];", "creg b[1];"]
    for _ in range(8):
        one, two = draws.sample(range(3), 2)
        lines += [
            f"ry({draws.random():.3f}) q[{one}];",
            f"{draws.choice(['cx', 'cy', 'cz', 'swap'])} q[{one}], q[{two}];",
        ]
    text = "\n".join([*lines, "measure q[2] -> a[0]; measure q[0] -> a[1]; measure q[1] -> b[0];"])
    plain = circuit2(text)
    meant = outcomes(plain)
    for number in range(4):
        form = twirled(plain, number, seed)
        told = flipped(outcomes(form.circuit), form.flips)
        assert told == pytest.approx({bits: meant[bits] for bits in told}, abs=1e-9)


@pytest.mark.parametrize(
    ("body", "gates", "left"),
    [
        ("cx q, r;", 2, 0),  # broadcast: each pair by itself
        ("for int k in [0:1] { cx q[k], r[k]; h q[k]; }", 2, 0),
        ("gate own(t) a, b { h a; cx a, b; rz(2*t) b; cz b, a; } own(0.3) q[1], r[0];", 2, 0),
        ("gate own a, b { cx a, b; cx b, a; cx a, b; cp(0.3) a, b; } own q[0], r[0]; "
         "inv @ own q[0], q[1];", 3, 2),
        ("gate in1(t) a, b { cx a, b; rz(t) b; } gate out(s) a, b { in1(s/2) b, a; } "
         "out(t) q[0], q[1];", 1, 0),
        ("ctrl @ x q[0], q[1]; inv @ cz q[0], r[0]; ctrl @ y r[0], r[1];", 3, 0),
        ("rz(0.4) q[0]; cp(0.3) q[0], q[1]; ccx q[0], q[1], r[0];", 0, 1),
    ],
)  # fmt: skip
def test_each_clifford_gate_is_twirled_however_it_is_written(body, gates, left):
    plain = circuit3(f"input float t; qubit[2] q; qubit[2] r; h q[0]; h r[1]; {body}")
    assert num_twirled(plain) == (gates, left)
    for number in range(3):
        made = twirled(plain, number, 5).circuit
        assert made.text.count("barrier") >= 2 * gates
        assert same(bind(made, {"t": 0.7}), Operator(bind(plain, {"t": 0.7})).data)


def test_without_the_library_paulis_are_written_out():
    own = "gate x a { U(1,2,3) a; }"  # a name that does not mean X here
    plain = circuit(f"OPENQASM 2.0;\nqreg q[2];\n{own}\nx q[0];\nCX q[0],q[1];\n")
    assert num_twirled(plain) == (1, 0)
    for number in range(6):
        made = twirled(plain, number, 5).circuit
        assert len(re.findall(r"^[xyz] ", made.text, re.MULTILINE)) == 1
        assert same(build(made), Operator(build(plain)).data)


def test_every_pauli_and_every_flip_comes_as_often():
    """Of 800 forms of one gate and two bits each of 16 and of 4 is expected 50 and 200 times."""
    plain = circuit3(BELL)
    forms = [twirled(plain, number, 9) for number in range(800)]
    before = Counter(
        tuple(re.findall(r"^([xyz]) (q\[\d\]);", form.circuit.text.split("barrier")[0], re.M))
        for form in forms
    )
    assert len(before) == 16
    assert sum((n - 50) ** 2 / 50 for n in before.values()) < 37.7  # χ² of 15, p = 0.001
    flips = Counter(form.flips for form in forms)
    assert sum((n - 200) ** 2 / 200 for n in flips.values()) < 16.3


def test_forms_are_the_same_again_and_others_by_another_seed():
    plain = circuit3(BELL)
    texts = [twirled(plain, number, 1).circuit.text for number in range(8)]
    assert texts == [twirled(circuit3(BELL), number, 1).circuit.text for number in range(8)]
    assert texts != [twirled(plain, number, 2).circuit.text for number in range(8)]
    commented = circuit3(BELL.replace("h q[0];", "h q[0]; // superposition\n"))
    assert [twirled(commented, n, 1).flips for n in range(8)] == [
        twirled(plain, n, 1).flips for n in range(8)
    ]


def test_forms_that_come_out_alike_are_experiments_of_their_own():
    plain = circuit3("qubit q; bit c; ry(0.4) q; c = measure q;")
    forms = [twirled(plain, number, 3) for number in range(10)]
    assert {form.flips for form in forms} == {"0", "1"}
    contents = {form.circuit.facts.content for form in forms}
    assert len(contents) == 10
    assert plain.facts.content not in contents


def test_comments_and_pragmas_outlive_what_is_written_anew():
    text = "qubit[2] q; qubit[2] r; // two\npragma keep this\ncx q, r; // both\nh q[0];"
    made = twirled(circuit3(text), 0, 1).circuit.text
    assert "// two\npragma keep this\n" in made
    assert "// both" in made
    assert "cx q, r;" not in made


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("qubit[2] q; bit c; h q[0]; c = measure q[0]; if (c) { x q[1]; }", "goes on with it"),
        ("qubit q; bit c; c = measure q; h q; c = measure q;", "goes on with it"),
        ("qubit[2] q; bit[2] c; for int k in [0:1] { h q[k]; c[k] = measure q[k]; }", "of its own"),
    ],
)
def test_what_cannot_be_twirled_is_refused_with_the_reason(body, said):
    with pytest.raises(UntwirlableError, match=said):
        twirled(circuit3(body), 0, 1)


def test_what_errs_coherently_becomes_a_pauli_channel():
    """After each CX ZZ turns by an angle; over all 16 Paulis that is a phase flip ZZ at random.

    The reference is numpy's: (1 - p) ρ + p ZZ ρ ZZ after the gate, p = sin²(angle/2).
    """
    angle = 0.4
    zz = np.diag([1, -1, -1, 1]).astype(complex)
    error = math.cos(angle / 2) * np.eye(4) - 1j * math.sin(angle / 2) * zz
    plain = circuit3("qubit[2] q; h q[0]; ry(0.5) q[1]; cx q[0], q[1];")
    state = Statevector(build(plain)).data
    rho = np.outer(state, state.conj())
    p = math.sin(angle / 2) ** 2
    meant = (1 - p) * rho + p * zz @ rho @ zz
    found = np.zeros((4, 4), dtype=complex)
    texts = {}
    for number in range(300):
        built = build(twirled(plain, number, 4).circuit)
        ops = [(i.operation.name, *(built.find_bit(q).index for q in i.qubits)) for i in built.data]
        texts.setdefault(tuple(ops), built)
    assert len(texts) == 16
    for built in texts.values():
        rho_k = np.array([1, 0, 0, 0], dtype=complex)
        for item in built.data:
            if item.operation.name == "barrier":
                continue
            step = QuantumCircuit(2)
            step.append(item.operation, [built.find_bit(q).index for q in item.qubits])
            rho_k = Operator(step).data @ rho_k
            if item.operation.name == "cx":
                rho_k = error @ rho_k
        found += np.outer(rho_k, rho_k.conj()) / 16
    assert np.allclose(found, meant, atol=1e-9)


def turned_too_far(found, flips, angle):
    """⟨Z1⟩ where each CX turns its target by an angle too far, about X, as its control says."""
    zx = np.kron([[0, 1], [1, 0]], np.diag([1, -1])).astype(complex)
    error = math.cos(angle / 2) * np.eye(4) - 1j * math.sin(angle / 2) * zx
    built = build(found)
    state = np.array([1, 0, 0, 0], dtype=complex)
    for item in built.data:
        if item.operation.name in ("barrier", "measure"):
            continue
        step = QuantumCircuit(2)
        step.append(item.operation, [built.find_bit(qubit).index for qubit in item.qubits])
        state = Operator(step).data @ state
        state = error @ state if item.operation.name == "cx" else state
    value = float(np.abs(state) ** 2 @ [1, 1, -1, -1])
    return -value if flips[0] == "1" else value


@pytest.mark.slow
def test_extrapolated_from_forms_a_number_comes_nearer_where_gates_turn_too_far():
    """Plain, the angles add up: cos(4 · 0.1 s); twirled, it is cos(0.1) to the power of 4 s."""
    angle = 0.1
    plain = circuit3("qubit[2] q; bit[2] c; " + "cx q[0], q[1]; " * 4 + "c = measure q;")
    raw, meant = {}, {}
    for scale in (1, 3):
        made = folded(plain, scale, "gates")[0]
        raw[scale] = turned_too_far(made, "00", angle)
        forms = [twirled(made, number, 11) for number in range(60)]
        told = [turned_too_far(form.circuit, form.flips, angle) for form in forms]
        meant[scale] = float(np.mean(told))
        assert raw[scale] == pytest.approx(math.cos(4 * scale * angle))
        assert meant[scale] == pytest.approx(math.cos(angle) ** (4 * scale), abs=0.03)
    away = [abs(1.5 * each[1] - 0.5 * each[3] - 1) for each in (raw, meant)]
    assert away[0] > 0.1
    assert away[1] < away[0] / 5
