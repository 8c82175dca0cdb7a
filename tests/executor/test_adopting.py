"""M15: what a person adopts is looked up first, at all five emulated clouds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from qbatch.errors import Refused
from qbatch.executor import adopting
from qbatch.job import IN_FLIGHT, JobState
from qbatch.snapshot import Run, Snapshot
from tests.fuzz.whole_runs import TARGETS, Clouds, manifest_of

#: An id as the cloud makes them, which it never gave.
STRANGE = "3f1c2d9a-7b6e-4a55-9d30-0c8e5a1b2f44"


@pytest.fixture(params=TARGETS)
def clouds(request: pytest.FixtureRequest, monkeypatch: Any) -> Iterator[tuple[Clouds, str]]:
    clouds = Clouds(request.param, queue_s=3600.0)
    run = partial(trio.run, clock=clouds.clock)
    monkeypatch.setattr(adopting, "trio", SimpleNamespace(run=run))
    yield clouds, request.param
    clouds.close()


@pytest.mark.parametrize("word", ["nonsense", STRANGE])
def test_m15_an_adopted_id_is_looked_up_where_the_cloud_can_be_asked(
    clouds: tuple[Clouds, str], tmp_path: Path, word: str
) -> None:
    place, provider = clouds
    around = place.surroundings()
    place.run(manifest_of(provider), tmp_path, around, detach=True).close()
    with Run(tmp_path) as run:
        at_work = [point for point in run if point.state in IN_FLIGHT]
    (first, *_) = at_work
    real = first.job.provider_job_id
    with Snapshot(tmp_path) as snapshot, snapshot.transaction():
        (row,) = snapshot.jobs_of([first.id])
        held = replace(row.job, state=JobState.HELD, provider_job_id=None, error="lost")
        snapshot.save_jobs([replace(row, job=held)])
    with pytest.raises(Refused, match=f"knows no job '{word}'"):
        adopting.check_adopted(tmp_path, first.id, word, around)
    with Run(tmp_path) as run:
        assert run[first.id].state is JobState.HELD, "it can be given up or sent again at once"
    assert adopting.check_adopted(tmp_path, first.id, real, around)
