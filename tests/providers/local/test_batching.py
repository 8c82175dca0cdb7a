"""Which gates one call for many points may carry: every row and every absence is held to proof."""

from __future__ import annotations

import math

import numpy as np
import plain
import pytest
from simulating import HEAD, circuit, order, run, settings

from qbatch.providers.local.batching import PROVEN, batched_gates, installed
from qbatch.providers.local.exact import data_apart, data_of, data_together, probabilities_of
from qbatch.providers.local.prepare import Prepared, prepare
from qbatch.providers.local.translation import known_gates
from qbatch.providers.local.work import Program, settled

METHODS = ("statevector", "density_matrix")
POINTS = [(0.37, 1.9, 1.1), (1.3, 0.41, 0.23), (0.9, 2.2, 1.7), (0.6, 0.8, 2.9)]

#: Ways in which parameters a, b and c enter an angle: for Qiskit, and for Python's numbers.
ANGLES = [
    (lambda a, b, c: a, lambda a, b, c: a),
    (lambda a, b, c: 2 * b - a / 3 + 0.4, lambda a, b, c: 2 * b - a / 3 + 0.4),
    (lambda a, b, c: (a * c).sin(), lambda a, b, c: math.sin(a * c)),
    (lambda a, b, c: a**b + 1, lambda a, b, c: a**b + 1),
    (lambda a, b, c: (a + b * c) ** 0.5, lambda a, b, c: math.sqrt(a + b * c)),
    (lambda a, b, c: 0.7, lambda a, b, c: 0.7),
    (lambda a, b, c: c.exp() / 4, lambda a, b, c: math.exp(c) / 4),
    (lambda a, b, c: -b, lambda a, b, c: -b),
]


def test_the_versions_installed_here_have_a_row():
    assert installed() in PROVEN, (
        f"qiskit-aer and qiskit {installed()} have no row in batching.PROVEN; add one with the "
        "gates that the tests of this file find right"
    )


def _mixed(rng: np.random.Generator) -> list[tuple[np.ndarray, list[float], int]]:
    made = []
    for qubit in range(3):
        angles = rng.uniform(0.3, 2.0, 3).tolist()
        made.append((plain.u(*angles), angles, qubit))
    return made


def _disagreement(name: str, method: str, seed: int) -> float:
    """Largest error of Aer's batched probabilities of a random circuit around a gate.

    Infinite where results are missing.
    """
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit_aer import AerSimulator

    rng = np.random.default_rng(seed)
    names = [Parameter(name) for name in "abc"]
    made = QuantumCircuit(3, global_phase=0.3)
    kind = get_standard_gate_name_mapping()[name].base_class
    count, matrix = plain.TURNING[name]
    wanted: list[list[tuple[np.ndarray, list[int]]]] = [[] for _ in POINTS]
    for turn in range(3):
        for one, angles, qubit in _mixed(rng):
            made.u(*angles, qubit)
            for gates in wanted:
                gates.append((one, [qubit]))
        if rng.random() < 0.5:
            made.barrier()
        picked = [ANGLES[rng.integers(len(ANGLES))] for _ in range(count)]
        if turn == 0:
            picked[rng.integers(count)] = ANGLES[seed % 5]
        gate = kind(*[angle(*names) for angle, _ in picked])
        qubits = rng.permutation(3)[: gate.num_qubits].tolist()
        made.append(gate, qubits)
        for gates, values in zip(wanted, POINTS, strict=True):
            gates.append((matrix(*[number(*values) for _, number in picked]), qubits))
    for one, angles, qubit in _mixed(rng):
        made.u(*angles, qubit)
        for gates in wanted:
            gates.append((one, [qubit]))
    used = {
        p: [values[k] for values in POINTS] for k, p in enumerate(names) if p in made.parameters
    }
    made.save_probabilities([0, 1, 2])
    simulator = AerSimulator(method=method, max_parallel_threads=1)
    result = simulator.run([made], parameter_binds=[used], shots=1, seed_simulator=0).result()
    if not result.success or len(result.results) != len(POINTS):
        return math.inf
    return max(
        float(np.abs(result.data(k)["probabilities"] - np.abs(plain.run(3, gates)) ** 2).max())
        for k, gates in enumerate(wanted)
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", sorted(batched_gates("CPU")))
def test_a_gate_of_the_table_is_filled_in_at_every_point(name, method):
    worst = [_disagreement(name, method, seed) for seed in range(12)]
    assert max(worst) < 1e-9, worst


@pytest.mark.parametrize("name", sorted(plain.TURNING.keys() - batched_gates("CPU")))
def test_a_gate_that_is_not_in_the_table_is_not_filled_in_by_aer(name):
    worst = max(_disagreement(name, "statevector", seed) for seed in range(3))
    assert worst > 1e-3, f"{name} is filled in now; it may go into batching.PROVEN"


def test_every_gate_with_angles_that_aer_knows_is_tried_here():
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    turning = {name for name, gate in standard.items() if gate.params and name != "delay"}
    assert turning & known_gates("statevector") == plain.TURNING.keys()


def ready(text: str, method: str = "statevector", **options: object) -> Prepared:
    made = circuit(text)
    using = settings(options={"method": method, **options})
    return prepare(Program(made, settled(made.facts, using)))


# -- programs, batched by us -----------------------------------------------------------------------

#: What OpenQASM 3 may write, and its matrix at a and b.
WRITTEN = {
    "cp(a) q[0], q[1]": (lambda a, b: plain.controlled(plain.phase(a)), 2),
    "cphase(a/2) q[0], q[1]": (lambda a, b: plain.controlled(plain.phase(a / 2)), 2),
    "crx(a + b) q[0], q[1]": (lambda a, b: plain.TURNING["crx"][1](a + b), 2),
    "cry(a) q[0], q[1]": (lambda a, b: plain.TURNING["cry"][1](a), 2),
    "crz(-b) q[0], q[1]": (lambda a, b: plain.TURNING["crz"][1](-b), 2),
    "cu(a, b, 0.3, a*b) q[0], q[1]": (lambda a, b: plain.TURNING["cu"][1](a, b, 0.3, a * b), 2),
    "ctrl @ rx(a) q[0], q[1]": (lambda a, b: plain.TURNING["crx"][1](a), 2),
    "negctrl @ ry(a) q[0], q[1]": (
        lambda a, b: plain.controlled(plain.TURNING["ry"][1](a), 0),
        2,
    ),
    "negctrl @ cu(a, b, 0.1, 0.2) q[0], q[1], q[2]": (
        lambda a, b: plain.controlled(plain.TURNING["cu"][1](a, b, 0.1, 0.2), 0),
        3,
    ),
    "ctrl @ inv @ crz(a) q[0], q[1], q[2]": (
        lambda a, b: plain.controlled(plain.TURNING["crz"][1](-a)),
        3,
    ),
    "ctrl(2) @ p(a) q[0], q[1], q[2]": (
        lambda a, b: plain.controlled(plain.controlled(plain.phase(a))),
        3,
    ),
    "ctrl(2) @ ry(b) q[0], q[1], q[2]": (
        lambda a, b: plain.controlled(plain.controlled(plain.TURNING["ry"][1](b))),
        3,
    ),
    "ctrl @ gphase(a) q[0]": (lambda a, b: plain.phase(a), 1),
    "ctrl(2) @ gphase(a) q[0], q[1]": (lambda a, b: plain.controlled(plain.phase(a)), 2),
    "pow(2) @ cp(a) q[0], q[1]": (lambda a, b: plain.controlled(plain.phase(2 * a)), 2),
}
SPREAD = "".join(f"u3({0.4 + k}, {0.9 * k}, {1.1 - k}) q[{k}];\n" for k in range(3))
VALUES = [(0.0, 0.0), (0.7, 1.9), (math.pi / 2, math.pi), (-1.2, 2.6)]


def program(gate: str) -> str:
    body = f"{SPREAD}{gate};\n{SPREAD}"
    return HEAD + f"input float a; input float b; qubit[3] q; bit[3] c;\n{body}c = measure q;\n"


def wanted_of(gate: str, values: tuple[float, float]) -> np.ndarray:
    matrix, count = WRITTEN[gate]
    spread = [(plain.u(0.4 + k, 0.9 * k, 1.1 - k), [k]) for k in range(3)]
    return np.abs(plain.run(3, [*spread, (matrix(*values), range(count)), *spread])) ** 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gate", WRITTEN)
def test_points_of_a_sweep_come_out_right_in_one_call_and_one_by_one(gate, method):
    made = ready(program(gate), method)
    assert made.together is not None
    for way in (data_of, data_together, data_apart):
        found = way(made, VALUES)
        for data, values in zip(found, VALUES, strict=True):
            assert probabilities_of(made, data) == pytest.approx(wanted_of(gate, values), abs=1e-9)


def test_one_point_is_as_right_as_many():
    for gate in WRITTEN:
        made = ready(program(gate))
        for values in VALUES:
            [data] = data_of(made, [values])
            assert probabilities_of(made, data) == pytest.approx(wanted_of(gate, values), abs=1e-9)


def test_with_unknown_versions_every_point_is_bound_by_itself():
    made = circuit(program("rx(a) q[0]"))
    using = settled(made.facts, settings())
    assert prepare(Program(made, using)).together is not None
    assert prepare(Program(made, using), batched=frozenset()).together is None


def test_on_a_gpu_every_point_is_bound_by_itself():
    assert batched_gates("GPU") == frozenset()


def test_the_phase_of_a_state_follows_the_parameters():
    text = (
        HEAD + "input float a; qubit[2] q; bit[2] c;\nh q[0]; crz(a) q[0], q[1];\nc = measure q;\n"
    )
    made = ready(text, statevector=True)
    for a in (0.3, 2.1):
        [data] = data_of(made, [(a,)])
        half = np.array([1, 0, 0, 0]) + np.exp(-0.5j * a) * np.array([0, 1, 0, 0])
        assert np.asarray(data["statevector"]) == pytest.approx(half / 2**0.5, abs=1e-9)


def test_a_point_that_cannot_be_computed_harms_no_other():
    body = "rx(1/a + sqrt(a)) q[0];"
    text = HEAD + f"input float a; qubit[1] q; bit[1] c;\n{body}\nc = measure q;\n"
    orders = [order(text, k, a=a) for k, a in enumerate((1.0, 0.0, -2.0, 4.0))]
    found = run(orders, settings())
    told = [found[one.id] for one in orders]
    assert [isinstance(each, str) for each in told] == [False, True, True, False]
    for error in told[1:3]:
        assert error.startswith("local: an angle")
        assert error.endswith("at this point's values; leave the point out")
    alone = [run([one], settings())[one.id] for one in orders]
    assert told == alone


def test_no_status_is_told_for_a_cause():
    from types import SimpleNamespace

    from qbatch.providers.local.failures import told_of

    for status in ("COMPLETED", "DONE", "PARTIAL COMPLETED"):
        made = SimpleNamespace(results=[SimpleNamespace(status=status)], status=status)
        assert told_of(made, 0) == "Aer gave no result and no reason"


def test_probabilities_that_do_not_add_up_to_one_are_not_sampled():
    from qbatch.errors import Refused

    made = ready(program("rx(a) q[0]"))
    for wrong in (np.full(8, 0.2), np.full(8, np.nan)):
        with pytest.raises(Refused, match="not to 1"):
            probabilities_of(made, {"probabilities": wrong})
