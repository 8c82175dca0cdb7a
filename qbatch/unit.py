"""Units as texts: which are the same, and what comes of two that are multiplied.

Rule: a unit says what a number is in and converts nothing, so ``ms`` and ``s`` are two units, as
``s`` and ``Hz`` are; ``1/s`` and ``Hz`` are one. A text that is no product (``arb. units``) is a
unit of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Symbol -> power; empty for a number without a unit.
Powers = Mapping[str, int]

#: What has no unit.
NONE: Powers = {}

#: What angles are in.
RADIANS: Powers = {"rad": 1}

#: Units of times and frequencies -> of which one they are a part, and what a number in them is
#: followed by to be one in that.
SCALED: Mapping[str, tuple[str, str]] = {
    "s": ("s", ""),
    "ms": ("s", "e-3"),
    "us": ("s", "e-6"),
    "µs": ("s", "e-6"),
    "μs": ("s", "e-6"),
    "ns": ("s", "e-9"),
    "ps": ("s", "e-12"),
    "Hz": ("Hz", ""),
    "kHz": ("Hz", "e3"),
    "MHz": ("Hz", "e6"),
    "GHz": ("Hz", "e9"),
}

#: What one over a unit is called -> that unit.
_INVERSE = {"Hz": "s"}

_FACTOR = r"(?:1|[^\W\d_]+|[°%])(?:\^-?\d+)?"
_PRODUCT = re.compile(rf"{_FACTOR}(?:[*·/]{_FACTOR})*")


def read_unit(text: str) -> Powers:
    """Read a unit.

    >>> read_unit("V/s"), read_unit("Hz"), read_unit("arb. units"), read_unit("1")
    ({'V': 1, 's': -1}, {'s': -1}, {'arb. units': 1}, {})
    """
    text = text.strip()
    if not _PRODUCT.fullmatch(text):
        return {text: 1} if text else {}
    found: dict[str, int] = {}
    for sign, factor in re.findall(rf"([*·/]?)({_FACTOR})", text):
        symbol, _, power = factor.partition("^")
        times = int(power or 1) * (-1 if sign == "/" else 1)
        if symbol in _INVERSE:
            symbol, times = _INVERSE[symbol], -times
        if symbol != "1":
            found[symbol] = found.get(symbol, 0) + times
    return {symbol: power for symbol, power in found.items() if power}


def multiplied(left: Powers, right: Powers, times: int = 1) -> Powers:
    """Return the unit of a product.

    Args:
        left: Of one number.
        right: Of the other.
        times: How often the other is multiplied; -1: it is divided by.

    >>> multiplied({"V": 1}, {"s": 1}, -1)
    {'V': 1, 's': -1}
    """
    found = dict(left)
    for symbol, power in right.items():
        found[symbol] = found.get(symbol, 0) + times * power
    return {symbol: power for symbol, power in found.items() if power}


def text_of(powers: Powers) -> str:
    """Write a unit; "" for none.

    >>> text_of({"V": 1, "s": -1}), text_of({"s": -1}), text_of({"s": -2}), text_of({"m": 2})
    ('V/s', 'Hz', '1/s^2', 'm^2')
    """
    for name, inverse in _INVERSE.items():
        if powers == {inverse: -1}:
            return name
    above = "·".join(_factor(symbol, power) for symbol, power in powers.items() if power > 0)
    below = "/".join(_factor(symbol, -power) for symbol, power in powers.items() if power < 0)
    return f"{above or '1'}/{below}" if below else above


def _factor(symbol: str, power: int) -> str:
    return symbol if power == 1 else f"{symbol}^{power}"
