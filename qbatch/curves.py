"""The curves that can be fitted, as a table: a formula each, and what its parameters may be.

Written in the language of `qbatch.formula`, so that what the manual shows is what is computed; a
manifest's own formula is one more row. A parameter that cannot be below 0, or must be between 0 and
1, is moved along a line without ends (`Kind`), so no step leaves what it may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from qbatch.formula import Formula, read_formula
from qbatch.frozen import dataclass


class Kind(StrEnum):
    """What a parameter may be."""

    FREE = "any number"
    POSITIVE = "above 0"
    SHARE = "between 0 and 1"
    ANGLE = "an angle in (-pi, pi]"

    def inner(self, value: float) -> float:
        """Where on a line without ends a value lies; see `outer`."""
        match self:
            case Kind.POSITIVE:
                return math.log(value)
            case Kind.SHARE:
                return math.log(-math.log(value))
        return value

    def outer(self, place: float) -> float:
        """The value at a place of that line."""
        match self:
            case Kind.POSITIVE:
                return math.exp(min(place, 700.0))
            case Kind.SHARE:
                return math.exp(-math.exp(min(place, 700.0)))
        return place

    def allows(self, value: float) -> bool:
        """Whether a parameter of this kind may have a value."""
        if self is Kind.SHARE:
            return 0 < value < 1
        return value > 0 if self is Kind.POSITIVE else math.isfinite(value)

    @property
    def rises(self) -> bool:
        """Whether a larger place means a larger value."""
        return self is not Kind.SHARE


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of a curve.

    Attributes:
        name: In the formula.
        kind: What it may be.
        dimension: How often the units of (x, y) are in its own: (1, 0) is x's, (-1, 0) its inverse;
            None where nobody knows.
        means: In words.
    """

    name: str
    kind: Kind = Kind.FREE
    dimension: tuple[int, int] | None = None
    means: str = ""


class CurveError(ValueError):
    """A curve cannot be computed; the message says why."""


class Function(Protocol):
    """What a curve computes: a formula, or a package's function."""

    @property
    def text(self) -> str:
        """As it is shown."""
        ...

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Compute it where its names have `values`: shape (n,), as x among them has.

        Raises:
            CurveError: It is a package's, and raised.
        """
        ...

    def compiled(self) -> Callable[[Mapping[str, Any]], Any]:
        """Return the same for who calls it often."""
        ...


@dataclass(frozen=True, slots=True)
class Curve:
    """A function of x with parameters.

    Attributes:
        name: As manifests name it; "formula" for one of the manifest's own.
        formula: Of `x` and the parameters.
        parameters: In the order told.
        starts: Of x and y of points: where to begin; None: as is known of the name.
        reason: Why it cannot be computed here; "" where it can.
    """

    name: str
    formula: Function
    parameters: tuple[Parameter, ...]
    starts: Callable[[Any, Any], Iterable[Mapping[str, float]]] | None = None
    reason: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def is_own(self) -> bool:
        """Whether it is a manifest's formula, of which nothing else is known."""
        return self.name == OWN


#: Name of a curve that a manifest writes itself.
OWN = "formula"

_OF_X, _PER_X, _OF_Y = (1, 0), (-1, 0), (0, 1)
_AMPLITUDE = Parameter("a", Kind.FREE, _OF_Y, "amplitude")
_REST = Parameter("c", Kind.FREE, _OF_Y, "what is left far away")
_TAU = Parameter("tau", Kind.POSITIVE, _OF_X, "time in which it falls to 1/e")
_FREQUENCY = Parameter("f", Kind.POSITIVE, _PER_X, "frequency, in turns per unit of x")
_PHASE = Parameter("phi", Kind.ANGLE, (0, 0), "phase at x = 0, in radians")
_SIZE = Parameter("a", Kind.POSITIVE, _OF_Y, "amplitude")
_MIDDLE = Parameter("c", Kind.FREE, _OF_Y, "mean that it swings about")
_CENTRE = Parameter("x0", Kind.FREE, _OF_X, "place of the peak")

_WIDTH_AT_HALF = "half width at half height"

#: Name of a model -> what it is.
CURVES: Mapping[str, Curve] = {
    name: Curve(name, read_formula(text), parameters)
    for name, text, parameters in (
        ("exponential", "a*exp(-x/tau) + c", (_AMPLITUDE, _TAU, _REST)),
        (
            "damped_cosine",
            "a*exp(-x/tau)*cos(2*pi*f*x + phi) + c",
            (_SIZE, _TAU, _FREQUENCY, _PHASE, _MIDDLE),
        ),
        ("sinusoid", "a*cos(2*pi*f*x + phi) + c", (_SIZE, _FREQUENCY, _PHASE, _MIDDLE)),
        (
            "line",
            "a*x + b",
            (
                Parameter("a", Kind.FREE, (-1, 1), "slope"),
                Parameter("b", Kind.FREE, _OF_Y, "y at x = 0"),
            ),
        ),
        (
            "rb",
            "a*p**x + b",
            (
                _AMPLITUDE,
                Parameter("p", Kind.SHARE, (0, 0), "what a Clifford gate leaves"),
                Parameter("b", Kind.FREE, _OF_Y, "what is left far away"),
            ),
        ),
        (
            "gaussian",
            "a*exp(-((x - x0)/sigma)**2/2) + c",
            (
                _AMPLITUDE,
                _CENTRE,
                Parameter("sigma", Kind.POSITIVE, _OF_X, "standard deviation"),
                _REST,
            ),
        ),
        (
            "lorentzian",
            "a/(1 + ((x - x0)/gamma)**2) + c",
            (_AMPLITUDE, _CENTRE, Parameter("gamma", Kind.POSITIVE, _OF_X, _WIDTH_AT_HALF), _REST),
        ),
    )
}

#: Of a fit by "rb", beside the curve's own parameters; see `error_per_clifford`.
EPC = "epc"


def own_curve(formula: Formula) -> Curve:
    """The curve of a manifest's own formula: all of its names but x are parameters of any value."""
    named = (name for name in formula.names if name != "x")
    return Curve(OWN, formula, tuple(Parameter(name) for name in named))


def error_per_clifford(p: float, qubits: int) -> float:
    """Mean error of a Clifford gate on so many qubits, of which a share p is left as it was.

    Magesan, Gambetta and Emerson, Phys. Rev. Lett. 106, 180504 (2011): (1 - p)(d - 1)/d, d = 2^n.
    """
    size = 2.0**qubits
    return (1 - p) * (size - 1) / size
