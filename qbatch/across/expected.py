"""What theory says of each point, held against what was measured there.

A point's *pull* is how far the measured value lies from the expected one, in standard errors: by
its interval's half on the side of the expected value, which keeps a width where all shots agree; by
the other half where that one has no width, for an interval ends where the number cannot go on (all
shots at 1, and theory above 1). χ² is the sum of the squares of all pulls, each content counted
once, of those that have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from qbatch.manifest.expected import Theory, read_theory
from qbatch.result import Estimate, chi_squared_p

if TYPE_CHECKING:
    from qbatch.across.points import Measured, Points

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
    """

    point: str
    expected: float
    estimate: Estimate
    pull: float | None

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
        freedom: Its degrees of freedom: points of different contents.
    """

    name: str
    backend: str
    formula: str
    residuals: Sequence[Residual]
    left_out: int
    waiting: int
    chi_squared: float
    freedom: int

    @property
    def p_value(self) -> float | None:
        """How probable so large a χ² is if theory holds; None without points."""
        return chi_squared_p(self.chi_squared, self.freedom) if self.freedom else None

    @property
    def worst(self) -> Residual | None:
        """The point that lies farthest off; None where no point has an error."""
        judged = (one for one in self.residuals if one.pull is not None)
        return max(judged, key=lambda one: abs(one.pull or 0.0), default=None)

    @property
    def without_error(self) -> int:
        """Points that differ from theory and have no error to hold that against."""
        return sum(one.pull is None for one in self.residuals)


def agreements(points: Points) -> Iterator[Agreement]:
    """Hold every number of which theory speaks against it, backend by backend, in order."""
    manifest = points.manifest
    z = NormalDist().inv_cdf((1 + manifest.analysis.intervals.level) / 2)
    by_backend: dict[str, list[Measured]] = {}
    for point in points:
        by_backend.setdefault(str(point.axes["backend"]), []).append(point)
    for name, text in manifest.analysis.expected.items():
        theory = read_theory(text, manifest.vars)
        for backend, here in by_backend.items():
            yield _agreement(name, backend, theory, here, z)


def _agreement(
    name: str, backend: str, theory: Theory, points: Sequence[Measured], z: float
) -> Agreement:
    residuals: list[Residual] = []
    pulls: dict[str, float] = {}
    left_out = waiting = 0
    for point in points:
        expected = theory.at_point(point.axes)
        estimate = point.estimates.get(name)
        if expected is None:
            left_out += 1
        elif estimate is None:
            waiting += 1
        else:
            found = pull(estimate, expected, z)
            if found is not None:
                pulls[point.id] = found
            residuals.append(Residual(point.name, expected, estimate, found))
    squares = sum(one**2 for one in pulls.values())
    return Agreement(name, backend, theory.text, residuals, left_out, waiting, squares, len(pulls))


def pull(estimate: Estimate, expected: float, z: float) -> float | None:
    """How far a measured value lies from an expected one, in standard errors.

    Args:
        estimate: What was measured.
        expected: What theory says.
        z: How many standard errors the half of an interval is.

    Returns:
        None where the interval has no width and they are not the same.
    """
    away = estimate.value - expected
    least = 1e-12 * max(1.0, abs(expected))
    if abs(away) <= least:
        return 0.0
    halves = [estimate.value - estimate.low, estimate.high - estimate.value]
    half = next((one for one in (halves if away > 0 else halves[::-1]) if one > least), None)
    return None if half is None else z * away / half


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
        "points": [
            {
                "point": one.point,
                "expected": one.expected,
                "residual": one.value,
                "pull": one.pull,
            }
            for one in agreement.residuals
        ],
    }
