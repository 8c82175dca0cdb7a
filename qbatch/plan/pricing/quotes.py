"""What clouds that quote each job would take for a plan, by each of their plans and priorities.

Rule: a quote is asked for one point of each circuit text and number of shots, and taken to hold for
the others. What is bought is quoted once more, job by job, and that is what counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass
from qbatch.plan.pricing.summary import Kind, any_order, count_jobs, kind_of
from qbatch.providers import Order, Quote, Target

if TYPE_CHECKING:
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.points import Only, Points

#: Questions to one backend; each may take its cloud some seconds.
MOST_ASKED = 20


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of job to be quoted.

    Attributes:
        kind: Backend, circuit text, settings.
        shots: Of each job.
        jobs: How many there are.
        order: One of them.
        circuit: Its circuit's name, for people.
    """

    kind: Kind
    shots: int
    jobs: int
    order: Order
    circuit: str

    @property
    def key(self) -> tuple[Kind, int]:
        """Return where the answer stands in a plan's `quotes`."""
        return self.kind, self.shots


@dataclass(frozen=True, slots=True)
class BackendQuotes:
    """What all that was asked about costs at one backend, each way it can be bought.

    Attributes:
        backend: Its name in the manifest.
        unit: Of the prices.
        jobs: So many the prices are for.
        of: So many there are.
        quotes: What is offered for each of them, with the sum of its prices; the cheapest first.
        is_emulated: An emulator stands in for the cloud: the prices are no money.
    """

    backend: str
    unit: str
    jobs: int
    of: int
    quotes: tuple[Quote, ...]
    is_emulated: bool = False


def questions(
    plan: Points,
    targets: Mapping[str, Target],
    only: Only | None = None,
    pieces_of: PiecesOf | None = None,
) -> list[Question]:
    """Return what to ask of backends: of each the kinds with the most jobs, `MOST_ASKED` of them.

    Args:
        plan: The plan.
        targets: Backend -> target, of those that are asked.
        only: Which points are meant; None: all.
        pieces_of: What of a point is left to buy; None: all of it.
    """
    layouts = {kind_of(layout): layout for layout in plan.layouts() if layout.backend in targets}
    found = [
        Question(kind, shots, jobs, any_order(layouts[kind], shots), layouts[kind].circuit)
        for kind, counted in count_jobs(plan, targets, only, pieces_of)[1].items()
        if kind[0] in targets
        for shots, jobs in counted.items()
    ]
    asked: list[Question] = []
    for name in targets:
        ours = [each for each in found if each.kind[0] == name]
        asked += sorted(ours, key=lambda each: -each.jobs)[:MOST_ASKED]
    return asked


def sum_up(
    plan: Points,
    targets: Mapping[str, Target],
    only: Only | None = None,
    pieces_of: PiecesOf | None = None,
) -> list[BackendQuotes]:
    """Sum up what was quoted, for each backend of which anything was.

    Args:
        plan: With its quotes.
        targets: Backend -> target.
        only: As for `questions`.
        pieces_of: The same.
    """
    histogram = count_jobs(plan, targets, only, pieces_of)[1] if plan.quotes else {}
    found = []
    for name, target in targets.items() if plan.quotes else ():
        parts = [
            (plan.quotes.get((kind, shots), ()), jobs)
            for kind, counted in histogram.items()
            if kind[0] == name
            for shots, jobs in counted.items()
        ]
        quoted = [(quotes, jobs) for quotes, jobs in parts if quotes]
        if quoted:
            number, total = (sum(jobs for _, jobs in some) for some in (quoted, parts))
            unit, sums = target.price.unit, _sums(quoted)
            found.append(BackendQuotes(name, unit, number, total, sums, target.is_emulated))
    return found


def _sums(quoted: Sequence[tuple[Sequence[Quote], int]]) -> tuple[Quote, ...]:
    """Sum prices up by what they are called; what is not offered for every job is left out."""
    prices: Counter[str] = Counter()
    offered: Counter[str] = Counter()
    chosen: Counter[str] = Counter()
    for quotes, jobs in quoted:
        for title, offer in {each.title: each for each in quotes}.items():
            prices[title] += offer.price * jobs  # type: ignore[assignment]
            offered[title] += 1
            chosen[title] += offer.is_chosen
    everywhere = [title for title, number in offered.items() if number == len(quoted)]
    everywhere.sort(key=lambda title: prices[title])
    return tuple(
        Quote(title, float(prices[title]), chosen[title] == len(quoted)) for title in everywhere
    )
