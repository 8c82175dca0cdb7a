"""Random kills in random weather: one seed decides cloud, faults, verbs and where each one ends.

``storm:SEED:NUMBER`` is a case. What the clouds do to requests and jobs is what their fault scripts
know: errors before and after they acted, connections that end before, after and in the middle of
an answer, torn JSON, a proxy's page, "not now" with a time or a date, answers later than anybody
waits, effects later than that, expired tokens, words nobody knows, jobs that lists do not show yet,
results that lag, jobs that fail. Each storm passes: a fault strikes a limited number of times, and
after some tries the weather is fair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from math import inf
from random import Random
from typing import Any

from qbatch.emulators.faults import CODED
from tests.crash.cases import (
    DETACH,
    DONE,
    FETCH,
    PENDING,
    RUN,
    SOME_FAILED,
    Played,
    Stage,
    Tell,
    play_all,
    resolve_held,
    say_nothing,
)
from tests.crash.experiments import CLOUDS, LONGEST_LAG_S, SPENDING, VARIANTS
from tests.crash.world import Kill, World

#: Boundaries of a whole run, about; a kill beyond its end does not take place.
OF_A_RUN = {"w": 24, "h": 80}

#: Where a storm may leave a point; failed only if it failed at the cloud.
ENDS = ("completed", "held", "failed")

#: So many times the command is given in bad weather, then so many times in fair weather.
TRIES, FAIR_TRIES = 3, 4


def weather(chance: Random, cloud: str) -> dict[str, Any]:
    """Return a fault script."""
    requests = [_request_fault(chance, cloud) for _ in range(chance.choice((0, 1, 1, 2, 3)))]
    jobs = [_job_fault(chance, cloud) for _ in range(chance.choice((0, 0, 1, 1, 2)))]
    return {"seed": chance.randrange(2**31), "requests": requests, "jobs": jobs}


def _request_fault(chance: Random, cloud: str) -> dict[str, Any]:
    fault: dict[str, Any] = {}
    if chance.random() < 0.6:
        fault |= {"method": "POST", "path": chance.choice(SPENDING[cloud])}
        fault |= {"nth": sorted(chance.sample(range(1, 7), chance.randint(1, 2)))}
    else:
        fault |= {"method": chance.choice(("GET", "GET", "POST", None))}
        fault |= {"probability": chance.choice((0.05, 0.1, 0.3)), "times": chance.randint(1, 5)}
    kinds: tuple[Mapping[str, Any], ...] = (
        {"status": chance.choice((500, 502, 503, 504)), "when": "before"},
        {"status": chance.choice((500, 502, 503, 504)), "when": "after"},
        {"status": 500, "when": "after"},
        {"drop": "before"},
        {"drop": "after"},
        {"drop": "midway"},
        {"torn": True},
        {"html": True, "status": chance.choice((200, 502)), "when": "after"},
        {
            "status": 429,
            "retry_after": chance.randint(1, 40),
            "retry_after_form": chance.choice(("seconds", "date")),
        },
        {"late_s": chance.choice((3.0, 20.0, 40.0, 70.0))},
        {"slow_s": chance.uniform(1, LONGEST_LAG_S)},
        {"expire_tokens": "issued"},
    )
    return {key: value for key, value in (fault | dict(chance.choice(kinds))).items() if value}


def _job_fault(chance: Random, cloud: str) -> dict[str, Any]:
    kinds: list[Mapping[str, Any]] = [
        {"word": "MELTING", "for_s": chance.uniform(1, 30)},
        {"hide_s": chance.uniform(1, LONGEST_LAG_S)},
        {"lag_s": chance.uniform(1, 20)},
        {"wait_s": chance.uniform(1, 60)},
        {"fail": "laser off", **({"code": 7} if cloud in CODED else {}), "times": 1},
        {"expires": True, "times": 1},
    ]
    if cloud == "open-quantum":
        late = chance.uniform(1, 20)
        kinds += [{"kind": "preparation", key: late} for key in ("hide_s", "not_ready_s")]
    if cloud == "scaleway":
        kinds += [{"kind": "session", "ends_after_s": chance.uniform(1, 20), "times": 1}]
        kinds += [{"kind": "session", "wait_s": chance.uniform(1, 30)}]
    return {"nth": chance.choice((1, 2, [1, 2], [2, 3])), **chance.choice(kinds)}


def play_storm(world: World, seed: int, number: int) -> Played:
    """Play one storm; all of it follows from seed and number."""
    chance = Random(f"{seed}/{number}")
    cloud = CLOUDS[number % len(CLOUDS)]
    script = weather(chance, cloud)
    name = f"storm:{seed}:{number}"
    with world.place() as place:
        stage = Stage(world, place, chance.choice(VARIANTS[cloud]), name, script, seed=number)
        first = DETACH if chance.random() < 0.2 else RUN
        for at in range(chance.choice((1, 2, 2, 3))):
            kind = chance.choice("whh")
            arguments = first if at == 0 else chance.choice((RUN, RUN, RUN, FETCH))
            stage.call(arguments, Kill(kind, chance.randint(1, OF_A_RUN[kind])))
        _weather_it(stage)
        if any("slow_s" in fault for fault in script["requests"]):
            stage.let_arrive()
        stage.played.verdict = stage.judge(ENDS)
        resolve_held(stage, ("completed", "failed"))
        return stage.close()


def _weather_it(stage: Stage) -> None:
    """Give the command until nothing is missing but what is held or failed at the cloud."""
    for at in range(TRIES + FAIR_TRIES):
        if at == TRIES:
            stage.calm()
        ended = stage.call(RUN)
        if ended.code == DONE:
            return
        if ended.code in (SOME_FAILED, PENDING) and not stage.judge(ENDS).words:
            return
    stage.played.words.append(f"is not over after {TRIES + FAIR_TRIES} tries: {ended.code}")


def storm(
    world: World,
    seed: int,
    numbers: Iterable[int],
    *,
    kills: float = inf,
    cloud: str | None = None,
    tell: Tell = say_nothing,
) -> list[Played]:
    """Play storms by number, all of them or until so many processes were killed.

    Args:
        numbers: In order.
        kills: Enough of them.
        cloud: Only storms over this one.
        tell: Called with each as it ends.
    """
    plays = (
        partial(play_storm, world, seed, number)
        for number in numbers
        if cloud in (None, CLOUDS[number % len(CLOUDS)])
    )
    return play_all(world, plays, tell, lambda done: sum(one.kills for one in done) >= kills)
