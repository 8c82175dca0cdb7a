"""Numbers written as arithmetic: ``pi/2``, ``2*pi/nodes``, ``sqrt(2)``. Nothing is ever executed.

Rules:

- Literals, ``pi``, ``sqrt`` and the manifest's `vars`; ``+ - * / // % **`` and parentheses. The
  text is parsed by `ast` in eval mode and its tree walked here: no other kind of node has a
  meaning.
- Length, depth and the size of powers are bounded, so a stranger's manifest cannot stall us.
- A quoted scalar is always a string. An unquoted one is arithmetic wherever a number is wanted.
  Where a number *or* a string may stand (axis values, `with`, `where`, `set`, noise)
  `is_arithmetic` decides, and says string when in doubt: ``heavy-hex`` and ``2026-11-21`` stay
  strings.
- One text means one number wherever it is written: in a manifest, in its checks, in ``-S``, in
  ``-k``. The sign − (U+2212), which texts copied from papers have, is a minus.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

from qbatch.notation import did_you_mean

Number = int | float

#: What is read as a minus sign, beside "-".
MINUS = "\N{MINUS SIGN}"

MAX_LENGTH = 200
MAX_DEPTH = 40
MAX_POWER_BITS = 1024
#: Integers beyond this do not survive JSON, SQLite and numpy unchanged.
MAX_INTEGER = 2**63 - 1

CONSTANTS: Mapping[str, float] = {"pi": math.pi}
FUNCTIONS = frozenset({"sqrt"})

_NUMBER = r"0[xX][0-9a-fA-F]+|0[oO][0-7]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER})(?![\w.])|(?P<name>[^\W\d]\w*)|(?P<operator>\*\*|//|[-+*/%^()]))"
)
NO_OPERATOR = "has an operator other than + - * / // % **"
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class ExpressionError(ValueError):
    """The text is no arithmetic, or has no finite real value; the message says which and why."""


def evaluate(text: str, names: Mapping[str, Number]) -> Number:
    """Compute an arithmetic expression.

    Args:
        text: At most `MAX_LENGTH` characters.
        names: The manifest's `vars`.

    Returns:
        An integer where only integers and neither `/`, `sqrt` nor negative powers took part.

    Raises:
        ExpressionError: It is no arithmetic, or it has no finite real value.
    """
    text = text.replace(MINUS, "-")
    if text.isidentifier() and text not in names and text not in CONSTANTS:
        known = [*CONSTANTS, *names]
        hint = did_you_mean(text, known)
        raise ExpressionError(
            f"is no number; write a number, or the name of one ({', '.join(known)}){hint}"
        )
    tree = tree_of(text)
    try:
        return _storable(_value(tree, names, 0))
    except ZeroDivisionError as error:
        raise ExpressionError("divides by zero; divide by another number") from error
    except OverflowError as error:
        raise ExpressionError("is too large for a number; write a smaller one") from error


def tree_of(text: str) -> ast.expr:
    """Read an expression's form; what its nodes mean, and which may stand, is up to who walks it.

    Raises:
        ExpressionError: It is too long, or has characters or an order that arithmetic has not.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(
            f"is longer than {MAX_LENGTH} characters; name a part of it under vars"
        )
    text = text.replace(MINUS, "-")
    if "^" in text:
        raise ExpressionError("has '^'; powers are written **")
    if _tokens(text) is None:
        raise ExpressionError(_why_unreadable(text))
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(_why_unreadable(text)) from error


def is_arithmetic(text: str, names: Mapping[str, Number]) -> bool:
    """Say whether unquoted `text`, where a string could stand too, is meant as arithmetic.

    It is when it reads as such and either names nothing (``1/3``), names pi, sqrt or a var, or
    has a number beside an operator that names do not hold (``2*x``, ``x/2``): a misspelt var is
    then an error rather than a string. Dates stay strings.
    """
    if len(text) > MAX_LENGTH or _DATE.fullmatch(text):
        return False
    tokens = _tokens(text)
    if not tokens:
        return False
    words = [word for kind, word in tokens if kind == "name"]
    if any(word in CONSTANTS or word in FUNCTIONS or word in names for word in words):
        return True
    kinds = {kind for kind, _ in tokens}
    if not words:
        return "number" in kinds
    operators = {word for kind, word in tokens if kind == "operator"}
    return "number" in kinds and not operators.isdisjoint({"*", "/", "//", "**", "%"})


def names_in(text: str) -> set[str]:
    """Return the names that an expression uses."""
    return {word for kind, word in _tokens(text) or () if kind == "name"}


def is_number(value: object) -> TypeGuard[int | float]:
    """Say whether `value` is an int or float, and no bool."""
    return type(value) is int or type(value) is float


def _tokens(text: str) -> list[tuple[str, str]] | None:
    """Split into (kind, word), or None when some character belongs to no arithmetic."""
    text = text.replace(MINUS, "-")
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            return None
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found or None


def _why_unreadable(text: str) -> str:
    if re.search(r"(?<![\w.])\d+(\.\d*)?\s*(pi|sqrt|\()", text):
        return "is no arithmetic; multiplication is written with *, as in 2*pi"
    if re.search(r"(?<![\w.])0\d", text):
        return "is no arithmetic; a number in it begins with 0"
    return "is no number and no arithmetic of numbers, pi, sqrt(…) and vars"


def _value(node: ast.expr, names: Mapping[str, Number], depth: int) -> Number:
    if depth > MAX_DEPTH:
        raise ExpressionError(f"is nested more than {MAX_DEPTH} deep; write it flatter")
    match node:
        case ast.Constant(value=value) if is_number(value):
            return _bounded(value)
        case ast.Name(id=name):
            return _named(name, names)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            value = _value(operand, names, depth + 1)
            return -value if isinstance(op, ast.USub) else value
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _value(left, names, depth + 1), _value(right, names, depth + 1))
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]):
            return _call(function, _value(argument, names, depth + 1))
        case ast.Call(func=ast.Name(id="sqrt")):
            raise ExpressionError("gives sqrt more or less than one number; write sqrt(2)")
    raise ExpressionError("is no arithmetic; write numbers, pi, sqrt(…) and vars")


def _named(name: str, names: Mapping[str, Number]) -> Number:
    if name in names:
        return names[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise ExpressionError(_unknown_name(name, names))


def _unknown_name(name: str, names: Mapping[str, Number]) -> str:
    known = [*CONSTANTS, *FUNCTIONS, *names]
    return f"names {name!r}, which is none of {', '.join(known)}{did_you_mean(name, known)}"


def _binary(op: ast.operator, left: Number, right: Number) -> Number:
    if isinstance(op, ast.Pow):
        return _power(left, right)
    if type(op) not in _BINARY:
        raise ExpressionError(NO_OPERATOR)
    return _bounded(_BINARY[type(op)](left, right))


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int):
        if base.bit_length() * abs(exponent) > MAX_POWER_BITS:
            raise ExpressionError("has a power that is too large; take a lower one")
    elif base < 0 and exponent != int(exponent):
        raise ExpressionError("takes a root of a negative number; write a positive one")
    return _bounded(base**exponent)


def _call(function: str, argument: Number) -> float:
    if function not in FUNCTIONS:
        raise ExpressionError(f"calls {function}; the only function is sqrt")
    if argument < 0:
        raise ExpressionError("takes the square root of a negative number; write a positive one")
    return math.sqrt(argument)


def _bounded(value: Number) -> Number:
    """Return an intermediate value, refused before it can grow or stop being a number."""
    if isinstance(value, int):
        too_large = value.bit_length() > 2 * MAX_POWER_BITS
    else:
        too_large = not math.isfinite(value)
    if too_large:
        raise ExpressionError("is too large for a number; write a smaller one")
    return value


def _storable(value: Number) -> Number:
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ExpressionError("is too large for an integer; write it as a float, as in 1e30")
    return value
