"""A folded circuit is the same unitary, and has as many times the gates as it says.

Matrices are numpy's, of programs generated beside the product; of OpenQASM 2 Qiskit's own.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from qiskit import qasm2
from qiskit.quantum_info import Operator

from qbatch.circuit import bind, build
from qbatch.circuit.folding import UnfoldableError, folded
from qbatch.circuit.qasm.names import BUILTIN, QELIB1
from qbatch.errors import CircuitError
from tests.circuit.conftest import QASM2, circuit, circuit2, circuit3
from tests.circuit.unitaries import Generator, NearCut
from tests.proving import for_a_while

BELL = "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; rz(0.3) q[1]; s q[0]; c = measure q;"


def same(built, matrix):
    overlap = np.trace(matrix.conj().T @ Operator(built).data)
    return abs(abs(overlap) / len(matrix) - 1) < 1e-9


def gates_of(made):
    """Gates as the text has them, declarations and measurements left out."""
    named = re.findall(r"(?:^|;)\s*(?:inv @ )?([a-zA-Z]\w*)(?:\([^;]*\))? [^;]*;", made.text)
    return len(named)


def differences(seeds):
    """Generated programs of which some folded text is another unitary."""
    for seed in seeds:
        program = Generator(seed).program()
        values = {name: 0.37 * (1 + 0.3 * k) for k, name in enumerate(program.inputs)}
        try:
            read, matrix = circuit(program.text()), program.matrix(values)
            some = [folded(read, 1.6, "global"), folded(read, 3, "gates")]
        except (CircuitError, NearCut, UnfoldableError):
            continue
        yield from (
            (seed, reached, found.text)
            for found, reached in some
            if not same(bind(found, values), matrix) or found.facts.parameters != (*program.inputs,)
        )


def test_random_programs_folded_are_the_unitaries_that_numpy_says():
    assert list(differences(range(40))) == []


@pytest.mark.slow
def test_thousands_of_random_programs_folded_are_the_same_unitaries():
    assert list(differences(for_a_while(range(50_000, 53_000), 300, 8.0))) == []


@pytest.mark.parametrize("name", sorted({**QELIB1, **BUILTIN}))
def test_every_gate_of_openqasm_2_is_undone_as_qiskit_has_it(name):
    gate = {**QELIB1, **BUILTIN}[name]
    angles = ", ".join("1" if name == "u0" else str(0.3 + 0.4 * k) for k in range(gate.num_params))
    qubits = ", ".join(f"q[{k}]" for k in range(gate.num_qubits))
    call = f"{name}{f'({angles})' if angles else ''} {qubits};"
    body = f"qreg q[{gate.num_qubits}];\n{call}\n"
    for fold in ("global", "gates"):
        made, reached = folded(circuit2(body), 3, fold)
        assert reached == 3
        once, theirs = (
            qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
            for text in (QASM2 + body, made.text)
        )
        assert same(theirs, Operator(once).data)


def test_a_gate_of_ones_own_is_undone_in_openqasm_2_by_what_it_comes_down_to():
    own = (
        "gate inner(a) q { rz(a/2) q; h q; }\n"
        "gate mine(a, b) p, q { inner(a) p; cx p, q; sx q; u3(a, b, a+b) p; }\n"
        "qreg q[2];\nmine(0.3, 0.7) q[1], q[0];\nt q[0];\n"
    )
    made, reached = folded(circuit2(own), 5, "global")
    assert reached == 5
    assert "inv" not in made.text
    assert same(build(made), Operator(build(circuit2(own))).data)


@pytest.mark.parametrize(
    ("scale", "fold", "again"),
    [
        (1, "global", 0), (3, "global", 13), (5, "gates", 26), (2, "global", 2), (1.5, "gates", 2),
        (1.4, "global", 2), (4, "gates", 15), (2.6, "global", 12), (1.2, "gates", 1),
    ],
)  # fmt: skip
def test_the_scale_that_is_reached_is_the_one_that_counts(scale, fold, again):
    """Noise in units of that of a gate on one qubit: 13 of BELL, in whose order 1, 10, 1 and 1."""
    found, told = folded(circuit3(BELL), scale, fold)
    assert told == pytest.approx(1 + 2 * again / 13, abs=1e-12)
    names = build(found).count_ops()
    noise = sum(
        {"cx": 10, "barrier": 0, "measure": 0}.get(name, 1) * n for name, n in names.items()
    )
    assert noise == 13 + 2 * again


def test_between_what_is_undone_stand_barriers():
    found, _ = folded(circuit3(BELL), 3, "gates")
    lines = [line.strip() for line in found.text.replace(";", ";\n").splitlines() if line.strip()]
    at = lines.index("cx q[0], q[1];")
    pair = "barrier q[0], q[1];"
    assert lines[at : at + 5] == ["cx q[0], q[1];", pair, "cx q[0], q[1];", pair, "cx q[0], q[1];"]


def test_gates_behind_the_first_measurement_stay_behind_it():
    body = "qubit[2] q; bit[2] c; h q[0]; c[0] = measure q[0]; ry(0.4) q[1]; c[1] = measure q[1];"
    found, reached = folded(circuit3(body), 3, "global")
    assert reached == 3
    assert found.facts.measured_bits == (0, 1)
    assert not found.facts.is_dynamic
    after = found.text[found.text.index("measure q[0]") : found.text.index("measure q[1]")]
    assert after.count("ry(") == 3
    assert after.count("h q[0]") == 0


def test_what_nothing_is_to_be_scaled_in_is_the_same_circuit():
    once = circuit3(BELL)
    assert folded(once, 1, "global") == (once, 1)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("qubit q; bit c; x q; c = measure q; if (c) x q;", "goes by conditions"),
        ("qubit q; bit[2] c; x q; c[0] = measure q; x q; c[1] = measure q;", "goes on with it"),
        ("qubit q; bit c; x q; reset q; x q; c = measure q;", "goes on with it"),
        ("qubit[2] q; bit[2] c; for int i in [0:1] { h q[i]; c[i] = measure q[i]; }", "own"),
        ("qubit q; bit c; c = measure q;", "has no gates"),
    ],
)
def test_what_cannot_be_undone_is_refused(body, problem):
    with pytest.raises(UnfoldableError, match=problem):
        folded(circuit3(body), 3, "global")


def test_loops_broadcasts_and_free_angles_are_folded():
    body = (
        "input float a; qubit[3] q; bit[3] c; h q; for int i in [0:1] { cx q[i], q[i + 1]; "
        "rz(a * sin(a) + pi/i) q[i]; } ctrl @ pow(0.5) @ x q[0], q[2]; c = measure q;"
    ).replace("pi/i", "pi/(i + 1)")
    once, values = circuit3(body), {"a": 0.71}
    plain = bind(once, values).remove_final_measurements(inplace=False)
    for fold in ("global", "gates"):
        found, reached = folded(once, 3, fold)
        assert reached == 3
        assert found.facts.parameters == ("a",)
        made = bind(found, values).remove_final_measurements(inplace=False)
        assert same(made, Operator(plain).data)
    assert math.isclose(folded(once, 2, "global")[1], 2, abs_tol=0.25)
