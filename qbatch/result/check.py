"""Checks: a claim about one analysed number, judged on its interval, never on the value alone.

Notation: ``NAME op NUMBER`` with ``>= <= > < == !=``, also turned round (``0.9 < p00``), chained
(``0.4 <= p00 <= 0.6``), and with ``abs(NAME)``. NUMBER may be arithmetic (``2*sqrt(2)``).

What each means, for the estimate's interval for judging [low, high]:

==========  =====================  ==================  ===============
claim       PASS                   FAIL                UNDECIDED
==========  =====================  ==================  ===============
``x >= a``  low >= a               high < a            a lies inside
``x > a``   low > a                high <= a           a lies inside
``x == a``  a lies in [low, high]  a lies outside      never
``x != a``  a lies outside         never               a lies inside
==========  =====================  ==================  ===============

A number may have its unit behind it, ``t1.tau >= 40us``: parts of s and Hz become these.

``>=``, ``>``, ``<=`` and ``<`` are told wrong (FAIL where the claim holds, PASS where it does not)
at most (1 - level)/2 of the time, 2.5 % at level 0.95: for proportions and observables of two
values by Clopper and Pearson's interval, for sums by Gaffke's (see `qbatch.result.intervals`), for
distances by guaranteed bounds. Wilson's, which reports tell, would be wrong up to 16 % of the time.

``==`` therefore says "consistent with": no number of shots proves an equality, they can only
refute it, and an interval that is too wide passes easily. Conversely ``!=`` can be shown and never
refuted. An equality that holds fails by chance at most (1 - level) of the time, for both sides of
the interval can miss it; so does a chain or ``abs`` whose range is no wider than the interval. That
is for one point: a report says how many checks were judged together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from qbatch.arithmetic import CONSTANTS
from qbatch.frozen import dataclass
from qbatch.notation import did_you_mean
from qbatch.result.estimate import Estimate
from qbatch.result.notation import NotationError, parse_number
from qbatch.unit import SCALED

_NAME = re.compile(r"(?P<abs>abs\s*\(\s*)?(?P<name>[^\W\d][\w.:-]*)(?(abs)\s*\))\Z")
#: A number with a unit behind it; ``1e3`` is none.
_IN_UNIT = re.compile(
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>(?![eE]\d)[^\W\d_][^\s\d+()*]*)"
)
_OPERATOR = re.compile(r"(<=|>=|==|!=|<|>|≥|≤|≠)")
_SPELLINGS = {"≥": ">=", "≤": "<=", "≠": "!="}
_TURNED = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "==", "!=": "!="}
#: Distance within which two floats are the same number, in units of the largest one around.
_SAME = 1e-12


def _slack(*numbers: float) -> float:
    """Return the distance that rounding may make; of tiny numbers a tiny one."""
    return _SAME * max(map(abs, numbers))


class Verdict(StrEnum):
    """What the shots say about a claim."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Check:
    """A claim, read.

    Attributes:
        text: As written.
        name: The analysed number it is about.
        absolute: True for ``abs(NAME)``.
        conditions: (operator, number) each; all must hold.
        units: That numbers have behind them; of parts of s and Hz these.
    """

    text: str
    name: str
    absolute: bool
    conditions: tuple[tuple[str, float], ...]
    units: tuple[str, ...] = ()


def parse_check(
    text: str,
    names: Collection[str] | None = None,
    variables: Mapping[str, float] | None = None,
) -> Check:
    """Read a check.

    Args:
        text: ``zz >= 0.88``.
        names: The analysed numbers there are; None: any name will do.
        variables: Names that stand for numbers.

    Raises:
        NotationError: It cannot be read, or the name is unknown.
    """
    if turned := re.search("=[<>]", text):
        right = turned[0][::-1]
        raise NotationError(f"{turned[0]!r} compares nothing; write {right}", turned.start() + 1)
    parts = _OPERATOR.split(text)
    columns = [1 + sum(map(len, parts[:i])) for i in range(len(parts))]
    if len(parts) not in (3, 5):
        raise NotationError(f"{text!r} is no check; write for example zz >= 0.88")
    sides = [(part, column) for part, column in zip(parts, columns, strict=True)][::2]
    operators = [_SPELLINGS.get(op, op) for op in parts[1::2]]
    # In a chain the name stands in the middle; else on whichever side is no number.
    at = 1 if len(sides) == 3 else _side_of_name(sides, variables or {})
    name, absolute = _parse_name(*sides[at], names)
    conditions, units = [], []
    for i, (side, column) in enumerate(sides):
        if i != at:
            op = _TURNED[operators[0]] if i < at else operators[i - 1]
            plain, unit = _without_unit(side, variables or {})
            conditions.append((op, parse_number(plain, variables=variables, column=column)))
            units += [unit] if unit else []
    return Check(text, name, absolute, tuple(conditions), tuple(units))


def _without_unit(side: str, variables: Mapping[str, float]) -> tuple[str, str]:
    """Return what stands on a side as a number of a unit alone, and that unit; "" without one.

    >>> _without_unit(" 40us", {}), _without_unit("-1.1 Ha", {}), _without_unit("2*pi", {})
    (('40e-6', 's'), ('-1.1', 'Ha'), ('2*pi', ''))
    """
    match = _IN_UNIT.fullmatch(side.strip())
    if match is None or match["unit"] in {*CONSTANTS, *variables}:
        return side, ""
    unit, power = SCALED.get(match["unit"], (match["unit"], ""))
    is_scaled = power and "e" in match["number"].lower()
    number = f"{match['number']}*1{power}" if is_scaled else match["number"] + power
    return number, unit


def _side_of_name(sides: list[tuple[str, int]], variables: Mapping[str, float]) -> int:
    """0 where the left side is the name, 1 where the left side reads as a number."""
    match = _NAME.match(sides[0][0].strip())
    if match and match["name"] not in {"pi", *variables}:
        return 0
    return 1 if _NAME.match(sides[1][0].strip()) else 0


def _parse_name(side: str, column: int, names: Collection[str] | None) -> tuple[str, bool]:
    word = side.strip()
    column += len(side) - len(side.lstrip())
    match = _NAME.match(word)
    if match is None:
        what = f"{word!r} is no name" if word else "a name is missing"
        raise NotationError(f"{what} of an observable, probability or distance", column)
    if names is not None and match["name"] not in names:
        hint = did_you_mean(match["name"], names, cutoff=0.5)
        known = ", ".join(sorted(names)) or "nothing is; write analysis: …"
        raise NotationError(f"{match['name']!r} is not analysed ({known}){hint}", column)
    return match["name"], match["abs"] is not None


def judge(check: Check, estimate: Estimate) -> Verdict:
    """Judge a claim on the interval for judging; of several conditions the worst counts."""
    low, high = _interval(check, estimate)
    verdicts = {_judge(op, number, low, high) for op, number in check.conditions}
    for worst in (Verdict.FAIL, Verdict.UNDECIDED):
        if worst in verdicts:
            return worst
    return Verdict.PASS


def margin(check: Check, estimate: Estimate) -> float:
    """How far the interval for judging stays away from what would refute a claim.

    In units of the number: 0 or more where the claim passes, below 0 where the interval reaches
    beyond a limit; of several conditions the least. Orders points by how near they are to failing.
    """
    low, high = _interval(check, estimate)
    return min(_margin(op, number, low, high) for op, number in check.conditions)


def _margin(op: str, number: float, low: float, high: float) -> float:
    if op == "==":
        return min(number - low, high - number)
    if op == "!=":
        return max(low - number, number - high)
    return low - number if op in (">=", ">") else number - high


def explain(check: Check, estimate: Estimate, narrowing: str = "more shots") -> str:
    """Say in one sentence why `judge` decided as it did: each number, and where it lies.

    Args:
        check: What is claimed.
        estimate: On which it was judged.
        narrowing: What makes its interval narrower.
    """
    low, high = estimate.judged
    numbers = [number for _, number in check.conditions]
    if check.absolute:  # both sides of 0 are limits
        numbers = sorted({sign * number for number in numbers for sign in (-1, 1)})
    places: dict[str, list[str]] = {}
    for number in numbers:
        places.setdefault(_where(number, low, high), []).append(f"{number:.9g}")
    said = " and ".join(
        f"{' and '.join(texts)} {'lies' if len(texts) == 1 else 'lie'} {place}"
        for place, texts in places.items()
    )
    is_open = judge(check, estimate) is Verdict.UNDECIDED
    more = f"; {narrowing} would narrow it" if is_open else ""
    digits = _digits(low, high, numbers)
    return f"{said} [{low:.{digits}g}, {high:.{digits}g}]{more}"


def _digits(low: float, high: float, numbers: Iterable[float]) -> int:
    """Digits that tell the ends from each other and from `numbers`, 4 to 12."""
    ends = [(low, high), *((end, number) for end in (low, high) for number in numbers)]
    gaps = [
        abs(first - second) / max(abs(first), abs(second))
        for first, second in ends
        if abs(first - second) > _slack(first, second)
    ]
    return min(12, max(4, *(2 - math.floor(math.log10(gap)) for gap in gaps), 4))


def _interval(check: Check, estimate: Estimate) -> tuple[float, float]:
    low, high = estimate.judged
    if not check.absolute:
        return low, high
    inner = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return inner, max(abs(low), abs(high))


def _judge(op: str, number: float, low: float, high: float) -> Verdict:
    slack = _slack(number, low, high)
    if op == "==":
        return Verdict.PASS if low - slack <= number <= high + slack else Verdict.FAIL
    if op == "!=":
        return Verdict.UNDECIDED if low - slack <= number <= high + slack else Verdict.PASS
    if op in ("<=", "<"):  # x <= a is -x >= -a
        op, number, low, high = _TURNED[op], -number, -high, -low
    if op == ">=":
        holds, is_refuted = low >= number - slack, high < number - slack
    else:
        holds, is_refuted = low > number + slack, high <= number + slack
    if holds:
        return Verdict.PASS
    return Verdict.FAIL if is_refuted else Verdict.UNDECIDED


def _where(number: float, low: float, high: float) -> str:
    slack = _slack(number, low, high)
    if number < low - slack:
        return "below"
    return "above" if number > high + slack else "in"
