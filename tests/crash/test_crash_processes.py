"""``python -m qbatch`` behaves as the forked processes of the other proofs do; in real time."""

from __future__ import annotations

from functools import partial

import pytest

from tests.crash.cases import Case, play, play_all, say_nothing
from tests.crash.test_crash_boundaries import assert_good
from tests.crash.world import SlowWorld

CASES = (
    "run:oqc:h60",
    "run:oqc:w19",
    "run:open-quantum:h70",
    "run:open-quantum:w20",
    "run:ibm-direct-access:h60",
    "run:ibm-direct-access:w18,h20",
    "run:marqov:h50",
    "run:marqov:w16",
    "run:marqov-native:h40",
    "run:scaleway:h80",
    "run:scaleway:w17,w4",
    "fetch:oqc:h20",
    "cancel:scaleway:h30",
)


@pytest.mark.slow
def test_killed_command_lines_lose_nothing_and_buy_nothing_twice(slow_world: SlowWorld) -> None:
    plays = [partial(play, slow_world, Case.read(name)) for name in CASES]
    played = play_all(slow_world, plays, say_nothing, lambda _: False, is_idle=True)
    assert_good(played)
    assert sum(one.kills for one in played) >= len(CASES)
