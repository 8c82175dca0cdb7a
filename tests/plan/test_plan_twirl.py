"""Points whose circuits are twirled: which settings they have, what these are, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from plan_making import mistakes_of, names, plan_of

from qbatch.bases import Setting, is_twirled, point_of, setting_of
from qbatch.circuit.twirling import twirled
from qbatch.plan import Plan, select
from qbatch.plan.measured import many_settings, overhead_of, told_settings
from qbatch.providers import Target

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
"""
SWEEP = {"matrix": {"theta": [0.3, 0.7]}, "seed": 5}


def asked(mitigation: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = {"mitigation": mitigation} if mitigation else {}
    return {
        "circuits": {"bell": {"qasm": BELL}},
        "analysis": {"observables": {"zz": "Z0 Z1"}, **found},
        **more,
    }


def bell_plan(mitigation: dict[str, Any], sweep: Any = SWEEP, **more: Any) -> Plan:
    return plan_of(sweep, **asked(mitigation, **more))


def test_a_point_has_a_setting_for_each_form_beside_the_raw_one() -> None:
    plan = bell_plan({"twirl": {"n": 20}}, shots=1000)
    first, *forms = names(plan)[:21]
    assert first == "theta=0.3"
    assert [setting_of(each).partition(":")[0] for each in forms] == [
        f"twirl={number}" for number in range(20)
    ]
    assert plan.num_points == 2
    assert plan.num_settings == 42
    shots = {is_twirled(setting_of(point.name)): point.shots for point in plan.points()}
    assert shots == {False: 1000, True: 50}


def test_what_is_scaled_is_twirled_and_the_raw_setting_stays() -> None:
    plan = bell_plan({"twirl": {}, "zne": {"scales": [1, 3]}})
    settings = [Setting.parse(setting_of(name)) for name in names(plan)[:33]]
    assert settings[0] == Setting()
    assert [(each.scale, bool(each.twirl)) for each in settings[1:]] == [(1, True)] * 16 + [
        (3, True)
    ] * 16


def test_asking_for_twirl_or_for_more_forms_buys_nothing_again() -> None:
    raw, few, many = (
        {point.id: point.name for point in bell_plan(each).points()}
        for each in ({}, {"twirl": {"n": 16}}, {"twirl": {"n": 32}})
    )
    assert raw.items() <= few.items() <= many.items()
    assert [len(each) for each in (raw, few, many)] == [2, 34, 66]


def test_the_content_of_a_form_is_that_of_its_text() -> None:
    plan = bell_plan({"twirl": {}})
    (program,) = {layout.program for layout in bell_plan({}).layouts()}
    for number in (0, 7):
        form = twirled(program, number, 5)
        ids = {
            point.id
            for point in plan_of(SWEEP, circuits={"bell": {"qasm": form.circuit.text}}).points()
        }
        ending = f'twirl="{number}:{form.flips}"'
        assert {each.id for each in plan.points() if each.name.endswith(ending)} == ids


def test_an_order_holds_the_text_of_its_form() -> None:
    plan = bell_plan({"twirl": {}}, {**SWEEP, "repeat": 2})
    for point in plan.points():
        text = plan.order_of(point).circuit.text
        assert text == plan.setting(point.setting)["circuit"]
        assert ("barrier" in text) == is_twirled(setting_of(point.name))


def test_another_root_seed_has_other_forms() -> None:
    one, other = (names(bell_plan({"twirl": {}}, {**SWEEP, "seed": seed})) for seed in (5, 6))
    assert one != other
    assert one == names(bell_plan({"twirl": {}}, SWEEP))


def test_shots_that_are_an_axis_are_multiples() -> None:
    axis = {"matrix": {"theta": [0.3], "shots": [160, 1600]}}
    plan = bell_plan({"twirl": {}}, axis)
    found = [(point.shots, point.has_shots_axis) for point in plan.points()]
    assert found == [(160, True), *[(10, True)] * 16, (1600, True), *[(100, True)] * 16]
    assert len({point.id for point in plan.points()}) == 34
    odd = {"matrix": {"theta": [0.3], "shots": [160, 100]}}
    (said,) = mistakes_of(odd, **asked({"twirl": {}}))
    assert "16 forms share out the shots of each value of the axis, and 100 cannot be" in said


def test_an_accuracy_is_refused_beside_it() -> None:
    (said,) = mistakes_of(SWEEP, **asked({"twirl": {}}, shots={"target_se": 0.01, "of": "zz"}))
    assert "twirl shares shots out among 16 forms" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BELL.replace("cx q[0], q[1];", "reset q[0]; cx q[0], q[1];"), "goes on with it"),
        (BELL.replace("input float theta;", "input float twirl; input float theta;"), "rename"),
    ],
)
def test_what_cannot_be_twirled_is_refused_at_its_line(text: str, said: str) -> None:
    more = asked({"twirl": {}}) | {"circuits": {"bell": {"qasm": text}}}
    sweep = {"matrix": {"theta": [0.3], **({"twirl": [1.0]} if "twirl" in text else {})}}
    found = mistakes_of(sweep, **more)
    assert any(said in each for each in found), found


def test_the_plan_tells_what_is_twirled_and_what_it_takes() -> None:
    plan = bell_plan({"twirl": {}, "zne": {"scales": [1, 3]}})
    told = " ".join(told_settings(plan))
    assert "circuit 'bell' is twirled: its readout, and 1 of its gates on two qubits" in told
    assert "twirl measures 16 forms of each circuit" in told
    assert "zne takes 3 times the shots of the raw numbers" in told
    (warning,) = many_settings(plan)
    assert "33 settings, which takes 3 times the shots of one" in warning
    assert "or up to 33 times where each circuit has a price of its own" in warning
    assert overhead_of(plan)["twirl"]["shots"] == 2
    rest = BELL.replace("cx q", "cp(0.3) q")
    plain = plan_of(SWEEP, **(asked({"twirl": {}}) | {"circuits": {"bell": {"qasm": rest}}}))
    told = " ".join(told_settings(plain))
    assert "its readout alone; 1 that are no Clifford gates are left as they are" in told


@pytest.mark.parametrize(
    ("asked_for", "chosen"),
    [
        ("shots=160", {"theta=0.3,shots=160", "theta=0.3,shots=160#2"}),
        ("shots>=1000 and repeat=2", {"theta=0.3,shots=1600#2"}),
        ("theta=0.3,shots=160#2", {"theta=0.3,shots=160#2"}),
    ],
)
def test_a_selection_by_shots_or_copy_means_points_with_all_their_settings(
    asked_for: str, chosen: set[str]
) -> None:
    """Forms have other shots than their point, and a calibration is of the first copy."""
    axis = {"matrix": {"theta": [0.3], "shots": [160, 1600]}, "repeat": 2}
    plan = bell_plan({"twirl": {}, "readout": {"shots": 400}}, axis)
    is_meant = select(asked_for, plan.names, plan.manifest)
    meant = {point.name for point in plan.points() if is_meant(point)}
    assert {point_of(name) for name in meant} == chosen
    assert meant == {name for name in names(plan) if point_of(name) in chosen}
    summary = plan.summary({}, is_meant)
    assert (summary.points, summary.shared) == (len(chosen), 0)
    assert summary.settings == 17 * len(chosen) + 2


@pytest.mark.parametrize("matrix", [{"theta": [0.3]}, {"theta": [0.3, 0.7], "shots": [160, 1600]}])
def test_the_shots_of_a_plan_are_those_of_its_points(matrix: dict[str, Any]) -> None:
    plan = bell_plan({"twirl": {}}, {"matrix": matrix, "repeat": 2}, shots=1000)
    by_points = sum(point.shots for point in plan.points())
    asked = [160, 1600] * 2 if "shots" in matrix else [1000]
    assert by_points == 2 * sum(shots + 16 * -(-shots // 16) for shots in asked)
    assert plan.summary({"sim": Target("t")}).shots == by_points
