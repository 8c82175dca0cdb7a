"""Every gate and modified gate, by every method that takes it, at every level of transpiling."""

from __future__ import annotations

import math

import numpy as np
import plain as by_formula
import pytest
from simulating import HEAD, circuit, counts, order, probabilities, settings

from qbatch.manifest.models import Transpile
from qbatch.providers.local import plain
from qbatch.providers.local.prepare import as_written, prepare
from qbatch.providers.local.settings import Settings
from qbatch.providers.local.translation import known_gates, translated
from qbatch.providers.local.work import Program, settled

C, FIXED, phase = by_formula.controlled, by_formula.FIXED, by_formula.phase
X = FIXED["x"]
QELIB = 'OPENQASM 2.0;\ninclude "qelib1.inc";\n'


#: OpenQASM 2 names, and what OpenQASM 3 writes.
GATES = {
    **{name: (QELIB, FIXED[name]) for name in ("c3x", "c4x", "c3sqrtx", "csx", "sxdg")},
    **{name: (HEAD, FIXED[name]) for name in ("ccx", "cswap", "ch", "cy", "sx", "swap")},
    "ctrl(3) @ x": (HEAD, C(C(C(X)))),
    "ctrl(4) @ x": (HEAD, C(C(C(C(X))))),
    "ctrl @ ccx": (HEAD, FIXED["c3x"]),
    "ctrl(2) @ p(0.7)": (HEAD, C(C(phase(0.7)))),
    "ctrl(3) @ p(0.7)": (HEAD, C(C(C(phase(0.7))))),
    "ctrl @ cp(0.7)": (HEAD, C(C(phase(0.7)))),
    "ctrl(2) @ gphase(0.7)": (HEAD, C(phase(0.7))),
    "ctrl(4) @ gphase(0.7)": (HEAD, C(C(C(phase(0.7))))),
    "negctrl(2) @ x": (HEAD, C(C(X, 0), 0)),
    "negctrl @ ctrl @ rx(0.7)": (HEAD, C(C(by_formula.turn(X, 0.7)), 0)),
    "ctrl @ swap": (HEAD, FIXED["cswap"]),
    "ctrl(2) @ swap": (HEAD, C(FIXED["cswap"])),
    "ctrl(2) @ h": (HEAD, C(C(FIXED["h"]))),
    "ctrl @ ch": (HEAD, C(FIXED["ch"])),
    "ctrl @ sx": (HEAD, FIXED["csx"]),
    "inv @ ctrl(2) @ t": (HEAD, C(C(FIXED["tdg"]))),
}


def text_of(gate: str) -> str:
    head, matrix = GATES[gate]
    count = len(matrix).bit_length() - 1
    on = ", ".join(f"q[{k}]" for k in range(count))
    spread = "".join(f"u3({0.4 + 0.3 * k}, {0.9 * k}, {1.1 - k}) q[{k}];\n" for k in range(count))
    if head is HEAD:
        sizes, end = f"qubit[{count}] q; bit[{count}] c;\n", "c = measure q;\n"
    else:
        sizes, end = f"qreg q[{count}]; creg c[{count}];\n", "measure q -> c;\n"
    return f"{head}{sizes}{spread}{gate} {on};\n{spread}{end}"


def wanted_of(gate: str) -> np.ndarray:
    matrix = GATES[gate][1]
    count = len(matrix).bit_length() - 1
    spread = [(by_formula.u(0.4 + 0.3 * k, 0.9 * k, 1.1 - k), [k]) for k in range(count)]
    return np.abs(by_formula.run(count, [*spread, (matrix, range(count)), *spread])) ** 2


def near(found: dict[int, int], wanted: np.ndarray, shots: int) -> bool:
    """Whether all frequencies are within five standard errors."""
    return all(
        abs(found.get(k, 0) / shots - p) < 5 * math.sqrt(max(0.0, p * (1 - p)) / shots) + 1e-9
        for k, p in enumerate(wanted)
    )


def exact(text: str, using: Settings) -> np.ndarray:
    """Probabilities of the classical bits: transpiling may have moved the qubits."""
    made = circuit(text)
    ready = prepare(Program(made, settled(made.facts, using)))
    return plain.marginal(probabilities(text, using), [each or 0 for each in ready.positions])


@pytest.mark.parametrize(
    "level", [0, 3, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))]
)
@pytest.mark.parametrize("method", ["statevector", "density_matrix", "matrix_product_state"])
@pytest.mark.slow
def test_every_gate_comes_out_as_its_matrix_says(method, level):
    backend: dict = {"options": {"method": method}}
    if level:
        backend["transpile"] = Transpile(optimization_level=level, seed=3)
    using = settings(**backend)
    for number, gate in enumerate(GATES):
        wanted = wanted_of(gate)
        if method == "matrix_product_state":
            found = counts(order(text_of(gate), number, shots=2000), using).to_ints()
            assert near(found, wanted, 2000), gate
        else:
            assert exact(text_of(gate), using) == pytest.approx(wanted, abs=1e-9), gate


def test_gates_of_relative_phase_are_toffolis_on_basis_states():
    for name, size in (("rccx", 3), ("rc3x", 4)):
        for state in range(2**size):
            flips = "".join(f"x q[{k}];\n" for k in range(size) if state >> k & 1)
            on = ", ".join(f"q[{k}]" for k in range(size))
            text = f"{QELIB}qreg q[{size}]; creg c[{size}];\n{flips}{name} {on};\nmeasure q -> c;\n"
            controls = (1 << (size - 1)) - 1
            end = state ^ (1 << (size - 1)) if state & controls == controls else state
            for method in ("density_matrix", "matrix_product_state"):
                found = counts(order(text, state, shots=3), settings(options={"method": method}))
                assert found.to_ints() == {end: 3}


def test_what_is_said_for_a_method_is_the_same_state_in_gates_it_knows():
    methods = ("statevector", "density_matrix", "matrix_product_state", "extended_stabilizer")
    for gate in GATES:
        made = circuit(text_of(gate))
        written = as_written(Program(made, settled(made.facts, settings())))
        for method in methods:
            said = translated(written, method)
            assert {item.operation.name for item in said.data} <= known_gates(method)
            qubits = range(said.num_qubits)
            found = plain.distribution(said, qubits, mixed=False)
            assert found == pytest.approx(wanted_of(gate), abs=1e-9), (gate, method)


def test_extended_stabilizer_takes_rotations_that_its_list_promises():
    text = HEAD + "qubit[1] q; bit[1] c;\nrz(0.8) q[0];\nc = measure q;\n"
    using = settings(options={"method": "extended_stabilizer"})
    assert counts(order(text, 1, shots=2), using).to_dict() == {"0": 2}


@pytest.mark.parametrize("gate", ["ccx", "c4x", "ctrl(2) @ p(0.7)", "ctrl(3) @ x", "cswap"])
def test_under_noise_a_gate_on_many_qubits_is_its_decomposition(gate):
    noise = {"depolarizing": {"one_qubit": 0.01, "two_qubit": 0.02}}
    made = circuit(text_of(gate))
    noisy = as_written(Program(made, settled(made.facts, settings(noise=noise))))
    gates = [i.operation for i in noisy.data if i.operation.name not in ("measure", "barrier")]
    channels = [each for each in gates if each.name == "quantum_channel"]
    assert max(each.num_qubits for each in gates) <= 2
    assert len(channels) * 2 == len(gates)
    wanted = plain.distribution(noisy, range(noisy.num_qubits), mixed=True)
    assert probabilities(text_of(gate), settings(noise=noise)) == pytest.approx(wanted, abs=1e-9)
    again = as_written(Program(made, settled(made.facts, settings(noise=noise))))
    assert again == noisy


def test_a_toffoli_is_fifteen_gates_under_noise():
    strength = 0.02
    text = HEAD + "qubit[3] q; bit[3] c;\nccx q[0], q[1], q[2];\nc = measure q;\n"
    made = circuit(text)
    noise = {"depolarizing": {"two_qubit": strength}}
    noisy = as_written(Program(made, settled(made.facts, settings(noise=noise))))
    assert sum(i.operation.name == "quantum_channel" for i in noisy.data) == 6
