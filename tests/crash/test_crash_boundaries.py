"""SIGKILL at boundaries of every verb, at every cloud: nothing lost, nothing bought twice.

`python -m tests.crash`, or much ``QBATCH_PROOF_TIME``, meets every one.
"""

from __future__ import annotations

import pytest

from tests.crash.cases import Played
from tests.crash.experiments import CERTAIN, CLOUDS
from tests.crash.sweeps import KINDS, LEAP, STEPS, VERBS, boundaries_met, sweep
from tests.crash.world import World

#: At least so many boundaries there are, of the journal and of HTTP: those of submissions, one poll
#: and one collection each, since how often a process polls beyond that is up to the machine's pace.
MET = {"run": (12, 20), "late": (9, 17), "detach": (8, 12), "fetch": (4, 7), "cancel": (4, 15)}

#: So long is a sweep; every eleventh boundary is met even if that takes longer.
SWEEP_S = 2.0


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
        played = sweep(world, verb, cloud, kind, seconds=SWEEP_S)
        assert_good(played)
        met = boundaries_met(played)
        assert met >= least, f"{kind}: too few boundaries were met"
        assert sum(one.kills for one in played) >= met // (LEAP * STEPS.get((verb, kind), 1))
        if cloud in CERTAIN:
            assert sum(one.verdict.held for one in played) == 0
