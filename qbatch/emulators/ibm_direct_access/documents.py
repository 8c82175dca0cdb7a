"""What a backend says about itself: the configuration and properties documents Qiskit reads.

Calibration values are made up, differ from qubit to qubit and stay the same until the next one.
Units are those of the documents: microseconds for T1, T2 and repetition delays, nanoseconds for
lengths and time steps, GHz for frequencies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qbatch.emulators.clock import iso
from qbatch.emulators.noise import Noise

#: Gate name -> its parameters, its definition and its length in nanoseconds.
GATES: dict[str, tuple[tuple[str, ...], str, int]] = {
    "id": ((), "gate id q { U(0, 0, 0) q; }", 60),
    "rz": (("theta",), "gate rz(theta) q { U(0, 0, theta) q; }", 0),
    "sx": ((), "gate sx q { U(pi/2, 3*pi/2, pi/2) q; }", 60),
    "x": ((), "gate x q { U(pi, 0, pi) q; }", 60),
    "cx": ((), "gate cx q0, q1 { CX q0, q1; }", 370),
    "ecr": ((), "gate ecr q0, q1 { ECR(q0, q1); }", 660),
}

#: What a circuit may hold beside basis gates and measurements.
INSTRUCTIONS = ("delay", "measure", "reset", "if_else", "for_loop", "switch_case")

#: Between measurement and next circuit, microseconds: least, most, usual.
REP_DELAY_US = (0.0, 500.0, 250.0)

READOUT_NS = 1200


@dataclass(frozen=True)
class Backend:
    """A machine.

    Attributes:
        basis: Gate names; two-qubit gates act on `edges`, in the direction given.
        family: Processor family and revision.
    """

    name: str
    qubits: int
    basis: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    family: tuple[str, str] = ("Eagle", "3")
    status: str = "online"
    message: str = ""
    max_shots: int = 100_000
    version: str = "1.4.32"

    def places(self, gate: str) -> Sequence[Sequence[int]]:
        """Return the qubits, or pairs of them, that a gate acts on."""
        if gate in ("cx", "ecr"):
            return self.edges
        return [(qubit,) for qubit in range(self.qubits)]


def configuration(backend: Backend) -> dict[str, Any]:
    """Return ``/configuration``."""
    least, most, usual = REP_DELAY_US
    return {
        "backend_name": backend.name,
        "backend_version": backend.version,
        "n_qubits": backend.qubits,
        "basis_gates": list(backend.basis),
        "gates": [_gate(backend, name) for name in backend.basis],
        "coupling_map": [list(edge) for edge in backend.edges],
        "local": False,
        "simulator": False,
        "conditional": False,
        "configurable": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": backend.max_shots,
        "max_experiments": 300,
        "n_registers": 1,
        "credits_required": True,
        "online_date": "2024-04-05T04:00:00+00:00",
        "description": f"{backend.qubits} qubit device (emulated)",
        "sample_name": f"family: {backend.family[0]}, revision: {backend.family[1]}",
        "processor_type": {"family": backend.family[0], "revision": backend.family[1]},
        "quantum_volume": 32,
        "dynamic_reprate_enabled": True,
        "rep_delay_range": [least, most],
        "default_rep_delay": usual,
        "supported_instructions": [*backend.basis, *INSTRUCTIONS],
        "supported_features": ["qasm3", "parameters"],
        "measure_esp_enabled": False,
        "multi_meas_enabled": True,
        "parallel_compilation": True,
        "timing_constraints": {
            "acquire_alignment": 8,
            "granularity": 8,
            "min_length": 16,
            "pulse_alignment": 8,
        },
        **_pulses(backend),
    }


def _pulses(backend: Backend) -> dict[str, Any]:
    """What the configuration says below the level of gates."""
    return {
        "dt": 0.5,
        "dtm": 0.5,
        "meas_levels": [1, 2],
        "meas_kernels": ["hw_qmfk"],
        "discriminators": ["hw_qmfk"],
        "meas_map": [list(range(backend.qubits))],
        "n_uchannels": 0,
        "u_channel_lo": [],
        "qubit_lo_range": [[_ghz(at) - 0.5, _ghz(at) + 0.5] for at in range(backend.qubits)],
        "meas_lo_range": [[6.5, 7.5] for _ in range(backend.qubits)],
        "parametric_pulses": [],
    }


def properties(
    backend: Backend, calibrated_at: datetime, noise: Noise | None = None, number: int = 0
) -> dict[str, Any]:
    """Return ``/properties``; where there is noise, the errors are its own.

    Args:
        backend: The machine.
        calibrated_at: When it was measured.
        noise: What was found.
        number: How many calibrations there were before: times of qubits are made up anew by each.
    """
    date = iso(calibrated_at)

    def value(name: str, unit: str, number: float) -> dict[str, Any]:
        return {"date": date, "name": name, "unit": unit, "value": number}

    return {
        "backend_name": backend.name,
        "backend_version": backend.version,
        "last_update_date": date,
        "qubits": [
            [
                value("T1", "us", 180.0 + 7 * ((at + 3 * number) % 11)),
                value("T2", "us", 90.0 + 5 * ((at + 2 * number) % 13)),
                value("frequency", "GHz", _ghz(at)),
                value("anharmonicity", "GHz", -0.31),
                *_readout(at, noise, value),
                value("readout_length", "ns", READOUT_NS),
                value("operational", "", 1),
            ]
            for at in range(backend.qubits)
        ],
        "gates": [
            {
                "gate": name,
                "name": f"{name}{'_'.join(map(str, place))}",
                "qubits": list(place),
                "parameters": [
                    value("gate_error", "", _error(name, place, noise)),
                    value("gate_length", "ns", GATES[name][2]),
                ],
            }
            for name in backend.basis
            for place in backend.places(name)
        ],
        "general": [],
    }


def _readout(
    qubit: int, noise: Noise | None, value: Callable[[str, str, float], dict[str, Any]]
) -> list[dict[str, Any]]:
    if noise is not None:
        mean = one_as_zero = zero_as_one = noise.readout
    else:
        mean, one_as_zero, zero_as_one = (
            least + 0.001 * (qubit % 7) for least in (0.01, 0.012, 0.008)
        )
    return [
        value("readout_error", "", mean),
        value("prob_meas0_prep1", "", one_as_zero),
        value("prob_meas1_prep0", "", zero_as_one),
    ]


def _gate(backend: Backend, name: str) -> dict[str, Any]:
    parameters, definition, _ = GATES[name]
    return {
        "name": name,
        "parameters": list(parameters),
        "qasm_def": definition,
        "coupling_map": [list(place) for place in backend.places(name)],
    }


def _ghz(qubit: int) -> float:
    return round(4.6 + 0.03 * (qubit % 17), 3)


def _error(gate: str, place: Sequence[int], noise: Noise | None) -> float:
    """Return a gate's average infidelity: (1 - 1/d) times a depolarizing channel's parameter."""
    if noise is not None:
        return noise.one_qubit / 2 if len(place) == 1 else 0.75 * noise.two_qubit
    if gate == "rz":
        return 0.0
    usual = 2e-4 if len(place) == 1 else 7e-3
    return round(usual * (1 + 0.1 * (sum(place) % 5)), 8)
