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

Points that are twirled to the same forms, and parameters fitted to such, err together by which were
drawn: χ² is of their own errors nevertheless, and its p has that in it (`fitting.repetitions`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from qbatch.across.fitting.repetitions import Distances
from qbatch.across.fitting.weighing import Weights, own_errors
from qbatch.across.sharing import added, narrowed, shares_of_forms, stacked
from qbatch.across.theory import FittedTheory
from qbatch.frozen import dataclass
from qbatch.manifest.expected import NO_VALUE
from qbatch.result import ByForm, Estimate, InCommon, chi_squared_p

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.across.fits import Fitted
    from qbatch.across.points import Measured, Points
    from qbatch.manifest.models import Analysis

    Floats = npt.NDArray[np.float64]

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
        left_out: Points that lack one of the formula's axes, or where it has no value, or that are
            measured and have no such number.
        waiting: Points that are not measured yet.
        chi_squared: Sum of the squares of the pulls.
        freedom: Its degrees of freedom: points of different contents, less the parameters that were
            fitted to them.
        p_value: How probable so large a χ² is if theory holds; None without points.
        reason: Why theory says nothing of some points (a fit that is undecided, a function that
            may not run), or why there is no such number; "" for none.
    """

    name: str
    backend: str
    formula: str
    residuals: Sequence[Residual]
    left_out: int
    waiting: int
    chi_squared: float
    freedom: int
    p_value: float | None
    reason: str = ""

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
        elif estimate is None and not point.is_measured:
            waiting += 1
        elif estimate is None:
            left_out += 1
            reason = reason or f"{point.name} {point.why_without(name, analysis)}"
        else:
            settings = point.own_settings_of(name, analysis) if told.shots else ()
            is_fitted = not told.shots.isdisjoint(settings)
            error = 0.0 if is_fitted else told.se
            found = pull(estimate, told.value, z, error)
            away, own = off(estimate, told.value, z)
            if own is not None:
                common = point.in_common(name, analysis)
                one = _Off.of(away, own, estimate.se, told.moves, common, is_fitted=is_fitted)
                squares.add(point.id, one)
            residuals.append(Residual(point.name, told.value, estimate, found, told.se))
    text, numbers = theory.theory.text, squares.total()
    return Agreement(name, backend, text, residuals, left_out, waiting, *numbers, reason)


@dataclass(frozen=True, slots=True)
class _Off:
    """How far a point is from theory.

    Attributes:
        away: Measured - expected.
        error: Without what it errs by together with others; 0 only where it is not off.
        moves: Fitted parameter -> by how much its error moves theory there.
        is_fitted: Whether the point was fitted itself.
        common: By what it errs together with others, at the value that theory says.
        forms: By what it errs in each form of a twirled circuit; None where it is not twirled.
        se: Its standard error.
    """

    away: float
    error: float
    moves: Mapping[Key, float]
    is_fitted: bool
    common: Mapping[Hashable, Floats]
    forms: ByForm | None
    se: float

    @classmethod
    def of(
        cls,
        away: float,
        error: float,
        se: float,
        moves: Mapping[Key, float],
        common: InCommon | None,
        *,
        is_fitted: bool,
    ) -> _Off:
        """Make it of a point's whole error and standard error, and what it has in common."""
        import numpy as np

        if common is None or not common.errors:
            forms = None if common is None else common.forms
            return cls(away, error, moves, is_fitted, {}, forms, se)
        there = added([(1.0, common.errors), (-away, common.turns)])
        own = own_errors(np.array([error]), np.array([se]), stacked([common.errors]))
        return cls(away, float(own[0]), moves, is_fitted, there, common.forms, se)


class _Squares:
    """χ² of points whose errors, or whose theory's, may be in common."""

    def __init__(self, theory: FittedTheory) -> None:
        self._theory = theory
        #: By content.
        self._points: dict[str, _Off] = {}
        self._fitted: set[Key] = set()

    def add(self, id_: str, point: _Off) -> None:
        """Take in a point of a content."""
        self._points[id_] = point
        if point.is_fitted:
            self._fitted.update(point.moves)

    def total(self) -> tuple[float, int, float | None]:
        """Return χ², its degrees of freedom, and how probable so large a one is."""
        import numpy as np

        freedom = max(0, len(self._points) - len(self._fitted))
        known = [one for one in self._points.values() if one.error > 0]
        keys = list(dict.fromkeys(key for one in known for key in one.moves))
        moves = np.array([[one.moves.get(key, 0.0) for key in keys] for one in known])
        away = np.array([one.away for one in known])
        errors = np.array([one.error for one in known])
        weights = Weights(errors)
        if keys or any(one.common for one in known):
            weights = Weights.of(errors, self._together(known, keys, moves))
        pulls = weights(away)
        total = float(pulls @ pulls)
        if not freedom:
            return total, freedom, None
        by_theory = [self._theory.by_form(key) for key in keys]
        if all(one is None for one in [*by_theory, *(one.forms for one in known)]):
            return total, freedom, chi_squared_p(total, freedom)
        theirs = shares_of_forms(by_theory, np.ones(len(keys)), np.zeros(len(keys))).shares
        found = self._distances(known, keys, moves, weights, theirs, freedom)
        return total, freedom, found.p_value(total)

    def _distances(
        self,
        known: Sequence[_Off],
        keys: Sequence[Key],
        moves: Floats,
        weights: Weights,
        theirs: Floats,
        freedom: int,
    ) -> Distances:
        """Return how pulls are distributed where points, or parameters, are of the same forms.

        Args:
            known: Points.
            keys: Parameters.
            moves: By how much an error of each parameter moves theory at each point.
            weights: Of the points.
            theirs: By what parameters err in each form, in their own errors.
            freedom: Of χ².
        """
        import numpy as np

        se = np.array([one.se for one in known])
        in_common = [sum(float(a @ a) for a in one.common.values()) for one in known]
        forms = shares_of_forms([one.forms for one in known], se, np.array(in_common))
        size = max(forms.shares.shape[1], theirs.shape[1])
        shares, theirs = (_of_size(each, size) for each in (forms.shares, theirs))
        repeated = weights.errors[:, None] * shares - moves @ theirs
        common = self._together(known, keys, moves, theirs)
        return Distances(weights(repeated), weights(common), forms.rest, freedom)

    def _together(
        self,
        known: Sequence[_Off],
        keys: Sequence[Key],
        moves: Floats,
        by_form: Floats | None = None,
    ) -> Floats:
        """Return by what points and theory err together, shape (points, k).

        Parameters that were fitted to points of the same calibration err by it as points do; what
        else they err by is their own, without what they err by in each form where that is given.
        """
        import numpy as np

        by_key = {key: self._theory.in_common(key) for key in keys}
        moving = [{} if one.is_fitted else one.moves for one in known]
        each = [
            added([(1.0, one.common), *((-move, by_key[key]) for key, move in moved.items())])
            for one, moved in zip(known, moving, strict=True)
        ]
        found = narrowed(stacked(each))
        if not keys:
            return found
        shared = stacked([by_key[key] for key in keys])
        if by_form is not None:
            shared = np.concatenate([shared, by_form], axis=1)
        of_one = np.array([[one[:2] == other[:2] for other in keys] for one in keys])
        rest = self._theory.covariance(keys) - of_one * (shared @ shared.T)
        sizes, vectors = np.linalg.eigh(rest)
        is_moved = np.array([not one.is_fitted for one in known])[:, None]
        own = is_moved * moves @ (vectors * np.sqrt(np.clip(sizes, 0.0, None)))
        return np.concatenate([found, own], axis=1)


def _of_size(forms: Floats, size: int) -> Floats:
    """Return rows of nothing where there are no forms."""
    import numpy as np

    return forms if forms.shape[1] else np.zeros((len(forms), size))


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
