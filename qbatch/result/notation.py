"""What the small languages of this package share: errors that know their column, and numbers."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_CONSTANTS = {"pi": math.pi}
_LONGEST_NUMBER = 200
_LARGEST_EXPONENT = 64


class NotationError(ValueError):
    """A text in one of this package's notations cannot be read.

    Args:
        problem: What is wrong with the value found, and how to mend it.
        column: 1-based, within the text.
    """

    def __init__(self, problem: str, column: int = 1) -> None:
        super().__init__(f"column {column}: {problem}")
        self.problem = problem
        self.column = column


def parse_number(
    text: str, *, variables: Mapping[str, float] | None = None, column: int = 1
) -> float:
    """Evaluate arithmetic over literals, `pi`, `sqrt` and `variables`; never runs code.

    Args:
        text: ``2*sqrt(2)``, ``-1e-3``, ``pi/4``.
        variables: Names that stand for numbers.
        column: Of the text's first character, for the error.

    Raises:
        NotationError: Something else stands there, or the value is no finite number.

    >>> parse_number("2*sqrt(2)")
    2.8284271247461903
    """
    stripped = text.strip()
    start = column + (text.index(stripped[0]) if stripped else 0)
    if not stripped or len(stripped) > _LONGEST_NUMBER:
        raise NotationError(f"{stripped[:40]!r} is no number", start)
    try:
        tree = ast.parse(stripped.replace("−", "-"), mode="eval")
        value = _value(tree.body, {**_CONSTANTS, **(variables or {})})
    except (SyntaxError, ZeroDivisionError, OverflowError, ValueError, RecursionError) as error:
        if isinstance(error, NotationError):
            raise NotationError(error.problem, start + error.column - 1) from error
        raise NotationError(f"{stripped!r} is no number", start) from error
    if not math.isfinite(value):
        raise NotationError(f"{stripped!r} is not finite", start)
    return value


def _value(node: ast.expr, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name) if name in names:
            return float(names[name])
        case ast.Name(id=name):
            known = ", ".join(sorted({*names, "sqrt"}))
            raise NotationError(f"{name!r} is no number; known are {known}", node.col_offset + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _BINARY:
            first, second = _value(left, names), _value(right, names)
            if isinstance(op, ast.Pow) and abs(second) > _LARGEST_EXPONENT:
                raise NotationError(f"exponent {second:g} is too large", right.col_offset + 1)
            result = _BINARY[type(op)](first, second)
            if isinstance(result, complex):
                raise NotationError("this power is no real number", node.col_offset + 1)
            return result
        case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
            return math.sqrt(_value(argument, names))
        case _:
            raise NotationError(
                "only numbers, + - * / **, pi and sqrt are read here", node.col_offset + 1
            )
