"""Values put into a circuit by assignment, the slow way that is always right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qbatch.errors import Refused

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

#: Without the values, which the point's name has: failures of one cause have one text.
_HERE = "at this point's values; leave the point out"


def assigned(
    circuit: QuantumCircuit, parameters: Sequence[Any], values: Sequence[float]
) -> QuantumCircuit:
    """Return `circuit` at `values`.

    Args:
        circuit: With free parameters.
        parameters: Its own, in the order of `values`; None: it does not use that one.
        values: One for each of `parameters`.

    Raises:
        Refused: An angle is no finite real number there, or a delay no time.
    """
    from qiskit.exceptions import QiskitError

    used = set(circuit.parameters)
    pairs = {p: v for p, v in zip(parameters, values, strict=True) if p is not None and p in used}
    if not pairs:
        return circuit
    try:
        made = circuit.assign_parameters(pairs)
        bound = [(item.operation.name, item.operation.params) for item in made.data]
    except (QiskitError, ArithmeticError, TypeError, ValueError) as error:
        what = "a delay is no time" if "Delay" in str(error) else "an angle is no real number"
        raise Refused(f"local: {what} {_HERE}") from error
    for name, angles in bound:
        for angle in angles:
            if isinstance(angle, int | float | complex) and not _is_angle(angle):
                raise Refused(f"local: an angle of {name} is {angle} {_HERE}")
    return made


def _is_angle(value: complex) -> bool:
    return not isinstance(value, complex) and math.isfinite(value)
