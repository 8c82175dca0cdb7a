"""Curves that packages offer for fits (entry point `qbatch.fits`): a function, parameters, starts.

Rule: the function alone defines the curve; slopes are taken by differences, so none is given.
What it raises is told as the fit's reason, and takes nothing else of a report with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from qbatch.curves import Curve, CurveError, Kind, Parameter
from qbatch.frozen import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Group of entry points by which a package offers fits: each leads to a `FitModel`.
GROUP = "qbatch.fits"

#: Name -> number: of every parameter.
Start = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FitModel:
    """A curve that a package offers to fit.

    Attributes:
        function: Called as ``function(x, name=value, …)`` with every parameter; x has shape (n,).
            Returns y, shape (n,) or one number; nan where it has no value.
        parameters: Name -> what it may be: "any number", "above 0", "between 0 and 1" or "an angle
            in (-pi, pi]", in the order told. A fit never leaves what they may be.
        starts: Called with x and y of the points, each of shape (n,): yields where to begin, the
            most promising first, each a value for every parameter. Six are tried.
        text: The curve as reports show it: ``a*exp(-(x/tau)**beta)``.
    """

    function: Callable[..., Any]
    parameters: Mapping[str, str]
    starts: Callable[[Any, Any], Iterable[Start]]
    text: str

    def __post_init__(self) -> None:
        """See that each parameter is of a kind that there is.

        Raises:
            ValueError: One is not.
        """
        for name, kind in self.parameters.items():
            if kind not in [*Kind] or not name.isidentifier() or name == "x":
                kinds = ", ".join(repr(str(each)) for each in Kind)
                raise ValueError(f"parameter {name!r} is {kind!r}; write one of {kinds}")


@dataclass(frozen=True, slots=True)
class Called:
    """A package's function as fits compute with it; see `formula.Formula`."""

    text: str
    function: Callable[..., Any]

    def __call__(self, values: Mapping[str, Any]) -> Floats:
        """Compute it where its names have `values`.

        Raises:
            CurveError: It raised, or returned no numbers.
        """
        import numpy as np

        given = dict(values)
        x = np.asarray(given.pop("x"), dtype=float)
        try:
            with np.errstate(all="ignore"):
                return np.broadcast_to(np.asarray(self.function(x, **given), dtype=float), x.shape)
        # whatever a package's function raises is the package's, never ours
        except Exception as error:
            told = f"the installed curve {self.text} raised {type(error).__name__}: {error}"
            raise CurveError(told[:500]) from error

    def compiled(self) -> Callable[[Mapping[str, Any]], Floats]:
        return self


def curve_of(name: str, model: FitModel, package: str) -> Curve:
    """Return what is fitted.

    Args:
        name: Under which it is offered.
        model: As it is offered.
        package: Which offers it, with its version.
    """
    parameters = tuple(Parameter(each, Kind(kind)) for each, kind in model.parameters.items())
    text = f"{model.text} ({name} of {package})" if package else f"{model.text} ({name})"
    return Curve(name, Called(text, model.function), parameters, starts=model.starts)


def missing_curve(name: str, parameters: Iterable[str], reason: str) -> Curve:
    """Return what stands for a curve that cannot be had here, with the reason."""

    def refuse(_x: Any, **_: float) -> Any:
        raise CurveError(reason)

    called = Called(f"the installed fit {name}", refuse)
    return Curve(name, called, tuple(map(Parameter, parameters)), reason=reason)
