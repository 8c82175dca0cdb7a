"""Faults, kills and stops in any order: in the end everything is there, and was bought once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import (
    FakeCloud,
    Ledger,
    at_once,
    counts_of,
    lost_after,
    lost_before,
    plan_of,
    play,
    raising,
    unsent,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.errors import Misspoke, Unavailable
from qbatch.executor import Stop
from qbatch.job import JobState
from qbatch.snapshot import Run, faults

PLAN = plan_of(5, "cloud")

SUBMIT = st.sampled_from(
    [
        lambda act: act(),
        lambda act: act()[:-1],
        lost_after,
        lost_before,
        unsent,
        raising(Misspoke("cloud: torn")),
    ]
)
READ = st.sampled_from([lambda act: act(), lambda act: [], raising(Unavailable("cloud: 503"))])


class Killed(BaseException):
    """The process dies here."""


@dataclass
class Episode:
    """One run and what happens to it."""

    submit: list[Any]
    poll: list[Any]
    fetch: list[Any]
    cannot_tell: bool
    killed_at: int | None
    stopped_at: float | None


EPISODES = st.builds(
    Episode,
    st.lists(SUBMIT, max_size=4),
    st.lists(READ, max_size=2),
    st.lists(READ, max_size=2),
    st.booleans(),
    st.none() | st.integers(1, 40),
    st.none() | st.floats(0, 100),
)


@contextlib.contextmanager
def killed_at(write: int | None) -> Iterator[None]:
    """Die at this write: nothing after it is done or known."""
    left = write or 0

    def burn() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    faults.FUSE = burn if write else None
    try:
        yield
    except (Killed, BaseExceptionGroup) as error:
        if isinstance(error, BaseExceptionGroup) and error.subgroup(Killed) is None:
            raise
    finally:
        faults.FUSE = None


def play_episode(folder: Path, ledger: Ledger, episode: Episode, max_jobs: int) -> None:
    cloud = FakeCloud(ledger, max_jobs=max_jobs, works_s=20)
    for job in ledger.jobs:
        job.at = 0.0  # each play has a clock of its own
    cloud.script = {"submit": episode.submit, "poll": episode.poll, "fetch": episode.fetch}
    cloud.located = at_once() if episode.cannot_tell else None

    async def stop_later(stop: Stop) -> None:
        if episode.stopped_at is not None:
            await trio.sleep(episode.stopped_at)
            stop.request()

    with killed_at(episode.killed_at):
        play(folder, PLAN, cloud, beside=[stop_later])


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(EPISODES, max_size=4), st.sampled_from([1, 2, 5]))
def test_whatever_happens_each_point_is_bought_once_and_completed(
    episodes: list[Episode], max_jobs: int
) -> None:
    ledger = Ledger()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        for episode in episodes:
            play_episode(folder, ledger, episode, max_jobs)
        for _ in range(2):  # what failed to be sent in time is sent by the next run
            play_episode(folder, ledger, Episode([], [], [], False, None, None), max_jobs)
        with Run(folder) as run:
            assert run.counts_by_state() == {JobState.COMPLETED: 5}
            stored = {point.id: point.counts for point in run}
    assert stored == {point.id: counts_of(PLAN.order_of(point)) for point in PLAN.points()}
    assert set(ledger.times_bought.values()) == {1}
