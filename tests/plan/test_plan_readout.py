"""Calibrations of the readout in a plan: which there are, what is told, what is refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from plan_making import mistakes_of, names, plan_of

from qbatch.plan import Plan, Why, count_reasons, select
from qbatch.plan.calibrations import calibrations_facts, many_calibrations, told_calibrations
from qbatch.plan.measured import settings_of_circuits
from qbatch.providers import Target

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BELL = (
    HEAD
    + "input float theta;\nqubit[2] q;\nbit[2] c;\n"
    + "ry(theta) q[0];\ncx q[0], q[1];\nc = measure q;\n"
)
AGAIN = BELL.replace("c = measure q;", "c[0] = measure q[0];\nx q[0];\nc[1] = measure q[0];")
WIDE = HEAD + "qubit[9] q;\nbit[9] c;\nh q[0];\nc = measure q;\n"
IBM = {"provider": "ibm-direct-access", "target": "ibm_rensselaer"}
OQC = {"provider": "oqc", "target": "qpu:uk:1:12345"}


def plan_with(readout: dict[str, Any], text: str = BELL, **more: Any) -> Plan:
    return plan_of(*_asked(readout, text, more), **more)


def told_of(readout: dict[str, Any], text: str = BELL, **more: Any) -> list[str]:
    return mistakes_of(*_asked(readout, text, more), **more)


def _asked(readout: dict[str, Any], text: str, more: dict[str, Any]) -> tuple[Any]:
    more["circuits"] = {"bell": {"qasm": text}}
    more["analysis"] = {"observables": {"zz": "Z0 Z1"}, "mitigation": {"readout": readout}}
    return (more.pop("sweep", {"matrix": {"theta": [0.3, 0.7]}} if "theta" in text else {}),)


def test_each_point_has_the_calibrations_behind_its_own_settings() -> None:
    plan = plan_with({})
    assert names(plan) == [
        "theta=0.3",
        'theta=0.3,calibration="00"',
        'theta=0.3,calibration="11"',
        "theta=0.7",
        'theta=0.7,calibration="00"',
        'theta=0.7,calibration="11"',
    ]
    points = [*plan.points()]
    assert [point.shots for point in points] == [1024, 4000, 4000] * 2
    assert [point.same_as for point in points[3:]] == ["", points[1].name, points[2].name]
    assert plan.num_points == 2
    assert settings_of_circuits(plan) == {}


def test_why_each_setting_runs_counts_what_is_shared_once() -> None:
    plan = plan_with({})
    told = count_reasons(plan, {}, limit=9)
    assert (told.counts, told.again) == ({Why.NEW: 4}, {Why.NEW: 2})
    assert (told.runs, told.total, len(told.first)) == (4, 6, 6)
    chosen = select("theta=0.7", plan.names, plan.manifest)
    told = count_reasons(plan, {}, chosen)
    assert (told.counts, told.again.total()) == ({Why.NEW: 3}, 0)


def test_copies_share_them_too() -> None:
    plan = plan_with({"shots": 50}, sweep={"matrix": {"theta": [1]}, "repeat": 3})
    calibrations = [point for point in plan.points() if "calibration" in point.name]
    assert len(calibrations) == 6
    assert len({point.id for point in calibrations}) == 2
    assert plan.summary({"sim": Target("t")}).shots == 3 * 1024 + 2 * 50


def test_the_whole_matrix_takes_a_calibration_for_each_outcome() -> None:
    plan = plan_with({"method": "full", "shots": 10})
    assert [name.rpartition("=")[2] for name in names(plan)[1:5]] == [
        '"00"',
        '"01"',
        '"10"',
        '"11"',
    ]


def test_what_is_sent_prepares_the_bits_and_measures_what_the_circuit_does() -> None:
    swapped = BELL.replace("c = measure q;", "c[1] = measure q[0];")
    plan = plan_with({}, swapped)
    texts = {p.name: plan.order_of(p).circuit.text for p in plan.points()}
    assert texts['theta=0.3,calibration="10"'] == (
        HEAD + "qubit[2] q;\nbit[2] c;\nx q[0];\nc[1] = measure q[0];\n"
    )
    assert texts['theta=0.3,calibration="00"'] == (
        HEAD + "qubit[2] q;\nbit[2] c;\nc[1] = measure q[0];\n"
    )


def test_what_it_takes_is_told() -> None:
    plan = plan_with({"shots": 5000}, backends={"sim": {"provider": "local"}, "oqc": OQC})
    first, *assumed = told_calibrations(plan)
    assert first.startswith("readout is calibrated by 4 settings of 5\u202f000 shots each")
    assert "20\u202f000 shots in all" in first
    assert assumed == [
        "assumed of backend 'oqc': circuits that read the same qubits read the machine's same "
        "qubits, however it compiles them"
    ]
    assert calibrations_facts(plan) == {
        "calibrations": {
            "settings": 4,
            "shots": 5000,
            "prepared": {"sim": ["00", "11"], "oqc": ["00", "11"]},
        }
    }


def test_calibrations_that_take_nearly_all_shots_are_told_on_top() -> None:
    dear = plan_with({"shots": 50_000})
    shots = dear.summary({"sim": Target("t")}).shots
    (told,) = many_calibrations(dear, shots)
    assert told.startswith("2 calibrations of the readout take 100\u202f000 of")
    cheap = plan_with({"shots": 500})
    assert [*many_calibrations(cheap, cheap.summary({"sim": Target("t")}).shots)] == []


@pytest.mark.parametrize(
    ("readout", "text", "said"),
    [
        ({}, AGAIN, "goes on with a qubit or a bit that was measured"),
        ({"method": "full"}, WIDE, "full prepares each of 2^n outcomes, for 8 bits at most; 9 are"),
        ({"every": "soon"}, BELL, "is no duration"),
        ({"method": "matrix"}, BELL, "'matrix'"),
        ({"shots": 0}, BELL, "shots"),
    ],
)
def test_what_cannot_be_had_is_refused_at_its_line(
    readout: dict[str, Any], text: str, said: str
) -> None:
    (told,) = told_of(readout, text)
    assert said in told
    assert re.search(r":\d+:\d+: ", told)


def test_the_name_of_a_calibration_is_no_axis() -> None:
    text = BELL.replace("theta", "calibration")
    told = told_of({}, text, sweep={"matrix": {"calibration": [1]}})
    assert any("tells the settings that calibrate the readout" in each for each in told)


def test_where_qbatch_would_choose_the_qubits_they_have_to_be_named() -> None:
    (told,) = told_of({}, backends={"ibm": IBM})
    assert "backend 'ibm' chooses qubits for each circuit by itself" in told
    assert "options: {initial_layout: [0]}" in told
    assert told_of({}, backends={"ibm": {**IBM, "options": {"initial_layout": [3, 4]}}}) == []


def test_what_is_told_of_a_selection_counts_calibrations_that_it_means() -> None:
    plan = plan_with({"shots": 40_000})
    for asked, told in (("theta=0.7", True), ('name="theta=0.7"', False)):
        is_meant = select(asked, plan.names, plan.manifest)
        summary = plan.summary({}, is_meant)
        assert (summary.points, summary.shared) == (1, 0)
        assert any(many_calibrations(plan, summary.shots, is_meant)) == told
