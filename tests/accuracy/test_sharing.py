"""Money that does not reach for all, shared: held against every way to spend it on small cases."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.accuracy.deciding import Figure
from qbatch.accuracy.sharing import Aim, Wish, levels_within, too_little
from qbatch.manifest.accuracy import Accuracy
from qbatch.result.spread import Spread

ASKED = Accuracy.model_validate({"target_se": 0.01, "of": ("z",), "min": 10, "max": 100_000})


def wish(variance: float, had: int, price: Callable[[int], float], *limits: Hashable) -> Wish:
    figure = Figure(0.0, 1.0, {"s": Spread(had, variance, variance)})
    return Wish(ASKED, {"z": figure}, {"s": had}, price, dict.fromkeys(limits or ("all",), 1.0))


def level_of(wish: Wish, shots: int) -> float:
    """An error as a share of the target, by plain arithmetic."""
    return math.sqrt(wish.figures["z"].spreads["s"].variance / shots) / 0.01


def cost(wishes: Sequence[Wish], levels: Sequence[float], limit: Hashable = "all") -> float:
    return sum(
        each.cost_at(level)
        for each, level in zip(wishes, levels, strict=True)
        if limit in each.counts and level < each.level
    )


def best_by_trying(
    wishes: Sequence[Wish], money: float, of: Callable[[list[float]], float]
) -> float:
    """The least of a worth over all ways to buy shots in steps of a thirtieth of the money."""
    found = math.inf
    ways = []
    for each in wishes:
        steps = [each.had["s"] + round(money * step / 30) for step in range(31)]
        enough = each.figures["z"].spreads["s"].variance / 0.01**2
        ways.append([n for n in steps if n <= max(enough, each.had["s"]) + money / 30])
    for shots in itertools.product(*ways):
        paid = sum(
            each.price(n - each.had["s"])
            for each, n in zip(wishes, shots, strict=True)
            if n > each.had["s"]
        )
        if paid <= money:
            levels = [max(1.0, level_of(w, n)) for w, n in zip(wishes, shots, strict=True)]
            found = min(found, of(levels))
    return found


WORTH: dict[Aim, Callable[[list[float]], float]] = {"worst": max, "total": sum}


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    st.lists(st.tuples(st.floats(0.02, 1.0), st.integers(20, 200)), min_size=2, max_size=3),
    st.floats(100, 5_000),
    st.sampled_from([0.0, 30.0]),
    st.sampled_from(["worst", "total"]),
)
def test_no_way_to_spend_the_money_is_better_by_much(
    parts: list[tuple[float, int]], money: float, per_job: float, aim: Aim
) -> None:
    wishes = [wish(variance, had, lambda n: per_job + n) for variance, had in parts]
    levels = levels_within(wishes, {"all": money}, aim)
    assert cost(wishes, levels) <= money + 1e-6
    assert all(
        1 <= level <= each.level
        for each, level in zip(wishes, levels, strict=True)
        if each.level > 1
    )
    mine = WORTH[aim]([max(1.0, level) for level in levels])
    assert mine <= 1.02 * best_by_trying(wishes, money, WORTH[aim]) + 1e-9


def test_enough_money_brings_all_to_their_targets() -> None:
    wishes = [wish(0.25, 100, float), wish(0.01, 50, float)]
    assert levels_within(wishes, {"all": 1e5}, "worst") == [1.0, 1.0]
    assert levels_within(wishes, {}, "total") == [1.0, 1.0]


def test_the_worst_become_equal_and_the_sum_is_lowered_where_shots_help_most() -> None:
    """Two thirds powers: what lowers a sum of s/sqrt(n) most is n in proportion to s^(2/3)."""
    wishes = [wish(0.25, 10, float), wish(0.25 / 64, 10, float)]
    one, other = levels_within(wishes, {"all": 500}, "worst")
    assert one == pytest.approx(5 / math.sqrt(0.01**2 * 1e4 * 510) * 10, rel=0.01)
    assert other == pytest.approx(wishes[1].level)
    mine = sum(levels_within(wishes, {"all": 100}, "total"))
    assert mine <= 1.01 * (level_of(wishes[0], 96) + level_of(wishes[1], 24))


def test_a_limit_of_one_backend_stops_its_points_alone() -> None:
    wishes = [wish(0.25, 100, float, "a", "all"), wish(0.25, 100, float, "b", "all")]
    left: Mapping[Hashable, float] = {"a": 100.0, "b": 1e6, "all": 1000.0}
    for aim in WORTH:
        levels = levels_within(wishes, left, aim)
        assert cost(wishes, levels, "a") == pytest.approx(100, abs=8)
        assert cost(wishes, levels, "all") <= 1000
        assert cost(wishes, levels, "b") > 850


def test_a_job_that_costs_more_than_there_is_left_is_not_bought() -> None:
    dear = wish(0.25, 100, lambda n: 500 + n)
    cheap = wish(0.20, 100, float)
    for aim in WORTH:
        levels = levels_within([dear, cheap], {"all": 400.0}, aim)
        assert levels[0] == dear.level
        assert levels[1] == pytest.approx(level_of(cheap, 500), rel=0.05)


@pytest.mark.parametrize("aim", ["worst", "total"])
def test_a_limit_that_is_passed_already_buys_nothing_and_the_others_go_on(aim: Aim) -> None:
    wishes = [wish(0.9, 100, float, "passed"), wish(0.9, 100, float, "other")]
    levels = levels_within(wishes, {"passed": -1.0, "other": 300.0}, aim)
    assert levels[0] == wishes[0].level
    assert level_of(wishes[1], 400) == pytest.approx(levels[1], rel=0.02)
    assert too_little(wishes, {"passed": -1.0, "other": 1e6}) == {"passed"}


def test_settings_of_a_point_share_what_it_gets() -> None:
    spreads = {"x": Spread(100, 0.9, 0.9), "y": Spread(100, 0.1, 0.1)}
    both = Wish(ASKED, {"z": Figure(0.0, 1.0, spreads)}, {"x": 100, "y": 100}, float, {"all": 1.0})
    (level,) = levels_within([both], {"all": 2000.0}, "worst")
    shots = both.shots_at(level)
    assert sum(shots.values()) == pytest.approx(2200, rel=0.01)
    assert shots["x"] / shots["y"] == pytest.approx(3, rel=0.02)
