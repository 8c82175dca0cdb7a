"""Durations: as they are written, and what arithmetic there is on them.

Rules: a duration is held in seconds. One in ``dt``, the machine's own step, has no seconds: it
stands only by itself.
"""

from __future__ import annotations

from qbatch.circuit.program import Expr, Number
from qbatch.circuit.qasm.conditions import UnfitError
from qbatch.circuit.qasm.symbols import Symbol, Time

_POWERS = {"s": "", "ms": "e-3", "us": "e-6", "ns": "e-9"}

#: Whether each operand is a duration -> operators that take them; True: the result is one, too.
_TAKEN: dict[tuple[bool, ...], dict[str, bool]] = {
    (True,): {"neg": True},
    (True, True): {"+": True, "-": True, "/": False}
    | dict.fromkeys(("==", "!=", "<", ">", "<=", ">="), False),
    (True, False): {"*": True, "/": True},
    (False, True): {"*": True},
}


def split(text: str) -> tuple[str, str]:
    """Return the digits of a duration as written, and its unit.

    >>> split("1.5 µs"), split("160dt")
    (('1.5', 'us'), ('160', 'dt'))
    """
    digits = text.rstrip("dtnsuµμm ")
    return digits, text[len(digits) :].strip().replace("µ", "u").replace("μ", "u")


def in_seconds(text: str) -> Time:
    """Read a duration as written.

    >>> in_seconds("80us"), in_seconds("2.5e1ns")
    (Time(seconds=8e-05), Time(seconds=2.5e-08))

    Raises:
        UnfitError: It is one in dt.
    """
    digits, unit = split(text)
    if unit == "dt":
        raise UnfitError("a duration in dt stands only by itself: delay[160dt] q;")
    digits, _, power = digits.lower().partition("e")
    return Time(float(f"{digits}e{int(power or 0) + int(_POWERS[unit][1:] or 0)}"))


def on_times(operator: str, args: tuple[Symbol, ...]) -> tuple[tuple[Number, ...], bool]:
    """Return operands in seconds, and whether the result of the operator on them is a duration.

    Raises:
        UnfitError: There is no such operation on durations.
    """
    are_times = tuple(isinstance(arg, Time) for arg in args)
    is_time = _TAKEN.get(are_times, {}).get(operator)
    numbers: list[Number] = []
    for arg in args:
        number = arg.seconds if isinstance(arg, Time) else arg
        if is_time is None or not isinstance(number, int | float | Expr):
            sign = {"neg": "-"}.get(operator, operator)
            raise UnfitError(
                f"'{sign}' is not possible here: durations are added, subtracted and compared with "
                "durations, multiplied and divided by numbers"
            )
        numbers.append(number)
    return tuple(numbers), bool(is_time)
