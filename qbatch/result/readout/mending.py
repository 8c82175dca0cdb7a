"""One mended number, with its interval.

It is the sum of independent means: those of the settings it is made of, whose shots are worth what
the inverse of the readout makes of them, and those of the calibration circuits, whose means are 0
and whose spread is what is left open of the readout. Its interval is that of such a sum
(`qbatch.result.independent`).

What is mended need not be a distribution: a probability may come out a little below 0 or above 1,
by no more than its interval says. The authors of all three methods keep such quasi-probabilities
where means are made of them, for to cut them off shifts every mean; so does qbatch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qbatch.result.counts import Counts
from qbatch.result.estimate import Estimate, around
from qbatch.result.independent import sum_intervals
from qbatch.result.intervals import mean_intervals
from qbatch.result.readout.told import Readout
from qbatch.result.readout.worth import Worth


def mend(parts: Sequence[tuple[Worth, Counts]], readout: Readout, level: float = 0.95) -> Estimate:
    """Estimate a sum of means, each over the shots of one setting, as it was before readout.

    Args:
        parts: What each setting tells of it, and its counts: at least one shot each.
        readout: What the calibration has told, of the bits of all of them.
        level: Confidence of the interval.

    Raises:
        UntoldError: The calibration does not tell it.
        ValueError: There are no shots.
    """
    if any(counts.shots < 1 for _, counts in parts):
        raise ValueError("no shots, no estimate; give counts of one or more")
    told = [readout.mended(worth, counts) for worth, counts in parts]
    known = math.fsum(each.sample.mean for each in told if _is_known(each.sample.bounds))
    samples = [each.sample for each in told if not _is_known(each.sample.bounds)]
    if not samples:
        return Estimate(known, 0.0, known, known)
    value = known + math.fsum(each.mean for each in samples)
    samples += readout.samples(sum(each.slopes for each in told[1:]) + told[0].slopes)
    if len(samples) > 1:
        ends = sum_intervals(samples, level)
    else:
        (only,) = samples
        ends = mean_intervals(only.values, only.counts, only.bounds, level)
    said, judged = ((low + known, high + known) for low, high in ends)
    return around(value, math.sqrt(sum(each.squared_error for each in samples)), said, judged)


def _is_known(bounds: tuple[float, float]) -> bool:
    """Whether shots can have one worth alone."""
    return bounds[1] - bounds[0] <= 1e-12 * max(1.0, abs(bounds[0]))
