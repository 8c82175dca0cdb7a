"""How often runs whose numbers are mitigated are called changed where nothing did: a table.

    python -m tests.difference.mitigated [PAIRS]

Each side draws the forms of its circuit, or how its calibration comes out, once for all its points
and repeats, and the shots of each. What a form does to the number is drawn by numpy; nothing here
knows how changes are judged.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace

import numpy as np

from qbatch.difference import Difference, Side, Word, compare
from qbatch.difference.sides import Asked, InSettings, Told
from qbatch.manifest.models import Analysis
from qbatch.result import Counts, analyse_settings

FORMS, CALIBRATING = 16, 1000


@dataclass(frozen=True)
class Case:
    """Two runs of one experiment.

    Attributes:
        kind: How forms differ: nothing, gates (10 that turn by 0.1), readout (bits read wrongly in
            2 and 8 of 100); or calibrated: no forms, one calibration of a side.
        shots: Of each repeat.
        repeats: Of each point.
        points: How many.
        are_same: Both have the same forms.
        knows_shots: Else sides are as exported files tell them.
    """

    kind: str
    shots: int = 16_000
    repeats: int = 1
    points: int = 1
    are_same: bool = False
    knows_shots: bool = True

    @property
    def analysis(self) -> Analysis:
        how = {"readout": {"shots": CALIBRATING}} if self.kind == "calibrated" else {}
        how = how or {"twirl": {"n": FORMS}}
        return Analysis.model_validate({"observables": {"z": "Z0"}, "mitigation": how})


@dataclass(frozen=True)
class Drawn:
    """What all points and repeats of a side have in common.

    Attributes:
        turns: By what angle gates turn in each form.
        flips: Whether each form flips its bit.
        calibration: Counts of what was prepared.
    """

    turns: tuple[float, ...]
    flips: tuple[int, ...]
    calibration: dict[str, Counts]

    @classmethod
    def by(cls, kind: str, random: np.random.Generator) -> Drawn:
        if kind == "calibrated":
            read = {
                f"calibration={bit}": counted((0.02, 0.92)[bit], CALIBRATING, random)
                for bit in (0, 1)
            }
            return cls((0.0,), (0,), read)
        signs = random.choice([-1, 1], (FORMS, 10)).sum(axis=1)
        turns = 0.1 * signs if kind == "gates" else np.zeros(FORMS)
        flips = random.integers(0, 2, FORMS) if kind == "readout" else np.zeros(FORMS, int)
        return cls(tuple(turns.tolist()), tuple(flips.tolist()), {})


def counted(share: float, shots: int, random: np.random.Generator) -> Counts:
    ones = int(random.binomial(shots, share))
    return Counts.from_dict([("c", 1)], {"1": ones, "0": shots - ones})


def point(case: Case, drawn: Drawn, value: float, random: np.random.Generator) -> InSettings:
    """Measure one repeat of a point whose number is `value` where nothing errs."""
    wrong, missed = (0.0, 0.0) if case.kind in ("nothing", "gates") else (0.02, 0.08)
    counts = {}
    for at, (turn, flip) in enumerate(zip(drawn.turns, drawn.flips, strict=True)):
        one = (1 - (-1) ** flip * value * math.cos(turn)) / 2
        text = "" if case.kind == "calibrated" else f"twirl={at}:{flip}"
        shots = case.shots // len(drawn.turns)
        counts[text] = counted(one * (1 - missed) + (1 - one) * wrong, shots, random)
    counts |= drawn.calibration
    jobs = {text: [(text, found)] for text, found in drawn.calibration.items()}
    return InSettings(counts, jobs, [*counts], [f"{turn}" for turn in drawn.turns if not jobs])


def side(
    name: str, case: Case, drawn: Drawn, values: list[float], random: np.random.Generator
) -> Side:
    told = []
    for at, value in enumerate(values):
        for repeat in range(case.repeats):
            shots = point(case, drawn, value, random)
            numbers = analyse_settings(shots.counts, shots.settings, case.analysis)
            (mitigated,) = (n for n in numbers if n != "z")
            asked = Asked("one", "sim", (("x", at),), case.shots)
            told.append(
                Told(f"{name}{at}#{repeat}", asked, case.shots, {mitigated: numbers[mitigated]})
            )
            if case.knows_shots:
                told[-1] = replace(told[-1], in_settings=shots)
    return Side(name, told, 0, 0.95, case.analysis if case.knows_shots else None, {})


def compared(case: Case, seed: int, shift: float = 0.0) -> Difference:
    """Compare two runs, the second with the first point's number shifted, at 5 %."""
    random = np.random.default_rng([seed, case.shots, case.repeats, case.points])
    mine = Drawn.by(case.kind, random)
    others = mine if case.are_same else Drawn.by(case.kind, random)
    values = np.linspace(0.8, 0.4, case.points).tolist()
    shifted = [values[0] - shift, *values[1:]]
    sides = side("a", case, mine, values, random), side("b", case, others, shifted, random)
    return compare(*sides, error_rate=0.05)


def alarms(case: Case, pairs: int) -> int:
    """In how many pairs anything is called changed where nothing did."""
    return sum(compared(case, seed).word is Word.CHANGED for seed in range(pairs))


def main() -> None:
    """Print the table."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    print("| | 1 point | 8 points | 5 repeats of 1 point | the same, exported files |")
    print("|---|--:|--:|--:|--:|")
    for kind in ("nothing", "gates", "readout", "calibrated"):
        for are_same in (True, False) if kind != "calibrated" else (False,):
            one = Case(kind, are_same=are_same)
            more = replace(one, points=8), replace(one, repeats=5)
            cases = one, *more, replace(one, repeats=5, knows_shots=False)
            cells = (f"{100 * alarms(case, pairs) / pairs:.1f} %" for case in cases)
            both = f"{kind}, {'same' if are_same else 'other'}"
            what = "one calibration each" if kind == "calibrated" else both
            print(f"| {what} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
