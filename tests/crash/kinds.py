"""What goes wrong beside kills, a kind at a time: each case is ``KIND:CLOUD:SEED:NUMBER``.

Number and seed decide all of a case: which call, which answer, when, and whether a process is
killed meanwhile. The kinds are those by which money was lost once:

* refused: a call that spends takes effect, and is answered by a refusal (4xx);
* doubled: the network delivers a request that spends once more, at once or later;
* account: after an answer that was lost, or a kill, the run goes on with another account;
* lost: the run folder is deleted, moved or replaced under a live runner;
* copied: a run folder is copied, and both go on;
* restored: an older copy of the run folder is put back;
* priced: quotes are false or zero, jobs fail, are cancelled and refunded.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from qbatch.snapshot import Run
from qbatch.snapshot.doubles import read_doubles
from tests.crash.cases import (
    CANCEL,
    DETACH,
    DONE,
    PENDING,
    RUN,
    SOME_FAILED,
    Played,
    Stage,
    Tell,
    play_all,
    resolve_held,
    say_nothing,
    settle,
)
from tests.crash.experiments import CERTAIN, CLOUDS, EXPERIMENTS, SPENDING
from tests.crash.world import Kill, World

#: Refusals that are no proof by themselves.
REFUSALS = (400, 402, 403, 404, 405, 406, 409, 410, 412, 413, 415, 418, 422, 428, 431, 451)

#: Clouds whose lists show what stands there under a run's names, so that doubles are seen.
TELLING = ("open-quantum", "ibm-direct-access", "scaleway")

#: Clouds that name the price of a job before it is bought, and bill it.
QUOTING = ("open-quantum", "marqov")

#: Boundaries of a run, about; a kill beyond its end does not take place.
OF_A_RUN = {"w": 20, "h": 60}

#: One job at a time, so that much is left when something happens.
SLOWLY = ("-S", "backends.cloud.limits.in_flight=1")

#: Real seconds until something must have happened at the cloud.
LIMIT_S = 30.0


def a_kill(chance: Random, share: float = 0.5) -> Kill | None:
    """Return where to kill a process, or None."""
    if chance.random() >= share:
        return None
    kind = chance.choice("wh")
    return Kill(kind, chance.randint(1, OF_A_RUN[kind]))


def on_a_purchase(chance: Random, cloud: str, fault: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fault script for one of the first calls that spend."""
    nth = chance.choice((1, 1, 2, 2, 3, [1, 2]))
    call = {"method": "POST", "path": chance.choice(SPENDING[cloud]), "nth": nth}
    return {"requests": [{**call, **fault}]}


def ends_of(stage: Stage, cloud: str) -> tuple[str, ...]:
    """Where points may be: held only where the cloud cannot tell what became of them."""
    return ("completed",) if cloud in CERTAIN else stage.experiment.ends


# -- at the cloud ---------------------------------------------------------------------------------


def _refused(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    fault = {"status": chance.choice(REFUSALS), "when": "after"}
    stage.set_faults(on_a_purchase(chance, cloud, fault))
    if stage.call(RUN, a_kill(chance)).is_killed:
        stage.call(RUN, a_kill(chance, 0.3))
    stage.calm()
    settle(stage, RUN, (DONE, PENDING))
    stage.played.verdict = stage.judge(ends_of(stage, cloud))
    resolve_held(stage)


def _doubled(stage: Stage, cloud: str, chance: Random, world: World) -> None:
    again_s = chance.choice((0.0, 0.0, 1.0, 3.0, 20.0))
    wait = [{"wait_s": 40.0}] if chance.random() < 0.5 else []
    stage.set_faults({**on_a_purchase(chance, cloud, {"again_s": again_s}), "jobs": wait})
    first = DETACH if wait else RUN
    if stage.call(first, a_kill(chance, 0.3)).is_killed:
        stage.call(first)
    time.sleep(again_s / world.rate)
    stage.call(DETACH)
    _cancel_doubles(stage)
    settle(stage, RUN, (DONE, PENDING))
    stage.call(RUN)  # what came when all was over is told by the next
    stage.played.verdict = stage.judge(ends_of(stage, cloud))
    resolve_held(stage)


def _cancel_doubles(stage: Stage) -> None:
    """Stop each double that is told of, and see at the cloud that it stopped."""
    with Run(stage.run_folder) as run:
        doubles = [each for each in read_doubles(run.meta).values() if not each.is_over]
    for each in doubles:
        stage.call(("jobs", "crash.yaml", "--backend", "cloud", "--cancel", each.id, "--yes"))
        states = {one["state"] for one in stage.ledger() if one["id"] == each.id}
        if not states & {"cancelled", "completed", "running"}:
            stage.played.words.append(f"{each} was cancelled, and is {states}")


def _priced(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    if cloud in QUOTING and chance.random() < 0.6:
        stage.switch(quoted=chance.choice((0, 0, 0.1, 3)))
    stories: tuple[Callable[[], object], ...] = (
        partial(stage.set_faults, {}),
        partial(stage.set_faults, {"jobs": [{"nth": 2, "fail": "laser off", "times": 1}]}),
        partial(_cancel_some, stage, chance),
    )
    chance.choice(stories)()
    if stage.call(RUN, a_kill(chance)).is_killed:
        stage.call(RUN)
    stage.call(("retry", "runs/crash", "--yes"))
    settle(stage, RUN, (DONE, SOME_FAILED, PENDING))
    stage.played.verdict = stage.judge((*ends_of(stage, cloud), "failed"))
    resolve_held(stage, ("completed", "failed"))


def _cancel_some(stage: Stage, chance: Random) -> None:
    stage.set_faults({"jobs": [{"wait_s": 50_000}]})
    stage.call(DETACH, a_kill(chance, 0.3))
    if stage.call(CANCEL, a_kill(chance, 0.3)).is_killed:
        stage.call(CANCEL)
    stage.calm()


# -- another account ------------------------------------------------------------------------------


def _account(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    (other,) = stage.elsewhere
    fault = chance.choice(({"drop": "after"}, {"status": 500, "when": "after"}, {"nth": 0}))
    stage.set_faults(on_a_purchase(chance, cloud, fault))
    stage.call(RUN, a_kill(chance, 0.9))
    stage.calm()
    there = a_kill(chance, 0.3)
    stage.call(RUN, there, at=other)
    settle(stage, RUN, (DONE, PENDING))
    if there is not None:  # what was left in flight there is taken up there
        stage.call(RUN, at=other)
        settle(stage, RUN, (DONE, PENDING))
    stage.played.verdict = stage.judge(ends_of(stage, cloud))
    resolve_held(stage)


# -- the run folder -------------------------------------------------------------------------------


def _delete(folder: Path) -> None:
    while folder.exists():  # its runner writes
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


def _put_a_copy_in_its_place(folder: Path) -> None:
    copy = folder.with_name("copy")
    with suppress(shutil.Error):  # a file went away meanwhile
        shutil.copytree(folder, copy)
    _delete(folder)
    copy.rename(folder)


def _begin_another_in_its_place(folder: Path) -> None:
    _move(folder)
    folder.mkdir()


LOSSES = (_delete, _move, _put_a_copy_in_its_place, _begin_another_in_its_place)


def _lost(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    lose, most = chance.choice(LOSSES), 1 if cloud == "ibm-direct-access" else 2
    after = chance.randint(1, most)  # of two composite jobs, or three jobs

    def lose_it() -> None:
        began = time.monotonic()
        while len(stage.ledger()) < after and time.monotonic() < began + LIMIT_S:
            time.sleep(0.005)
        lose(stage.run_folder)

    ended = stage.call((*RUN, *SLOWLY), meanwhile=lose_it)
    if ended.code == DONE:  # it was through before
        stage.played.reached = False
        return
    told = re.findall("Go on there with `--out (.+?)`", stage.said())
    if ended.code != PENDING or not told:
        stage.played.words.append(f"{lose.__name__}: ended with {ended.code}, and {told}")
        return
    _delete(stage.run_folder)
    stage.run_folder = stage.folder / told[-1]
    there = (*RUN, "--out", str(stage.run_folder))
    stage.call(there, a_kill(chance, 0.4))
    settle(stage, there, (DONE, PENDING))
    stage.played.verdict = stage.judge(ends_of(stage, cloud))
    resolve_held(stage)


def _copied(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    copy = _copy_in_the_middle(stage, chance)
    stage.call(RUN, a_kill(chance))
    before = len(stage.ledger())
    there = (*RUN, "--out", str(copy))
    stage.call(there)
    if len(stage.ledger()) > before:
        stage.played.words.append("a copy bought while the original was at its place")
    shutil.rmtree(stage.run_folder)
    stage.run_folder = copy
    stage.call(there, a_kill(chance, 0.3))
    settle(stage, there, (DONE, PENDING))
    stage.played.verdict = stage.judge(stage.experiment.ends)
    resolve_held(stage)


def _restored(stage: Stage, cloud: str, chance: Random, _: World) -> None:
    copy = _copy_in_the_middle(stage, chance)
    stage.call(RUN, a_kill(chance))
    if chance.random() < 0.5:
        shutil.rmtree(stage.run_folder)
        shutil.copytree(copy, stage.run_folder)
    else:  # as ``cp`` does: the files stay the same ones
        for file in copy.iterdir():
            if file.is_file():
                (stage.run_folder / file.name).write_bytes(file.read_bytes())
    shutil.rmtree(copy)
    stage.call(RUN, a_kill(chance, 0.3))
    settle(stage, RUN, (DONE, PENDING))
    stage.played.verdict = stage.judge(stage.experiment.ends)
    resolve_held(stage)


def _copy_in_the_middle(stage: Stage, chance: Random) -> Path:
    """Let a run be killed once it has a folder; return a copy of that."""
    stage.call((*RUN, *SLOWLY), Kill("h", chance.randint(20, 60)))
    return shutil.copytree(stage.run_folder, stage.folder / "copy")


#: Kind -> what is played, and at which clouds. A copy is another purchase where a cloud shows no
#: names, which the guide says: Marqov's own path is left out there.
FAULT_KINDS: Mapping[str, tuple[Callable[[Stage, str, Random, World], None], tuple[str, ...]]] = {
    "refused": (_refused, CLOUDS),
    "doubled": (_doubled, (*TELLING, "marqov-native")),
    "account": (_account, CLOUDS),
    "lost": (_lost, CLOUDS),
    "copied": (_copied, tuple(cloud for cloud in CLOUDS if cloud != "marqov")),
    "restored": (_restored, tuple(cloud for cloud in CLOUDS if cloud != "marqov")),
    "priced": (_priced, CLOUDS),
}


def play_kind(world: World, kind: str, cloud: str, seed: int, number: int) -> Played:
    """Play one case; all of it follows from its name."""
    name = f"{kind}:{cloud}:{seed}:{number}"
    act, _ = FAULT_KINDS[kind]
    with world.places(2 if kind == "account" else 1) as (place, *others):
        stage = Stage(world, place, EXPERIMENTS[cloud], name, seed=number)
        for other in others:
            stage.make_another(other)
        act(stage, cloud, Random(name), world)
        return stage.close()


def play_kinds(
    world: World,
    seed: int,
    numbers: Iterable[int],
    *,
    kinds: Iterable[str] = tuple(FAULT_KINDS),
    cloud: str | None = None,
    tell: Tell = say_nothing,
    is_enough: Callable[[list[Played]], bool] = lambda _: False,
) -> list[Played]:
    """Play each kind at each cloud, number by number, until there is enough."""
    chosen = [(kind, one) for kind in kinds for one in FAULT_KINDS[kind][1] if cloud in (None, one)]
    plays = (
        partial(play_kind, world, kind, one, seed, number)
        for number in numbers
        for kind, one in chosen
    )
    return play_all(world, plays, tell, is_enough)
