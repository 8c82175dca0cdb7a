"""One call gives all numbers of a point; repeats are compared with their shot noise."""

from __future__ import annotations

import pytest

from qbatch.manifest.models import Analysis, Distribution
from qbatch.result import (
    Counts,
    analyse,
    shot_outcomes,
    shot_values,
    wilson,
)

ANALYSIS = Analysis(
    observables={"zz": "Z0 Z1"},
    probabilities={"p00": "00"},
    distribution=Distribution(target={"00": 0.5, "11": 0.5}, metrics=("tvd", "hellinger")),
)


def test_every_named_number_comes_in_the_order_of_the_columns() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 480, "11": 500, "01": 20})
    found = analyse(counts, ANALYSIS)
    assert tuple(found) == ANALYSIS.names == ("zz", "p00", "tvd", "hellinger")
    assert found["zz"].value == pytest.approx(0.96)
    assert found["p00"] == wilson(480, 1000)
    assert found["tvd"].value == pytest.approx(0.02)


def test_shots_are_told_by_what_each_number_makes_of_them() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 480, "11": 500, "01": 20})
    assert shot_values(counts, ANALYSIS) == {
        "zz": {1.0: 980, -1.0: 20},
        "p00": {0.0: 520, 1.0: 480},
    }
    assert shot_outcomes(counts, {"00": 0.5, "11": 0.5}) == {0.0: 20, 1.0: 480, 2.0: 500}
