"""What numpy computes for small circuits, beside Qiskit's matrices and Aer bound one by one."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.circuit.library import CU3Gate, get_standard_gate_name_mapping
from simulating import ANSATZ, HEAD, circuit, counts, failure, order, run, settings

from qbatch.providers.local import engine, guard
from qbatch.providers.local.exact import data_of, probabilities_of
from qbatch.providers.local.fused import evolution, matrices, stages
from qbatch.providers.local.fused.angles import angle_of, angles_at
from qbatch.providers.local.fused.answers import probabilities_at
from qbatch.providers.local.fused.matrices import GATES, superoperators, transfer
from qbatch.providers.local.fused.program import Fused, prepare
from qbatch.providers.local.method import memory_bytes, settled
from qbatch.providers.local.prepare import prepare as prepare_for_aer
from qbatch.providers.local.work import Program, cut

NOISE = {"depolarizing": {"one_qubit": 0.03, "two_qubit": 0.08}, "readout": 0.02}
RELAXING = {
    "thermal_relaxation": {
        "t1": 9e-6,
        "t2": 12e-6,
        "gate_time": {"one_qubit": 2e-7, "two_qubit": 5e-7, "measure": 1e-6},
    }
}
#: Free and fixed gates of one to three qubits, expressions, qubits that nothing reads.
MIXED = HEAD + (
    "input float a; input float b; qubit[5] q; bit[3] c;\n"
    "h q[0]; cx q[0], q[3]; cp(a*b) q[1], q[3]; cry(sin(a)) q[2], q[4]; ccx q[0], q[2], q[4];\n"
    "u3(a, b, a-b) q[1]; crz(0.3*a) q[4], q[0]; swap q[1], q[4]; t q[2];\n"
    "cu(a, b, 0.2, 0.1) q[0], q[2];\n"
    "sx q[3]; cz q[0], q[3]; x q[2]; y q[1]; crx(b) q[1], q[0]; p(a) q[0]; h q[0]; h q[1];\n"
    "ctrl @ ry(a) q[0], q[3];\nc[0] = measure q[3]; c[2] = measure q[0];\n"
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("QBATCH_CACHE_DIR", str(tmp_path / "cache"))
    engine.forget()
    yield
    engine.forget()


def program(text: str, **backend: object) -> Program:
    made = circuit(text)
    return Program(made, settled(made.facts, settings(**backend)))


@pytest.mark.parametrize("name", GATES)
def test_a_gate_with_free_angles_is_qiskits_matrix_at_every_point(name: str) -> None:
    gate = get_standard_gate_name_mapping().get(name) or CU3Gate(*map(Parameter, "abc"))
    angles = np.random.default_rng(7).uniform(-7, 7, (len(gate.params), 9))
    found = GATES[name](*angles)
    for at in range(9):
        bound = gate.base_class(*angles[:, at].tolist())
        wanted = np.asarray(bound.to_matrix())
        phase = (
            wanted.reshape(-1)[np.abs(wanted).argmax()]
            / found[at].reshape(-1)[np.abs(wanted).argmax()]
        )
        assert found[at] * phase == pytest.approx(wanted, abs=1e-14)
        if name.startswith("c") or name in ("p", "u1"):
            assert phase == pytest.approx(1)


@pytest.mark.parametrize("noise", [None, NOISE, RELAXING], ids=["ideal", "depolarizing", "t1"])
@pytest.mark.parametrize("text", [ANSATZ, MIXED], ids=["ansatz", "mixed"])
def test_probabilities_are_those_of_aer_bound_one_by_one(text: str, noise: object) -> None:
    made = program(text, **({"noise": noise} if noise else {}))
    points = np.random.default_rng(3).uniform(-4, 4, (5, 2)).tolist()
    by_aer = prepare_for_aer(made, frozenset())
    wanted = [probabilities_of(by_aer, data) for data in data_of(by_aer, points)]
    assert probabilities_at(prepare(made), points) == pytest.approx(np.array(wanted), abs=1e-12)


@pytest.mark.parametrize("noise", [None, NOISE], ids=["ideal", "depolarizing"])
def test_a_point_has_the_same_bits_alone_and_among_others(noise: object) -> None:
    fused = prepare(program(MIXED, **({"noise": noise} if noise else {})))
    points = np.random.default_rng(9).uniform(-4, 4, (41, 2)).tolist()
    together = probabilities_at(fused, points)
    for at in (0, 7, 40):
        assert np.array_equal(probabilities_at(fused, points[at : at + 1])[0], together[at])
    assert np.array_equal(probabilities_at(fused, points[5:19]), together[5:19])


#: Layers whose products are made entry by entry, and others that are multiplied as matrices.
LAYERS = HEAD + (
    "input float a; input float b; qubit[4] q; bit[4] c;\n"
    "ry(a) q; rz(b) q; cx q[0], q[1]; rx(a) q; rz(2*b) q; cx q[2], q[3];\n"
    "h q; p(a) q; cx q[1], q[2]; rz(a) q[0]; ry(b) q[0]; rz(a*b) q[0]; u3(a, b, a) q[1];\n"
    "cp(a) q[2], q[3]; sx q[1]; x q[1]; t q[0]; u2(a, b) q[0]; rx(0.3) q[3]; cx q[0], q[3];\n"
    "s q; rx(b) q; sdg q; c = measure q;\n"
)


@pytest.mark.parametrize("text", [ANSATZ, MIXED, LAYERS], ids=["ansatz", "mixed", "layers"])
def test_blocks_made_together_have_the_bits_of_matrices_multiplied_one_by_one(text: str) -> None:
    fused = prepare(program(text))
    values = np.random.default_rng(5).uniform(-7, 7, (23, len(fused.parameters)))
    made = evolution.matrices_of(fused.stages, values)
    for stage, matrices_ in zip(fused.stages.stages, made, strict=True):
        for group, found in zip(stage.groups, matrices_, strict=True):
            wanted = evolution.one_by_one(group, fused.stages, values)
            assert np.array_equal(np.broadcast_to(found, np.shape(wanted)), wanted)


def test_many_angles_are_what_each_is_by_itself() -> None:
    a, b = Parameter("a"), Parameter("b")
    values = np.random.default_rng(2).uniform(-7, 7, (31, 2))
    sums = [angle_of(each, {a: 0, b: 1}) for each in (a, 0.3 * b - 1.5, -a / 7, b + 0.1)]
    others = [angle_of(each, {a: 0, b: 1}) for each in (a * b, a + b, 0.25, a)]
    for angles in (sums, others):
        wanted = np.array([each.at(values) for each in angles])
        assert np.array_equal(angles_at(angles, values), wanted)


def test_counts_are_those_that_aer_would_give() -> None:
    orders = [order(ANSATZ, k, a=0.1 * k, b=0.7) for k in range(20)]
    assert run(orders, settings()) == run(orders, settings(options={"method": "statevector"}))


def test_shots_bought_later_continue_the_sample_whichever_library_computed_the_first() -> None:
    at_once = counts(order(MIXED, 3, a=0.4, b=1.1, shots=4000), settings()).to_dict()
    first = order(MIXED, 3, a=0.4, b=1.1, shots=1000)
    rest = order(MIXED, 3, a=0.4, b=1.1, shots=3000)
    rest = replace(rest, start=1000)
    early = counts(first, settings(options={"method": "statevector"})).to_dict()
    late = counts(rest, settings()).to_dict()
    assert {k: early.get(k, 0) + late.get(k, 0) for k in {*early, *late}} == at_once


def test_a_point_without_finite_angles_fails_by_itself_as_when_bound() -> None:
    text = HEAD + "input float a; qubit[1] q; bit[1] c;\nry(1/a) q[0]; c = measure q;\n"
    orders = [order(text, 1, a=0.0), order(text, 2, a=0.5)]
    found = run(orders, settings())
    assert found[orders[0].id] == failure(orders[0], settings(options={"method": "statevector"}))
    assert not isinstance(found[orders[1].id], str)


def test_an_angle_is_a_sum_only_where_it_is_one() -> None:
    a, b = Parameter("a"), Parameter("b")
    columns = {a: 0, b: 1}
    values = np.array([[0.5, -2.0], [2000.0, 3.0]])
    assert angle_of(0.3 * a + 2 * b - 1.5, columns).expression is None
    for expression in (a * b, (a - 1000).abs(), (a - 1000).sign(), a.sin(), 0.3 * a + 2 * b - 1.5):
        wanted = [
            expression.bind({p: row[columns[p]] for p in expression.parameters}).numeric()
            for row in values.tolist()
        ]
        assert angle_of(expression, columns).at(values) == pytest.approx(wanted)


def test_pauli_numbers_of_a_unitary_are_a_rotation() -> None:
    quarter = transfer(superoperators(GATES["rx"](np.array([np.pi / 2]))))[0]
    turned = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -1], [0, 0, 1, 0]]  # Y to Z, Z to −Y
    assert quarter == pytest.approx(np.array(turned), abs=1e-15)


LIBRARIES = [
    ({}, "numpy"),
    ({"noise": NOISE}, "numpy"),
    ({"options": {"method": "statevector"}}, "aer"),
    ({"options": {"method": "density_matrix"}, "noise": NOISE}, "aer"),
    ({"options": {"precision": "single"}}, "aer"),
    ({"options": {"statevector": True}}, "aer"),
    ({"options": {"method": "stim"}}, "stim"),
]


@pytest.mark.parametrize(("backend", "library"), LIBRARIES)
def test_the_library_follows_from_circuit_and_settings(backend, library) -> None:
    facts = circuit(ANSATZ).facts
    assert settled(facts, settings(**backend)).library == library


@pytest.mark.parametrize(("qubits", "library"), [(16, "numpy"), (17, "aer")])
def test_wide_circuits_are_left_to_aer(qubits: int, library: str) -> None:
    text = HEAD + f"qubit[{qubits}] q; bit[{qubits}] c; h q; t q[0]; c = measure q;\n"
    assert settled(circuit(text).facts, settings()).library == library


def test_a_wrong_sign_is_found_before_a_number_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    right = matrices.CELLS["rx"]
    monkeypatch.setitem(matrices.CELLS, "rx", lambda theta: right(-theta))  # type: ignore[arg-type]
    text = (
        HEAD + "input float a; qubit[1] q; bit[1] c;\nh q[0]; s q[0]; rx(a) q[0]; c = measure q;\n"
    )
    said = failure(order(text, 1, a=0.5), settings())
    assert "numpy computes it wrongly" in said
    assert "no number is given" in said
    assert "method: statevector" in said


def test_a_circuit_is_held_against_a_plain_computation_once(monkeypatch) -> None:
    seen = []
    whole = guard._of_plain_or_aer
    monkeypatch.setattr(guard, "_of_plain_or_aer", lambda *a: seen.append(a) or whole(*a))
    for _ in range(2):
        engine.forget()
        run([order(ANSATZ, k, a=0.1 * k, b=0.7) for k in range(4)], settings())
    assert len(seen) == 1


def test_a_large_circuit_is_held_against_aer(monkeypatch) -> None:
    monkeypatch.setattr(guard, "QUICK_S", 0.0)
    right = matrices.CELLS["ry"]
    one = order(ANSATZ, 1, a=0.4, b=0.7)
    assert run([one], settings()) == run([one], settings(options={"method": "statevector"}))
    engine.forget()
    monkeypatch.setenv("QBATCH_CACHE_DIR", "/nonexistent")
    monkeypatch.setitem(matrices.CELLS, "ry", lambda theta: right(theta + 0.1))  # type: ignore[arg-type]
    assert "numpy computes it wrongly" in failure(one, settings())


@pytest.mark.parametrize("points", [(1.3, 3.0, 5.0), (1.3, 1.4, 3.0)], ids=str)
@pytest.mark.parametrize("together", [True, False], ids=["one chunk", "chunk by chunk"])
def test_a_point_without_angles_hides_no_wrong_gate(points, together, monkeypatch) -> None:
    right = matrices.CELLS["rx"]
    monkeypatch.setitem(matrices.CELLS, "rx", lambda theta: right(theta + 0.2))  # type: ignore[arg-type]
    text = HEAD + "input float a; qubit q; bit c;\nrx(sqrt(a-2)) q; c = measure q;\n"
    orders = [order(text, k, a=a) for k, a in enumerate(points)]
    batches = [orders] if together else [[one] for one in orders]
    found = {key: told for some in batches for key, told in run(some, settings()).items()}
    for one in orders:
        told = found[one.id]
        wanted = "no number is given" if together or one.parameters["a"] > 2 else "leave the point"
        assert isinstance(told, str)
        assert wanted in told


# -- memory ----------------------------------------------------------------------------------------


def layered(qubits: int, layers: int, seed: int | None = None) -> str:
    """Turns and cx in pairs, layer by layer; with a seed other pairs in each layer."""
    draw, body = random.Random(seed), ""
    for _ in range(layers):
        places = list(range(qubits))
        if seed is not None:
            draw.shuffle(places)
        body += "ry(a) q; "
        body += " ".join(
            f"cx q[{x}], q[{y}];" for x, y in zip(places[::2], places[1::2], strict=False)
        )
        body += "\n"
    return HEAD + f"input float a; qubit[{qubits}] q; bit[{qubits}] c;\n{body}c = measure q;\n"


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that Python and numpy held more than before, at most, while `work` ran."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_equal_layers_take_the_memory_of_one() -> None:
    few, many = (prepare(program(layered(7, n), noise=NOISE)).num_bytes for n in (5, 50))
    assert few > 16 * 4**7
    assert many < 1.1 * few


@pytest.mark.parametrize("noise", [None, NOISE, RELAXING], ids=["ideal", "depolarizing", "t1"])
def test_where_shuffles_are_not_kept_the_numbers_are_the_same(noise, monkeypatch) -> None:
    made = program(layered(6, 8, seed=1), **({"noise": noise} if noise else {}))
    points = [[0.3], [1.9], [-2.0]]
    kept = prepare(made)
    size = 24 * 2**6 if noise is None else 16 * 4**6
    for room in (0, 2 * size):
        monkeypatch.setattr(stages, "STAGES_BYTES", room)
        remade = prepare(made)
        shuffles = [stage.shuffle.kept for stage in remade.stages.stages]
        assert shuffles.count(None) >= 3
        assert sum(each.num_bytes for each in shuffles if each is not None) <= room
        assert np.array_equal(probabilities_at(remade, points), probabilities_at(kept, points))


def test_what_a_circuit_takes_is_told() -> None:
    made = program(layered(8, 6, seed=2), noise=NOISE)
    prepare(made)
    kept: list[Fused] = []
    tracemalloc.start()
    try:
        kept.append(prepare(made))
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept[0].num_bytes == pytest.approx(held, rel=0.1)


def test_programs_kept_are_bounded_by_their_memory(monkeypatch) -> None:
    one = prepare(program(layered(5, 3, seed=0), noise=NOISE)).num_bytes
    monkeypatch.setattr(engine, "_KEPT_BYTES", 5 * one // 2)
    orders = [order(layered(5, 3, seed=k), k, a=0.4) for k in range(4)]
    run(orders, settings(noise=NOISE))
    kept = [fused.num_bytes for _, fused in engine._programs.values()]
    assert one < sum(kept) <= 5 * one // 2
    assert engine._checked_keys == engine._programs.keys() == engine._num_bytes.keys()
    [last] = cut(orders[-1:], settings(noise=NOISE))
    assert last.key in engine._programs
    monkeypatch.setattr(engine, "_KEPT_BYTES", 0)
    run([order(layered(5, 3, seed=4), 4, a=0.4)], settings(noise=NOISE))
    assert len(engine._programs) == 1


@pytest.mark.parametrize("noise", [NOISE, RELAXING, None], ids=["depolarizing", "t1", "ideal"])
def test_the_memory_estimate_holds(noise: object) -> None:
    qubits = 12 if noise is None else 8
    made = program(layered(qubits, 12, seed=5), **({"noise": noise} if noise else {}))
    probabilities_at(prepare(program(ANSATZ)), [[0.1, 0.2]])
    peak = peak_of(lambda: probabilities_at(prepare(made), [[0.3]]))
    told = memory_bytes(made.circuit.facts, made.settings)
    assert told is not None
    assert peak <= told


def test_the_memory_estimate_of_a_deep_circuit_is_bounded() -> None:
    made = program(layered(9, 60), noise=NOISE)
    told = memory_bytes(made.circuit.facts, made.settings)
    assert told is not None
    assert 128 << 20 < told < 160 << 20
