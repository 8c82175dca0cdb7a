"""Fit a curve to points: values, intervals by profile, covariance, and how well it fits.

The least weighted sum of squares is found by Levenberg and Marquardt's steps (scipy), from several
starts, again with new weights until the weights stay (`weighing`). The interval of a parameter is
where the least sum of squares, with that parameter held and all others free, is above the least of
all by no more than z² (Δχ² of one degree of freedom), both with the weights that hold if the
parameter is there: of one proportion this is Wilson's interval. It follows what is not linear, and
does not depend on how the parameter is written.

One rule for errors: they are those of the shots. Where the points lie so far off the curve that
shot noise alone would do so less than once in a hundred times (p < `POOR`), the fit is poor, and
all errors are multiplied by √(χ²/degrees of freedom); else nothing is scaled.

Where points are twirled to the same forms, which were drawn is in all of them: a parameter's error
is what the fit makes of points' errors in each form, and its interval as many times as long as that
is of independent points'. That, and χ² of such points, `errors` has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.across.fitting.errors import Linear
from qbatch.across.fitting.starts import Start, starts_of
from qbatch.across.fitting.weighing import Data, Weights
from qbatch.curves import Curve, Kind
from qbatch.frozen import dataclass
from qbatch.result import ByForm, Estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: p-value of χ² below which a fit is poor.
POOR = 0.01
#: Times that points are weighed anew.
_MOST_WEIGHINGS = 40
#: A fit stays where it is when no parameter moves by more than this share of its error.
_STAYS = 1e-3
#: Weights stay where no point's error changes by more than this share of it.
_STAY_HELD = 0.01
#: Steps by which the end of an interval is looked for outwards, each half as long again.
_MOST_STEPS = 14
#: Least ratio of the smallest to the largest singular value of the scaled curvature.
_SINGULAR = 1e-7


class NoFitError(ValueError):
    """There is no fit that could be told; the message says why."""


@dataclass(frozen=True, slots=True)
class Solution:
    """A curve fitted to points.

    Attributes:
        curve: Which curve.
        parameters: Name -> value, standard error, interval.
        covariance: Of the parameters that were free, in `free`'s order.
        free: Names of the parameters that were fitted.
        fixed: Name -> value of those that were held.
        chi2: Weighted sum of squares.
        dof: Points less free parameters.
        p: Chance of as large a χ² or larger by shot noise alone, and by the choice of forms; None
            without degrees of freedom.
        scale: What errors were multiplied by; 1 unless the fit is poor.
        z: Half an interval's width in standard deviations.
        gains: How fast each free parameter rises with each point's y, shape (parameters, points).
        forms: By what each free parameter errs in each form of twirled circuits; none where they
            are not twirled.
    """

    curve: Curve
    parameters: Mapping[str, Estimate]
    covariance: tuple[tuple[float, ...], ...]
    free: tuple[str, ...]
    fixed: Start
    chi2: float
    dof: int
    p: float | None
    scale: float
    z: float
    gains: Floats
    forms: Sequence[ByForm] = ()

    @property
    def is_poor(self) -> bool:
        """Whether shot noise alone does not explain how far points lie off the curve."""
        return self.p is not None and self.p < POOR

    @property
    def values(self) -> dict[str, float]:
        """Name -> value of every parameter."""
        return {name: each.value for name, each in self.parameters.items()} | dict(self.fixed)

    def at(self, x: Floats) -> Floats:
        """Its values."""
        found: Floats = self.curve.formula({**self.values, "x": x})
        return found

    def band(self, x: Floats) -> tuple[Floats, Floats]:
        """Ends of its interval at each x by itself, from the parameters' covariance."""
        import numpy as np

        slopes = _slopes(self.curve, self.values, self.free, x)
        variance = np.einsum("ni,ij,nj->n", slopes, np.array(self.covariance), slopes)
        half = self.z * np.sqrt(np.maximum(variance, 0.0))
        middle = self.at(x)
        return middle - half, middle + half


def _slopes(curve: Curve, values: Mapping[str, float], free: Sequence[str], x: Floats) -> Floats:
    """Derivatives of the curve by each free parameter, shape (points, parameters)."""
    import numpy as np

    compute = curve.formula.compiled()
    columns = []
    for name in free:
        step = 6e-6 * (abs(values[name]) or 1.0)
        ends = [
            np.broadcast_to(compute({**values, "x": x, name: values[name] + side}), x.shape)
            for side in (-step, step)
        ]
        columns.append((ends[1] - ends[0]) / (2 * step))
    return np.stack(columns, axis=1)


class _Problem:
    """The sum of squares along lines without ends (`Kind.inner`), parameters held or free."""

    def __init__(self, curve: Curve, data: Data, fixed: Start) -> None:
        self.curve, self.data, self.fixed = curve, data, fixed
        self.free = tuple(p for p in curve.parameters if p.name not in fixed)
        self.names = tuple(parameter.name for parameter in self.free)
        self._compute = curve.formula.compiled()

    def values(self, places: Sequence[float] | Floats) -> dict[str, float]:
        outer = {p.name: p.kind.outer(float(u)) for p, u in zip(self.free, places, strict=True)}
        return {**self.fixed, **outer}

    def places(self, values: Mapping[str, float]) -> Floats:
        import numpy as np

        return np.array([p.kind.inner(values[p.name]) for p in self.free], dtype=float)

    def fitted(self, places: Sequence[float] | Floats) -> Floats:
        import numpy as np

        found = self._compute({**self.values(places), "x": self.data.x})
        return np.broadcast_to(
            np.nan_to_num(found, nan=1e50, posinf=1e50, neginf=-1e50), self.data.x.shape
        )

    def has_value(self, places: Sequence[float] | Floats) -> npt.NDArray[np.bool_]:
        """Tell at which points the curve has a finite value."""
        import numpy as np

        with np.errstate(all="ignore"):
            found = self._compute({**self.values(places), "x": self.data.x})
        return np.broadcast_to(np.isfinite(found), self.data.x.shape)

    def weights(
        self, places: Sequence[float] | Floats, near: Floats | None = None, way: float = 1.0
    ) -> Weights:
        """How points weigh about the curve there; with less of the way from their errors near it.

        Where few shots let weights go to and fro, whole steps would do so for ever.
        """
        fitted = self.fitted(places)
        if near is None or way == 1:
            return self.data.weights(fitted)
        return self.data.weights(fitted, near * (self.data.errors(fitted) / near) ** way)

    def solve(
        self, weights: Weights, begin: Floats, held: int | None = None
    ) -> tuple[Floats, float]:
        """Find the least sum of squares near `begin`; one parameter may be held there."""
        import numpy as np
        from scipy.optimize import leastsq

        moving = [i for i in range(len(begin)) if i != held]

        def away(moved: Floats) -> Floats:
            at = begin.copy()
            at[moving] = moved
            return weights(self.data.y - self.fitted(at))

        at = begin.copy()
        if moving:
            with np.errstate(all="ignore"):
                at[moving], *_ = leastsq(
                    away, begin[moving], full_output=True, xtol=1e-9, ftol=1e-11, maxfev=2000
                )
        rest = away(at[moving])
        return at, float(rest @ rest)


def fit(curve: Curve, data: Data, *, start: Start, fixed: Start, z: float) -> Solution:
    """Fit a curve to points.

    Args:
        curve: The curve.
        data: The points.
        start: Parameter -> where to begin, in place of what the points suggest.
        fixed: Parameter -> the value that it is held at.
        z: Half the intervals' width in standard deviations.

    Raises:
        NoFitError: There is none; it says why.
    """
    import numpy as np

    problem = _Problem(curve, data, fixed)
    _check_enough(problem)
    places, weights, chi2 = _best(problem, start)
    values = problem.values(places)
    _check_inside(problem, values)
    slopes = _slopes(curve, values, problem.names, data.x)
    curved = _covariance(problem, slopes, weights)
    gains = curved @ weights.transposed(weights(slopes)).T
    linear = Linear(data, weights, slopes, gains, curved, chi2)
    dof, errors = linear.dof, linear.errors(z)
    p = errors.p
    scale = math.sqrt(chi2 / errors.mean) if p is not None and p < POOR else 1.0
    covariance = scale**2 * errors.covariance
    profile = _Profile(problem, places, weights, chi2, z)
    found = {}
    for i, parameter in enumerate(problem.free):
        se = math.sqrt(covariance[i, i])
        below, above = (scale * arm for arm in errors.arms[i])
        low, high = profile.ends(i, math.sqrt(curved[i, i]), (below, above))
        value = values[parameter.name]
        found[parameter.name] = Estimate(value, se, min(low, value), max(high, value))
    turned = _in_half_turns(problem, found)
    rows = tuple(tuple(map(float, row)) for row in np.asarray(covariance))
    of = curve, turned, rows, problem.names, dict(fixed)
    forms = tuple(each.times(scale) for each in errors.forms)
    return Solution(*of, chi2, dof, p, scale, z, gains, forms)


def _check_enough(problem: _Problem) -> None:
    import numpy as np

    different = len(np.unique(problem.data.x))
    wanted = len(problem.free)
    if different < wanted:
        raise NoFitError(
            f"{different} different x are too few for {wanted} parameters; measure more of them, "
            "or fix a parameter"
        )


def _best(problem: _Problem, start: Start) -> tuple[Floats, Weights, float]:
    """The best fit from all starts: places, weights of the points, sum of squares."""
    data = problem.data
    weights = data.weights(None)
    found: list[tuple[float, Floats]] = []
    for one in starts_of(problem.curve, data.x, data.y, 1 / weights.errors):
        values = {**one, **start, **problem.fixed}
        places, chi2 = problem.solve(weights, problem.places(values))
        if math.isfinite(chi2) and chi2 < 1e100:
            found.append((chi2, places))
    if not found:
        raise NoFitError(_no_curve(problem, start))
    found.sort(key=lambda each: each[0])
    reached = [_weighed(problem, places) for _, places in found[:2]]
    return min(reached, key=lambda each: each[2])


def _no_curve(problem: _Problem, start: Start) -> str:
    """Say why there is no curve: where its formula has no value, and what may help."""
    import numpy as np

    data = problem.data
    remedy = "give another `start`" if start else "give `start`"
    empty = np.ones(data.x.shape, dtype=bool)
    for one in starts_of(problem.curve, data.x, data.y, 1 / data.errors(None)):
        empty &= ~problem.has_value(problem.places({**one, **start, **problem.fixed}))
    if not empty.any():
        return f"no start leads to a curve with a value at every point; {remedy}"
    others = int(empty.sum()) - 1
    more = f" nor at {others} more point{'s' * (others > 1)}" if others else ""
    said = f"the formula has no value at x = {data.x[empty][0]:g}{more} from any start"
    return f"{said}; leave such points out with `where`, change the formula, or {remedy}"


def _weighed(problem: _Problem, places: Floats) -> tuple[Floats, Weights, float]:
    """Fit again with the weights of the fit, until it stays where it is."""
    import numpy as np

    weights = problem.weights(places)
    for times in range(_MOST_WEIGHINGS):
        moved, _ = problem.solve(weights, places)
        anew = problem.weights(moved, weights.errors, 1.0 if times < 10 else 0.5)
        change = (problem.fitted(moved) - problem.fitted(places)) / weights.errors
        places, weights = moved, anew
        if float(np.max(abs(change))) < _STAYS:
            rest = weights(problem.data.y - problem.fitted(places))
            return places, weights, float(rest @ rest)
    raise NoFitError("the fit does not converge: its weights never stay; give `start`")


def _check_inside(problem: _Problem, values: Mapping[str, float]) -> None:
    for parameter in problem.free:
        value = values[parameter.name]
        if not parameter.kind.allows(value) or not math.isfinite(value):
            raise NoFitError(
                f"{parameter.name} goes to its bound ({parameter.kind}): the points do not tell "
                f"it; hold it with `fixed`, or measure where the curve changes with it"
            )


def _covariance(problem: _Problem, slopes: Floats, weights: Weights) -> Floats:
    """Inverse of the curvature, by the parameters themselves; slopes have shape (n, parameters)."""
    import numpy as np

    slopes = weights(slopes)
    sizes = np.sqrt((slopes**2).sum(axis=0))
    for name, size in zip(problem.names, sizes, strict=True):
        if not np.isfinite(size) or size == 0:
            raise NoFitError(
                f"the points say nothing of {name}: the curve does not change with it; hold it "
                "with `fixed`, or measure where it does"
            )
    _, singular, turned = np.linalg.svd(slopes / sizes, full_matrices=False)
    if singular[-1] < _SINGULAR * singular[0]:
        mixed = [n for n, share in zip(problem.names, turned[-1], strict=True) if abs(share) > 0.3]
        raise NoFitError(
            f"the points do not tell {' and '.join(mixed)} apart: the covariance is singular; hold "
            "one of them with `fixed`, or measure more different x"
        )
    inverse = (turned.T / singular**2) @ turned
    found: Floats = inverse / np.outer(sizes, sizes)
    return found


class _Profile:
    """Ends of intervals: how far each parameter may go while the others follow."""

    def __init__(
        self, problem: _Problem, best: Floats, weights: Weights, chi2: float, z: float
    ) -> None:
        self.problem, self.best, self.weights = problem, best, weights
        self.chi2, self.z, self.most = chi2, z, z**2
        #: Weights of the points at the last place looked at: those of the next are like them.
        self._near = weights

    def ends(self, i: int, se: float, arms: tuple[float, float]) -> tuple[float, float]:
        """Lower and upper end of a parameter's interval.

        Args:
            i: Of the parameter.
            se: Its error, by the curvature.
            arms: How many times z standard errors the interval's arms are: lower and upper.

        Raises:
            NoFitError: The points do not bound it.
        """
        kind = self.problem.free[i].kind
        value = kind.outer(float(self.best[i]))
        # Along the line without ends, a standard error is about as long as this.
        step = se * abs(_inner_slope(kind, value)) * self.z
        sides = (-1, 1) if kind.rises else (1, -1)
        found = []
        for side, times in zip(sides, arms, strict=True):
            self.most = (self.z * times) ** 2
            found.append(self._end(i, side, times * step))
        low, high = found
        return low, high

    def _end(self, i: int, side: int, step: float) -> float:
        parameter = self.problem.free[i]
        inside, outside = 0.0, step
        others, above_inside = self.best, -self.most
        self._near = self.weights
        for _ in range(_MOST_STEPS):
            at, above = self._above(i, side * outside, others)
            if above >= 0:
                break
            inside, above_inside, others, outside = outside, above, at, outside * 1.5
        else:
            return self._open_end(parameter.name, parameter.kind, side)
        place = self._between(i, side, (inside, above_inside), (outside, above), others)
        return parameter.kind.outer(float(self.best[i]) + side * place)

    def _open_end(self, name: str, kind: Kind, side: int) -> float:
        rises = (side > 0) == kind.rises
        if kind is Kind.SHARE:
            return 1.0 if rises else 0.0
        if kind is Kind.POSITIVE and not rises:
            return 0.0
        where = "above" if rises else "below"
        raise NoFitError(
            f"the points do not bound {name} from {where}; measure further along x, or with more "
            "shots"
        )

    def _between(
        self,
        i: int,
        side: int,
        inside: tuple[float, float],
        outside: tuple[float, float],
        others: Floats,
    ) -> float:
        """Where the sum of squares is just above by `most`: between two places, by regula falsi."""
        (a, at_a), (b, at_b) = inside, outside
        for _ in range(40):
            if b - a <= 1e-4 * b:
                break
            # In the root of what is above, which is nearly straight.
            root_a, root_b = (math.sqrt(max(each + self.most, 0.0)) for each in (at_a, at_b))
            share = (math.sqrt(self.most) - root_a) / (root_b - root_a)
            middle = a + (b - a) * min(max(share, 0.02), 0.98)
            at, above = self._above(i, side * middle, others)
            if abs(above) < 1e-3 * self.most:
                return middle
            if above < 0:
                a, at_a, others = middle, above, at
            else:
                b, at_b = middle, above
        return (a + b) / 2

    def _above(self, i: int, moved: float, others: Floats) -> tuple[Floats, float]:
        """The least sum of squares with a parameter moved, above what is allowed."""
        begin = others.copy()
        begin[i] = self.best[i] + moved
        at, held, weights = self._held(i, begin)
        least = self.chi2
        if weights is not self.weights:
            _, least = self.problem.solve(weights, self.best)
        if least - held > max(0.1, 0.01 * least):
            raise NoFitError(
                "the fit does not converge: there is a better one elsewhere; give `start`"
            )
        return at, held - least - self.most

    def _held(self, i: int, begin: Floats) -> tuple[Floats, float, Weights]:
        """Fit with a parameter held: places, sum of squares, weights of the points.

        Proportions are weighed anew until weights stay; where few shots let them go to and fro,
        between the two. Other numbers keep the best fit's weights.
        """
        import numpy as np

        weights = self._near
        at, chi2 = self.problem.solve(weights, begin, held=i)
        if self.problem.data.bounds is None:
            return at, chi2, weights
        for times in range(_MOST_WEIGHINGS):
            errors, anew = weights.errors, self.problem.weights(at).errors
            if float(np.max(abs(anew / errors - 1))) < _STAY_HELD:
                self._near = weights
                return at, chi2, weights
            way = 1.0 if times < 2 else 0.5 if times < 6 else 0.25 if times < 16 else 0.1
            weights = self.problem.weights(at, errors, way)
            at, chi2 = self.problem.solve(weights, at, held=i)
        self._near = weights
        return at, chi2, weights


def _inner_slope(kind: Kind, value: float) -> float:
    """How far along the line without ends a parameter moves for each of its units."""
    match kind:
        case Kind.POSITIVE:
            return 1 / value
        case Kind.SHARE:
            return 1 / (value * -math.log(value))
    return 1.0


def _in_half_turns(problem: _Problem, found: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Put angles between -pi and pi; one of which nothing is known is no number."""
    turned = dict(found)
    for parameter in problem.free:
        if parameter.kind is Kind.ANGLE:
            one = found[parameter.name]
            if one.high - one.low >= 2 * math.pi:
                raise NoFitError(
                    f"{parameter.name} may be any angle: the amplitude is too small; measure with "
                    "more shots, or hold it with `fixed`"
                )
            off = one.value - math.remainder(one.value, 2 * math.pi)
            turned[parameter.name] = Estimate(
                one.value - off, one.se, one.low - off, one.high - off
            )
    return turned
