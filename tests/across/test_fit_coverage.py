"""Intervals of fitted parameters hold the truth as often as they say: `tests.across.coverage`."""

from __future__ import annotations

import time

import pytest

from tests.across.coverage import CASES, FEWEST, SHOTS, Case, run

#: Seconds for one row; as many data sets as they allow.
BUDGET_S = 6.0


@pytest.mark.slow
@pytest.mark.parametrize("shots", [SHOTS[0], SHOTS[-1]])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_intervals_of_fitted_parameters_hold_the_truth(case: Case, shots: int) -> None:
    row = run(case, shots, 7, 1000, time.monotonic() + BUDGET_S)
    assert row.data_sets >= FEWEST
    assert row.undecided <= 0.01
    assert row.faults == []
