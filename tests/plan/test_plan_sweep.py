from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_making import PAIR, WAVE, ids, names, plan_of

TWO_BACKENDS = {
    "a": {"provider": "local"},
    "b": {"provider": "local", "noise": {"readout": 0.1}},
}
TWO_CIRCUITS = {"pair": {"qasm": PAIR}, "flip": {"qasm": PAIR.replace("h q[0];", "x q[0];")}}

axis = st.lists(st.integers(-5, 5), min_size=1, max_size=4, unique=True)
orders = st.sampled_from(["interleave", "as-written", "random"])


def pairs(plan) -> list[tuple[float, float]]:
    return [tuple(value for _, value in point.parameters) for point in plan.points()]


def test_without_axes_all_circuits_run_on_all_backends_with_the_default_shots() -> None:
    plan = plan_of(None, circuits=TWO_CIRCUITS, backends=TWO_BACKENDS)
    found = {(point.circuit, point.backend, point.shots) for point in plan.points()}
    assert found == set(product(("pair", "flip"), ("a", "b"), (1024,)))
    assert plan.num_points == 4


@given(axis, axis, st.integers(1, 3), orders)
def test_a_matrix_is_the_product_of_its_axes_in_every_order(one, two, repeat, order) -> None:
    sweep = {"matrix": {"gamma": one, "beta": two}, "repeat": repeat, "order": order}
    plan = plan_of(sweep)
    assert Counter(pairs(plan)) == Counter(list(product(one, two)) * repeat)
    assert plan.num_points == len(one) * len(two) * repeat == len(set(ids(plan)))


def test_zipped_axes_move_together_within_the_matrix() -> None:
    plan = plan_of({"matrix": {"shots": [1, 2]}, "zip": {"gamma": [1, 2, 3], "beta": [4, 5, 6]}})
    assert Counter(pairs(plan)) == Counter([(1, 4), (2, 5), (3, 6)] * 2)


@given(axis, axis, orders, st.data())
def test_excluded_points_are_gone_and_no_others(one, two, order, data) -> None:
    out_one = data.draw(st.sampled_from(one))
    out_two = data.draw(st.lists(st.sampled_from(two), min_size=1, unique=True))
    wheres = [{"gamma": out_one, "beta": out_two}]
    kept = [(x, y) for x, y in product(one, two) if not (x == out_one and y in out_two)]
    if not kept:
        return
    plan = plan_of({"matrix": {"gamma": one, "beta": two}, "exclude": wheres, "order": order})
    assert Counter(pairs(plan)) == Counter(kept)
    assert plan.num_points == len(kept)


def test_included_points_join_and_are_never_excluded() -> None:
    sweep = {
        "matrix": {"gamma": [1, 2], "beta": [0]},
        "exclude": [{"gamma": 2}],
        "include": [{"gamma": 2, "beta": 0}, {"gamma": 9, "beta": 9, "shots": 5}],
    }
    plan = plan_of(sweep)
    assert Counter(pairs(plan)) == Counter([(1, 0), (2, 0), (9, 9)])
    assert [point.shots for point in plan.points()] == [1024, 1024, 5]


@pytest.mark.slow
@given(st.integers(1, 30), st.integers(0, 5), st.booleans())
def test_a_sample_keeps_n_of_the_matching_points_and_all_others(n, seed, narrow) -> None:
    where = {"beta": 1} if narrow else {}
    matrix = {"gamma": list(range(12)), "beta": [0, 1]}
    plan = plan_of({"matrix": matrix, "sample": {"where": where, "n": n, "seed": seed}})
    found = set(pairs(plan))
    matching = {pair for pair in product(range(12), (0, 1)) if not narrow or pair[1] == 1}
    others = set(product(range(12), (0, 1))) - matching
    assert others <= found
    assert len(found & matching) == min(n, len(matching))
    assert plan.num_points == len(found)


def test_a_sample_loses_at_most_one_point_for_each_new_value() -> None:
    def sampled(size: int) -> set[str]:
        return set(ids(plan_of({**SAMPLED, "matrix": {"gamma": list(range(size)), "beta": [0]}})))

    assert len(sampled(50) - sampled(51)) <= 1


SAMPLED = {"sample": {"n": 10}, "seed": 3}


def test_samples_follow_one_another() -> None:
    matrix = {"gamma": list(range(10)), "beta": [0, 1]}
    plan = plan_of({"matrix": matrix, "sample": [{"n": 8}, {"where": {"beta": 1}, "n": 2}]})
    found = Counter(beta for _, beta in pairs(plan))
    assert found[1] == 2
    assert plan.num_points == found.total() <= 8


def test_a_sample_is_drawn_from_what_excludes_leave() -> None:
    sweep = {"matrix": {"gamma": list(range(20)), "beta": [0]}, "sample": {"n": 5}}
    plan = plan_of({**sweep, "exclude": [{"gamma": list(range(2, 20, 2))}]})
    assert plan.num_points == len(pairs(plan)) == 5
    assert not {gamma for gamma, _ in pairs(plan)} & set(range(2, 20, 2))


def test_overrides_set_values_where_they_match_and_the_last_wins() -> None:
    sweep = {
        "matrix": {"gamma": [1, 2, 3], "beta": [0]},
        "overrides": [
            {"where": {"gamma": [2, 3]}, "set": {"shots": 7}},
            {"where": {"gamma": 3}, "set": {"shots": 9, "beta": 5}},
        ],
    }
    points = list(plan_of(sweep).points())
    assert [point.shots for point in points] == [1024, 7, 9]
    assert dict(points[2].parameters) == {"gamma": 3, "beta": 5}


def test_interleaving_runs_a_copy_of_everything_first_and_turns_backends() -> None:
    plan = plan_of(
        {"matrix": {"backend": ["a", "b"], "gamma": [1, 2], "beta": [0]}, "repeat": 2},
        backends=TWO_BACKENDS,
    )
    points = list(plan.points())
    assert [point.backend for point in points] == ["a", "b"] * 4
    assert [point.repeat for point in points] == [1] * 4 + [2] * 4


def test_as_written_keeps_the_first_axis_slowest_and_copies_together() -> None:
    plan = plan_of(
        {"matrix": {"gamma": [1, 2], "beta": [3, 4]}, "repeat": 2, "order": "as-written"}
    )
    assert pairs(plan) == [(1, 3)] * 2 + [(1, 4)] * 2 + [(2, 3)] * 2 + [(2, 4)] * 2
    assert [point.repeat for point in plan.points()] == [1, 2] * 4


def test_a_random_order_depends_on_the_seed_alone() -> None:
    def shuffled(seed: int) -> list[tuple[float, float]]:
        matrix = {"gamma": list(range(20)), "beta": [0]}
        return pairs(plan_of({"matrix": matrix, "order": "random", "seed": seed}))

    assert shuffled(1) == shuffled(1)
    assert shuffled(1) != shuffled(2)
    assert shuffled(1) != sorted(shuffled(1))


@settings(max_examples=30)
@given(axis, axis)
def test_several_sweeps_are_their_union(one, two) -> None:
    other = [value + 100 for value in two]
    plan = plan_of([{"matrix": {"gamma": v, "beta": [0]}} for v in (one, other)])
    assert Counter(pairs(plan)) == Counter((value, 0) for value in (*one, *other))


def test_interleaved_sweeps_take_turns_copy_by_copy() -> None:
    sweeps = [
        {"matrix": {"gamma": [value], "beta": [0]}, "repeat": repeat}
        for value, repeat in ((1, 2), (2, 3))
    ]
    assert names(plan_of(sweeps)) == [
        *("gamma=1,beta=0", "gamma=2,beta=0", "gamma=1,beta=0#2", "gamma=2,beta=0#2"),
        "gamma=2,beta=0#3",
    ]


def test_names_show_swept_axes_only_and_copies_from_the_second_on() -> None:
    matrix = {"backend": ["a", "b"], "shots": [100, 1000]}
    circuits = {"pair": {"qasm": PAIR}}
    plan = plan_of({"matrix": matrix, "repeat": 2}, circuits=circuits, backends=TWO_BACKENDS)
    assert plan.axes == ("backend", "shots")
    assert "backend=b,shots=1000" in names(plan)
    assert "backend=b,shots=1000#2" in names(plan)


def test_a_plan_of_one_point_is_named_after_its_circuit() -> None:
    assert names(plan_of(None, circuits={"pair": {"qasm": PAIR}})) == ["pair"]


@given(st.lists(st.floats(0, 1) | st.floats(0.5, 0.5000001), min_size=2, max_size=20, unique=True))
def test_names_are_unique_however_close_the_values(values: list[float]) -> None:
    found = names(plan_of({"matrix": {"gamma": values, "beta": [0]}}))
    assert len(set(found)) == len(values)


def test_sweeps_of_different_seeds_have_names_of_their_own() -> None:
    sweeps = [{"matrix": {"gamma": [1], "beta": [0]}, "seed": seed} for seed in (1, 2)]
    assert names(plan_of(sweeps)) == ["gamma=1,beta=0,seed=1", "gamma=1,beta=0,seed=2"]


def test_names_quote_text_that_could_be_taken_for_something_else(tmp_path) -> None:
    """P11: the list ["true", true] read "has true twice"."""
    (tmp_path / "t.j2").write_text(PAIR + "// {{ word }} 100%\n", "utf-8")
    words = ["plain", "a,b", "1", "p%q", 1, 2.5, "true", "false", False]
    plan = plan_of(
        {"matrix": {"word": words}}, folder=tmp_path, circuits={"c": {"template": "t.j2"}}
    )
    quoted = ["word=plain", 'word="a,b"', 'word="1"', 'word="p%q"', "word=1", "word=2.5"]
    quoted += ['word="true"', 'word="false"', "word=false"]
    assert names(plan) == quoted


def test_orders_bind_every_free_parameter_as_a_number() -> None:
    plan = plan_of({"matrix": {"gamma": [1], "beta": [0.5]}})
    point = next(plan.points())
    order = plan.order_of(point)
    assert order.parameters == {"gamma": 1.0, "beta": 0.5}
    assert order.circuit.text == WAVE
    assert (order.id, order.name, order.seed) == (point.id, point.name, point.seed)


@pytest.mark.parametrize("order", ["interleave", "as-written", "random"])
def test_plans_are_the_same_every_time(order: str) -> None:
    sweep = {"matrix": {"gamma": [1, 2], "beta": [0, 1]}, "order": order, "sample": {"n": 3}}
    first, second = plan_of(sweep), plan_of(sweep)
    assert list(first.points()) == list(second.points()) == list(first.points())
    assert list(first.ids_and_names()) == [(p.id, p.name) for p in second.points()]
