"""One call gives all numbers of a point; repeats are compared with their shot noise."""

from __future__ import annotations

import random

import pytest

from qbatch.manifest.models import Analysis, Distribution
from qbatch.result import (
    Counts,
    analyse,
    check_analysis,
    names_of,
    scatter,
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
    assert tuple(found) == names_of(ANALYSIS) == ("zz", "p00", "tvd", "hellinger")
    assert found["zz"].value == pytest.approx(0.96)
    assert found["p00"] == wilson(480, 1000)
    assert found["tvd"].value == pytest.approx(0.02)


def test_an_analysis_is_checked_without_counts() -> None:
    check_analysis(ANALYSIS, (("c", 2),))
    with pytest.raises(ValueError, match="'Z1': the circuit has the one classical bit 0"):
        check_analysis(ANALYSIS, (("c", 1),))


def coins(ones: int, shots: int) -> dict[float, int]:
    return {0.0: shots - ones, 1.0: ones}


def test_shot_noise_alone_is_no_excess_and_drift_is() -> None:
    rng = random.Random(5)
    steady = [coins(sum(rng.random() < 0.3 for _ in range(500)), 500) for _ in range(8)]
    drifting = [coins(150 + 20 * i, 500) for i in range(8)]
    assert not scatter(steady).is_excessive
    assert scatter(drifting).is_excessive
    assert scatter(drifting).sd > 2 * scatter(drifting).shot_noise


def test_repeats_that_all_agree_exactly_have_no_scatter() -> None:
    assert scatter([coins(9, 9), coins(1, 1)]).p_value == 1
    with pytest.raises(ValueError, match="two repeats"):
        scatter([coins(1, 2), {}])


def test_scatter_tells_how_much_shot_noise_there_would_be() -> None:
    found = scatter([coins(20, 100), coins(40, 100)])
    assert found.mean == pytest.approx(0.3)
    assert found.sd == pytest.approx(0.2 / 2**0.5)
    assert found.shot_noise == pytest.approx((0.3 * 0.7 / 100) ** 0.5, rel=0.01)


def test_shots_are_told_by_what_each_number_makes_of_them() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 480, "11": 500, "01": 20})
    assert shot_values(counts, ANALYSIS) == {
        "zz": {1.0: 980, -1.0: 20},
        "p00": {0.0: 520, 1.0: 480},
    }
    assert shot_outcomes(counts, {"00": 0.5, "11": 0.5}) == {0.0: 20, 1.0: 480, 2.0: 500}
