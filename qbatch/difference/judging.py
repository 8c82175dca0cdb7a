"""Which numbers changed between two sides, beyond what shot noise explains.

Every number at everything that both sides ask is one comparison, and all of them are judged
together: the chance that anything is called changed where nothing is stays below the stated error
rate, by Holm's procedure (`qbatch.result.homogeneity.family`).

=========  =========================================================================================
changed    its p-value survives Holm's procedure, and the change is not within what is tolerated
same       no more than chance; where a tolerance is given, its interval lies within that, too
undecided  too few shots to show any change, or repeats of one side differ as much as the sides do,
           or the interval is not within what is tolerated
=========  =========================================================================================

P-values come from all shots of both sides where these are known (`homogeneity_p`, right at any
size). Numbers of several settings are compared by what estimates all repeats together (`repeats`),
and of exported files only estimates are known: there half of each interval that points at the other
side is taken for z standard errors, as in MOVER (Zou and Donner, Stat. Med. 27, 1693, 2008), which
keeps a width where all shots agree. The interval of a change is made of both sides' intervals in
the same way, at their own level, each change by itself.

**Shot noise and drift.** Where repeats of a side scatter more than shot noise lets them (at
`SCATTER`), shots alone prove nothing: the change must exceed the repeats' own scatter as well, by
Student's t with their pooled variance.

**Power.** What a comparison could have seen is the change that it would call changed four times out
of five: (z(1 - error rate / 2m) + 0.84) standard errors of the difference, m comparisons in all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from qbatch.difference.circuits import ChangedCircuit, changed_circuits
from qbatch.difference.pairs import Pair, are_equal, outcomes_pair, pair_of
from qbatch.difference.references import MachineChange, machine_changes, told_of
from qbatch.difference.repeats import Repeats, uncertainty
from qbatch.difference.sides import (
    Asked,
    Measured,
    Side,
    Writers,
    named,
    spread,
    writers_of,
)
from qbatch.difference.statistics import between_p, quantile, scatter_p
from qbatch.errors import SelectionError
from qbatch.frozen import dataclass
from qbatch.notation import listed, shortened
from qbatch.result import (
    METRICS,
    Estimate,
    analyse,
    family,
    shot_values,
    smallest_p,
)

if TYPE_CHECKING:
    from qbatch.manifest.models import Analysis, Value
    from qbatch.result import Counts

#: Chance that anything is called changed where nothing is, unless the person says otherwise.
ERROR_RATE = 0.01
#: P-value from which repeats are taken to scatter more than shot noise lets them.
SCATTER = 0.01
#: z of a power of 0.8.
_POWER_Z = 0.8416
#: Comparisons made at most.
MOST_COMPARISONS = 200_000
#: Stands for all outcomes, where there are no numbers or only distances.
OUTCOMES = "outcomes"


class Word(StrEnum):
    """What is said of one comparison, the most telling first."""

    CHANGED = "changed"
    UNDECIDED = "undecided"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class NumberChange:
    """One number at one thing asked.

    Attributes:
        number: Its name; of outcomes "P(01)", the one that differs most clearly.
        asked: Of the points.
        word: The verdict.
        reason: Why it is undecided; of what changed, what its machine did, where references tell.
        here: On the first side, all repeats together.
        there: On the second.
        shots: On each side; 0 where nobody tells.
        low: Lower end of the interval of the change, which is ``there.value - here.value``.
        high: Its upper end.
        p_value: Probability that shot noise alone makes them differ so much or more.
        detectable: The change that would have been seen four times out of five.
    """

    number: str
    asked: Asked
    word: Word
    reason: str
    here: Estimate
    there: Estimate
    shots: tuple[int, int]
    low: float
    high: float
    p_value: float
    detectable: float

    @property
    def change(self) -> float:
        """From the first side to the second."""
        return self.there.value - self.here.value


@dataclass(frozen=True)
class Difference:
    """All that was compared.

    Attributes:
        sides: The two.
        changes: Every comparison, in the order of the first side's points.
        only: What each side alone asks.
        left_out: Number -> why it was not compared.
        error_rate: Of all comparisons together.
        alike: Points of both sides with one id and equal counts: of the same jobs, or a simulator
            drew the same shots.
        circuits: What changed in the circuits of what both ask.
        machines: What references tell of each machine.
        axis: Between values of which axis they were compared; "" where names are the same.
        values: Of that axis, each compared with each; () where two sides were given.
    """

    sides: tuple[Side, Side]
    changes: Sequence[NumberChange]
    only: tuple[Sequence[Asked], Sequence[Asked]]
    left_out: Mapping[str, str]
    error_rate: float
    alike: int = 0
    circuits: Sequence[ChangedCircuit] = ()
    machines: Sequence[MachineChange] = ()
    axis: str = ""
    values: Sequence[Value] = ()

    @cached_property
    def varied(self) -> frozenset[str]:
        """Parts of what is asked that take several values."""
        parts = spread(one.asked for one in self.changes)
        return frozenset(name for name, values in parts.items() if len(values) > 1)

    @cached_property
    def writers(self) -> Writers:
        """How the values of what is asked are written."""
        return writers_of((*(one.asked for one in self.changes), *self.only[0], *self.only[1]))

    def name(self, asked: Asked) -> str:
        """Name what is asked by the parts that take several values."""
        return named(asked, self.varied, self.writers)

    @property
    def word(self) -> Word:
        """Changed if anything is, else undecided if anything is, else same."""
        words = {one.word for one in self.changes}
        return next((word for word in Word if word in words), Word.UNDECIDED)

    @property
    def numbers(self) -> dict[str, list[NumberChange]]:
        """Number -> its comparisons; those of outcomes under one name."""
        found: dict[str, list[NumberChange]] = {}
        for one in self.changes:
            name = OUTCOMES if one.number.startswith("P(") else one.number
            found.setdefault(name, []).append(one)
        return found


def compare(
    here: Side,
    there: Side,
    *,
    error_rate: float = ERROR_RATE,
    within: Mapping[str, float] | None = None,
) -> Difference:
    """Compare two sides.

    Args:
        here: The first, from which changes are counted.
        there: The second.
        error_rate: Chance that anything is called changed where nothing is.
        within: Number -> change that is tolerated, 0 or more; "" stands for all others.

    Raises:
        SelectionError: They ask nothing in common, have no number in common, or a tolerance is for
            no number.
    """
    return _Comparing(here, there, error_rate, within or {}).done()


@dataclass
class _Comparing:
    here: Side
    there: Side
    error_rate: float
    within: Mapping[str, float]
    pairs: list[Pair] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    alike: int = 0

    def done(self) -> Difference:
        with_shots = self.here.differs_in_shots or self.there.differs_in_shots
        mine = self.here.by_what_is_asked(with_shots=with_shots)
        others = self.there.by_what_is_asked(with_shots=with_shots)
        common = [asked for asked in mine if asked in others]
        if not common:
            raise SelectionError(_nothing_common(self.here, mine, self.there, others))
        self._leave_out(_numbers(mine.values()), _numbers(others.values()))
        self._leave_out_remade(common)
        for asked in common:
            self._add(asked, mine[asked], others[asked])
        if not self.pairs:
            why = "".join(f"; {name} {reason}" for name, reason in self.left_out.items())
            raise SelectionError(
                f"{self.here.name} and {self.there.name} have no number in common{why}; "
                "give both an analysis of the same names"
            )
        self._check_tolerances()
        only = [a for a in mine if a not in others], [a for a in others if a not in mine]
        machines = machine_changes(self.here, self.there, self.error_rate)
        changes = [self._with_machines(one, machines) for one in self._judged()]
        sides = (self.here, self.there)
        circuits = changed_circuits(self.here, mine, self.there, others)
        facts = self.left_out, self.error_rate, self.alike
        return Difference(sides, changes, only, *facts, circuits, machines)

    def _with_machines(self, one: NumberChange, machines: Sequence[MachineChange]) -> NumberChange:
        """Say of a number that changed what its machine did."""
        if not machines or one.word is not Word.CHANGED:
            return one
        backends = [side.own(one.asked).backend for side in (self.here, self.there)]
        return replace(one, reason=told_of(machines, backends))

    # -- what is compared --------------------------------------------------------------------------

    def _leave_out(self, mine: Collection[str], others: Collection[str]) -> None:
        ours, theirs = definitions(self.here.analysis), definitions(self.there.analysis)
        for number in dict.fromkeys((*mine, *others)):
            if number not in mine or number not in others:
                side = self.here if number in mine else self.there
                self.left_out[number] = f"is only in {side.name}"
            elif number in ours and number in theirs and ours[number] != theirs[number]:
                both = ", ".join(shortened(each[number], 200) for each in (ours, theirs))
                self.left_out[number] = f"is another number now: {both}"
            elif number in METRICS:
                self.left_out[number] = "is a distance: outcomes of two runs are compared instead"

    def _leave_out_remade(self, common: Sequence[Asked]) -> None:
        """Leave out what is made for each point, where it was made into another sum since."""
        if self.here.analysis is None or not (made := self.here.analysis.varying):
            return
        for asked in common:
            ours, theirs = (side.analysis_at(asked) for side in (self.here, self.there))
            for name in made:
                sums = [each.observables.get(name) for each in (ours, theirs) if each is not None]
                if len({*sums}) > 1:
                    source = made[name].told(asked.values)
                    said = f"is another number now: {source} is another sum"
                    self.left_out.setdefault(name, said)

    def _add(self, asked: Asked, mine: Measured, others: Measured) -> None:
        if len(self.pairs) > MOST_COMPARISONS:
            raise SelectionError(
                f"more than {MOST_COMPARISONS:,} numbers would be compared; compare parts"
            )
        mine_counts, other_counts = mine.pooled(), others.pooled()
        if mine.drawn and are_equal(mine.drawn, others.drawn):
            self.alike += len(mine.shots)
        exact = self._of_shots(asked, mine, others, mine_counts, other_counts)
        self.pairs += exact
        known = {pair.number for pair in exact}
        both = self._repeats(self.here, asked, mine), self._repeats(self.there, asked, others)
        for number in _numbers([mine]):
            if number in known or number in self.left_out or number not in _numbers([others]):
                continue
            pair = _of_estimates(number, asked, both)
            if pair is not None:
                self.pairs.append(pair)

    @staticmethod
    def _repeats(side: Side, asked: Asked, measured: Measured) -> Repeats:
        return Repeats(measured, side.analysis_at(asked), side.level)

    def _of_shots(
        self,
        asked: Asked,
        mine: Measured,
        others: Measured,
        mine_counts: Counts | None,
        other_counts: Counts | None,
    ) -> list[Pair]:
        """Compare the numbers whose shots both sides know."""
        analysis, other_analysis = (side.analysis_at(asked) for side in (self.here, self.there))
        if mine_counts is None or other_counts is None:
            return []
        if analysis is None or other_analysis is None:
            return []
        if mine_counts.registers != other_counts.registers:
            return []
        shots = (mine_counts.shots, other_counts.shots)
        found = []
        ours, theirs = shot_values(mine_counts, analysis), shot_values(other_counts, other_analysis)
        values = analyse(mine_counts, analysis), analyse(other_counts, other_analysis)
        for number, histogram in ours.items():
            if number in self.left_out or number not in theirs:
                continue
            two = (histogram, theirs[number])
            estimates = values[0][number], values[1][number]
            levels = self.here.level, self.there.level
            pair = pair_of(number, asked, estimates, shots, two, levels)
            pair.scatter_p = min(
                1.0, 2 * min(scatter_p(number, mine, analysis), scatter_p(number, others, analysis))
            )
            pair.between_p = between_p(number, mine, others)
            found.append(pair)
        if self._compares_outcomes:
            found.append(outcomes_pair(asked, mine_counts, other_counts, analysis))
        return found

    @cached_property
    def _compares_outcomes(self) -> bool:
        """Whether there is a distance, or no number at all."""
        analysis = self.here.analysis
        return analysis is not None and (analysis.distribution is not None or not analysis.names)

    # -- how it is judged --------------------------------------------------------------------------

    def _check_tolerances(self) -> None:
        known = {pair.number for pair in self.pairs}
        for number in self.within:
            if number and number not in known:
                raise SelectionError(
                    f"a tolerance is given for {number!r}, which is not compared; there are "
                    f"{listed(sorted(known))}"
                )

    def _judged(self) -> list[NumberChange]:
        p_values = [pair.p_value for pair in self.pairs]
        verdicts = family(p_values, [pair.smallest for pair in self.pairs], self.error_rate)
        alone = self.error_rate / len(self.pairs)
        return [
            self._one(p, verdict, alone) for p, verdict in zip(self.pairs, verdicts, strict=True)
        ]

    def _one(self, pair: Pair, is_different: bool | None, alone: float) -> NumberChange:
        errs = pair.errs
        word, reason = self._word(pair, is_different, alone)
        return NumberChange(
            pair.number,
            pair.asked,
            word,
            reason,
            pair.here,
            pair.there,
            pair.shots,
            errs.low,
            errs.high,
            pair.p_value,
            (quantile(1 - alone, errs.freedom) + _POWER_Z) * errs.error,
        )

    def _word(self, pair: Pair, is_different: bool | None, alone: float) -> tuple[Word, str]:
        tolerated = self.within.get(pair.number, self.within.get(""))
        low, high = pair.errs.ends(1 - alone)  # of all comparisons together
        is_within = tolerated is not None and -tolerated <= low and high <= tolerated
        if is_different is None:
            return Word.UNDECIDED, "too few shots to show any change"
        if is_within:
            return Word.SAME, ""
        if is_different and pair.scatter_p < SCATTER and pair.between_p > alone:
            return Word.UNDECIDED, "repeats of one run differ as much"
        if is_different:
            return Word.CHANGED, ""
        if tolerated is not None:
            return Word.UNDECIDED, f"the change may be larger than the {tolerated:g} tolerated"
        return Word.SAME, ""


def _of_estimates(number: str, asked: Asked, both: tuple[Repeats, Repeats]) -> Pair | None:
    """Compare a number of which estimates alone tell, or shots of several settings."""
    here, there = (side.estimate(number) for side in both)
    if here is None or there is None:
        return None
    errs = uncertainty(number, both, (here, there))
    mine, others = (side.measured for side in both)
    shots = sum(mine.shots), sum(others.shots)
    smallest = smallest_p(tuple(sorted(shots)))
    pair = Pair(number, asked, here, there, shots, errs, errs.p_value, smallest)
    pair.scatter_p = min(1.0, 2 * min(side.scatter_p(number) for side in both))
    pair.between_p = between_p(number, mine, others)
    return pair


# -- numbers ---------------------------------------------------------------------------------------


def definitions(analysis: Analysis | None) -> dict[str, str]:
    """Return what each number of an analysis is; empty where nobody tells."""
    if analysis is None:
        return {}
    target = analysis.distribution
    metrics: dict[str, str] = {}
    if target is not None:
        metrics = {str(metric): str(dict(target.target)) for metric in target.metrics}
    own = {
        number: each.python or f"installed {each.installed}"
        for each in analysis.own_at_points.values()
        for number in each.returns
    }
    return {**analysis.observables, **analysis.probabilities, **metrics, **own}


def _numbers(measured: Iterable[Measured]) -> dict[str, None]:
    return {number: None for one in measured for told in one.estimates for number in told}


def _nothing_common(
    here: Side, mine: Mapping[Asked, Any], there: Side, others: Mapping[Asked, Any]
) -> str:
    from qbatch.report.numbers import plain

    told = []
    for side, asked in ((here, mine), (there, others)):
        parts = []
        for name, values in spread(asked).items():
            first = ", ".join(map(plain, values[:3])) + (", …" if len(values) > 3 else "")
            parts.append(f"{name} {first}")
        told.append(f"{side.name} asks {'; '.join(parts)}")
    return (
        f"nothing is asked by both: {'. '.join(told)}. Points are matched by these names; "
        "`--map` pairs what is called differently"
    )
