"""How many shots are wanted of a point next, from what is known of it: pure.

The first round buys `min` of each setting. From then on the variances that the shots show tell how
many give the target: as many as a variance asks for that is its own standard error larger than it
seems, so that one more round is rarely needed. Settings of a point (bases) share them by their own
variances, as they lower the error most. No round takes a setting to more than `growth` times what
it has, so that a first guess from few shots is not paid for in full.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Protocol

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.result.spread import Spread

#: Rounds after the first, of one point.
MOST_ROUNDS = 6

#: A setting has at most so many times its shots after a round, or what takes it from min to max in
#: four rounds.
GROWTH = 8.0

#: Shots that stand for more than anybody can buy: no number reaches the target.
ENDLESS = 2**53

#: A round buys at least this share of what there is: a few shots more are not worth a job.
LEAST_SHARE = 0.05

#: Why no more are wanted, or how many are.
REACHED, MORE, AT_MAX, AT_ROUNDS, NO_MONEY = "reached", "more", "max", "rounds", "budget"


class AccuracyLike(Protocol):
    """`manifest.accuracy.Accuracy`, as far as it is needed here."""

    @property
    def target_se(self) -> float | None: ...
    @property
    def target_width(self) -> float | None: ...
    @property
    def of(self) -> tuple[str, ...]: ...
    @property
    def min(self) -> int: ...
    @property
    def max(self) -> int: ...
    @property
    def relative(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of one number of a point.

    Attributes:
        value: Its estimate.
        width: Of its interval.
        spreads: Setting (by its content's id) -> how much its shots differ.
    """

    value: float
    width: float
    spreads: Mapping[str, Spread]

    def error(self, shots: Mapping[str, int]) -> float:
        """The standard error that so many shots of each setting give."""
        return math.sqrt(sum(s.variance / shots[key] for key, s in self.spreads.items()))

    def likely_error(self, shots: Mapping[str, float]) -> float:
        """What that may well be."""
        return math.sqrt(sum(s.likely_most / shots[key] for key, s in self.spreads.items()))


@dataclass(frozen=True, slots=True)
class Decision:
    """How many shots of a point are wanted next.

    Attributes:
        wanted: Setting -> shots, in all.
        why: `REACHED`, `MORE`, `AT_MAX`, `AT_ROUNDS` or `NO_MONEY`.
        had: Setting -> shots that there were.
        errors: Number -> its error then, as a share of the target; 1 or less is reached.
        needs: Shots of all settings that would reach the target, as far as one can tell.
        limits: What allows no more than is wanted, where that is less than the target takes.
    """

    wanted: Mapping[str, int]
    why: str
    had: Mapping[str, int]
    errors: Mapping[str, float] = field(default_factory=dict)
    needs: int = 0
    limits: tuple[str, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether no more will be wanted."""
        return self.why != MORE

    @property
    def is_settled(self) -> bool:
        """Whether that stays so, whatever money there is later."""
        return self.why not in (MORE, NO_MONEY)


def targets_of(accuracy: AccuracyLike, figures: Mapping[str, Figure]) -> dict[str, float]:
    """Return the standard error that each number is to have.

    A width is one by how wide the interval is now, for as much of an error.
    """
    found = {}
    for name, figure in figures.items():
        size = abs(figure.value) if accuracy.relative else 1.0
        if accuracy.target_se is not None:
            found[name] = accuracy.target_se * size
        else:
            shots = {key: each.shots for key, each in figure.spreads.items()}
            share = (accuracy.target_width or 0.0) * size / figure.width if figure.width else 1.0
            found[name] = figure.error(shots) * share
    return found


def shares_of_target(accuracy: AccuracyLike, figures: Mapping[str, Figure]) -> dict[str, float]:
    """Return each number's error as a share of its target: 1 or less is reached."""
    found = {}
    for name, target in targets_of(accuracy, figures).items():
        figure = figures[name]
        error = figure.error({key: each.shots for key, each in figure.spreads.items()})
        found[name] = error / target if target > 0 else math.inf if error > 0 else 0.0
    return found


def decide(
    accuracy: AccuracyLike,
    figures: Mapping[str, Figure],
    had: Mapping[str, int],
    rounds: int,
) -> Decision:
    """Decide how many shots of a point are wanted.

    Args:
        accuracy: To be reached.
        figures: Of the numbers that it is of.
        had: Setting -> shots that there are, 1 or more.
        rounds: That were bought before, beside the first.
    """
    shares = shares_of_target(accuracy, figures)
    if all(share <= 1.0 for share in shares.values()):
        return Decision(dict(had), REACHED, dict(had), shares, sum(had.values()))
    targets = targets_of(accuracy, figures)
    needs = {key: float(number) for key, number in had.items()}
    for name, figure in figures.items():
        for key, number in shots_for(figure, had, targets[name]).items():
            needs[key] = max(needs[key], number)
    wanted = _bounded(accuracy, had, needs)
    total = _whole(sum(needs.values()))
    if wanted == dict(had):
        return Decision(dict(had), AT_MAX, dict(had), shares, total)
    if rounds >= MOST_ROUNDS:
        return Decision(dict(had), AT_ROUNDS, dict(had), shares, total)
    return Decision(wanted, MORE, dict(had), shares, total)


def cut_down(decision: Decision, allowed: Mapping[str, int], limits: tuple[str, ...]) -> Decision:
    """Return a decision with no more shots than money allows; a few more are not worth a job."""
    wanted = {key: min(number, allowed[key]) for key, number in decision.wanted.items()}
    for key, number in decision.had.items():
        if wanted[key] < number + max(1.0, LEAST_SHARE * number):
            wanted[key] = number
    why = MORE if wanted != dict(decision.had) else NO_MONEY
    return replace(decision, wanted=wanted, why=why, limits=limits)


def _bounded(
    accuracy: AccuracyLike, had: Mapping[str, int], needs: Mapping[str, float]
) -> dict[str, int]:
    growth = max(GROWTH, (accuracy.max / accuracy.min) ** 0.25)
    found = {}
    for key, number in had.items():
        if needs[key] <= number:
            found[key] = number
            continue
        least = number + max(1.0, LEAST_SHARE * number)
        most = math.floor(min(float(accuracy.max), growth * number))
        found[key] = max(number, math.ceil(min(most, max(least, needs[key]))))
    return found


def shots_for(figure: Figure, had: Mapping[str, int], target: float) -> dict[str, float]:
    """Return how many shots of each setting give a standard error, as few as possible in all.

    By the variances as they may well be; none has fewer than there are. Infinite where none do.
    """
    spreads = {key: each for key, each in figure.spreads.items() if each.likely_most > 0}
    if target <= 0:
        return dict.fromkeys(spreads, math.inf)

    def shared(scale: float) -> dict[str, float]:
        return {
            key: max(float(had[key]), scale * math.sqrt(each.likely_most))
            for key, each in spreads.items()
        }

    if figure.likely_error(_with(had, shared(0.0))) <= target:
        return _once_more(figure, spreads, had, target)
    most = sum(math.sqrt(each.likely_most) for each in spreads.values()) / target**2
    return shared(bisected(lambda s: figure.likely_error(_with(had, shared(s))) <= target, most))


def _once_more(
    figure: Figure, spreads: Mapping[str, Spread], had: Mapping[str, int], target: float
) -> dict[str, float]:
    """A width that is a little too wide by its interval alone: the least that a round buys."""
    error = figure.error(had)
    grown = 1.0 + LEAST_SHARE if error > target else 1.0
    return {key: had[key] * grown for key in spreads}


def _with(had: Mapping[str, int], shots: Mapping[str, float]) -> dict[str, float]:
    return {**{key: float(number) for key, number in had.items()}, **shots}


def bisected(holds: Callable[[float], bool], most: float) -> float:
    """Return about the least number up to `most` from which on something holds, as it does there.

    From above, so that it holds at what is returned.
    """
    low, high = 0.0, most
    while not holds(high):  # what was rounded
        high *= 1.0 + 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def told_shots(number: int) -> int | None:
    """Return shots that are needed, as JSON tells them: None where no number is enough."""
    return number if number < ENDLESS else None


def _whole(number: float) -> int:
    return math.ceil(number) if math.isfinite(number) else ENDLESS
