"""What is prepared in several steps, or never."""

from __future__ import annotations

from pathlib import Path

from fake_drivers import FakeCloud, plan_of, play

from qbatch.job import JobState
from qbatch.providers import Batch, Prepared
from qbatch.snapshot import Run


class Lazy(FakeCloud):
    """A cloud that is never done with a preparation."""

    async def prepare(self, batch: Batch) -> Prepared:
        self.ledger.calls["prepare"] += 1
        return Prepared({"upload": "gone"}, ready=False, again_s=60.0)


def test_a_preparation_that_never_ends_fails_at_the_time_out_with_nothing_bought(
    tmp_path: Path,
) -> None:
    cloud = Lazy()
    done = play(tmp_path, plan_of(2, "cloud", extra=", timeout: 1h"), cloud)
    assert 3600 <= done.elapsed_s <= 3700
    with Run(tmp_path) as run:
        assert {point.state for point in run} == {JobState.FAILED}
        assert all("not prepared within 3600 s" in point.job.error for point in run)
    assert cloud.ledger.jobs == []
