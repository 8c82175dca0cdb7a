"""S5 and S6: p-values of differences between groups of shots, held against scipy's own tests."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from qbatch.result import chi_squared_p, family, homogeneity_p, smallest_p

sizes = st.integers(min_value=1, max_value=60)


@given(st.data())
def test_two_groups_of_two_values_are_judged_as_fisher_does(data: Any) -> None:
    shots, others = data.draw(sizes), data.draw(sizes)
    ones, other_ones = data.draw(st.integers(0, shots)), data.draw(st.integers(0, others))
    expected = stats.fisher_exact([[ones, shots - ones], [other_ones, others - other_ones]])[1]
    groups = [{1.0: ones, -1.0: shots - ones}, {1.0: other_ones, -1.0: others - other_ones}]
    assert homogeneity_p(groups) == pytest.approx(expected, rel=1e-6)


def test_fishers_test_holds_for_very_many_shots_too() -> None:
    table = [[500_000, 500_000], [501_900, 498_100]]
    expected = stats.chi2_contingency(table, correction=False)[1]
    assert homogeneity_p([{0.0: a, 1.0: b} for a, b in table]) == pytest.approx(expected, rel=0.02)


def test_large_groups_of_two_values_are_judged_by_pearsons_chi_squared() -> None:
    table = [[5000, 5100], [4900, 5150], [5080, 5020]]
    expected = stats.chi2_contingency(table, correction=False)[1]
    found = homogeneity_p([{0.0: a, 1.0: b} for a, b in table])
    assert found == pytest.approx(expected, rel=0.01)


def test_two_large_groups_of_a_sum_are_judged_by_welchs_test() -> None:
    random = np.random.default_rng(8)
    samples = [
        random.choice([-2.0, 0.0, 2.0], 3000, p=p) for p in ([0.3, 0.4, 0.3], [0.2, 0.6, 0.2])
    ]
    samples[1][:90] += 2.0
    expected = stats.ttest_ind(*samples, equal_var=False).pvalue
    groups = [dict(zip(*map(list, np.unique(s, return_counts=True)), strict=True)) for s in samples]
    groups = [{float(v): int(n) for v, n in group.items()} for group in groups]
    assert homogeneity_p(groups) == pytest.approx(expected, rel=0.02)


def exact_p(groups: list[list[float]]) -> float:
    """Over all deals of all shots: the share whose groups' means are as uneven (one variance)."""
    shots = [value for group in groups for value in group]
    cuts = list(itertools.accumulate(len(group) for group in groups))

    def unevenness(order: Any) -> float:
        parts = [order[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]
        return sum(sum(part) ** 2 / len(part) for part in parts)

    seen = unevenness(shots)
    found = [unevenness(order) >= seen - 1e-9 for order in itertools.permutations(shots)]
    return sum(found) / len(found)


@pytest.mark.parametrize(
    "groups",
    [
        [[0, 0, 0], [1, 1, 0], [1, 1]],
        [[0, 0, 0, 0], [1, 1], [1, 0]],
        [[0, 0], [1, 1], [0, 0], [1, 1]],
    ],
)
def test_small_groups_are_judged_on_all_ways_of_dealing_the_shots(groups: Any) -> None:
    found = homogeneity_p([{0.0: g.count(0), 1.0: g.count(1)} for g in groups])
    exact = exact_p(groups)
    assert exact * 0.7 <= found <= min(1.0, 2 * exact * 2)


def test_far_tails_of_small_groups_are_told_far_beyond_any_number_of_draws() -> None:
    clear: list[dict[float, int]] = [{0.0: 60}, {1.0: 60}, {1.0: 60}]
    assert homogeneity_p(clear) < 1e-20
    assert homogeneity_p([{-6.0: 60}, {5.0: 2, 6.0: 58}]) < 1e-6


@pytest.mark.parametrize("groups", [[], [{1.0: 5}], [{1.0: 5}, {1.0: 9}], [{}, {0.0: 4, 1.0: 3}]])
def test_without_two_groups_or_two_values_nothing_differs(groups: Any) -> None:
    assert homogeneity_p(groups) == 1.0


def test_chi_squared_is_right_in_both_tails() -> None:
    """S6: Wilson and Hilferty made 1.1e-16 of 1.5e-23, and .95 of 1."""
    assert chi_squared_p(0, 1) == 1.0
    assert chi_squared_p(100, 1) == pytest.approx(math.erfc(math.sqrt(50)), rel=1e-9)
    for freedom in (1, 2, 5, 40):
        for value in (0.1, 3.0, 30.0, 300.0):
            assert chi_squared_p(value, freedom) == pytest.approx(stats.chi2.sf(value, freedom))


def test_the_clearest_difference_has_the_smallest_p() -> None:
    assert smallest_p((10, 10)) == pytest.approx(2 / math.comb(20, 10))
    assert smallest_p((1, 1)) == 1.0
    assert smallest_p((1,) * 10) > 0.2
    assert smallest_p((3, 20)) == pytest.approx(1 / math.comb(23, 3))
    assert smallest_p((500, 500, 500)) < 1e-50


def test_a_family_is_judged_by_holm_over_those_that_could_have_told_anything() -> None:
    # α/3 = .0033, α/2 = .005, α = .01
    assert family([0.003, 0.0049, 0.02], [0, 0, 0], 0.01) == [True, True, False]
    assert family([0.004, 0.004, 0.004], [0, 0, 0], 0.01) == [False, False, False]
    # One that cannot be significant costs the others nothing.
    assert family([0.004, 0.004, 1.0], [0, 0, 0.5], 0.01) == [True, True, None]
    assert family([0.004], [0.02], 0.01) == [None]
    assert family([], [], 0.01) == []
