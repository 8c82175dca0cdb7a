"""Every call of every driver, its cloud's answers spoilt: only `ProviderError`s come out.

Each answer is spoilt by a seed of its own, which the message of a failing test names.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from qbatch.errors import ProviderError
from tests.daily import mostly_slow
from tests.fuzz.judging import judge, judge_failure, orders_of
from tests.fuzz.scenes import BACKENDS, CALLS, Stage, make_call, spoiler
from tests.proving import Allowance

#: Calls that ask no cloud anything, or that only some clouds know.
SILENT = {(name, "leave") for name in BACKENDS if name != "scaleway"}
SILENT |= {(name, "release") for name in ("oqc", "open-quantum", "marqov")}

CELLS = [(name, call) for name in BACKENDS for call in CALLS if (name, call) not in SILENT]

#: Answers spoilt per provider and call: 10,000 and more in all, unless the seconds are over before;
#: so many of them whatever the time, and a sample for every day.
MANY, LEAST, FEW = 250, 50, 10
SECONDS = 0.8

#: Another one spoils in other ways.
SEED = os.environ.get("QBATCH_FUZZ_SEED", "1")

#: Of one call: seconds of the virtual clock and of the processor; MiB by which the process grows.
MOST_VIRTUAL_S, MOST_CPU_S, MOST_GROWTH = 700.0, 5.0, 400


def storm(provider: str, calls: Sequence[str], quota: int, least: int, seconds: float) -> int:
    """Spoil `quota` answers to each of the calls, or once the seconds are over `least` of them.

    Returns:
        How many were spoilt.
    """

    async def act() -> int:
        stage = Stage(provider)
        try:
            await stage.furnish()
            for call in calls:
                await _spoil_many(stage, call, quota, least, Allowance(seconds))
            return stage.line.spoilt
        finally:
            stage.emulation.close()

    return trio.run(act, clock=MockClock(autojump_threshold=0))


async def _spoil_many(
    stage: Stage, call: str, quota: int, least: int, allowance: Allowance
) -> None:
    most = await _count_requests(stage, call)
    assert most, f"{stage.provider}: {call} asks nothing"
    before, orders = stage.line.spoilt, orders_of(stage.batches)
    for seed in range(20 * quota):
        spoilt = stage.line.spoilt - before
        if spoilt >= quota or (spoilt >= least and allowance.is_spent):
            return
        stage.line.spoil = None
        random = Random(f"{SEED}/{stage.provider}/{call}/{seed}")
        asked = await make_call(stage, call, random)
        stage.line.spoil = spoiler(random, random.randint(1, most))
        try:
            await _make(stage, asked, orders)
        except BaseException as error:
            error.add_note(f"seed: {SEED}/{stage.provider}/{call}/{seed}")
            raise
    raise AssertionError(f"{stage.provider}: {call}: not enough requests to spoil")


async def _count_requests(stage: Stage, call: str) -> int:
    """Make the call in fair weather some times; return the most requests that it took."""
    found = []
    for seed in range(5):
        stage.line.spoil = None
        asked = await make_call(stage, call, Random(seed))
        before = stage.line.requests
        with contextlib.suppress(ProviderError):
            await asked()
        found.append(stage.line.requests - before)
    return max(found)


async def _make(stage: Stage, asked: Any, orders: Any) -> None:
    """Make a call under a storm, and judge what comes of it."""
    began_s, began = trio.current_time(), time.process_time()
    try:
        outcome = await asked()
    except ProviderError as error:
        judge_failure(error, stage.secrets)
    else:
        judge(outcome, orders, stage.secrets)
    assert trio.current_time() - began_s <= MOST_VIRTUAL_S
    assert time.process_time() - began <= MOST_CPU_S


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """Fail a test in which the process grows out of bounds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown / 1024 <= MOST_GROWTH


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("provider", mostly_slow(BACKENDS, daily=2))
def test_a_sample_of_spoilt_answers_ends_in_errors_we_know(provider: str) -> None:
    calls = [call for name, call in CELLS if name == provider]
    assert storm(provider, calls, FEW, FEW, 0.0) >= FEW * len(calls)


@pytest.mark.slow
@pytest.mark.usefixtures("bounded_memory", "nothing_runs")
@pytest.mark.parametrize(("provider", "call"), CELLS)
def test_spoilt_answers_end_in_errors_we_know(provider: str, call: str) -> None:
    assert storm(provider, [call], MANY, LEAST, SECONDS) >= LEAST


def test_ten_thousand_answers_are_spoilt_in_all() -> None:
    assert len(CELLS) * MANY >= 10_000
