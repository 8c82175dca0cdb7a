"""Sides made of draws whose truth is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from qbatch.difference import Side, Word, compare
from qbatch.difference.sides import Asked, Told
from qbatch.manifest.models import Analysis
from qbatch.result import Counts, analyse

SHARES = (0.02, 0.1, 0.3, 0.5, 0.5, 0.8, 0.97, 0.99)

ANALYSIS = Analysis.model_validate({"observables": {"z": "Z0"}})


def side_of_shares(
    name: str,
    shares: Sequence[float],
    shots: int,
    random: np.random.Generator,
    *,
    repeats: int = 1,
    scatter: float = 0.0,
    knows_shots: bool = True,
) -> Side:
    """A side of one bit: at the k-th point it is 1 with the k-th share.

    Args:
        scatter: Standard deviation by which each repeat's share differs from the truth.
        knows_shots: Else it is as an exported file tells it.
    """
    told = []
    for at, share in enumerate(shares):
        for _ in range(repeats):
            p = min(1.0, max(0.0, share + scatter * random.standard_normal()))
            ones = int(random.binomial(shots, p))
            counts = Counts.from_dict([("c", 1)], {"1": ones, "0": shots - ones})
            asked = Asked("one", "sim", (("x", at),), shots)
            told.append(
                Told(
                    f"{name}{len(told)}",
                    asked,
                    shots,
                    analyse(counts, ANALYSIS),
                    counts if knows_shots else None,
                )
            )
    return Side(name, told, 0, 0.95, ANALYSIS if knows_shots else None, {})


def power(shift: float, pairs: int, shots: int = 2000) -> float:
    """How often one of eight numbers is called changed at an error rate of 5 %.

    Args:
        shift: Of the number, in standard errors of its change.
        pairs: Of runs.
        shots: Of each point.
    """
    seen = 0
    step = shift * math.sqrt(2 * 0.25 / shots)
    for seed in range(pairs):
        random = np.random.default_rng([seed, 77])
        here = side_of_shares("a", [0.5] * 8, shots, random)
        there = side_of_shares("b", [0.5 + step, *[0.5] * 7], shots, random)
        seen += compare(here, there, error_rate=0.05).changes[0].word is Word.CHANGED
    return seen / pairs


def false_alarms(pairs: int, *, knows_shots: bool, shots: int) -> int:
    """In how many pairs of runs of one manifest anything is called changed, at 5 %."""
    alarms = 0
    for seed in range(pairs):
        random = np.random.default_rng([seed, shots])
        here, there = (
            side_of_shares(name, SHARES, shots, random, knows_shots=knows_shots) for name in "ab"
        )
        alarms += compare(here, there, error_rate=0.05).word is Word.CHANGED
    return alarms


if __name__ == "__main__":
    for knows in (True, False):
        for number in (100, 1000, 10_000):
            print(knows, number, false_alarms(1000, knows_shots=knows, shots=number) / 1000)
    for size in range(1, 6):
        print(size, power(size, 1000))
