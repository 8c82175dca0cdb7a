"""How much each point weighs in a fit.

A proportion of n shots varies as the *fitted* share says, f(1 - f)/n: the observed share would make
points that all agree infinitely heavy, and low ones heavier than high ones. Weighing so until the
fit stays where it is gives the fit of greatest likelihood. Other numbers weigh by the side of their
interval on which the fit lies, for intervals near a bound are longer towards the middle.

Where points err together (by the calibration that mends them) a fit is that of generalised least
squares: what is squared and added up are not the points' distances from the curve but combinations
of them that err independently. Points that are twirled to the same forms weigh as if they erred
independently, for too few forms tell how they do not; `errors` has how their curve errs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qbatch.across.fitting.repetitions import Forms
from qbatch.frozen import dataclass
from qbatch.result import Estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: A standard error agrees with a proportion's where it differs by less than this share of it.
_AGREES = 1e-6
#: Of a point's error at least so much is its own: that of one whose shots all agree is not 0.
_OWN = 0.05


@dataclass(frozen=True, slots=True)
class Data:
    """Points to fit a curve to.

    Attributes:
        x: Where.
        y: The number there.
        below: Its interval's half below the value, as one standard deviation.
        above: The same above the value.
        shots: Of each point.
        bounds: Of what a proportion is of: (0, 1) or (-1, 1); None where it is no proportion.
        common: By what points err together, shape (n, k), rows' products being covariances, and
            how that changes with each point's value, likewise; None where they do not.
        forms: By what points err in each form of twirled circuits; None where they are not twirled.
    """

    x: Floats
    y: Floats
    below: Floats
    above: Floats
    shots: Floats
    bounds: tuple[float, float] | None
    common: tuple[Floats, Floats] | None = None
    forms: Forms | None = None

    def __len__(self) -> int:
        return len(self.x)

    def weights(self, fitted: Floats | None, own: Floats | None = None) -> Weights:
        """Return how points weigh about a curve that has `fitted` there; None: about y.

        Args:
            fitted: Of the curve.
            own: Errors of the points, in place of those there.
        """
        own = self.errors(fitted) if own is None else own
        if self.common is None:
            return Weights(own)
        errors, turns = self.common
        if fitted is not None:
            errors = errors + turns * (fitted - self.y)[:, None]
        return Weights.of(own, errors)

    def errors(self, fitted: Floats | None) -> Floats:
        """Standard deviation of each point about a curve that has `fitted` there; None: about y.

        Without what points err by together.
        """
        import numpy as np

        middle = self.y if fitted is None else fitted
        if self.bounds is None:
            return np.where(middle >= self.y, self.above, self.below)
        bottom, top = self.bounds
        least = 0.5 / (self.shots + 1)  # half a shot more on each side than none and all
        if fitted is None:
            least = 2 * least
        share = np.clip((middle - bottom) / (top - bottom), least, 1 - least)
        found: Floats = (top - bottom) * np.sqrt(share * (1 - share) / self.shots)
        return found


@dataclass(frozen=True, slots=True)
class Weights:
    """What makes of points' distances from a curve numbers that err independently, each by 1.

    With D the points' own errors and D U what they err by together, their covariance is
    D (1 + U Uᵀ) D; with U = A s Bᵀ (singular values) the root of its inverse is
    (1 + A (1/√(1 + s²) - 1) Aᵀ) D⁻¹: nothing of the size of all pairs of points is made.

    Attributes:
        errors: Points' own.
        along: A; None where points err independently.
        less: 1/√(1 + s²) - 1.
    """

    errors: Floats
    along: Floats | None = None
    less: Floats | None = None

    @classmethod
    def of(cls, own: Floats, common: Floats) -> Weights:
        """Make them of points' own errors, and of what they err by together, shape (n, k)."""
        import numpy as np

        if not common.size:
            return cls(own)
        along, sizes, _ = np.linalg.svd(common / own[:, None], full_matrices=False)
        return cls(own, along, 1 / np.sqrt(1 + sizes**2) - 1)

    def __call__(self, away: Floats) -> Floats:
        """Weigh distances, or columns of slopes."""
        return self._turned((away.T / self.errors).T)

    def transposed(self, weighed: Floats) -> Floats:
        """Apply the transposed matrix: of what is weighed it makes the inverse covariance's."""
        found: Floats = (self._turned(weighed).T / self.errors).T
        return found

    def _turned(self, weighed: Floats) -> Floats:
        if self.along is None or self.less is None:
            return weighed
        moved: Floats = self.along @ (self.less * (self.along.T @ weighed).T).T
        return weighed + moved


def data_of(
    x: Sequence[float],
    estimates: Sequence[Estimate],
    shots: Sequence[int],
    z: float,
    common: tuple[Floats, Floats] | None = None,
    forms: Forms | None = None,
) -> Data:
    """Gather points.

    Args:
        x: Where each is.
        estimates: What was measured.
        shots: With how many.
        z: Half an interval's width in standard deviations.
        common: See `Data`.
        forms: Likewise.
    """
    import numpy as np

    y, n = np.array([e.value for e in estimates]), np.array(shots, dtype=float)
    below = np.array([e.value - e.low for e in estimates]) / z
    above = np.array([e.high - e.value for e in estimates]) / z
    least = np.maximum(below, above)
    least = np.where(least > 0, least, 1e-12 * np.maximum(1.0, abs(y)))
    se = np.array([e.se for e in estimates])
    # A side that a bound has cut off says nothing of how far the value may have strayed.
    sides = [np.where(side > least / 10, side, least) for side in (below, above)]
    factors = np.ones(len(y))
    if forms is not None:
        forms, factors = forms.evened()
    if common is None:
        below, above = (factors * side for side in sides)
        bounds = _bounds(y, se, n) if forms is None else None
    else:
        below, above = (factors * own_errors(side, se, common[0]) for side in sides)
        bounds = None
    return Data(np.array(x, dtype=float), y, below, above, n, bounds, common, forms)


def own_errors(errors: Floats, se: Floats, common: Floats) -> Floats:
    """Return what is left of points' errors without what they err by together.

    An end of an interval may be nearer than a standard error, nearer even than what is in common;
    so that leaves at least the share of the variance that is the point's own.

    Args:
        errors: To one end of the interval, as a standard deviation, shape (n,).
        se: Standard errors, likewise.
        common: By what they err together, shape (n, k).
    """
    import numpy as np

    together = (common**2).sum(axis=1)
    share = 1 - np.divide(together, se**2, out=np.zeros_like(together), where=se > 0)
    least = errors**2 * np.maximum(share, _OWN**2)
    found: Floats = np.sqrt(np.maximum(errors**2 - together, least))
    return found


def _bounds(y: Floats, se: Floats, n: Floats) -> tuple[float, float] | None:
    """The two values that shots have, where the standard errors are those of a proportion."""
    import numpy as np

    for bottom, top in ((0.0, 1.0), (-1.0, 1.0)):
        if y.min() < bottom or y.max() > top:
            continue
        wanted = np.sqrt((y - bottom) * (top - y) / n)
        if np.all(abs(se - wanted) <= _AGREES * wanted):
            return bottom, top
    return None
