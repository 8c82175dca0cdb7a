"""What a run offers to buy of points that are cut, and what it then buys: one and the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fake_drivers import play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CLOUD, Shop, check_book, plan_of, stop_after

from qbatch.executor.engine import WANTED
from qbatch.job import JobState
from qbatch.plan import Plan, jobs_in, pieces_of
from qbatch.plan.pricing.limits import Limit
from qbatch.providers import Failed, Target
from qbatch.shots import Bounds
from qbatch.snapshot import Run, Snapshot
from qbatch.snapshot.merging import merge

#: So little that nothing is bought.
NOTHING = (Limit("budget", "credits", 0.5),)

Runs = list[tuple[int, int]]


def offered(folder: Path, plan: Plan, most: int | None = None, only: str | None = None) -> Runs:
    """What would be agreed to: the shots of each job that is offered."""
    target = Target("cloud", max_jobs=1, max_shots=most)
    with Run(folder) as found:
        pieces = pieces_of(jobs_in(found), {"at": target}, WANTED[only])
        return sorted((piece.start, piece.shots) for p in plan.points() for piece in pieces(p))


def begin(folder: Path, plan: Plan, most: int | None = None) -> None:
    """A run that stops before it sends anything."""
    with Snapshot(folder, durability="normal") as snapshot:
        bounds = {"at": Bounds(1, most)}
        snapshot.register(plan.points(), setting_of=plan.setting_text, bounds=bounds)


def in_flight_then_more(folder: Path, wanted: int) -> tuple[Plan, Shop]:
    """100 shots on their way, others written in the manifest, and the first job then fails."""
    plan, shop = plan_of([0.5], 100, CLOUD), Shop()
    play(folder, plan, shop, beside=[stop_after(5.0)])
    id_ = next(plan.points()).id
    shop.said[id_] = Failed(id_, "FAILED", error="broken")
    more = plan_of([0.5], wanted, CLOUD)
    play(folder, more, shop, limits=NOTHING)
    shop.accepted.clear()
    return more, shop


def test_further_shots_are_not_bought_beside_the_one_job_agreed_to(tmp_path: Path) -> None:
    plan, shop = in_flight_then_more(tmp_path, 300)
    assert offered(tmp_path, plan) == [(0, 300)]
    play(tmp_path, plan, shop)
    assert shop.sold[0.5] == [(0, 300)]


def test_of_what_was_never_asked_for_nothing_is_bought(tmp_path: Path) -> None:
    plan, shop = in_flight_then_more(tmp_path, 300)
    assert offered(tmp_path, plan, only="missing") == []
    play(tmp_path, plan, shop, only="missing")
    assert shop.sold == {}


def test_a_job_that_failed_is_not_bought_with_more_shots_than_are_wanted_now(
    tmp_path: Path,
) -> None:
    plan, shop = in_flight_then_more(tmp_path, 40)
    assert offered(tmp_path, plan) == [(0, 40)]
    play(tmp_path, plan, shop)
    assert shop.sold[0.5] == [(0, 40)]


def test_after_merging_nothing_is_bought_that_the_other_folder_had(tmp_path: Path) -> None:
    a, b, both = (tmp_path / name for name in ("a", "b", "both"))
    plan, _ = in_flight_then_more(a, 300)
    play(b, plan, Shop())
    merge([a, b], both)
    assert offered(both, plan) == []
    shop = Shop()
    play(both, plan, shop)
    assert shop.sold == {}


def test_after_merging_only_the_shots_that_the_other_folder_lacks_are_bought(
    tmp_path: Path,
) -> None:
    a, b, both = (tmp_path / name for name in ("a", "b", "both"))
    plan, shop = plan_of([0.5], 300, CLOUD), Shop(max_shots=100)
    play(a, plan, Shop(), limits=NOTHING)
    shop.failing = {(0.5, 0)}
    play(b, plan, shop)
    merge([a, b], both)
    assert offered(both, plan) == [(0, 100)]
    shop.target, shop.failing = replace(shop.target, max_shots=None), set()
    play(both, plan, shop)
    assert shop.sold[0.5] == [(0, 100), (100, 100), (200, 100)]
    check_book(both, shop, [0.5])


#: Whether a job goes on as it stands, is on its way, or has come to an end.
MOVED = st.lists(
    st.sampled_from(
        [
            (),
            (JobState.SUBMITTING,),
            (JobState.SUBMITTING, JobState.FAILED),
            (JobState.SUBMITTING, JobState.HELD),
            (JobState.CANCELLED,),
        ]
    ),
    min_size=4,
    max_size=4,
)
ENDING = {JobState.SUBMITTING: JobState.FAILED, JobState.HELD: JobState.CANCELLED}


def move(folder: Path, moves: Sequence[tuple[JobState, ...]], *, to_end: bool) -> None:
    """Move the jobs of the plan; where `to_end`, what was on its way comes to nothing before."""
    with Snapshot(folder, durability="normal") as snapshot, Run(folder) as found:
        ids = [job.id for point in found for job in point.jobs]
        for id_, states in zip(ids, moves, strict=False):
            (row,) = snapshot.jobs_of([id_])
            job = row.job
            if to_end and job.state in ENDING:
                job = job.moved_to(ENDING[job.state], error="broken")
            for state in states if job.state is JobState.CREATED else ():
                job = job.moved_to(state, error="broken")
            with snapshot.transaction():
                snapshot.save_jobs([replace(row, job=job)])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.integers(1, 12), MOVED, st.booleans()), min_size=1, max_size=4),
    st.sampled_from([None, 3, 5]),
    st.sampled_from([None, "failed", "missing"]),
)
@pytest.mark.slow
def test_what_is_offered_is_what_is_left_to_buy(
    steps: list[tuple[int, list[tuple[JobState, ...]], bool]], most: int | None, only: str | None
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        for shots, moves, to_end in steps:
            plan = plan_of([0.5], shots, CLOUD)
            begin(folder, plan, most)
            move(folder, moves, to_end=to_end)
            agreed = offered(folder, plan, most, only)
            begin(folder, plan, most)
            with Snapshot(folder, durability="normal") as snapshot:
                (point,) = plan.points()
                left = [
                    (part.start, part.shots)
                    for part, row in snapshot.pieces_of(point.id)
                    if row.job.state in WANTED[only]
                ]
            assert left == agreed
    finally:
        shutil.rmtree(folder)
