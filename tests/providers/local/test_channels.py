"""Noise as Aer gets it: what no mixture of gates and resets is goes in by its matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from simulating import HEAD, circuit, counts, order, probabilities, settings

from qbatch.circuit import build
from qbatch.providers.local.channels import superoperator, with_channels

#: A bit read early decides what follows, so that Aer simulates the shots.
SAMPLED = (
    HEAD + "qubit[2] q; bit early; bit[2] c;\nry(1.1) q[0]; cx q[0], q[1];\n"
    "early = measure q[0];\nif (early) { x q[1]; }\nc = measure q;\n"
)
PAIR = HEAD + "qubit[2] q; bit[2] c;\nry(1.1) q[0]; rx(0.6) q[1]; cx q[0], q[1];\nc = measure q;\n"
LIFETIMES = [(9e-6, 12e-6), (9e-6, 18e-6), (9e-6, 9.001e-6), (9e-6, 9e-6), (9e-6, 2e-6)]


def relaxing(t1: float, t2: float, strength: float = 0.0) -> dict[str, object]:
    times = {"one_qubit": 2e-7, "two_qubit": 5e-7, "measure": 1e-6}
    return {
        "depolarizing": {"one_qubit": strength / 10, "two_qubit": strength},
        "thermal_relaxation": {"t1": t1, "t2": t2, "gate_time": times},
    }


def strengths() -> list[float]:
    drawn = np.random.default_rng(9).uniform(1e-6, 1.0, 60)
    return [*(n / 1000 for n in range(1, 101)), *drawn, 0.999, 1.0]


@pytest.mark.slow
def test_every_strength_of_depolarizing_is_sampled_beside_relaxation_with_t2_above_t1() -> None:
    for strength in strengths():
        using = settings(options={"method": "statevector"}, noise=relaxing(9e-6, 12e-6, strength))
        found = counts(order(SAMPLED, 1, shots=5), using).to_dict()
        assert sum(found.values()) == 5, strength


@pytest.mark.parametrize(("t1", "t2"), LIFETIMES)
@pytest.mark.parametrize("time", [1e-12, 3e-7, 1e-5, 1e-3])
def test_relaxation_is_what_its_times_say(t1: float, t2: float, time: float) -> None:
    """Populations decay by exp(-t/T1), coherences by exp(-t/T2); |0> stays."""
    text = HEAD + f"qubit[1] q; bit[1] c;\ndelay[{time * 1e9:.6f}ns] q[0];\nc = measure q;\n"
    noise = {"thermal_relaxation": {"t1": t1, "t2": t2}}
    noisy = with_channels(build(circuit(text)), settings(noise=noise).noise)
    (channel,) = [
        i.operation for i in noisy.data if i.operation.name in ("kraus", "quantum_channel")
    ]
    assert (channel.name == "kraus") == (t2 > t1)
    stays, coheres = math.exp(-time / t1), math.exp(-time / t2)
    wanted = [[1, 0, 0, 1 - stays], [0, coheres, 0, 0], [0, 0, coheres, 0], [0, 0, 0, stays]]
    assert superoperator(channel).data == pytest.approx(np.array(wanted), abs=1e-12)


@pytest.mark.parametrize("method", ["statevector", "matrix_product_state"])
@pytest.mark.parametrize("strength", [0.005, 0.024])
def test_sampled_methods_draw_from_what_a_density_matrix_says(method: str, strength: float) -> None:
    noise = relaxing(2e-6, 3e-6, strength)
    exact = probabilities(PAIR, settings(options={"method": "density_matrix"}, noise=noise))
    found = counts(order(PAIR, 3, shots=4000), settings(options={"method": method}, noise=noise))
    drawn = np.array([found.to_dict().get(f"{n:02b}", 0) for n in range(4)])
    chi_squared = float(((drawn - 4000 * exact) ** 2 / (4000 * exact)).sum())
    assert chi_squared < 40  # 3 degrees of freedom: by chance once in 10^8
