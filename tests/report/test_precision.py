"""How well numbers are known, in a report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qbatch.report.precision import _Fits


def test_curves_of_points_that_share_forms_are_judged_by_the_least_likely() -> None:
    """Four points that say the same once: summed up, they would say it four times."""
    fits, same = _Fits(), SimpleNamespace(chi2=3.84, dof=1, p=0.05)
    for name in "abcd":
        one: Any = same
        fits.add(name, one)
    assert fits.p_value(is_twirled=False) == pytest.approx(0.0040, rel=0.01)
    assert fits.p_value(is_twirled=True) == pytest.approx(0.2)
