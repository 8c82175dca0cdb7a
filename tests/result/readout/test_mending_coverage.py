"""Intervals of mended numbers hold the truth as often as they say: see `coverage` beside this."""

from __future__ import annotations

import time

import pytest

from tests.proving import PATIENCE
from tests.result.readout.coverage import CASES, FEWEST, METHODS, Case, run

#: Seconds for one test; as many data sets as they allow.
BUDGET_S = 1.5 * PATIENCE


@pytest.mark.slow
@pytest.mark.parametrize(("shots", "calibration"), [(100, 1000), (1000, 100), (100_000, 10_000)])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}: {case.text}")
def test_intervals_of_mended_numbers_hold_the_truth(
    case: Case, method: str, shots: int, calibration: int
) -> None:
    until = time.monotonic() + BUDGET_S
    row = run(case, method, shots, calibration, 1000, 7, until)
    assert row.data_sets >= FEWEST
    assert row.undecided <= 0.05
    assert row.fault == ""
