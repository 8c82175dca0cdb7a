"""SIGKILL at every boundary of every verb, at every cloud: nothing lost, nothing bought twice."""

from __future__ import annotations

import pytest

from tests.crash.cases import Played
from tests.crash.experiments import CERTAIN, CLOUDS
from tests.crash.sweeps import KINDS, VERBS, sweep
from tests.crash.world import World

#: At least so many boundaries were met, of the journal and of HTTP: those of submissions, one poll
#: and one collection each, since how often a process polls beyond that is up to the machine's pace.
MET = {"run": (15, 24), "late": (5, 9), "detach": (9, 5), "fetch": (5, 8), "cancel": (5, 18)}


def assert_good(played: list[Played]) -> None:
    assert not [one for one in played if not one.is_good], "\n".join(
        one.told() for one in played if not one.is_good
    )
    verdicts = [one.verdict for one in played]
    assert sum(one.twice for one in verdicts) == 0
    assert sum(one.lost + one.wrong + one.unexplained for one in verdicts) == 0


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_kill_at_any_boundary_loses_nothing_and_buys_nothing_twice(
    world: World, verb: str, cloud: str
) -> None:
    for kind, least in zip(KINDS, MET[verb], strict=True):
        played = sweep(world, verb, cloud, kind)
        assert_good(played)
        assert sum(one.kills for one in played) >= least, f"{kind}: too few boundaries were met"
        if cloud in CERTAIN:
            assert sum(one.verdict.held for one in played) == 0
