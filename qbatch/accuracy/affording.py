"""What a round may buy where the limits on what a run costs do not reach for all targets.

What counts against a limit already is read from the run folder while nothing is under way. Prices
are those that targets name; where a cloud quotes each job, as far as its bills so far tell them.
The budget itself holds each purchase, as ever: this only says where the money is to go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qbatch.accuracy.deciding import MORE, cut_down
from qbatch.accuracy.sharing import Aim, Wish, levels_within, too_little
from qbatch.bases import is_calibration
from qbatch.frozen import dataclass
from qbatch.plan.pricing.limits import Limit, Rates, dump_limits, factor_of, taken
from qbatch.shots import cut

if TYPE_CHECKING:
    from qbatch.accuracy.standing import Standing
    from qbatch.providers import Target
    from qbatch.snapshot import Run


@dataclass(frozen=True, slots=True)
class Money:
    """What there is to be spent.

    Attributes:
        limits: On what the run may cost in all.
        rates: What units are worth.
        targets: Backend -> target, with its price.
        aim: What is to be low where it does not reach.
    """

    limits: tuple[Limit, ...]
    rates: Rates
    targets: Mapping[str, Target]
    aim: Aim

    def afford(self, standings: Sequence[Standing], run: Run) -> list[Standing]:
        """Return how points stand, none wanting more than the limits allow all of them."""
        wanting = [each for each in standings if each.decision and each.decision.why == MORE]
        counted = {each for each in self.limits if any(map(self._counts(each), wanting))}
        if not counted:
            return [*standings]
        spent = taken(dump_limits(self.limits, self.rates), run.ledger(), run.doubles())
        left: dict[Hashable, float]
        left = {limit: limit.amount - amount for limit, amount in spent if limit in counted}
        prices = {name: self._price_of(name, wanting, run) for name in _backends(wanting)}
        wishes = [self._wish(each, prices[each.point.backend], counted) for each in wanting]
        levels, short = levels_within(wishes, left, self.aim), too_little(wishes, left)
        cut_downs = {
            id(each): _cut_down(each, wish, level, short)
            for each, wish, level in zip(wanting, wishes, levels, strict=True)
            if level > 1.0
        }
        return [cut_downs.get(id(each), each) for each in standings]

    def _counts(self, limit: Limit) -> Callable[[Standing], bool]:
        return lambda standing: self._factor(limit, standing.point.backend) is not None

    def _factor(self, limit: Limit, backend: str) -> float | None:
        target = self.targets.get(backend)
        if target is None or target.price.is_free:
            return None
        return factor_of(limit, backend, target.price.unit, self.rates)

    def _wish(self, standing: Standing, price: Callable[[int], float], limits: set[Limit]) -> Wish:
        point = standing.point
        found = {limit: self._factor(limit, point.backend) for limit in limits}
        counts: dict[Hashable, float]
        counts = {limit: each for limit, each in found.items() if each is not None}
        had = {each.id: each.done for each in point.each_setting if not is_calibration(each.basis)}
        return Wish(standing.accuracy, standing.figures, had, price, counts)

    def _price_of(
        self, backend: str, wanting: Sequence[Standing], run: Run
    ) -> Callable[[int], float]:
        """Return what tells the price of further shots of one setting at a backend."""
        target = self.targets.get(backend)
        if target is None:
            return _nothing
        price, bounds = target.price, target.bounds
        number = sum(len(each.figures) for each in wanting if each.point.backend == backend)
        share = price.per_composite / max(1, min(target.max_jobs, number))
        billed = _as_billed(backend, run) if price.quoted else None

        def price_of(shots: int) -> float:
            total = 0.0
            for size, times in cut(shots, bounds):
                quoted = billed(size) if billed else 0.0
                total += times * (max(price.of_job(size), quoted) + share)
            return total

        return price_of


def _backends(standings: Sequence[Standing]) -> set[str]:
    return {each.point.backend for each in standings}


def _nothing(_: int) -> float:
    return 0.0


def _as_billed(backend: str, run: Run) -> Callable[[int], float]:
    """A line through what the smallest and the largest job cost; by the shot, if all are alike."""
    costs: dict[int, float] = {}
    for entry in (each.entry for each in run.ledger() if each.entry.backend == backend):
        if entry.shots:
            costs[entry.shots] = max(costs.get(entry.shots, 0.0), entry.counted, entry.quoted)
    if not costs:
        return _nothing
    few, many = min(costs), max(costs)
    slope = (costs[many] - costs[few]) / (many - few) if many > few else costs[few] / few
    return lambda shots: costs[few] + max(0.0, slope) * max(0, shots - few)


def _cut_down(standing: Standing, wish: Wish, level: float, short: set[Hashable]) -> Standing:
    assert standing.decision is not None
    named = wish.counts.keys() & short or wish.counts.keys()
    names = tuple(sorted(limit.said_by for limit in named if isinstance(limit, Limit)))
    return replace(standing, decision=cut_down(standing.decision, wish.shots_at(level), names))
