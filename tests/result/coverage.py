"""How often intervals hold the truth, and how often true claims are refuted: a table.

    python -m tests.result.coverage [--seed S] [--data-sets N] [--seconds T] [--only TEXT] [--brief]

Each row draws at least N synthetic data sets of one distribution whose numbers are known, more
while its share of T seconds is left, and analyses them as the product does. Its columns:

- *holds*: how often the interval that reports tell holds the truth, and the least that is allowed;
- *>= fails*, *<= fails*: how often a check at the truth itself is told FAIL, at most 2.5 %;
- *== fails*: the same of an equality, at most 5 %;
- *se/sd*: root mean square of the standard error over the value's true standard deviation.

A rate is over its limit when it is more than 4.5 standard deviations of the simulation beyond it:
where everything is exactly as good as its limit, that happens once in 300,000 times.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from qbatch.result import (
    METRICS,
    Check,
    Counts,
    Estimate,
    Verdict,
    distances,
    expectation_value,
    judge,
    parse_observable,
    probability,
    sampling_floor,
)

LEVEL = 0.95
SHOTS = (1, 2, 3, 5, 10, 20, 50, 100, 1000, 10_000)
ALLOWED_DEVIATIONS = 4.5
BATCH = 1000


@dataclass(frozen=True)
class Case:
    """A distribution, a number of it, and how the product estimates that.

    Attributes:
        number: Kind of number.
        what: The distribution and the number, readable.
        p: Probability of each outcome.
        outcomes: As integers.
        width: Classical bits.
        truth: The number's true value.
        estimate: Counts -> estimate.
        least: What coverage must reach, by number of shots.
        shots: At which it is tried.
    """

    number: str
    what: str
    p: Sequence[float]
    outcomes: Sequence[int]
    width: int
    truth: float
    estimate: Callable[[Counts], Estimate]
    least: Callable[[int], float]
    shots: Sequence[int] = SHOTS


@dataclass(frozen=True)
class Row:
    """What was seen of one case at one number of shots."""

    case: Case
    shots: int
    data_sets: int
    holds: float
    at_least_fails: float
    at_most_fails: float
    equal_fails: float
    se_over_sd: float

    @property
    def faults(self) -> list[str]:
        """What is beyond its limit."""
        least = self.case.least(self.shots)
        judged = {">=": self.at_least_fails, "<=": self.at_most_fails}
        found = [f"{op} fails" for op, rate in judged.items() if self._is_above(rate, 0.025)]
        if self._is_above(self.equal_fails, 0.05):
            found.append("== fails")
        if self._is_above(1 - self.holds, 1 - least):
            found.append("holds too rarely")
        return found

    def _is_above(self, rate: float, limit: float) -> bool:
        noise = math.sqrt(limit * (1 - limit) / self.data_sets)
        return rate > limit + ALLOWED_DEVIATIONS * noise


def run(case: Case, shots: int, seed: int, data_sets: int, seconds: float) -> Row:
    """Draw and analyse; equal counts are analysed once."""
    checks = [Check("", "x", False, ((op, case.truth),)) for op in (">=", "<=", "==")]
    known: dict[bytes, np.ndarray] = {}
    total, done, start = np.zeros(7), 0, time.monotonic()
    while done < data_sets or time.monotonic() - start < seconds:
        size = min(BATCH, data_sets - done) if done < data_sets else BATCH
        rng = np.random.default_rng((seed, shots, done, len(case.p)))
        for drawn in rng.multinomial(shots, case.p, size=size):
            key = drawn.tobytes()
            if key not in known:
                known[key] = _seen(case, drawn, checks)
            total += known[key]
        done += size
    holds, least, most, equal, value, square, variance = total / done
    spread = square - value**2
    ratio = math.sqrt(variance / spread) if spread > 1e-15 else math.nan
    return Row(case, shots, done, holds, least, most, equal, ratio)


def _seen(case: Case, drawn: np.ndarray, checks: Sequence[Check]) -> np.ndarray:
    counts = Counts.from_ints((("c", case.width),), list(case.outcomes), drawn)
    found = case.estimate(counts)
    slack = 1e-12
    holds = found.low - slack <= case.truth <= found.high + slack
    fails = [judge(check, found) is Verdict.FAIL for check in checks]
    away = found.value - case.truth
    return np.array([holds, *fails, away, away**2, found.se**2], dtype=float)


# -- cases ------------------------------------------------------------------------------------


def wilsons(shots: int) -> float:
    """Wilson's worst is .838 at many shots, .82 at two and .793 at one."""
    return 0.78 if shots <= 2 else 0.82


def proportions() -> Iterator[Case]:
    for p in (0.0, 0.001, 0.01, 0.05, 0.3, 0.5, 0.97):
        yield Case(
            "probability", f"p = {p:g}", (1 - p, p), (0, 1), 1, p,
            lambda counts: probability(counts, "1"), wilsons,
        )  # fmt: skip
    yield Case(
        "probability", "n p = 0.176, Wilson's worst", (1 - 0.000176, 0.000176), (0, 1), 1, 0.000176,
        lambda counts: probability(counts, "1"), wilsons, (1000,),
    )  # fmt: skip
    for p in (0.0, 0.01, 0.2):
        yield _observable("product", f"Z0 Z1, odd with {p:g}", "Z0 Z1", (1 - p, p), (0, 1), wilsons)
    third = (0.97, 0.01, 0.01, 0.01)
    yield _observable(
        "projector", "¼(1 + Z0)(1 + Z1), P = 0.97",
        "0.25 + 0.25 Z0 + 0.25 Z1 + 0.25 Z0 Z1", third, range(4), wilsons,
    )  # fmt: skip


def _observable(
    number: str,
    what: str,
    text: str,
    p: Sequence[float],
    outcomes: Sequence[int],
    least: Callable[[int], float],
    shots: Sequence[int] = SHOTS,
) -> Case:
    width = 6
    observable = parse_observable(text, width)
    one_each = (
        expectation_value(Counts.from_ints((("c", width),), [o], [1]), observable).value
        for o in outcomes
    )
    truth = sum(chance * value for chance, value in zip(p, one_each, strict=True))
    return Case(
        number, what, p, tuple(outcomes), width, truth,
        lambda counts: expectation_value(counts, observable), least, shots,
    )  # fmt: skip


def likelihoods(shots: int) -> float:
    """Empirical likelihood's promise for sums whose shots take more than two values in practice."""
    return 0.93 if shots >= 50 else wilsons(shots)


def flips(number: int, error: float) -> list[float]:
    """Distribution of how many of so many bits flip."""
    return [
        math.comb(number, k) * error**k * (1 - error) ** (number - k) for k in range(number + 1)
    ]


def sums() -> Iterator[Case]:
    six = " + ".join(f"Z{i}" for i in range(6))
    staircase = tuple((1 << k) - 1 for k in range(7))
    for error in (0.0, 0.002, 0.01, 0.1, 0.5):
        yield _observable(
            "sum", f"6 Z, flips {error:g}", six, flips(6, error), staircase, likelihoods
        )
    pairs = [a * b for a, b in itertools.product((0.999, 0.001), (0.7, 0.3))]
    yield _observable(
        "sum", "Z0 + 10 Z1, flips .3 and .001", "Z0 + 10 Z1", pairs, range(4), likelihoods
    )
    ring = "3 - 0.5 Z0 Z1 - 0.5 Z1 Z2 - 0.5 Z2 Z3 - 0.5 Z3 Z4 - 0.5 Z4 Z5 - 0.5 Z5 Z0"
    mixed = np.full(64, 0.2 / 64)
    mixed[[21, 42]] += 0.4
    yield _observable("sum", "cut of a ring of 6", ring, mixed.tolist(), range(64), likelihoods)
    correlated = (0.995, 0.005)
    yield _observable("sum", "6 Z, all flip together with .005", six, correlated, (0, 63), wilsons)


def guaranteed(shots: int) -> float:
    return 0.95


def near_targets() -> Iterator[Case]:
    bell = np.array([0.5, 0, 0, 0.5])
    noises = {"at it": bell}
    for noise in (0.02, 0.5):
        noises[f"depolarized by {noise:g}"] = bell * (1 - noise) + noise / 4
    yield from _distances("Bell pair", bell, noises)
    one = np.array([0.0, 1.0, 0, 0])
    yield from _distances("one outcome", one, {"seen with .98": np.array([0.02, 0.98, 0, 0])})
    for width, shots in ((5, SHOTS[::3]), (10, (100, 10_000))):
        uniform = np.full(2**width, 0.5**width)
        peaked = 0.7 * uniform
        peaked[[3, 4]] += 0.2, 0.1
        found = {"at it": uniform, "peaked": peaked}
        yield from _distances(f"uniform over 2^{width}", uniform, found, shots)


def _distances(
    name: str,
    q: np.ndarray,
    truths: dict[str, np.ndarray],
    shots: Sequence[int] = SHOTS,
) -> Iterator[Case]:
    width = (len(q) - 1).bit_length()
    target = {format(i, f"0{width}b"): float(share) for i, share in enumerate(q) if share}
    for what, p in truths.items():
        known: dict[bytes, dict[str, tuple[Estimate, float]]] = {}

        def measured(
            counts: Counts,
            metric: str,
            known: dict[bytes, dict[str, tuple[Estimate, float]]] = known,
        ) -> Estimate:
            """Measure all three at once: the cases of one distribution draw the same data sets."""
            key = counts.pack()
            if key not in known:
                known[key] = distances(counts, target, METRICS, LEVEL)
            return known[key][metric][0]

        overlap = min(1.0, float(np.sqrt(p * q).sum()))
        true = {
            "tvd": float(abs(p - q).sum()) / 2,
            "hellinger": math.sqrt(max(0.0, 1 - overlap)) if 1 - overlap > 1e-12 else 0.0,
            "fidelity": overlap**2,
        }
        for metric in METRICS:
            yield Case(
                metric, f"{name}, {what}", p.tolist(), range(len(p)), width, true[metric],
                partial(measured, metric=metric), guaranteed, shots,
            )  # fmt: skip


CASES = (proportions, sums, near_targets)


def rows(seed: int, data_sets: int, seconds: float, only: str = "") -> Iterator[Row]:
    """Measure every case at every number of shots."""
    tried = [case for cases in CASES for case in cases() if only in f"{case.number} {case.what}"]
    share = seconds / max(1, sum(len(case.shots) for case in tried))
    for case in tried:
        for shots in case.shots:
            yield run(case, shots, seed, data_sets, share)


@dataclass(frozen=True)
class Floor:
    """A sampling floor beside the mean over drawn data sets."""

    metric: str
    what: str
    shots: int
    floor: float
    mean: float
    error: float


def floors(seed: int, data_sets: int) -> Iterator[Floor]:
    """Measure the floors."""
    skewed = np.array([0.6, 0.25, 0.1, 0.05])
    for what, q in {"Bell pair": np.array([0.5, 0.5]), "4 unequal": skewed}.items():
        target = {format(i, "02b"): float(share) for i, share in enumerate(q)}
        for shots in (1, 10, 1000, 10_000):
            found = sampling_floor(target, (("c", 2),), shots)
            drawn = np.random.default_rng((seed, shots)).multinomial(shots, q, size=data_sets)
            overlap = np.minimum(1.0, np.sqrt(drawn / shots) @ np.sqrt(q))
            seen = {
                "tvd": abs(drawn / shots - q).sum(axis=1) / 2,
                "hellinger": np.sqrt(1 - overlap),
                "fidelity": overlap**2,
            }
            for metric, values in seen.items():
                error = float(values.std() / math.sqrt(data_sets))
                yield Floor(metric, what, shots, found[metric], float(values.mean()), error)


HEAD = (
    "| number | case | shots | data sets | holds | least | >= fails | <= fails | == fails | se/sd |"
    "\n| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: |"
)


def line_of(row: Row) -> str:
    """A row of the table, in Markdown."""
    rates = (row.at_least_fails, row.at_most_fails, row.equal_fails)
    ratio = "" if math.isnan(row.se_over_sd) else f"{row.se_over_sd:.2f}"
    least = row.case.least(row.shots)
    cells = [
        row.case.number, row.case.what, f"{row.shots}", f"{row.data_sets}", f"{row.holds:.3f}",
        f"{least:.2f}", *(f"{rate:.3f}" for rate in rates), ratio,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |" + "".join(f" <- {fault}" for fault in row.faults)


def worst_of(rows_of_case: Sequence[Row]) -> str:
    """One line for a case: its worst over the numbers of shots."""
    first, last = rows_of_case[0].shots, rows_of_case[-1].shots
    ratios = [row.se_over_sd for row in rows_of_case if row.shots >= 10]
    ratios = [ratio for ratio in ratios if not math.isnan(ratio)] or [math.nan]
    least = min(rows_of_case, key=lambda row: row.holds)
    cells = [
        least.case.number, least.case.what, f"{first} to {last}", f"{least.data_sets}",
        f"{least.holds:.3f} (at {least.shots})", f"{least.case.least(least.shots):.2f}",
        *(f"{max(getattr(row, f'{name}_fails') for row in rows_of_case):.3f}"
          for name in ("at_least", "at_most", "equal")),
        "" if math.isnan(ratios[0]) else f"{min(ratios):.2f} to {max(ratios):.2f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> int:
    """Print the tables; 1 where something is beyond its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.result.coverage",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-sets", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--only", default="", help="cases whose text contains this")
    parser.add_argument("--brief", action="store_true", help="one line a case, its worst")
    asked = parser.parse_args()
    print(HEAD)
    faults = 0
    found = rows(asked.seed, asked.data_sets, asked.seconds, asked.only)
    for _, group in itertools.groupby(found, key=lambda row: id(row.case)):
        of_case = list(group)
        faults += sum(len(row.faults) for row in of_case)
        lines = [worst_of(of_case)] if asked.brief else map(line_of, of_case)
        print("\n".join(lines), flush=True)
    if not asked.only:
        print("\n| floor | target | shots | told | mean seen |\n| --- | --- | --: | --: | --: |")
        for one in floors(asked.seed, 50 * asked.data_sets):
            seen = f"{one.mean:.5f} ± {one.error:.5f}"
            print(f"| {one.metric} | {one.what} | {one.shots} | {one.floor:.5f} | {seen} |")
    print(f"\n{faults} beyond a limit")
    return int(faults > 0)


if __name__ == "__main__":
    raise SystemExit(main())
