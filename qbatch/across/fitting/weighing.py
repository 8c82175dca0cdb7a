"""How much each point weighs in a fit.

A proportion of n shots varies as the *fitted* share says, f(1 - f)/n: the observed share would make
points that all agree infinitely heavy, and low ones heavier than high ones. Weighing so until the
fit stays where it is gives the fit of greatest likelihood. Other numbers weigh by the side of their
interval on which the fit lies, for intervals near a bound are longer towards the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qbatch.result import Estimate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: A standard error agrees with a proportion's where it differs by less than this share of it.
_AGREES = 1e-6


@dataclass(frozen=True)
class Data:
    """Points to fit a curve to.

    Attributes:
        x: Where.
        y: The number there.
        below: Its interval's half below the value, as one standard deviation.
        above: The same above the value.
        shots: Of each point.
        bounds: Of what a proportion is of: (0, 1) or (-1, 1); None where it is no proportion.
    """

    x: Floats
    y: Floats
    below: Floats
    above: Floats
    shots: Floats
    bounds: tuple[float, float] | None

    def __len__(self) -> int:
        return len(self.x)

    def errors(self, fitted: Floats | None) -> Floats:
        """Standard deviation of each point about a curve that has `fitted` there; None: about y."""
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


def data_of(
    x: Sequence[float], estimates: Sequence[Estimate], shots: Sequence[int], z: float
) -> Data:
    """Gather points.

    Args:
        x: Where each is.
        estimates: What was measured.
        shots: With how many.
        z: Half an interval's width in standard deviations.
    """
    import numpy as np

    y, n = np.array([e.value for e in estimates]), np.array(shots, dtype=float)
    below = np.array([e.value - e.low for e in estimates]) / z
    above = np.array([e.high - e.value for e in estimates]) / z
    least = np.maximum(below, above)
    least = np.where(least > 0, least, 1e-12 * np.maximum(1.0, abs(y)))
    se = np.array([e.se for e in estimates])
    return Data(
        np.array(x, dtype=float),
        y,
        # A side that a bound has cut off says nothing of how far the value may have strayed.
        np.where(below > least / 10, below, least),
        np.where(above > least / 10, above, least),
        n,
        _bounds(y, se, n),
    )


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
