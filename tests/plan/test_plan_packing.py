from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import PAIR, WAVE, ids, plan_of

from qbatch.plan import packing, pieces_of
from qbatch.plan.packing import Piece, composite_id, size_of
from qbatch.providers import Price, Target

BACKENDS = {
    "a": {"provider": "local"},
    "b": {"provider": "local", "noise": {"readout": 0.1}, "limits": {"jobs": 3}},
}
FLIP = PAIR.replace("h q[0];", "x q[0];")


def plan(repeat: int = 1):
    circuits = {"pair": {"qasm": PAIR}, "flip": {"qasm": FLIP}}
    sweep = {"matrix": {"shots": [1, 2, 3, 4, 5]}, "repeat": repeat}
    return plan_of(sweep, circuits=circuits, backends=BACKENDS)


targets = st.builds(
    Target,
    name=st.just("t"),
    max_jobs=st.integers(1, 7),
    max_bytes=st.none() | st.integers(1, 3000),
    pack_by=st.sampled_from(["any", "circuit"]),
    max_shots=st.none() | st.integers(1, 6),
    one_number_of_shots=st.booleans(),
    price=st.just(Price("usd", per_job=1.0, per_shot=0.25, minimum=1.5, per_composite=0.5)),
)


@given(targets, st.integers(1, 3))
def test_packing_loses_no_point_repeats_none_and_keeps_every_limit(target, repeat) -> None:
    found = plan(repeat)
    batches = list(found.composites({"a": target, "b": target}))
    bought = Counter()
    for order in (order for batch in batches for order in batch.orders):
        bought.update((order.name, shot) for shot in range(order.start, order.start + order.shots))
        assert order.shots <= (target.max_shots or 6)
    assert bought == Counter((p.name, shot) for p in found.points() for shot in range(p.shots))
    sent = [order.id for batch in batches for order in batch.orders]
    assert len(set(sent)) == len(sent)
    assert set(ids(found)) <= set(sent)
    for batch in batches:
        assert not target.one_number_of_shots or len({o.shots for o in batch.orders}) == 1
        limit = min(target.max_jobs, 3) if batch.composite.backend == "b" else target.max_jobs
        assert len(batch.orders) <= limit
        size = sum(size_of(order, target) for order in batch.orders)
        assert len(batch.orders) == 1 or size <= (target.max_bytes or size)
        assert batch.composite.job_ids == tuple(order.id for order in batch.orders)


@pytest.mark.slow
@given(targets)
def test_the_summary_counts_the_composite_jobs_that_packing_makes(target) -> None:
    found = plan(2)
    both = {"a": target, "b": target}
    batches = list(found.composites(both))
    orders = [order for batch in batches for order in batch.orders]
    told = found.summary(both)
    assert (told.composite_jobs, told.jobs) == (len(batches), len(orders))
    assert (told.points, told.shots) == (found.num_points, sum(o.shots for o in orders))
    bill = sum(max(1.5, 1 + 0.25 * order.shots) for order in orders) + 0.5 * len(batches)
    assert told.prices == {"usd": pytest.approx(bill)}
    left = found.summary(both, pieces_of=pieces_of({}, both))
    assert left.to_dict() == {**told.to_dict(), "prices": {"usd": pytest.approx(bill)}}


def test_a_composite_job_holds_one_backend_and_where_asked_one_circuit() -> None:
    target = Target("t", max_jobs=4, pack_by="circuit")
    for batch in plan(3).composites({"a": target, "b": target}):
        assert len({order.circuit.sha256 for order in batch.orders}) == 1


def test_points_of_other_backends_and_unwanted_ones_are_left_out() -> None:
    batches = list(plan().composites({"a": Target("t")}, lambda point: point.shots > 3))
    assert {batch.composite.backend for batch in batches} == {"a"}
    assert sorted(order.shots for batch in batches for order in batch.orders) == [4, 4, 5, 5]


def test_generations_are_not_mixed_and_change_the_id() -> None:
    target = {"a": Target("t", max_jobs=10)}
    batches = list(
        plan().composites(target, pieces_of=lambda p: [Piece(p.id, p.shots, 0, 1 + p.shots % 2)])
    )
    assert sorted(batch.composite.generation for batch in batches) == [1, 2]
    assert composite_id(("x", "y"), 1) != composite_id(("x", "y"), 2)


def test_composite_ids_are_the_same_after_a_restart() -> None:
    target = {"a": Target("t", max_jobs=3)}
    first, second = ([b.composite.id for b in plan().composites(target)] for _ in range(2))
    assert first == second
    assert len(set(first)) == len(first)


def test_waiting_orders_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(packing, "_MOST_OPEN", 4)
    found = plan(4)
    target = Target("t", max_jobs=1000)
    batches = list(found.composites({"a": target, "b": target}))
    assert Counter(o.id for b in batches for o in b.orders) == Counter(ids(found))
    assert max(len(batch.orders) for batch in batches) <= 5


def test_programs_count_for_the_size() -> None:
    order = plan_of({"matrix": {"gamma": [1], "beta": [1]}})
    point = next(order.points())
    assert size_of(order.order_of(point), Target("t")) > len(WAVE)
