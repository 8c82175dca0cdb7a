"""Estimates: a value, its standard error, and an interval that never pretends to certainty.

A probability and an observable that has two values (one product of Z, a projector) are proportions:
Wilson's interval is told, and claims are judged on Clopper and Pearson's. An observable that has
more values is a mean of bounded shots: empirical likelihood's interval is told, and claims are
judged on Gaffke's. Why these, and how good they are: `qbatch.result.intervals`. They take the full
variance per shot, correlations between terms included, stay within what is attainable, contain the
value, and keep a width when all shots agree: 100 shots that all say 1 do not prove 1. The standard
error is the plain √(s²/n), zero when all shots agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from qbatch.notation import did_you_mean, listed
from qbatch.result.intervals import (
    Interval,
    clopper_pearson,
    mean_intervals,
    normal_quantile,
    wilson_interval,
)
from qbatch.result.notation import NotationError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from qbatch.result.counts import Counts
    from qbatch.result.observable import Observable

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number measured with finitely many shots.

    Attributes:
        value: The plain estimate.
        se: Standard error, 0 or more.
        low: Lower end of the interval; low <= value <= high.
        high: Upper end of the interval.
        floor: For distances only: what a perfect device would on average show with as many shots.
        judged_low: Lower end of the interval that claims are judged on; None: `low`.
        judged_high: Its upper end; None: `high`.
    """

    value: float
    se: float
    low: float
    high: float
    floor: float | None = None
    judged_low: float | None = None
    judged_high: float | None = None

    @property
    def judged(self) -> Interval:
        """What claims are judged on: wrong on each side at most (1 - level)/2 of the time."""
        return (
            self.low if self.judged_low is None else self.judged_low,
            self.high if self.judged_high is None else self.judged_high,
        )


def wilson(successes: int, shots: int, level: float = 0.95) -> Estimate:
    """Estimate a proportion, with Wilson's interval, to be judged on Clopper and Pearson's.

    Raises:
        ValueError: There are no shots, or the level is impossible.

    >>> wilson(0, 10).high.__round__(4)
    0.2775
    """
    return _proportion(successes, shots, (0.0, 1.0), level)


def _proportion(successes: int, shots: int, bounds: Interval, level: float) -> Estimate:
    """Estimate the mean of what is worth bounds[1] `successes` times and bounds[0] otherwise."""
    if shots < 1:
        raise ValueError("no shots, no estimate")
    bottom, top = bounds
    share, rest = successes / shots, (shots - successes) / shots
    value = bottom * rest + top * share
    told = wilson_interval(successes, shots, level)
    judged = clopper_pearson(successes, shots, level)
    ends = (
        (bottom * (1 - low) + top * low, bottom * (1 - high) + top * high)
        for low, high in (told, judged)
    )
    return _around(value, (top - bottom) * math.sqrt(share * rest / shots), *ends)


def _around(value: float, se: float, told: Interval, judged: Interval) -> Estimate:
    """Round so that the intervals hold the value."""
    (low, high), (least, most) = told, judged
    return Estimate(
        value,
        se,
        min(low, value),
        max(high, value),
        judged_low=min(least, value),
        judged_high=max(most, value),
    )


def expectation_value(counts: Counts, observable: Observable, level: float = 0.95) -> Estimate:
    """Estimate an observable's expectation value.

    Args:
        counts: At least one shot.
        observable: On bits that `counts` has.
        level: Confidence of the interval.

    Returns:
        Value, its standard error √(variance per shot / shots) (for one product of Z
        √((1 - value²)/shots)), and the interval.

    Raises:
        ValueError: There are no shots, or the level is impossible.
    """
    shots = counts.shots
    if shots < 1:
        raise ValueError("no shots, no estimate")
    normal_quantile(level)
    bottom, top = bounds = observable.bounds
    if bottom == top:
        return Estimate(bottom, 0.0, bottom, bottom)
    values = observable.values(counts)
    if observable.reach.is_two_valued:
        successes = int(counts.counts[values > (bottom + top) / 2].sum())
        return _proportion(successes, shots, bounds, level)
    return _mean(*_distinct(values.clip(bottom, top), counts.counts), bounds, level)


def _distinct(values: Floats, counts: Ints) -> tuple[Floats, Ints]:
    """Distinct values, ascending, and how many shots had each."""
    import numpy as np

    distinct, places = np.unique(values, return_inverse=True)
    return distinct, np.bincount(places, counts, len(distinct)).astype(np.int64)


def _mean(values: Floats, counts: Ints, bounds: Interval, level: float) -> Estimate:
    """Estimate the mean of what is worth distinct `values` so many times."""
    shots, size = int(counts.sum()), bounds[1] - bounds[0]
    shares = counts / shots
    value = min(max(float(shares @ values), bounds[0]), bounds[1])
    variance = float(shares @ ((values - value) / size) ** 2)
    se = size * math.sqrt(variance / shots) if len(values) > 1 else 0.0
    return _around(value, se, *mean_intervals(values, counts, bounds, level))


def probability(counts: Counts, pattern: str, level: float = 0.95) -> Estimate:
    """Estimate the probability of the outcomes that match `pattern`, with Wilson's interval.

    Raises:
        NotationError: The pattern does not fit the registers.
        ValueError: There are no shots.
    """
    import numpy as np

    wanted = parse_pattern(pattern, counts.registers)
    matches = np.ones(len(counts), dtype=bool)
    for bit, value in wanted.items():
        matches &= counts.bit(bit) == value
    return wilson(int(counts.counts[matches].sum()), counts.shots, level)


def parse_pattern(pattern: str, registers: Sequence[tuple[str, int]]) -> dict[int, int]:
    """Read a pattern of ``0``, ``1`` and ``*`` (either), written as a bitstring is.

    Spaces between registers may be left out. By name it fits circuits of any width: ``all=0`` means
    that every bit is 0, ``a=1, b=0*`` what registers a and b are, whatever others there are. One
    letter stands for every bit of its register.

    Returns:
        Classical bit -> 0 or 1, for each bit that must have a certain value.

    Raises:
        NotationError: Other characters, another width, or spaces elsewhere than between registers.

    >>> parse_pattern("1 0*", [("a", 2), ("b", 1)])
    {1: 0, 2: 1}
    >>> parse_pattern("b=1, a=0", [("a", 2), ("b", 1)])
    {2: 1, 0: 0, 1: 0}
    """
    if "=" in pattern:
        return _parse_named(pattern, registers)
    strange = next((i for i, letter in enumerate(pattern) if letter not in "01* "), None)
    if strange is not None:
        raise NotationError(f"{pattern[strange]!r} is none of 0, 1 and *", strange + 1)
    num_bits = sum(bits for _, bits in registers)
    letters = pattern.replace(" ", "")
    words = [len(word) for word in pattern.split(" ")]
    sizes = [bits for _, bits in reversed(registers)]
    if len(letters) != num_bits or (" " in pattern and words != sizes):
        layout = " ".join(f"{name}[{bits}]" for name, bits in reversed(registers))
        raise NotationError(
            f"{pattern!r} has {len(letters)} of {num_bits} bits or a misplaced space; "
            f"write one 0, 1 or * for each bit of {layout}, bit 0 rightmost"
        )
    return {bit: int(letter) for bit, letter in enumerate(reversed(letters)) if letter in "01"}


def _parse_named(pattern: str, registers: Sequence[tuple[str, int]]) -> dict[int, int]:
    firsts = accumulate((bits for _, bits in registers), initial=0)
    starts = {name: first for (name, _), first in zip(registers, firsts, strict=False)}
    sizes = {"all": sum(bits for _, bits in registers), **dict(registers)}
    found: dict[int, int] = {}
    for part in pattern.split(","):
        name, equals, letters = (word.strip() for word in part.partition("="))
        if name not in sizes:
            known = [register for register, _ in registers]
            raise NotationError(
                f"{name!r} is no register of classical bits; there are {listed(known)}, and all of "
                f"them are called all{did_you_mean(name, known)}"
            )
        size = sizes[name]
        if not equals or not letters or letters.strip("01*") or len(letters) not in (1, size):
            one = f", or one for all {size}" if size > 1 else ""
            raise NotationError(
                f"{part.strip()!r}: write one 0, 1 or * for each bit of {name}[{size}]{one}, as in "
                f"{name}={'0' * min(size, 8)}"
            )
        for at, letter in enumerate(reversed(letters * (size if len(letters) == 1 else 1))):
            bit = starts.get(name, 0) + at
            if letter in "01" and found.setdefault(bit, int(letter)) != int(letter):
                raise NotationError(f"{pattern!r} asks bit {bit} to be both 0 and 1")
    return found
