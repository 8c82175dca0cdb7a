"""How often intervals hold the truth where points are measured in the same randomised forms: a table.

    python -m tests.across.forms_coverage [--data-sets N] [--seed S] [--only TEXT] [--forms N]

Each row draws N synthetic runs: which forms there are, once for all points, and the shots of each
form at each point. Told is the share of intervals that hold the truth, or of a χ² the share whose p
is .05 or more: both are to be .95. The truth is the mean over all forms, in closed form; nothing
here knows how intervals are made.
"""  # noqa: E501

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from qbatch.across import Across, Measured, Points
from qbatch.manifest.models import Manifest
from qbatch.plan.geometry.written import values_by_axis
from qbatch.result import Counts, analyse_settings
from tests.across import common_coverage
from tests.across.common_coverage import TAU, A, C, Given, Setting, decay
from tests.across.made import manifest_of

X = common_coverage.X[::2]
SHOTS = (1000, 100_000)
FEWEST = 50
LEAST, MOST, ALLOWED_DEVIATIONS = 0.94, 0.97, 4.0


@dataclass(frozen=True)
class Kind:
    """How forms differ.

    Attributes:
        rates: P(1|0) and P(0|1) of the bit, which a form flips or does not.
        gates: That turn by `angle`, in each form by one sign or the other.
        angle: In radians.
        adds: Whether that adds to the angle that is swept; else the value's size falls by it.
    """

    rates: tuple[float, float] = (0.0, 0.0)
    gates: int = 0
    angle: float = 0.0
    adds: bool = False

    def in_form(self, value: float, turned: float) -> float:
        """⟨Z⟩ in a form that turns so much, before it is read."""
        if self.adds:
            return math.cos(math.acos(value) + turned)
        return value * math.cos(turned)

    def in_mean(self, value: float) -> float:
        """⟨Z⟩ in the mean over all forms, as read."""
        read = 1 - sum(self.rates)
        return value * math.cos(self.angle) ** self.gates * read


KINDS = {
    "in nothing": Kind(),
    "in readout (2 and 8 %)": Kind((0.02, 0.08)),
    "in 10 gates that turn by 0.03": Kind(gates=10, angle=0.03),
    "in 10 gates that turn by 0.1": Kind(gates=10, angle=0.1),
    "in 10 gates that add 0.1 to the angle": Kind(gates=10, angle=0.1, adds=True),
}


def across_of(manifest: Manifest, kind: Kind, forms: int, shots: int, seed: Any) -> Across:
    """Measure ⟨Z0⟩ of the same forms at each x and y."""
    generator = np.random.default_rng(seed)
    flips = generator.integers(0, 2, forms)
    turns = kind.angle * generator.choice([-1, 1], (forms, kind.gates)).sum(axis=1)
    each = -(-shots // forms)
    points = Points(manifest)
    values = values_by_axis(manifest)
    wrong, missed = kind.rates
    settings = [f"twirl={form}:{flip}" for form, flip in enumerate(flips)]
    for x, y in itertools.product(values["x"] or [], values.get("y") or [0]):
        value = decay(float(x), float(y))
        counts = {}
        for text, flip, turned in zip(settings, flips, turns, strict=True):
            there = (1 - (-1) ** flip * kind.in_form(value, turned)) / 2
            ones = int(generator.binomial(each, there * (1 - missed) + (1 - there) * wrong))
            counts[text] = Counts.from_dict([("b", 1)], {"0": each - ones, "1": ones})
        id_ = f"x={x},y={y}"
        axes = {"circuit": "c", "backend": "one", "shots": shots, "repeat": 1, "x": x, "y": y}
        estimates = analyse_settings(counts, settings, manifest.analysis)
        point: Any = _Twirled(id_, counts)
        points.found.append(Measured(id_, id_, axes, estimates, shots, "", point))
    return Across(points)


class _Twirled(Given):
    """A point that is measured in forms alone."""

    def __init__(self, id_: str, counts: Mapping[str, Counts]) -> None:
        super().__init__(id_, {"": next(iter(counts.values()))})
        self.counts_by_basis = counts
        self.calibrating_jobs = {}
        self.each_setting = [Setting(text, f"{id_} {text}") for text in counts]


def manifest_for(kind: Kind, forms: int) -> Manifest:
    """Ask for everything at once; E and F are the same number under two names."""
    size, first, middle = kind.in_mean(1.0), X[0], X[2]
    true = f"{size}*({A}*exp(-x/({TAU}*(1 + y))) + {C})"
    fit = {"model": "exponential", "x": "x"}
    parts = {
        "observables": {"E": "Z0", "F": "Z0"},
        "mitigation": {"twirl": {"n": forms}},
        "fits": {"t": {**fit, "y": "E.twirl"}, "u": {**fit, "y": "F.twirl", "where": {"y": 0}}},
        "expected": {"E.twirl": true, "F.twirl": "u.a*exp(-x/(u.tau*(1 + y))) + u.c"},
        "derived": {
            "sum of two points": f"E.twirl[x={first}, y=0] + E.twirl[x={middle}, y=0]",
            "difference of two points": f"E.twirl[x={first}, y=0] - E.twirl[x={middle}, y=0]",
            "ratio of two points": f"E.twirl[x={middle}, y=0] / E.twirl[x={first}, y=0]",
            "mean of six points": "mean(E.twirl[y=0], over=x)",
            "difference of two fits' heights": "t.a[y=0] - t.a[y=0.5]",
            "ratio of two fits' heights": "t.a[y=0] / t.a[y=0.5]",
        },
    }
    named = {each: f"d{at}" for at, each in enumerate(parts["derived"])}
    parts["derived"] = {named[each]: formula for each, formula in parts["derived"].items()}
    return manifest_of(parts, {"x": X.tolist(), "y": [0.0, 0.5]})


def told(across: Across, kind: Kind) -> Iterator[tuple[str, bool]]:
    """Say of each number whether it is right."""
    size = kind.in_mean(1.0)
    for fitted in across.fits[:2]:
        true = {"a": A * size, "tau": TAU * (1 + fitted.group["y"]), "c": C * size}
        for name, each in fitted.parameters.items():
            yield f"{name} of a fit", each.low <= true[name] <= each.high
        if fitted.solution is not None:
            yield "χ² of a fit", (fitted.solution.p or 0.0) >= 0.05
    whats = ("χ² of theory", "χ² of theory fitted elsewhere")
    for what, agreement in zip(whats, across.expected, strict=True):
        if not agreement.reason and agreement.p_value is not None:
            yield what, agreement.p_value >= 0.05
    values = [kind.in_mean(decay(x)) for x in X]
    truths = {
        "sum of two points": values[0] + values[2],
        "difference of two points": values[0] - values[2],
        "ratio of two points": values[2] / values[0],
        "mean of six points": float(np.mean(values)),
        "difference of two fits' heights": 0.0,
        "ratio of two fits' heights": 1.0,
    }
    for (what, truth), number in zip(truths.items(), across.derived, strict=True):
        if number.estimate is not None:
            yield what, number.estimate.low <= truth <= number.estimate.high


@dataclass(frozen=True)
class Seen:
    """How many numbers were told, and how many of them are right.

    Attributes:
        data_sets: Runs that were drawn.
        told: By what they are.
        right: Likewise.
    """

    data_sets: int
    told: Counter[str]
    right: Counter[str]

    @property
    def shares(self) -> dict[str, float]:
        """What is right of each."""
        return {what: self.right[what] / told for what, told in self.told.items()}

    @property
    def amiss(self) -> dict[str, float]:
        """Shares farther beside their limits than chance brings about."""
        room = ALLOWED_DEVIATIONS * math.sqrt(0.05 * 0.95 / self.data_sets)
        limits = LEAST - room, MOST + room
        return {w: share for w, share in self.shares.items() if not limits[0] <= share <= limits[1]}


def seen(
    kind: Kind, forms: int, shots: int, seed: int, data_sets: int, until: float = math.inf
) -> Seen:
    """Draw `FEWEST` runs, and more until a time of `time.monotonic`."""
    manifest, found = manifest_for(kind, forms), Seen(0, Counter(), Counter())
    for number in range(data_sets):
        if time.monotonic() > until and number >= FEWEST:
            break
        across = across_of(manifest, kind, forms, shots, [seed, shots, forms, number])
        for what, is_right in told(across, kind):
            found.told[what] += 1
            found.right[what] += is_right
        found = replace(found, data_sets=number + 1)
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-sets", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="kinds with this text")
    parser.add_argument("--forms", type=int, default=16)
    asked = parser.parse_args()
    kinds = [name for name in KINDS if asked.only in name]
    shares: dict[str, list[dict[str, float]]] = {}
    for name in kinds:
        drawn = asked.seed, asked.data_sets
        shares[name] = [seen(KINDS[name], asked.forms, shots, *drawn).shares for shots in SHOTS]
    print("| what | " + " | ".join(kinds) + " |")
    print("|---|" + "--:|" * len(kinds))
    for what in shares[kinds[0]][0]:
        cells = (", ".join(f"{one[what]:.3f}" for one in shares[name]) for name in kinds)
        print(f"| {what} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
