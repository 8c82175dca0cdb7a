"""Points whose noise is scaled: which settings they have, what these are, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from plan_making import mistakes_of, names, plan_of

from qbatch.circuit.folding import folded
from qbatch.plan import Plan, select
from qbatch.plan.measured import many_settings, settings_of_circuits, told_settings

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


def bell_plan(
    zne: dict[str, Any] | None, observables: dict[str, str] | None = None, text: str = BELL
) -> Plan:
    mitigation = {} if zne is None else {"mitigation": {"zne": zne}}
    analysis = {"observables": observables or {"zz": "Z0 Z1"}, **mitigation}
    return plan_of(SWEEP, circuits={"bell": {"qasm": text}}, analysis=analysis)


def test_a_point_has_a_setting_for_each_scale_in_each_basis() -> None:
    plan = bell_plan({"scales": [1, 3]}, {"e": "Z0 + X0 X1"})
    assert names(plan)[:4] == [
        "theta=0.3",
        'theta=0.3,basis="X0 X1"',
        "theta=0.3,noise_scale=3",
        'theta=0.3,basis="X0 X1",noise_scale=3',
    ]
    assert plan.num_points == 2
    assert plan.num_settings == 8


def test_asking_for_zne_buys_nothing_again() -> None:
    for observables in ({"zz": "Z0 Z1"}, {"e": "Z0 + X0 X1"}, {"y": "Y0"}):
        before = {point.id: point.name for point in bell_plan(None, observables).points()}
        after = {point.id: point.name for point in bell_plan({}, observables).points()}
        assert before.items() <= after.items()
        assert len(after) == 3 * len(before)


def test_the_content_of_a_setting_is_that_of_the_folded_program() -> None:
    plan = bell_plan({"scales": [1, 3, 5], "fold": "gates"})
    (program,) = {layout.program for layout in bell_plan(None).layouts()}
    for scale in (3, 5):
        text = folded(program, scale, "gates")[0].text
        ids = {p.id for p in plan_of(SWEEP, circuits={"bell": {"qasm": text}}).points()}
        assert {p.id for p in plan.points() if p.name.endswith(f"noise_scale={scale}")} == ids


def test_what_a_driver_is_given_is_the_folded_program_in_its_basis() -> None:
    plan = bell_plan({"scales": [1, 3]}, {"y": "Y0"})
    point = [*plan.points()][1]
    assert point.name == 'theta=0.3,basis="Y0",noise_scale=3'
    order = plan.order_of(point)
    assert order.circuit.text.count("cx q[0], q[1];") == 3
    assert order.circuit.text.count("h q[0];") == 3
    assert order.circuit.text.count("sdg q[0];") == 2
    assert order.parameters == {"theta": 0.3}


def test_the_scale_that_is_reached_names_the_setting() -> None:
    longer = BELL.replace("c = measure", "h q[0];\nc = measure")
    assert names(bell_plan({"scales": [1, 2]}, text=longer))[1] == "theta=0.3,noise_scale=1.16667"
    assert names(bell_plan({"scales": [1, 3]}))[1] == "theta=0.3,noise_scale=3"


def test_settings_are_chosen_by_their_scale() -> None:
    plan = bell_plan({"scales": [1, 2.1, 3]})
    meant = select("noise_scale > 2.9 and theta == 0.3", plan.names, plan.manifest)
    assert [point.name for point in plan.points() if meant(point)] == ["theta=0.3,noise_scale=3"]


def test_the_plan_tells_what_zne_takes() -> None:
    (first, second) = told_settings(bell_plan({"scales": [1, 3, 5], "fit": "richardson"}))
    assert first == (
        "circuit 'bell' is measured in 3 settings: as written; each with its noise scaled by "
        "1, 3, 5"
    )
    # 15, -10 and 3 eighths are the weights of Lagrange's polynomial
    assert second == (
        "zne takes 3 times the shots of the raw numbers; its errors are about 2.3 times theirs"
    )
    many = bell_plan({"scales": [*range(1, 25, 2)]})
    assert "12 times the price" in " ".join(many_settings(many))
    assert len(settings_of_circuits(many)["bell"][0]) == 12


@pytest.mark.parametrize(
    ("text", "zne", "said"),
    [
        (BELL.replace("c = m", "if (c[0]) x q[0];\nc = m"), {}, "goes by conditions"),
        (BELL.replace("ry(", "c[0] = measure q[0];\nry("), {}, "goes on with it"),
        (BELL, {"scales": [1, 1.2]}, "reaches 1, as another scale does"),
        (BELL.replace("ry(theta) q[0];\ncx q[0], q[1];", ""), {}, "has no gates"),
    ],
)
def test_a_circuit_that_cannot_be_folded_is_refused_where_zne_is_asked_for(
    text: str, zne: dict[str, Any], said: str
) -> None:
    sweep = SWEEP if "theta)" in text else {"matrix": {"shots": [10]}}
    analysis = {"observables": {"zz": "Z0 Z1"}, "mitigation": {"zne": zne}}
    (mistake,) = mistakes_of(
        sweep,
        circuits={
            "bell": {
                "qasm": text.replace("input float theta;\n", "") if sweep is not SWEEP else text
            }
        },
        analysis=analysis,
    )
    assert said in mistake


def test_the_name_of_what_tells_settings_apart_is_no_axis() -> None:
    text = BELL.replace("theta", "noise_scale")
    sweep = {"matrix": {"noise_scale": [0.3]}}
    circuits = {"bell": {"qasm": text}}
    analysis = {"observables": {"zz": "Z0 Z1"}}
    assert names(plan_of(sweep, circuits=circuits, analysis=analysis)) == ["noise_scale=0.3"]
    found = mistakes_of(sweep, circuits=circuits, analysis={**analysis, "mitigation": {"zne": {}}})
    assert "zne is asked for" in " ".join(found)
