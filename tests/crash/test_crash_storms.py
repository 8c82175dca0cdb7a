"""Five hundred random kills in random weather: nothing lost, nothing bought twice."""

from __future__ import annotations

import pytest

from tests.crash.storms import storm
from tests.crash.test_crash_boundaries import assert_good
from tests.crash.world import World

SEED = 1

#: So many storms, in parts that workers share; about 1.6 processes are killed in each.
STORMS, PARTS = 340, 10


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_random_kills_and_faults_lose_nothing_and_buy_nothing_twice(
    world: World, part: int
) -> None:
    size = STORMS // PARTS
    played = storm(world, SEED, range(part * size, (part + 1) * size))
    assert_good(played)
    assert sum(one.kills for one in played) >= 40
    assert sum(one.verdict.states.get("completed", 0) for one in played) > 2 * size
