"""Derived numbers' intervals hold the truth as often as they say.

`python -m tests.across.derived_coverage` prints what these tests see, as a table.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.across import derived_coverage as coverage
from tests.across.derived_coverage import Case
from tests.proving import Allowance

#: Data sets of each number of shots, and seconds after which fewer do.
DATA_SETS, FEWER, LONG_S = 600, 150, 3.0


#: A data set of those with fits takes 0.3 s: the script alone measures them.
CASES = [case for case in coverage.cases() if "fits" not in case.analysis]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_intervals_of_derived_numbers_hold_the_truth(case: Case) -> None:
    allowance = Allowance(LONG_S)
    for shots in coverage.SHOTS:
        row = coverage.run(case, shots, 7, FEWER if allowance.is_spent else DATA_SETS)
        assert row.is_within_limits, row


def test_an_interval_that_is_too_short_is_seen() -> None:
    """Of a truth that lies 0.03 beside the one drawn from, hardly more than half are right."""
    case = next(each for each in coverage.cases() if each.what.startswith("difference"))
    wrong = replace(case, truth=lambda chances: case.truth(chances) + 0.03)
    assert not coverage.run(wrong, 1000, 1, 150).is_within_limits
