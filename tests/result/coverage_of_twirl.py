"""How often the intervals of twirled numbers hold what is true: ``python -m tests.result.coverage_of_twirl``.

Each row is a way in which the forms of a circuit differ, and how many are measured. True is the mean
over all forms, known in closed form; forms and shots are drawn by numpy, and nothing here knows how
the interval is made.
"""  # noqa: E501

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qbatch.manifest.models import Analysis
from qbatch.result import Counts, analyse_settings
from qbatch.result.extrapolation import Scaled, extrapolated
from qbatch.result.independent import Sample
from qbatch.result.twirled import mean_of_forms, together

Floats = npt.NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], Floats]

SHOTS = (100, 1000, 10_000, 100_000)
FORMS = (16, 32, 64)
#: Shots of each calibration circuit.
CALIBRATING = 4000


class Kind(NamedTuple):
    """How forms differ.

    Attributes:
        draw: Value of the number in so many forms.
        truth: Its mean over all forms.
    """

    draw: Draw
    truth: float


def turned(angle: float, gates: int, left: float) -> Kind:
    """Each gate turns by an angle, and in each form by one sign or the other."""
    sums = np.array([sum(signs) for signs in itertools.product((-1, 1), repeat=gates)])
    values = left * np.cos(angle * sums)
    return Kind(lambda n, rng: rng.choice(values, n), left * math.cos(angle) ** gates)


def misread(zero: float, one: float) -> Kind:
    """A bit that is 0 is read wrongly more rarely than one that is 1; it is flipped, or not."""
    values = np.array([1 - 2 * zero, 1 - 2 * one])
    return Kind(lambda n, rng: rng.choice(values, n), 1 - zero - one)


def alike(value: float) -> Kind:
    return Kind(lambda n, _: np.full(n, value), value)


KINDS = {
    "in nothing": alike(0.9),
    "in readout (2 and 8 %)": misread(0.02, 0.08),
    "in 10 gates that turn by 0.1": turned(0.1, 10, 0.95),
    "in 5 gates that turn by 0.2": turned(0.2, 5, 0.95),
}


class Row(NamedTuple):
    """How a way of measuring came out: shares of experiments."""

    covered: float
    judged: float
    width: float


def sample(mean: float, shots: int, rng: np.random.Generator) -> Sample:
    ones = int(rng.binomial(shots, (1 + mean) / 2))
    there = [(value, n) for value, n in ((-1.0, shots - ones), (1.0, ones)) if n]
    values, counts = (np.array(column) for column in zip(*there, strict=True))
    return Sample(values, counts, (-1.0, 1.0), True)


def row(kind: str, forms: int, shots: int, times: int, seed: int = 1) -> Row:
    rng = np.random.default_rng([seed, [*KINDS].index(kind), forms, shots])
    each, (draw, truth) = -(-shots // forms), KINDS[kind]
    covered = judged = 0
    width = 0.0
    for _ in range(times):
        found = together([sample(mean, each, rng) for mean in draw(forms, rng)])
        told = mean_of_forms([found], 0.0, [], 0.95)
        covered += told.low <= truth <= told.high
        judged += told.judged[0] <= truth <= told.judged[1]
        width += (told.high - told.low) / times
    return Row(covered / times, judged / times, width)


def row_of_zne(angle: float, forms: int, shots: int, times: int, seed: int = 1) -> Row:
    """A line through values at 1 and 3, of 10 gates that turn, 3 times as many at scale 3."""
    rng = np.random.default_rng([seed, 99, forms, shots])
    once, thrice = turned(angle, 4, 0.9), turned(angle, 12, 0.7)
    truth = 1.5 * once.truth - 0.5 * thrice.truth
    each = -(-shots // forms)
    covered = judged = 0
    for _ in range(times):
        scaled = []
        for scale, kind in ((1.0, once), (3.0, thrice)):
            found = together([sample(mean, each, rng) for mean in kind.draw(forms, rng)])
            scaled.append(Scaled(scale, [found.sample], 0.0, [found.away]))
        told = extrapolated(scaled, "linear").estimate
        covered += told.low <= truth <= told.high
        judged += told.judged[0] <= truth <= told.judged[1]
    return Row(covered / times, judged / times, 0.0)


def row_of_mended(forms: int, shots: int, times: int, seed: int = 1) -> Row:
    """Ten gates that turn by 0.1, and a bit read wrongly in 2 and 8 %, which is mended."""
    rng, kind, rates = (
        np.random.default_rng([seed, 98, forms, shots]),
        turned(0.1, 10, 0.95),
        (0.02, 0.92),
    )
    analysis = Analysis.model_validate(
        {"observables": {"z": "Z0"}, "mitigation": {"twirl": {"n": forms}, "readout": {}}}
    )
    each, covered, judged, width = -(-shots // forms), 0, 0, 0.0
    for _ in range(times):
        counts = {f"calibration={bit}": read(rates[bit], CALIBRATING, rng) for bit in (0, 1)}
        flips = rng.integers(0, 2, forms).tolist()
        for at, (flip, value) in enumerate(zip(flips, kind.draw(forms, rng).tolist(), strict=True)):
            one = (1 - (-1) ** flip * value) / 2
            counts[f"twirl={at}:{flip}"] = read(one * rates[1] + (1 - one) * rates[0], each, rng)
        told = analyse_settings(counts, [*counts], analysis)["z.twirl"]
        covered += told.low <= kind.truth <= told.high
        judged += told.judged[0] <= kind.truth <= told.judged[1]
        width += (told.high - told.low) / times
    return Row(covered / times, judged / times, width)


def read(share: float, shots: int, rng: np.random.Generator) -> Counts:
    ones = int(rng.binomial(shots, share))
    return Counts.from_dict([("c", 1)], {"0": shots - ones, "1": ones})


def table(times: int) -> Iterator[str]:
    yield "| forms differ | forms | " + " | ".join(f"{shots:,} shots" for shots in SHOTS) + " |"
    yield "|---|--:|" + "--:|" * len(SHOTS)
    for kind in KINDS:
        for forms in FORMS:
            found = (row(kind, forms, shots, times) for shots in SHOTS)
            cells = (f"{100 * one.covered:.1f} ({100 * one.judged:.1f})" for one in found)
            yield f"| {kind} | {forms} | " + " | ".join(cells) + " |"
    further = {
        "`zne`, gates that turn by 0.1": lambda *asked: row_of_zne(0.1, *asked),
        "in 10 gates by 0.1, and `readout`": row_of_mended,
    }
    for what, of in further.items():
        for forms in FORMS:
            found = (of(forms, shots, times) for shots in SHOTS)
            cells = (f"{100 * one.covered:.1f} ({100 * one.judged:.1f})" for one in found)
            yield f"| {what} | {forms} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    for line in table(int(sys.argv[1])):
        print(line, flush=True)
