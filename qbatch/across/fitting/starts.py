"""Where to begin a fit: from the points themselves.

What is not linear in a curve (times, frequencies, places, widths) is tried on a grid; at each place
of it all else is a linear problem, and solved. The best few places are fitted on from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.curves import Curve, CurveError
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Start = Mapping[str, float]

#: Frequencies tried for each period that the points span, and at most.
_PER_PERIOD, _MOST_FREQUENCIES = 4, 2000
#: Places of a grid that are fitted on from.
MAX_STARTS = 6


@dataclass(frozen=True, slots=True)
class _Place:
    """One of a grid, with what is linear solved there."""

    away: float
    number: int
    at: tuple[float, ...]
    factors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Grid:
    """How one curve begins.

    Attributes:
        places: Of points' x: what is not linear, at each place of the grid.
        columns: Of x and a place: what y is a sum of.
        read: A place and the columns' factors to all parameters.
    """

    places: Callable[[Floats], Iterator[tuple[float, ...]]]
    columns: Callable[[Floats, Sequence[float]], Sequence[Floats]]
    read: Callable[[Sequence[float], Sequence[float]], Start]


def starts_of(curve: Curve, x: Floats, y: Floats, weights: Floats) -> list[Start]:
    """Find where to begin, the most promising first; of a manifest's own formula nothing is known.

    Args:
        curve: Which is to be fitted.
        x: Of the points.
        y: Of the points.
        weights: One over each point's standard error.
    """
    import numpy as np

    if curve.is_own:
        return [{}]
    if curve.starts is not None:
        return _offered(curve, x, y)
    grid = _GRIDS[curve.name]
    tried = []
    for number, at in enumerate(grid.places(x)):
        columns = np.stack(grid.columns(x, at), axis=1)
        factors, *_ = np.linalg.lstsq(columns * weights[:, None], y * weights)
        rest = (y - columns @ factors) * weights
        if math.isfinite(away := float(rest @ rest)):
            tried.append(_Place(away, number, at, tuple(factors.tolist())))
    found = [grid.read(place.at, place.factors) for place in _apart(tried)]
    return [
        start
        for start in found
        if all(each.kind.allows(start[each.name]) for each in curve.parameters)
    ]


def _offered(curve: Curve, x: Floats, y: Floats) -> list[Start]:
    """Return where a package's curve begins.

    Raises:
        CurveError: What finds it raised, or gave no start that the parameters may have.
    """
    found: list[Start] = []
    try:
        for each in itertools.islice(curve.starts(x, y) if curve.starts else (), MAX_STARTS):
            one = {name: float(each[name]) for name in curve.names}
            if all(parameter.kind.allows(one[parameter.name]) for parameter in curve.parameters):
                found.append(one)
    # whatever a package's function raises is the package's, never ours
    except Exception as error:
        told = f"the starts of {curve.formula.text} raised {type(error).__name__}: {error}"
        raise CurveError(told[:500]) from error
    if not found:
        raise CurveError(
            f"no start of {curve.formula.text} is what its parameters may be; give a `start`"
        )
    return found


def _apart(tried: list[_Place]) -> list[_Place]:
    """Return the best places of a grid, of neighbours only the best."""
    kept: list[_Place] = []
    for one in sorted(tried, key=lambda each: (each.away, each.number)):
        if all(abs(one.number - other.number) > 1 for other in kept):
            kept.append(one)
        if len(kept) == MAX_STARTS:
            break
    return kept


# -- grids: each yields what is not linear ------------------------------------------------------


def _span(x: Floats) -> tuple[float, float]:
    """The least distance between different x, and the whole."""
    import numpy as np

    places = np.unique(x)
    if len(places) < 2:
        return 1.0, 1.0
    return float(np.diff(places).min()), float(places[-1] - places[0])


def _spaced(low: float, high: float, number: int) -> list[float]:
    step = (high / low) ** (1 / (number - 1)) if number > 1 else 1.0
    return [low * step**i for i in range(number)]


def _times(x: Floats) -> Iterator[tuple[float, ...]]:
    least, whole = _span(x)
    yield from ((tau,) for tau in _spaced(least / 3, 10 * whole, 60))


def _frequencies(x: Floats) -> list[float]:
    import numpy as np

    _, whole = _span(x)
    steps = np.diff(np.unique(x))
    step = float(np.median(steps)) if len(steps) else 1.0
    number = min(_MOST_FREQUENCIES, max(2, math.ceil(_PER_PERIOD * 0.5 * whole / step)))
    return [(i + 0.5) / (_PER_PERIOD * whole) for i in range(number)]


def _waves(x: Floats) -> Iterator[tuple[float, ...]]:
    yield from ((f,) for f in _frequencies(x))


def _damped_waves(x: Floats) -> Iterator[tuple[float, ...]]:
    _, whole = _span(x)
    for share in (0.15, 0.5, 2.0):
        yield from ((f, share * whole) for f in _frequencies(x))


def _peaks(x: Floats) -> Iterator[tuple[float, ...]]:
    import numpy as np

    least, whole = _span(x)
    places = np.unique(x)
    if len(places) > 200:
        places = np.linspace(places[0], places[-1], 200)
    widths = _spaced(min(least, whole / 40) / 2, whole / 2, 8)
    yield from itertools.product(widths, places.tolist())


def _once(_: Floats) -> Iterator[tuple[float, ...]]:
    yield ()


# -- linear parts -------------------------------------------------------------------------------


def _decays(x: Floats, place: Sequence[float]) -> Sequence[Floats]:
    import numpy as np

    return [np.exp(-x / place[0]), np.ones_like(x)]


def _turns(x: Floats, place: Sequence[float]) -> Sequence[Floats]:
    import numpy as np

    angle = 2 * np.pi * place[0] * x
    damped = np.exp(-x / place[1]) if len(place) > 1 else np.ones_like(x)
    return [np.cos(angle) * damped, np.sin(angle) * damped, np.ones_like(x)]


def _gaussian(x: Floats, place: Sequence[float]) -> Sequence[Floats]:
    import numpy as np

    return [np.exp(-(((x - place[1]) / place[0]) ** 2) / 2), np.ones_like(x)]


def _lorentzian(x: Floats, place: Sequence[float]) -> Sequence[Floats]:
    import numpy as np

    return [1 / (1 + ((x - place[1]) / place[0]) ** 2), np.ones_like(x)]


def _straight(x: Floats, _: Sequence[float]) -> Sequence[Floats]:
    import numpy as np

    return [x, np.ones_like(x)]


def _wave(place: Sequence[float], factors: Sequence[float]) -> Start:
    even, odd, middle = factors
    damping = {"tau": place[1]} if len(place) > 1 else {}
    amplitude = math.hypot(even, odd)
    return {"a": amplitude, **damping, "f": place[0], "phi": math.atan2(-odd, even), "c": middle}


_GRIDS: Mapping[str, _Grid] = {
    "exponential": _Grid(_times, _decays, lambda g, k: {"a": k[0], "tau": g[0], "c": k[1]}),
    "damped_cosine": _Grid(_damped_waves, _turns, _wave),
    "sinusoid": _Grid(_waves, _turns, _wave),
    "line": _Grid(_once, _straight, lambda _, k: {"a": k[0], "b": k[1]}),
    "rb": _Grid(_times, _decays, lambda g, k: {"a": k[0], "p": math.exp(-1 / g[0]), "b": k[1]}),
    "gaussian": _Grid(
        _peaks, _gaussian, lambda g, k: {"a": k[0], "x0": g[1], "sigma": g[0], "c": k[1]}
    ),
    "lorentzian": _Grid(
        _peaks, _lorentzian, lambda g, k: {"a": k[0], "x0": g[1], "gamma": g[0], "c": k[1]}
    ),
}
