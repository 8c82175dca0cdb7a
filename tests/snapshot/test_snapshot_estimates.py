"""Estimates come back from their stored form as they were, and only under their own method."""

from __future__ import annotations

import json

import pytest

from qbatch.manifest.models import Analysis
from qbatch.result import Counts, Estimate, analyse, wilson
from qbatch.snapshot import estimates

ANALYSIS = Analysis(observables={"zz": "Z0 Z1", "sum": "Z0 + 2 Z1"}, probabilities={"p": "0*"})


def test_estimates_come_back_with_what_they_are_judged_on() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 480, "11": 500, "01": 20})
    found = {**analyse(counts, ANALYSIS), "tvd": Estimate(0.1, 0.01, 0.05, 0.2)}
    assert estimates.read_estimates(json.loads(estimates.dump_estimates(found))) == found
    assert found["p"].judged == wilson(500, 1000).judged != (found["p"].low, found["p"].high)


def test_numbers_made_by_another_method_are_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    key = estimates.analysis_key(ANALYSIS)
    monkeypatch.setattr(estimates, "METHOD", estimates.METHOD + 1)
    assert estimates.analysis_key(ANALYSIS) != key
