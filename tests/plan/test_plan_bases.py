"""Points that are measured in several settings: which there are, what they are, what they cost."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_making import manifest_text, mistakes_of, names, plan_of

from qbatch.bases import Setting, point_of
from qbatch.plan import Plan, select
from qbatch.plan.bases import fewest_bases
from qbatch.plan.measured import bases_of as bases_among
from qbatch.plan.measured import many_settings, settings_of_circuits
from qbatch.providers import Target
from qbatch.result.grouping import group
from qbatch.result.pauli import parse_pauli

BELL = """OPENQASM 3.0;
include "stdgates.inc";
input float theta;
qubit[2] q;
bit[2] c;
ry(theta) q[0];
cx q[0], q[1];
c = measure q;
"""
#: The same, measured in X0 X1 and in Y0 Y1: as a person would write it.
IN_X = BELL.replace("c = measure", "h q[0]; h q[1];\nc = measure")
IN_Y = BELL.replace("c = measure", "sdg q[0]; h q[0]; sdg q[1]; h q[1];\nc = measure")

ENERGY = "0.5 X0 X1 + 0.3 Z0 - 0.2 Y0 Y1"
SWEEP = {"matrix": {"theta": [0.3, 0.7]}, "seed": 5}


def bell_plan(observables: dict[str, str], sweep: Any = None, **analysis: Any) -> Plan:
    return plan_of(
        sweep or SWEEP,
        circuits={"bell": {"qasm": BELL}},
        analysis={"observables": observables, **analysis},
    )


def bases_of(plan: Plan) -> list[tuple[str, ...]]:
    found = settings_of_circuits(plan).get("bell")
    return [("",)] if found is None else [tuple(bases_among(each)) for each in found]


def test_a_point_has_a_setting_for_each_basis_and_its_name_as_it_is_written() -> None:
    assert names(bell_plan({"energy": ENERGY})) == [
        "theta=0.3",
        'theta=0.3,basis="X0 X1"',
        'theta=0.3,basis="Y0 Y1"',
        "theta=0.7",
        'theta=0.7,basis="X0 X1"',
        'theta=0.7,basis="Y0 Y1"',
    ]


@pytest.mark.parametrize(
    "written", ["X0", "X_0", "X 0", "X_ 0", "X(c[0])", "2X0", "Z1 X_0", "-X_0", "(X_0)", "0.5*X_0"]
)
def test_however_an_x_is_written_it_is_measured(written: str) -> None:
    try:
        whole = parse_pauli(written, 2, (("c", 2),))
    except ValueError:
        assert mistakes_of(
            SWEEP, circuits={"bell": {"qasm": BELL}}, analysis={"observables": {"x": written}}
        )
        return
    assert not whole.is_z_only
    assert all("basis=X0" in name.replace('"', "") for name in names(bell_plan({"x": written})))


def test_copies_are_numbered_behind_the_basis() -> None:
    plan = bell_plan({"x": "X0 X1"}, {"matrix": {"theta": [1]}, "repeat": 2})
    assert names(plan) == ['theta=1,basis="X0 X1"', 'theta=1,basis="X0 X1"#2']


def test_the_content_of_a_setting_is_that_of_the_rotated_program_written_by_hand() -> None:
    by_hand = [
        [p.id for p in plan_of(SWEEP, circuits={"bell": {"qasm": text}}).points()]
        for text in (BELL, IN_X, IN_Y)
    ]
    found = [point.id for point in bell_plan({"energy": ENERGY}).points()]
    assert found == [id_ for settings in zip(*by_hand, strict=True) for id_ in settings]


def test_what_a_driver_is_given_is_the_rotated_program() -> None:
    plan = bell_plan({"x": "X0 X1"})
    order = plan.order_of(next(plan.points()))
    by_hand = next(plan_of(SWEEP, circuits={"bell": {"qasm": IN_X}}).layouts()).program
    assert order.circuit.facts.content == by_hand.facts.content
    assert order.parameters == {"theta": 0.3}
    assert order.name == 'theta=0.3,basis="X0 X1"'


@pytest.mark.parametrize(
    "analysis",
    [
        {"probabilities": {"both": "11"}},
        {"distribution": {"target": {"00": 0.5, "11": 0.5}}},
    ],
)
def test_outcomes_are_measured_as_the_circuit_is_written_and_only_if_a_number_needs_them(
    analysis: dict[str, Any],
) -> None:
    assert bases_of(bell_plan({"x": "X0 X1"})) == [("X0 X1",)]
    assert bases_of(bell_plan({"x": "X0 X1"}, **analysis)) == [("", "X0 X1")]
    assert bases_of(bell_plan({"zz": "Z0 Z1"}, **analysis)) == [("",)]


def test_what_a_basis_measures_already_needs_no_setting() -> None:
    assert bases_of(bell_plan({"x": "X0", "mixed": "X0 Z1 + 2"})) == [("X0",)]
    assert bases_of(bell_plan({"x": "X0", "other": "X1"})) == [("X0 X1",)]


@pytest.mark.parametrize("later", ["Y0 Y1", "Z0", "X0 Y1", "Z0 X1 + Y0"])
def test_one_more_observable_changes_no_setting_of_those_before(later: str) -> None:
    (before,) = bases_of(bell_plan({"first": "X0 X1"}))
    (after,) = bases_of(bell_plan({"first": "X0 X1", "later": later}))
    assert set(before) < set(after)


def terms(num_bits: int) -> st.SearchStrategy[str]:
    product = st.dictionaries(st.integers(0, num_bits - 1), st.sampled_from("XYZ"), min_size=1)
    written = product.map(lambda found: " ".join(f"{p}{bit}" for bit, p in sorted(found.items())))
    return st.lists(written, min_size=1, max_size=5).map(" + ".join)


@given(st.lists(terms(4), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_bases_are_no_more_than_of_all_terms_together_and_measure_each(sums: list[str]) -> None:
    read = [parse_pauli(text, 4) for text in sums]
    bases = fewest_bases(read)
    assert len(bases) <= len(group(read))
    assert len(set(bases)) == len(bases)
    for term in (term for each in read for term in each.terms if term):
        assert any(basis.measures(term) for basis in bases)


# -- what a plan amounts to -----------------------------------------------------------------------

TARGETS = {"sim": Target("t", max_jobs=4)}


@pytest.mark.parametrize(
    "sweep",
    [
        SWEEP,
        {"matrix": {"theta": {"linspace": [0, 1, 7]}}, "repeat": 2, "order": "random"},
        {"matrix": {"theta": {"linspace": [0, 1, 7]}}, "sample": {"n": 3}},
        {"matrix": {"theta": [1, 2], "shots": [10, 20]}, "exclude": [{"theta": 2, "shots": 20}]},
    ],
)
def test_points_settings_jobs_and_shots_are_those_gone_through(sweep: dict[str, Any]) -> None:
    plan = bell_plan({"energy": ENERGY}, sweep)
    settings = list(plan.points())
    summary = plan.summary(TARGETS)
    assert summary.points == plan.num_points == len({point_of(one.name) for one in settings})
    assert summary.settings == plan.num_settings == len(settings) == 3 * summary.points
    assert summary.jobs == len(settings)
    assert summary.shots == sum(one.shots for one in settings)
    orders = [order for batch in plan.composites(TARGETS) for order in batch.orders]
    assert Counter(order.id for order in orders) == Counter(one.id for one in settings)


def test_settings_are_chosen_by_their_basis_and_points_by_all_else() -> None:
    plan = bell_plan({"energy": ENERGY})

    def meant(expression: str) -> list[str]:
        only = select(expression, plan.names, plan.manifest)
        summary = plan.summary(TARGETS, only)
        found = [point.name for point in plan.points() if only(point)]
        assert summary.jobs == len(found)
        assert summary.points == len({point_of(name) for name in found})
        return found

    assert len(meant("theta=0.3")) == 3
    assert meant('basis="X0 X1"') == ['theta=0.3,basis="X0 X1"', 'theta=0.7,basis="X0 X1"']
    assert meant('theta=0.3,basis="Y0 Y1"') == ['theta=0.3,basis="Y0 Y1"']
    exactly = select("theta=0.7", plan.names, plan.manifest, is_exact=True)
    assert sum(map(exactly, plan.points())) == 3


def test_settings_of_one_content_are_bought_once() -> None:
    plan = plan_of(
        SWEEP,
        circuits={"bell": {"qasm": BELL}, "by_hand": {"qasm": IN_X}},
        analysis={"observables": {"x": "X0 X1"}, "probabilities": {"both": "11"}},
    )
    bought = [point.name for point in plan.bought()]
    # by_hand as it is written is bell in X0 X1, and by_hand in X0 X1 is bell: h h is left in it.
    assert sorted(plan.shared) == sorted(p.id for p in plan.points() if p.same_as)
    assert len(bought) == len(list(plan.points())) - 2
    assert plan.summary(TARGETS).jobs == len(bought)


@pytest.mark.parametrize(("qubits", "told"), [(2, []), (3, ["27 settings", "27 times the price"])])
def test_many_settings_are_told_before_all_else(qubits: int, told: list[str]) -> None:
    wide = BELL.replace("[2]", f"[{qubits}]")
    every = {
        f"n{k}": " ".join(f"{letter}{bit}" for bit, letter in enumerate(letters))
        for k, letters in enumerate(product("XYZ", repeat=qubits))
    }
    plan = plan_of(
        {"matrix": {"theta": [1]}},
        circuits={"bell": {"qasm": wide}},
        analysis={"observables": every},
    )
    assert len(bases_of(plan)[0]) == 3**qubits
    said = " ".join(many_settings(plan))
    assert bool(said) == bool(told)
    assert all(words in said for words in told)


# -- what cannot be had ---------------------------------------------------------------------------


def test_an_observable_of_a_bit_that_is_used_is_refused_at_its_line() -> None:
    branch = "c[0] = measure q[0];\nif (c[0]) x q[1];\nc[1] = measure q[1];"
    used = BELL.replace("c = measure q;", branch)
    keys: dict[str, Any] = {
        "sweep": SWEEP,
        "circuits": {"bell": {"qasm": used}},
        "analysis": {"observables": {"fine": "X1", "not_so": "Y0 + Z1"}},
    }
    (told,) = mistakes_of(**keys)
    text = manifest_text(**keys)
    line = next(n for n, each in enumerate(text.splitlines(), 1) if "not_so" in each)
    assert told.startswith(f"m.yaml:{line}:")
    assert "c[0]" in told
    assert told.endswith("(circuit 'bell')")


def test_a_bit_that_there_is_not_is_refused_as_ever() -> None:
    (told,) = mistakes_of(
        SWEEP, circuits={"bell": {"qasm": BELL}}, analysis={"observables": {"far": "X7"}}
    )
    assert "X7" in told


def test_no_axis_may_be_called_as_what_tells_settings_apart() -> None:
    named = BELL.replace("theta", "basis")
    sweep = {"matrix": {"basis": [0.1, 0.2]}}
    circuits = {"bell": {"qasm": named}}
    told = mistakes_of(sweep, circuits=circuits, analysis={"observables": {"x": "X0"}})
    assert told
    assert all("'basis'" in each for each in told)
    plan = plan_of(sweep, circuits=circuits, analysis={"observables": {"z": "Z0"}})
    assert names(plan) == ["basis=0.1", "basis=0.2"]


def test_a_circuit_that_ends_unmeasured_is_measured_whole() -> None:
    bare = BELL.replace("bit[2] c;\n", "").replace("c = measure q;\n", "")
    plan = plan_of(
        SWEEP, circuits={"bell": {"qasm": bare}}, analysis={"observables": {"energy": ENERGY}}
    )
    assert names(plan) == names(bell_plan({"energy": ENERGY}))
    assert {layout.program.facts.terminal for layout in plan.layouts()} == {(0, 1)}
    orders = [plan.order_of(point) for point in plan.points()]
    assert {order.circuit.facts.measured_bits for order in orders} == {(0, 1)}


@pytest.mark.parametrize(
    "analysis", [{"observables": {"zz": "Z0 Z1"}}, {"probabilities": {"none": "00"}}]
)
def test_it_is_so_too_where_nothing_but_z_is_asked_for(analysis: Any) -> None:
    bare = BELL.replace("bit[2] c;\n", "").replace("c = measure q;\n", "")
    plan = plan_of(SWEEP, circuits={"bell": {"qasm": bare}}, analysis=analysis)
    assert {layout.program.facts.terminal for layout in plan.layouts()} == {(0, 1)}
    orders = [plan.order_of(point) for point in plan.points()]
    assert {order.circuit.facts.measured_bits for order in orders} == {(0, 1)}
    asked_later = plan_of(
        SWEEP, circuits={"bell": {"qasm": bare}}, analysis={"observables": {"z": "Z0", "x": "X0"}}
    )
    assert {point.id for point in plan.points()} < {point.id for point in asked_later.points()}


def test_the_point_of_a_setting_is_known_by_its_name() -> None:
    for name in ("theta=0.5", 'a="x,y"', "bell"):
        assert point_of(Setting("X0 Y12").name(name)) == name
        assert point_of(Setting("X0 Y12").name(name) + "#3") == name + "#3"
        assert point_of(name) == name
