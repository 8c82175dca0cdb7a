"""One point of a circuit: its values put in by assignment, the slow way that is always right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused
from qbatch.providers.local.prepare import Prepared

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Without the values, which the point's name has: failures of one cause have one text.
_HERE = "at this point's values; leave the point out"


def bound(prepared: Prepared, values: Sequence[float]) -> QuantumCircuit:
    """Return the circuit at these values.

    Raises:
        Refused: An angle is no finite real number there.
    """
    return assigned(prepared.circuit, prepared.parameters, values)


def assigned(
    circuit: QuantumCircuit, parameters: Sequence[Any], values: Sequence[float]
) -> QuantumCircuit:
    """Return `circuit` at `values`; see `bound`.

    Args:
        circuit: With free parameters.
        parameters: Its own, in the order of `values`; None: it does not use that one.
        values: One for each of `parameters`.
    """
    from qiskit.exceptions import QiskitError

    used = set(circuit.parameters)
    pairs = {p: v for p, v in zip(parameters, values, strict=True) if p is not None and p in used}
    if not pairs:
        return circuit
    try:
        made = circuit.assign_parameters(pairs)
    except (QiskitError, ArithmeticError, TypeError, ValueError) as error:
        raise Refused(f"local: an angle is no real number {_HERE}") from error
    for item in made.data:
        for angle in item.operation.params:
            if isinstance(angle, int | float | complex) and not _is_angle(angle):
                raise Refused(f"local: an angle of {item.operation.name} is {angle} {_HERE}")
    return made


def _is_angle(value: complex) -> bool:
    return not isinstance(value, complex) and math.isfinite(value)
