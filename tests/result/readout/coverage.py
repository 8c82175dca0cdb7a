"""How often intervals of numbers hold the truth once readout is taken out of them: a table.

    python -m tests.result.readout.coverage [--data-sets N] [--seed S] [--only NAME]

Each row draws N times the shots of a point and those of its calibration, from a distribution and a
readout that are known, and mends the number as the product does. Told is the share of intervals
that hold the truth at 100, 1,000 and 10,000 shots of each calibration circuit. Bits err each by
itself; for `full` the first two besides err together, once in fifty shots.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qbatch.result import Counts
from qbatch.result.observable import parse_observable
from qbatch.result.readout.mending import mend
from qbatch.result.readout.methods import calibrations_of, readout_of
from qbatch.result.readout.told import UntoldError
from qbatch.result.readout.worth import OfObservable, OfPattern, Worth

SHOTS = (100, 1000, 10_000, 100_000)
CALIBRATION = (100, 1000, 10_000)
METHODS = ("tensored", "full", "mthree")
#: What coverage is to be, and standard deviations of the simulation allowed beyond it.
LEAST, MOST, ALLOWED_DEVIATIONS = 0.94, 0.97, 4.5
#: Where shots all agree, or all but a few do, intervals are wider on purpose.
MOST_OF_ONE = 0.995
#: Fewer shots than these leave out outcomes without which `mthree` is biased.
FEWEST_OF_MTHREE = 1000
#: Data sets drawn whatever time they take.
FEWEST = 100

GOOD, BAD = (0.02, 0.05), (0.1, 0.15)


def ghz(width: int) -> np.ndarray:
    found = np.zeros(1 << width)
    found[[0, -1]] = 0.5
    return found


def spread(width: int) -> np.ndarray:
    return np.random.default_rng(5).dirichlet(np.full(1 << width, 0.5))


def zero(width: int) -> np.ndarray:
    return np.eye(1 << width)[0]


@dataclass(frozen=True)
class Case:
    """A number of a distribution, and how its bits are read.

    Attributes:
        name: Of the state.
        text: An observable, or a pattern behind ``P:``.
        true: Probability of each outcome.
        rates: P(1|0) and P(0|1), of each bit.
    """

    name: str
    text: str
    true: np.ndarray
    rates: tuple[float, float] = GOOD

    @property
    def width(self) -> int:
        return len(self.true).bit_length() - 1

    @property
    def worth(self) -> Worth:
        registers = (("c", self.width),)
        if self.text.startswith("P:"):
            return OfPattern(self.text[2:], registers)
        return OfObservable(parse_observable(self.text, self.width, registers))

    def matrix(self, together: float) -> np.ndarray:
        """Read, prepared -> probability."""
        zero_wrong, one_wrong = self.rates
        own = np.array([[1 - zero_wrong, one_wrong], [zero_wrong, 1 - one_wrong]])
        found = np.eye(1)
        for _ in range(self.width):
            found = np.kron(own, found)
        if self.width < 2:
            return found
        both = found[[place ^ 3 for place in range(len(found))]]
        return (1 - together) * found + together * both


CASES = (
    Case("one qubit, 0", "Z0", zero(1)),
    Case("Bell pair", "Z0 Z1", ghz(2)),
    Case("GHZ of 6", "parity(all)", ghz(6)),
    Case("GHZ of 4", "Z0 Z1 + Z1 Z2 + Z2 Z3", ghz(4), (0.01, 0.03)),
    Case("any of 4", "0.5 Z0 + Z1 Z2 - 0.7 Z2 Z3 + 0.3 Z0 Z3", spread(4)),
    Case("GHZ of 4", "P:all=0", ghz(4)),
    Case("GHZ of 4", "P:all=0 | all=1", ghz(4)),
    Case("any of 4, read badly", "P:weight(all)<=1", spread(4), BAD),
    Case("GHZ of 4, read badly", "parity(all)", ghz(4), BAD),
)


@dataclass(frozen=True)
class Row:
    """What was seen of one case, by one method, at so many shots of point and calibration."""

    case: Case
    method: str
    shots: int
    calibration: int
    data_sets: int
    holds: float
    undecided: float

    @property
    def fault(self) -> str:
        """What is beyond its limit; "" where nothing is."""
        if self.method == "mthree" and self.shots < FEWEST_OF_MTHREE:
            return ""
        most = MOST_OF_ONE if self.case.width == 1 else MOST
        is_within = self._slack(LEAST, -1) <= self.holds <= self._slack(most, 1)
        return "" if is_within else f"holds {self.holds:.3f}"

    def _slack(self, limit: float, side: int) -> float:
        deviation = math.sqrt(limit * (1 - limit) / max(1, self.data_sets))
        return limit + side * ALLOWED_DEVIATIONS * deviation


def _counts(drawn: np.ndarray, width: int) -> Counts:
    return Counts.from_ints((("c", width),), list(range(len(drawn))), drawn.tolist())


def run(
    case: Case, method: str, shots: int, calibration: int, data_sets: int,
    seed: int, until: float = math.inf,
) -> Row:  # fmt: skip
    """Draw and mend, `FEWEST` times, and more until a time of `time.monotonic`."""
    rng = np.random.default_rng((seed, shots, calibration, METHODS.index(method)))
    matrix = case.matrix(0.02 if method == "full" else 0.0)
    worth, width = case.worth, case.width
    truth = float(worth.of(_counts(np.ones(1 << width, dtype=int), width)) @ case.true)
    texts = calibrations_of(method, range(width), width)
    done = held = undecided = 0
    while done < data_sets and (done < FEWEST or time.monotonic() < until):
        done += 1
        calibrations: Mapping[str, Counts] = {
            text: _counts(rng.multinomial(calibration, matrix[:, int(text, 2)]), width)
            for text in texts
        }
        counts = _counts(rng.multinomial(shots, matrix @ case.true), width)
        try:
            found = mend([(worth, counts)], readout_of(method, calibrations))
        except UntoldError:
            undecided += 1
            continue
        held += found.low <= truth <= found.high
    return Row(
        case, method, shots, calibration, done, held / max(1, done - undecided), undecided / done
    )


def rows(seed: int, data_sets: int, only: str = "") -> Iterator[Sequence[Row]]:
    """Measure every case by every method at every number of shots."""
    for case in CASES:
        for method in METHODS if only in f"{case.name} {case.text}" else ():
            for shots in SHOTS:
                yield [run(case, method, shots, n, data_sets, seed) for n in CALIBRATION]


def line_of(found: Sequence[Row]) -> str:
    """A row of the table, in Markdown."""
    first = found[0]
    text = first.case.text.replace("|", "or")
    cells = [f"{text}, {first.case.name}", first.method, f"{first.shots:,}"]
    for row in found:
        told = f" ({row.undecided:.0%} undecided)" if row.undecided else ""
        cells.append(f"{row.holds:.3f}{told}")
    faults = [row.fault for row in found if row.fault]
    return f"| {' | '.join(cells)} |" + "".join(f" <- {fault}" for fault in faults)


HEAD = (
    "| number, state | method | shots | calibration of 100 | of 1,000 | of 10,000 |\n"
    "|---|---|--:|--:|--:|--:|"
)


def main() -> int:
    """Print the table; 1 where something is beyond its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.result.readout.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-sets", type=int, default=500)
    parser.add_argument("--only", default="", help="numbers and states that hold this")
    asked = parser.parse_args()
    print(HEAD)
    faults = 0
    for found in rows(asked.seed, asked.data_sets, asked.only):
        faults += sum(bool(row.fault) for row in found)
        print(line_of(found), flush=True)
    print(f"\n{faults} beyond a limit")
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
