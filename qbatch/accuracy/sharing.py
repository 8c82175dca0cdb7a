"""Which points get how much of the money that does not reach for all: pure.

Each point wants to come down to its target: how far it is above it is its *level*, the largest of
its errors as a share of their targets. ``worst``: the highest level becomes as low as the money
allows, then the next; ``total``: the sum of the levels does. A job may cost whatever it buys, so a
point may also be left where it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from qbatch.accuracy.deciding import (
    AccuracyLike,
    Figure,
    bisected,
    shares_of_target,
    shots_for,
    targets_of,
)

Aim = Literal["worst", "total"]

#: No level counts as higher: an error of something whose target is nothing.
HIGHEST = 1e6

#: Levels of a point that are looked at where their sum is to be low.
STEPS = 96

#: Rounding of sums of prices is no excess.
_SLACK = 1e-9


@dataclass(frozen=True)
class Wish:
    """A point that did not reach its target.

    Attributes:
        accuracy: That it is to reach.
        figures: What is known of its numbers.
        had: Setting -> shots that there are.
        price: Of so many further shots of one setting.
        counts: Limit -> how much one of the price counts against it.
    """

    accuracy: AccuracyLike
    figures: Mapping[str, Figure]
    had: Mapping[str, int]
    price: Callable[[int], float] = field(repr=False)
    counts: Mapping[Hashable, float] = field(default_factory=dict)

    @cached_property
    def level(self) -> float:
        """Where it is now."""
        shares = shares_of_target(self.accuracy, self.figures).values()
        return min(HIGHEST, max(shares, default=0.0))

    @cached_property
    def _targets(self) -> dict[str, float]:
        return targets_of(self.accuracy, self.figures)

    def shots_at(self, level: float) -> dict[str, int]:
        """How many shots of each setting bring it down to a level, as far as `max` allows."""
        needs = {key: float(number) for key, number in self.had.items()}
        for name, figure in self.figures.items() if level < self.level else ():
            for key, number in shots_for(figure, self.had, level * self._targets[name]).items():
                needs[key] = max(needs[key], number)
        most = {key: max(number, self.accuracy.max) for key, number in self.had.items()}
        return {key: math.ceil(min(number, most[key])) for key, number in needs.items()}

    def cost_at(self, level: float) -> float:
        """What that costs."""
        shots = self.shots_at(level)
        return sum(self.price(shots[key] - n) for key, n in self.had.items() if shots[key] > n)


def levels_within(wishes: Sequence[Wish], left: Mapping[Hashable, float], aim: Aim) -> list[float]:
    """Return the level that the money brings each point down to; its own where it buys nothing.

    Args:
        wishes: All of them.
        left: Limit -> what is left of it; less than nothing where bills were higher than expected.
        aim: What is to be low.
    """
    left = {limit: max(0.0, amount) for limit, amount in left.items()}
    at_target = [min(1.0, wish.level) for wish in wishes]
    if _fits(wishes, at_target, left):
        return at_target
    return _lowest_worst(wishes, left) if aim == "worst" else _lowest_total(wishes, left)


def too_little(wishes: Sequence[Wish], left: Mapping[Hashable, float]) -> set[Hashable]:
    """Return the limits that do not reach for all targets, each by itself."""
    return _passed(wishes, [min(1.0, wish.level) for wish in wishes], left)


def _costs(
    wishes: Sequence[Wish], levels: Sequence[float], limits: Mapping[Hashable, float]
) -> dict[Hashable, float]:
    sums = dict.fromkeys(limits, 0.0)
    for wish, level in zip(wishes, levels, strict=True):
        if wish.counts and level < wish.level:
            cost = wish.cost_at(level)
            for limit in wish.counts.keys() & sums.keys():
                sums[limit] += wish.counts[limit] * cost
    return sums


def _passed(
    wishes: Sequence[Wish], levels: Sequence[float], left: Mapping[Hashable, float]
) -> set[Hashable]:
    """Which limits these levels would pass."""
    costs = _costs(wishes, levels, left)
    return {limit for limit, cost in costs.items() if cost > left[limit] + _SLACK}


def _fits(wishes: Sequence[Wish], levels: Sequence[float], left: Mapping[Hashable, float]) -> bool:
    return not _passed(wishes, levels, left)


# -- the worst ------------------------------------------------------------------------------------


def _lowest_worst(wishes: Sequence[Wish], left: Mapping[Hashable, float]) -> list[float]:
    """Lower all that are highest together; whom a limit stops stays there, the others go on."""
    found = {at: wish.level for at, wish in enumerate(wishes)}
    active = set(found)

    def lowered(level: float) -> list[float]:
        return [
            min(found[at], max(1.0, level)) if at in active else found[at]
            for at in range(len(wishes))
        ]

    while active:
        highest = max(found[at] for at in active)
        level = bisected(lambda each: _fits(wishes, lowered(each), left), highest)
        found = dict(enumerate(lowered(level)))
        if level <= 1.0:
            break
        active -= _stopped(wishes, found, active, left, level)
    return [found[at] for at in range(len(wishes))]


def _stopped(
    wishes: Sequence[Wish],
    found: Mapping[int, float],
    active: set[int],
    left: Mapping[Hashable, float],
    level: float,
) -> set[int]:
    """Which of the points that go down together can go no further."""
    below = level * (1 - 1e-6)
    tried = [min(found[at], max(1.0, below)) if at in active else found[at] for at in found]
    passed = _passed(wishes, tried, left)
    paying = {at for at in active if tried[at] < wishes[at].level}
    theirs = {at for at in paying if passed & wishes[at].counts.keys()}
    beginning = {at for at in theirs if wishes[at].level <= level * (1 + 1e-6)}
    return beginning or theirs or set(active)


# -- the sum --------------------------------------------------------------------------------------


def _lowest_total(wishes: Sequence[Wish], left: Mapping[Hashable, float]) -> list[float]:
    """Give each what its level falls by most for its price; one price of money at each limit."""
    rows = [[*_levels_and_costs(wish)] for wish in wishes]
    worth: dict[Hashable, float] = dict.fromkeys(left, 0.0)

    def chosen() -> list[float]:
        return [_best(wish, row, worth)[0] for wish, row in zip(wishes, rows, strict=True)]

    def fits_at(limit: Hashable, price: float) -> bool:
        worth[limit] = price
        sums = 0.0
        for wish, row in zip(wishes, rows, strict=True):
            sums += wish.counts.get(limit, 0.0) * _best(wish, row, worth)[1]
        return sums <= left[limit] + _SLACK

    for limit in left:
        if not fits_at(limit, 0.0):
            high = 1e-9
            while not fits_at(limit, high) and high < 1e12:
                high *= 10
            worth[limit] = bisected(lambda price, limit=limit: fits_at(limit, price), high)  # type: ignore[misc]
    return _filled(wishes, rows, chosen(), left)


def _levels_and_costs(wish: Wish) -> Iterator[tuple[float, float]]:
    """Levels of a point from where it is to its target, each with what it costs."""
    yield wish.level, 0.0
    low = min(1.0, wish.level)
    for step in range(1, STEPS + 1):
        level = wish.level * (low / wish.level) ** (step / STEPS) if wish.level else 0.0
        yield level, wish.cost_at(level)


def _best(
    wish: Wish, row: Sequence[tuple[float, float]], worth: Mapping[Hashable, float]
) -> tuple[float, float]:
    price = sum(factor * worth.get(limit, 0.0) for limit, factor in wish.counts.items())
    return min(row, key=lambda each: (each[0] + price * each[1], each[1]))


def _filled(
    wishes: Sequence[Wish],
    rows: Sequence[Sequence[tuple[float, float]]],
    levels: list[float],
    left: Mapping[Hashable, float],
) -> list[float]:
    """Spend what is over as well, the highest first."""
    costs = _costs(wishes, levels, left)
    for at in sorted(range(len(levels)), key=lambda at: -levels[at]):
        counts = {
            limit: wishes[at].counts[limit] for limit in costs.keys() & wishes[at].counts.keys()
        }
        before = next((cost for level, cost in rows[at] if level == levels[at]), 0.0)
        for level, cost in reversed(rows[at]):
            more = {limit: factor * (cost - before) for limit, factor in counts.items()}
            if level < levels[at] and all(
                costs[limit] + each <= left[limit] + _SLACK for limit, each in more.items()
            ):
                levels[at] = level
                costs |= {limit: costs[limit] + each for limit, each in more.items()}
                break
    return levels
