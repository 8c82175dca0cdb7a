"""References are bought once each, whenever the process is killed that buys them."""

from __future__ import annotations

import pytest

from qbatch.snapshot import Run
from tests.crash.cases import DONE, RUN, Stage, resolve_held, settle
from tests.crash.experiments import CLOUDS, REFERRED
from tests.crash.oracle import judge
from tests.crash.world import Kill, World


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_killed_between_points_a_reference_is_bought_once(world: World, cloud: str) -> None:
    experiment = REFERRED[f"ref-{cloud}"]
    with world.place() as place:
        stage = Stage(world, place, experiment, f"ref-{cloud}")
        for kill in (Kill("h", 14), Kill("w", 6)):
            stage.call(RUN, kill)
        settle(stage, RUN, (0, 9))
        stage.played.verdict = stage.judge(experiment.ends)
        resolve_held(stage)
        ledger = stage.ledger()
        assert stage.call(RUN).code == DONE
        assert len(stage.ledger()) == len(ledger)
        # What was bought first is a reference; a second one of it would be seen.
        again = [*ledger, next(one for one in ledger if one["state"] == "completed")]
        assert judge(stage.run_folder, experiment, again, {"completed"}).twice > 0
        with Run(stage.run_folder) as run:
            names = [each.name for each in run.references()]
            assert len(run) == experiment.points
        played = stage.close()
    first = "reference:ref,backend=cloud"
    assert names == [first, *(f"{first}#{at + 2}" for at in range(experiment.references - 1))]
    assert played.kills > 0
    assert played.is_good, played.told()
