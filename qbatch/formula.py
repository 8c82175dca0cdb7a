"""Functions written as arithmetic: ``a*exp(-x/tau) + c``. Nothing is ever executed.

The language is `qbatch.arithmetic`'s, with names whose values come later, as numbers or as arrays
of them, and with `FUNCTIONS`. What has no real value (a root or a logarithm of a negative number, a
division by zero) is nan or infinite there, so that one point of many does not stop the others. What
has no value whatever its names are (``1/0``) is refused.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from qbatch.arithmetic import (
    CONSTANTS,
    MAX_DEPTH,
    NO_OPERATOR,
    ExpressionError,
    Number,
    is_number,
    tree_of,
)
from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

#: Name in a formula -> numpy's function of one number.
FUNCTIONS: Mapping[str, str] = {
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "abs": "absolute",
}

_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "true_divide",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "power",
}

#: Operator in Python's tree -> how it is written.
_WRITTEN: Mapping[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}

_Step = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of named numbers.

    Attributes:
        text: As written.
        names: Whose values it wants, in the order of the text; constants and functions left out.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr = field(repr=False, compare=False)

    def __call__(self, values: Mapping[str, Floats | Number]) -> Floats:
        """Compute it where its names have `values`; nan and infinity where it has no value."""
        return self.compiled()(values)

    def compiled(self) -> Callable[[Mapping[str, Floats | Number]], Floats]:
        """Return the same as a function that walks no tree, for who calls it often."""
        import numpy as np

        step = _step(self._tree)

        def compute(values: Mapping[str, Floats | Number]) -> Floats:
            with np.errstate(all="ignore"):
                return np.asarray(step(values), dtype=float)

        return compute


def read_formula(text: str, constants: Mapping[str, Number] | None = None) -> Formula:
    """Read a formula.

    Args:
        text: At most `arithmetic.MAX_LENGTH` characters.
        constants: Name -> number, put in where the formula names it: the manifest's `vars`.

    Raises:
        ExpressionError: It is no arithmetic; the message says why.

    >>> float(read_formula("-cos(theta)/k", {"k": 2})({"theta": 0.0}))
    -0.5
    """
    known = {**CONSTANTS, **(constants or {})}
    tree = _checked(tree_of(text), known, 0)
    _see_values(tree)
    return Formula(text, tuple(dict.fromkeys(_names(tree))), tree)


def check_names(formula: Formula, known: Iterable[str]) -> None:
    """See that a formula's names are all known.

    Raises:
        ExpressionError: One is not; the message has the nearest.
    """
    names = list(known)
    for name in formula.names:
        if name not in names:
            among = ", ".join([*names, *CONSTANTS])
            hint = did_you_mean(name, [*names, *FUNCTIONS])
            raise ExpressionError(f"names {name!r}, which is none of {among}{hint}")


def _checked(node: ast.expr, known: Mapping[str, Number], depth: int) -> ast.expr:
    """Return the tree with known names as their numbers; only what `_step` computes is in it."""
    if depth > MAX_DEPTH:
        raise ExpressionError(f"is nested more than {MAX_DEPTH} deep; write it flatter")
    match node:
        case ast.Constant(value=value) if is_number(value):
            return ast.Constant(_as_float(value))
        case ast.Name(id=name):
            return ast.Constant(_as_float(known[name])) if name in known else node
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            return ast.UnaryOp(sign, _checked(operand, known, depth + 1))
        case ast.BinOp(left=left, op=op, right=right):
            if type(op) not in _OPERATORS:
                raise ExpressionError(NO_OPERATOR)
            sides = (_checked(side, known, depth + 1) for side in (left, right))
            return ast.BinOp(next(sides), op, next(sides))
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
            if function not in FUNCTIONS:
                hint = did_you_mean(function, FUNCTIONS)
                raise ExpressionError(
                    f"calls {function}; the functions are {', '.join(FUNCTIONS)}{hint}"
                )
            if len(arguments) != 1:
                raise ExpressionError(
                    f"gives {function} more or less than one number; write it as {function}(x)"
                )
            argument = _checked(arguments[0], known, depth + 1)
            return ast.Call(ast.Name(function), [argument], [])
    raise ExpressionError(
        f"is no arithmetic; write numbers, names, pi and the functions {', '.join(FUNCTIONS)}"
    )


def _see_values(node: ast.expr) -> float | None:
    """Return the value of a part without names, None for any other.

    Raises:
        ExpressionError: A part has no value, whatever its names are.
    """
    match node:
        case ast.Constant(value=value):
            return float(value)  # type: ignore[arg-type]
        case ast.UnaryOp(op=sign, operand=operand):
            inner = _see_values(operand)
            return -inner if isinstance(sign, ast.USub) and inner is not None else inner
        case ast.BinOp(left=left, op=op, right=right):
            return value_between(_WRITTEN[type(op)], _see_values(left), _see_values(right))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            inner = _see_values(argument)
            return None if inner is None else value_of(function, inner)
    return None


#: Operator -> the same for two plain numbers.
_OF_TWO: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": math.pow,
}


def value_between(written: str, left: float | None, right: float | None) -> float | None:
    """Compute what stands between two numbers; None where one is not known.

    Raises:
        ExpressionError: It has no finite real value, whatever is not known.
    """
    if right == 0.0 and written in ("/", "//", "%"):
        raise ExpressionError("divides by zero; leave out where it does")
    if left is None or right is None:
        return None
    return _finite(lambda: _OF_TWO[written](left, right), f"{left:g} {written} {right:g}")


def value_of(function: str, number: float) -> float:
    """Compute one of `FUNCTIONS` of a number.

    Raises:
        ExpressionError: It has no finite real value.
    """
    of_one = abs if function == "abs" else getattr(math, function)
    return _finite(lambda: of_one(number), f"{function}({number:g})")


def _finite(compute: Callable[[], float], text: str) -> float:
    try:
        found = compute()
    except (ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise ExpressionError(
            f"has a part without a finite real value, {text}; leave out where it has none"
        )
    return found


def _as_float(value: Number) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ExpressionError("has a number that is too large; write a smaller one")
    return number


def _names(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            yield name
        case ast.UnaryOp(operand=operand):
            yield from _names(operand)
        case ast.BinOp(left=left, right=right):
            yield from _names(left)
            yield from _names(right)
        case ast.Call(args=[argument]):
            yield from _names(argument)


def _step(node: ast.expr) -> _Step:
    """Make a function of the names' values out of a tree that `_checked` let through."""
    import numpy as np

    match node:
        case ast.Name(id=name):
            return lambda values: values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _step(operand)
            return lambda values: np.negative(inner(values))
        case ast.UnaryOp(operand=operand):
            return _step(operand)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _step(left), _step(right)
            of_two = getattr(np, _OPERATORS[type(op)])
            return lambda values: of_two(first(values), second(values))
        case ast.Call(func=ast.Name(id=function), args=[argument]):
            inner = _step(argument)
            of_one = getattr(np, FUNCTIONS[function])
            return lambda values: of_one(inner(values))
        case ast.Constant(value=value):
            constant = np.float64(value)  # type: ignore[arg-type]
            return lambda _: constant
    raise TypeError(f"{ast.dump(node)} was not checked")
