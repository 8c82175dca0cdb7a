"""Points that are measured in several settings: bought, resumed, told, against exact values."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
import yaml
from fake_drivers import FakeCloud, play

from qbatch.across import read_across
from qbatch.cli.outcome import outcome_of
from qbatch.difference import compare, side_of
from qbatch.exchange.exports import export
from qbatch.executor import Options, Stop, run
from qbatch.executor.rehearsal import rehearse
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand, select
from qbatch.report.overview import Overview
from qbatch.report.rows import Columns
from qbatch.result import Verdict
from qbatch.snapshot import Run, Snapshot, merge

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
"""
ENERGY = "0.5 X0 X1 + 0.3 Z0 - 0.2 Y0 Y1"
THETAS = (0.3, 1.2)
BASES = ("", "X0 X1", "Y0 Y1")
AS_WRITTEN = 'not basis="X0 X1" and not basis="Y0 Y1"'
LOCAL = {"sim": {"provider": "local"}}
CLOUD = {"cloud": {"provider": "oqc", "target": "cloud"}}
CLOUDS = {
    "ibm": {"provider": "ibm-direct-access", "target": "ibm_rensselaer"},
    "oqc": {"provider": "oqc", "target": "qpu:uk:1:12345"},
    "marqov": {"provider": "marqov", "target": "sv1"},
    "scaleway": {"provider": "scaleway", "target": "EMU-AER-16C-128M"},
    "oq": {"provider": "open-quantum", "target": "ionq:forte-1"},
}


def exact_energy(theta: float) -> float:
    """Of cos(θ/2) |00> + sin(θ/2) |11>: X X and -Y Y are sin θ, Z is cos θ."""
    return 0.7 * math.sin(theta) + 0.3 * math.cos(theta)


def plan_of(
    shots: int,
    *,
    backends: dict[str, Any] | None = None,
    more: dict[str, str] | None = None,
    repeat: int = 1,
    **analysis: Any,
) -> Plan:
    observables = {"energy": ENERGY, **(more or {})}
    whole = {
        "qbatch": 1,
        "name": "energies",
        "circuits": {"bell": {"qasm": BELL}},
        "backends": backends or LOCAL,
        "shots": shots,
        "sweep": {
            "matrix": {"backend": [*(backends or LOCAL)], "theta": [*THETAS]},
            "repeat": repeat,
            "seed": 4,
        },
        "analysis": {"observables": observables, **analysis},
    }
    return expand(parse_manifest(yaml.safe_dump(whole), folder=Path("/")))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Two angles twice, on the embedded simulator, with numbers of all kinds."""
    analysis: dict[str, Any] = {
        "more": {"zz": "Z0 Z1"},
        "probabilities": {"both": "11"},
        "distribution": {"target": {"00": 1.0}},
    }
    plan = plan_of(4000, repeat=2, **analysis)
    with run(plan.manifest, out=tmp_path_factory.mktemp("measured")) as done:
        yield done


def within(point: Any, number: float, name: str = "energy") -> bool:
    estimate = point.estimates[name]
    return abs(estimate.value - number) <= 4 * estimate.se


# -- numbers --------------------------------------------------------------------------------------


def test_an_energy_is_had_from_the_counts_of_its_bases(measured: Run) -> None:
    points = list(measured)
    assert len(measured) == len(points) == 4
    assert measured.num_settings == 12
    assert measured.counts_by_state() == {JobState.COMPLETED: 4}
    for theta, point in zip(THETAS * 2, points, strict=True):
        assert point.parameters == {"theta": theta}
        assert tuple(one.basis for one in point.settings) == BASES
        assert within(point, exact_energy(theta))
        assert point.estimates["zz"].value == 1
        parts = ((0.5, "X0 X1", (0, 1)), (0.3, "", (0,)), (-0.2, "Y0 Y1", (0, 1)))
        counts = {basis: found.to_dict() for basis, found in point.counts_by_basis.items()}
        by_hand = sum(weight * mean(counts[basis], bits) for weight, basis, bits in parts)
        assert point.estimates["energy"].value == pytest.approx(by_hand, abs=1e-12)


def mean(counts: dict[str, int], bits: tuple[int, ...]) -> float:
    signs = {b: math.prod(1 - 2 * int(b[-1 - bit]) for bit in bits) for b in counts}
    return sum(signs[b] * n for b, n in counts.items()) / sum(counts.values())


def test_outcomes_are_those_of_the_circuit_as_it_is_written(measured: Run) -> None:
    for theta, point in zip(THETAS * 2, measured, strict=True):
        assert point.counts == point.settings[0].counts
        assert within(point, math.sin(theta / 2) ** 2, "both")
        assert point.estimates["tvd"].value == pytest.approx(point.estimates["both"].value)
        for one in point.settings[1:]:
            assert one.estimates == {}
        assert point.settings[0].estimates.keys() == {"zz", "both", "tvd"}


@pytest.mark.parametrize(
    "clouds",
    [["oqc"], pytest.param([*CLOUDS], marks=pytest.mark.slow)],
)
def test_clouds_give_the_energies_and_bill_each_setting(clouds: list[str], tmp_path: Path) -> None:
    plan = plan_of(2000, backends={name: CLOUDS[name] for name in clouds})
    told = rehearse(plan, Options(out=tmp_path / "r"), queues_s=(60.0,))
    jobs = {name: one.jobs for name, one in told.passes[0].backends.items()}
    assert jobs == dict.fromkeys(clouds, 6)
    with Run(tmp_path / "r") as done:
        assert len(done.ledger()) == 6 * len(clouds)
        points = list(done)
        costs = [[one.job.cost or 0 for one in point.settings] for point in points]
        assert len(points) == 2 * len(clouds)
        for point, each in zip(points, costs, strict=True):
            assert within(point, exact_energy(float(point.parameters["theta"])))
            assert len(each) == 3
            assert (point.job.cost or 0) == pytest.approx(sum(each))


# -- what is bought -------------------------------------------------------------------------------


def bought(folder: Path) -> dict[str, list[int]]:
    """Basis -> shots of the jobs that bought them, of the first point."""
    with Run(folder) as found:
        return {one.basis: [job.bought for job in one.jobs] for one in next(iter(found)).settings}


def test_more_shots_buy_the_difference_in_each_setting(tmp_path: Path) -> None:
    cloud = FakeCloud()
    for shots, jobs in ((1000, 6), (4000, 12), (300, 12)):
        play(tmp_path, plan_of(shots, backends=CLOUD), cloud)
        assert cloud.ledger.times_bought.total() == jobs
    assert bought(tmp_path) == {basis: [1000, 3000] for basis in BASES}
    with Run(tmp_path) as found:
        assert all(counts.shots == 4000 for p in found for counts in p.counts_by_basis.values())


def test_one_more_observable_buys_only_its_basis(tmp_path: Path) -> None:
    cloud = FakeCloud()
    play(tmp_path, plan_of(500, backends=CLOUD), cloud)
    before = set(cloud.ledger.times_bought)
    play(tmp_path, plan_of(500, backends=CLOUD, more={"mixed": "X0 Y1"}), cloud)
    assert len(set(cloud.ledger.times_bought) - before) == 2
    with Run(tmp_path) as found:
        assert all(point.estimates.keys() == {"energy", "mixed"} for point in found)
    play(tmp_path, plan_of(500, backends=CLOUD), cloud)  # and back: nothing is bought
    assert max(cloud.ledger.times_bought.values()) == 1
    with Run(tmp_path) as found:
        assert [one.basis for one in found.removed()] == ["X0 Y1", "X0 Y1"]
        assert all(one.estimates == {} for one in found.removed())
        assert all(point.estimates.keys() == {"energy"} for point in found)


def test_a_setting_that_is_missing_leaves_out_the_numbers_that_need_it(tmp_path: Path) -> None:
    plan, cloud = plan_of(500, backends=CLOUD, more={"zz": "Z0 Z1"}), FakeCloud()
    chosen = select('basis="X0 X1" or theta=0.3', plan.names, plan.manifest)
    play(tmp_path, plan, cloud, selected=chosen)
    with Run(tmp_path) as found:
        first, second = found
        assert found.counts_by_state() == {JobState.COMPLETED: 1, JobState.CREATED: 1}
        assert first.estimates.keys() == {"energy", "zz"}
        assert second.state is JobState.CREATED
        assert second.estimates == {}
        assert (second.done, second.counted) == (0, 500)
        assert found.in_part() == (1, 500, 1500)
        assert found['theta=1.2,basis="X0 X1"'].counts is not None
        assert found['theta=1.2,basis="X0 X1"'].estimates == {}
    play(tmp_path, plan, cloud)
    assert set(cloud.ledger.times_bought.values()) == {1}
    with Run(tmp_path) as found:
        assert all(point.estimates.keys() == {"energy", "zz"} for point in found)


def test_a_run_that_is_stopped_between_settings_goes_on_with_the_others(tmp_path: Path) -> None:
    plan, cloud = plan_of(100, backends=CLOUD), FakeCloud()
    cloud.target = replace(cloud.target, max_jobs=1, in_flight=2)

    async def end(stop: Stop) -> None:
        await trio.sleep(1.5)
        stop.request("enough")

    play(tmp_path, plan, cloud, beside=[end])
    assert 0 < cloud.ledger.times_bought.total() < 6
    play(tmp_path, plan, cloud)
    assert cloud.ledger.times_bought.total() == 6
    assert set(cloud.ledger.times_bought.values()) == {1}
    with Run(tmp_path) as found:
        assert found.counts_by_state() == {JobState.COMPLETED: 2}


def test_a_setting_that_is_forgotten_is_bought_again_alone(tmp_path: Path) -> None:
    plan, cloud = plan_of(200, backends=CLOUD), FakeCloud()
    play(tmp_path, plan, cloud)
    with Run(tmp_path) as found:
        before = [point.estimates for point in found]
        gone = found['theta=0.3,basis="Y0 Y1"'].id
    with Snapshot(tmp_path) as snapshot:
        snapshot.forget([gone])
    with Run(tmp_path) as found:
        assert len(found) == 2
        assert found.num_settings == 5
        first, _ = found
        assert first.estimates == {}
        assert (first.state, first.missing) == (JobState.CREATED, ("Y0 Y1",))
        assert first.state_in_words == "created: 2 of 3 settings measured"
        assert found["theta=0.3"].state is JobState.CREATED
        assert found.counts_by_state() == {JobState.COMPLETED: 1, JobState.CREATED: 1}
        assert found.in_part() == (1, 400, 600)
    play(tmp_path, plan, cloud)
    again = {id_: n for id_, n in cloud.ledger.times_bought.items() if n > 1}
    assert again == {gone: 2}
    with Run(tmp_path) as found:
        assert [point.estimates for point in found] == before
        assert found.counts_by_state() == {JobState.COMPLETED: 2}


def test_a_forgotten_setting_that_no_plan_needs_any_more_is_missing_no_more(tmp_path: Path) -> None:
    """Its only other basis is forgotten everywhere, then its observable is dropped."""
    both, one = plan_of(200, backends=CLOUD, more={"z": "Z0"}), "0.5 X0 X1"
    text = both.manifest.text.replace(ENERGY, one)
    play(tmp_path, expand(parse_manifest(text, folder=Path("/"))), FakeCloud())
    with Run(tmp_path) as found:
        gone = [each.id for each in found.settings() if each.basis]
    with Snapshot(tmp_path) as snapshot:
        snapshot.forget(gone)
    with Run(tmp_path) as found:
        assert found.counts_by_state() == {JobState.CREATED: 2}
        assert [point.missing for point in found] == [("X0 X1",)] * 2
        assert [point.estimates.keys() for point in found] == [{"z"}] * 2
    play(tmp_path, expand(parse_manifest(text.replace(one, "Z1"), folder=Path("/"))), FakeCloud())
    with Run(tmp_path) as found:
        assert found.counts_by_state() == {JobState.COMPLETED: 2}
        assert not any(point.missing for point in found)


def test_readers_tell_what_the_settings_that_are_there_tell(tmp_path: Path) -> None:
    """Z's shots are there, X's are not: pages, figures, sums, comparisons and checks have Z."""
    plan = plan_of(500, backends=CLOUD, more={"z": "Z0"})
    text = plan.manifest.text + "checks: [{that: z >= -1}, {that: energy >= -2}]\n"
    plan = expand(parse_manifest(text, folder=Path("/")))
    chosen = select(AS_WRITTEN, plan.names, plan.manifest)
    play(tmp_path, plan, FakeCloud(), selected=chosen)
    out = io.StringIO()
    with Run(tmp_path) as found:
        values = [point.estimates["z"].value for point in found]
        overview = Overview.of(found, Columns.of(found))
        overview.add_all([*found])
        assert overview.numbers["z"].points == 2
        assert overview.backends["cloud"].measured == 2
        assert overview.in_part == found.in_part() == (2, 1000, 3000)
        drawn = {one.number: [mark.y for mark in one.marks] for one in overview.series}
        assert drawn == {"energy": [], "z": values}
        assert [told.estimates["z"].value for told in side_of("a", found).told] == values
        outcome = outcome_of(found)
        assert (outcome.measured, [one.name for one in outcome.first]) == (
            2,
            ["theta=0.3", "theta=1.2"],
        )
        of_z, of_energy = outcome.checks
        assert of_z.verdict is Verdict.PASS
        reason = "not measured: created; no shots in X0 X1; Y0 Y1"
        assert {one.reason for one in of_energy.judgements} == {reason}
        export(found, "json", out)
    for point in json.loads(out.getvalue())["points"]:
        assert (point["missing"], point["shots"]) == (["X0 X1", "Y0 Y1"], 500)
        used = {one["basis"]: (one["shots"], one["used"]) for one in point["settings"]}
        assert used == {"": (500, 500), "X0 X1": (500, 0), "Y0 Y1": (500, 0)}


def test_merged_folders_have_the_settings_of_both(tmp_path: Path) -> None:
    plan = plan_of(200, backends=CLOUD)
    for name, chosen in (("a", "theta=0.3"), ("b", 'theta=1.2 or basis="X0 X1"')):
        meant = select(chosen, plan.names, plan.manifest)
        play(tmp_path / name, plan, FakeCloud(), selected=meant)
    play(tmp_path / "whole", plan, FakeCloud())
    merge([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    with Run(tmp_path / "c") as merged, Run(tmp_path / "whole") as whole:
        assert merged.counts_by_state() == {JobState.COMPLETED: 2}
        assert [point.estimates for point in merged] == [point.estimates for point in whole]


def test_what_a_plan_needs_as_it_is_written_no_more_leaves_it(tmp_path: Path) -> None:
    plan = plan_of(200, backends=CLOUD, probabilities={"both": "11"}).manifest.text
    alone = plan.replace(ENERGY, "0.5 X0 X1")
    for text in (alone, alone.replace("probabilities:\n    both: '11'", "intervals: {}")):
        play(tmp_path, expand(parse_manifest(text, folder=Path("/"))), FakeCloud())
    with Run(tmp_path) as found:
        assert [point.name for point in found] == ["theta=0.3", "theta=1.2"]
        assert [[one.basis for one in point.settings] for point in found] == [["X0 X1"]] * 2
        assert all(point.counts is None and point.estimates.keys() == {"energy"} for point in found)
        assert [found[k].name for k in range(2)] == ["theta=0.3", "theta=1.2"]
        assert found["theta=0.3"].settings


def test_numbers_across_points_are_of_points_not_of_their_settings(tmp_path: Path) -> None:
    gap = {"gap": "energy[theta=1.2] - energy[theta=0.3]"}
    plan = plan_of(500, backends=CLOUD, derived=gap)
    play(tmp_path, plan, FakeCloud())
    with Run(tmp_path) as found:
        first, second = (point.estimates["energy"].value for point in found)
        (told,) = found.derived()
    assert told.estimate.value == pytest.approx(second - first)


def test_runs_in_several_settings_are_compared_by_their_numbers(tmp_path: Path) -> None:
    sides = []
    for name, shots in (("a", 500), ("b", 700)):
        play(tmp_path / name, plan_of(shots, backends=CLOUD, more={"zz": "Z0 Z1"}), FakeCloud())
        with Run(tmp_path / name) as found:
            sides.append(side_of(name, found))
    assert [len(side.told) for side in sides] == [2, 2]
    found = compare(*sides)
    assert found.numbers.keys() == {"energy", "zz"}


def test_numbers_of_a_setting_that_is_there_count_before_the_others_are(tmp_path: Path) -> None:
    """Z's shots are there, X's are not: across points Z has a number, as in tables."""
    told = {"gap": "z[theta=1.2] - z[theta=0.3]", "e": "energy[theta=1.2]"}
    line = {"z_of": {"y": "z", "x": "theta", "formula": "a*x", "start": {"a": 1}}}
    plan = plan_of(500, backends=CLOUD, more={"z": "Z0"}, derived=told, fits=line)
    chosen = select(AS_WRITTEN, plan.names, plan.manifest)
    play(tmp_path, plan, FakeCloud(), selected=chosen)
    with Run(tmp_path) as found:
        first, second = (point.estimates["z"].value for point in found)
        energy, gap = found.derived()
        (fit,) = read_across(found).fits
    assert not gap.reason
    assert gap.estimate.value == pytest.approx(second - first)
    assert energy.estimate is None
    assert "is not measured" in energy.reason
    assert fit.missing == 0


def test_a_floor_is_that_of_the_shots_in_which_outcomes_were_told(tmp_path: Path) -> None:
    target = {"00": 0.9, "11": 0.1}
    for shots in (1000, 4000):
        plan = plan_of(shots, backends=CLOUD, distribution={"target": target, "metrics": ["tvd"]})
        chosen = select(AS_WRITTEN, plan.names, plan.manifest) if shots > 1000 else None
        play(tmp_path, plan, FakeCloud(), selected=chosen)
    out = io.StringIO()
    with Run(tmp_path) as found:
        assert [p.sampled for p in found] == [1000, 1000]
        assert [p.counts.shots for p in found] == [4000, 4000]
        export(found, "json", out)
    # the mean distance of two outcomes' shares from 0.9 and 0.1: E|share - 0.9|
    mean = math.sqrt(2 * 0.9 * 0.1 / (math.pi * 4000))
    for point in json.loads(out.getvalue())["points"]:
        assert point["estimates"]["tvd"]["floor"] == pytest.approx(mean, rel=0.02)


# -- what readers see -----------------------------------------------------------------------------


def test_points_are_found_by_name_place_and_id_and_settings_by_theirs(measured: Run) -> None:
    points, settings = list(measured), list(measured.settings())
    assert len(settings) == 12
    for place, point in enumerate(points):
        for key in (place, point.name, point.id):
            assert measured[key].name == point.name
            assert measured[key].settings
    for one in settings:
        found = measured[one.name]
        assert found.id == one.id
        assert bool(found.settings) == (not one.basis)
        assert found.basis == one.basis
    with pytest.raises(IndexError):
        measured[4]


def test_tables_have_a_row_for_each_point_and_counts_one_for_each_setting(measured: Run) -> None:
    values = [point.estimates["energy"].value for point in measured]
    rows = read(measured, "csv")
    assert [row["point"] for row in rows] == [point.name for point in measured]
    assert "basis" not in rows[0]
    assert [float(row["energy"]) for row in rows] == values
    counts = read(measured, "counts")
    assert {row["id"] for row in counts} == {one.id for one in measured.settings()}
    assert sum(int(row["count"]) for row in counts) == 4000 * 3 * 4
    for row, point in zip(json.loads(exported(measured, "json"))["points"], measured, strict=True):
        assert row["counts"] == point.settings[0].counts.to_dict()
        assert [one["basis"] for one in row["settings"]] == [*BASES]
    assert list(measured.to_dataframe()["energy"]) == values
    dataset = measured.to_xarray()
    assert dataset["energy"].size == 4
    assert set(dataset["counted"].values.ravel()) == {12_000}


def exported(done: Run, form: str) -> str:
    out = io.StringIO()
    export(done, form, out)
    return out.getvalue()


def read(done: Run, form: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(done, form))))
