"""M1: a call that spends is answered as a refusal, before or after the cloud acted on it.

Statuses that say by themselves that the request was not carried out (401, 423, 429) are believed;
every other one is played both ways, and the clouds' own books say what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from qbatch.job import JobState
from qbatch.snapshot import Run
from tests.fuzz.whole_runs import SPENDING, TARGETS, WORST, Clouds, expected, manifest_of, purchases

STATUSES = [400, 402, 403, 404, 405, 406, 409, 410, 412, 413, 415, 418, 422, 428, 431, 451]


def play(provider: str, faults: Sequence[dict[str, Any]], folder: Path) -> None:
    """Run under faults, then three times in fair weather, as a script would."""
    clouds, manifest = Clouds(provider), manifest_of(provider)
    on_spending = {"method": "POST", "path": SPENDING[provider]}
    clouds.set_faults(requests=[on_spending | fault for fault in faults], switches=WORST)
    for _ in range(4):
        clouds.run(manifest, folder, clouds.surroundings()).close()
        judge(clouds, folder)
        clouds.set_faults(switches=WORST)
    clouds.close()


def judge(clouds: Clouds, folder: Path) -> None:
    with Run(folder) as run:
        bought = purchases(run, clouds.ledger())
        for point in run:
            assert len(bought[point.id]) <= 1, (point.job, bought[point.id])
            if point.state is JobState.COMPLETED:
                assert point.counts is not None
                assert point.counts.to_dict() == expected(point)
            else:
                assert point.job.error or point.state is JobState.CREATED


def states(folder: Path) -> set[JobState]:
    with Run(folder) as run:
        return {point.state for point in run}


@pytest.mark.parametrize("provider", TARGETS)
def test_a_refusal_that_came_after_the_purchase_buys_nothing_again(
    provider: str, tmp_path: Path
) -> None:
    faults = [
        {"nth": nth, "status": status, "when": "after"}
        for nth, status in zip((1, 2, 3), (400, 409, 404), strict=True)
    ]
    folder = tmp_path / "run"
    play(provider, faults, folder)
    # Marqov's list shows no jobs, so nobody can tell; all the others can
    allowed = {JobState.HELD} if provider == "marqov" else set()
    assert states(folder) - allowed == {JobState.COMPLETED}


@pytest.mark.parametrize("provider", ["oqc", "scaleway", "ibm-direct-access"])
def test_a_refusal_that_bought_nothing_fails_its_job_with_the_clouds_words(
    provider: str, tmp_path: Path
) -> None:
    clouds, manifest = Clouds(provider), manifest_of(provider)
    fault = {"method": "POST", "path": SPENDING[provider], "status": 422}
    clouds.set_faults(requests=[fault])
    with clouds.run(manifest, tmp_path / "run", clouds.surroundings()) as run:
        assert {point.state for point in run} == {JobState.FAILED}
        assert all("fault script: 422" in point.job.error for point in run)
        assert all(each.entry.billed == 0 for each in run.ledger())
    assert clouds.ledger() == []
    clouds.set_faults()
    clouds.run(manifest, tmp_path / "run", clouds.surroundings()).close()
    judge(clouds, tmp_path / "run")
    assert states(tmp_path / "run") == {JobState.COMPLETED}
    clouds.close()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("provider", TARGETS)
def test_no_status_makes_a_purchase_twice(provider: str, when: str, tmp_path: Path) -> None:
    for status in STATUSES:
        for nth in (1, 2):
            folder = tmp_path / f"{status}-{nth}"
            play(provider, [{"nth": nth, "status": status, "when": when}], folder)
            allowed = {JobState.COMPLETED, JobState.HELD}
            assert states(folder) <= allowed, (status, nth)
            if provider in ("oqc", "scaleway", "ibm-direct-access"):
                assert states(folder) == {JobState.COMPLETED}, (status, nth)
