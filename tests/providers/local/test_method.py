from __future__ import annotations

import pytest
from simulating import BELL, FEEDBACK, HEAD, circuit, order, settings

from qbatch.manifest.models import Backend, Limits
from qbatch.providers import open_driver
from qbatch.providers.local.driver import LocalDriver
from qbatch.providers.local.method import (
    choose_method,
    evolution_s,
    is_exact,
    memory_bytes,
    settled,
)

TWO_QUBIT = {"depolarizing": {"two_qubit": 0.01}}


def ghz(num_qubits: int, extra: str = "") -> str:
    chain = "".join(f"cx q[{k}], q[{k + 1}];\n" for k in range(num_qubits - 1))
    sizes = f"qubit[{num_qubits}] q; bit[{num_qubits}] c;\n"
    return HEAD + sizes + "h q[0];\n" + chain + extra + "c = measure q;\n"


CHOICES = [
    (ghz(3), {}, "statevector"),
    (ghz(13), {}, "stabilizer"),
    (ghz(13, "t q[0];\n"), {}, "statevector"),
    (ghz(9), {"noise": TWO_QUBIT}, "density_matrix"),
    (ghz(10), {"noise": TWO_QUBIT}, "statevector"),
    (ghz(13), {"noise": TWO_QUBIT}, "stabilizer"),
    (ghz(13), {"noise": {"thermal_relaxation": {"t1": 1.0, "t2": 1.5}}}, "statevector"),
    (ghz(5), {"noise": {"readout": 0.1}}, "statevector"),
    (FEEDBACK, {"noise": TWO_QUBIT}, "statevector"),
    (ghz(13), {"options": {"statevector": True}}, "statevector"),
    (ghz(3), {"options": {"method": "matrix_product_state"}}, "matrix_product_state"),
]


@pytest.mark.parametrize(("text", "backend", "method"), CHOICES)
def test_the_method_follows_from_circuit_and_settings(text, backend, method):
    assert choose_method(circuit(text).facts, settings(**backend)) == method


def test_probabilities_are_computed_where_no_shot_is_random_by_itself():
    facts = circuit(BELL).facts
    assert is_exact(facts, settled(facts, settings()))
    assert is_exact(facts, settled(facts, settings(noise=TWO_QUBIT)))
    facts = circuit(FEEDBACK).facts
    assert not is_exact(facts, settled(facts, settings()))


def driver(**backend) -> LocalDriver:
    from pathlib import Path

    made = open_driver(Backend(provider="local", **backend), name="sim", folder=Path())
    assert isinstance(made, LocalDriver)
    return made


def described(made: LocalDriver):
    with pytest.raises(StopIteration) as answer:
        made.describe().send(None)
    return answer.value.value


def refusal(text: str, **backend) -> str | None:
    made = driver(**backend)
    return made.check(order(text), described(made))


def test_a_circuit_too_large_for_the_machine_is_refused_with_the_figures():
    said = refusal(ghz(50, "t q[0];\n"))
    assert said is not None
    assert "50 qubits by statevector need" in said
    assert "this machine has" in said
    assert "limits.memory_gb" in said


def test_the_persons_own_limit_counts():
    wide = ghz(20, "t q[0];\n")
    assert refusal(wide) is None
    said = refusal(wide, limits=Limits(memory_gb=0.01))
    assert said is not None
    assert "limits.memory_gb allows 10.0 MB" in said


def test_a_density_matrix_needs_the_square():
    facts = circuit(ghz(9)).facts
    noisy = settled(facts, settings(noise=TWO_QUBIT, options={"method": "density_matrix"}))
    assert memory_bytes(facts, noisy) == 16 * 4**9 + 24 * 2**9


def test_large_clifford_circuits_fit():
    assert refusal(ghz(100)) is None


def test_matrix_product_states_are_not_judged_by_size():
    large = ghz(60, "t q[0];\n")
    assert refusal(large, options={"method": "matrix_product_state"}) is None


def test_only_small_states_of_circuits_without_feedback_are_kept():
    kept = {"statevector": True}
    assert refusal(ghz(16), options=kept) is None
    assert "at most 16 qubits" in str(refusal(ghz(17), options=kept))
    assert "ends in its measurements" in str(refusal(FEEDBACK, options=kept))


def test_a_circuit_wider_than_the_calibration_is_refused(tmp_path):
    (tmp_path / "device.json").write_text('{"qubits": [{}, {}]}')
    backend = Backend(provider="local", noise={"calibration": "device.json"})
    made = open_driver(backend, name="sim", folder=tmp_path)
    said = made.check(order(ghz(3)), described(made))
    assert said == "it has 3 qubits; the calibration file knows 2"


def test_more_shots_take_longer_only_where_each_is_simulated():
    facts = circuit(BELL).facts
    exact = settled(facts, settings())
    assert evolution_s(facts, exact, 10) == evolution_s(facts, exact, 10**6)
    by_shot = settled(facts, settings(options={"method": "stabilizer"}))
    assert evolution_s(facts, by_shot, 10**6) > evolution_s(facts, by_shot, 10)


def test_a_gpu_that_aer_lacks_is_refused_before_anything_runs():
    from qbatch.providers.local.fit import missing_gpu

    if missing_gpu() is None:
        pytest.skip("this Aer has a GPU")
    said = refusal(ghz(2, ""), options={"device": "GPU"})
    assert said is not None
    assert "take device: CPU" in said


def test_the_number_of_shots_is_bounded():
    assert described(driver()).max_shots == 10_000_000


#: Qubits, layers of a chain of cx, shots -> core seconds one point took with depolarizing noise and
#: misreading, measured on two cores of 2024.
MEASURED = {
    (6, 1, 1000): 0.0014,
    (8, 1, 1000): 0.0125,
    (9, 1, 1000): 0.0531,
    (6, 5, 1000): 0.0049,
    (8, 5, 1000): 0.1021,
    (9, 5, 1000): 0.4485,
    (10, 1, 500): 0.1177,
    (11, 1, 500): 0.1982,
    (12, 1, 500): 0.3729,
    (10, 5, 200): 0.1283,
    (14, 1, 100): 0.3131,
    (16, 1, 20): 0.4270,
}


@pytest.mark.parametrize(("measured", "seconds"), MEASURED.items())
def test_noisy_circuits_are_estimated_by_what_they_took(
    measured: tuple[int, int, int], seconds: float
) -> None:
    """P32: "about 3 s" for 16 to 28 s, of a noisy chain on 8 to 11 qubits."""
    num_qubits, layers, shots = measured
    chain = "".join(f"cx q[{k}], q[{k + 1}];" for k in range(num_qubits - 1))
    turns = "".join(f"rz(0.5) q[{k}];" for k in range(num_qubits)) if layers > 1 else ""
    facts = circuit(
        f'OPENQASM 3.0; include "stdgates.inc"; qubit[{num_qubits}] q; bit[{num_qubits}] c;'
        f"ry(0.5) q[0]; {(chain + turns) * layers} c = measure q;"
    ).facts
    noise = {"depolarizing": {"one_qubit": 0.001, "two_qubit": 0.01}, "readout": 0.01}
    options = {"method": "density_matrix" if num_qubits <= 9 else "automatic"}
    told = evolution_s(facts, settled(facts, settings(noise=noise, options=options)), shots)
    assert seconds / 2 < told < seconds * 2


def test_more_workers_and_fewer_qubits_take_less_time():
    few, many = order(ghz(4, "")), order(ghz(16, ""))
    one, two = driver(limits={"workers": 1}), driver(limits={"workers": 2})
    assert one.estimate_s(few) < one.estimate_s(many)
    assert two.estimate_s(many) == one.estimate_s(many) / 2
