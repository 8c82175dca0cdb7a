"""Between what ends a function lies over a region of standard variables; whether it turns there.

Quantiles of draws miss the truth where a function turns (``abs(x)`` at 0): hardly a draw comes to
the value at the turn. The ends over a region that holds the truth as often as is asked never miss
it oftener than the region does; they are rather too far apart, with many variables more so.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from qbatch.across.quantity import UndecidedError
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Standard variables, shape (k, n) -> values, shape (n,).
Function = Callable[["Floats"], "Floats"]

#: How much farther than the region it is looked for turns; which share of a line must lie on the
#: way back; and which share of all that the function does must be done on that line. Quantiles do
#: well where it is less.
_FARTHER, _BACK, _MATTERS = 1.25, 0.1, 0.1

#: Lines along each variable, and places on each.
_LINES, _PLACES = 60, 25

#: Steps towards an end at most, places tried at each, and the shortest step.
_STEPS, _TRIED, _SHORTEST = 100, 1000, 1e-13


@dataclass(frozen=True, slots=True)
class Region:
    """Where standard variables lie together with a probability of `level` or more.

    Attributes:
        size: How many variables.
        level: Probability.
        is_box: Each for itself (Bonferroni), however they depend on one another; else a ball, for
            independent ones.
    """

    size: int
    level: float
    is_box: bool = False

    @property
    def radius(self) -> float:
        """How far a single one may be from 0."""
        from scipy.special import gammaincinv

        if self.is_box:
            return NormalDist().inv_cdf(1 - (1 - self.level) / (2 * self.size))
        return math.sqrt(2 * float(gammaincinv(self.size / 2, self.level)))

    def into(self, places: Floats, farther: float = 1.0) -> Floats:
        """Move places that lie outside to its surface."""
        import numpy as np

        radius = self.radius * farther
        if self.is_box:
            return np.clip(places, -radius, radius)
        norms = np.sqrt(np.sum(places**2, axis=0))
        moved: Floats = places / np.maximum(1.0, norms / radius)
        return moved


def turns(function: Function, region: Region, generator: np.random.Generator) -> bool:
    """Whether a function goes up and down along a variable, in or near a region."""
    import numpy as np

    radius = region.radius * _FARTHER
    starts = region.into(generator.standard_normal((region.size, _LINES)) * 2, _FARTHER)
    starts[:, 0] = 0.0
    lines_done = []
    for variable in range(region.size):
        lines = np.repeat(starts[:, :, None], _PLACES, axis=2)
        lines[variable] = np.linspace(-radius, radius, _PLACES)
        try:
            values = function(lines.reshape(region.size, -1)).reshape(_LINES, _PLACES)
        except UndecidedError:  # so far out it has no value: quantiles of draws do
            return False
        if not np.isfinite(values).all():
            return False
        lines_done.append(values)
    values = np.concatenate(lines_done)
    steps, reach = np.diff(values, axis=1), np.ptp(values)
    up, down = (np.mean(sign * steps > 1e-9 * reach, axis=1) for sign in (1, -1))
    matters = np.ptp(values, axis=1) > _MATTERS * reach
    return bool(np.any((np.minimum(up, down) >= _BACK) & matters))


def hull(
    function: Function, region: Region, draws: Floats, generator: np.random.Generator
) -> tuple[float, float]:
    """Return the least and the largest value over a region, rounded outwards.

    Args:
        function: What is asked for.
        region: Where.
        draws: Where to begin, shape (k, n).
        generator: Of places to try.

    Raises:
        UndecidedError: It has no finite value somewhere in the region.
    """
    high = _end(function, region, draws, generator)
    low = -_end(lambda places: -function(places), region, draws, generator)
    return _outward(low, high)


def _end(
    function: Function, region: Region, draws: Floats, generator: np.random.Generator
) -> float:
    """Return the largest value: from the best of the draws by steps that are tried at random."""
    import numpy as np

    places = region.into(draws)
    best, place = _best(function, places)
    step = region.radius / 4
    for _ in range(_STEPS):
        lengths = step * 10 ** generator.uniform(-1.5, 0.5, _TRIED)
        moves = generator.standard_normal((region.size, _TRIED)) * lengths
        found, tried = _best(function, region.into(place[:, None] + moves))
        if found > best:
            step = float(np.linalg.norm(tried - place)) / math.sqrt(region.size)
            best, place = found, tried
        else:
            step /= 5
        if step < _SHORTEST:
            break
    return best


def _best(function: Function, places: Floats) -> tuple[float, Any]:
    import numpy as np

    values = function(places)
    if not np.isfinite(values).all():
        raise UndecidedError(
            "it has no finite value at some of what its numbers may be; more shots may tell"
        )
    at = int(np.argmax(values))
    return float(values[at]), places[:, at]


def _outward(low: float, high: float) -> tuple[float, float]:
    """Round outwards, by at most a millionth of the width: steps never quite come to the end."""
    width = high - low
    if not width > 0:
        return low, high
    digits = math.ceil(-math.log10(width)) + 6
    scale = 10.0**digits
    if not 1e-200 < scale < 1e200 or max(abs(low), abs(high)) * scale > 2**53:
        return low, high
    return math.floor(low * scale) / scale, math.ceil(high * scale) / scale
