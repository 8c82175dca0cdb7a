"""How often tests of equal things say "different", by simulation: a table for the documentation.

    python -m tests.report.false_alarms [--runs N] [--seed S]

Each row is one way of measuring: what is compared (backends, repeats), how many of them, shots of
each, and what the shots are drawn from. The rate is over data sets in which all are alike, so it
must stay at or below the limit: 1 % for all settings and numbers of a report together, give or take
what so many data sets leave open (three standard errors). The last rows are about real differences:
there the rate says how often they are found.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from qbatch.report.comparing import ALARM
from qbatch.result import DRAWS, family, homogeneity_p, smallest_p

#: Value -> probability of one shot.
Law = dict[float, float]


def coin(p: float) -> Law:
    return {0.0: 1 - p, 1.0: p}


#: A sum of six terms on a noisy ring: most shots at the top, the rest below it.
RING: Law = {6.0: 0.94, 2.0: 0.05, -2.0: 0.009, -6.0: 0.001}
EVEN: Law = {-2.0: 0.25, 0.0: 0.5, 2.0: 0.25}


@dataclass(frozen=True)
class Case:
    """One way of measuring; `laws` has one entry for each group, or one for all."""

    what: str
    sizes: tuple[int, ...]
    laws: tuple[Law, ...]
    settings: int = 1
    is_alike: bool = True


def cases() -> Iterator[Case]:
    """All rows of the table."""
    for p in (0.5, 0.1, 0.01, 0.001):
        for shots in (1, 2, 5, 10, 30, 100, 1000, 10_000):
            yield Case(f"p = {p}", (shots, shots), (coin(p),))
            yield Case(f"p = {p}", (shots,) * 10, (coin(p),))
        yield Case(f"p = {p}", (10, 1000), (coin(p),))
        yield Case(f"p = {p}", (100, 10_000), (coin(p),))
        yield Case(f"p = {p}", (10, 100, 10_000), (coin(p),))
        yield Case(f"p = {p}, 20 settings", (10, 10), (coin(p),), settings=20)
        yield Case(f"p = {p}, 100 settings", (100, 10_000), (coin(p),), settings=100)
    for name, law in (("sum, rare flips", RING), ("sum, even", EVEN)):
        for sizes in ((1, 1), (10, 10), (100, 100), (1000,) * 3, (2,) * 10, (100, 10_000)):
            yield Case(name, sizes, (law,))
    for sizes in ((100, 100), (1000, 1000), (1000, 10_000), (100, 1000)):
        yield Case("sum, equal means, unlike variances", sizes, ({-2.0: 0.5, 2.0: 0.5}, EVEN))
    for sizes, p, q in (
        ((100, 100), 0.3, 0.6),
        ((1000, 1000), 0.5, 0.6),
        ((10_000, 10_000), 0.01, 0.02),
        ((20, 20), 0.1, 0.9),
    ):
        yield Case(f"p = {p} and {q}", sizes, (coin(p), coin(q)), is_alike=False)
    drift = tuple(coin(0.3 + 0.02 * i) for i in range(10))
    yield Case("p drifts from 0.3 to 0.48", (500,) * 10, drift, is_alike=False)
    halves = (coin(0.02), coin(0.98)) * 10
    yield Case("p jumps between .02 and .98", (2,) * 20, halves, is_alike=False)
    yield Case("sum, flips .01 and .03", (1000, 1000), (_ring(0.01), _ring(0.03)), is_alike=False)


def _ring(flip: float) -> Law:
    """A sum of six independent Z, each flipped with a probability."""
    return {6.0 - 2 * k: math.comb(6, k) * flip**k * (1 - flip) ** (6 - k) for k in range(7)}


def draw(case: Case, random: np.random.Generator) -> list[dict[float, int]]:
    """Shots of each group at one setting."""
    groups = []
    for number, size in enumerate(case.sizes):
        law = case.laws[number % len(case.laws)]
        counts = random.multinomial(size, list(law.values()))
        groups.append(dict(zip(law, counts.tolist(), strict=True)))
    return groups


def rate(case: Case, runs: int, seed: int) -> float:
    """Share of data sets with any difference found at the family-wise rate of reports."""
    random, alarms = np.random.default_rng(seed), 0
    is_two_valued = all(len(law) == 2 and set(law) == {0.0, 1.0} for law in case.laws)
    draws = DRAWS if case.settings * 2 / (DRAWS + 1) <= ALARM else 400
    least = smallest_p(tuple(sorted(case.sizes)), draws, two_valued=is_two_valued)
    for _ in range(runs):
        found = [homogeneity_p(draw(case, random), draws) for _ in range(case.settings)]
        alarms += any(family(found, [least] * case.settings, ALARM))
    return alarms / runs


def limit(case: Case, runs: int) -> float:
    """What the rate must not exceed (equal things), or must reach (different ones)."""
    if not case.is_alike:
        return 0.9
    return ALARM + 3 * math.sqrt(ALARM * (1 - ALARM) / runs)


def holds(case: Case, found: float, runs: int) -> bool:
    """Whether a rate is as promised."""
    return found <= limit(case, runs) if case.is_alike else found >= limit(case, runs)


def _shots(sizes: Sequence[int]) -> str:
    if len(set(sizes)) == 1:
        return f"{len(sizes)} x {sizes[0]:,}"
    return " + ".join(f"{size:,}" for size in sizes)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Rates of false alarms, by simulation.")
    parser.add_argument("--runs", type=int, default=2000, help="data sets of each row")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    say = partial(print, flush=True)
    say("| shots drawn from | groups x shots | data sets | found different | limit | |")
    say("|---|---|---|---|---|---|")
    for case in cases():
        runs = max(200, asked.runs // case.settings)
        found, bound = rate(case, runs, asked.seed), limit(case, runs)
        mark = "ok" if holds(case, found, runs) else "**not kept**"
        sign = "≤" if case.is_alike else "≥"
        row = (case.what, _shots(case.sizes), runs, f"{found:.4f}", f"{sign} {bound:.4f}", mark)
        say("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    main()
