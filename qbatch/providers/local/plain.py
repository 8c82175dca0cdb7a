"""Circuits computed the plain way: one matrix after the other on a vector, in numpy.

What Aer computes in many points at once is held against this (`guard`). It shares nothing with
Aer: a gate is its library's matrix or, where there is none, its definition. Density matrices are
vectors of twice the qubits: qubit k's row is qubit k, its column qubit k + num_qubits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.providers.local.channels import CHANNELS, identity, superoperator

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from qiskit import QuantumCircuit

    Complex = npt.NDArray[np.complex128]

#: What takes no part: a qubit is reset only before its first gate, in |0>.
NOTHING = frozenset({"barrier", "delay", "reset", "measure"})

#: About how long a matrix takes: a constant, and for each entry of the state, seconds.
_STEP_S, _ENTRY_S = 3e-5, 1.5e-8


def plain_s(num_qubits: int, num_steps: int, *, mixed: bool) -> float:
    """About how long a circuit takes, seconds.

    Args:
        num_qubits: Of the circuit.
        num_steps: Gates and channels.
        mixed: With a density matrix.
    """
    entries = 2.0 ** min(num_qubits * (2 if mixed else 1), 200)
    return num_steps * (2 if mixed else 1) * (_STEP_S + _ENTRY_S * entries)


def final_state(circuit: QuantumCircuit) -> Complex:
    """Return the state vector, entry k for qubits in the bits of k, with its global phase.

    Raises:
        Refused: An instruction has no matrix and no definition.
    """
    import numpy as np

    state = np.zeros(1 << circuit.num_qubits, np.complex128)
    state[0] = np.exp(1j * float(circuit.global_phase))
    return _evolved(state, circuit, range(circuit.num_qubits), None, {})


def distribution(circuit: QuantumCircuit, qubits: Sequence[int], *, mixed: bool) -> Any:
    """Return probabilities of outcomes whose bit k is qubit ``qubits[k]``.

    Args:
        circuit: Bound; its measurements count as none.
        qubits: Distinct.
        mixed: It has channels: compute a density matrix.
    """
    import numpy as np

    num_qubits = circuit.num_qubits
    if not mixed:
        weights = np.abs(final_state(circuit)) ** 2
    else:
        state = np.zeros(1 << (2 * num_qubits), np.complex128)
        state[0] = 1
        state = _evolved(state, circuit, range(num_qubits), num_qubits, {})
        weights = state.reshape(1 << num_qubits, -1).diagonal().real
    return marginal(weights, qubits)


def marginal(weights: npt.NDArray[np.float64], qubits: Sequence[int]) -> Any:
    """Sum over all qubits but some, and put these in order."""
    size = len(weights).bit_length() - 1
    cube = weights.reshape([2] * size)
    others = tuple(size - 1 - qubit for qubit in range(size) if qubit not in qubits)
    kept = [axis for axis in range(size) if axis not in others]
    order = [kept.index(size - 1 - qubit) for qubit in reversed(qubits)]
    return cube.sum(axis=others).transpose(order).reshape(-1)


def _evolved(
    state: Complex,
    circuit: QuantumCircuit,
    places: Sequence[int],
    columns: int | None,
    seen: dict[object, Complex],
) -> Complex:
    """Apply a circuit whose qubit k is `places[k]`; with `columns`, to a density matrix."""
    for item in circuit.data:
        operation = item.operation
        if operation.name in NOTHING:
            continue
        on = [places[circuit.find_bit(qubit).index] for qubit in item.qubits]
        if operation.name in CHANNELS:
            state = _channelled(state, operation, on, columns, seen)
            continue
        matrix = matrix_of(operation)
        if matrix is None:
            if operation.definition is None:
                raise Refused(
                    f"local: gate {operation.name} has neither matrix nor definition; "
                    "use a gate that is defined"
                )
            state = _evolved(state, operation.definition, on, columns, seen)
            if columns is None:
                import numpy as np

                state = state * np.exp(1j * float(operation.definition.global_phase))
            continue
        state = applied(state, matrix, on)
        if columns is not None:
            state = applied(state, matrix.conj(), [qubit + columns for qubit in on])
    return state


def matrix_of(operation: Any) -> Complex | None:
    """Return a gate's matrix; None where only its definition says what it is."""
    import numpy as np
    from qiskit.exceptions import QiskitError

    try:
        return np.asarray(operation.to_matrix(), np.complex128)
    except (QiskitError, AttributeError):
        return None


def _channelled(
    state: Complex, channel: Any, on: list[int], columns: int | None, seen: dict[object, Complex]
) -> Complex:
    if columns is None:
        raise Refused("local: a state vector passes no channel; choose another method")
    key = identity(channel)
    if key not in seen:
        seen[key] = superoperator(channel).data
    return applied(state, seen[key], [*on, *(qubit + columns for qubit in on)])


def applied(state: Complex, matrix: Complex, qubits: Sequence[int]) -> Complex:
    """Apply a matrix, whose index has qubit ``qubits[k]`` as bit k."""
    import numpy as np

    count, size = len(qubits), len(state).bit_length() - 1
    if count == 0:
        scaled: Complex = state * complex(matrix.reshape(-1)[0])
        return scaled
    axes = [size - 1 - qubit for qubit in reversed(qubits)]
    cube = matrix.reshape([2] * (2 * count))
    turned = np.tensordot(cube, state.reshape([2] * size), (range(count, 2 * count), axes))
    moved: Complex = np.moveaxis(turned, range(count), axes).reshape(-1)
    return moved
