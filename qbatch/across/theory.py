"""What theory says of a point where its formula names fitted parameters: with their errors.

Rules: of each fit the group that the point belongs to gives its parameters; a fit without groups
speaks for all points. The error is that of the parameters, by their covariance and the formula's
slopes; fits that share shots take the worst.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.across.fits import Fitted
    from qbatch.manifest.expected import Theory
    from qbatch.manifest.models import Analysis, Value
    from qbatch.result import ByForm

    Floats = npt.NDArray[np.float64]

#: Step of a slope, in the parameter's own error.
_STEP = 1e-3


@dataclass(frozen=True, slots=True)
class Expected:
    """What theory says of one point.

    Attributes:
        value: The number; None where there is none.
        se: Its standard error, from fitted parameters; 0 where it names none.
        shots: Ids of the settings whose shots these are made of.
        moves: Fitted parameter -> by how much a standard error of it moves the value.
        reason: Why there is no number.
    """

    value: float | None
    se: float = 0.0
    shots: frozenset[str] = frozenset()
    moves: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    reason: str = ""


class FittedTheory:
    """Theory of axes and of a run's fits.

    Args:
        theory: Read.
        fits: Of the run.
        analysis: Of its manifest.
    """

    def __init__(self, theory: Theory, fits: Sequence[Fitted], analysis: Analysis) -> None:
        self.theory = theory
        self._analysis = analysis
        named = {name.rpartition(".")[0] for name in theory.parameters}
        self._fits = {name: [one for one in fits if one.name == name] for name in sorted(named)}
        self._shots: dict[tuple[str, str], frozenset[str]] = {}

    def fits_at(self, axes: Mapping[str, Value]) -> dict[str, Fitted] | str:
        """Find the group of each fit that a point belongs to; else say why there is none."""
        found = {}
        for name, groups in self._fits.items():
            one = next((each for each in groups if _belongs(axes, each)), None)
            if one is None:
                return f"no fit of {name} is for this point"
            if one.solution is None:
                at = f" at {one.label}" if one.label else ""
                return f"{name}{at} is undecided: {one.reason}"
            found[name] = one
        return found

    def at(self, values: Mapping[str, Any]) -> Floats | None:
        """Compute it where axes have these values, numbers or arrays of them; None: nowhere."""
        fits = self.fits_at(values)
        return None if isinstance(fits, str) else self.theory.at({**values, **self._given(fits)})

    def at_point(self, axes: Mapping[str, Value]) -> Expected:
        """Tell what theory says of a point."""
        fits = self.fits_at(axes)
        if isinstance(fits, str):
            return Expected(None, reason=fits)
        given = self._given(fits)
        value = self.theory.at_point({**axes, **given})
        if value is None:
            return Expected(None, reason=self.theory.silence)
        moves = {}
        for name in self.theory.parameters:
            fit, _, parameter = name.rpartition(".")
            error = fits[fit].parameters[parameter].se
            step = _STEP * error
            ends = [
                self.theory.at_point({**axes, **given, name: given[name] + side})
                for side in (-step, step)
            ]
            if not error or None in ends:
                return Expected(None, reason=f"{name} has no error that could be told here")
            moves[fit, fits[fit].label, parameter] = ((ends[1] or 0) - (ends[0] or 0)) / 2 / _STEP
        se, shots = self._error(fits, moves)
        return Expected(value, se, shots, moves)

    def _given(self, fits: Mapping[str, Fitted]) -> dict[str, float]:
        found = {}
        for name in self.theory.parameters:
            fit, _, parameter = name.rpartition(".")
            found[name] = fits[fit].parameters[parameter].value
        return found

    def _error(
        self, fits: Mapping[str, Fitted], moves: Mapping[tuple[str, str, str], float]
    ) -> tuple[float, frozenset[str]]:
        """Return the standard error by all fits, and whose shots it is of."""
        parts: list[tuple[float, frozenset[str]]] = []
        for name, fitted in fits.items():
            mine = {key[2]: move for key, move in moves.items() if key[0] == name}
            part = math.sqrt(max(0.0, _square(fitted, mine)))
            shots = self._shots_of(fitted)
            for other in [each for each in parts if not each[1].isdisjoint(shots)]:
                parts.remove(other)
                part, shots = part + other[0], shots | other[1]
            parts.append((part, shots))
        return math.hypot(*(part for part, _ in parts)), frozenset().union(*(s for _, s in parts))

    def _shots_of(self, fitted: Fitted) -> frozenset[str]:
        key = fitted.name, fitted.label
        if key not in self._shots:
            self._shots[key] = fitted.shots_of(self._analysis)
        return self._shots[key]

    def in_common(self, key: tuple[str, str, str]) -> dict[Hashable, Floats]:
        """Return by what a fitted parameter errs that points err by, too, in its own error."""
        fitted, parameter = self._fitted(key)
        found = fitted.errors_in_common(parameter)
        error = fitted.parameters[parameter].se
        return {job: each / error for job, each in found.items()}

    def by_form(self, key: tuple[str, str, str]) -> ByForm | None:
        """Return by what a fitted parameter errs in each form of twirled circuits, likewise.

        None where it is fitted to points that are not twirled.
        """
        fitted, parameter = self._fitted(key)
        found = fitted.errors_by_form(parameter)
        return None if found is None else found.times(1 / fitted.parameters[parameter].se)

    def _fitted(self, key: tuple[str, str, str]) -> tuple[Fitted, str]:
        name, label, parameter = key
        return next(one for one in self._fits[name] if one.label == label), parameter

    def covariance(self, keys: Sequence[tuple[str, str, str]]) -> Floats:
        """How standard errors of fitted parameters depend on one another, shape (n, n)."""
        import numpy as np

        found = np.eye(len(keys))
        for name, groups in self._fits.items():
            for one in groups:
                rows = [at for at, key in enumerate(keys) if key[:2] == (name, one.label)]
                if rows:
                    found[np.ix_(rows, rows)] = one.correlations([keys[at][2] for at in rows])
        return found


def _square(fitted: Fitted, moves: Mapping[str, float]) -> float:
    import numpy as np

    by = np.array(list(moves.values()))
    return float(by @ fitted.correlations(list(moves)) @ by)


def _belongs(axes: Mapping[str, Any], fitted: Fitted) -> bool:
    group = fitted.group.items()
    return all(
        axis in axes and axes[axis].__class__ is value.__class__ and axes[axis] == value
        for axis, value in group
    )
