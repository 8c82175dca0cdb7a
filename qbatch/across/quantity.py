"""What a number across points is made of, so that its interval can be made from theirs.

A `Quantity` is a function of *sources*: a number of one point, a fit's parameter, what an own
function says of a group, or an extreme of several. Sums with fixed weights are kept as such, for
their intervals are made otherwise (see `intervals`). Equal sources are one: what is taken twice
from the same shots is not two measurements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from qbatch.formula import FUNCTIONS
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.across.fits import Fitted
    from qbatch.across.points import Measured
    from qbatch.manifest.models import Analysis, Value
    from qbatch.result import AnalysisLike, Estimate

#: Of draws that may lie where a formula has no value; it is undecided where more do.
MOST_STRAY = 1e-3


class UndecidedError(ValueError):
    """There is no number: the message says why."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of one point. Of the same shots, measured alike, it is the same number.

    Attributes:
        id: Of the settings whose shots it is made of, with their bases: see `Measured.settings_of`.
        name: The number's.
        text: Which sum it is there, of an observable that is made for each point; else "".
        point: One whose number it is.
        shots: Ids of these settings, and more: see `Measured.shared_by`. What shares some, in
            whatever basis, is not independent.
    """

    id: str
    name: str
    text: str
    point: Measured = field(compare=False, repr=False)
    shots: frozenset[str] = field(compare=False, repr=False)

    @classmethod
    def of(cls, point: Measured, name: str, analysis: Analysis) -> Number:
        """A number that this point has."""
        settings = point.settings_of(name, analysis)
        id_ = ";".join(f"{each} {basis}" for basis, each in sorted(settings.items()))
        text = analysis.at(point.axes).observables[name] if name in analysis.varying else ""
        return cls(id_, name, text, point, point.shared_by(name, analysis))


def of_each(analysis: Analysis, numbers: Iterable[Number]) -> tuple[AnalysisLike, list[str]]:
    """Return an analysis in which each of these numbers has a name of its own, and those names.

    An observable that is made for each point has one name in the manifest, and is several sums.
    """
    sums = {}
    names = []
    for at, number in enumerate(numbers):
        names.append(f"{number.name} {at}" if number.text else number.name)
        if number.text:
            sums[names[-1]] = number.text
    if not sums:
        return analysis, names
    return analysis.model_copy(update={"observables": {**analysis.observables, **sums}}), names


@dataclass(frozen=True, slots=True)
class FitParameter:
    """A parameter of a fit to one group of points; those of one fit depend by its covariance.

    Attributes:
        id: Of the fit and its group.
        name: The parameter's.
        fitted: The fit, which has a solution.
        shots: As of a `Number`.
    """

    id: str
    name: str
    fitted: Fitted = field(compare=False, repr=False)
    shots: frozenset[str] = field(compare=False, repr=False)

    @classmethod
    def of(cls, fitted: Fitted, name: str, analysis: Analysis) -> FitParameter:
        """A parameter of a fit that has a solution."""
        return cls(f"fit {fitted.name} {fitted.label}", name, fitted, fitted.shots_of(analysis))


@dataclass(frozen=True, slots=True)
class GroupNumber:
    """What a person's own function says of one group; how its numbers depend is not known.

    Attributes:
        id: Of the number and its group.
        name: The number's.
        estimate: What it is.
        points: Names of those it is made from.
        shots: As of a `Number`.
    """

    id: str
    name: str
    estimate: Estimate = field(compare=False, repr=False)
    points: tuple[str, ...] = field(compare=False, repr=False)
    shots: frozenset[str] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Extreme:
    """The largest or smallest of several, or where on an axis it is; equal to itself alone.

    Attributes:
        function: max, min, argmax or argmin.
        axis: Along which they are.
        members: (value of the axis, quantity there) each.
    """

    function: str
    axis: str
    members: tuple[tuple[Value | None, Quantity], ...]

    @property
    def shots(self) -> frozenset[str]:
        """Ids of the settings whose shots its members are made of."""
        return frozenset(
            id_ for _, part in self.members for source in part.sources for id_ in source.shots
        )


Source = Number | FitParameter | GroupNumber | Extreme

#: Source -> its value, or an array of values it may have.
Values = Mapping[Source, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """A function of sources.

    Attributes:
        sources: All of them.
        weights: Of a weighted sum: source -> weight; None for any other function.
        offset: Of a weighted sum: what is added.
    """

    sources: tuple[Source, ...]
    weights: Mapping[Source, float] | None
    offset: float
    _function: Callable[[Values], Any] | None = None

    def at(self, values: Values) -> Any:
        """Compute it where its sources have these values.

        Raises:
            UndecidedError: It has no value there.
        """
        if self._function is not None:
            return self._function(values)
        return self.offset + sum(
            weight * values[source] for source, weight in (self.weights or {}).items()
        )

    @property
    def is_constant(self) -> bool:
        """Whether nothing measured is in it."""
        return not self.sources

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the points it is made from, each once."""
        return tuple(dict.fromkeys(_names_of(self)))


def _names_of(quantity: Quantity) -> Iterable[str]:
    for source in quantity.sources:
        if isinstance(source, Number):
            yield source.point.name
        elif isinstance(source, GroupNumber):
            yield from source.points
        elif isinstance(source, FitParameter):
            yield from source.fitted.points
        else:
            for _, member in source.members:
                yield from _names_of(member)


def constant(value: float) -> Quantity:
    """A number that nobody measured."""
    return Quantity((), {}, value)


def of_source(source: Source) -> Quantity:
    """A source by itself."""
    return Quantity((source,), {source: 1.0}, 0.0)


def weighted(parts: Iterable[tuple[float, Quantity]]) -> Quantity:
    """Add quantities up, each so many times."""
    kept = [(weight, part) for weight, part in parts]
    if any(part.weights is None for _, part in kept):
        return _any_other(
            [part for _, part in kept],
            lambda *values: sum(
                weight * value for (weight, _), value in zip(kept, values, strict=True)
            ),
        )
    weights: dict[Source, float] = {}
    for factor, part in kept:
        for source, weight in (part.weights or {}).items():
            weights[source] = weights.get(source, 0.0) + factor * weight
    offset = sum(factor * part.offset for factor, part in kept)
    return Quantity(tuple(weights), weights, offset)


def combined(operator: str, left: Quantity, right: Quantity) -> Quantity:
    """Put + - * / or ** between two quantities.

    Raises:
        UndecidedError: Of constants: there is no value.
    """
    if operator in "+-":
        return weighted([(1.0, left), (1.0 if operator == "+" else -1.0, right)])
    if operator == "*" and left.is_constant:
        return weighted([(left.offset, right)])
    if operator == "*" and right.is_constant:
        return weighted([(right.offset, left)])
    if operator == "/" and right.is_constant and right.offset:
        return weighted([(1 / right.offset, left)])
    between = {"*": lambda x, y: x * y, "/": _divided, "**": _raised}[operator]
    if left.is_constant and right.is_constant:
        return constant(float(between(left.offset, right.offset)))
    return _any_other([left, right], between)


def applied(function: str, of: Quantity) -> Quantity:
    """Apply a function of `formula.FUNCTIONS`, or the sign "-".

    Raises:
        UndecidedError: Of a constant: there is no value.
    """
    import numpy as np

    if function == "-":
        return weighted([(-1.0, of)])
    of_one = getattr(np, FUNCTIONS[function])

    def compute(value: Any) -> Any:
        return of_one(_at_least_zero(function, value) if function in ("sqrt", "log") else value)

    return constant(float(compute(of.offset))) if of.is_constant else _any_other([of], compute)


def _any_other(parts: list[Quantity], function: Callable[..., Any]) -> Quantity:
    sources = tuple(dict.fromkeys(source for part in parts for source in part.sources))
    return Quantity(
        sources, None, 0.0, lambda values: function(*(part.at(values) for part in parts))
    )


def _divided(value: Any, by: Any) -> Any:
    import numpy as np

    above = float(np.mean(np.asarray(by) > 0))
    if np.ndim(by) == 0 and by == 0:
        raise UndecidedError("it divides by 0; leave out where it does")
    if MOST_STRAY < above < 1 - MOST_STRAY:
        raise UndecidedError("it divides by what may be 0; more shots would tell")
    return value / by


def _raised(value: Any, to: Any) -> Any:
    import numpy as np

    with np.errstate(all="ignore"):
        found = np.float64(value) ** to if np.ndim(value) == 0 else value**to
    if float(np.mean(~np.isfinite(found))) > MOST_STRAY:
        raise UndecidedError("it has a power that is no number; leave out where it has")
    return found


def _at_least_zero(function: str, value: Any) -> Any:
    import numpy as np

    least = 0.0 if function == "sqrt" else 1e-300
    if float(np.mean(np.asarray(value) < least)) > MOST_STRAY:
        word = "the square root" if function == "sqrt" else "the logarithm"
        raise UndecidedError(f"it takes {word} of what is or may be negative")
    return np.maximum(value, least)
