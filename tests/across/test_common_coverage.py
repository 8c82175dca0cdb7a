"""Numbers of points that one calibration mends hold the truth as often as they say.

`python -m tests.across.common_coverage` prints what these tests see, as a table.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from qbatch.across import fits
from qbatch.across.fitting import data_of, fit
from qbatch.across.sharing import errors_and_turns
from qbatch.curves import own_curve
from qbatch.formula import read_formula
from tests.across import common_coverage as coverage
from tests.across.common_coverage import Case
from tests.proving import PATIENCE

#: Seconds for one row; as many data sets as they allow.
BUDGET_S = 5.0

CASES = {case.what: case for case in coverage.cases()}


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1000, 100_000])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_intervals_of_points_of_one_calibration_hold_the_truth(case: Case, shots: int) -> None:
    method = {1000: "tensored", 100_000: "mthree"}[shots]
    row = coverage.run(case, shots, 7, 1000, method, time.monotonic() + BUDGET_S * PATIENCE)
    assert row.is_within_limits, row


@pytest.mark.slow
def test_points_that_are_taken_for_independent_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a calibration that errs more than the points: a tenth of their shots."""
    monkeypatch.setattr(coverage, "CALIBRATION", 0.1)
    case = CASES["mean of twelve points"]
    assert coverage.run(case, 1000, 1, 100, "tensored").is_within_limits
    monkeypatch.setattr(fits.Measured, "in_common", lambda *_: None)
    monkeypatch.setattr(fits.Measured, "calibrations_of", lambda *_: frozenset())
    monkeypatch.setattr(fits.Measured, "shared_by", lambda self, *_: frozenset({self.id}))
    assert not coverage.run(
        CASES["mean of twelve points"], 1000, 1, 150, "tensored"
    ).is_within_limits


@pytest.mark.slow
def test_a_constant_fitted_to_points_of_one_calibration_is_not_drawn_towards_0() -> None:
    """With errors in common at the values as they came out it would be (Peelle's puzzle)."""
    x = np.linspace(0, 1, 80)
    manifest = coverage.manifest_of(
        {"observables": {"E": "Z0 Z1"}, "mitigation": {"readout": {"method": "tensored"}}},
        {"x": x.tolist()},
    )
    curve = own_curve(read_formula("b + 0*x"))
    found: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(12):
        across = coverage.across_of(manifest, lambda x, y: 0.7, 300, seed)
        points = [*across.points]
        common = errors_and_turns([p.in_common("E.readout", manifest.analysis) for p in points])
        assert common is not None
        estimates = [point.estimates["E.readout"] for point in points]
        for is_turned in (True, False):
            errors, turns = common
            both = errors, turns * is_turned
            data = data_of(x.tolist(), estimates, [300] * 80, 1.96, both)
            solution = fit(curve, data, start={"b": 0.5}, fixed={}, z=1.96)
            found[is_turned].append(solution.parameters["b"].value)
    error = float(np.std(found[True])) / 12**0.5
    assert abs(np.mean(found[True]) - 0.7) < 3 * error
    assert np.mean(found[False]) < np.mean(found[True]) - 5 * error


def test_ends_nearer_than_errors_in_common_make_no_point_precise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Many shots, mended by few of a calibration: one end of a point's interval is so near here."""
    monkeypatch.setattr(coverage, "CALIBRATION", 0.01)
    manifest = CASES["χ² of theory"].manifest("tensored")
    across = coverage.across_of(manifest, coverage.decay, 100_000, [3, 7])
    points = [*across.points]
    common = errors_and_turns([p.in_common("E.readout", manifest.analysis) for p in points])
    assert common is not None
    together = float((common[0][0] ** 2).sum())
    first = points[0].estimates["E.readout"]
    assert ((first.value - first.low) / 1.96) ** 2 < together < first.se**2
    estimates = [point.estimates["E.readout"] for point in points]
    data = data_of(coverage.X.tolist(), estimates, [100_000] * len(points), 1.96, common)
    assert data.below[0] == pytest.approx((first.se**2 - together) ** 0.5, rel=0.1)
    (told,) = across.expected
    assert told.p_value is not None
    assert told.p_value > 0.01
