"""Programs held against the reference, subject by subject, and what came of it.

Rules: exact probabilities must agree to `TOLERANCE`, or to `RESYNTHESISED`. Counts are judged
twice: where a first sample looks odd, a second, larger and independent one decides. For n shots and
an event of probability p that came k times, Chernoff's bound says P(n·KL(k/n‖p) ≥ t) ≤ 2·e^−t; with
t = `SURE` and at most 10^7 judged events in 5,000 programs, all false alarms together have a
probability below 10^−6.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from evaluator import Unresolved, evaluate
from grammar import WrongProgram
from shrink import shrink
from subjects import NOISES, SUBJECTS, Answer, Subject, Unable
from tree import Program

TOLERANCE = 1e-9

#: The same where Qiskit chose the gates: it synthesises two-qubit blocks to a fidelity of 1 - 1e-9.
RESYNTHESISED = 5e-4

ODD, SURE = 9.0, 31.0
SHOTS, MORE = 400, 16

#: What qbatch refuses by design though it is legal: words of the message.
BY_DESIGN = ("which power is the principal one depends on a free angle",)

Distribution = Mapping[str, float]
Kind = Literal["equal", "unable", "refused", "failed", "wrong"]


@dataclass(frozen=True)
class Verdict:
    kind: Kind
    detail: str = ""


@dataclass(frozen=True)
class Disagreement:
    """A program on which a subject and the reference differ, as small as could be made."""

    program: Program
    subject: str
    verdict: Verdict
    seed: str = ""

    def __str__(self) -> str:
        points = ", ".join(map(str, self.program.points)) if self.program.points != ({},) else ""
        return (
            f"{self.subject} {self.verdict.kind}: {self.verdict.detail}"
            f"{' at ' + points if points else ''} ({self.seed})\n{self.program.text}"
        )


@dataclass
class Summary:
    """What a run of comparisons has seen."""

    programs: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    exact: int = 0
    unable: Counter[tuple[str, str]] = field(default_factory=Counter)
    disagreements: list[Disagreement] = field(default_factory=list)


# -- two distributions -----------------------------------------------------------------------------


def joined(distribution: Distribution) -> Distribution:
    return {key.replace(" ", ""): share for key, share in distribution.items()}


def difference(expected: Distribution, found: Distribution, tolerance: float = TOLERANCE) -> str:
    """Say where exact distributions differ most, or ""."""
    gaps = {k: abs(expected.get(k, 0.0) - found.get(k, 0.0)) for k in {*expected, *found}}
    worst = max(gaps, key=gaps.__getitem__)
    if gaps[worst] <= tolerance:
        return ""
    came, right = found.get(worst, 0.0), expected.get(worst, 0.0)
    return f"P({worst}) is {came:.9g}, the reference says {right:.9g}"


def oddness(expected: Distribution, counts: Distribution) -> tuple[float, str]:
    """Return the largest n·KL of any outcome or bit, and of which."""
    shots = sum(counts.values())
    worst, told = 0.0, ""
    for name, probability, came in _events(expected, counts):
        found = shots * _divergence(came / shots, probability)
        if found > worst:
            worst = found
            told = (
                f"{name} came {came:.0f} times in {shots:.0f}, the reference says {probability:.5g}"
            )
    return worst, told


def _events(expected: Distribution, counts: Distribution) -> Iterator[tuple[str, float, float]]:
    for key in {*expected, *counts}:
        yield f"outcome {key}", expected.get(key, 0.0), counts.get(key, 0.0)
    for at in range(len(next(iter(expected)))):
        ones = sum(share for key, share in expected.items() if key[at : at + 1] == "1")
        yield (
            f"character {at} = 1",
            ones,
            sum(n for key, n in counts.items() if key[at : at + 1] == "1"),
        )


def _divergence(p: float, q: float) -> float:
    """Return KL(p‖q) of two coins; rounding in q is no proof of anything."""
    q = min(max(q, 1e-12), 1 - 1e-12)
    terms = [a * math.log(a / b) for a, b in ((p, q), (1 - p, 1 - q)) if a > 0]
    return max(sum(terms), 0.0)


# -- one program, one subject ----------------------------------------------------------------------


def expected_of(program: Program, subject: Subject) -> Sequence[Distribution]:
    return [evaluate(program.text, point, subject.noise) for point in program.points]


def judge(
    program: Program,
    subject: Subject,
    expected: Sequence[Distribution] | None = None,
    shots: int = SHOTS,
) -> tuple[Verdict, bool]:
    """Compare a subject's answer with the reference's; returns whether it was exact too."""
    from qbatch.errors import CircuitError

    expected = expected or expected_of(program, subject)
    try:
        answer = subject.answer(program.text, program.points, shots, 1)
        if answer.exact:
            tolerance = RESYNTHESISED if subject.is_resynthesised else TOLERANCE
            return _judge_exactly(expected, answer, tolerance), True
        if _odd(expected, answer)[0] > ODD:
            answer = subject.answer(program.text, program.points, shots * MORE, 2)
        worst, told = _odd(expected, answer)
    except Unable as error:
        return Verdict("unable", str(error)), False
    except CircuitError as error:
        by_design = any(words in str(error) for words in BY_DESIGN)
        return Verdict("unable" if by_design else "refused", str(error)), False
    except WrongProgram as error:
        return Verdict("wrong", f"what was written is no program: {error}"), False
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        return Verdict("failed", f"{type(error).__name__}: {error}"), False
    return (Verdict("wrong", told) if worst > SURE else Verdict("equal")), False


def _fitting(expected: Sequence[Distribution], answer: Answer) -> Sequence[Distribution]:
    return [joined(one) for one in expected] if answer.joined else expected


def _judge_exactly(expected: Sequence[Distribution], answer: Answer, tolerance: float) -> Verdict:
    if not answer.found:
        return Verdict("equal")
    pairs = zip(_fitting(expected, answer), answer.found, strict=True)
    told = [text for one, found in pairs if (text := difference(one, found, tolerance))]
    return Verdict("wrong", told[0]) if told else Verdict("equal")


def _odd(expected: Sequence[Distribution], answer: Answer) -> tuple[float, str]:
    pairs = zip(_fitting(expected, answer), answer.found, strict=True)
    return max(oddness(one, found) for one, found in pairs)


# -- many ------------------------------------------------------------------------------------------

_ANYWHERE = (
    "statevector", "density_matrix", "matrix_product_state", "transpiled-1", "transpiled-2",
    "transpiled-3", "written-2", "written-3", "written-2-joined", "written-3-joined",
    "written-2-fitted", "written-3-fitted", "emulated-2", "emulated-3", "emulated-2-fitted",
    "emulated-ibm",
)  # fmt: skip


def fitting_subjects(program: Program, number: int, all_of_them: bool) -> Sequence[str]:
    """Choose what a program is tried on: all that may take it, or a few in turn."""
    kinds = [*NOISES]
    if program.kind == "noise":
        others = [f"{m}+{kind}" for m in ("density_matrix", "statevector") for kind in kinds]
        firsts = [f"automatic+{kinds[number % len(kinds)]}"]
    else:
        others, firsts = [*_ANYWHERE], ["automatic"]
        if program.kind == "clifford":
            noise = kinds[number % len(kinds)]
            others = ["stabilizer", "stim", f"stabilizer+{noise}", f"stim+{noise}", *others[2:]]
    if all_of_them:
        return [*firsts, *others]
    return [*firsts, *(others[(number * 2 + k) % len(others)] for k in range(2))]


def compare(
    made: Iterable[tuple[int, Program]],
    seed: int,
    *,
    names: Sequence[str] = (),
    all_of_them: bool = False,
    shots: int = SHOTS,
    most: int = 20,
    told: Callable[[Disagreement], None] = lambda _: None,
    shrink_s: float = 60.0,
) -> Summary:
    """Hold programs against the reference.

    Args:
        made: Their numbers, and they.
        seed: That they were made from, for messages.
        names: Subjects; (): those that fit.
        all_of_them: Every subject that may take a program, not a few in turn.
        most: Disagreements after which no more are shrunk.
        told: Hears of each disagreement at once.
    """
    summary = Summary()
    for number, program in made:
        summary.programs += 1
        summary.kinds[f"OpenQASM {program.version}, {program.kind}"] += 1
        expected: dict[int, Sequence[Distribution]] = {}
        for name in ("read", *(names or fitting_subjects(program, number, all_of_them))):
            subject = SUBJECTS[name]
            try:
                if id(subject.noise) not in expected:
                    expected[id(subject.noise)] = expected_of(program, subject)
            except Unresolved as error:
                summary.unable["reference", str(error)] += 1
                break
            verdict, exact = judge(program, subject, expected[id(subject.noise)], shots)
            if verdict.kind == "unable":
                summary.unable[name, reason(verdict.detail)] += 1
                if name == "read":
                    break
                continue
            summary.compared[name] += 1
            summary.exact += exact
            if verdict.kind != "equal":
                found = Disagreement(program, name, verdict, f"seed {seed}, program {number}")
                if len(summary.disagreements) < most:
                    found = smallest(found, subject, shots, shrink_s)
                summary.disagreements.append(found)
                told(found)
                if name == "read":
                    break
    return summary


def reason(text: str) -> str:
    """Shorten why a subject does not take a program, so that equal reasons look equal."""
    import re

    text = re.sub(r"^.*?:\d+:\d+: |not written: |program[:\d]*: ", "", text.split("\n")[0])
    return re.sub(r".*(which power)", r"\1", text)[:110]


def smallest(
    found: Disagreement, subject: Subject, shots: int = SHOTS, at_most_s: float = 60.0
) -> Disagreement:
    """Shrink a disagreement; the smaller program is wrong in the same way."""
    last = found.verdict

    def still_wrong(candidate: Program) -> bool:
        nonlocal last
        try:
            verdict, _ = judge(candidate, subject, None, shots)
        except (WrongProgram, KeyError, TypeError, ValueError, IndexError, ArithmeticError):
            return False
        same = verdict.kind == found.verdict.kind
        if same and verdict.kind in ("refused", "failed"):
            same = _gist(verdict.detail) == _gist(found.verdict.detail)
        if same:
            last = verdict
        return same

    program = shrink(found.program, still_wrong, at_most_s=at_most_s)
    return replace(found, program=program, verdict=last)


def _gist(text: str) -> str:
    import re

    return re.sub(r"\d+|'[^']*'", "", text.split("\n")[0])
