"""How numbers read on a page: to the digits that their uncertainty leaves, and no further.

And how texts do that others wrote: nothing in them moves, hides or turns what stands around them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from qbatch.notation import whole
from qbatch.result import Counts, Estimate

#: Characters beside a tick or in a legend.
MAX_LABEL = 24

_MOST_DIGITS = 15
# One ready format for each number of digits: a table of a million cells is made of these.
_VALUE = tuple(f"%.{digits}f" for digits in range(_MOST_DIGITS + 1))
_WITH_ERROR = tuple(f"%.{digits}f(%d)" for digits in range(_MOST_DIGITS + 1))
_INTERVAL = tuple(f"[%.{digits}f, %.{digits}f]" for digits in range(_MOST_DIGITS + 1))


#: Numbers from the first on, and those below the second, are written with a power of ten.
_LARGE, _SMALL = 1e12, 1e-6


def _power_of(one: float, other: float) -> int:
    """Return the power of ten to be taken out of two numbers told together; mostly 0.

    >>> _power_of(1e300, -3.0), _power_of(2e-300, 0.0), _power_of(1234.5, 0.1), _power_of(0.0, 0.0)
    (300, -300, 0, 0)
    """
    size = abs(one)
    if abs(other) > size:
        size = abs(other)
    if _SMALL <= size < _LARGE or size == 0:
        return 0
    return max(-300, min(300, math.floor(math.log10(size))))


def _digits_of(size: float) -> int:
    """Digits after the point that show the two leading ones of `size`, which is above 0."""
    return 1 - math.floor(math.log10(size))


def plain(value: object) -> str:
    """A swept value, unmistakable: of two different ones the texts differ.

    Where the other values of its axis are known, `Columns.text` writes it shorter.

    >>> plain(0.3), plain(0.1 + 0.2), plain(1e6), plain(1000), plain(True), plain("noisy")
    ('0.3', '0.30000000000000004', '1000000', '1000', 'true', 'noisy')
    """
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if value.__class__ is bool:
        return "true" if value else "false"
    return str(value)


def labels(texts: Sequence[str]) -> list[str]:
    """Texts in a drawing, which long ones would push out of its frame; different ones differ.

    >>> labels(["a value that would fill the picture"])
    ['a value that would fill…']
    >>> labels(["depolarized by one per cent, a", "depolarized by one per cent, b"])
    ['depolarized b…er cent, a', 'depolarized b…er cent, b']
    >>> labels([f"depolarized by one per cent, {way} and measured twice" for way in "ab"])
    ['depolarized by o… (1)', 'depolarized by o… (2)']
    """
    whole_texts = [" ".join(text.split()) for text in texts]
    half = MAX_LABEL // 2
    for head, tail in ((MAX_LABEL - 1, 0), (half + 1, MAX_LABEL - half - 2)):
        short = [_cut(text, head, tail) for text in whole_texts]
        if len(set(short)) == len(set(texts)):
            return short
    return [
        text if len(text) <= MAX_LABEL else f"{_cut(text, MAX_LABEL - 8, 0)} ({number})"
        for number, text in enumerate(whole_texts, start=1)
    ]


def _cut(text: str, head: int, tail: int) -> str:
    if len(text) <= MAX_LABEL:
        return text
    return f"{text[:head]}…{text[-tail:] if tail else ''}"


def with_error(value: float, se: float) -> str:
    """A value and its standard error's two leading digits, in units of the value's last one.

    >>> with_error(0.91204, 0.0028), with_error(12.34, 1.5), with_error(1234.0, 56.0)
    ('0.9120(28)', '12.3(15)', '1234(56)')
    >>> with_error(-0.0001, 0.05), with_error(9.2e299, 3.9e298), with_error(5.1e-17, 2.2e-18)
    ('0.000(50)', '9.20(39)e+299', '5.10(22)e-17')
    """
    if not 0 < se < math.inf:
        return format(value + 0.0, ".6g")
    if power := _power_of(value, se):
        return f"{with_error(value / 10.0**power, se / 10.0**power)}e{power:+03d}"
    digits = _digits_of(se)
    if digits > _MOST_DIGITS:
        return f"{value:.6g}({se:.1e})"
    if digits <= 0:
        return f"{_unsigned_zero(round(value, digits), 0):.0f}({round(se, digits):.0f})"
    last_places = round(se * 10.0**digits)
    if last_places == 100:
        digits, last_places = digits - 1, 10
    return _WITH_ERROR[digits] % (_unsigned_zero(value, digits), last_places)


def _unsigned_zero(value: float, digits: int) -> float:
    """Return 0.0 for what would read as -0.000, else `value`."""
    return value if value > 0 or round(value, digits) else 0.0


def interval(low: float, high: float) -> str:
    """An interval, to two digits of its width.

    >>> interval(0.90631, 0.91749), interval(0.963, 1.0), interval(2.0, 2.0)
    ('[0.906, 0.917]', '[0.963, 1.000]', '[2, 2]')
    >>> interval(9.2e-301, 1e-300)
    '[0.920e-300, 1.000e-300]'
    """
    width = high - low
    if not 0 < width < math.inf:
        return f"[{low + 0.0:.6g}, {high + 0.0:.6g}]"
    if power := _power_of(low, high):
        scale = 10.0**power
        ends = interval(low / scale, high / scale)[1:-1].split(", ")
        return f"[{', '.join(f'{end}e{power:+03d}' for end in ends)}]"
    digits = min(_MOST_DIGITS, max(0, _digits_of(width)))
    return _INTERVAL[digits] % (_unsigned_zero(low, digits), _unsigned_zero(high, digits))


def short(estimate: Estimate) -> str:
    """Value and standard error; where all shots agree, how far its interval reaches.

    Shots that all agree have a standard error of 0, which says nothing: one shot is told from a
    hundred by the interval, in units of the value's last digit, above and below.

    >>> short(Estimate(1.0, 0.0, 0.963, 1.0)), short(Estimate(1.0, 0.0, 0.2065, 1.0))
    ('1.000(+0−37)', '1.00(+0−80)')
    >>> short(Estimate(-1.0, 0.0, -1.0, -0.926)), short(Estimate(3.0, 0.0, 3.0, 3.0))
    ('-1.000(+74−0)', '3')
    >>> short(Estimate(1e300, 0.0, 9.26e299, 1e300))
    '1.000(+0−74)e+300'
    """
    if estimate.se > 0:
        return with_error(estimate.value, estimate.se)
    width = estimate.high - estimate.low
    if width <= 0:
        return format(estimate.value, ".6g")
    if power := _power_of(estimate.low, estimate.high):
        low, value, high = (
            end / 10.0**power for end in (estimate.low, estimate.value, estimate.high)
        )
        return f"{_reaching(value, low, high)}e{power:+03d}"
    return _reaching(estimate.value, estimate.low, estimate.high)


def _reaching(value: float, low: float, high: float) -> str:
    digits = min(_MOST_DIGITS, max(0, _digits_of(high - low)))
    text = _VALUE[digits] % _unsigned_zero(value, digits)
    above, below = (
        math.ceil((end * 10.0**digits) - 1e-6)  # rather too wide than too narrow
        for end in (high - value, value - low)
    )
    return f"{text}(+{above}−{below})"


def full(estimate: Estimate) -> str:
    """Value, standard error, interval, and a distance's sampling floor.

    >>> full(Estimate(0.912, 0.0028, 0.9063, 0.9175))
    '0.9120(28) [0.906, 0.917]'
    """
    text = f"{short(estimate)} {interval(estimate.low, estimate.high)}"
    return text if estimate.floor is None else f"{text}, floor {estimate.floor:.2g}"


def emulated(targets: Mapping[str, Any], unit: str) -> str:
    """Whether what is billed in a unit is no money: " (emulated)", " (in part emulated)" or "".

    Args:
        targets: Backend -> what is kept of its target, as `Run.targets` has it.
        unit: Of the bills.
    """
    return _emulated(each for each in targets.values() if _unit_of(each) == unit)


def emulated_of(targets: Mapping[str, Any], backend: str | None) -> str:
    """`emulated` of all that a limit is about: a backend, or with None all that bill."""
    about = targets.values() if backend is None else [targets.get(backend, {})]
    return _emulated(each for each in about if _unit_of(each))


def _unit_of(target: Mapping[str, Any]) -> str:
    return str(target.get("price", {}).get("unit", ""))


def _emulated(targets: Iterable[Mapping[str, Any]]) -> str:
    said = {bool(each.get("is_emulated")) for each in targets}
    return "" if True not in said else " (in part emulated)" if False in said else " (emulated)"


def percent(share: float, digits: int = 1) -> str:
    """A share as per cent.

    >>> percent(0.5104)
    '51.0 %'
    """
    return f"{100 * share:.{digits}f} %"


def raised(power: int) -> str:
    """A power of ten.

    >>> raised(-6)
    '10⁻⁶'
    """
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def as_pi(value: float, parts: int) -> str:
    """Write a multiple of π/parts.

    >>> as_pi(math.pi / 4, 16), as_pi(-math.pi, 16), as_pi(0.0, 16), as_pi(1.5 * math.pi, 16)
    ('π/4', '−π', '0', '3π/2')
    """
    top = round(value / math.pi * parts)
    if top == 0:
        return "0"
    common = math.gcd(top, parts)
    top, bottom = top // common, parts // common
    sign, size = "−" if top < 0 else "", "" if abs(top) == 1 else str(abs(top))
    return f"{sign}{size}π" + ("" if bottom == 1 else f"/{bottom}")


#: Into how many parts π may be cut in a swept value that is written as a fraction of it.
_PARTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)


def parts_of_pi(values: Sequence[object]) -> int | None:
    """Into how many parts π is cut where all values are multiples of one of them; else None.

    >>> parts_of_pi([0.0, math.pi / 4, math.pi / 3]), parts_of_pi([0.7853981]), parts_of_pi([0.0])
    (12, None, None)
    """
    angles = [value for value in values if isinstance(value, float | int)]
    if len(angles) < len(values) or not any(angles) or any(abs(value) > 100 for value in angles):
        return None
    return next((n for n in _PARTS if all(_is_part(value, n) for value in angles)), None)


def _is_part(value: float, parts: int) -> bool:
    multiple = value / math.pi * parts
    return abs(multiple - round(multiple)) <= 1e-12 * max(1.0, abs(multiple))


#: Below this the last bits of a p-value mean nothing, and no experiment is that well understood.
_LEAST_P = 1e-15


def p_text(p_value: float) -> str:
    """A p-value as a claim that can be printed; never that it is 0.

    >>> p_text(0.0123), p_text(1e-200), p_text(0.0)
    ('p = 0.012', 'p < 1e-15', 'p < 1e-15')
    """
    return "p < 1e-15" if p_value < _LEAST_P else f"p = {p_value:.2g}"


def p_cell(p_value: float) -> str:
    """A p-value where the column's head says that it is one.

    >>> p_cell(0.0123), p_cell(0.0)
    ('0.012', '< 1e-15')
    """
    return p_text(p_value).removeprefix("p ").removeprefix("= ")


def count_of(number: int, noun: str) -> str:
    """A number of things.

    >>> count_of(1, "point"), count_of(3, "point")
    ('1 point', '3 points')
    """
    return f"{whole(number)} {noun}" + ("" if number == 1 else "s")


def outcomes(counts: Counts, n: int = 4) -> str:
    """The most frequent outcomes with their counts, and how many shots are left.

    >>> outcomes(Counts.from_dict((("c", 2),), {"00": 498, "01": 4, "11": 522}), n=2)
    '11: 522 (51.0 %), 00: 498 (48.6 %), others: 4'
    """
    first = counts.top(n)
    words = [f"{bits}: {whole(times)} ({percent(times / counts.shots)})" for bits, times in first]
    others = counts.shots - sum(times for _, times in first)
    return ", ".join([*words, f"others: {whole(others)}"] if others else words)


def top_counts(counts: Counts | Mapping[str, int], n: int = 3) -> str:
    """The most frequent outcomes and what is left.

    >>> top_counts({"00": 498, "01": 4, "11": 522}, n=2)
    '11 51.0 %, 00 48.6 %, others 0.4 %'
    """
    if isinstance(counts, Counts):
        shots, first = counts.shots, counts.top(n)
    else:
        shots = sum(counts.values())
        first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:n]
    if not shots:
        return "no shots"
    words = [f"{bits} {percent(times / shots)}" for bits, times in first]
    others = shots - sum(times for _, times in first)
    if others:
        words.append(f"others {percent(others / shots)}")
    return ", ".join(words)


def in_unit(text: str, unit: str | None) -> str:
    """Return a number as text with its unit behind it, where it has one.

    >>> in_unit("0.98 ± 0.01", "Ha"), in_unit("0.98", None)
    ('0.98 ± 0.01 Ha', '0.98')
    """
    return f"{text} {unit}" if unit else text
