"""Noise and state vectors of the emulated Marqov.

That such options exist is known; ``params.noise_model`` is the real name, all names inside it and
``params.extract_state_vector`` are our choice, in the vendor's own vocabulary: a list of channels
``{"channel", <parameters>, "qubits"}``, or ``{"channels": [...]}``, with ``t1, t2, gate_time``
(seconds) beside it. Noise is attached to one-qubit gates, as the vendor's local simulator does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite
from typing import Any

from qbatch.emulators.marqov.access import invalid
from qbatch.emulators.simulation import Computation, Sample, Simulator, read_program

#: Channel -> its parameters, each in [0, 1].
CHANNELS: Mapping[str, Sequence[str]] = {
    "Depolarizing": ("probability",),
    "AmplitudeDamping": ("gamma",),
    "PhaseDamping": ("gamma",),
    "ReadoutError": ("p0_given1", "p1_given0"),
}

#: One-qubit gates, which noise is attached to.
GATES = [*"xyzhstpur", "id", "sdg", "tdg", "sx", "sxdg", "rx", "ry", "rz", "u1", "u2", "u3"]

#: A state vector of more qubits does not go into an answer.
MOST_STATE_QUBITS = 14


@dataclass(frozen=True)
class Channel:
    """One kind of noise; `qubits` None: on all."""

    kind: str
    values: tuple[float, ...]
    qubits: tuple[int, ...] | None = None


def read_noise(model: Any) -> tuple[Channel, ...]:
    """Read ``params.noise_model``.

    Raises:
        Rejected: It is not of the shape described in the module's head.
    """
    if isinstance(model, list):
        return tuple(_channel(entry) for entry in model)
    if not isinstance(model, dict) or not model:
        raise invalid("noise_model must be a list of channels or an object")
    rest = dict(model)
    listed = rest.pop("channels", [])
    if not isinstance(listed, list):
        raise invalid("noise_model.channels must be a list")
    return tuple(_channel(entry) for entry in listed) + (_relaxation(rest) if rest else ())


def _channel(entry: Any) -> Channel:
    parameters = CHANNELS.get(str(entry.get("channel"))) if isinstance(entry, dict) else None
    if parameters is None:
        raise invalid(f"noise_model: {entry!r} is none of {', '.join(CHANNELS)}")
    unknown = sorted(set(entry) - {"channel", "qubits", *parameters})
    if unknown:
        raise invalid(f"noise_model: {entry['channel']} takes no {unknown[0]}")
    values = tuple(_share(entry.get(name), name) for name in parameters)
    qubits = entry.get("qubits")
    if qubits is None:
        return Channel(entry["channel"], values)
    if not isinstance(qubits, list) or not all(type(one) is int and one >= 0 for one in qubits):
        raise invalid("noise_model: qubits must be a list of indices")
    return Channel(entry["channel"], values, tuple(qubits))


def _share(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise invalid(f"noise_model: {name} must be from 0 to 1, not {value!r}")
    return float(value)


def _relaxation(model: Mapping[str, Any]) -> tuple[Channel, ...]:
    if set(model) != {"t1", "t2", "gate_time"}:
        raise invalid("noise_model: t1, t2 and gate_time belong together, and nothing else")
    for name, value in model.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise invalid(f"noise_model: {name} must be positive")
    t1, t2, time = model["t1"], model["t2"], model["gate_time"]
    if not all(map(isfinite, (t1, t2, time))) or t2 > 2 * t1:
        raise invalid("noise_model: t2 must not be longer than twice t1")
    dephasing = 1 - exp(-2 * time * (1 / t2 - 1 / (2 * t1)))
    return (
        Channel("AmplitudeDamping", (1 - exp(-time / t1),)),
        Channel("PhaseDamping", (dephasing,)),
    )


def describe_noise(channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """Write channels as a result records them."""
    return [
        {"channel": one.kind, **dict(zip(CHANNELS[one.kind], one.values, strict=True))}
        | ({} if one.qubits is None else {"qubits": list(one.qubits)})
        for one in channels
    ]


class NoisySample(Sample):
    """The shots of a job with noise: every one is simulated."""

    def __init__(
        self,
        simulator: Simulator,
        text: str,
        max_qubits: int,
        shots: int,
        seed: int,
        channels: Sequence[Channel],
    ) -> None:
        super().__init__(simulator, text, max_qubits, shots, seed)
        self._noisy = Computation(
            lambda: simulator.call(simulate_noise, text, shots, seed, tuple(channels))
        )

    @property
    def is_done(self) -> bool:
        return self._solution.is_done and (bool(self.solution.error) or self._noisy.is_done)

    @property
    def counts(self) -> dict[int, int]:
        return self._noisy.value()


def simulate_noise(text: str, shots: int, seed: int, channels: Sequence[Channel]) -> dict[int, int]:
    """Simulate with noise. Returns outcome -> count."""
    from qiskit import transpile
    from qiskit_aer import AerSimulator

    simulator = AerSimulator(noise_model=_noise_model(channels), max_parallel_threads=1)
    circuit = transpile(read_program(text), simulator, optimization_level=0)
    data = simulator.run(circuit, shots=shots, seed_simulator=seed % 2**31).result().data(0)
    return {int(word, 16): int(count) for word, count in data["counts"].items()}


def _noise_model(channels: Sequence[Channel]) -> Any:
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    everywhere: Any = None
    local: dict[int, Any] = {}
    for channel in channels:
        if channel.kind == "ReadoutError":
            p0_given1, p1_given0 = channel.values
            error = ReadoutError([[1 - p1_given0, p1_given0], [p0_given1, 1 - p0_given1]])
            if channel.qubits is None:
                model.add_all_qubit_readout_error(error)
            for qubit in channel.qubits or ():
                model.add_readout_error(error, [qubit])
            continue
        error = _gate_error(channel)
        if channel.qubits is None:
            everywhere = error if everywhere is None else everywhere.compose(error)
        for qubit in channel.qubits or ():
            local[qubit] = local[qubit].compose(error) if qubit in local else error
    if everywhere is not None:
        model.add_all_qubit_quantum_error(everywhere, GATES)
    for qubit, error in local.items():
        whole = error if everywhere is None else everywhere.compose(error)
        model.add_quantum_error(whole, GATES, [qubit])
    return model


def _gate_error(channel: Channel) -> Any:
    from qiskit_aer.noise import amplitude_damping_error, pauli_error, phase_damping_error

    (value,) = channel.values
    if channel.kind == "Depolarizing":
        return pauli_error([(one, value / 3) for one in "XYZ"] + [("I", 1 - value)])
    if channel.kind == "AmplitudeDamping":
        return amplitude_damping_error(value)
    return phase_damping_error(value)


def state_vector(text: str) -> list[list[float]]:
    """Return the state before the final measurements, as [real, imaginary] per amplitude.

    The index, written in binary, has qubit 0 leftmost, like the keys of the counts.
    """
    from qiskit.quantum_info import Statevector

    circuit = read_program(text)
    bare = circuit.copy_empty_like()
    for one in circuit.data:
        if one.operation.name not in {"measure", "barrier"}:
            bare.append(one)
    state = Statevector.from_instruction(bare).reverse_qargs()
    return [[float(one.real), float(one.imag)] for one in state.data]
