"""What theory says of numbers, as the manifest writes it: ``zz: -cos(theta)``.

Rules: a formula is of axes that hold numbers, of vars and of fitted parameters (``t1.tau``); it
speaks of an observable or a probability. Names of axes with dots (``noise.readout``) are names like
any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from qbatch.arithmetic import ExpressionError, Number
from qbatch.formula import Formula, read_formula
from qbatch.frozen import dataclass
from qbatch.manifest.fields import AT_KEY, Known, Mistakes, amiss, as_text, unknown, wrong
from qbatch.manifest.tabled import Table
from qbatch.manifest.theory_function import TheoryFunction
from qbatch.notation import did_you_mean, is_number, listed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.manifest.fields import Value

    Floats = npt.NDArray[np.float64]

_DOTTED = re.compile(r"(?<![\w.])[^\W\d]\w*(?:\.[^\W\d][\w-]*)+")

#: Axes that hold no numbers.
_WORDS = ("circuit", "backend")

#: Said where theory has no value.
NO_VALUE = "theory has no value here"

#: What a check calls what theory says at a point.
EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Theory:
    """A function of axes.

    Attributes:
        text: As written; of a table its file, of a function its file and name.
        axes: That it is of.
        parameters: Of fits that it is of: ``t1.tau``.
    """

    text: str
    axes: tuple[str, ...]
    parameters: tuple[str, ...]
    _formula: Formula | Table | TheoryFunction
    _written: Mapping[str, str]

    @property
    def function(self) -> TheoryFunction | None:
        """The function that says it; None where it is a formula or a table."""
        return self._formula if isinstance(self._formula, TheoryFunction) else None

    @property
    def silence(self) -> str:
        """Why it had no value where it was asked last."""
        function = self.function
        return (function and function.trouble) or NO_VALUE

    def at(self, values: Mapping[str, Any]) -> Floats | None:
        """Compute it where axes and parameters have these values, numbers or arrays of them.

        Returns:
            What theory says; None where an axis is missing or holds no number.
        """
        if isinstance(self._formula, TheoryFunction):
            return self._formula.at(values)
        given = {}
        for name in self._formula.names:
            value = values.get(self._written.get(name, name))
            if value is None or isinstance(value, str | bool):
                return None
            given[name] = value
        return self._formula(given)

    def at_point(self, values: Mapping[str, Value]) -> float | None:
        """Compute it at one point; None where it has no finite value."""
        found = self.at(values)
        if found is None or not abs(float(found)) < float("inf"):
            return None
        return float(found)


def read_theory(
    text: str,
    numbers: Mapping[str, Number],
    parameters: Collection[str] = (),
    function: TheoryFunction | None = None,
) -> Theory:
    """Read a formula of axes.

    Args:
        text: ``-cos(theta)``.
        numbers: The manifest's vars.
        parameters: Of fits: ``t1.tau``.
        function: That says it instead.

    Raises:
        ExpressionError: It is none.
    """
    if (function := function or TheoryFunction.of("", text)) is not None:
        fitted = function.parameters(parameters)
        return Theory(function.source, function.axes, fitted, function, {})
    if (table := Table.of(text)) is not None:
        return Theory(table.file, table.names, (), table, {})
    written = {f"dotted_{at}": name for at, name in enumerate(dict.fromkeys(_DOTTED.findall(text)))}
    marks = {name: mark for mark, name in written.items()}
    formula = read_formula(_DOTTED.sub(lambda found: marks[found[0]], text), numbers)
    names = tuple(written.get(name, name) for name in formula.names)
    axes = tuple(name for name in names if name not in parameters)
    fitted = tuple(name for name in names if name in parameters)
    return Theory(text, axes, fitted, formula, written)


def theory_in(claim: str, taken: Collection[str]) -> dict[str, float]:
    """Return what stands for theory in a check (``zz == expected``), of some value, to read it.

    Args:
        claim: As written.
        taken: Names that mean something else.

    Returns:
        `EXPECTED` -> a number; nothing where the check does not speak of theory.
    """
    speaks = EXPECTED not in taken and re.search(rf"\b{EXPECTED}\b", claim) is not None
    return {EXPECTED: 1.0} if speaks else {}


def as_formula(value: Any) -> Any:
    """Return what may be a formula as text: a number is one, too."""
    return repr(value) if is_number(value) else value


#: A formula, or one number, or a file of numbers, or a function.
Expectation = Annotated[
    str,
    BeforeValidator(as_text),
    BeforeValidator(as_formula),  # the last is first
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number"]},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file"],
                    "properties": {"file": {"type": "string"}, "column": {"type": "string"}},
                },
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["python"],
                    "properties": {"python": {"type": "string"}, "with": {"type": "object"}},
                },
            ]
        }
    ),
]


def check_expected(
    expected: Mapping[str, str],
    numbers: Collection[str],
    own: Collection[str],
    distances: Collection[str],
    known: Known,
) -> None:
    """See that formulas are of axes and speak of numbers that there are.

    Args:
        expected: Number -> formula.
        numbers: The observables and probabilities, and what is mitigated of them.
        own: Numbers of analyses of one's own.
        distances: Names of numbers that tell how far a distribution is from another.
        known: What else there is: numbers, too, of parts that are wrong themselves.

    Raises:
        ValidationError: All that is wrong.
    """
    mistakes = Mistakes()
    for name, text in expected.items():
        if name not in numbers:
            there = known.estimates or ()
            if known.estimates is None:
                pass  # what is analysed is not known: a key of it is misspelt
            elif name in own:
                said = "is of an analysis of your own; theory is held against observables and"
                mistakes.add((name, AT_KEY), wrong(f"{said} probabilities alone"))
            elif name in distances and name in there:
                said = "is a distance, whose value is never the true one; expect probabilities"
                mistakes.add((name, AT_KEY), wrong(said))
            elif name not in there:
                kind = "observable or probability of the analysis"
                mistakes.add((name, AT_KEY), unknown(kind, name, numbers))
        for problem in _problems(text, known):
            mistakes.add((name,), amiss(problem))
    mistakes.raise_any()


def _problems(text: str, known: Known) -> Iterator[str]:
    try:
        theory = read_theory(text, known.vars, known.across)
    except ExpressionError as error:
        yield f"{str(text)!r} {error}"
        return
    of = f"{theory.text!r} names"
    for name in theory.parameters:
        if "." not in name:
            known_as = "a derived number; theory is of axes, vars and fits' parameters"
            yield f"{of} {name!r}, {known_as}"
    axes = {*(known.axes or ()), "shots", "repeat"} - set(_WORDS)
    for axis in theory.axes if known.axes is not None else ():
        if axis in _WORDS:
            yield f"{of} {axis!r}, which holds no numbers"
        elif axis not in axes:
            fitted = (name for name in known.across if "." in name)
            there = [*sorted(axes), *known.vars, *sorted(fitted)]
            yield f"{of} {axis!r}, which is none of {listed(there)}{did_you_mean(axis, there)}"
