"""How often the intervals of extrapolated numbers hold what is true: ``python -m tests.result.coverage_of_zne``.

Each row is a curve and a kind of number whose values lie on that curve: a proportion (one product
of Z), a sum of two correlated terms told by the same shots, and both together, of shots of their
own. Drawn by numpy from the true probabilities; nothing here knows how the interval is made.
"""  # noqa: E501

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from qbatch.result.extrapolation import NoExtrapolationError, Scaled, extrapolated
from qbatch.result.independent import Sample

SCALES = (1.0, 1.5, 2.0, 3.0)
FITS = ("linear", "richardson", "exponential")
KINDS = ("product", "sum", "both")
SHOTS = (100, 1000, 10_000, 100_000)

#: Value without noise, and how fast noise takes it away.
TRUTH, RATE = 0.8, 0.15


class Row(NamedTuple):
    """How a way of measuring came out: shares of experiments."""

    fit: str
    kind: str
    shots: int
    covered: float
    judged: float
    undecided: float


def mean_at(fit: str, scale: float) -> float:
    away = RATE * scale
    if fit == "exponential":
        return TRUTH * math.exp(-away)
    return TRUTH * (1 - away + (away**2 / 3 if fit == "richardson" else 0))


def product(mean: float, shots: int, rng: np.random.Generator) -> Sample:
    ones = int(rng.binomial(shots, (1 + mean) / 2))
    there = [(value, n) for value, n in ((-1.0, shots - ones), (1.0, ones)) if n]
    values, counts = (np.array(column) for column in zip(*there, strict=True))
    return Sample(values, counts, (-1.0, 1.0), True)


def correlated(mean: float, shots: int, rng: np.random.Generator) -> Sample:
    """0.5 Z0 + 0.3 Z1, each of this mean; Z1 is Z0 in seven of ten shots, else drawn anew."""
    share = (1 + mean) / 2
    joint = {
        (a, b): 0.7 * share_of(a, share) * (a == b) + 0.3 * share_of(a, share) * share_of(b, share)
        for a in (1, -1)
        for b in (1, -1)
    }
    counts = rng.multinomial(shots, [*joint.values()])
    worth = [(0.5 * a + 0.3 * b, int(n)) for (a, b), n in zip(joint, counts, strict=True) if n]
    values, numbers = (np.array(column) for column in zip(*sorted(worth), strict=True))
    return Sample(values, numbers, (-0.8, 0.8), False)


def share_of(value: int, share: float) -> float:
    return share if value == 1 else 1 - share


def samples(kind: str, mean: float, shots: int, rng: np.random.Generator) -> list[Sample]:
    found = [product(mean, shots, rng)] if kind != "sum" else []
    return found + ([correlated(mean, shots, rng)] if kind != "product" else [])


def row(fit: str, kind: str, shots: int, times: int, seed: int = 1) -> Row:
    rng = np.random.default_rng([seed, FITS.index(fit), KINDS.index(kind), shots])
    truth = TRUTH * {"product": 1.0, "sum": 0.8, "both": 1.8}[kind]
    covered = judged = undecided = 0
    for _ in range(times):
        found = [Scaled(s, samples(kind, mean_at(fit, s), shots, rng)) for s in SCALES]
        try:
            told = extrapolated(found, fit).estimate
        except NoExtrapolationError:
            undecided += 1
            continue
        covered += told.low <= truth <= told.high
        judged += told.judged[0] <= truth <= told.judged[1]
    decided = max(times - undecided, 1)
    return Row(fit, kind, shots, covered / decided, judged / decided, undecided / times)


def rows(times: int, shots: Sequence[int] = SHOTS) -> Iterator[Row]:
    for fit in FITS:
        for kind in KINDS:
            for number in shots:
                yield row(fit, kind, number, times)


def main(times: int) -> None:
    print("| fit | number | shots | covered | judged | undecided |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in rows(times):
        shares = " | ".join(f"{100 * share:.1f} %" for share in one[3:])
        print(f"| {one.fit} | {one.kind} | {one.shots:,} | {shares} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
