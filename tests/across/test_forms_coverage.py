"""Numbers of points that are twirled to the same forms hold the truth as often as they say.

`python -m tests.across.forms_coverage` prints what these tests see, as a table.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from qbatch.across.fitting.repetitions import Distances, Forms
from qbatch.across.points import Measured
from qbatch.result import widened_by
from tests.across import forms_coverage as coverage
from tests.across.forms_coverage import KINDS
from tests.proving import PATIENCE

#: Seconds for one way in which forms differ; as many data sets as they allow.
BUDGET_S = 10.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["in readout (2 and 8 %)", "in 10 gates that turn by 0.03"])
def test_intervals_of_points_of_the_same_forms_hold_the_truth(kind: str) -> None:
    until = time.monotonic() + BUDGET_S * PATIENCE
    seen = coverage.seen(KINDS[kind], 16, 100_000, 7, 1000, until)
    assert not seen.amiss, seen


@pytest.mark.slow
def test_forms_that_are_taken_for_independent_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum of points that err alike, and theory that all of them miss together."""
    monkeypatch.setattr(Measured, "in_common", lambda *_: None)
    monkeypatch.setattr(Measured, "shared_by", lambda self, *_: frozenset({self.id}))
    seen = coverage.seen(KINDS["in 10 gates that turn by 0.1"], 16, 100_000, 7, 60)
    assert {"χ² of theory", "mean of six points"} <= seen.amiss.keys()


@pytest.mark.parametrize("together", [0.0, 0.7, 1.0])
def test_p_of_numbers_that_depend_by_forms_is_even(together: float) -> None:
    """Eight normal numbers of 16 forms, of which so much of the variance is common to all."""
    rng, told = np.random.default_rng(3), []
    for _ in range(1000):
        drawn = together**0.5 * rng.standard_normal(16) + (1 - together) ** 0.5 * (
            rng.standard_normal((8, 16))
        )
        mean = drawn.mean(axis=1)
        rows = (drawn - mean[:, None]) / 240**0.5
        errors = np.sqrt((rows**2).sum(axis=1)) * widened_by(16)
        rows = rows * widened_by(16) / errors[:, None]
        distances = Distances(rows, np.zeros((8, 0)), np.zeros(8), 8)
        told.append(distances.p_value(float(((mean / errors) ** 2).sum())))
    assert 0.925 < np.mean(np.array(told) >= 0.05) < 0.975
    assert 0.4 < np.mean(np.array(told) >= 0.5) < 0.65


def test_points_whose_forms_agree_by_chance_do_not_weigh_more() -> None:
    rng = np.random.default_rng(8)
    drawn = rng.standard_normal((40, 16))
    variances = drawn.var(axis=1, ddof=1)
    away = drawn - drawn.mean(axis=1)[:, None]
    shares = away / np.sqrt((away**2).sum(axis=1))[:, None]
    for true, most in ((np.ones(40), 0.01), (np.linspace(1, 400, 40), 1.1)):
        forms = Forms(shares, np.zeros(40), 1 / (variances * true))
        evened, factors = forms.evened()
        found = variances * true * factors**2
        strays = np.std(np.log(found / true)), np.std(np.log(variances))
        assert strays[0] < most * strays[1]
        assert evened.shares * factors[:, None] == pytest.approx(shares)
