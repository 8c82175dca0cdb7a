"""Stretches of a row of measurements in which it was otherwise than usual.

Where `drift` finds a jump, both sides are looked at in the same way, until no jump is found or
fewer measurements are left than anything is said of. What most shots were measured in is how it
usually is; a stretch is bad where its share differs from that by more than chance (Fisher's exact
test, over all stretches by Holm's procedure).

Rule: where nothing drifts no first jump is found, at `drift.ALARM`, so there are no stretches. A
trend has none: nowhere along it is the usual.
"""

from __future__ import annotations

from collections.abc import Sequence

from qbatch.frozen import dataclass
from qbatch.result.counts import Counts
from qbatch.result.drift import find_drift
from qbatch.result.pooling import that_differ


@dataclass(frozen=True, slots=True)
class Stretch:
    """Measurements in which the share was another one.

    Attributes:
        first: Number of the first, from 0.
        end: Number of the first behind.
        share: Of the outcome, in it.
        usual: Of the outcome, in what most shots were measured in.
        p: How likely chance alone makes such a difference.
    """

    first: int
    end: int
    share: float
    usual: float
    p: float


def bad_stretches(ones: Sequence[int], shots: Sequence[int]) -> list[Stretch]:
    """Return the stretches that are not as usual, in the order of time.

    Args:
        ones: How often the outcome came, in each measurement.
        shots: Of how many.
    """
    ends = [*_jumps(ones, shots, 0), len(ones)]
    parts = [*zip([0, *ends], ends, strict=False)]
    sums = [(sum(ones[first:end]), sum(shots[first:end])) for first, end in parts]
    usual = max(sums, key=lambda each: each[1])
    counts = [_counts(*each) for each in sums]
    told = that_differ([(_counts(*usual), each) for each in counts])
    return [
        Stretch(first, end, hits / number, usual[0] / usual[1], p)
        for (first, end), (hits, number), (differs, p) in zip(parts, sums, told, strict=True)
        if differs
    ]


def _jumps(ones: Sequence[int], shots: Sequence[int], before: int) -> list[int]:
    """Return before which measurements the share changes; `before` of the row came earlier."""
    test = find_drift(ones, shots)
    if test.kind != "jump":
        return []
    at = test.at
    behind = _jumps(ones[at:], shots[at:], before + at)
    return [*_jumps(ones[:at], shots[:at], before), before + at, *behind]


def _counts(ones: int, shots: int) -> Counts:
    return Counts.from_dict([("outcome", 1)], {"1": ones, "0": shots - ones})
