"""Readout that is calibrated beside the points: bought once, shared, told, and right.

What is right is known here without the product: a Bell pair has zz = 1 and, of readout that flips
each bit with probability e, (1 - 2e)² of that is measured.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_drivers import FakeCloud, play

from qbatch.archive import verify, write_archive
from qbatch.difference import compare, side_of
from qbatch.emulators import USUAL
from qbatch.exchange.exports import export
from qbatch.executor import Options, run
from qbatch.executor.rehearsal import rehearse
from qbatch.job import JobState
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand, select
from qbatch.report.rows import Columns, axes_of
from qbatch.report.series import open_series
from qbatch.snapshot import Run

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
"""
#: Another circuit, of other registers, that reads the same qubits into the same bits.
FLAT = BELL.replace("bit[2] c;", "bit a; bit b;").replace(
    "c = measure q;", "a = measure q[0];\nb = measure q[1];"
)
THETAS = (0.4, 1.3)
FLIPS = 0.06
NOISY = {"sim": {"provider": "local", "noise": {"readout": FLIPS}, "limits": {"workers": 1}}}
CLOUD = {"cloud": {"provider": "oqc", "target": "cloud"}}
CLOUDS: dict[str, dict[str, Any]] = {
    "oqc": {"provider": "oqc", "target": "qpu:uk:1:12345"},
    "ibm": {
        "provider": "ibm-direct-access",
        "target": "ibm_rensselaer",
        "options": {"initial_layout": [0, 1]},
    },
    "marqov": {"provider": "marqov", "target": "iqm-garnet"},
    "scaleway": {"provider": "scaleway", "target": "QPU-GARNET-20PQ"},
    "oq": {"provider": "open-quantum", "target": "iqm:emerald"},
}
READOUT = {"readout": {"shots": 3000}}


def text_of(
    shots: int,
    mitigation: dict[str, Any] | None = None,
    *,
    backends: dict[str, Any] | None = None,
    circuits: dict[str, str] | None = None,
    repeat: int = 1,
    observables: dict[str, str] | None = None,
    **more: Any,
) -> str:
    analysis: dict[str, Any] = {"observables": observables or {"zz": "Z0 Z1", "x": "X0 X1"}}
    analysis |= {name: more.pop(name) for name in ("probabilities", "derived") if name in more}
    if mitigation is not None:
        analysis["mitigation"] = mitigation
    whole = {
        "qbatch": 1,
        "name": "mended",
        "circuits": {n: {"qasm": text} for n, text in (circuits or {"bell": BELL}).items()},
        "backends": backends or NOISY,
        "shots": shots,
        "sweep": {"matrix": {"theta": [*THETAS]}, "repeat": repeat, "seed": 4},
        "analysis": analysis,
        **more,
    }
    return yaml.safe_dump(whole, sort_keys=False)


def plan_of(shots: int, mitigation: dict[str, Any] | None = None, **more: Any) -> Plan:
    return expand(parse_manifest(text_of(shots, mitigation, **more), folder=Path("/")))


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Two angles twice, read wrongly 6 times of 100."""
    plan = plan_of(
        20_000,
        {"readout": {"shots": 20_000}},
        repeat=2,
        probabilities={"both": "11"},
        derived={"gap": "zz.readout[theta=0.4] - zz.readout[theta=1.3]"},
        report={"plots": [{"x": "theta", "y": "zz.readout"}]},
    )
    with run(plan.manifest, out=tmp_path_factory.mktemp("mended")) as done:
        yield done


# -- numbers --------------------------------------------------------------------------------------


def test_what_readout_took_away_is_given_back(mended: Run) -> None:
    for point in mended:
        theta = float(point.parameters["theta"])
        expected = {"zz": 1, "x": math.sin(theta), "both": math.sin(theta / 2) ** 2}
        kept = {"zz": (1 - 2 * FLIPS) ** 2, "x": (1 - 2 * FLIPS) ** 2 * math.sin(theta)}
        assert point.estimates.keys() == {*expected, *(f"{name}.readout" for name in expected)}
        for name, true in expected.items():
            raw, better = point.estimates[name], point.estimates[f"{name}.readout"]
            assert abs(better.value - true) <= 4 * better.se
            assert better.se > raw.se  # it costs something
        for name, true in kept.items():
            raw = point.estimates[name]
            assert abs(raw.value - true) <= 4 * raw.se
            assert not raw.low <= expected[name] <= raw.high


def test_all_points_share_one_purchase_of_each_calibration(mended: Run) -> None:
    assert len(mended) == 4
    ids = {
        one.basis: {
            each.id for point in mended for each in point.settings if each.basis == one.basis
        }
        for one in next(iter(mended)).settings
    }
    assert {basis: len(found) for basis, found in ids.items()} == {
        "": 4,
        "X0 X1": 4,
        "calibration=00": 1,
        "calibration=11": 1,
    }
    assert mended.num_settings == 16
    first, *others = mended
    assert [one.same_as for one in first.settings] == [""] * 4
    for point in others:
        assert [bool(one.same_as) for one in point.settings] == [False, False, True, True]
        assert point.settings[2].counts == first.settings[2].counts
    assert mended.counts_by_state() == {JobState.COMPLETED: 4}


def test_shots_are_those_of_the_points_not_of_calibrations(tmp_path: Path) -> None:
    play(tmp_path, plan_of(500, READOUT, backends=CLOUD), FakeCloud())
    with Run(tmp_path) as found:
        assert [point.done for point in found] == [500, 500]
        assert [point.counted for point in found] == [2 * 500 + 2 * 3000, 2 * 500]


def test_a_number_across_points_knows_that_they_share_a_calibration(mended: Run) -> None:
    """Of two numbers that err together the interval is no narrower than if they were one."""
    told = mended.derived()
    widest = max(point.estimates["zz.readout"].se for point in mended)
    assert len(told) == 2
    for gap in told:
        assert gap.estimate.low < 0 < gap.estimate.high
        assert gap.estimate.high - gap.estimate.low > 2 * 1.96 * widest


# -- what is bought -------------------------------------------------------------------------------


def test_asking_for_it_buys_the_calibration_and_nothing_else(tmp_path: Path) -> None:
    cloud = FakeCloud()
    play(tmp_path, plan_of(500, backends=CLOUD), cloud)
    before = dict(cloud.ledger.times_bought)
    plan = plan_of(500, READOUT, backends=CLOUD)
    assert before.keys() < {point.id for point in plan.points()}
    play(tmp_path, plan, cloud)
    assert cloud.ledger.times_bought.total() == len(before) + 2
    assert set(cloud.ledger.times_bought.values()) == {1}
    play(tmp_path, plan_of(500, backends=CLOUD), cloud)  # and back
    assert cloud.ledger.times_bought.total() == len(before) + 2


def test_another_circuit_that_reads_the_same_qubits_has_the_same_calibration() -> None:
    one = {p.id for p in plan_of(10, READOUT).points() if "calibration" in p.name}
    both = plan_of(10, READOUT, circuits={"bell": BELL, "flat": FLAT}, observables={"zz": "Z0 Z1"})
    assert {p.id for p in both.points() if "calibration" in p.name} == one
    assert len(one) == 2


def test_its_content_depends_on_backend_and_seed_not_on_shots_or_method() -> None:
    def ids(*, seed: int = 4, flips: float = FLIPS, **readout: Any) -> set[str]:
        backends = {"sim": {"provider": "local", "noise": {"readout": flips}}}
        plan = plan_of(
            10,
            {"readout": readout},
            backends=backends,
            sweep={"seed": seed, "matrix": {"theta": [1]}},
        )
        return {p.id for p in plan.points() if "calibration" in p.name}

    assert ids() == ids(shots=50) == ids(method="mthree")
    assert ids() < ids(method="full")
    assert not ids() & ids(seed=5)
    assert not ids() & ids(flips=0.1)


def test_more_shots_of_a_calibration_buy_the_difference(tmp_path: Path) -> None:
    cloud = FakeCloud()
    for shots, jobs in ((1000, 6), (4000, 8), (500, 8)):
        play(tmp_path, plan_of(300, {"readout": {"shots": shots}}, backends=CLOUD), cloud)
        assert cloud.ledger.times_bought.total() == jobs
    with Run(tmp_path) as found:
        counts = next(iter(found)).counts_by_basis
        assert counts["calibration=00"].shots == 4000


def test_before_it_is_calibrated_a_number_is_left_out_with_the_reason(tmp_path: Path) -> None:
    plan, cloud = plan_of(500, READOUT, backends=CLOUD), FakeCloud()
    chosen = select('not calibration="00" and not calibration="11"', plan.names, plan.manifest)
    play(tmp_path, plan, cloud, selected=chosen)
    with Run(tmp_path) as found:
        for point in found:
            assert point.estimates.keys() == {"zz", "x"}
            assert "not calibrated yet" in point.undecided["zz.readout"]
    play(tmp_path, plan, cloud)
    assert set(cloud.ledger.times_bought.values()) == {1}


# -- at clouds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cloud", [*CLOUDS])
def test_on_noisy_machines_of_clouds_the_mended_number_is_better(
    cloud: str, tmp_path: Path
) -> None:
    plan = plan_of(
        4000,
        {"readout": {"shots": 4000}},
        backends={cloud: CLOUDS[cloud]},
        sweep={"matrix": {"theta": [0.8]}},
        observables={"zz": "Z0 Z1"},
    )
    rehearse(plan, Options(out=tmp_path / "r"), queues_s=(60.0,), noise=USUAL)
    with Run(tmp_path / "r") as done:
        (point,) = done
        assert len(done.ledger()) == 3
        raw, better = point.estimates["zz"], point.estimates["zz.readout"]
    assert abs(raw.value - 1) > 4 * raw.se
    assert abs(better.value - 1) < abs(raw.value - 1) / 2


# -- what readers see -----------------------------------------------------------------------------


def test_tables_exports_and_figures_have_it_beside_the_raw_number(mended: Run) -> None:
    out = io.StringIO()
    export(mended, "csv", out)
    rows = list(csv.DictReader(io.StringIO(out.getvalue())))
    values = [point.estimates["zz.readout"].value for point in mended]
    assert [float(row["zz.readout"]) for row in rows] == values
    out = io.StringIO()
    export(mended, "json", out)
    told = json.loads(out.getvalue())["points"][0]
    assert told["estimates"]["zz.readout"]["value"] == values[0]
    assert [one["basis"] for one in told["settings"]][2:] == ["calibration=00", "calibration=11"]
    assert list(mended.to_dataframe()["zz.readout"]) == values


def test_an_archive_proves_the_mended_numbers(mended: Run, tmp_path: Path) -> None:
    write_archive(mended, tmp_path / "a.zip")
    found = verify(tmp_path / "a.zip")
    assert not found.findings
    assert found.numbers == 4 * 6


def test_runs_are_compared_by_it(mended: Run) -> None:
    found = compare(side_of("a", mended), side_of("b", mended))
    assert "zz.readout" in found.numbers


def test_noise_is_extrapolated_from_numbers_without_errors_of_readout(tmp_path: Path) -> None:
    """Depolarized with p by the cx and read wrongly with e, zz is (1 - p)(1 - 2e)²."""
    noise = {"depolarizing": {"two_qubit": 0.04}, "readout": FLIPS}
    plan = plan_of(
        20_000,
        {"readout": {"shots": 20_000}, "zne": {"scales": [1, 3, 5], "fit": "exponential"}},
        backends={"sim": {"provider": "local", "noise": noise, "limits": {"workers": 1}}},
        sweep={"matrix": {"theta": [0.8]}},
        observables={"zz": "Z0 Z1"},
    )
    with run(plan.manifest, out=tmp_path) as done:
        found = next(iter(done)).estimates
    for name, true in (("zz", 0.96 * (1 - 2 * FLIPS) ** 2), ("zz.readout", 0.96), ("zz.zne", 1.0)):
        assert abs(found[name].value - true) <= 4 * found[name].se
    assert found["zz"].se < found["zz.readout"].se < found["zz.zne"].se


def test_repeats_drawn_together_have_their_calibration_once(mended: Run) -> None:
    """The mark of two repeats errs by the shots of both, and by one calibration."""
    (series,) = open_series(mended, Columns.of(mended))
    for point in mended:
        series.add(point, axes_of(point))
    marks = series.pooled()
    assert [mark.shots for mark in marks] == [40_000, 40_000]
    for mark in marks:
        alone = next(p for p in mended if p.parameters == {"theta": mark.x}).estimates["zz.readout"]
        assert mark.estimate is not None
        assert alone.se / math.sqrt(2) * 1.05 < mark.estimate.se < alone.se
