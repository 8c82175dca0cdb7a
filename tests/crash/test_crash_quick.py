"""The proof's own tools work: kills take place, the ledger is held against the run folder."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest

from qbatch.job import JobState
from qbatch.snapshot import Snapshot
from tests.crash.cases import RUN, SOME_FAILED, Case, Stage, play, play_all, say_nothing
from tests.crash.experiments import CUT, EXPERIMENTS
from tests.crash.oracle import judge
from tests.crash.storms import play_storm
from tests.crash.sweeps import LEAP, Walk
from tests.crash.world import Kill, World
from tests.proving import Allowance


def test_a_run_that_is_killed_anywhere_loses_nothing_and_buys_nothing_twice(world: World) -> None:
    names = ("run:oqc:h40", "run:scaleway:w9", "run:ibm-direct-access:h20,w3", "fetch:marqov:w5")
    names += ("run:cut-scaleway:h24,w5", "run:cut-open-quantum:h30,w6", "run:marqov-native:h16,w4")
    plays = [partial(play, world, Case.read(name)) for name in names]
    plays += [partial(play_storm, world, 7, number) for number in (1, 5)]
    for played in play_all(world, plays, say_nothing, lambda _: False):
        assert played.kills > 0 or played.name.startswith("storm"), played.name
        assert played.is_good, played.told()
        assert played.verdict.twice == played.verdict.lost == played.verdict.wrong == 0


def test_a_part_of_a_point_that_fails_is_bought_again_and_no_other(world: World) -> None:
    with world.place() as place:
        faults = {"jobs": [{"nth": 2, "fail": "laser off", "times": 1}]}
        stage = Stage(world, place, CUT["cut-open-quantum"], "part", faults)
        assert stage.call(RUN).code == SOME_FAILED
        verdict = stage.judge({"completed", "failed"})
        assert (verdict.words, verdict.states) == ([], {"completed": 8, "failed": 1})
        assert len(place.ledger()) == 9
        assert stage.call(("retry", "runs/crash", "--yes")).code == 0
        assert stage.judge({"completed"}).words == []
        assert len(place.ledger()) == 10
        stage.close()


def test_a_case_is_read_as_it_is_written() -> None:
    case = Case("run", "oqc", (Kill("h", 12), Kill("w", 4)))
    assert str(case) == "run:oqc:h12,w4"
    assert Case.read(str(case)) == case


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("seconds", [0.0, inf])
def test_a_walk_meets_all_boundaries_or_some_and_the_last(step: int, seconds: float) -> None:
    for last in range(1, 40):
        walk, met = Walk(step, Allowance(seconds)), []
        for at in walk:
            if at > last:
                walk.end = min(walk.end, at)
            else:
                walk.reached = max(walk.reached, at)
                met.append(at)
        all_of_them = range(1, last + 1, step)
        assert len(met) == len(set(met))
        assert seconds == 0 or set(met) == set(all_of_them)
        assert seconds > 0 or len(met) <= last // (LEAP * step) + 1 + LEAP.bit_length()
        assert {*all_of_them[::LEAP], all_of_them[-1]} <= set(met) <= set(all_of_them)


@pytest.fixture
def done(world: World, tmp_path: Path) -> Any:
    """A run folder that all is well with, and the ledger of its cloud."""
    experiment = EXPERIMENTS["ibm-direct-access"]
    with world.place() as place:
        stage = Stage(world, place, experiment, f"calm-{tmp_path.name}")
        assert stage.call(RUN).code == 0
        yield stage.run_folder, experiment, place.ledger()
        stage.close()


def test_the_ledger_decides_what_was_bought_twice_and_what_was_lost(done: Any) -> None:
    folder, experiment, ledger = done
    assert judge(folder, experiment, ledger, {"completed"}).words == []
    doubled = judge(folder, experiment, [*ledger, ledger[0]], {"completed"})
    assert doubled.twice == 2  # both points of that job
    stranger = judge(folder, experiment, [*ledger, {**ledger[0], "key": "?"}], {"completed"})
    assert stranger.twice == 1
    assert judge(folder, experiment, ledger[1:], {"completed"}).wrong == 2
    more = replace(experiment, points=5)
    assert judge(folder, more, ledger, {"completed"}).lost == 1


def test_a_failed_point_that_the_cloud_completed_is_lost(done: Any) -> None:
    folder, experiment, ledger = done
    with Snapshot(folder) as snapshot:
        _, row = next(iter((snapshot.few_in({JobState.COMPLETED}, 10) or {}).values()))[0]
        with snapshot.transaction():
            job = replace(row.job, state=JobState.FAILED, error="no reason at all")
            snapshot.save_jobs([replace(row, job=job)])
    verdict = judge(folder, experiment, ledger, {"completed", "failed"})
    assert (verdict.lost, verdict.unexplained) == (1, 1)
