"""P10: places of a sweep that come to one content: bought once, each with its name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_making import PAIR, WAVE, ids, names, plan_of

from qbatch.plan import Plan
from qbatch.plan.identity import id_of
from qbatch.plan.packing import Piece
from qbatch.providers import Target

CIRCUITS = {"wave": {"qasm": WAVE}, "pair": {"qasm": PAIR}}
TARGETS = {"sim": Target("t", max_jobs=3), "two": Target("t", max_jobs=3)}


def corner() -> Plan:
    """`pair` has no parameters: the axis makes no difference to it."""
    return plan_of({"matrix": {"gamma": [1, 2], "beta": [0]}}, circuits=CIRCUITS)


def test_each_place_has_its_name_and_its_value_of_the_axis() -> None:
    points = {point.name: point for point in corner().points()}
    assert points.keys() == {
        "circuit=wave,gamma=1,beta=0",
        "circuit=wave,gamma=2,beta=0",
        "circuit=pair,gamma=1",
        "circuit=pair,gamma=2",
    }
    first, second = points["circuit=pair,gamma=1"], points["circuit=pair,gamma=2"]
    assert first.id == second.id
    assert (first.same_as, second.same_as) == ("", first.name)
    assert (dict(first.parameters), dict(second.parameters)) == ({"gamma": 1}, {"gamma": 2})


def test_the_plan_counts_each_place_and_buys_once() -> None:
    plan = corner()
    summary = plan.summary(TARGETS)
    assert (plan.num_points, summary.points, summary.jobs) == (4, 4, 3)
    assert summary.shots == 3 * 1024
    assert bought(plan) == Counter(dict.fromkeys(ids(plan), 1))


def test_two_circuits_of_one_content_are_bought_once() -> None:
    circuits = {"one": {"qasm": PAIR}, "two": {"qasm": f"// again\n{PAIR}"}}
    plan = plan_of(None, circuits=circuits)
    assert names(plan) == ["circuit=one", "circuit=two"]
    assert bought(plan) == {ids(plan)[0]: 1}


def test_whole_numbers_that_are_one_float_to_a_circuit_are_bought_once() -> None:
    plan = plan_of({"matrix": {"gamma": [2**53, 2**53 + 1, 2**53 + 2], "beta": [0]}})
    assert len(names(plan)) == 3
    assert sum(bought(plan).values()) == 2


def test_the_place_that_asks_for_most_shots_says_how_many_are_bought() -> None:
    override = {"where": {"circuit": "pair", "gamma": 2}, "set": {"shots": 5000}}
    sweep = {"matrix": {"gamma": [1, 2], "beta": [0]}, "overrides": [override]}
    plan = plan_of(sweep, circuits=CIRCUITS)
    pair = [point for point in plan.points() if point.circuit == "pair"]
    assert [point.shots for point in pair] == [5000, 5000]
    orders = [order for batch in plan.composites(TARGETS) for order in batch.orders]
    assert sorted(order.shots for order in orders) == [1024, 1024, 5000]


def test_what_is_meant_at_a_second_place_is_bought_at_the_first() -> None:
    backends = {"sim": {"provider": "local"}, "two": {"provider": "local"}}
    plan = plan_of({"matrix": {"gamma": [1], "beta": [0]}}, backends=backends)
    batches = list(plan.composites(TARGETS, lambda point: point.backend == "two"))
    assert [batch.composite.backend for batch in batches] == ["sim"]
    assert not list(plan.composites({"two": TARGETS["two"]}))


def test_points_that_a_sample_leaves_out_share_nothing() -> None:
    sample = {"where": {"circuit": "pair"}, "n": 1}
    sweep = {"matrix": {"gamma": [1, 2], "beta": [0]}, "sample": [sample]}
    assert not plan_of(sweep, circuits=CIRCUITS).shared


def bought(plan: Plan) -> Counter[str]:
    """Id -> how often it is bought."""
    return Counter(o.id for batch in plan.composites(TARGETS) for o in batch.orders)


VALUES = st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)


@st.composite
def sweeps(draw: st.DrawFn) -> list[dict[str, object]]:
    """Up to two sweeps over small axes, some of which make no difference."""
    found = []
    for _ in range(draw(st.integers(1, 2))):
        matrix: dict[str, object] = {"gamma": draw(VALUES), "beta": draw(VALUES)}
        matrix["circuit"] = draw(st.lists(st.sampled_from([*CIRCUITS]), min_size=1, unique=True))
        if draw(st.booleans()):
            matrix["shots"] = draw(st.lists(st.integers(1, 3), min_size=1, unique=True))
        order = draw(st.sampled_from(["interleave", "as-written", "random"]))
        repeat = draw(st.integers(1, 2))
        found.append({"matrix": matrix, "order": order, "repeat": repeat, "seed": 5})
    return found


@settings(max_examples=60)
@given(sweeps(), st.integers(1, 4))
def test_shared_contents_are_those_of_a_plain_dictionary(
    made: list[dict[str, object]], shots: int
) -> None:
    """What is bought is worked out point by point, with the ids of the slow and plain way."""
    try:
        plan = plan_of(made, circuits=CIRCUITS, shots=shots)
    except ExceptionGroup:
        return  # one place written twice, which the two sweeps may do
    wanted: dict[str, int] = {}
    places: Counter[str] = Counter()
    for point in plan.points():
        id_ = id_of(plan.settings_of(point))
        wanted[id_] = max(wanted.get(id_, 0), point.shots)
        places[id_] += 1
    assert bought(plan) == Counter(dict.fromkeys(wanted, 1))
    assert {id_ for id_, number in places.items() if number > 1} == plan.shared.keys()
    summary = plan.summary(TARGETS)
    assert (summary.points, summary.jobs) == (places.total(), len(wanted))
    assert summary.shots == sum(wanted.values())
    assert len(set(names(plan))) == places.total()


def test_a_value_written_twice_on_one_axis_stays_a_mistake() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        plan_of({"matrix": {"gamma": [1, 1], "beta": [0]}})
    assert "1 stands twice on this axis" in str(caught.value.exceptions[0])


def test_pieces_are_asked_for_once_for_each_content() -> None:
    plan, asked = corner(), Counter[str]()

    def pieces_of(point: object) -> list[Piece]:
        asked[point.id] += 1  # type: ignore[attr-defined]
        return []

    assert not list(plan.composites(TARGETS, pieces_of=pieces_of))
    assert set(asked.values()) == {1}


def test_the_text_kept_with_a_point_is_that_which_is_sent() -> None:
    text = f"// mine\n{PAIR}"
    plan = plan_of(None, circuits={"pair": {"qasm": text}})
    kept: Mapping[str, object] = json.loads(plan.setting_text(next(plan.points()).setting))
    assert kept["circuit"] == text
    assert kept["language"] == "2.0"
    assert {"content", "reader"} <= kept.keys()
