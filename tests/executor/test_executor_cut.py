"""Points of more shots than one job may take: what is bought, by the cloud's own book."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_drivers import at_once, lost_before, play
from selling import CLOUD, LOCAL, Shop, check_book, plan_of, stop_after

from qbatch.errors import SelectionError, SourceErrors
from qbatch.exchange.exports import export
from qbatch.exchange.oqc.export import oqc_snapshot
from qbatch.exchange.oqc.format import read_config
from qbatch.job import JobState
from qbatch.plan import Plan, PlanSummary, begun, check_targets, jobs_in, pieces_of
from qbatch.providers import Failed, Target
from qbatch.purchase import Event
from qbatch.snapshot import Run, Snapshot
from tests.daily import mostly_slow


def left_of(plan: Plan, folder: Path, target: Target) -> PlanSummary:
    """What a run would buy now, as `qbatch plan` tells it."""
    targets = {"at": target}
    with Run(folder) as found:
        return plan.summary(targets, pieces_of=pieces_of(jobs_in(found), targets))


def states(folder: Path) -> list[tuple[int, int, str]]:
    with Run(folder) as found:
        return [(job.start, job.bought, job.state.value) for point in found for job in point.jobs]


def test_a_point_is_bought_in_jobs_that_the_cloud_takes(tmp_path: Path) -> None:
    shop = Shop(max_shots=700)
    play(tmp_path, plan_of([0.5, 1.5], 4000, CLOUD), shop)
    sizes = [667, 667, 667, 667, 666, 666]
    jobs = [(sum(sizes[:at]), size) for at, size in enumerate(sizes)]
    assert shop.sold == {0.5: jobs, 1.5: jobs}
    check_book(tmp_path, shop, [0.5, 1.5])
    with Run(tmp_path) as found:
        assert [point.counts and point.counts.shots for point in found] == [4000, 4000]
        assert [len(point.pieces) for point in found] == [6, 6]
        assert found.spent() == {"credits": 12.0}
        assert found.counts_by_state() == {JobState.COMPLETED: 2}


def test_more_are_bought_in_jobs_that_the_cloud_takes(tmp_path: Path) -> None:
    shop = Shop(max_shots=700)
    play(tmp_path, plan_of([0.5], 1000, CLOUD), shop)
    plan = plan_of([0.5], 4000, CLOUD)
    left = left_of(plan, tmp_path, shop.target)
    assert (left.points, left.jobs, left.shots, left.prices) == (1, 5, 3000, {"credits": 5.0})
    play(tmp_path, plan, shop)
    assert shop.sold[0.5] == [(0, 500), (500, 500), *((1000 + 600 * n, 600) for n in range(5))]
    check_book(tmp_path, shop, [0.5])


@pytest.mark.parametrize(
    ("before", "after", "jobs"),
    [(100, 250, [(0, 200), (200, 200)]), (None, 150, [(0, 134), (134, 133), (267, 133)])],
)
def test_what_is_not_bought_yet_is_cut_anew_when_the_limit_changes(
    before: int | None, after: int, jobs: list[tuple[int, int]], tmp_path: Path
) -> None:
    plan, shop = plan_of([0.5], 400, CLOUD), Shop(max_shots=before)
    with Snapshot(tmp_path) as snapshot:
        bounds = {"at": shop.target.bounds}
        snapshot.register(plan.points(), setting_of=plan.setting_text, bounds=bounds)
    shop.target = replace(shop.target, max_shots=after)
    assert left_of(plan, tmp_path, shop.target).jobs == len(jobs)
    play(tmp_path, plan, shop)
    assert shop.sold[0.5] == jobs
    check_book(tmp_path, shop, [0.5])


def test_what_was_on_its_way_when_the_limit_was_lowered_is_cut_only_when_it_came_to_nothing(
    tmp_path: Path,
) -> None:
    plan, shop = plan_of([0.5], 400, CLOUD), Shop()
    play(tmp_path, plan, shop, beside=[stop_after(5.0)])
    (known,) = states(tmp_path)
    assert known[2] == "submitted"
    shop.target = replace(shop.target, max_shots=150)
    assert left_of(plan, tmp_path, shop.target).jobs == 0
    id_ = next(plan.points()).id
    shop.said[id_] = Failed(id_, "FAILED", error="broken")
    play(tmp_path, plan, shop)
    assert states(tmp_path) == [(0, 400, "failed")]
    shop.accepted.clear()
    play(tmp_path, plan, shop)
    assert shop.sold[0.5] == [(0, 134), (134, 133), (267, 133)]


def test_a_point_of_which_a_job_failed_is_failed_with_what_there_is(tmp_path: Path) -> None:
    plan, shop = plan_of([0.5, 1.5], 300, CLOUD), Shop(max_shots=100)
    shop.failing = {(0.5, 100)}
    play(tmp_path, plan, shop)
    with Run(tmp_path) as found:
        first, second = found
        assert (first.state, second.state) == (JobState.FAILED, JobState.COMPLETED)
        assert (first.counts and first.counts.shots, first.sampled) == (200, 200)
        assert first.job.error == "broken"
    shop.failing = set()
    left = left_of(plan, tmp_path, shop.target)
    assert (left.points, left.jobs, left.shots) == (1, 1, 100)
    play(tmp_path, plan, shop, only="failed")
    assert shop.sold[0.5] == [(0, 100), (100, 100), (200, 100)]
    check_book(tmp_path, shop, [0.5, 1.5])


def test_a_little_more_is_bought_where_less_is_missing_than_a_job_must_take(tmp_path: Path) -> None:
    shop = Shop(max_shots=500, min_shots=50)
    for shots in (400, 410, 460, 455):
        play(tmp_path, plan_of([0.5], shots, CLOUD), shop)
    assert shop.sold[0.5] == [(0, 400), (400, 50), (450, 50)]
    check_book(tmp_path, shop, [0.5])


def test_what_is_bought_of_a_point_may_be_fewer_than_a_job_must_take(tmp_path: Path) -> None:
    """A target's least number is that of a job to be bought, not of a point."""
    shop = Shop()
    play(tmp_path, plan_of([0.5], 30, CLOUD), shop)
    shop.target = replace(shop.target, min_shots=50)

    def check(thetas: list[float], shots: int, *, known: bool = True) -> None:
        with Run(tmp_path) as found:
            there = begun(jobs_in(found)) if known else set()
        plan = plan_of(thetas, shots, CLOUD)
        check_targets(plan, {"at": shop.target}, {"at": shop}, lambda: there)

    check([0.5], 30)
    check([0.5], 40)
    too_few = "40 shots are too few; it takes 50 or more: write `shots: 50`, or more"
    with pytest.raises(SourceErrors) as refused:
        check([0.5], 40, known=False)
    assert too_few in str(refused.value.exceptions[0])
    with pytest.raises(SourceErrors) as refused:
        check([0.5, 1.5], 40)
    assert too_few in str(refused.value.exceptions[0])
    for shots in (30, 40):
        play(tmp_path, plan_of([0.5], shots, CLOUD), shop)
    assert shop.sold[0.5] == [(0, 30), (30, 50)]
    check_book(tmp_path, shop, [0.5])


def test_a_budget_buys_as_many_jobs_of_a_point_as_it_allows(tmp_path: Path) -> None:
    from qbatch.plan.pricing.limits import Limit

    plan, shop = plan_of([0.5], 400, CLOUD), Shop(max_shots=100, in_flight=1)
    limit = Limit("budget.total", "credits", 2.5)
    played = play(tmp_path, plan, shop, limits=(limit,), rates={})
    assert shop.sold[0.5] == [(0, 100), (100, 100)]
    assert played.summary.over_budget
    with Run(tmp_path) as found:
        (point,) = found
        assert (point.state, point.counts and point.counts.shots) == (JobState.CREATED, 200)
    play(tmp_path, plan, shop)
    check_book(tmp_path, shop, [0.5])
    assert [start for start, _ in shop.sold[0.5]] == [0, 100, 200, 300]


def test_jobs_of_as_many_shots_share_a_composite_job_where_they_must(tmp_path: Path) -> None:
    sent: list[set[int]] = []

    class Counting(Shop):
        async def submit(self, batch, intent):  # type: ignore[no-untyped-def]
            sent.append({order.shots for order in batch.orders})
            return await super().submit(batch, intent)

    shop = Counting(max_shots=700, max_jobs=10, one_number_of_shots=True)
    play(tmp_path, plan_of([0.5, 1.0, 1.5], 4000, CLOUD), shop)
    assert sorted(map(sorted, sent)) == [[666], [667], [667]]
    check_book(tmp_path, shop, [0.5, 1.0, 1.5])


def test_what_is_forgotten_is_gone_with_all_its_jobs_and_bought_again(tmp_path: Path) -> None:
    plan, shop = plan_of([0.5, 1.5], 300, CLOUD), Shop(max_shots=100)
    play(tmp_path, plan, shop)
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.forget([next(plan.points()).id]) == 1
    play(tmp_path, plan, shop)
    jobs = [(0, 100), (100, 100), (200, 100)]
    assert shop.sold == {0.5: sorted(jobs * 2), 1.5: jobs}


@pytest.mark.parametrize("most", mostly_slow([1, 7, 999]))
@pytest.mark.slow
def test_a_simulator_that_takes_few_shots_counts_as_one_that_takes_all(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qbatch.executor import run

    manifest = plan_of([0.5, 1.5], 1000 if most > 1 else 50, LOCAL).manifest
    run(manifest, out=tmp_path / "whole").close()
    monkeypatch.setattr("qbatch.providers.local.driver.MAX_SHOTS", most)
    run(manifest, out=tmp_path / "cut").close()
    with Run(tmp_path / "whole") as whole, Run(tmp_path / "cut") as cut:
        assert [point.counts for point in whole] == [point.counts for point in cut]
        assert [len(point.pieces) for point in cut] == [-(-point.shots // most) for point in cut]


def test_oqcs_own_file_has_each_job_of_a_point(tmp_path: Path) -> None:
    play(tmp_path, plan_of([0.5], 1000, CLOUD), Shop(max_shots=400))
    with Run(tmp_path) as found:
        text, _ = oqc_snapshot(found)
    jobs = json.loads(text)["jobs"]
    assert [read_config(job["config_json"]).shots for job in jobs] == [334, 333, 333]
    assert [sum(job["result"]["data"]["c"].values()) for job in jobs] == [334, 333, 333]


def test_all_exports_have_a_point_once_with_all_its_shots(tmp_path: Path) -> None:
    """One row of 1,000 shots, whose outcomes add up to them, and the cost of three jobs."""
    play(tmp_path, plan_of([0.5], 1000, CLOUD), Shop(max_shots=400))
    with Run(tmp_path) as found:
        (row,) = found.to_dataframe().to_dict("records")
        assert (row["shots"], row["cost"], row["provider_job_id"].count(",")) == (1000, 3.0, 2)
        for format_ in ("csv", "counts"):
            out = io.StringIO()
            export(found, format_, out)
            rows = [*csv.DictReader(io.StringIO(out.getvalue()))]
            total = sum(int(row["shots" if format_ == "csv" else "count"]) for row in rows)
            assert total == 1000
        (purchase, *others) = found.ledger()
        assert (len(others), purchase.entry.counted) == (2, 1.0)


def test_held_jobs_of_a_point_are_told_apart_and_decided_one_by_one(tmp_path: Path) -> None:
    plan, shop = plan_of([0.5], 300, CLOUD), Shop(max_shots=100)
    shop.script["submit"] = [lost_before] * 3
    shop.located = at_once()
    play(tmp_path, plan, shop)
    with Run(tmp_path) as found:
        held = {one.id: one.shots for one in found.held()}
        assert sorted(held.values()) == ["[0, 100)", "[100, 200)", "[200, 300)"]
        assert [found[id_].own_id for id_ in held] == list(held)
    first, *further = sorted(held, key=lambda id_: held[id_])
    with Snapshot(tmp_path) as snapshot:
        with pytest.raises(SelectionError, match="decide on those of further shots first"):
            snapshot.resolve(first, Event.RESUBMITTED)
        for id_ in (*further, first):
            snapshot.resolve(id_, Event.RESUBMITTED)
    shop.located = None
    play(tmp_path, plan, shop)
    check_book(tmp_path, shop, [0.5])
