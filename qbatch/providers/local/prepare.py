"""A circuit made ready for Aer, once for each distinct circuit and settings in a process.

Rules: noise acts on the gates as written, so its channels are put in before anything is translated
for Aer. A circuit for many points in one call exists beside the one that is bound point by point.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from qbatch.circuit import build
from qbatch.errors import Refused
from qbatch.frozen import dataclass
from qbatch.providers.local.batching import batched_gates, can_carry, has_open_phase
from qbatch.providers.local.channels import with_channels
from qbatch.providers.local.method import is_exact
from qbatch.providers.local.plain import plain_s
from qbatch.providers.local.points import assigned
from qbatch.providers.local.translation import translated, transpiler, written_out
from qbatch.providers.local.work import THREADS, Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter

    from qbatch.providers.local.noise import NoiseModel
    from qbatch.providers.local.settings import Settings

#: Methods that simulate Clifford gates only.
TABLEAU = frozenset({"stabilizer"})

#: Circuits of which a point takes longer by the plain route than this are never computed many in
#: one call, which would save them next to nothing, seconds.
QUICK_S = 0.5

#: Instructions up to which Aer joins gates in one thread for certain. In several it joins others:
#: from 10,000 on with Aer 0.18, whatever is saved included; half of it is a margin.
JOINED_SERIALLY = 5_000

_preparations = 0


def preparations() -> int:
    """How many programs this process has prepared."""
    return _preparations


def counted_preparation() -> None:
    """Count one more."""
    global _preparations
    _preparations += 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A circuit as Aer gets it.

    Attributes:
        circuit: Ends in saving probabilities where `measured` is given, else in measurements.
        together: The same for many points in one call; None: each point must be bound by itself.
        gates: Whose angles one call was to carry.
        is_quick: It has free parameters, and is so small that a point can be computed plainly.
        warning: What was found wrong, for a person to read.
        parameters: The circuit's, in the order of `CircuitFacts.parameters`; None: not used.
        simulator: An AerSimulator.
        in_tableau: Gates are still as written: what they are in Clifford gates depends on a point.
        measured: Qubits whose joint probabilities are saved, outcome bit k for qubit measured[k];
            None: Aer simulates the shots.
        positions: Classical bit -> index into `measured`, None where nothing is written.
        flips: (p01, p10) of each measured qubit, None where it is read without error.
        precision: Of amplitudes, "double" or "single".
        is_resynthesised: A transpiler chose its gates, each block of them to a fidelity only.
    """

    circuit: QuantumCircuit
    parameters: tuple[Parameter | None, ...]
    simulator: Any
    together: QuantumCircuit | None = None
    gates: frozenset[str] = frozenset()
    is_quick: bool = False
    warning: str = ""
    in_tableau: bool = False
    measured: tuple[int, ...] | None = None
    positions: tuple[int | None, ...] = ()
    flips: tuple[tuple[float, float] | None, ...] = ()
    precision: str = "double"
    is_resynthesised: bool = False


class Looked(Protocol):
    """What `guard` reads of a circuit made ready, whichever library computes it; see `Prepared`."""

    @property
    def parameters(self) -> Sequence[Any]: ...
    @property
    def measured(self) -> tuple[int, ...] | None: ...
    @property
    def positions(self) -> tuple[int | None, ...]: ...
    @property
    def precision(self) -> str: ...
    @property
    def is_resynthesised(self) -> bool: ...


def prepare(program: Program, batched: frozenset[str] | None = None) -> Prepared:
    """Make a program ready.

    Args:
        program: A circuit and how to simulate it.
        batched: Gates whose angles one call for many points may carry; None: those proven for the
            versions installed.

    Raises:
        CircuitError, Refused: It cannot be built or simulated as asked.
        QiskitError: Qiskit cannot translate it.
    """
    counted_preparation()
    settings = program.settings
    circuit = as_written(program)
    if is_exact(program.circuit.facts, settings):
        gates = batched_gates(settings.options.device) if batched is None else batched
        return _exact(circuit, program, gates)
    in_tableau = settings.method in TABLEAU
    readout = _readout_model(settings.noise, circuit.num_qubits)
    single = circuit if readout is None else _read_once(circuit)
    return Prepared(
        circuit=single if in_tableau else translated(single, settings.method),
        parameters=_parameters(circuit, program),
        simulator=simulator_of(settings, readout),
        in_tableau=in_tableau,
    )


def bound(prepared: Prepared, values: Sequence[float]) -> QuantumCircuit:
    """Return the circuit of one point, see `assigned`."""
    return assigned(prepared.circuit, prepared.parameters, values)


def as_written(program: Program) -> QuantumCircuit:
    """Return the circuit in gates of Qiskit's library, noise put in, before it is said for Aer."""
    settings = program.settings
    circuit = in_time(build(program.circuit), program)
    if settings.transpile:
        circuit = transpiler(*settings.transpile).run(circuit)
    noise = settings.noise
    if noise and noise.acts_on_gates:
        return with_channels(written_out(circuit, max_qubits=2), noise)
    return written_out(circuit)


def in_time(circuit: QuantumCircuit, program: Program) -> QuantumCircuit:
    """Return the circuit with the lengths of its delays, where qubits relax in them.

    Raises:
        Refused: One is no length.
    """
    if not program.durations:
        return circuit
    values, names = dict(program.durations), [parameter.name for parameter in circuit.parameters]
    lengths = [values.get(name) for name in names]
    kept = [p for p, length in zip(circuit.parameters, lengths, strict=True) if length is not None]
    return assigned(circuit, kept, [length for length in lengths if length is not None])


def _exact(circuit: QuantumCircuit, program: Program, gates: frozenset[str]) -> Prepared:
    settings = program.settings
    read = reading(circuit, settings)
    bare = without_measurements(circuit)
    evolution = _saving(translated(bare, settings.method), read.measured, settings)
    noise = settings.noise
    is_quick = bool(evolution.parameters) and _is_quick(evolution, noise)
    together = _together(bare, evolution, read.measured, settings, gates) if is_quick else None
    is_whole = len(read.measured) == circuit.num_qubits
    computed = [each for each in (evolution, together) if each is not None]
    return Prepared(
        circuit=evolution,
        parameters=_parameters(circuit, program),
        simulator=simulator_of(settings, threads=_threads(computed, settings) if is_whole else 1),
        together=together,
        gates=gates,
        is_quick=is_quick,
        measured=read.measured,
        positions=read.positions,
        flips=read.flips,
        precision=settings.options.precision,
        is_resynthesised=settings.transpile is not None,
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How qubits end in bits; as `Prepared` has it."""

    measured: tuple[int, ...]
    positions: tuple[int | None, ...]
    flips: tuple[tuple[float, float] | None, ...]


def reading(circuit: QuantumCircuit, settings: Settings) -> Reading:
    """Say which qubits a circuit's measurements read, into which bits, and how often wrongly."""
    written = written_bits(circuit)
    measured = tuple(sorted(set(written.values())))
    places = {qubit: index for index, qubit in enumerate(measured)}
    errors = [settings.noise.readout_of(q) if settings.noise else None for q in measured]
    return Reading(
        measured,
        tuple(places[written[b]] if b in written else None for b in range(circuit.num_clbits)),
        tuple((error.p01, error.p10) if error else None for error in errors),
    )


def _is_quick(circuit: QuantumCircuit, noise: NoiseModel | None) -> bool:
    mixed = noise is not None and noise.acts_on_gates
    return plain_s(circuit.num_qubits, len(circuit.data), mixed=mixed) <= QUICK_S


def _together(
    bare: QuantumCircuit,
    evolution: QuantumCircuit,
    measured: tuple[int, ...],
    settings: Settings,
    gates: frozenset[str],
) -> QuantumCircuit | None:
    """Return the circuit for many points in one call, None where no such call can be trusted."""
    if not gates:
        return None
    if can_carry(evolution, gates) and not has_open_phase(evolution):
        return evolution
    together = translated(bare, settings.method, gates)
    if not can_carry(together, gates):
        return None
    if has_open_phase(together):
        if settings.options.statevector:
            return None  # the phase is kept there, and Aer would drop it
        together.global_phase = 0
        if not together.parameters:
            return None
    return _saving(together, measured, settings)


def _saving(
    evolution: QuantumCircuit, measured: tuple[int, ...], settings: Settings
) -> QuantumCircuit:
    import qiskit_aer  # noqa: F401  (gives circuits their save_… methods)

    if measured:
        evolution.save_probabilities(list(measured))
    if settings.options.statevector:
        evolution.save_statevector()
    return evolution


def written_bits(circuit: QuantumCircuit) -> dict[int, int]:
    """Return the classical bits that measurements write, each with the last one's qubit."""
    return {
        circuit.find_bit(item.clbits[0]).index: circuit.find_bit(item.qubits[0]).index
        for item in circuit.data
        if _is_measure(item)
    }


def without_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = circuit.copy_empty_like()
    for item in circuit.data:
        if not _is_measure(item):
            bare.append(item)
    return bare


def _parameters(circuit: QuantumCircuit, program: Program) -> tuple[Parameter | None, ...]:
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    return tuple(by_name.get(name) for name in program.circuit.facts.parameters)


def _read_once(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit in which no bit is measured twice; bits after the circuit's own are spare.

    Where all measurements stand at the end, Aer samples them at once and only then misreads bits,
    as often as each was written: a bit that is measured twice is flipped twice.
    """
    from qiskit.circuit import Clbit, ControlFlowOp

    if any(isinstance(item.operation, ControlFlowOp) for item in circuit.data):
        return circuit  # its shots are simulated one by one: the last measurement's error counts
    last = {item.clbits[0]: place for place, item in enumerate(circuit.data) if _is_measure(item)}
    single = circuit.copy_empty_like()
    for place, item in enumerate(circuit.data):
        if _is_measure(item) and last[item.clbits[0]] != place:
            spare = Clbit()  # of no register, whose name might be taken
            single.add_bits([spare])
            item = item.replace(clbits=(spare,))
        single.append(item)
    return single


def _is_measure(item: Any) -> bool:
    return bool(item.operation.name == "measure")


# -- Aer -------------------------------------------------------------------------------------------


def _readout_model(noise: NoiseModel | None, num_qubits: int) -> Any:
    """Return Aer's noise model of misread bits, None when none is."""
    if noise is None or not noise.misreads:
        return None
    from qiskit_aer.noise import NoiseModel as AerNoiseModel
    from qiskit_aer.noise import ReadoutError

    model = AerNoiseModel()
    for qubit in range(num_qubits):
        if error := noise.readout_of(qubit):
            rows = [[1 - error.p10, error.p10], [error.p01, 1 - error.p01]]
            model.add_readout_error(ReadoutError(rows), [qubit])
    return model


def _threads(circuits: Sequence[QuantumCircuit], settings: Settings) -> int:
    """How many threads may compute circuits that measure all qubits, with the same bits as one.

    Amplitudes, and the probabilities of all qubits, are the same whatever threads there are, as
    long as Aer joins the same gates: each is computed by one of them. Those of some qubits are sums
    over the others, whose last bits depend on how many add (seen with Aer 0.18 over generated
    circuits of 12 to 17 qubits).
    """
    is_long = any(len(circuit.data) >= JOINED_SERIALLY for circuit in circuits)
    is_same = settings.method == "statevector" and not is_long
    return int(os.environ.get(THREADS, "1")) if is_same else 1


def simulator_of(settings: Settings, noise_model: Any = None, threads: int = 1) -> Any:
    """Return an AerSimulator.

    Raises:
        Refused: It has no such device.
    """
    from qiskit_aer import AerSimulator

    options = settings.options
    if options.device not in _devices():
        raise Refused(
            f"local: this qiskit-aer computes on {', '.join(_devices())} only; install one built "
            f"for {options.device} (qiskit-aer-gpu) or remove device: {options.device}"
        )
    return AerSimulator(
        method=settings.method,
        device=options.device,
        precision=options.precision,
        noise_model=noise_model,
        max_parallel_threads=threads,
        max_parallel_experiments=1,
        max_parallel_shots=1,
        **options.of_aer(),
    )


@cache
def _devices() -> tuple[str, ...]:
    from qiskit_aer import AerSimulator

    return tuple(AerSimulator().available_devices())
