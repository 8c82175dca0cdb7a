"""How often intervals of sums over several bases hold the truth.

``python -m tests.result.coverage_of_combined [N]`` prints the table of the guide, of N draws a row.
Counts are drawn from states whose numbers are known, each basis by shots of its own.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np

from qbatch.result import Counts
from qbatch.result.combined import expectation_of
from qbatch.result.grouping import Basis, group, split
from qbatch.result.pauli import PauliSum, parse_pauli

SHOTS = (100, 1000, 10_000, 100_000)

HADAMARD = np.array([[1, 1], [1, -1]]) / math.sqrt(2)
TURNS = {"X": HADAMARD, "Y": HADAMARD @ np.diag([1, -1j]), "Z": np.eye(2)}
BELL = np.array([1, 0, 0, 1]) / math.sqrt(2)


@dataclass(frozen=True)
class Case:
    """A sum, the state it is measured on, and how often a bit is read wrongly."""

    text: str
    state: np.ndarray
    flips: float

    @property
    def width(self) -> int:
        return len(self.state).bit_length() - 1

    def chances(self, basis: Basis) -> np.ndarray:
        """Probability of each outcome in a basis."""
        turn, read = np.eye(1), np.eye(1)
        wrong = np.array([[1 - self.flips, self.flips], [self.flips, 1 - self.flips]])
        for bit in reversed(range(self.width)):
            turn, read = np.kron(turn, TURNS[basis.get(bit, "Z")]), np.kron(read, wrong)
        found: np.ndarray = read @ np.abs(turn @ self.state) ** 2
        found /= found.sum()
        return found


def some_state(width: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    drawn = rng.normal(size=2**width) + 1j * rng.normal(size=2**width)
    found: np.ndarray = drawn / np.linalg.norm(drawn)
    return found


CASES = {
    "three correlations of a Bell pair": Case("X0 X1 - Y0 Y1 + Z0 Z1", BELL, 0.01),
    "one part outweighs": Case("10 X0 X1 + Z0 Z1 - 0.1 Y0 Y1", BELL, 0.01),
    "H2 in two bits": Case(
        "-1.0524 + 0.3979 Z0 - 0.3979 Z1 - 0.0113 Z0 Z1 + 0.1809 X0 X1",
        np.array([0, 0.9936, -0.1130, 0]) / math.hypot(0.9936, 0.1130),
        0.02,
    ),
    "correlated terms, any state": Case(
        "X0 X1 + 0.5 X1 X2 - Y0 + 0.3 Y0 Y2 + Z0 Z1 + Z1 Z2 + 2 Z0", some_state(3), 0.0
    ),
    "nearly all shots agree": Case(
        "X0 + X1 + X2 + X0 X1 + X1 X2 + Z0 + Z1 + Z2 + Z0 Z1", np.ones(8) / math.sqrt(8), 0.002
    ),
}


def rates(case: Case, shots: int, number: int, seed: int = 1) -> tuple[float, float, float]:
    """How often the told interval holds the truth; how often the judged is above and below it."""
    rng = np.random.default_rng(seed)
    whole: PauliSum = parse_pauli(case.text, case.width)
    bases = group([whole])
    registers, outcomes = (("c", case.width),), range(2**case.width)
    one_each = Counts.from_ints(registers, outcomes, [1] * len(outcomes))
    chances = [case.chances(basis) for basis in bases]
    parts = split(whole, bases)
    truth = sum(
        float(p.values(one_each) @ chance) for p, chance in zip(parts, chances, strict=True)
    )
    drawn = [rng.multinomial(shots, chance, size=number) for chance in chances]
    holds, above, below = 0, 0, 0
    for rows in zip(*drawn, strict=True):
        counts = [Counts.from_ints(registers, outcomes, row) for row in rows]
        found = expectation_of(whole, dict(zip(bases, counts, strict=True)))
        holds += found.low - 1e-9 <= truth <= found.high + 1e-9
        above += truth < found.judged[0] - 1e-9
        below += truth > found.judged[1] + 1e-9
    return holds / number, above / number, below / number


def main(number: int) -> None:
    """Print the table."""
    print(f"| sum | bases | {' | '.join(f'{shots:,} shots' for shots in SHOTS)} |")
    print(f"|---|--:|{'--:|' * len(SHOTS)}")
    for name, case in CASES.items():
        bases = len(group([parse_pauli(case.text, case.width)]))
        cells = []
        for shots in SHOTS:
            holds, above, below = rates(case, shots, number)
            cells.append(f"{100 * holds:.1f} ({100 * above:.1f}, {100 * below:.1f})")
        print(f"| {name} | {bases} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
