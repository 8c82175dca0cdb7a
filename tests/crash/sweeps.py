"""Boundaries in turn, until a process ends that was not killed.

Every eleventh one first; then the end is looked for by halves; then those between, while there is
time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from math import inf
from random import Random

from tests.crash.cases import Case, Played, Tell, play, play_all, say_nothing
from tests.crash.world import Kill, World
from tests.proving import Allowance

VERBS = ("run", "late", "detach", "fetch", "cancel")
KINDS = ("w", "h")

#: Verb and kind -> only every so many boundaries: there it does what ``run`` does.
STEPS = {("detach", "h"): 3, ("late", "w"): 2, ("late", "h"): 2}

#: Of so many boundaries, one is met whatever the time. Prime to `DOUBLE_EVERY`.
LEAP = 11

#: Of so many boundaries, one is followed by a second kill, of the process that takes it up.
DOUBLE_EVERY = 4

#: Boundaries of a process that takes a run up, about.
OF_A_RESUME = {"w": 24, "h": 60}


def sweep(
    world: World,
    verb: str,
    cloud: str,
    kind: str,
    *,
    seed: int = 0,
    step: int = 1,
    seconds: float = inf,
    tell: Tell = say_nothing,
) -> list[Played]:
    """Kill a verb at the boundaries of one kind, several cases at a time.

    Args:
        verb: One of `VERBS`.
        kind: "w": of the journal; "h": of HTTP.
        seed: Of second kills.
        step: Only every so many boundaries, for a quick look; times that of `STEPS`.
        seconds: When they are over, only every `LEAP`-th is met.
        tell: Called with each case as it ends.

    Returns:
        All cases; in one, or in several, the process was through before.
    """
    step *= STEPS.get((verb, kind), 1)
    walk = Walk(step, Allowance(seconds))
    cases = (_case(verb, cloud, kind, seed, at) for at in walk)

    def see(done: list[Played]) -> bool:
        if done[-1].reached:
            walk.reached = max(walk.reached, boundary_of(done[-1]))
        else:
            walk.end = min(walk.end, boundary_of(done[-1]))
        return False

    plays = (partial(play, world, case) for case in cases)
    return play_all(world, plays, tell, see, is_idle=verb == "late")


def boundary_of(played: Played) -> int:
    """Where its first process was to be killed."""
    return Case.read(played.name).kills[0].at


def boundaries_met(played: list[Played]) -> int:
    """How many boundaries the process has, as these cases found it."""
    return min(boundary_of(one) for one in played if not one.reached) - 1


class Walk:
    """Numbers of boundaries, in the order in which they are met.

    Attributes:
        end: The first that a process did not have, as far as is known.
        reached: The last that a process had, as far as is known.
    """

    def __init__(self, step: int, allowance: Allowance) -> None:
        self.end: float = inf
        self.reached = 0
        self._step, self._leap, self._allowance = step, LEAP * step, allowance
        self._met = set[int]()

    def __iter__(self) -> Iterator[int]:
        for at in count(1, self._leap):
            if at >= self.end:
                break
            yield self._meet(at)
        while between := self._between():
            yield self._meet(between[0])

    def _between(self) -> list[int]:
        """Boundaries still to be met; whatever the time those first that halve where the end is."""
        left = [at for at in range(1, int(self.end), self._step) if at not in self._met]
        last = [at for at in left if at > self.reached]
        return last[len(last) // 2 :] or ([] if self._allowance.is_spent else left)

    def _meet(self, at: int) -> int:
        self._met.add(at)
        return at


def _case(verb: str, cloud: str, kind: str, seed: int, at: int) -> Case:
    kills = [Kill(kind, at)]
    if at % DOUBLE_EVERY == 0:
        chance = Random(f"{seed}/{verb}/{cloud}/{kind}/{at}")
        second = chance.choice(KINDS)
        kills.append(Kill(second, chance.randint(1, OF_A_RESUME[second])))
    return Case(verb, cloud, tuple(kills))
