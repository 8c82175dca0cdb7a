"""Whole runs while one cloud's answers are spoilt: no crash, no wrong result, nothing bought twice.

What says "not executed" and lies (429 after the fact) is left out: clouds are believed in that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import trio

from qbatch.errors import NotAgreed
from qbatch.job import JobState
from qbatch.report import write_report
from qbatch.snapshot import Run
from tests.daily import mostly_slow
from tests.fuzz.mutations import Answer, spoil
from tests.fuzz.scenes import Spoiling, secrets_of
from tests.fuzz.test_calls import SEED
from tests.fuzz.whole_runs import TARGETS, Clouds, expected, manifest_of, times_bought
from tests.proving import for_a_while

#: Runs per provider: for every day; at most, and at least in `SECONDS`, for once in a while.
FEW, MANY, LEAST, SECONDS = 2, 30, 6, 4.0

PROVIDERS = list(TARGETS)

pytestmark = pytest.mark.usefixtures("nothing_runs")


def storm_over(provider: str, line: Spoiling, random: Random) -> None:
    """Spoil some of one cloud's answers from now on."""
    share = random.choice((0.05, 0.2, 0.5))

    def spoil_some(request: httpx.Request, answer: Answer) -> Answer:
        if not request.url.path.startswith(f"/{provider}/") or random.random() >= share:
            return answer
        return spoil(answer, random, secrets=secrets_of(request), may_lie=False)

    line.spoil = spoil_some


def play(provider: str, seed: str, folder: Path) -> int:
    """Run on a cloud under a storm and on another beside it; return how much was spoilt."""
    beside = PROVIDERS[PROVIDERS.index(provider) - 1]
    clouds, random, lines = Clouds(provider, beside), Random(seed), []
    trio._core._run._r.seed(seed)

    def wrap(inner: httpx.AsyncBaseTransport) -> Spoiling:
        lines.append(Spoiling(inner))
        return lines[0]

    def begin(_: Any) -> bool:
        storm_over(provider, lines[0], random)
        return True

    try:
        around = clouds.surroundings(wrap)
        manifest = manifest_of(provider, beside)
        with as_agreed(lambda: clouds.run(manifest, folder, around, approve=begin)) as run:
            left = {*run.summary.out_of_reach, *run.summary.not_agreed}
            judge(run, clouds.ledger(), left)
            assert all(p.state is JobState.COMPLETED for p in run if p.backend == beside)
            write_report(run, ("md", "html", "csv", "json"))
        for _ in range(2):  # what the first one finds cancelled is bought by the second
            clouds.run(manifest, folder, clouds.surroundings()).close()
        with Run(folder) as run:
            judge(run, clouds.ledger())
            assert {point.state for point in run} <= {JobState.COMPLETED, JobState.HELD}
    finally:
        clouds.close()
    return lines[0].spoilt


def as_agreed(begin: Callable[[], Run]) -> Run:
    """A run, also where a spoilt quote is above the price that was agreed to: it buys no more."""
    try:
        return begin()
    except NotAgreed as error:
        run: Run = error.run
        return run


def judge(run: Run, ledger: list[dict[str, Any]], left: Collection[str] = ()) -> None:
    bought = times_bought(run, ledger)
    for point in run:
        if point.state is JobState.COMPLETED:
            assert point.counts is not None
            assert point.counts.to_dict() == expected(point)
        elif point.state in (JobState.FAILED, JobState.CANCELLED, JobState.HELD):
            assert point.job.error
        else:
            assert point.backend in left, point.job
        assert bought[point.id] <= point.job.generation


@pytest.mark.parametrize("number", mostly_slow(range(FEW)))
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_storm_over_one_cloud_spoils_nothing_else(
    provider: str, number: int, tmp_path: Path
) -> None:
    play(provider, f"{SEED}/{provider}/{number}", tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("provider", PROVIDERS)
def test_many_storms_over_one_cloud_spoil_nothing_else(provider: str, tmp_path: Path) -> None:
    spoilt = 0
    for number in for_a_while(range(FEW, MANY), LEAST, SECONDS):
        seed = f"{SEED}/{provider}/{number}"
        try:
            spoilt += play(provider, seed, tmp_path / str(number))
        except BaseException as error:
            error.add_note(f"seed: {seed}")
            raise
    assert spoilt >= LEAST
