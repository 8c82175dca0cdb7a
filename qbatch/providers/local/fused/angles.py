"""A gate's angle at many points: a weighted sum of the circuit's parameters, or any expression.

Rules: an expression counts as a sum only where Qiskit's derivative by each parameter is a number.
What is none is evaluated point by point, by Qiskit. What is no finite real number there is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Angle:
    """One angle.

    Attributes:
        constant: At parameters that are all 0.
        slopes: (column of the values, weight) of each parameter of a sum.
        expression: Qiskit's, where it is no sum.
        columns: Of the parameters of such an expression, by Qiskit's parameter.
    """

    constant: float = 0.0
    slopes: tuple[tuple[int, float], ...] = ()
    expression: Any = None
    columns: tuple[tuple[Any, int], ...] = ()

    def at(self, values: Floats) -> Floats:
        """Return the angle at each point.

        Args:
            values: Shape (points, parameters).

        Returns:
            Shape (points,), contiguous.
        """
        import numpy as np

        if self.expression is not None:
            return np.array([self._evaluated(row) for row in values.tolist()], np.float64)
        angles = np.full(len(values), self.constant)
        for column, weight in self.slopes:
            angles += weight * np.ascontiguousarray(values[:, column])
        return angles

    def _evaluated(self, row: list[float]) -> float:
        from qiskit.circuit.exceptions import CircuitError

        try:
            bound = self.expression.bind({each: row[column] for each, column in self.columns})
            value = bound.numeric()
        except (CircuitError, ArithmeticError, TypeError, ValueError):
            return math.nan
        return math.nan if isinstance(value, complex) else float(value)


def angles_at(angles: Sequence[Angle], values: Floats) -> Floats:
    """Return each of many angles at each point: what `Angle.at` returns.

    Shape (angles, points).
    """
    import numpy as np

    if not all(each.expression is None and len(each.slopes) == 1 for each in angles):
        return np.array([each.at(values) for each in angles])
    slopes = [each.slopes[0] for each in angles]
    weights = np.array([weight for _, weight in slopes])[:, None]
    constants = np.array([each.constant for each in angles])[:, None]
    return constants + weights * values.T[[column for column, _ in slopes]]


def angle_of(value: Any, columns: Mapping[Any, int]) -> Angle:
    """Return a gate's parameter as an angle.

    Args:
        value: A number, or Qiskit's expression.
        columns: Where each parameter's values stand.
    """
    free = getattr(value, "parameters", None)
    if not free:
        return Angle(float(value))
    slopes = {each: _slope(value, each) for each in free}
    if all(isinstance(slope, int | float) for slope in slopes.values()):
        constant = float(value.bind(dict.fromkeys(free, 0.0)).numeric())
        told = ((columns[each], float(slope)) for each, slope in slopes.items())
        return Angle(constant, tuple(sorted(told)))
    used = sorted(((each, columns[each]) for each in free), key=lambda pair: pair[1])
    return Angle(expression=value, columns=tuple(used))


def _slope(expression: Any, parameter: Any) -> Any:
    """Return the derivative, None where Qiskit knows none."""
    try:
        return expression.gradient(parameter)
    except (RuntimeError, TypeError, ValueError):
        return None
