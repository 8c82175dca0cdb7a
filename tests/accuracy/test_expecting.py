"""What accuracies are expected to take and to cost, held against plain arithmetic and real runs."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from qbatch.accuracy.expecting import EARLIER, HERE, WORST, Outlooks, Span, forecast
from qbatch.accuracy.prices import precision
from qbatch.executor import run
from qbatch.manifest import parse_manifest
from qbatch.plan import Plan, expand
from qbatch.providers import Price, Target
from qbatch.snapshot import Run
from tests.accuracy.wave import accuracy, manifest_of, shots_in

THETAS = [0.3, 1.2, 1.5]


def plan_of(shots: object, e: str = "Z0 + 0.5 Z1") -> Plan:
    return expand(manifest_of(THETAS, shots, e))


def test_where_nothing_is_known_the_bounds_tell_the_most() -> None:
    """Of a number between -1 and 1 a shot's variance is 1 at most: 1 / 0.03² shots."""
    found = forecast(Outlooks(plan_of(accuracy())).of_points())
    assert found.sources == {WORST: 3}
    most, likely = 1 / 0.03**2, 2 / 3 / 0.03**2
    assert {*found.shots.values()} == {Span(100, math.ceil(likely), math.ceil(most))}
    assert found.beyond == {}


def test_settings_share_what_the_worst_case_takes() -> None:
    """Neyman: 2 X1 spreads by 2, Z0 by 1; so 1 (1 + 2) and 2 (1 + 2) shots over 0.1²."""
    plan = plan_of(accuracy("e", target_se=0.1), "2 X1 + Z0")
    found = forecast(Outlooks(plan).of_points())
    assert sorted({span.high for span in found.shots.values()}) == pytest.approx([300, 600], abs=1)


def test_a_pilot_tells_what_the_run_then_takes(tmp_path: Path) -> None:
    run(manifest_of(THETAS, 400), out=tmp_path).close()
    plan = plan_of(accuracy())
    with Run(tmp_path) as here:
        found = forecast(Outlooks(plan, here=here).of_points())
        values = [point.estimates["z"].value for point in here]
    assert found.sources == {HERE: 3}
    for value, span in zip(values, found.shots.values(), strict=True):
        assert span.low <= span.likely <= span.high
        assert span.likely == pytest.approx((1 - value**2) / 0.03**2, rel=0.05)
    run(manifest_of(THETAS, accuracy()), out=tmp_path).close()
    for shots, span in zip(shots_in(tmp_path), found.shots.values(), strict=True):
        assert max(400, 0.8 * span.low) <= shots <= max(400, 1.25 * span.high)


def test_an_earlier_run_tells_of_what_asks_the_same(tmp_path: Path) -> None:
    other = manifest_of(THETAS[:2], 400).text.replace("{at:", "{sim:").replace("seed: 7", "seed: 9")
    run(parse_manifest(other), out=tmp_path).close()
    with Run(tmp_path) as earlier:
        found = forecast(Outlooks(plan_of(accuracy()), earlier=earlier).of_points())
    assert found.sources == {EARLIER: 2, WORST: 1}


def test_what_max_does_not_allow_is_told_with_the_shots_that_it_takes() -> None:
    found = forecast(Outlooks(plan_of(accuracy(max=500))).of_points())
    assert {*found.beyond.values()} == {(math.ceil(2 / 3 / 0.03**2), 500, WORST)}
    assert all(span.high == 500 for span in found.shots.values())


@pytest.mark.parametrize(
    "price",
    [
        Price("usd", per_shot=0.01),
        Price("usd", per_job=0.3, per_shot=0.001),
        Price("usd", per_job=0.1, per_shot=0.01, minimum=2.0, per_composite=1.0),
    ],
)
def test_for_other_prices_as_many_shots_as_they_buy_and_errors_by_their_root(price: Price) -> None:
    plan = plan_of(500)
    targets = {"at": Target("cloud", price=price, max_jobs=2)}
    found = precision(Outlooks(plan, ["z", "p"]).of_points(), targets, forecast(()))
    assert [(each.backend, each.number) for each in found] == [("at", "z"), ("at", "p")]

    def cost(shots: int) -> float:
        return (
            3 * max(price.minimum, price.per_job + price.per_shot * shots) + 2 * price.per_composite
        )

    for each, most in zip(found, (1.0, 0.5), strict=True):
        assert each.sources == {WORST: 3}
        for row in each.rows:
            shots = row.shots // 3
            assert row.price == pytest.approx(cost(shots))
            assert row.price <= row.factor * cost(500) + 1e-9
            assert row.factor == 1 or cost(shots + 1) > row.factor * cost(500)
            assert row.largest == row.middle == pytest.approx(most / math.sqrt(shots))
    assert {row.factor for row in found[0].rows} >= {1.0, 2.0, 4.0}


def test_references_are_no_points_whose_numbers_are_told() -> None:
    """Theirs is one bit, and `e` is of two."""
    text = manifest_of(THETAS, 500).text.replace("matrix: {", "matrix: {circuit: [wave], ")
    one = "circuits:\n  ref: {qasm: 'OPENQASM 3.0; qubit[1] q; bit[1] c; c = measure q;'}"
    text = (
        text.replace("circuits:", one, 1) + "run: {reference: {circuit: ref, every: 1, shots: 9}}\n"
    )
    plan = expand(parse_manifest(text))
    found = precision(Outlooks(plan, ["e"]).of_points(), {"at": Target("sim")}, forecast(()))
    assert [(each.points, each.rows[1].shots) for each in found] == [(3, 1500)]
    assert found[0].rows[1].largest == pytest.approx(1.5 / math.sqrt(500))


def test_less_than_the_jobs_themselves_cost_buys_nothing() -> None:
    targets = {"at": Target("cloud", price=Price("usd", per_job=1.0, per_shot=0.0001))}
    (found,) = precision(Outlooks(plan_of(500), ["z"]).of_points(), targets, forecast(()))
    assert [row.factor for row in found.rows] == [1.0, 2.0, 4.0]


def test_where_nothing_is_billed_shots_stand_in_for_the_price() -> None:
    targets = {"at": Target("sim")}
    (found,) = precision(Outlooks(plan_of(500), ["z"]).of_points(), targets, forecast(()))
    assert [(row.price, row.shots) for row in found.rows] == [
        (None, 750),
        (None, 1500),
        (None, 3000),
        (None, 6000),
    ]
