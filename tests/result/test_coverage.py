"""S1, S2, S3, S4: intervals hold the truth as often as they say, in thousands of data sets.

`python -m tests.result.coverage` prints what these tests see, as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from qbatch.result import homogeneity_p
from tests.proving import Allowance
from tests.result import coverage
from tests.result.coverage import Case, Row

#: Data sets of each number, and how many once `LONG_S` have gone by: a slow machine proves less.
DATA_SETS, LEAST, LONG_S = 2000, 500, 8.0


def measured(cases: Callable[[], Iterator[Case]]) -> list[Row]:
    allowance = Allowance(LONG_S)
    return [
        coverage.run(case, n, 1, LEAST if allowance.is_spent else DATA_SETS, 0)
        for case in cases()
        for n in case.shots
    ]


def assert_within_limits(rows: list[Row]) -> None:
    assert [coverage.line_of(row) for row in rows if row.faults] == []


@pytest.mark.slow
@pytest.mark.parametrize("cases", coverage.CASES, ids=lambda cases: cases.__name__)
def test_each_number_holds_the_truth_and_is_judged_within_its_limits(
    cases: Callable[[], Iterator[Case]],
) -> None:
    rows = measured(cases)
    assert_within_limits(rows)
    assert np.mean([row.holds for row in rows if row.shots >= 10]) >= 0.94
    ratios = [row.se_over_sd for row in rows if row.shots >= 10]
    assert np.nanmin(ratios) > 0.5
    assert np.nanmax(ratios) < 1.85


def test_the_numbers_once_found_wrong_are_within_their_limits() -> None:
    """S1: six Z with flips .002 covered .546 at 50 shots; true checks failed 13 % of the time."""
    wrong_once = ("6 Z, flips 0.002", "6 Z, flips 0.01", "Z0 + 10 Z1", "Bell pair, at it")
    tried = [
        case for cases in (coverage.sums, coverage.near_targets) for case in cases()
        if case.what.startswith(wrong_once) and case.number in ("sum", "tvd")
    ]  # fmt: skip
    assert len(tried) == 4
    rows = [coverage.run(case, n, 2, 300, 0) for case in tried for n in (1, 10, 50, 1000)]
    assert_within_limits(rows)


def test_a_limit_that_is_passed_is_seen() -> None:
    case = next(coverage.sums())
    good = Row(case, 50, 2000, 0.94, 0.03, 0.02, 0.05, 1.0)
    bad = Row(case, 50, 2000, 0.89, 0.06, 0.02, 0.08, 1.0)
    assert good.faults == []
    assert bad.faults == [">= fails", "== fails", "holds too rarely"]


@pytest.mark.slow
def test_floors_are_the_means_of_what_a_perfect_device_shows() -> None:
    for one in coverage.floors(1, 100_000):
        away = abs(one.floor - one.mean)
        short = 1 - one.floor if one.metric == "fidelity" else one.floor
        assert away <= 4.5 * one.error + 0.005 * short, one


@pytest.mark.slow
def test_shot_noise_is_called_excessive_as_rarely_as_said() -> None:
    rng = np.random.default_rng(5)
    excessive = 0
    for _ in range(DATA_SETS):
        ones = rng.binomial(400, 0.3, size=6)
        repeats = [{0.0: 400 - int(n), 1.0: int(n)} for n in ones]
        excessive += homogeneity_p(repeats) < 0.05
    assert 0.02 < excessive / DATA_SETS < 0.065
