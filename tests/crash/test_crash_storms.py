"""Hundreds of random kills in random weather: nothing lost, nothing bought twice."""

from __future__ import annotations

import pytest

from tests.crash.storms import storm
from tests.crash.test_crash_boundaries import assert_good
from tests.crash.world import World
from tests.proving import for_a_while

SEED = 1

#: So many storms, in parts that workers share; about 1.6 processes are killed in each. Of a part,
#: at least so many are played, and the others while its seconds last.
STORMS, PARTS = 340, 10
LEAST, PART_S = 12, 9.0


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_random_kills_and_faults_lose_nothing_and_buy_nothing_twice(
    world: World, part: int
) -> None:
    size = STORMS // PARTS
    numbers = for_a_while(range(part * size, (part + 1) * size), LEAST, PART_S)
    played = storm(world, SEED, numbers)
    assert_good(played)
    assert len(played) >= LEAST
    assert sum(one.kills for one in played) >= len(played) * 40 / 34
    assert sum(one.verdict.states.get("completed", 0) for one in played) > 2 * len(played)
