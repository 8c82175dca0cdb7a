"""A circuit made ready for Aer, once for each distinct circuit and settings in a process.

Rules: `transpile()` is never called (63 ms each time): the few passes needed are built once. What
a circuit of the person's own calls a gate is never mistaken for Aer's gate of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from qbatch.circuit import build
from qbatch.errors import Refused
from qbatch.providers.local.channels import with_channels
from qbatch.providers.local.method import is_exact
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.dagcircuit import DAGCircuit
    from qiskit.transpiler import PassManager

    from qbatch.providers.local.noise import NoiseModel
    from qbatch.providers.local.settings import Settings

_CONTROL_FLOW = frozenset({"if_else", "while_loop", "for_loop", "switch_case"})

#: Instructions that are neither gates nor to be translated.
_KEPT = _CONTROL_FLOW | {
    *("measure", "reset", "barrier", "delay", "store", "break_loop", "continue_loop"),
    *("quantum_channel", "save_probabilities", "save_statevector"),
}

_preparations = 0


def preparations() -> int:
    """How many programs this process has prepared."""
    return _preparations


@dataclass(frozen=True, slots=True)
class Prepared:
    """A circuit as Aer gets it.

    Attributes:
        circuit: Ends in saving probabilities where `measured` is given, else in measurements.
        parameters: The circuit's, in the order of `CircuitFacts.parameters`; None: not used.
        simulator: An AerSimulator.
        measured: Qubits whose joint probabilities are saved, outcome bit k for qubit measured[k];
            None: Aer simulates the shots.
        positions: Classical bit -> index into `measured`, None where nothing is written.
        flips: (p01, p10) of each measured qubit, None where it is read without error.
    """

    circuit: QuantumCircuit
    parameters: tuple[Parameter | None, ...]
    simulator: Any
    measured: tuple[int, ...] | None = None
    positions: tuple[int | None, ...] = ()
    flips: tuple[tuple[float, float] | None, ...] = ()


def prepare(program: Program) -> Prepared:
    """Make a program ready.

    Raises:
        CircuitError, Refused: It cannot be built or simulated as asked.
        QiskitError: Qiskit cannot translate it.
    """
    global _preparations
    _preparations += 1
    settings = program.settings
    circuit = build(program.circuit)
    if settings.transpile:
        circuit = _transpiler(*settings.transpile).run(circuit)
    noise = settings.noise
    if noise and noise.acts_on_gates:
        circuit = with_channels(written_out(circuit, max_qubits=2), noise)
    else:
        circuit = written_out(circuit)
    if is_exact(program.circuit.facts, settings):
        return _exact(circuit, program)
    return Prepared(
        circuit=_translated(circuit, settings.method),
        parameters=_parameters(circuit, program),
        simulator=_simulator(settings, _readout_model(noise, circuit.num_qubits)),
    )


def _exact(circuit: QuantumCircuit, program: Program) -> Prepared:
    settings = program.settings
    written = _written_bits(circuit)
    measured = tuple(sorted(set(written.values())))
    evolution = _without_measurements(circuit)
    evolution = _translated(evolution, settings.method)
    import qiskit_aer  # noqa: F401  (gives circuits their save_… methods)

    if measured:
        evolution.save_probabilities(list(measured))
    if settings.options.statevector:
        evolution.save_statevector()
    places = {qubit: index for index, qubit in enumerate(measured)}
    noise = settings.noise
    errors = [noise.readout_of(qubit) if noise else None for qubit in measured]
    return Prepared(
        circuit=evolution,
        parameters=_parameters(circuit, program),
        simulator=_simulator(settings),
        measured=measured,
        positions=tuple(
            places[written[bit]] if bit in written else None for bit in range(circuit.num_clbits)
        ),
        flips=tuple((error.p01, error.p10) if error else None for error in errors),
    )


def _written_bits(circuit: QuantumCircuit) -> dict[int, int]:
    """Return the classical bits that measurements write, each with the last one's qubit."""
    return {
        circuit.find_bit(item.clbits[0]).index: circuit.find_bit(item.qubits[0]).index
        for item in circuit.data
        if item.operation.name == "measure"
    }


def _without_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = circuit.copy_empty_like()
    for item in circuit.data:
        if item.operation.name != "measure":
            bare.append(item)
    return bare


def _parameters(circuit: QuantumCircuit, program: Program) -> tuple[Parameter | None, ...]:
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    return tuple(by_name.get(name) for name in program.circuit.facts.parameters)


# -- gates -----------------------------------------------------------------------------------------


def is_standard(operation: Any) -> bool:
    """Whether an operation is of Qiskit's own library, so that its name says what it does."""
    kind = getattr(operation, "base_class", type(operation))
    return bool(kind.__module__.startswith(("qiskit.circuit.library", "qiskit_aer.")))


def written_out(circuit: QuantumCircuit, max_qubits: int | None = None) -> QuantumCircuit:
    """Replace gates by their definitions: the circuit's own, and those on too many qubits."""
    from qiskit.circuit import Gate

    def stays(operation: Any) -> bool:
        if not isinstance(operation, Gate):
            return True
        few = max_qubits is None or operation.num_qubits <= max_qubits
        return few and is_standard(operation)

    return _expanded(circuit, stays)


def _expanded(circuit: QuantumCircuit, stays: Callable[[Any], bool]) -> QuantumCircuit:
    from qiskit.converters import circuit_to_dag, dag_to_circuit

    if all(_stays_whole(item.operation, stays) for item in circuit.data):
        return circuit
    return dag_to_circuit(_expand(circuit_to_dag(circuit), stays))


def _stays_whole(operation: Any, stays: Callable[[Any], bool]) -> bool:
    blocks = getattr(operation, "blocks", ())
    return stays(operation) and all(
        _stays_whole(item.operation, stays) for block in blocks for item in block.data
    )


def _expand(dag: DAGCircuit, stays: Callable[[Any], bool]) -> DAGCircuit:
    from qiskit.circuit import ControlFlowOp
    from qiskit.converters import circuit_to_dag

    for node in dag.op_nodes():
        if isinstance(node.op, ControlFlowOp):
            blocks = [_expanded(block, stays) for block in node.op.blocks]
            dag.substitute_node(node, node.op.replace_blocks(blocks))
        elif not stays(node.op):
            definition = node.op.definition
            if definition is None:
                raise Refused(f"local: gate {node.op.name} has no definition to simulate")
            dag.substitute_node_with_dag(node, _expand(circuit_to_dag(definition), stays))
    return dag


def _translated(circuit: QuantumCircuit, method: str) -> QuantumCircuit:
    """Translate what the method does not know into gates that it does."""
    known = _known(method)
    circuit = _expanded(circuit, lambda op: op.name in known or not _is_open_controlled(op))
    if _names(circuit) <= known:
        return circuit.copy()
    translated: QuantumCircuit = _translator(method).run(circuit)
    return translated


def _is_open_controlled(operation: Any) -> bool:
    state = getattr(operation, "ctrl_state", None)
    return state is not None and state != 2**operation.num_ctrl_qubits - 1


def _names(circuit: QuantumCircuit) -> set[str]:
    names = set()
    for item in circuit.data:
        names.add(item.operation.name)
        for block in getattr(item.operation, "blocks", ()):
            names |= _names(block)
    return names


@cache
def _known(method: str) -> frozenset[str]:
    from qiskit_aer.backends.backend_utils import BASIS_GATES

    return _KEPT | frozenset(BASIS_GATES[method])


@cache
def _translator(method: str) -> PassManager:
    from qiskit.circuit.equivalence_library import SessionEquivalenceLibrary
    from qiskit.transpiler import PassManager
    from qiskit.transpiler.passes import BasisTranslator

    return PassManager([BasisTranslator(SessionEquivalenceLibrary, sorted(_known(method)))])


@cache
def _transpiler(optimization_level: int, seed: int) -> PassManager:
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import generate_preset_pass_manager

    gates = _known("statevector") & (get_standard_gate_name_mapping().keys() | _CONTROL_FLOW)
    return generate_preset_pass_manager(
        optimization_level, basis_gates=sorted(gates), seed_transpiler=seed
    )


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


def _simulator(settings: Settings, noise_model: Any = None) -> Any:
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
        max_parallel_threads=1,
        max_parallel_experiments=1,
        max_parallel_shots=1,
        **options.of_aer(),
    )


@cache
def _devices() -> tuple[str, ...]:
    from qiskit_aer import AerSimulator

    return tuple(AerSimulator().available_devices())
