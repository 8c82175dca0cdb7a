"""Calibrations of readout that are bought again when they are older than asked.

What is right is said here from the run's own times and the clouds' books, and from a qubit of which
it is known what it ends in, on machines whose readout drifts.
"""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from fake_drivers import FakeCloud, Play, play

import qbatch
from qbatch.across import read_across
from qbatch.archive import verify, write_archive
from qbatch.emulators.drift import read_course
from qbatch.executor import Options, Stop
from qbatch.executor.ages import wanted_by_age
from qbatch.executor.agreed import Agreed
from qbatch.executor.rehearsal import rehearse
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand, select
from qbatch.plan.aging import facts_of_aging, told_aging
from qbatch.plan.pricing.offer import Offer
from qbatch.providers import Batch, Fetched, Order, Surroundings
from qbatch.report.judging import judge_run
from qbatch.result import Counts
from qbatch.snapshot import PointResult, Run, merge
from qbatch.snapshot.calibrated import calibrated
from tests.cli.test_cli_archive import forged, of_results
from tests.daily import mostly_slow
from tests.fuzz.whole_runs import Clouds

CLOUDS = {
    "oqc": "{provider: oqc, target: 'qpu:uk:1:12345', limits: {jobs: 1, in_flight: 2}}",
    "oq": "{provider: open-quantum, target: 'ionq:forte-1', limits: {in_flight: 2}}",
    "marqov": "{provider: marqov, target: rigetti-ankaa-2, limits: {in_flight: 2}}",
    "scaleway": "{provider: scaleway, target: QPU-GARNET-20PQ, limits: {jobs: 1, in_flight: 1}}",
    "ibm": "{provider: ibm-direct-access, target: ibm_rensselaer, limits: {jobs: 1, in_flight: 2},"
    " options: {initial_layout: [0]}}",
}
#: Whatever theta is, the qubit stays in 0.
FLAT = (
    'OPENQASM 3.0; include "stdgates.inc"; input float theta; qubit q; bit c; rz(theta) q; '
    "c = measure q;"
)
EVERY_S = 1800.0
CALIBRATIONS = ("0", "1")

pytestmark = pytest.mark.usefixtures("tasks_in_order")


class OneBit(FakeCloud):
    """A cloud whose machine reads one bit of twenty wrongly."""

    def __init__(self, *, works_s: float, **target: Any) -> None:
        super().__init__(works_s=works_s, **{"poll_s": (10.0, 30.0), **target})

    async def fetch(self, batch: Batch, job_ids: Sequence[str]) -> Sequence[Fetched]:
        orders = {order.id: order for order in batch.orders}

        def act() -> list[Fetched]:
            return [Fetched(key, self._read(orders[key]), b"", cost=1.0) for key in job_ids]

        return await self._call("fetch", act)  # type: ignore[no-any-return]

    def _read(self, order: Order) -> Counts:
        right = "1" if "\nx " in order.circuit.text else "0"
        wrong = order.shots // 20
        found = {right: order.shots - wrong, "01"[right == "0"]: wrong}
        return Counts.from_dict([("c", 1)], found)


def text_of(
    points: int,
    backends: str = "cloud: {provider: oqc, target: cloud}",
    *,
    name: str = "aged",
    every: str | None = "30min",
    more: str = "",
) -> str:
    asked = "" if every is None else f"every: {every}, "
    return f"""\
qbatch: 1
name: {name}
circuits: {{flat: {{qasm: '{FLAT}'}}}}
backends: {{{backends}}}
shots: 1000
sweep: {{matrix: {{theta: {{linspace: [0, 1, {points}]}}}}}}
analysis:
  observables: {{z: Z0}}
  mitigation: {{readout: {{{asked}shots: 2000}}}}
{more}"""


def planned(points: int, *, every: str | None = "30min") -> Plan:
    return expand(parse_manifest(text_of(points, every=every), folder=Path("/")))


def played(
    folder: Path, plan: Plan, cloud: FakeCloud, *, clock_s: float = 0.0, **more: Any
) -> Play:
    """Play a run as `qbatch run` would: what is wanted by age is told beforehand."""
    targets = {"cloud": cloud.target}
    plan.wanted = wanted_by_age(folder, plan, targets, None, lambda: 1.8e9 + clock_s)
    return play(folder, plan, cloud, clock_s=clock_s, **more)


def times_of(point: PointResult) -> tuple[list[float], dict[str, list[float]]]:
    """When its own jobs ran, and those of each of its calibrations, by the run's events."""
    own: list[float] = []
    others: dict[str, list[float]] = {}
    for setting in point.settings:
        for job in setting.jobs:
            at = point._run.ran_at(job.ordinal)
            assert at is not None
            (others.setdefault(setting.basis, []) if setting.basis else own).append(at)
    return own, others


def age_of(point: PointResult) -> float:
    """How far the calibrations nearest to a point that ran at once are from it, by the times."""
    (at,), others = times_of(point)
    return max(min(abs(at - each) for each in found) for found in others.values())


def bought_of(run: Run) -> Counter[str]:
    """How many jobs were bought of each setting of a point, calibrations without their point."""
    return Counter(entry.point.partition(",")[2] or "points" for entry in run.ledger())


# -- on all clouds --------------------------------------------------------------------------------


def check_on(cloud: str, folder: Path) -> None:
    every_s = 300.0
    course = read_course({"readout": 0.02, "drift": {"per_hour": {"readout": 0.18}}})
    text = text_of(14, f"{cloud}: {CLOUDS[cloud]}", every="5min")
    plan = expand(parse_manifest(text, folder=folder))
    out = folder / "aged.rehearsal"
    rehearse(plan, Options(out=out), queues_s=(70.0,), noise=course)
    with Run(out) as run:
        points = [*run]
        assert {point.state for point in points} == {JobState.COMPLETED}
        own = sorted(at for point in points for at in times_of(point)[0])
        span_s = own[-1] - own[0]
        assert span_s > 1.5 * every_s
        for found in times_of(points[0])[1].values():
            assert 2 <= len(found) <= 2 + span_s / (every_s / 2)
        purchases = [(each.entry.ordinal, each.entry.generation) for each in run.ledger()]
        assert len({*purchases}) == len(purchases)
        far = 0
        for point in points:
            told = calibrated(point)
            assert told is not None
            assert ("z.readout" in point.estimates) == (age_of(point) <= every_s)
            if "z.readout" not in point.estimates:
                continue
            assert told.age_s == pytest.approx(age_of(point))
            raw, better = point.estimates["z"], point.estimates["z.readout"]
            drifted = 2 * 0.18 * told.age_s / 3600
            assert abs(better.value - 1) < 4 * better.se + drifted
            far += abs(raw.value - 1) > 4 * raw.se
        assert far > len(points) / 2  # a queue may leave some in between without a number


@pytest.mark.slow
@pytest.mark.parametrize("cloud", CLOUDS)
def test_points_are_mended_by_calibrations_of_their_own_time(tmp_path: Path, cloud: str) -> None:
    check_on(cloud, tmp_path)


# -- when -----------------------------------------------------------------------------------------


def test_a_run_shorter_than_that_buys_each_calibration_once(tmp_path: Path) -> None:
    plan, cloud = planned(6), OneBit(works_s=60.0)
    played(tmp_path, plan, cloud)
    assert cloud.ledger.times_bought.total() == 8
    with Run(tmp_path) as run:
        assert bought_of(run) == {"points": 6, 'calibration="0"': 1, 'calibration="1"': 1}


@pytest.mark.slow
def test_without_every_a_long_run_buys_each_calibration_once(tmp_path: Path) -> None:
    plan, cloud = planned(12, every=None), OneBit(works_s=1500.0, in_flight=2)
    played(tmp_path, plan, cloud)
    assert cloud.ledger.times_bought.total() == 14


def test_what_is_taken_up_the_next_day_is_calibrated_anew_for_points_that_still_run(
    tmp_path: Path,
) -> None:
    cloud = OneBit(works_s=60.0, in_flight=2)

    async def soon(stop: Stop) -> None:
        await trio.sleep(200)
        stop.request("enough")

    plan = planned(6)
    played(tmp_path, plan, cloud, beside=[soon])
    with Run(tmp_path) as run:
        before = bought_of(run)
    assert before["points"] < 6
    day = 80_000.0  # what is in flight is not too late yet
    play_again = planned(6)
    played(tmp_path, play_again, cloud, clock_s=day)
    with Run(tmp_path) as run:
        assert bought_of(run) == {"points": 6, 'calibration="0"': 2, 'calibration="1"': 2}
        ages = [calibrated(point).age_s for point in run]  # type: ignore[union-attr]
        assert all(age is not None and age <= EVERY_S for age in ages)
        # Numbers of the first day are those of the first day's calibration.
        first = calibrated(next(iter(run)))
        assert first is not None
        assert max(first.ran) < 1.8e9 + day / 2
    assert set(cloud.ledger.times_bought.values()) == {1}


def test_nothing_is_bought_where_nothing_is_left_to_run(tmp_path: Path) -> None:
    cloud = OneBit(works_s=60.0)
    played(tmp_path, planned(3), cloud)
    bought = cloud.ledger.times_bought.total()
    again = planned(3)
    played(tmp_path, again, cloud, clock_s=86_400.0)
    assert cloud.ledger.times_bought.total() == bought
    assert facts_of_aging(again) == {"least": 0, "most": 0}


def test_jobs_that_ran_while_nobody_watched_buy_none(tmp_path: Path) -> None:
    cloud = OneBit(works_s=600.0, in_flight=20)

    async def soon(stop: Stop) -> None:
        await trio.sleep(60)
        stop.request("enough")

    played(tmp_path, planned(4), cloud, beside=[soon])  # all are sent
    assert cloud.ledger.times_bought.total() == 6
    for job in cloud.ledger.jobs:
        job.at -= 3600
    played(tmp_path, planned(4), cloud, clock_s=86_400.0)
    assert cloud.ledger.times_bought.total() == 6
    with Run(tmp_path) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 4}


@pytest.mark.parametrize(
    "cut_s",
    [1800, 2150, *(pytest.param(at, marks=pytest.mark.slow) for at in range(1430, 5000, 290))],
)
def test_a_run_that_is_cut_off_anywhere_buys_none_twice(tmp_path: Path, cut_s: int) -> None:
    """Cut off where a calibration was decided on, sent, or done: the rest is as it would be."""
    cloud = OneBit(works_s=400.0, in_flight=2)

    class Killed(BaseException):
        pass

    async def die(stop: Stop) -> None:
        await trio.sleep(cut_s)
        raise Killed

    with pytest.raises(BaseExceptionGroup) as caught:
        played(tmp_path, planned(24), cloud, beside=[die])
    assert caught.value.split(Killed)[1] is None
    for job in cloud.ledger.jobs:  # the clock begins anew
        job.at -= cut_s + 1
    played(tmp_path, planned(24), cloud, clock_s=cut_s + 1.0)
    assert set(cloud.ledger.times_bought.values()) == {1}
    with Run(tmp_path) as run:
        assert run.counts_by_state() == {JobState.COMPLETED: 24}
        bought = bought_of(run)
        assert bought["points"] == 24
        for prepared in CALIBRATIONS:
            assert 2 <= bought[f'calibration="{prepared}"'] <= 5
        told = {point.name: "z.readout" in point.estimates for point in run}
        assert told == {point.name: age_of(point) <= EVERY_S for point in run}
        assert sum(told.values()) >= 16  # what was in flight at the cut is heard of later


def test_a_calibration_in_several_jobs_is_one(tmp_path: Path) -> None:
    plan, cloud = planned(12), OneBit(works_s=700.0, in_flight=16, max_shots=1000)
    played(tmp_path, plan, cloud)
    with Run(tmp_path) as run:
        for point in run:
            told = calibrated(point)
            assert told is not None
            assert {found.shots for found in told.counts.values()} == {2000}
            assert len(told.ran) == 4


# -- before anything is bought --------------------------------------------------------------------


def offered(plan: Plan, cloud: FakeCloud) -> Offer:
    from qbatch.plan import most_pieces_of, pieces_of

    targets = {"cloud": cloud.target}
    plan.wanted = wanted_by_age(None, plan, targets, None, lambda: 0.0)
    return Offer(
        plan=plan,
        targets=targets,
        drivers={"cloud": cloud},
        pieces_of=pieces_of({}, targets),
        most_of=most_pieces_of({}, targets),
    )


def test_the_least_and_the_most_are_told_and_priced() -> None:
    plan = planned(6)
    offer = offered(plan, OneBit(works_s=1.0))
    (told,) = told_aging(plan)
    assert told == (
        "calibrations that are older than 30 min when a job of points runs are bought again: at "
        "least 0 and at most 12 times from now on, for how long the run takes is not known"
    )
    assert offer.left.prices == {"credits": 8}
    assert offer.most.prices == {"credits": 20}  # each job of a point, and one of each for it
    assert str(offer) == "aged: at most 20 jobs for 20 credits"


def test_what_was_agreed_to_reaches_for_them_and_what_was_not_is_not_bought(
    tmp_path: Path,
) -> None:
    long = {"works_s": 1300.0, "in_flight": 2}
    plan, cloud = planned(8), OneBit(**long)
    done = played(tmp_path / "all", plan, cloud, agreed=Agreed.to(offered(planned(8), cloud)))
    assert not done.summary.not_agreed
    assert cloud.ledger.times_bought.total() > 10
    plan, cloud = planned(8), OneBit(**long)
    offer = offered(planned(8, every=None), cloud)
    done = played(tmp_path / "few", plan, cloud, agreed=Agreed.to(offer))
    assert cloud.ledger.times_bought.total() == 10
    assert "calibration" in done.summary.not_agreed["cloud"]


def test_rounds_of_an_accuracy_are_refused_beside_it() -> None:
    text = text_of(2).replace("shots: 1000", "shots: {target_se: 0.01, of: z}", 1)
    with pytest.raises(ExceptionGroup) as caught:
        expand(parse_manifest(text, folder=Path("/")))
    assert "an accuracy's rounds take its shots at different times" in str(
        caught.value.exceptions[0]
    )


# -- what is told of it ---------------------------------------------------------------------------


def test_readers_say_which_calibration_a_number_is_made_by(tmp_path: Path) -> None:
    from qbatch.exchange.exports import export

    plan, cloud = planned(8), OneBit(works_s=700.0, in_flight=3)
    played(tmp_path / "run", plan, cloud)
    with Run(tmp_path / "run") as run:
        points = {point.name: point for point in run}
        export(run, "json", tmp_path / "out.json")
        facts = json.loads((tmp_path / "out.json").read_text())["points"]
        for each in facts:
            told = calibrated(points[each["point"]])
            assert told is not None
            assert each["calibrated"]["age_s"] == told.age_s
            assert each["calibrated"]["ran_at"] in {
                qbatch.snapshot.attempts.instant(at).isoformat() for at in told.ran
            }
            read: Mapping[str, Mapping[str, int]] = each["calibrated"]["counts"]
            assert {sum(counts.values()) for counts in read.values()} == {2000}
        archive = tmp_path / "run.zip"
        write_archive(run, archive)
    found = verify(archive)
    assert not found.findings
    assert found.numbers


class Wearing(OneBit):
    """A cloud whose machine reads calibrations worse from each to the next, and points as ever."""

    calibrated = 0

    def _read(self, order: Order) -> Counts:
        if "rz(" in order.circuit.text:
            return super()._read(order)
        self.calibrated += 1
        right, wrong = "01"["\nx " in order.circuit.text], order.shots // 20 + self.calibrated
        found = {right: order.shots - wrong, "01"[right == "0"]: wrong}
        return Counts.from_dict([("c", 1)], found)


def of_the_last(results: Any) -> None:
    """Mend the first point by the last one's calibrations; its number is what these give."""
    first, last = results[0], results[-1]
    assert first["counts"] == last["counts"]
    assert first["calibrated"]["counts"] != last["calibrated"]["counts"]
    first["calibrated"], first["estimates"] = last["calibrated"], last["estimates"]


def of_another_time(results: Any) -> None:
    results[0]["calibrated"]["ran_at"] = results[-1]["calibrated"]["ran_at"]


def of_none(results: Any) -> None:
    del results[0]["calibrated"]


@pytest.mark.parametrize("change", mostly_slow([of_the_last, of_another_time, of_none]))
def test_an_archive_that_mends_a_point_by_others_is_found(
    change: Callable[[Any], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan, cloud = planned(8), Wearing(works_s=700.0, in_flight=3)
    played(tmp_path / "run", plan, cloud)
    with Run(tmp_path / "run") as run:
        write_archive(run, tmp_path / "run.zip")
    assert verify(tmp_path / "run.zip").findings == []
    found = verify(forged(tmp_path / "run.zip", of_results(change))).findings
    wrong = [each for each in found if each.problem.startswith("calibrated: ")]
    assert [each.where for each in wrong] == ["results.json: theta=0"], found
    if change is of_another_time:
        assert found == wrong
        assert "ran_at is" in wrong[0].problem


def test_a_calibration_too_far_away_tells_no_number(tmp_path: Path) -> None:
    plan, cloud = planned(2), OneBit(works_s=60.0, in_flight=1)
    played(tmp_path, plan, cloud)
    with Run(tmp_path) as run:
        point = next(iter(run))
        assert "z.readout" in point.estimates
        shorter = parse_manifest(text_of(2, every="10s"), folder=Path("/"))
        run.analyse_as(shorter)
        point = next(iter(run))
        assert "z.readout" not in point.estimates
        assert point.undecided["z.readout"].startswith(
            "the readout is not calibrated: none ran within 10 s of its shots, as `every` asks; "
            "the nearest "
        )


#: What is made of mended numbers, and checks of it.
ACROSS = """\
  derived: {d: "z.readout[theta=1] - z.readout[theta=0]"}
  fits: {f: {model: line, x: theta, y: z.readout}}
  expected: {z.readout: 1}
checks: [{that: z.readout >= 0}, {that: z.readout == expected}, {that: d == 0}, {that: f.a >= 0}]
"""


def test_whatever_lacks_a_calibration_says_so_and_not_that_it_is_not_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played(tmp_path, planned(4), OneBit(works_s=60.0, in_flight=1))
    with Run(tmp_path) as run:
        run.analyse_as(parse_manifest(text_of(4, every="10s", more=ACROSS), folder=Path("/")))
        across = read_across(run)
        (fit,), (theory,) = across.fits, across.expected
        checks = judge_run(run)
    why = "the readout is not calibrated: none ran within 10 s of its shots, as `every` asks"
    assert fit.reason.startswith(f"none of 4 points has z.readout (theta=0 has no z.readout: {why}")
    assert (theory.waiting, theory.left_out) == (0, 4)
    assert theory.reason.startswith(f"theta=0 has no z.readout: {why}")
    reasons = [one.reason for check in checks for one in check.judgements]
    assert len(reasons) == 4 + 4 + 1 + 1
    assert all(why in reason for reason in reasons)
    assert not any("not measured" in reason for reason in reasons)
    assert all(reason.count(why) == 1 for reason in reasons[:8])


def test_calibrations_of_what_is_computed_here_do_not_age(tmp_path: Path) -> None:
    """A day between two runs of a folder: the second buys its point, and no calibration anew."""
    backends = "sim: {provider: local, noise: {readout: 0.05}}"
    for thetas, now, jobs in ((2, 1.8e9, 4), (3, 1.8e9 + 86_400, 5)):
        around = Surroundings(environ={}, is_virtual=True, now=lambda now=now: now)
        text = text_of(thetas, backends).replace("[0, 1, 3]", "[0, 2, 3]")
        manifest = parse_manifest(text, folder=tmp_path)
        (told,) = told_aging(expand(manifest))
        assert told == "calibrations of sim are bought once: what is computed here does not drift"
        with qbatch.run(manifest, out=tmp_path / "r", surroundings=around) as run:
            assert sum(1 for _ in run.stored_points()) == jobs
            for point in run:
                better = point.estimates["z.readout"]
                assert math.isclose(better.value, 1, abs_tol=4 * better.se)


def test_shards_that_each_calibrated_come_together_with_their_calibrations(tmp_path: Path) -> None:
    """A day lies between them: each point is mended by those of its own folder."""
    plan, cloud = planned(2), OneBit(works_s=60.0, in_flight=1)
    for name, theta, clock_s in (("a", 0, -1e8), ("b", 1, 86_400.0 - 1e8)):
        chosen = select(f"theta={theta}", plan.names, plan.manifest)
        play(tmp_path / name, planned(2), cloud, clock_s=clock_s, selected=chosen)
    shutil.copytree(tmp_path / "b", tmp_path / "copy")
    merged = merge([tmp_path / each for each in ("a", "b", "copy")], tmp_path / "both")
    with Run(tmp_path / "both") as run:
        assert sorted(bought_of(run).values()) == [2, 2, 2]
        for point in run:
            assert math.isclose(point.estimates["z.readout"].value, 1, abs_tol=1e-9)
            assert age_of(point) < 3600
        assert len(run.ledger()) == 6
    assert (merged.taken, merged.spare) == (3, 0)


# -- of other runs --------------------------------------------------------------------------------


@pytest.fixture
def clouds() -> Iterator[Clouds]:
    place = Clouds("oqc", queue_s=1.0)
    place.set_faults(switches={"oqc": {"noise": {"readout": 0.05}}})
    yield place
    place.close()


@pytest.mark.slow
def test_calibrations_of_another_run_are_used_for_its_points_alone(
    tmp_path: Path, clouds: Clouds
) -> None:
    """The other run is a day old: its points are mended by its calibrations, new ones by new."""

    def done(name: str, thetas: int, now: float, **options: Any) -> Run:
        around = replace(clouds.surroundings(), now=lambda: now)
        text = text_of(thetas, f"cloud: {CLOUDS['oqc']}", name=name)
        manifest = parse_manifest(text.replace("[0, 1, 3]", "[0, 2, 3]"), folder=tmp_path)
        return clouds.run(manifest, tmp_path / name, around, **options)

    done("first", 2, 1.8e9).close()
    with done("second", 3, 1.8e9 + 86_400, reuse=[tmp_path / "first"]) as run:
        points = {point.parameters["theta"]: point for point in run}
        ages = {theta: calibrated(point) for theta, point in points.items()}
        assert {theta: told.age_s for theta, told in ages.items() if told} == {0: 0, 1: 0, 2: 0}
        assert {len(times) for times in times_of(points[0])[1].values()} == {2}
        for theta in (0, 1):  # 0 and 1 are of the first run, 2 is new
            told = ages[theta]
            assert told is not None
            assert max(told.ran) < 1.8e9 + 43_200
        for point in run:
            better = point.estimates["z.readout"]
            assert math.isclose(better.value, 1, abs_tol=4 * better.se)
        write_archive(run, tmp_path / "run.zip")
    assert verify(tmp_path / "run.zip").findings == []
