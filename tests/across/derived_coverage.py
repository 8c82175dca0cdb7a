"""How often intervals of derived numbers hold the truth: a table.

    python -m tests.across.derived_coverage [--seed S] [--data-sets N] [--only TEXT]

Each row draws N synthetic runs whose derived number is known, and makes it as a report does. Its
columns: how often the interval holds the truth; how often a claim that is true by a hair is told
FAIL, ``>=`` and ``<=`` each by itself: at the level .95 of a report 2.5 % of the time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.across.made import across_of, manifest_of

SHOTS = (100, 1000, 10_000, 100_000)

#: How often a true claim may fail, and a number be undecided for want of shots.
ONE_SIDE, MOST_UNDECIDED = 0.03, 0.01

#: Probabilities of outcomes at each point of a run, by the values of its axes.
Chances = dict[tuple[Any, ...], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A derived number whose value is known.

    Attributes:
        what: Of what kind.
        analysis: Of the manifest, with the derived number D.
        matrix: Of its sweep.
        repeat: Of its sweep.
        chances: Made with a generator.
        truth: Of these chances.
        least: Coverage that is asked for.
        most: Coverage that is not to be passed; 1 where intervals are wide on purpose.
    """

    what: str
    analysis: dict[str, Any]
    matrix: dict[str, Any]
    chances: Callable[[np.random.Generator], Chances]
    truth: Callable[[Chances], float]
    repeat: int = 1
    least: float = 0.94
    most: float = 0.97


def _two(p: float) -> np.ndarray:
    return np.array([1 - p, p])


def _each(places: Sequence[Any], low: float, high: float) -> Callable[..., Chances]:
    return lambda generator: {
        place: _two(p)
        for place, p in zip(places, generator.uniform(low, high, len(places)), strict=True)
    }


def _analysis(formula: str, **probabilities: str) -> dict[str, Any]:
    return {"probabilities": probabilities or {"p": "1"}, "derived": {"D": formula}}


def _values(chances: Chances) -> list[float]:
    return [float(found[1]) for found in chances.values()]


def _pairs(generator: np.random.Generator) -> Chances:
    return {(0,): generator.dirichlet([3.0, 2.0, 2.0, 3.0])}


def _chsh(generator: np.random.Generator) -> Chances:
    e = generator.uniform(0.5, 0.75)
    signs = {(0, 0): 1, (0, 1): -1, (1, 0): 1, (1, 1): 1}
    return {place: _two((1 - sign * e) / 2) for place, sign in signs.items()}


def _fringe(generator: np.random.Generator) -> Chances:
    size, phase = generator.uniform(0.3, 0.45), generator.uniform(0, 2 * math.pi)
    return {(x,): _two(0.5 + size * math.cos(math.pi * x / 4 + phase)) for x in range(8)}


#: Where decays are measured, and between which chances they fall.
_WAITS = (0, 1, 2, 3, 4, 6, 8, 11, 15, 20)
_END, _HEIGHT = 0.05, 0.85


def _decays(generator: np.random.Generator) -> Chances:
    found: Chances = {}
    for backend in ("one", "two"):
        tau = generator.uniform(4, 8)
        found |= {
            (backend, x): _two(_END + _HEIGHT * math.exp(-x / tau) if x else _END + _HEIGHT)
            for x in _WAITS
        }
    return found


def _tau(chances: Chances, backend: str) -> float:
    return -1 / math.log((float(chances[backend, 1][1]) - _END) / _HEIGHT)


def _of_fits() -> Iterator[Case]:
    """Yield numbers made of the parameters of exponential decays."""
    matrix = {"backend": ["one", "two"], "x": list(_WAITS)}
    for what, formula, truth in (
        (
            "ratio of two fitted times",
            "t.tau[backend=one] / t.tau[backend=two]",
            lambda c: _tau(c, "one") / _tau(c, "two"),
        ),
        (
            "difference of two fitted times",
            "t.tau[backend=one] - t.tau[backend=two]",
            lambda c: _tau(c, "one") - _tau(c, "two"),
        ),
        (
            "sum of two parameters of one fit",
            "t.a[backend=one] + t.c[backend=one]",
            lambda c: _END + _HEIGHT,
        ),
        (
            "rate a / tau of one fit",
            "t.a[backend=one] / t.tau[backend=one]",
            lambda c: _HEIGHT / _tau(c, "one"),
        ),
    ):
        analysis = _analysis(formula)
        analysis["fits"] = {"t": {"model": "exponential", "x": "x", "y": "p"}}
        yield Case(what, analysis, matrix, _decays, truth)


def cases() -> Iterator[Case]:
    """Yield every kind."""
    yield from _of_points()
    yield from _of_fits()


def _of_points() -> Iterator[Case]:
    """Yield numbers made of points alone."""
    pair = [(0,), (1,)]
    yield Case(
        "difference, p from .05 to .95",
        _analysis("p[x=0] - p[x=1]"),
        {"x": [0, 1]},
        _each(pair, 0.05, 0.95),
        lambda c: _values(c)[0] - _values(c)[1],
    )
    yield Case(
        "S of four E",
        {
            "observables": {"E": "Z0"},
            "derived": {"D": "E[x=0, y=0] - E[x=0, y=1] + E[x=1, y=0] + E[x=1, y=1]"},
        },
        {"x": [0, 1], "y": [0, 1]},
        _chsh,
        lambda c: sum(
            sign * (1 - 2 * p) for sign, p in zip((1, -1, 1, 1), _values(c), strict=True)
        ),
    )
    yield Case(
        "mean over 5 repeats",
        _analysis("mean(p, over=repeat)"),
        {"x": [0]},
        lambda g: dict.fromkeys([(0, at) for at in range(1, 6)], _two(g.uniform(0.03, 0.5))),
        lambda c: _values(c)[0],
        repeat=5,
    )
    yield Case(
        "sum of two of the same shots",
        {"observables": {"a": "Z0", "b": "Z0 Z1"}, "derived": {"D": "a + 0.5*b"}},
        {"x": [0]},
        _pairs,
        lambda c: float(c[0,] @ [1.5, -1.5, 0.5, -0.5]),
    )
    yield Case(
        "ratio of two of the same shots",
        _analysis("both / first", both="11", first="1*"),
        {"x": [0]},
        _pairs,
        lambda c: float(c[0,][3] / (c[0,][2] + c[0,][3])),
    )
    yield Case(
        "product, ratio of two points",
        _analysis("p[x=0] * p[x=1] / (0.5 + p[x=1])"),
        {"x": [0, 1]},
        _each(pair, 0.1, 0.9),
        lambda c: _values(c)[0] * _values(c)[1] / (0.5 + _values(c)[1]),
    )
    yield Case(
        "root of a sum of squares",
        _analysis("sqrt((2*p[x=0] - 1)**2 + (2*p[x=1] - 1)**2)"),
        {"x": [0, 1]},
        _each(pair, 0.6, 0.95),
        lambda c: math.hypot(*(2 * p - 1 for p in _values(c))),
    )
    near = 0.5 + np.array([0.0, 0.001, 0.01])
    for what, formula, truth in (
        ("abs(E) at and near 0", "abs(2*p[x=0] - 1)", lambda e, f: abs(e)),
        ("E**2 at and near 0", "(2*p[x=0] - 1)**2", lambda e, f: e * e),
        ("cos(E) at and near 0", "cos(2*p[x=0] - 1)", lambda e, f: math.cos(e)),
        (
            "root of a sum of squares at and near 0",
            "sqrt((2*p[x=0] - 1)**2 + (2*p[x=1] - 1)**2)",
            math.hypot,
        ),
    ):
        yield Case(
            what,
            _analysis(formula),
            {"x": [0, 1]},
            lambda g: {place: _two(g.choice(near)) for place in pair},
            lambda c, truth=truth: truth(*(2 * p - 1 for p in _values(c))),
            most=1.0,
        )
    eight = [(x,) for x in range(8)]
    yield Case(
        "largest of 8 that are equal",
        _analysis("max(p, over=x)"),
        {"x": list(range(8))},
        lambda g: dict.fromkeys(eight, _two(g.uniform(0.2, 0.8))),
        lambda c: max(_values(c)),
        most=1.0,
    )
    yield Case(
        "largest of 8 that differ",
        _analysis("max(p, over=x)"),
        {"x": list(range(8))},
        _each(eight, 0.2, 0.95),
        lambda c: max(_values(c)),
        most=1.0,
    )
    yield Case(
        "contrast: largest - smallest of 8",
        _analysis("max(p, over=x) - min(p, over=x)"),
        {"x": list(range(8))},
        _fringe,
        lambda c: max(_values(c)) - min(_values(c)),
        most=1.0,
    )
    yield Case(
        "place of the largest of 8",
        _analysis("argmax(p, over=x)"),
        {"x": list(range(8))},
        _fringe,
        lambda c: float(max(range(8), key=lambda at: _values(c)[at])),
        most=1.0,
    )


@dataclass(frozen=True)
class Row:
    """What was seen of one case at one number of shots; shares of the data sets with a number."""

    case: Case
    shots: int
    data_sets: int
    holds: float
    below: float
    above: float
    at_least_fails: float
    at_most_fails: float
    undecided: float

    @property
    def is_within_limits(self) -> bool:
        """Whether no more than 4 standard deviations of the simulation beyond its limits."""
        room, of_side = (4 * math.sqrt(p * (1 - p) / self.data_sets) for p in (0.05, ONE_SIDE))
        if self.undecided > MOST_UNDECIDED:
            return False
        is_held = self.case.least - room <= self.holds <= self.case.most + room
        return is_held and max(self.at_least_fails, self.at_most_fails) <= ONE_SIDE + of_side


def run(case: Case, shots: int, seed: int, data_sets: int) -> Row:
    """Draw data sets of a case."""
    generator = np.random.default_rng([seed, shots])
    manifest = manifest_of(case.analysis, case.matrix, case.repeat)
    below = above = at_least_fails = at_most_fails = undecided = 0
    for _ in range(data_sets):
        chances = case.chances(generator)
        counts = {}
        for place, p in chances.items():
            drawn, width = generator.multinomial(shots, p), len(p).bit_length() - 1
            counts[place] = {f"{i:0{width}b}": int(n) for i, n in enumerate(drawn)}
        (number,) = across_of(manifest, counts).derived
        if number.estimate is None:
            undecided += 1
            continue
        truth, slack = case.truth(chances), 1e-9
        below += number.estimate.high < truth - slack
        above += number.estimate.low > truth + slack
        low, high = number.estimate.judged
        at_least_fails += high < truth - slack
        at_most_fails += low > truth + slack
    told = data_sets - undecided
    held = told - below - above
    shares = (n / max(1, told) for n in (held, below, above, at_least_fails, at_most_fails))
    return Row(case, shots, told, *shares, undecided / data_sets)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--only", default="", help="rows with this text")
    given = parser.parse_args()
    print(
        "| derived number | "
        + " | ".join(f"{n:,} shots" for n in SHOTS)
        + " | `>=` fails | `<=` fails |"
    )
    print("|---|" + "--:|" * (len(SHOTS) + 2))
    for case in (each for each in cases() if given.only in each.what):
        rows = [run(case, shots, given.seed, given.data_sets) for shots in SHOTS]
        cells = [f"{row.holds:.3f}" for row in rows]
        cells.append(f"{max(row.at_least_fails for row in rows):.3f}")
        cells.append(f"{max(row.at_most_fails for row in rows):.3f}")
        print(f"| {case.what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
