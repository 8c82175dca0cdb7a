"""What else goes wrong loses nothing, buys nothing twice, and the ledger is the cloud's book."""

from __future__ import annotations

from functools import partial
from itertools import count

import pytest

from tests.crash.cases import Played, play_all, say_nothing
from tests.crash.kinds import FAULT_KINDS, TELLING, play_kind, play_kinds
from tests.crash.test_crash_boundaries import assert_good
from tests.crash.world import World
from tests.proving import for_a_while

SEED = 1

#: Of the everyday run: a case of each kind, each cloud once or more.
QUICK = (
    ("refused", "scaleway", 0),
    ("refused", "oqc", 1),
    ("doubled", "scaleway", 0),
    ("account", "ibm-direct-access", 0),
    ("lost", "oqc", 0),
    ("copied", "ibm-direct-access", 0),
    ("restored", "marqov-native", 0),
    ("priced", "open-quantum", 1),
)

#: Each kind is played so often at each cloud, and more while its seconds last.
LEAST, SPARE_S = 2, 4.0


def sums_of(played: list[Played]) -> tuple[int, int]:
    """What was bought, and what was told of as bought by a network."""
    verdicts = [one.verdict for one in played]
    return sum(one.bought for one in verdicts), sum(one.noticed for one in verdicts)


def test_a_case_of_each_kind_loses_nothing_and_its_ledger_is_the_book(world: World) -> None:
    assert {kind for kind, *_ in QUICK} == set(FAULT_KINDS)
    plays = [partial(play_kind, world, kind, cloud, SEED, at) for kind, cloud, at in QUICK]
    played = play_all(world, plays, say_nothing, lambda _: False)
    assert_good(played)
    assert sums_of(played)[0] >= 3 * len(QUICK) - 4  # a folder lost too late is not judged


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_each_kind_at_each_cloud_loses_nothing_and_its_ledger_is_the_book(
    world: World, kind: str
) -> None:
    clouds = FAULT_KINDS[kind][1]
    numbers = for_a_while(count(), LEAST, SPARE_S)
    played = play_kinds(world, SEED, numbers, kinds=[kind])
    assert_good(played)
    assert len(played) >= LEAST * len(clouds)
    bought, noticed = sums_of(played)
    assert bought >= 2 * LEAST * len(clouds)
    if kind == "doubled":
        assert noticed >= len(TELLING)
