"""How often intervals hold the truth where points are mended by one calibration: a table.

    python -m tests.across.common_coverage [--data-sets N] [--seed S] [--only TEXT]

Each row draws N synthetic runs: the shots of their points, and of the calibration that all of them
share. Told is the share of intervals that hold the truth, or of a χ² the share whose p is .05 or
more: both are to be .95. The calibration has as many shots a circuit as `CALIBRATION` says of the
points' own, so that its error is as large as theirs, or larger.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from qbatch.across import Across, Measured, Points
from qbatch.job import Job
from qbatch.manifest.models import Manifest
from qbatch.plan.geometry.written import values_by_axis
from qbatch.result import Counts, analyse_settings
from tests.across.made import manifest_of

SHOTS = (100, 1000, 10_000, 100_000)
#: Shots of each calibration circuit, for each of a point's.
CALIBRATION = 1.0
#: P(1|0) and P(0|1) of each bit.
RATES = (0.04, 0.09)
X = np.linspace(0.0, 30.0, 12)
A, TAU, C = 0.8, 10.0, 0.1
LEAST, MOST, ALLOWED_DEVIATIONS = 0.94, 0.97, 4.0
FEWEST = 100


class Given:
    """A point that is measured as it is written, and the calibrations that it shares."""

    def __init__(self, id_: str, counts: Mapping[str, Counts]) -> None:
        self.counts, self.job, self.counts_by_basis = counts[""], Job(""), counts
        self.calibrating_jobs = {text: [(text, each)] for text, each in counts.items() if text}
        self.each_setting = [Setting(text, text or id_) for text in counts]


@dataclass(frozen=True)
class Setting:
    """A setting, and its id."""

    basis: str
    id: str


def read(share: np.ndarray, bits: int) -> np.ndarray:
    """Probabilities of what is read, of those of what is there: each bit errs by itself."""
    wrong, missed = RATES
    own = np.array([[1 - wrong, missed], [wrong, 1 - missed]])
    whole = np.eye(1)
    for _ in range(bits):
        whole = np.kron(own, whole)
    return np.asarray(whole @ share)


def drawn(share: np.ndarray, bits: int, shots: int, generator: np.random.Generator) -> Counts:
    found = generator.multinomial(shots, read(share, bits))
    texts = [f"{at:0{bits}b}" for at in range(1 << bits)]
    return Counts.from_dict([("b", bits)], dict(zip(texts, map(int, found), strict=True)))


def across_of(
    manifest: Manifest, value: Callable[[float, float], float], shots: int, seed: Any
) -> Across:
    """Measure ⟨Z0 Z1⟩ at each x and y, where it is `value`, and a calibration once."""
    generator = np.random.default_rng(seed)
    calibrations = {}
    for text, outcome in (("calibration=00", 0), ("calibration=11", 3)):
        share = np.eye(4)[outcome]
        calibrations[text] = drawn(share, 2, max(20, round(CALIBRATION * shots)), generator)
    points = Points(manifest)
    values = values_by_axis(manifest)
    for x in values["x"] or []:
        for y in values.get("y") or [0]:
            odd = (1 - value(float(x), float(y))) / 2
            share = np.array([(1 - odd) / 2, odd / 2, odd / 2, (1 - odd) / 2])
            counts = {"": drawn(share, 2, shots, generator), **calibrations}
            id_ = f"x={x},y={y}"
            axes = {"circuit": "c", "backend": "one", "shots": shots, "repeat": 1, "x": x, "y": y}
            estimates = analyse_settings(counts, [*counts], manifest.analysis)
            point: Any = Given(id_, counts)
            points.found.append(Measured(id_, id_, axes, estimates, shots, "", point))
    return Across(points)


def decay(x: float, y: float = 0.0) -> float:
    return A * math.exp(-x / (TAU * (1 + y))) + C


@dataclass(frozen=True)
class Case:
    """Numbers of mended points.

    Attributes:
        what: Is asked.
        analysis: Beside the observable and the mitigation.
        told: Whether each of a run's numbers is right.
        y: Values of a second axis.
    """

    what: str
    analysis: Mapping[str, Any]
    told: Callable[[Across], list[bool]]
    y: tuple[float, ...] = (0.0,)

    def manifest(self, method: str) -> Manifest:
        parts = {
            "observables": {"E": "Z0 Z1"},
            "mitigation": {"readout": {"method": method}},
            **self.analysis,
        }
        return manifest_of(parts, {"x": X.tolist(), "y": [*self.y]})


def _parameters(across: Across) -> list[bool]:
    (found,) = across.fits
    true = {"a": A, "tau": TAU, "c": C}
    return [each.low <= true[name] <= each.high for name, each in found.parameters.items()]


def _fits_well(across: Across) -> list[bool]:
    return [(each.solution.p or 0.0) >= 0.05 for each in across.fits if each.solution is not None]


def _agrees(across: Across) -> list[bool]:
    told = (each.p_value for each in across.expected if not each.reason)
    return [p >= 0.05 for p in told if p is not None]


def _derived(truth: float) -> Callable[[Across], list[bool]]:
    def told(across: Across) -> list[bool]:
        (number,) = across.derived
        found = number.estimate
        return [] if found is None else [found.low <= truth <= found.high]

    return told


FIT = {"fits": {"t": {"model": "exponential", "x": "x", "y": "E.readout"}}}
THEORY = f"{A}*exp(-x/{TAU}) + {C}"


def _sum(formula: str) -> dict[str, Any]:
    return {"derived": {"D": formula}}


def cases() -> Iterator[Case]:
    """Yield every kind."""
    first, middle = (f"E.readout[x={X[at]}]" for at in (0, 3))
    yield Case("parameters of a fit", FIT, _parameters)
    yield Case("χ² of a fit", FIT, _fits_well)
    yield Case("χ² of theory", {"expected": {"E.readout": THEORY}}, _agrees)
    yield Case(
        "χ² of theory with parameters fitted elsewhere",
        {
            "fits": {"t": {"model": "exponential", "x": "x", "y": "E.readout", "where": {"y": 0}}},
            "expected": {"E.readout": "t.a*exp(-x/(t.tau*(1 + y))) + t.c"},
        },
        _agrees,
        (0.0, 0.5),
    )
    yield Case(
        "sum of two points", _sum(f"{first} + {middle}"), _derived(decay(X[0]) + decay(X[3]))
    )
    yield Case(
        "difference of two points", _sum(f"{first} - {middle}"), _derived(decay(X[0]) - decay(X[3]))
    )
    yield Case(
        "ratio of two points", _sum(f"{middle} / {first}"), _derived(decay(X[3]) / decay(X[0]))
    )
    yield Case(
        "mean of twelve points",
        _sum("mean(E.readout, over=x)"),
        _derived(float(np.mean([decay(x) for x in X]))),
    )
    two = {**FIT, **_sum("t.a[y=0] - t.a[y=0.5]")}
    yield Case("difference of two fits' heights", two, _derived(0.0), (0.0, 0.5))
    two = {**FIT, **_sum("t.a[y=0] / t.a[y=0.5]")}
    yield Case("ratio of two fits' heights", two, _derived(1.0), (0.0, 0.5))


@dataclass(frozen=True)
class Row:
    """What was seen of one case: numbers, and the share of them that are right."""

    case: Case
    shots: int
    data_sets: int
    numbers: int
    holds: float

    @property
    def is_within_limits(self) -> bool:
        """Whether that is no more beside its limits than chance brings about."""
        room = ALLOWED_DEVIATIONS * math.sqrt(0.05 * 0.95 / max(1, self.data_sets))
        return self.numbers > 0 and LEAST - room <= self.holds <= MOST + room


def run(
    case: Case, shots: int, seed: int, data_sets: int, method: str, until: float = math.inf
) -> Row:
    """Draw `FEWEST` runs, and more until a time of `time.monotonic`."""
    manifest = case.manifest(method)
    told: list[bool] = []
    done = 0
    for number in range(data_sets):
        if time.monotonic() > until and done >= FEWEST:
            break
        done += 1
        told += case.told(across_of(manifest, decay, shots, [seed, shots, number]))
    return Row(case, shots, done, len(told), sum(told) / max(1, len(told)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-sets", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="rows with this text")
    parser.add_argument("--method", default="tensored")
    asked = parser.parse_args()
    print("| what | " + " | ".join(f"{shots:,} shots" for shots in SHOTS) + " |")
    print("|---|" + "--:|" * len(SHOTS))
    for case in (each for each in cases() if asked.only in each.what):
        rows = [run(case, n, asked.seed, asked.data_sets, asked.method) for n in SHOTS]
        cells = " | ".join(f"{row.holds:.3f}" for row in rows)
        print(f"| {case.what} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
