"""A run whose points are to reach an accuracy: round by round, each decided before it is bought.

A round begins when all of the one before is over. What it wants follows from what the run folder
has by then, and is kept there first: a run that is cut off, wherever that is, decides the same.
Shots of other runs that differ from those bought meanwhile are put aside before, so that nothing
is decided by them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import field, replace
from functools import partial
from typing import NamedTuple

from qbatch.accuracy.affording import Money
from qbatch.accuracy.deciding import MORE, NO_MONEY, Decision
from qbatch.accuracy.kept import ROUND, TERMS, History, dump_round, dump_terms, read_terms
from qbatch.accuracy.standing import Standing, standings_of
from qbatch.executor.engine import Settings
from qbatch.executor.events import Decided, Observer, Summary, Warned
from qbatch.executor.execute import Only
from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.notation import listed
from qbatch.plan import Plan
from qbatch.providers import Target
from qbatch.snapshot import Run
from qbatch.snapshot.borrowing import Borrower

#: Runs what the plan lacks by now.
Work = Callable[[Settings], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class Rounds:
    """What rounds are decided for.

    Attributes:
        plan: Its `wanted` is what was decided on so far.
        snapshot: The run folder, held.
        settings: Of the run.
        observer: Told of each round.
        only: Points that were chosen; None: all.
        targets: Backend -> target; where one is missing, nothing is billed.
    """

    plan: Plan
    snapshot: Borrower
    settings: Settings
    observer: Observer
    only: Only | None
    targets: Mapping[str, Target] = field(default_factory=dict)

    async def run(self, work: Work) -> Summary:
        """Run what the plan lacks, and as long as points want more shots, those as well."""
        self._note_terms()
        summary = await work(self.settings)
        later = replace(self.settings, only="missing")
        while self.plan.has_accuracies and _may_go_on(summary, self.settings):
            for each in self.snapshot.review():
                self.observer(Warned(str(each)))
            decided = await self.settings.offload(partial(self.decide, summary.over_budget))
            if not any(each.is_new for each in decided):
                return replace(summary, over_budget={**_short(decided), **summary.over_budget})
            new = [each.standing for each in decided if each.is_new]
            self.plan.wanted = {**self.plan.wanted, **self._keep(new)}
            if any(each.decision and each.decision.why == MORE for each in new):
                summary = _joined(summary, await work(later))
        return summary

    def decide(self, closed: Collection[str] = ()) -> list[_Decided]:
        """Decide on points of which nothing is under way.

        Args:
            closed: Backends where nothing more may be bought.
        """
        wanted = {p.id for p in self.plan.bought(self.only) if p.backend not in closed}
        with Run(self.snapshot.folder) as run:
            meta = run.meta
            history, terms = History.of(meta), read_terms(meta)
            theirs = {id_: each for id_, each in terms.items() if id_ in wanted}
            found = [*standings_of(run, theirs, history, run)]
            if self.settings.ask_more is None:  # else a person may raise what does not reach
                aim, how = self.plan.manifest.budget.aim, self.settings
                found = Money(how.limits, how.rates, self.targets, aim).afford(found, run)
        return [_Decided(each, not _is_kept(each, history)) for each in found if each.decision]

    def _keep(self, decided: list[Standing]) -> dict[str, AdaptiveShots]:
        meta = self.snapshot.meta()
        number = 1 + History.of(meta).rounds
        told = [(each.point.name, each.accuracy, each.decision) for each in decided]
        text = dump_round((name, wish, found) for name, wish, found in told if found)
        self.snapshot.set_meta(**{f"{ROUND}{number}": text})
        self.observer(_event(number, [found for _, _, found in told if found]))
        history = History.of(self.snapshot.meta())
        return history.wanted((point.id, point.shots) for point in self.plan.points())

    def _note_terms(self) -> None:
        if self.plan.has_accuracies or self.snapshot.fact(TERMS) is not None:
            points = ((point.id, point.shots) for point in self.plan.points())
            self.snapshot.set_meta(**{TERMS: dump_terms(points)})


class _Decided(NamedTuple):
    """How a point stands, and whether what was decided of it is still to be kept."""

    standing: Standing
    is_new: bool


def _is_kept(standing: Standing, history: History) -> bool:
    first = standing.point.each_setting[0].id
    latest = history.latest(first, standing.accuracy)
    return latest is not None and latest.is_last and latest == standing.decision


def _short(decided: Iterable[_Decided]) -> dict[str, str]:
    """Say of each backend how many points did not reach their targets for want of money."""
    points: Counter[str] = Counter()
    limits: dict[str, set[str]] = {}
    for standing in (each.standing for each in decided):
        if standing.decision and standing.decision.why == NO_MONEY:
            points[standing.point.backend] += 1
            limits.setdefault(standing.point.backend, set()).update(standing.decision.limits)
    return {
        name: f"{listed(sorted(limits[name]))} does not reach for the target of "
        f"{number} {'point' if number == 1 else 'points'}"
        for name, number in points.items()
    }


def _may_go_on(summary: Summary, settings: Settings) -> bool:
    """Whether nothing is in the way of another round."""
    is_cut_off = summary.stopped or summary.not_agreed or summary.left
    is_gone = summary.out_of_reach or summary.at_providers or summary.signal is not None
    return not (is_cut_off or is_gone or settings.only == "failed")


def _event(number: int, decided: list[Decision]) -> Decided:
    more = [each for each in decided if each.why == MORE]
    shots = sum(sum(each.wanted.values()) - sum(each.had.values()) for each in more)
    short = sum(bool(each.limits) for each in decided)
    settled = sum(each.is_settled for each in decided)
    return Decided(number, len(more), settled, shots, short)


def _joined(before: Summary, last: Summary) -> Summary:
    """Join what two rounds came to."""
    return replace(
        last,
        total=before.total + last.total,
        completed=before.completed + last.completed,
        elapsed_s=before.elapsed_s + last.elapsed_s,
        over_budget={**before.over_budget, **last.over_budget},
        unit=before.unit if before.unit == last.unit else "job",
    )
