"""P20: what clouds that quote each job would take for a plan, by each of their plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.plan.pricing import quotes
from qbatch.plan.pricing.quotes import questions, sum_up
from qbatch.providers import Price, Quote, Target

MANIFEST = """\
qbatch: 1
name: quoted
circuits:
  flip: {qasm: "OPENQASM 3.0; input float t; qubit q; bit c; U(t, 0, 0) q; c = measure q;"}
  stay: {qasm: "OPENQASM 3.0; qubit q; bit c; c = measure q;"}
backends:
  dear: {provider: open-quantum, target: "iqm:emerald"}
  known: {provider: oqc, target: "qpu:uk:1"}
sweep:
  - matrix: {circuit: [flip], t: [1, 2, 3], shots: [100, 200], backend: [dear, known]}
  - matrix: {circuit: [stay], shots: [50], backend: [dear]}
"""

TARGETS = {
    "dear": Target("iqm:emerald", price=Price("credits", quoted=True, source="quoted")),
    "known": Target("qpu:uk:1", price=Price("usd", per_job=2.0)),
}
DEAR = {"dear": TARGETS["dear"]}

#: Credits for one job by its shots, of each plan; what `auto` takes is the slow one.
SLOW, FAST = {100: 3.0, 200: 5.0, 50: 2.0}, {100: 4.0, 200: 8.0, 50: 2.5}


def make_plan() -> Plan:
    return expand(parse_manifest(MANIFEST, folder=Path("/")))


def answered(plan: Plan) -> Plan:
    """The plan with all that is asked answered by the tables above."""
    plan.quotes = {
        each.key: (
            Quote("fast", FAST[each.shots]),
            Quote("slow", SLOW[each.shots], is_chosen=True),
        )
        for each in questions(plan, DEAR)
    }
    return plan


def test_one_job_of_each_circuit_and_number_of_shots_is_asked_about() -> None:
    asked = questions(make_plan(), DEAR)
    assert [(each.circuit, each.shots, each.jobs) for each in asked] == [
        ("flip", 100, 3), ("flip", 200, 3), ("stay", 50, 1)
    ]  # fmt: skip
    assert all(each.order.shots == each.shots for each in asked)


def test_of_many_kinds_those_with_the_most_jobs_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes, "MOST_ASKED", 2)
    plan = answered(make_plan())
    assert {shots for _, shots in plan.quotes} == {100, 200}
    (summed,) = sum_up(plan, TARGETS)
    assert (summed.jobs, summed.of) == (6, 7)
    assert plan.summary(TARGETS).backends[0].price is None  # of a part no price is made up


def test_the_sum_of_each_plan_is_that_of_its_jobs_one_by_one() -> None:
    plan = answered(make_plan())
    jobs = [point.shots for point in plan.points() if point.backend == "dear"]
    (summed,) = sum_up(plan, TARGETS)
    assert (summed.backend, summed.unit, summed.jobs, summed.of) == ("dear", "credits", 7, 7)
    assert summed.quotes == (
        Quote("slow", sum(SLOW[shots] for shots in jobs), is_chosen=True),
        Quote("fast", sum(FAST[shots] for shots in jobs)),
    )
    summary = plan.summary(TARGETS)
    assert summary.prices == {"credits": 26.0, "usd": 12.0}
    assert summary.certainty("credits") == "about"


def test_of_what_is_left_only_that_is_asked_and_summed() -> None:
    plan = answered(make_plan())

    def pieces_of(point: object) -> tuple[object, ...]:
        return (quotes_piece(point),) if getattr(point, "shots", 0) == 200 else ()

    asked = questions(plan, DEAR, pieces_of=pieces_of)  # type: ignore[arg-type]
    assert [(each.shots, each.jobs) for each in asked] == [(200, 3)]
    (summed,) = sum_up(plan, TARGETS, pieces_of=pieces_of)  # type: ignore[arg-type]
    assert [offer.price for offer in summed.quotes] == [15.0, 24.0]


def quotes_piece(point: object) -> object:
    from qbatch.plan import Piece

    return Piece(point.id, point.shots)  # type: ignore[attr-defined]


def test_what_is_not_offered_for_every_job_is_left_out() -> None:
    plan = answered(make_plan())
    first = next(iter(plan.quotes))
    plan.quotes = {**plan.quotes, first: plan.quotes[first][1:]}
    (summed,) = sum_up(plan, TARGETS)
    assert [offer.title for offer in summed.quotes] == ["slow"]


def test_without_quotes_a_price_that_will_be_quoted_is_none() -> None:
    summary = make_plan().summary(TARGETS)
    assert [each.price for each in summary.backends] == [None, 12.0]
    assert sum_up(make_plan(), TARGETS) == []
