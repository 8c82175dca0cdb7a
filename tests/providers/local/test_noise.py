from __future__ import annotations

import json
import math

import numpy as np
import pytest
from simulating import BELL, FEEDBACK, HEAD, counts, failure, order, parity, probabilities, settings

from qbatch.circuit import build
from tests.daily import mostly_slow


def one_qubit(body: str) -> str:
    return HEAD + f"qubit[1] q; bit[1] c;\n{body}\nc = measure q;\n"


def test_a_noisy_bell_pair_has_the_parity_of_the_formula():
    noise = {"depolarizing": {"one_qubit": 0.0, "two_qubit": 0.01}, "readout": 0.02}
    exact = parity(probabilities(BELL, settings(noise=noise)))
    assert exact == pytest.approx((1 - 0.01) * (1 - 0.04) ** 2, abs=1e-12)


def test_counts_of_a_noisy_bell_pair_agree_with_the_formula():
    noise = {"depolarizing": {"two_qubit": 0.01}, "readout": 0.02}
    found = counts(order(BELL, 5, shots=1_000_000), settings(noise=noise))
    assert parity(found.to_dict()) == pytest.approx(0.99 * 0.96**2, abs=0.002)


@pytest.mark.parametrize(
    "method", mostly_slow(["statevector", "stim", "stabilizer", "matrix_product_state"], daily=2)
)
def test_every_method_puts_in_the_same_noise(method):
    if method == "stim":
        pytest.importorskip("stim")
    noise = {"depolarizing": {"one_qubit": 0.05, "two_qubit": 0.1}, "readout": 0.02}
    using = settings(options={"method": method}, noise=noise)
    found = counts(order(BELL, 5, shots=8000), using)
    # h is followed by one depolarizing channel, which the Bell parity zz does not see
    assert parity(found.to_dict()) == pytest.approx(0.9 * 0.96**2, abs=5 / math.sqrt(8000))


@pytest.mark.parametrize("gate", ["id", "rz(0.3)", "x", "U(0.1, 0.2, 0.3)", "sx", "t"])
def test_every_one_qubit_gate_is_followed_by_one_channel(gate):
    noise = {"depolarizing": {"one_qubit": 0.2}}
    text = one_qubit(f"{gate} q[0]; {gate} q[0];")
    ideal = parity(probabilities(text, settings()))
    noisy = parity(probabilities(text, settings(noise=noise)))
    assert noisy == pytest.approx(ideal * 0.8**2, abs=1e-12)


@pytest.mark.parametrize("gate", ["cx", "ch", "swap", "cz", "crx(0.4)", "negctrl @ x"])
def test_every_two_qubit_gate_is_one_gate_however_it_is_computed(gate):
    text = HEAD + f"qubit[2] q; bit[2] c;\nry(0.4) q[0]; {gate} q[0], q[1];\nc = measure q;\n"
    noise = {"depolarizing": {"two_qubit": 0.3}}
    ideal = probabilities(text, settings())
    noisy = probabilities(text, settings(noise=noise))
    assert noisy == pytest.approx(0.7 * ideal + 0.3 / 4, abs=1e-12)


def test_a_gate_of_ones_own_is_noisy_in_its_body():
    gate = "gate twice a { x a; x a; }\n"
    text = HEAD + gate + "qubit[1] q; bit[1] c;\ntwice q[0];\nc = measure q;\n"
    noise = {"depolarizing": {"one_qubit": 0.1}}
    assert parity(probabilities(text, settings(noise=noise))) == pytest.approx(0.81)


def test_a_gate_on_three_qubits_is_noisy_through_its_textbook_gates():
    text = HEAD + "qubit[3] q; bit[1] c;\nccx q[0], q[1], q[2];\nc[0] = measure q[2];\n"
    noise = {"depolarizing": {"two_qubit": 0.1}}
    assert parity(probabilities(text, settings(noise=noise))) < 0.99


def test_noise_is_what_aer_makes_of_its_own_model():
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    body = "h q[0]; rz(0.4) q[0]; cx q[0], q[1]; rx(0.7) q[1]; cx q[1], q[2]; ry(1.1) q[0];"
    text = HEAD + f"qubit[3] q; bit[3] c;\n{body}\nc = measure q;\n"
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.03, 1), ["h", "rz", "rx", "ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.08, 2), ["cx"])
    noise = {"depolarizing": {"one_qubit": 0.03, "two_qubit": 0.08}}
    ours = probabilities(text, settings(noise=noise))
    from simulating import circuit

    by_hand = build(circuit(text)).remove_final_measurements(inplace=False)
    by_hand.save_probabilities([0, 1, 2])
    simulator = AerSimulator(method="density_matrix", noise_model=model)
    theirs = simulator.run(by_hand, shots=1).result().data(0)["probabilities"]
    assert ours == pytest.approx(theirs, abs=1e-12)


RELAXATION = {"t1": 100e-6, "t2": 60e-6}


@pytest.mark.parametrize("t2", [60e-6, 150e-6])
@pytest.mark.parametrize("delay_us", [10, 80])
def test_a_delay_relaxes_with_t1(delay_us, t2):
    using = settings(noise={"thermal_relaxation": {"t1": 100e-6, "t2": t2}})
    text = one_qubit(f"x q[0]; delay[{delay_us}us] q[0];")
    excited = probabilities(text, using)[1]
    assert excited == pytest.approx(math.exp(-delay_us / 100), abs=1e-9)


@pytest.mark.parametrize("t2", [60e-6, 150e-6])
def test_a_ramsey_fringe_decays_with_t2(t2):
    using = settings(noise={"thermal_relaxation": {"t1": 100e-6, "t2": t2}})
    text = one_qubit("h q[0]; delay[30us] q[0]; h q[0];")
    fringe = parity(probabilities(text, using))
    assert fringe == pytest.approx(math.exp(-30e-6 / t2), abs=1e-9)


def test_gates_and_measurements_relax_for_their_times():
    times = {"one_qubit": 1e-6, "two_qubit": 5e-6, "measure": 20e-6}
    using = settings(noise={"thermal_relaxation": {**RELAXATION, "gate_time": times}})
    text = HEAD + "qubit[2] q; bit[1] c;\nx q[0]; cz q[0], q[1];\nc[0] = measure q[0];\n"
    excited = probabilities(text, using)[1]
    assert excited == pytest.approx(math.exp(-26e-6 / 100e-6), abs=1e-9)


def test_a_measurement_whose_result_nobody_keeps_takes_its_time_too():
    using = settings(
        noise={"thermal_relaxation": {**RELAXATION, "gate_time": {"measure": 40e-6}}},
        options={"method": "density_matrix"},
    )
    text = HEAD + "qubit q; bit c;\nx q; measure q; c = measure q;\n"
    ones = counts(order(text, shots=40_000), using).to_dict().get("1", 0)
    excited = math.exp(-2 * 40 / 100)  # 0.449, and 0.670 if it took none
    assert abs(ones / 40_000 - excited) < 5 * math.sqrt(excited * (1 - excited) / 40_000)


def test_without_relaxation_a_delay_does_nothing():
    text = one_qubit("h q[0]; delay[1s] q[0]; h q[0];")
    assert parity(probabilities(text, settings(noise={"readout": 0.1}))) == pytest.approx(0.8)


def test_feedback_follows_the_bit_as_it_was_read():
    using = settings(noise={"readout": {"p01": 0.0, "p10": 1.0}})
    found = counts(order(FEEDBACK, 1, shots=50, theta=0.0), using)
    assert found.register("early").to_dict() == {"1": 50}
    assert found.register("late").to_dict() == {"11": 50}  # q[1] was flipped, q[0] misread


@pytest.mark.parametrize("method", ["automatic", "stabilizer", "matrix_product_state", "stim"])
@pytest.mark.parametrize("noise", [{}, {"depolarizing": {"two_qubit": 0.1}}])
def test_a_bit_that_is_measured_again_is_misread_once(method, noise):
    text = HEAD + (
        "qubit[3] q; bit first; bit[2] c;\nx q[1];\n"
        "c[0] = measure q[0]; c[0] = measure q[0]; c[1] = measure q[2]; c[0] = measure q[1];\n"
        "first = measure q[2];\n"
    )
    using = settings(noise=noise | {"readout": 0.2}, options={"method": method})
    shots = 40_000
    found = counts(order(text, shots=shots), using)
    bits = [found.register("c").to_dict(), found.register("first").to_dict()]
    ones = [sum(n for key, n in bits[0].items() if key[at] == "1") for at in (1, 0)]
    for came, right in zip([*ones, bits[1].get("1", 0)], [0.8, 0.2, 0.2], strict=True):
        assert abs(came / shots - right) < 5 * math.sqrt(0.16 / shots)


def test_a_register_may_have_any_name_where_a_bit_is_measured_again():
    text = HEAD + "qubit q; bit spare_;\nspare_ = measure q; spare_ = measure q;\n"
    using = settings(noise={"readout": 0.2}, options={"method": "stabilizer"})
    ones = counts(order(text, shots=10_000), using).register("spare_").to_dict().get("1", 0)
    assert abs(ones / 10_000 - 0.2) < 5 * math.sqrt(0.16 / 10_000)


def test_readout_noise_alone_needs_no_density_matrix():
    text = HEAD + "qubit[14] q; bit[1] c;\nry(0.3) q[13]; cx q[13], q[0];\nc[0] = measure q[0];\n"
    exact = probabilities(text, settings(noise={"readout": {"p01": 0.1, "p10": 0.0}}))
    assert exact[1] == pytest.approx(0.9 * math.sin(0.15) ** 2)


def calibrated(folder, **changes):
    data = {
        "qubits": [{"t1": 100e-6, "t2": 80e-6}, {"readout": {"p01": 0.1, "p10": 0.2}}],
        "gates": [
            {"gate": "cx", "qubits": [0, 1], "depolarizing": 0.05},
            {"gate": "x", "qubits": [0], "time": 10e-6},
            {"gate": "x"},
        ],
        "measure_time": 5e-6,
    } | changes
    (folder / "device.json").write_text(json.dumps(data))
    return settings(folder, noise={"calibration": "device.json"})


def test_each_qubit_has_the_noise_of_its_calibration(tmp_path):
    using = calibrated(tmp_path)
    text = HEAD + "qubit[2] q; bit[2] c;\nx q[0]; x q[1];\nc = measure q;\n"
    found = probabilities(text, using)
    excited = math.exp(-15e-6 / 100e-6)
    assert found == pytest.approx(
        [(1 - excited) * 0.1, excited * 0.1, (1 - excited) * 0.9, excited * 0.9], abs=1e-9
    )


def test_either_direction_of_a_calibrated_pair_will_do(tmp_path):
    using = calibrated(tmp_path, qubits=[{}, {}], measure_time=0.0)
    text = HEAD + "qubit[2] q; bit[2] c;\ncx q[1], q[0];\nc = measure q;\n"
    assert parity(probabilities(text, using)) == pytest.approx(0.95)


def test_a_gate_error_counts_the_relaxation_in_it(tmp_path):
    from qiskit.quantum_info import SuperOp, average_gate_fidelity

    gates = [{"gate": "x", "error": 0.02, "time": 300e-9}]
    using = calibrated(tmp_path, gates=gates, measure_time=0.0)
    from simulating import circuit

    from qbatch.providers.local.channels import with_channels

    noisy = with_channels(build(circuit(one_qubit("x q[0];"))), using.noise)
    channels = [i.operation for i in noisy.data if i.operation.name == "quantum_channel"]
    whole = SuperOp(np.eye(4))
    for channel in channels:
        whole = whole.compose(SuperOp(channel._quantum_error))
    assert 1 - average_gate_fidelity(whole) == pytest.approx(0.02, abs=1e-9)


def test_a_gate_without_calibration_is_told_by_name_and_qubits(tmp_path):
    using = calibrated(tmp_path)
    text = HEAD + "qubit[2] q; bit[2] c;\ncz q[0], q[1];\nc = measure q;\n"
    assert "says nothing of gate cz on qubits 0, 1" in failure(order(text), using)
