"""Waiting at the clouds themselves, emulated: what is told meanwhile, and how it ends.

P19: refusals without a time to wait were silent. P24: `timeout` ends the job, or only the waiting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from qbatch.emulators import Emulation, read_faults
from qbatch.emulators.clock import Clock
from qbatch.executor import Cause, Event, Summary, Waiting, run_async
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.providers import Surroundings

ORIGIN = "https://emulated.invalid"

MANIFEST = """
qbatch: 1
name: waiting
circuits:
  bell:
    qasm: |
      OPENQASM 2.0;
      include "qelib1.inc";
      qreg q[2];
      creg c[2];
      h q[0];
      cx q[0], q[1];
      measure q -> c;
backends:
  cloud: {provider: %s, target: "%s"%s}
shots: 100
run: {%s}
"""

#: Cloud -> its target, and the requests by which something is bought there.
CLOUDS = {
    "oqc": ("qpu:uk:1:12345", "*/tasks/submit"),
    "ibm-direct-access": ("emu_5q", "*/jobs"),
    "marqov": ("sv1", "*/jobs*"),
    "open-quantum": ("ionq:forte-1", "*/jobs*"),
    "scaleway": ("QPU-GARNET-20PQ", "*/jobs"),
}


@dataclass
class Cloud:
    """One cloud, and what runs against it tell."""

    provider: str
    folder: Path
    emulation: Emulation
    events: list[Event] = field(default_factory=list)

    async def run(self, *, extra: str = "", settings: str = "") -> Summary:
        """Run the manifest, and return what it came to."""
        target, _ = CLOUDS[self.provider]
        text = MANIFEST % (self.provider, target, extra, settings)
        transport: httpx.AsyncBaseTransport = self.emulation.transport()
        around = Surroundings(
            environ=self.emulation.environment(ORIGIN),
            transport=transport,
            now=lambda: 1.8e9 + trio.current_time(),
            is_virtual=True,
        )
        with await run_async(
            parse_manifest(text, folder=self.folder),
            out=self.folder / "run",
            surroundings=around,
            observer=self.events.append,
            approve=True,
        ) as done:
            summary: Summary = done.summary
            return summary


def emulation_of(provider: str, **faults: object) -> Emulation:
    clock = Clock(datetime.fromtimestamp(1.8e9, UTC))
    return Emulation([provider], seed=1, clock=clock, faults=read_faults(faults))


def play(cloud: Cloud, *runs: dict[str, str]) -> list[Summary]:
    """Run one after the other on one virtual clock."""

    async def act() -> list[Summary]:
        return [await cloud.run(**each) for each in runs]

    try:
        return trio.run(act, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        cloud.emulation.close()


@pytest.mark.parametrize("provider", CLOUDS)
def test_a_429_without_a_time_to_wait_is_told_at_once_at_each_cloud(
    provider: str, tmp_path: Path
) -> None:
    _, path = CLOUDS[provider]
    refusal = {"method": "POST", "path": path, "status": 429, "times": 6}
    cloud = Cloud(provider, tmp_path, emulation_of(provider, requests=[refusal]))
    (summary,) = play(cloud, {})
    assert summary.states == {JobState.COMPLETED: 1}
    told = [
        wait
        for event in cloud.events
        if isinstance(event, Waiting)
        for wait in event.waits
        if wait.cause in (Cause.FULL, Cause.BACK_OFF)
    ]
    assert {wait.times for wait in told} == {1, 2, 3, 4, 5, 6}
    assert len({wait.since for wait in told}) == 1
    assert all("429" in wait.why for wait in told)


@pytest.mark.parametrize("provider", ["oqc", "ibm-direct-access"])
def test_a_job_that_is_late_is_left_at_the_cloud_and_brought_home_later(
    provider: str, tmp_path: Path
) -> None:
    cloud = Cloud(provider, tmp_path, emulation_of(provider, jobs=[{"wait_s": 8_000}]))
    leave = {"extra": ", timeout: 1h, on_timeout: leave"}
    first, second, third = play(cloud, leave, leave, leave)
    for summary in (first, second):
        assert summary.states.keys() <= {JobState.SUBMITTED, JobState.RUNNING}
        assert summary.at_providers == {"cloud": 1}
        assert 3600 <= summary.elapsed_s < 3800
    assert third.states == {JobState.COMPLETED: 1}
    assert len(cloud.emulation.world.ledger.entries()) == 1


@pytest.mark.parametrize("provider", ["oqc", "ibm-direct-access"])
def test_a_job_that_is_late_is_cancelled_where_nothing_else_is_said(
    provider: str, tmp_path: Path
) -> None:
    cloud = Cloud(provider, tmp_path, emulation_of(provider, jobs=[{"wait_s": 8_000}]))
    (summary,) = play(cloud, {"extra": ", timeout: 1h"})
    assert summary.states == {JobState.FAILED: 1}
