"""A program made ready to be computed here: its circuit as operations, its circuit as stages.

Rules: a pure state where no noise acts on gates, else the real numbers Tr(P ρ). A gate with free
angles that `matrices` has no row for is replaced by its definition, as is what is too wide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.frozen import dataclass
from qbatch.providers.local.batching import is_open
from qbatch.providers.local.channels import CHANNELS, superoperator
from qbatch.providers.local.fused.angles import angle_of
from qbatch.providers.local.fused.matrices import GATES, superoperators, transfer
from qbatch.providers.local.fused.stages import Operation, Staged, staged
from qbatch.providers.local.plain import NOTHING, matrix_of
from qbatch.providers.local.prepare import (
    as_written,
    counted_preparation,
    reading,
    without_measurements,
)
from qbatch.providers.local.translation import in_matrices
from qbatch.providers.local.work import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Gates on more qubits are replaced by their definitions.
MOST_QUBITS = 4


@dataclass(frozen=True, slots=True)
class Fused:
    """A circuit as it is computed here; attributes as `prepare.Prepared` has them.

    Attributes:
        circuit: With its measurements, in gates of Qiskit's library: points that fail are bound.
        stages: What is computed.
    """

    circuit: QuantumCircuit
    parameters: tuple[Any, ...]
    stages: Staged
    measured: tuple[int, ...]
    positions: tuple[int | None, ...]
    flips: tuple[tuple[float, float] | None, ...]
    is_resynthesised: bool
    precision: str = "double"

    @property
    def num_bytes(self) -> int:
        """Bytes it takes beside its circuit."""
        return self.stages.num_bytes


def prepare(program: Program) -> Fused:
    """Make a program ready.

    Raises:
        CircuitError, Refused: It cannot be built or simulated as asked.
        QiskitError: Qiskit cannot translate it.
    """
    counted_preparation()
    circuit = as_written(program)
    found = reading(circuit, program.settings)
    by_name = {parameter.name: parameter for parameter in circuit.parameters}
    names = program.circuit.facts.parameters
    columns = {by_name[name]: at for at, name in enumerate(names) if name in by_name}
    noise = program.settings.noise
    values = 4 if noise is not None and noise.acts_on_gates else 2
    written = in_matrices(without_measurements(circuit), frozenset(GATES), MOST_QUBITS)
    operations = _operations(written, columns, values)
    return Fused(
        circuit=circuit,
        parameters=tuple(by_name.get(name) for name in names),
        stages=staged(operations, values, circuit.num_qubits, found.measured),
        measured=found.measured,
        positions=found.positions,
        flips=found.flips,
        is_resynthesised=program.settings.transpile is not None,
    )


def _operations(
    circuit: QuantumCircuit, columns: Mapping[Any, int], values: int
) -> Iterator[Operation]:
    seen: dict[int, Any] = {}
    for item in circuit.data:
        operation = item.operation
        if operation.name in NOTHING or not item.qubits:
            continue
        sites = tuple(circuit.find_bit(qubit).index for qubit in item.qubits)
        if operation.name in CHANNELS:
            if id(operation) not in seen:
                seen[id(operation)] = transfer(superoperator(operation).data)
            yield Operation(sites, seen[id(operation)])
        elif is_open(operation):
            angles = tuple(angle_of(value, columns) for value in operation.params)
            yield Operation(sites, gate=operation.name, angles=angles)
        else:
            yield Operation(sites, _fixed(operation, values))


def _fixed(operation: Any, values: int) -> Any:
    matrix = matrix_of(operation)
    if matrix is None:
        raise Refused(
            f"local: gate {operation.name} has no matrix to simulate; use a gate that is defined"
        )
    return matrix if values == 2 else transfer(superoperators(matrix[None]))[0]
