"""What the table of purchases says is next is what is done next, whatever it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, at_once, lost_after, lost_before, plan_of, play

from qbatch.job import JobState
from qbatch.providers import Answer, Batch, Failed, GivenBack, Intent, Repeatable
from qbatch.purchase import Next
from qbatch.snapshot import Run


class Heard(FakeCloud):
    """Notes what it is asked, in order; a submission with its key."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        self.keys: list[str] = []

    async def _call(self, name: str, act: Callable[[], Any]) -> Any:
        self.heard.append(name)
        if name == "submit" and "slow" in self.script:
            await trio.sleep(self.works_s)
            self.heard.append("answered")
        return await super()._call(name, act)

    async def submit(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        self.keys.append(intent.key)
        return await super().submit(batch, intent)

    async def repeat(self, batch: Batch, intent: Intent) -> Sequence[Answer]:
        self.keys.append(intent.key)
        return await self._call(
            "repeat", lambda: [self._find(id_) for id_ in batch.composite.job_ids]
        )  # type: ignore[no-any-return]


def _send(cloud: Heard) -> None:
    cloud.script["submit"] = [lost_before]


def _send_anew(cloud: Heard) -> None:
    def give_back(act: Callable[[], Any]) -> Any:
        return [GivenBack(one.job_id, provider_job_id=one.provider_job_id) for one in act()]

    cloud.script["poll"] = [give_back]


def _look(cloud: Heard) -> None:
    cloud.script["submit"] = [lost_after]


def _repeat(cloud: Heard) -> None:
    cloud.script["submit"], cloud.located = [lost_after], Repeatable("")


def _ask(cloud: Heard) -> None:
    cloud.script["submit"], cloud.located = [lost_after], at_once()


def _nothing(cloud: Heard) -> None:
    cloud.script["submit"] = [lambda act: [Failed(one.job_id) for one in act()]]


def _wait(cloud: Heard) -> None:
    cloud.script["slow"] = []


def _as_it_is(cloud: Heard) -> None:
    del cloud


#: What is next -> what brings it about, the calls then from the first submission on, the number of
#: keys that are sent, and where it ends.
ACTS: dict[Next, tuple[Callable[[Heard], None], list[str], int, JobState]] = {
    Next.WAIT: (_wait, ["submit", "answered", "poll"], 1, JobState.COMPLETED),
    Next.SEND: (_send, ["submit", "locate", "prepare", "submit", "poll"], 1, JobState.COMPLETED),
    Next.SEND_ANEW: (
        _send_anew,
        ["submit", "poll", "release", "prepare", "submit", "poll"],
        2,
        JobState.COMPLETED,
    ),
    Next.LOOK: (_look, ["submit", "locate", "poll"], 1, JobState.COMPLETED),
    Next.REPEAT: (_repeat, ["submit", "locate", "repeat", "poll"], 1, JobState.COMPLETED),
    Next.POLL: (_as_it_is, ["submit", "poll"], 1, JobState.COMPLETED),
    Next.FETCH: (_as_it_is, ["submit", "poll", "fetch", "release"], 1, JobState.COMPLETED),
    Next.ASK: (_ask, ["submit", "locate"], 1, JobState.HELD),
    Next.NOTHING: (_nothing, ["submit", "release"], 1, JobState.FAILED),
}


def test_there_is_nothing_else_that_can_be_next() -> None:
    assert set(ACTS) == set(Next)


@pytest.mark.parametrize("what", ACTS)
def test_what_is_next_is_done_next(what: Next, tmp_path: Path) -> None:
    bring_about, calls, keys, end = ACTS[what]
    cloud = Heard()
    bring_about(cloud)
    play(tmp_path, plan_of(1, "cloud"), cloud)
    heard = [name for name, _ in itertools.groupby(cloud.heard)]
    begun = heard[heard.index("submit") :]
    assert begun[: len(calls)] == calls
    assert len(set(cloud.keys)) == keys
    with Run(tmp_path) as run:
        assert {point.state for point in run} == {end}
    if end is JobState.HELD:  # nothing is done about it by itself, nor is anything given back
        assert begun == calls
