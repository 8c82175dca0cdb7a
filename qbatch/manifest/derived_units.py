"""In which units fits' parameters and derived numbers are, as those of what they are made of say.

Rules: a unit that nobody says is not known, and goes with any; so is that of what a bare number is
multiplied with, for it may convert. What is known is never added to what is in another unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from qbatch.manifest.of_points import Call, Constant, Gathered, Name, Node, Operation
from qbatch.unit import NONE, RADIANS, Powers, multiplied, read_unit, text_of

if TYPE_CHECKING:
    from qbatch.arithmetic import Number
    from qbatch.curves import Parameter
    from qbatch.manifest.analysis import Analysis

#: Functions that leave the unit of what they are of.
_KEEPING = ("-", "abs")

#: Functions of angles.
_OF_ANGLES = ("sin", "cos", "tan")


class MixedError(ValueError):
    """Numbers in different units are put together: the message says which."""


def with_units_made(
    analysis: Analysis, numbers: Mapping[str, Number], said: Mapping[str, str]
) -> Mapping[str, str]:
    """Return units with those of fits' parameters and derived numbers that follow from them.

    Args:
        analysis: With these.
        numbers: The manifest's vars.
        said: Axis or number -> unit, as the manifest says.
    """
    fitted = {**dict(fitted_units(analysis, numbers, said)), **said}
    made = derived_units(analysis, fitted).items()
    texts = {name: text_of(unit) for name, unit in made if not isinstance(unit, MixedError)}
    return {**{name: text for name, text in texts.items() if text}, **fitted}


def fitted_units(
    analysis: Analysis, numbers: Mapping[str, Number], units: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield each parameter of a fit (``t1.tau``) whose unit follows from those of x and y.

    Args:
        analysis: With the fits.
        numbers: The manifest's vars.
        units: Axis or number -> unit.
    """
    for name, fit in analysis.fits.items():
        x, y = units.get(fit.x, ""), units.get(fit.y, "")
        for parameter in fit.curve(numbers).parameters:
            if unit := _of_parameter(parameter, x, y):
                yield f"{name}.{parameter.name}", unit


def _of_parameter(parameter: Parameter, x: str, y: str) -> str:
    match parameter.dimension:
        case (1, 0):
            return x
        case (-1, 0):
            return text_of(multiplied(NONE, read_unit(x), -1)) if x else ""
        case (0, 1):
            return y
        case (-1, 1):
            return f"{y or '1'}/{x}" if x else ""
    return ""


def derived_units(analysis: Analysis, units: Mapping[str, str]) -> dict[str, Powers | MixedError]:
    """Return the unit of each derived number where it is known, or what is mixed in it.

    Args:
        analysis: With the derived numbers.
        units: Axis, number or fit's parameter -> unit; also of derived numbers, which holds for
            those below.
    """
    known = {name: read_unit(unit) for name, unit in units.items()}
    found: dict[str, Powers | MixedError] = {}
    for name, derived in analysis.derived.items():
        try:
            unit = unit_of(derived.node, known)
        except MixedError as error:
            found[name] = error
            continue
        if unit is not None:
            found[name] = unit
            known.setdefault(name, unit)
    return found


def unit_of(node: Node, known: Mapping[str, Powers]) -> Powers | None:
    """Return the unit of a formula; None where it is not known.

    Args:
        node: The formula.
        known: Axis or number -> unit.

    Raises:
        MixedError: It puts numbers in different units together.
    """
    match node:
        case Constant():
            return None
        case Name(name=name):
            return known.get(name)
        case Gathered(function="argmax" | "argmin", of=inner, over=axis):
            unit_of(inner, known)
            return known.get(axis)
        case Gathered(of=inner):
            return unit_of(inner, known)
        case Call(function=function, of=inner):
            return _of_function(function, unit_of(inner, known))
        case Operation(operator="**", left=left, right=right):
            return _of_power(unit_of(left, known), right, unit_of(right, known))
        case Operation(operator=operator, left=left, right=right):
            return _between(operator, unit_of(left, known), unit_of(right, known))


def _between(operator: str, left: Powers | None, right: Powers | None) -> Powers | None:
    if operator in ("+", "-"):
        if left is not None and right is not None and left != right:
            verb, word = ("adds", "to") if operator == "+" else ("takes", "from")
            first, second = (left, right) if operator == "+" else (right, left)
            raise MixedError(
                f"{verb} {_told(first)} {word} {_told(second)}; convert one of them by a factor"
            )
        return right if left is None else left
    if left is None or right is None:
        return None
    return multiplied(left, right, -1 if operator == "/" else 1)


def _of_power(of: Powers | None, exponent: Node, unit: Powers | None) -> Powers | None:
    if unit:
        raise MixedError(f"has a power of {_told(unit)}; divide it by a quantity of its unit")
    if of is None or not isinstance(exponent, Constant) or not exponent.value.is_integer():
        return of if of == NONE else None
    return multiplied(NONE, of, int(exponent.value))


def _of_function(function: str, of: Powers | None) -> Powers | None:
    if of is None or function in _KEEPING:
        return of
    if function == "sqrt":
        is_square = all(power % 2 == 0 for power in of.values())
        return {symbol: power // 2 for symbol, power in of.items()} if is_square else None
    if of and not (function in _OF_ANGLES and of == RADIANS):
        raise MixedError(f"takes {function} of {_told(of)}; divide it by a quantity of its unit")
    return NONE


def _told(powers: Powers) -> str:
    return f"what is in {text_of(powers)}" if powers else "what has no unit"
