"""Every boundary in turn: N = 1, 2, 3, … until a process ends that was not killed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from random import Random

from tests.crash.cases import Case, Played, Tell, play, play_all, say_nothing
from tests.crash.world import Kill, World

VERBS = ("run", "late", "detach", "fetch", "cancel")
KINDS = ("w", "h")

#: Verb and kind -> only every so many boundaries: there it does what ``run`` does.
STEPS = {("detach", "h"): 3, ("late", "w"): 2, ("late", "h"): 2}

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
    tell: Tell = say_nothing,
) -> list[Played]:
    """Kill a verb at every boundary of one kind, several cases at a time.

    Args:
        verb: One of `VERBS`.
        kind: "w": of the journal; "h": of HTTP.
        seed: Of second kills.
        step: Only every so many boundaries, for a quick look; times that of `STEPS`.
        tell: Called with each case as it ends.

    Returns:
        All cases; in the last one, or in several, the process was through before.
    """
    step *= STEPS.get((verb, kind), 1)
    cases = _cases(verb, cloud, kind, Random(f"{seed}/{verb}/{cloud}/{kind}"), step)
    plays = (partial(play, world, case) for case in cases)
    return play_all(world, plays, tell, lambda done: not done[-1].reached)


def _cases(verb: str, cloud: str, kind: str, chance: Random, step: int) -> Iterator[Case]:
    for at in count(1, step):
        kills = [Kill(kind, at)]
        if at % DOUBLE_EVERY == 0:
            second = chance.choice(KINDS)
            kills.append(Kill(second, chance.randint(1, OF_A_RESUME[second])))
        yield Case(verb, cloud, tuple(kills))
