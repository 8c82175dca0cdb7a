"""Rounds of an adaptive run, killed again and again at every cloud: the decisions are the same.

Every outcome is certain, so that what is decided depends on nothing but how many shots there are:
another decision, or a shot bought twice, is a fault of taking up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from qbatch.accuracy.deciding import Decision
from qbatch.accuracy.kept import read_rounds
from qbatch.snapshot import Run
from tests.crash.cases import RUN, Played, Stage, play_all, resolve_held, say_nothing, settle
from tests.crash.experiments import CLOUDS, EXPERIMENTS, Experiment
from tests.crash.world import Kill, World

#: 100 shots, then 800, then what 800 shots that all agree leave open.
ROUNDS = (100, 700, 1945)
TARGET = "{target_se: 0.001, of: z, min: 100, max: 3000}"

#: Kills of one case, and cases at each cloud.
KILLS, CASES = 6, 4

#: A process that takes such a run up meets about so many boundaries.
WITHIN = {"w": 30, "h": 40}


@dataclass(frozen=True)
class Adaptive(Experiment):
    """The same points, to be known to an accuracy."""

    def write(self, folder: Path) -> None:
        super().write(folder)
        path = folder / "crash.yaml"
        text = path.read_text().replace(f"shots: {self.shots}\n", f"shots: {TARGET}\n")
        path.write_text(text + "analysis: {observables: {z: Z0}}\n")


def adaptive(cloud: str) -> Adaptive:
    known = EXPERIMENTS[cloud]
    facts = {name: getattr(known, name) for name in known.__dataclass_fields__}
    return Adaptive(**{**facts, "shots": sum(ROUNDS), "pieces": len(ROUNDS)})


#: Point -> what was decided of it, each with its round.
Decisions = dict[str, list[tuple[int, Decision]]]


def decisions_in(folder: Path, *, numbered: bool = True) -> Decisions:
    """What was decided; of a held point later than of others, in rounds of other numbers."""
    found: Decisions = {}
    with Run(folder) as run:
        for each in read_rounds(run.meta):
            told = found.setdefault(each.point, [])
            told.append((each.round if numbered else len(told) + 1, each.decision))
    return found


def play_rounds(world: World, cloud: str, number: int, expected: Decisions) -> Played:
    """Kill the run, and whoever takes it up; then see what was decided and what was bought."""
    chance = Random(f"{cloud}/{number}")
    with world.place() as place:
        stage = Stage(world, place, adaptive(cloud), f"rounds:{cloud}:{number}")
        for _ in range(KILLS):
            kind = chance.choice("wh")
            if not stage.call(RUN, Kill(kind, chance.randint(1, WITHIN[kind]))).is_killed:
                break
        settle(stage, RUN, (0, 9))
        stage.played.verdict = stage.judge(stage.experiment.ends)
        if held := stage.played.verdict.held:  # such points wait for their rounds
            resolve_held(stage)
            stage.played.verdict = stage.judge({"completed"})
        decided = decisions_in(stage.run_folder, numbered=not held)
        if decided != expected:
            stage.played.words.append(f"decided {decided}")
        return stage.close()


def undisturbed(world: World, cloud: str) -> Decisions:
    with world.place() as place:
        stage = Stage(world, place, adaptive(cloud), f"rounds:{cloud}:calm")
        assert stage.call(RUN).code == 0, stage.said()
        assert stage.judge({"completed"}).words == []
        found = decisions_in(stage.run_folder)
        stage.close()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_what_is_decided_is_the_same_however_often_a_run_is_killed(
    world: World, cloud: str
) -> None:
    expected = undisturbed(world, cloud)
    assert [*map(len, expected.values())] == [len(ROUNDS)] * EXPERIMENTS[cloud].points
    plays = [partial(play_rounds, world, cloud, number, expected) for number in range(CASES)]
    played = play_all(world, plays, say_nothing, lambda _: False)
    assert all(one.is_good for one in played), "\n".join(
        one.told() for one in played if not one.is_good
    )
    assert sum(one.kills for one in played) >= 100 / len(CLOUDS)
    verdicts = [one.verdict for one in played]
    assert sum(one.twice + one.lost + one.wrong for one in verdicts) == 0
