"""The model of curves fitted over an axis: which curve, to what, and where to begin.

Rules: y is a number of the analysis, x an axis; a fit and its parameters are named in checks as
``t1.tau``. Fits buy nothing and are no part of any content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, model_validator

from qbatch.arithmetic import ExpressionError
from qbatch.curves import CURVES, EPC, Curve, own_curve
from qbatch.formula import read_formula
from qbatch.manifest.fields import (
    AT_KEY,
    AXES,
    Identifier,
    Known,
    Mistakes,
    Model,
    Text,
    Whole,
    amiss,
    as_time,
    known_to,
    unknown,
    wrong,
)
from qbatch.manifest.offered_fits import check_installed, installed_curve
from qbatch.manifest.sweep import AnySweepWhere
from qbatch.notation import did_you_mean, listed

_Number = Annotated[
    int | float, PlainValidator(as_time), WithJsonSchema({"type": ["number", "string"]})
]

#: Keys of which one says which curve it is.
_SOURCES = ("model", "formula", "installed")

#: Axes that are names, whatever they look like.
_NAMES = ("circuit", "backend")


class Fit(Model):
    """A curve fitted to a number along an axis.

    Attributes:
        model: exponential, damped_cosine, sinusoid, line, rb (randomized benchmarking), gaussian or
            lorentzian; or write a formula.
        installed: Name under which a package offers a curve (entry point `qbatch.fits`).
        parameters: Of the installed curve, for whoever reads the manifest without the package.
        formula: Of x and parameters, each with its start: ``a*cos(w*x) + b``.
        x: The axis, one of numbers.
        y: The number of the analysis.
        where: Axis -> value or list of values: the points fitted.
        by: Axes for each of whose values there is a fit of its own; left out: all but x and repeat.
        start: Parameter -> where to begin, in place of what the points suggest.
        fixed: Parameter -> value that it is held at.
        qubits: On which a Clifford gate of "rb" acts, for its error.
    """

    model: (
        Literal["exponential", "damped_cosine", "sinusoid", "line", "rb", "gaussian", "lorentzian"]
        | None
    ) = None
    formula: Text | None = None
    installed: Text | None = None
    parameters: tuple[Identifier, ...] = ()
    x: Text
    y: Text
    where: AnySweepWhere = Field(default_factory=dict)
    by: tuple[Text, ...] | None = None
    start: Mapping[Identifier, _Number] = Field(default_factory=dict)
    fixed: Mapping[Identifier, _Number] = Field(default_factory=dict)
    qubits: Annotated[Whole, Field(ge=1, le=50)] = 1

    @property
    def along(self) -> str:
        """The axis that it goes along."""
        return self.x

    def curve(self, numbers: Mapping[str, int | float]) -> Curve:
        """Return what is fitted.

        Args:
            numbers: The manifest's vars, which its formula may name.
        """
        if self.model is not None:
            return CURVES[self.model]
        if self.installed is not None:
            return installed_curve(self.installed, self.parameters)
        return own_curve(read_formula(self.formula or "", _constants(numbers)))

    @model_validator(mode="before")
    @classmethod
    def refuse_string(cls, data: Any) -> Any:
        """Explain a bare string."""
        if isinstance(data, str):
            raise wrong("is no fit; write {model: exponential, x: AXIS, y: NUMBER}")
        return data

    @model_validator(mode="after")
    def check_one_curve(self, info: ValidationInfo) -> Self:
        """See that there is one curve, and that it can be read."""
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"has both {' and '.join(given)}" if given else "has neither model nor formula"
            models = ", ".join(CURVES)
            raise amiss(f"{found}; write one of model ({models}), formula and installed")
        check_installed(self.installed, self.parameters, known_to(info))
        if "qubits" in self.model_fields_set and self.model != "rb":
            raise amiss(
                "'qubits' is for model rb, whose error per Clifford depends on it; take it away"
            )
        mistakes = Mistakes()
        for problem in self._formula_problems(known_to(info)):
            mistakes.add(("formula",), amiss(problem))
        mistakes.raise_any()
        return self

    def _formula_problems(self, known: Known) -> Iterator[str]:
        if self.formula is None:
            return
        try:
            formula = read_formula(self.formula, _constants(known.vars))
        except ExpressionError as error:
            yield f"{self.formula!r} {error}"
            return
        if "x" not in formula.names:
            yield f"{self.formula!r} has no x, which stands for the axis {self.x!r}"
            return
        if formula.names == ("x",):
            yield f"{self.formula!r} has no parameter to fit"
        given = [*self.start, *self.fixed]
        for name in formula.names:
            if name != "x" and name not in given:
                hint = did_you_mean(name, [*given, *known.vars])
                yield (
                    f"{self.formula!r}: nothing says where to begin with {name!r}; write "
                    f"start: {{{name}: NUMBER}}{hint}"
                )


def _constants(numbers: Mapping[str, int | float]) -> dict[str, int | float]:
    """The vars that a formula may name: x is the axis."""
    return {name: value for name, value in numbers.items() if name != "x"}


def fit_names(name: str, fit: Any) -> Iterator[str]:
    """Yield what checks may name of a fit, from whatever has shape."""
    written = fit if isinstance(fit, Mapping) else {}
    model, formula = written.get("model"), written.get("formula")
    parameters: Collection[str] = ()
    if isinstance(model, str) and model in CURVES:
        parameters = (*CURVES[model].names, *((EPC,) if model == "rb" else ()))
    elif written.get("installed") is not None:
        named = written.get("parameters")
        parameters = [str(each) for each in named] if isinstance(named, (tuple, list)) else ()
    elif isinstance(formula, str):
        given = (written.get(key) for key in ("start", "fixed"))
        parameters = [n for each in given if isinstance(each, Mapping) for n in each]
    held = written.get("fixed")
    fixed = held if isinstance(held, Mapping) else {}
    yield from (f"{name}.{parameter}" for parameter in parameters if parameter not in fixed)


def parameters_of(fits: Mapping[str, Fit]) -> frozenset[str]:
    """Names of all parameters that fits have: ``t1.tau``."""
    dumped = ((name, fit.model_dump()) for name, fit in fits.items())
    return frozenset(full for name, fit in dumped for full in fit_names(name, fit))


def check_fits(fits: Mapping[str, Fit], known: Known) -> None:
    """See that every fit names what there is.

    Raises:
        ValidationError: All that fits name and there is not.
    """
    mistakes = Mistakes()
    for name, fit in fits.items():
        _check_axes(name, fit, known, mistakes)
        if known.estimates is not None and fit.y not in known.estimates:
            mistakes.add((name, "y"), unknown("number of the analysis", fit.y, known.estimates))
        try:
            curve = fit.curve(known.vars)
        except ExpressionError:
            continue  # said at its formula
        for part in ("start", "fixed"):
            _check_parameters((name, part), getattr(fit, part), curve, mistakes)
        for parameter in fit.start.keys() & fit.fixed.keys():
            said = wrong("is fixed, too; write it in one of start and fixed")
            mistakes.add((name, "start", parameter, AT_KEY), said)
        if curve.parameters and not set(curve.names) - fit.fixed.keys():
            mistakes.add((name, "fixed", AT_KEY), amiss("holds every parameter; leave one free"))
    mistakes.raise_any()


def _check_parameters(
    loc: tuple[str, str], given: Mapping[str, int | float], curve: Curve, mistakes: Mistakes
) -> None:
    kinds = {parameter.name: parameter.kind for parameter in curve.parameters}
    for name, value in given.items():
        if name not in kinds:
            what = f"parameter of {curve.formula.text!r}"
            mistakes.add((*loc, name, AT_KEY), unknown(what, name, kinds))
        elif not kinds[name].allows(value):
            mistakes.add((*loc, name), wrong(f"is not {kinds[name]}; write one that is"))


def _check_axes(name: str, fit: Fit, known: Known, mistakes: Mistakes) -> None:
    if known.axes is None:
        return
    axes = {*AXES, "repeat", *known.axes}
    if fit.x not in axes:
        said = f"is no axis ({listed(sorted(axes))}){did_you_mean(fit.x, axes)}"
        mistakes.add((name, "x"), wrong(said))
    elif fit.x in _NAMES:
        mistakes.add((name, "x"), wrong("is an axis of names; a curve needs one of numbers"))
    for number, axis in enumerate(fit.by or ()):
        if axis not in axes:
            said = f"is no axis ({listed(sorted(axes))}){did_you_mean(axis, axes)}"
            mistakes.add((name, "by", number), wrong(said))
        elif axis == fit.x:
            mistakes.add(
                (name, "by", number),
                wrong("is x: there would be a fit for each point; name other axes"),
            )
