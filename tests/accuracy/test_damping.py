"""What errors leave of a number, against the closed form that simulations of a Bell pair follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.accuracy.damping import ONE, READOUT, TWO, left_of, simulated_errors, told_errors
from qbatch.manifest.models import Backend
from qbatch.manifest.reading import load_manifest
from qbatch.plan import expand

BELL = Path(__file__).parents[2] / "manifests" / "bell.yaml"


def test_what_is_left_of_a_noisy_bell_pair_is_what_its_example_is_measured_to_be() -> None:
    """(1 - 0.01)(1 - 2 · 0.02)² of zz, and 1 - 0.001 by the gate that zz does not see."""
    manifest = load_manifest(BELL)
    (facts,) = {layout.program.facts for layout in expand(manifest).layouts()}
    left = left_of([facts], simulated_errors(manifest.backends["noisy"]))
    assert left[TWO] * left[READOUT] == pytest.approx((1 - 0.01) * (1 - 2 * 0.02) ** 2)
    assert left[ONE] == pytest.approx(1 - 0.001)
    assert left_of([facts], simulated_errors(manifest.backends["ideal"])) == {
        ONE: 1.0,
        TWO: 1.0,
        READOUT: 1.0,
    }
    assert left_of([facts], {READOUT: 0.6}) == {READOUT: 0.0}


def test_errors_are_medians_of_what_a_calibration_tells() -> None:
    def gate(name: str, qubits: list[int], error: float) -> object:
        told = [{"name": "gate_error", "unit": "", "value": error}]
        return {"gate": name, "qubits": qubits, "parameters": told}

    calibration = {
        "qubits": [
            [{"name": "readout_error", "unit": "", "value": error}] for error in (0.01, 0.02, 0.5)
        ],
        "gates": [
            *(gate("ecr", [0, at], error) for at, error in ((1, 0.01), (2, 0.03), (3, 1.0))),
            gate("sx", [0], 0.001),
            gate("rz", [0], 0.0),
            gate("id", [0], 0.9),
        ],
    }
    assert told_errors(calibration) == {READOUT: 0.02, TWO: 0.03, ONE: 0.001}
    assert told_errors({"qubits": [{"qubit": 0, "readout_error": 0.02}]}) == {READOUT: 0.02}
    assert told_errors(None) == {}
    thermal = Backend(provider="local", noise={"thermal_relaxation": {"t1": 1e-4}})
    assert simulated_errors(thermal) == {}
