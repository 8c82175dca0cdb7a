"""More and fewer shots of points that there are: what is bought, held against plain models."""

from __future__ import annotations

import csv
import io
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from fake_drivers import play
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from selling import CLOUD, LOCAL, WAVE, Shop, check_book, plan_of, stop_after

from qbatch.cli.reasons import points_known
from qbatch.exchange.exports import export
from qbatch.executor import run
from qbatch.job import CompositeJob, JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, ReasonCounts, Why, count_reasons, jobs_in, pieces_of
from qbatch.providers import Target
from qbatch.shots import missing
from qbatch.snapshot import Run, Snapshot

# -- which shots are missing --------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=4),
    st.integers(0, 25),
    st.randoms(use_true_random=False),
)
def test_what_is_missing_is_counted_shot_by_shot(
    steps: list[tuple[int, int]], wanted: int, random: object
) -> None:
    had, at = [], 0
    for gap, number in steps:
        had.append((at + gap, number))
        at += gap + number
    random.shuffle(had)  # type: ignore[attr-defined]
    there = {shot for start, number in had for shot in range(start, start + number)}
    bought, shot = [], 0
    while len(there) + len(bought) < wanted:
        bought += [shot] if shot not in there else []
        shot += 1
    found = [shot for start, n in missing(had, wanted) for shot in range(start, start + n)]
    assert found == bought
    assert len(missing(had, wanted)) <= len(had) + 1


# -- the embedded simulator ---------------------------------------------------------------------


def ones_by_numpy(theta: float, seed: int, shots: int) -> int:
    """How often 1 is measured: the algorithm of `providers.local.sampling`, by numpy alone."""
    uniforms = np.random.Generator(np.random.PCG64(seed)).random(shots)
    return int((uniforms >= math.cos(theta / 2) ** 2).sum())


@pytest.mark.parametrize(
    "cuts",
    [
        [4000],
        pytest.param([1000, 4000], marks=pytest.mark.slow),
        [1, 2, 999, 4000],
        pytest.param([1000, 300, 4000], marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_pieces_give_the_counts_that_all_at_once_would_have_given(
    cuts: list[int], tmp_path: Path
) -> None:
    thetas = [0.5, 1.5, 2.5]
    for shots in cuts:
        with run(plan_of(thetas, shots).manifest, out=tmp_path) as done:
            points = list(done)
    assert [point.state for point in points] == [JobState.COMPLETED] * 3
    for theta, point in zip(thetas, points, strict=True):
        assert point.counts is not None
        assert point.counts.shots == point.shots == 4000
        assert point.counts.to_dict().get("01", 0) == ones_by_numpy(theta, point.seed, 4000)
    starts = [] if len(cuts) == 1 else [0, *sorted({c for c in cuts[:-1] if c != 300})]
    assert [piece.start for piece in points[0].pieces] == starts


@pytest.mark.slow
def test_how_many_workers_and_jobs_at_once_changes_no_count(tmp_path: Path) -> None:
    limits = LOCAL + ", limits: {workers: 2, jobs: 1}"
    for shots, backend in (700, limits), (2000, LOCAL):
        run(plan_of([0.5, 1.5], shots, backend).manifest, out=tmp_path).close()
    with Run(tmp_path) as done:
        for point, theta in zip(done, [0.5, 1.5], strict=True):
            assert point.counts is not None
            assert point.counts.to_dict()["01"] == ones_by_numpy(theta, point.seed, 2000)


@pytest.mark.slow
def test_where_aer_samples_the_pieces_are_independent_and_repeatable(tmp_path: Path) -> None:
    dynamic = WAVE.replace(
        "c = measure q;", "c = measure q; reset q; rx(theta) q[0]; c = measure q;"
    )
    found = []
    for name in "ab":
        for shots in (500, 1000):
            text = dynamic.replace("BACKEND", LOCAL).replace("THETAS", "[1.5]")
            manifest = parse_manifest(text.replace("SHOTS", str(shots)))
            run(manifest, out=tmp_path / name).close()
        with Run(tmp_path / name) as done:
            (point,) = done
            first, second = point.pieces
            assert first.counts is not None
            assert first.counts != second.counts
            assert (point.counts.shots if point.counts else 0) == 1000
            found.append(point.counts)
    assert found[0] == found[1]


# -- fewer ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fewer_cost_nothing_and_all_that_there_are_count(tmp_path: Path) -> None:
    run(plan_of([0.5], 400).manifest, out=tmp_path).close()
    with run(plan_of([0.5], 100).manifest, out=tmp_path) as done:
        (point,) = done
        assert done.summary.total == 0
        assert (point.shots, point.counts and point.counts.shots) == (100, 400)
        assert done.counts_by_state() == {JobState.COMPLETED: 1}
    with run(plan_of([0.5], 600).manifest, out=tmp_path) as done:
        assert done.summary.total == 1
        assert [(p.start, p.bought) for p in next(iter(done)).pieces] == [(0, 400), (400, 200)]


def test_the_values_of_an_axis_are_bought_each_by_itself(tmp_path: Path) -> None:
    text = WAVE.replace("BACKEND", LOCAL).replace("THETAS", "[0.5], shots: [100, 300]")
    with run(parse_manifest(text.replace("shots: SHOTS\n", "")), out=tmp_path) as done:
        assert [point.counts and point.counts.shots for point in done] == [100, 300]
        assert len({point.seed for point in done}) == 2


@pytest.mark.parametrize(("shots", "stages"), [(250, ["closed"]), (100, ["created"])])
def test_a_preparation_for_other_shots_is_not_taken_up(
    shots: int, stages: list[str], tmp_path: Path
) -> None:
    first, plan = plan_of([0.5], 100, CLOUD), plan_of([0.5], shots, CLOUD)
    with Snapshot(tmp_path) as snapshot:
        snapshot.register(first.points(), setting_of=first.setting_text)
        point = next(first.points())
        with snapshot.transaction():
            snapshot.add_composite(CompositeJob("0" * 64, "at", (point.id,)), [1])
        snapshot.register(plan.points(), setting_of=plan.setting_text)
    with Run(tmp_path) as found:
        assert [stage for _, stage in found.composites_by_stage()] == stages
    shop = Shop()
    play(tmp_path, plan, shop)
    assert shop.accepted == {0.5: [(0, shots)]}


# -- a cloud's own book ---------------------------------------------------------------------------


@dataclass
class Model:
    """What a plain dictionary says that the cloud has sold."""

    bought: dict[float, int] = field(default_factory=lambda: defaultdict(int))

    def missing(self, thetas: Sequence[float], shots: int) -> dict[float, int]:
        return {theta: max(0, shots - self.bought[theta]) for theta in thetas}


STEPS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([0.5, 1.0, 1.5]), min_size=1, unique=True),
        st.integers(1, 40),
        st.sampled_from([None, None, 0.0, 5.0, 40.0]),
        st.sets(st.tuples(st.sampled_from([0.5, 1.0, 1.5]), st.integers(0, 40)), max_size=3),
        st.none() | st.integers(2, 15),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, st.integers(1, 3))
def test_a_cloud_sells_each_shot_once_whatever_is_asked_for_in_turn(
    steps: list[tuple[list[float], int, float | None, set[tuple[float, int]], int | None]],
    at_once: int,
) -> None:
    """Shots up and down, values added and removed, runs cut off, jobs that fail, other limits.

    Of a step that was not cut off, and in which nothing failed, exactly what the dictionary misses
    is bought.
    """
    folder, shop, model = Path(tempfile.mkdtemp()), Shop(max_jobs=at_once), Model()
    try:
        for thetas, shots, cut_off_s, failing, most in steps:
            shop.failing, shop.target = failing, replace(shop.target, max_shots=most)
            owed = model.missing(thetas, shots)
            before = {theta: sum(n for _, n in runs) for theta, runs in shop.accepted.items()}
            tasks = [] if cut_off_s is None else [stop_after(cut_off_s)]
            play(folder, plan_of(thetas, shots, CLOUD), shop, beside=tasks)
            for theta in (0.5, 1.0, 1.5):
                now = sum(n for _, n in shop.accepted[theta])
                sold = now - before.get(theta, 0)
                assert sold <= owed.get(theta, 0)
                if cut_off_s is None and not failing:
                    assert sold == owed.get(theta, 0)
                model.bought[theta] = now
        check_book(folder, shop, steps[-1][0])
    finally:
        shutil.rmtree(folder)


def test_what_is_left_to_buy_is_known_beforehand(tmp_path: Path) -> None:
    shop = Shop()
    play(tmp_path, plan_of([0.5, 1.0], 100, CLOUD), shop)
    plan = plan_of([0.5, 1.0, 1.5], 250, CLOUD)
    target = {"at": Target("cloud", max_jobs=1)}
    with Run(tmp_path) as found:
        left = plan.summary(target, pieces_of=pieces_of(jobs_in(found), target))
    assert (left.jobs, left.shots) == (3, 150 + 150 + 250)
    before = sum(n for runs in shop.accepted.values() for _, n in runs)
    play(tmp_path, plan, shop)
    assert sum(n for runs in shop.accepted.values() for _, n in runs) - before == left.shots


def test_costs_and_ids_of_all_jobs_are_told(tmp_path: Path) -> None:
    shop = Shop()
    for shots in (100, 250):
        play(tmp_path, plan_of([0.5], shots, CLOUD), shop)
    with Run(tmp_path) as found:
        (point,) = found
        assert point.job.cost == 2.0
        assert point.job.provider_job_id == "c0,c1"
        assert found.spent() == {"credits": 2.0}
        assert len(found.attempts_of(point)) == 2
        assert [state for _, state, _ in found.history_of(point)].count(JobState.COMPLETED) == 2


def test_a_point_is_as_far_as_the_job_that_is_furthest_behind(tmp_path: Path) -> None:
    shop = Shop()
    play(tmp_path, plan_of([0.5], 100, CLOUD), shop)
    shop.failing = {(0.5, 100)}
    play(tmp_path, plan_of([0.5], 250, CLOUD), shop)
    with Run(tmp_path) as found:
        (point,) = found
        assert point.state is JobState.FAILED
        assert (point.counts and point.counts.shots, point.job.error) == (100, "broken")
        assert found.counts_by_state() == {JobState.FAILED: 1}
    play(tmp_path, plan_of([0.5], 100, CLOUD), shop)
    with Run(tmp_path) as found:
        assert next(iter(found)).state is JobState.COMPLETED
    assert shop.accepted == {0.5: [(0, 100)]}


def test_what_is_forgotten_is_gone_with_all_its_jobs(tmp_path: Path) -> None:
    for shots in (100, 250):
        play(tmp_path, plan_of([0.5, 1.0], shots, CLOUD), Shop())
    with Run(tmp_path) as found:
        first = next(iter(found)).id
    with Snapshot(tmp_path) as snapshot:
        assert snapshot.forget([first]) == 1
        ordinals = snapshot.rows_at([])
        assert not ordinals
    with Run(tmp_path) as found:
        assert len(found) == len(list(found)) == 1
        assert len(list(found.stored_points())) == 2


def test_the_words_for_it(tmp_path: Path) -> None:
    def why(plan: Plan) -> ReasonCounts:
        return count_reasons(plan, points_known(tmp_path, plan), limit=9)

    play(tmp_path, plan_of([0.5], 100, CLOUD), Shop())
    told = why(plan_of([0.5], 250, CLOUD))
    assert [str(reason) for reason in told.first] == ["more shots: 100 of 250 done"]
    assert told.counts == {Why.MORE: 1}
    told = why(plan_of([0.5], 70, CLOUD))
    assert [str(reason) for reason in told.first] == ["done: 70 wanted, 100 used"]


@pytest.mark.slow
def test_tables_say_from_how_many_shots_their_numbers_come(tmp_path: Path) -> None:
    """The standard error of z, worked out from the column `shots`, is the one beside it."""
    for shots in (400, 100, 600):
        with run(plan_of([0.5], shots).manifest, out=tmp_path) as done:
            (point,) = done
            (row,) = done.to_dataframe().to_dict("records")
            out = io.StringIO()
            export(done, "csv", out)
            (cells,) = csv.DictReader(io.StringIO(out.getvalue()))
            taken = max(shots, 400)
            assert point.counts is not None
            assert point.counts.shots == taken
            assert (point.sampled, row["shots"], int(cells["shots"])) == (taken, taken, taken)
            z = float(cells["z"])
            assert float(cells["z_se"]) == pytest.approx(math.sqrt((1 - z * z) / taken), rel=0.01)
