"""How far each point of a run is from the accuracy that it is to reach, and what it wants next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from qbatch.accuracy.deciding import NO_MONEY, Decision, Figure, decide, shares_of_target
from qbatch.accuracy.kept import History, read_terms
from qbatch.bases import Setting, is_calibration
from qbatch.errors import SnapshotError
from qbatch.frozen import dataclass
from qbatch.job import JobState
from qbatch.manifest.accuracy import AdaptiveShots

if TYPE_CHECKING:
    from pathlib import Path

    from qbatch.manifest.accuracy import Accuracy
    from qbatch.manifest.analysis import Analysis
    from qbatch.plan import Plan
    from qbatch.snapshot import PointResult, Run


#: Of a point whose first shots are not all there yet.
NOT_MEASURED = "measured in part"

#: Why a point is where it is -> what is said of so many.
SAID = {
    "reached": "reached",
    "more": "to be given more shots: `qbatch run` goes on",
    "max": "at max",
    "budget": "short of money: the budget allows no more",
    "rounds": "not settled in as many rounds as there may be",
    NOT_MEASURED: "without all the shots wanted so far",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """One point that is to reach an accuracy.

    Attributes:
        point: The point.
        accuracy: That it is to reach.
        figures: What is known of its numbers; empty where it is not measured.
        decision: What it wants next, by what is known now; None where shots are still to come.
        is_short: It would want more, but what the run may cost did not reach for it.
    """

    point: PointResult
    accuracy: Accuracy
    figures: Mapping[str, Figure]
    decision: Decision | None
    is_short: bool = False

    @property
    def why(self) -> str:
        """Why it is where it is, a key of `SAID`."""
        if self.is_short:
            return NO_MONEY
        return self.decision.why if self.decision else NOT_MEASURED

    @property
    def shares(self) -> dict[str, float]:
        """Number -> its error as a share of its target."""
        return shares_of_target(self.accuracy, self.figures)

    @property
    def shots(self) -> int:
        """Measured, of all its settings but calibrations."""
        return sum(each.done for each in self.point.each_setting if not is_calibration(each.basis))


def standings_of(
    points: Iterable[PointResult], terms: Mapping[str, Accuracy], history: History, run: Run
) -> Iterator[Standing]:
    """Yield how the points of a run stand that are to reach an accuracy, each content once.

    Args:
        points: Of the run.
        terms: Setting -> accuracy.
        history: What was decided so far.
        run: The run.
    """
    met: set[str] = set()
    for point in points:
        first = point.each_setting[0].id
        if first in met or first not in terms:
            continue
        met.add(first)
        yield _standing(point, terms[first], history, run)


def standings(run: Run) -> list[Standing]:
    """Return how the points of a run stand that are to reach an accuracy."""
    meta = run.meta
    terms = read_terms(meta)
    return [*standings_of(run, terms, History.of(meta), run)] if terms else []


def _standing(point: PointResult, accuracy: Accuracy, history: History, run: Run) -> Standing:
    from qbatch.snapshot.points import asked_of

    ids = {each.basis: each.id for each in point.each_setting}
    figures = figures_of(point, accuracy.of, asked_of(point, run.manifest), ids)
    if point.state is not JobState.COMPLETED or not figures:
        return Standing(point, accuracy, figures, None)
    had = {each.id: each.done for each in point.each_setting if not is_calibration(each.basis)}
    first = point.each_setting[0].id
    latest = history.latest(first, accuracy)
    if latest is not None and latest.is_settled and _holds(latest, accuracy, figures, had):
        return Standing(point, accuracy, figures, latest)
    decision = decide(accuracy, figures, had, history.bought(first, accuracy))
    is_short = latest is not None and latest.why == NO_MONEY and dict(latest.had) == had
    return Standing(point, accuracy, figures, decision, is_short)


def _holds(
    latest: Decision,
    accuracy: Accuracy,
    figures: Mapping[str, Figure],
    had: Mapping[str, int],
) -> bool:
    """Whether what was decided from is what there is: shots may have been bought anew."""
    shares = shares_of_target(accuracy, figures)
    return (
        dict(latest.had) == had
        and latest.errors.keys() == shares.keys()
        and all(math.isclose(latest.errors[name], share) for name, share in shares.items())
    )


def figures_of(
    point: PointResult, names: Sequence[str], analysis: Analysis, ids: Mapping[str, str]
) -> dict[str, Figure]:
    """Return what a point's shots tell of numbers; empty where a setting has no shots yet.

    Args:
        point: The point.
        names: Observables and probabilities.
        analysis: Where they are.
        ids: Setting as it is written -> its id, by which the numbers' spreads are told.
    """
    from qbatch.result.spread import spreads_of

    counts, estimates = point.counts_by_basis, point.estimates
    if not counts.keys() >= ids.keys():
        return {}
    bases = [text for text in ids if Setting.parse(text).is_raw]
    found = {}
    for name, by_basis in spreads_of(counts, bases, analysis, names).items():
        if name in estimates:
            number = estimates[name]
            of_settings = {ids[basis]: each for basis, each in by_basis.items()}
            found[name] = Figure(number.value, number.high - number.low, of_settings)
    return found


def decided_in(folder: Path, plan: Plan) -> dict[str, AdaptiveShots]:
    """Return what a run folder's earlier rounds decided for the points of a plan."""
    if not plan.has_accuracies:
        return {}
    from qbatch.snapshot import Run, is_run_folder

    meta: Mapping[str, str] = {}
    if is_run_folder(folder):
        with suppress(SnapshotError), Run(folder) as run:  # damaged: whoever needs it will tell
            meta = run.meta
    history = History.of(meta)
    if not history.rounds:
        return {}
    return history.wanted((point.id, point.shots) for point in plan.points())


def wanted_next(folder: Path, plan: Plan) -> dict[str, AdaptiveShots]:
    """Return what points will want by what a run folder has now: as decided, or about to be."""
    found: dict[str, AdaptiveShots] = {}
    if not plan.has_accuracies:
        return found
    from qbatch.snapshot import Run, is_run_folder

    if not is_run_folder(folder):
        return found
    asked = [(p.id, p.shots) for p in plan.points() if isinstance(p.shots, AdaptiveShots)]
    terms = {id_: shots.accuracy for id_, shots in asked}
    with suppress(SnapshotError), Run(folder) as run:  # damaged: whoever needs it will tell
        history = History.of(run.meta)
        found |= history.wanted(asked)
        for each in standings_of(run, terms, history, run):
            for id_, shots in each.decision.wanted.items() if each.decision else ():
                is_last = each.decision is None or each.decision.is_last
                found[id_] = AdaptiveShots(each.accuracy, shots, is_last=is_last)
    return found
