"""How often the intervals of fitted parameters hold the truth: a table.

    python -m tests.across.coverage [--data-sets N] [--seed S] [--only NAME]

Each row draws N data sets of binomial counts about a curve whose parameters are known, at each of
100 to 100,000 shots a point, and fits them as the product does. Told is the least and the largest
share of data sets, over the curve's parameters, in which the interval holds the truth; how many
fits were undecided; and how many were called poor, which is to be 1 %.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from qbatch.across.fitting import NoFitError, data_of, fit
from qbatch.curves import CURVES, Curve, own_curve
from qbatch.formula import read_formula
from qbatch.result import wilson

Z = 1.959963984540054
SHOTS = (100, 1000, 10_000, 100_000)
#: What coverage is to be, and standard deviations of the simulation allowed beyond it.
LEAST, MOST, ALLOWED_DEVIATIONS = 0.94, 0.97, 4.5


@dataclass(frozen=True)
class Case:
    """A curve, its true parameters, and where it is measured."""

    name: str
    curve: Curve
    true: Mapping[str, float]
    x: tuple[float, ...]
    start: Mapping[str, float]
    fixed: Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """What was seen of one case at one number of shots."""

    case: Case
    shots: int
    data_sets: int
    holds: Mapping[str, float]
    undecided: float
    poor: float

    @property
    def faults(self) -> list[str]:
        """What is beyond its limit."""
        found = [
            f"{name} holds {share:.3f}"
            for name, share in self.holds.items()
            if not self._slack(LEAST, -1) <= share <= self._slack(MOST, 1)
        ]
        if self.poor > self._slack(0.013, 1):
            found.append(f"poor {self.poor:.3f}")
        return found

    def _slack(self, limit: float, side: int) -> float:
        deviation = math.sqrt(limit * (1 - limit) / max(1, self.data_sets))
        return limit + side * ALLOWED_DEVIATIONS * deviation


def _case(
    name: str,
    true: Mapping[str, float],
    x: np.ndarray,
    *,
    formula: str = "",
    fixed: Mapping[str, float] | None = None,
) -> Case:
    curve = own_curve(read_formula(formula)) if formula else CURVES[name]
    start = {n: 0.9 * v for n, v in true.items()} if formula else {}
    return Case(name, curve, true, tuple(x.tolist()), start, fixed or {})


CASES = (
    _case("exponential", {"a": 0.9, "tau": 40.0, "c": 0.05}, np.linspace(1, 200, 15)),
    _case(
        "damped_cosine",
        {"a": 0.45, "tau": 30.0, "f": 0.08, "phi": 0.4, "c": 0.5},
        np.linspace(0, 80, 41),
    ),
    _case("sinusoid", {"a": 0.4, "f": 0.05, "phi": -1.0, "c": 0.5}, np.linspace(0, 60, 21)),
    _case("line", {"a": 0.005, "b": 0.2}, np.linspace(0, 100, 8)),
    _case("rb", {"a": 0.45, "p": 0.98, "b": 0.5}, np.array([1, 2, 4, 8, 16, 32, 64, 128, 256.0])),
    _case(
        "gaussian", {"a": 0.6, "x0": 3.0, "sigma": 1.1, "c": 0.1}, np.linspace(-5, 10, 25)
    ),
    _case(
        "lorentzian", {"a": -0.6, "x0": 3.0, "gamma": 1.1, "c": 0.9}, np.linspace(-5, 10, 25)
    ),
    _case(
        "formula",
        {"a": 0.3, "w": 2.3, "b": 0.5},
        np.linspace(0, 3, 12),
        formula="a*cos(w*x) + b",
    ),
)  # fmt: skip


#: Data sets drawn whatever time they take.
FEWEST = 20


def run(case: Case, shots: int, seed: int, data_sets: int, until: float = math.inf) -> Row:
    """Draw and fit, `FEWEST` times, and more until a time of `time.monotonic`."""
    share = np.clip(case.curve.formula({**case.true, "x": np.array(case.x)}), 0, 1)
    rng = np.random.default_rng((seed, shots, len(case.x)))
    holds = dict.fromkeys(set(case.true) - set(case.fixed), 0)
    undecided = poor = done = 0
    for ones in rng.binomial(shots, share, size=(data_sets, len(case.x))):
        if time.monotonic() > until and done >= FEWEST:
            break
        done += 1
        points = [wilson(int(k), shots) for k in ones]
        data = data_of(case.x, points, [shots] * len(points), Z)
        try:
            found = fit(case.curve, data, start=case.start, fixed=case.fixed, z=Z)
        except NoFitError:
            undecided += 1
            continue
        poor += found.is_poor
        for name, estimate in found.parameters.items():
            holds[name] += estimate.low <= case.true[name] <= estimate.high
    fitted = max(1, done - undecided)
    shares = {name: number / fitted for name, number in sorted(holds.items())}
    return Row(case, shots, done, shares, undecided / done, poor / fitted)


def rows(seed: int, data_sets: int, only: str = "") -> Iterator[Row]:
    """Measure every case at every number of shots."""
    for case in CASES:
        if only in case.name:
            for shots in SHOTS:
                yield run(case, shots, seed, data_sets)


def line_of(row: Row) -> str:
    """A row of the table, in Markdown."""
    least = min(row.holds, key=lambda name: row.holds[name])
    most = max(row.holds, key=lambda name: row.holds[name])
    cells = [
        row.case.name, f"{row.shots:,}", f"{row.data_sets}",
        f"{row.holds[least]:.3f} ({least})", f"{row.holds[most]:.3f} ({most})",
        f"{row.undecided:.3f}", f"{row.poor:.3f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |" + "".join(f" <- {fault}" for fault in row.faults)


HEAD = (
    "| curve | shots a point | data sets | least | most | undecided | poor |\n"
    "|---|--:|--:|--:|--:|--:|--:|"
)


def main() -> int:
    """Print the table; 1 where something is beyond its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.across.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-sets", type=int, default=1000)
    parser.add_argument("--only", default="", help="curves whose name contains this")
    asked = parser.parse_args()
    print(HEAD)
    faults = 0
    for row in rows(asked.seed, asked.data_sets, asked.only):
        faults += len(row.faults)
        print(line_of(row), flush=True)
    print(f"\n{faults} beyond a limit")
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
