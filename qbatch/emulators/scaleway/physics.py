"""Aer with the settings a client asks for: another method than the exact one, noise, a seed.

Gates run as they were sent, so noise on a gate acts where that gate stands; only gates that Aer
does not know are spelled out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qbatch.emulators.aer import for_aer
from qbatch.emulators.noise import Noise
from qbatch.emulators.scaleway.encoding import Payload, Program
from qbatch.emulators.scaleway.platforms import Platform
from qbatch.emulators.simulation import Computation, Sample, Simulator, read_program

if TYPE_CHECKING:
    from qiskit.circuit import Instruction
    from qiskit_aer.noise import NoiseModel, QuantumError, ReadoutError

#: Methods that differ only in cost: what they give is computed exactly.
EXACT_METHODS = ("automatic", "statevector", "density_matrix", "tensor_network")

#: Options of Aer that say how a method approximates; all others do not change what comes out.
APPROXIMATIONS = (
    "extended_stabilizer_sampling_method",
    "extended_stabilizer_metropolis_mixing_time",
    "extended_stabilizer_approximation_error",
    "extended_stabilizer_norm_estimation_samples",
    "extended_stabilizer_norm_estimation_repetitions",
    "matrix_product_state_max_bond_dimension",
    "matrix_product_state_truncation_threshold",
    "mps_sample_measure_algorithm",
    "mps_swap_direction",
)


class PhysicsError(ValueError):
    """Noise or settings that cannot be simulated; the message says why."""


@dataclass(frozen=True)
class Settings:
    """How Aer simulates: option -> value, and noise as Aer writes it."""

    options: Mapping[str, Any]
    noise: Mapping[str, Any] | None = None


def settings_for(payload: Payload) -> Settings | None:
    """Return what differs from exact simulation, or None."""
    method = payload.options.get("method") or "automatic"
    if method in EXACT_METHODS and payload.noise is None:
        return None
    chosen = {
        name: payload.options[name]
        for name in APPROXIMATIONS
        if payload.options.get(name) is not None
    }
    if method != "tensor_network":
        chosen["method"] = method
    return Settings(chosen, payload.noise)


def runnable(program: Program) -> str:
    """Return a program's text with a header that the simulator knows."""
    if program.format > 2:
        return program.text
    header = r"^\s*OPENQASM\s+[12](\.\d+)?\s*;"
    if re.search(header, program.text, re.MULTILINE):
        return re.sub(header, "OPENQASM 2.0;", program.text, count=1, flags=re.MULTILINE)
    return f"OPENQASM 2.0;\n{program.text}"


class TunedSample(Sample):
    """The shots of a program with settings of its own: every one is simulated."""

    def __init__(
        self,
        simulator: Simulator,
        text: str,
        max_qubits: int,
        shots: int,
        seed: int,
        settings: Settings,
    ) -> None:
        super().__init__(simulator, text, max_qubits, shots, seed)
        self._tuned = Computation(
            lambda: simulator.call(simulate_tuned, text, shots, seed, settings)
        )

    @property
    def is_done(self) -> bool:
        return self._solution.is_done and (bool(self.solution.error) or self._tuned.is_done)

    @property
    def counts(self) -> dict[int, int]:
        return self._tuned.value()[0]

    @property
    def error(self) -> str:
        return self.solution.error or self._tuned.value()[1]


def failure_of(sample: Sample) -> str:
    """Return why a sample cannot be drawn, or ""; to be asked once it is done."""
    return sample.error if isinstance(sample, TunedSample) else sample.solution.error


def sample_of(
    simulator: Simulator,
    platform: Platform,
    payload: Payload,
    at: int,
    shots: int,
    job_id: str,
    noise: Noise | None = None,
) -> Sample:
    """Begin the simulation of one of a job's programs; `noise` is the platform's own."""
    text = runnable(payload.programs[at])
    seed = payload.options.get("seed_simulator") if platform.backend == "aer" else None
    settings = settings_for(payload) if platform.backend == "aer" else None
    salt = f"{job_id}/{at}" if seed is None else f"seed {seed}/{at}"
    if settings is None:
        return simulator.sample(text, platform.qubits, shots, salt, noise)
    drawn = simulator.seed_of(salt)
    sample = TunedSample(simulator, text, platform.qubits, shots, drawn, settings)
    if not simulator.is_inline:
        _ = sample.is_done  # starts the worker on it
    return sample


def simulate_tuned(
    text: str, shots: int, seed: int, settings: Settings
) -> tuple[dict[int, int], str]:
    """Simulate every shot. Returns outcome -> count, and why that did not work, or ""."""
    from qiskit.exceptions import QiskitError
    from qiskit_aer import AerSimulator

    try:
        noise = None if settings.noise is None else noise_model(settings.noise)
        simulator = AerSimulator(noise_model=noise, max_parallel_threads=1, **settings.options)
        circuit = for_aer(read_program(text))
        result = simulator.run(circuit, shots=shots, seed_simulator=seed % 2**31).result()
    except (QiskitError, PhysicsError, ValueError, TypeError) as error:
        return {}, f"cannot simulate with these settings: {error}"
    if not result.success:
        return {}, f"the simulation failed: {result.results[0].status}"
    counts = result.data(0)["counts"]
    return {int(word, 16): int(count) for word, count in counts.items()}, ""


# -- noise -----------------------------------------------------------------------------------------


def noise_model(found: Mapping[str, Any]) -> NoiseModel:
    """Build a noise model from the object that Aer writes of one.

    Args:
        found: ``errors``: each with ``type`` (qerror, roerror), ``operations``, ``probabilities``,
            ``instructions`` of a qerror, and ``gate_qubits`` where it is local.

    Raises:
        PhysicsError: It is not of that shape, or holds what cannot be simulated.
    """
    from qiskit.exceptions import QiskitError
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    try:
        for error in _numbers(found)["errors"]:
            places = error.get("gate_qubits")
            spots = [None] if places is None else [list(map(int, place)) for place in places]
            if error["type"] == "roerror":
                readout = ReadoutError(error["probabilities"])
                for qubits in spots:
                    _add_readout(model, readout, qubits)
            else:
                gate, operations = _quantum_error(error), list(error["operations"])
                for qubits in spots:
                    _add_gate(model, gate, operations, qubits)
    except PhysicsError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, QiskitError) as error:
        raise PhysicsError(f"noise model: {type(error).__name__}: {error}") from error
    return model


def _add_readout(model: NoiseModel, error: ReadoutError, qubits: list[int] | None) -> None:
    if qubits is None:
        model.add_all_qubit_readout_error(error)
    else:
        model.add_readout_error(error, qubits)


def _add_gate(
    model: NoiseModel, error: QuantumError, operations: list[str], qubits: list[int] | None
) -> None:
    if qubits is None:
        model.add_all_qubit_quantum_error(error, operations)
    else:
        model.add_quantum_error(error, operations, qubits)


def _quantum_error(error: Mapping[str, Any]) -> QuantumError:
    from qiskit_aer.noise import QuantumError

    if error["type"] != "qerror":
        raise PhysicsError(f"noise model: errors of type {error['type']!r} are not simulated")
    terms = zip(error["instructions"], error["probabilities"], strict=True)
    return QuantumError(
        [
            ([(_instruction(one), [int(qubit) for qubit in one["qubits"]]) for one in term], chance)
            for term, chance in terms
        ]
    )


def _instruction(one: Mapping[str, Any]) -> Instruction:
    from qiskit.circuit import Reset
    from qiskit.circuit.library import PauliGate, UnitaryGate, get_standard_gate_name_mapping
    from qiskit.quantum_info import Kraus

    name, parameters = one["name"], one.get("params", ())
    if name == "kraus":
        return Kraus(list(parameters)).to_instruction()
    if name == "pauli":
        return PauliGate(parameters[0])
    if name == "unitary":
        return UnitaryGate(parameters[0])
    if name == "reset":
        return Reset()
    gate = get_standard_gate_name_mapping().get(name)
    if gate is None:
        raise PhysicsError(f"noise model: {name!r} is not simulated")
    return type(gate)(*map(float, parameters))


def _numbers(value: Any) -> Any:
    """Return JSON with its spelled-out arrays and complex numbers as what they are."""
    import numpy as np

    if isinstance(value, list):
        return [_numbers(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("__complex__"):
        return complex(value["real"], value["imag"])
    if value.get("__ndarray__"):
        return np.array(_numbers(value["data"]), dtype=value["dtype"]).reshape(value["shape"])
    return {name: _numbers(one) for name, one in value.items()}
