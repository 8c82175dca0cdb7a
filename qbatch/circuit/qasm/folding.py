"""Arithmetic on numbers known while reading.

Rules: numbers are 64 bits and finite. OpenQASM 3 divides integers as integers: a division that
would drop a remainder is refused, since `rx(1/2)` is never meant to be `rx(0)`.
"""

from __future__ import annotations

import math

from qbatch.circuit.program import FUNCTIONS, OPERATORS
from qbatch.circuit.qasm.conditions import UnfitError
from qbatch.circuit.text import Limits

#: Of an integer, in bits: registers are compared with it.
WIDEST = Limits.BITS + 4000

Args = tuple[int | float, ...]


def fold(operator: str, args: Args, *, whole_division: bool) -> int | float:
    """Apply an operator or a function.

    Args:
        operator: As written; "neg" is the sign.
        args: As many as it takes.
        whole_division: Integers divide to integers, as in OpenQASM 3.

    Raises:
        UnfitError: It has no value here; the text tells why.
    """
    try:
        return finite(_compute(operator, args, whole_division))
    except ZeroDivisionError:
        raise UnfitError("division by zero; divide by another number") from None
    except UnfitError:
        raise
    except (ArithmeticError, ValueError, TypeError) as error:
        raise UnfitError(f"'{operator}' cannot be computed here: {error}") from error


def _compute(operator: str, args: Args, whole_division: bool) -> int | float:
    if operator == "neg":
        return -args[0]
    if operator == "!":
        return not args[0]
    if operator == "~":
        raise UnfitError("'~' on a number is not supported; it turns bits")
    if operator in ("%", "mod") and min(args) < 0:
        raise UnfitError(
            f"the remainder '{operator}' of a negative number has one sign here, another there; "
            "write it with numbers from 0 on"
        )
    if operator not in OPERATORS:
        return FUNCTIONS[operator](*args)
    left, right = args
    if isinstance(left, int) and isinstance(right, int):
        if operator == "/" and whole_division:
            return _whole(left, right)
        left = _unless_too_wide(operator, left, right)
    result = OPERATORS[operator](left, right)
    if not isinstance(result, int | float):
        raise ArithmeticError("the result is not real; keep the argument where it is")  # noqa: TRY004
    return result


def _whole(left: int, right: int) -> int:
    if right and left % right:
        raise UnfitError(
            f"{left}/{right} divides integers, which OpenQASM 3 rounds to {int(left / right)}; "
            f"write {left}.0/{right} for {left / right:g}"
        )
    return left // right


def _unless_too_wide(operator: str, left: int, right: int) -> int | float:
    """Return the left number: as a float where its power is too wide for an integer."""
    if operator not in ("**", "<<") or abs(right) * max(left.bit_length(), 1) <= WIDEST:
        return left
    if operator == "**":
        return float(left)
    if right > 0 and left.bit_length() + right > WIDEST:
        raise UnfitError(
            f"this integer does not fit into {WIDEST} bits; use a float, or a smaller number"
        )
    return left


def finite(value: int | float) -> int | float:
    """Return a number that is not too large.

    Raises:
        UnfitError: It is.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise UnfitError("this number is not finite; write a smaller one")
    if isinstance(value, int) and value.bit_length() > WIDEST:
        raise UnfitError(
            f"this integer does not fit into {WIDEST} bits; use a float, or a smaller number"
        )
    return value
