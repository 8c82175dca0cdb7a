"""The model of numbers derived from others at several points.

Rules: a formula names numbers of the analysis, parameters of fits (``t1.tau``), derived numbers
written above it, and vars; points are named by axes. Values in brackets are read by the rules of
their axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import PrivateAttr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from qbatch.arithmetic import ExpressionError
from qbatch.manifest.axes import as_axis_value
from qbatch.manifest.expected import as_formula
from qbatch.manifest.fields import AT_KEY, AXES, Known, Mistakes, Model, Text, Value, amiss, wrong
from qbatch.manifest.nodes import Plain
from qbatch.manifest.of_points import Gathered, Name, Node, read_of_points, see_values, walk
from qbatch.notation import did_you_mean, listed

#: What brackets say of one name: axis -> value.
Place = Mapping[str, Value]


class Derived(Model):
    """A number made of numbers at several points.

    Attributes:
        value: ``zz[phi=0] - zz[phi=pi/2]``, ``mean(E, over=repeat)``, ``max(E, over=theta)``.
        by: Axes that it has a value for each of; left out: all that its formula leaves.
    """

    value: Text
    by: tuple[Text, ...] | None = None

    _node: Node | None = PrivateAttr(default=None)
    _places: Mapping[tuple[str, str], Value] = PrivateAttr(default_factory=dict)

    @property
    def node(self) -> Node:
        """The formula, read."""
        return read_of_points(self.value) if self._node is None else self._node

    def place_of(self, name: Name) -> Place:
        """Return the values in a name's brackets."""
        return {axis: self._places[axis, text] for axis, text in name.where}

    @model_validator(mode="before")
    @classmethod
    def read_formula(cls, data: Any) -> Any:
        """Read a bare string as the formula; so is a number, which names nothing."""
        data = as_formula(data)
        if isinstance(data, str):
            return {"value": data}
        if data is not None and not isinstance(data, Mapping | cls):
            raise wrong("is no formula; write it as text, as in zz[theta=0] - zz[theta=pi]")
        return data

    @model_validator(mode="after")
    def check_formula(self, info: ValidationInfo) -> Self:
        """See that it can be read, and its values with it."""
        try:
            self._node = read_of_points(self.value)
        except ExpressionError as error:
            raise amiss(f"{str(self.value)!r} {error}") from error
        places = {}
        for name in _names_in(self._node):
            for axis, text in name.where:
                places[axis, text] = _read(axis, text, info)
        self._places = places
        return self


def _read(axis: str, text: str, info: ValidationInfo) -> Value:
    """Return a value as it is written in brackets."""
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    try:
        return as_axis_value(axis, text[1:-1] if is_quoted else Plain(text), info)
    except PydanticCustomError as error:
        problem = (error.context or {}).get("problem", "does not fit there")
        raise amiss(f"{axis}={text}: {text!r} {problem}") from error


def _names_in(node: Node) -> Iterator[Name]:
    return (each for each in walk(node) if isinstance(each, Name))


def check_derived(all_derived: Mapping[str, Derived], known: Known) -> None:
    """See that every formula names what there is.

    Raises:
        ValidationError: All that it names and there is not.
    """
    if known.estimates is None:
        return
    mistakes = Mistakes()
    above: list[str] = []
    for name, derived in all_derived.items():
        for problem in _problems(derived, above, [*all_derived], known):
            mistakes.add((name, "value"), amiss(problem))
        for number, axis in enumerate(derived.by or ()):
            if known.axes is not None and axis not in (axes := _axes(known)):
                said = f"is no axis ({listed(sorted(axes))}){did_you_mean(axis, axes)}"
                mistakes.add((name, "by", number), wrong(said))
        if name in known.vars:
            mistakes.add((name, AT_KEY), wrong("names a var, too; rename one"))
        above.append(name)
    mistakes.raise_any()


def _axes(known: Known) -> set[str]:
    return {*AXES, "repeat", *(known.axes or ())}


def _problems(derived: Derived, above: list[str], named: list[str], known: Known) -> Iterator[str]:
    """Yield what is wrong with the names in a formula."""
    numbers = [*sorted(known.estimates or ()), *sorted(known.across - {*named}), *above]
    try:
        see_values(derived.node, known.vars)
    except ExpressionError as error:
        yield f"{str(derived.value)!r} {error}"
    found = [each for each in _names_in(derived.node) if each.name not in known.vars]
    if not found:
        yield f"{derived.value!r} names no number of the analysis ({listed(numbers)})"
    for each in dict.fromkeys(found):
        if each.name in numbers:
            continue
        if each.name in named:
            where = "is itself" if each.name == named[len(above)] else "stands below"
            yield f"{each.name!r} {where}; a formula names derived numbers that stand above it"
        else:
            hint = did_you_mean(each.name, [*numbers, *known.vars])
            yield f"{each.name!r} is no number of the analysis ({listed(numbers)}){hint}"
    axes = _axes(known)
    of_axes = [axis for each in found for axis, _ in each.where]
    of_axes += [each.over for each in walk(derived.node) if isinstance(each, Gathered)]
    for axis in dict.fromkeys(of_axes):
        if known.axes is not None and axis not in axes:
            yield f"{axis!r} is no axis ({listed(sorted(axes))}){did_you_mean(axis, axes)}"
