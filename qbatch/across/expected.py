"""What theory says of each point, held against what was measured there.

A point's *pull* is how far the measured value lies from the expected one, in standard errors: by
its interval's half on the side of the expected value, which keeps a width where all shots agree; by
the other half where that one has no width, for an interval ends where the number cannot go on (all
shots at 1, and theory above 1). χ² is the sum of the squares of all pulls, each content counted
once, of those that have one.

Where theory names fitted parameters, their error is in it: points that were not fitted have it in
their pulls, and in χ² by its covariance, for it moves all of them together. A point that was
fitted itself is held against theory by its own error alone, and each parameter that such points
made takes a degree of freedom, as it does in the fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from qbatch.across.theory import Expected, FittedTheory
from qbatch.manifest.expected import NO_VALUE
from qbatch.result import Estimate, chi_squared_p

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.across.points import Measured, Points
    from qbatch.manifest.models import Analysis

#: A fitted parameter: fit, its group, name.
Key = tuple[str, str, str]

#: Below it a report says that theory and points do not agree.
UNLIKELY = 0.01


@dataclass(frozen=True, slots=True)
class Residual:
    """One point beside what theory says of it.

    Attributes:
        point: The point's name.
        expected: What theory says.
        estimate: What was measured.
        pull: (measured - expected) in standard errors; None where the point has no error.
        expected_se: Of what theory says, from fitted parameters; 0 where it names none.
    """

    point: str
    expected: float
    estimate: Estimate
    pull: float | None
    expected_se: float = 0.0

    @property
    def value(self) -> float:
        """Measured - expected."""
        return self.estimate.value - self.expected


@dataclass(frozen=True, slots=True)
class Agreement:
    """One number over all points of a backend that theory speaks of.

    Attributes:
        name: The number's.
        backend: Its name.
        formula: What theory says of it.
        residuals: Of each measured point, in the order of the plan.
        left_out: Points that lack one of the formula's axes, or where it has no value.
        waiting: Points that are not measured yet.
        chi_squared: Sum of the squares of the pulls.
        freedom: Its degrees of freedom: points of different contents, less the parameters that were
            fitted to them.
        reason: Why theory says nothing of some points: a fit that is undecided, a function that
            may not run; "" for none.
    """

    name: str
    backend: str
    formula: str
    residuals: Sequence[Residual]
    left_out: int
    waiting: int
    chi_squared: float
    freedom: int
    reason: str = ""

    @property
    def p_value(self) -> float | None:
        """How probable so large a χ² is if theory holds; None without points."""
        return chi_squared_p(self.chi_squared, self.freedom) if self.freedom > 0 else None

    @property
    def worst(self) -> Residual | None:
        """The point that lies farthest off; None where no point has an error."""
        judged = (one for one in self.residuals if one.pull is not None)
        return max(judged, key=lambda one: abs(one.pull or 0.0), default=None)

    @property
    def without_error(self) -> int:
        """Points that differ from theory and have no error to hold that against."""
        return sum(one.pull is None for one in self.residuals)


def agreements(points: Points, fits: Callable[[], Sequence[Fitted]]) -> Iterator[Agreement]:
    """Hold every number of which theory speaks against it, backend by backend, in order.

    Args:
        points: Of a run.
        fits: Returns those of these points; asked where theory names one.
    """
    manifest = points.manifest
    analysis = manifest.analysis
    z = NormalDist().inv_cdf((1 + analysis.intervals.level) / 2)
    by_backend: dict[str, list[Measured]] = {}
    for point in points:
        by_backend.setdefault(str(point.axes["backend"]), []).append(point)
    for name in analysis.expected:
        theory = analysis.theory_of(name, manifest.vars)
        if theory is not None:
            found = FittedTheory(theory, fits() if theory.parameters else (), analysis)
            for backend, here in by_backend.items():
                yield _agreement(name, backend, found, here, z, analysis)


def _agreement(
    name: str,
    backend: str,
    theory: FittedTheory,
    points: Sequence[Measured],
    z: float,
    analysis: Analysis,
) -> Agreement:
    residuals: list[Residual] = []
    squares = _Squares(theory)
    left_out = waiting = 0
    reason = ""
    for point in points:
        told = theory.at_point(point.axes)
        estimate = point.estimates.get(name)
        if told.value is None:
            left_out += 1
            has_reason = theory.theory.parameters or told.reason != NO_VALUE
            reason = reason or (told.reason if has_reason else "")
        elif estimate is None:
            waiting += 1
        else:
            settings = point.settings_of(name, analysis).values() if told.shots else ()
            is_fitted = not told.shots.isdisjoint(settings)
            error = 0.0 if is_fitted else told.se
            found = pull(estimate, told.value, z, error)
            away, own = off(estimate, told.value, z)
            if own is not None:
                squares.add(point.id, away, own, told, is_fitted=is_fitted)
            residuals.append(Residual(point.name, told.value, estimate, found, told.se))
    text, total, freedom = theory.theory.text, *squares.total()
    return Agreement(name, backend, text, residuals, left_out, waiting, total, freedom, reason)


class _Squares:
    """χ² of points whose theory may have errors in common."""

    def __init__(self, theory: FittedTheory) -> None:
        self._theory = theory
        #: Content -> residual and own error, and what moves theory there.
        self._points: dict[str, tuple[float, float, Mapping[Key, float]]] = {}
        self._fitted: set[Key] = set()

    def add(self, id_: str, away: float, error: float, told: Expected, *, is_fitted: bool) -> None:
        """Take in a point.

        Args:
            id_: Of its content.
            away: Measured - expected.
            error: Its own; 0 only where it is not off.
            told: What theory says of it.
            is_fitted: Whether that is made of its shots.
        """
        self._points[id_] = away, error, {} if is_fitted else told.moves
        if is_fitted:
            self._fitted.update(told.moves)

    def total(self) -> tuple[float, int]:
        """Return χ² and its degrees of freedom."""
        freedom = max(0, len(self._points) - len(self._fitted))
        known = [one for one in self._points.values() if one[1] > 0]
        plain = sum((away / error) ** 2 for away, error, _ in known)
        keys = list(dict.fromkeys(key for *_, moves in known for key in moves))
        return (plain - self._common(known, keys) if keys else plain), freedom

    def _common(
        self, known: Sequence[tuple[float, float, Mapping[Key, float]]], keys: Sequence[Key]
    ) -> float:
        """Return by how much χ² is less as the parameters' errors move points together.

        By Woodbury's identity, so that no matrix is as large as there are points.
        """
        import numpy as np

        errors = np.array([error for _, error, _ in known])
        pulls = np.array([away for away, *_ in known]) / errors
        moves = np.array([[each.get(key, 0.0) for key in keys] for *_, each in known])
        sizes, vectors = np.linalg.eigh(self._theory.covariance(keys))
        moves = moves / errors[:, None] @ (vectors * np.sqrt(np.clip(sizes, 0.0, None)))
        along = moves.T @ pulls
        return float(along @ np.linalg.solve(np.eye(len(keys)) + moves.T @ moves, along))


def off(estimate: Estimate, expected: float, z: float) -> tuple[float, float | None]:
    """Return measured - expected, and the point's own error on that side; None without one.

    Args:
        estimate: What was measured.
        expected: What theory says.
        z: How many standard errors the half of an interval is.
    """
    away = estimate.value - expected
    least = 1e-12 * max(1.0, abs(expected))
    halves = [estimate.value - estimate.low, estimate.high - estimate.value]
    if abs(away) <= least:
        return 0.0, max(halves) / z
    half = next((one for one in (halves if away > 0 else halves[::-1]) if one > least), None)
    return away, None if half is None else half / z


def pull(estimate: Estimate, expected: float, z: float, error: float = 0.0) -> float | None:
    """How far a measured value lies from an expected one, in standard errors.

    Args:
        estimate: What was measured.
        expected: What theory says.
        z: How many standard errors the half of an interval is.
        error: Of what theory says, independent of what was measured.

    Returns:
        None where the interval has no width and they are not the same.
    """
    away, own = off(estimate, expected, z)
    if away == 0.0:
        return 0.0
    return None if own is None else away / math.hypot(own, error)


def agreement_facts(agreement: Agreement) -> dict[str, Any]:
    """Return what files have of a number beside theory."""
    p_value = agreement.p_value
    return {
        "name": agreement.name,
        "backend": agreement.backend,
        "formula": agreement.formula,
        "chi_squared": agreement.chi_squared,
        "freedom": agreement.freedom,
        "p": p_value,
        "left_out": agreement.left_out,
        "without_error": agreement.without_error,
        "waiting": agreement.waiting,
        "reason": agreement.reason,
        "points": [
            {
                "point": one.point,
                "expected": one.expected,
                "residual": one.value,
                "pull": one.pull,
                "expected_se": one.expected_se,
            }
            for one in agreement.residuals
        ],
    }
