"""A drift of one circuit's outcomes is found, and where there is none hardly ever."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from qbatch.result.correlation import columns_of, worst_of
from qbatch.result.drift import ALARM, find_drift

STEADY = [180, 175, 183, 178, 181, 177, 182, 179, 176, 180]
SHOTS = [200] * 10


def test_a_steady_machine_raises_no_alarm() -> None:
    found = find_drift(STEADY, SHOTS)
    assert (found.kind, found.is_drift) == ("none", False)
    assert found.share == pytest.approx(sum(STEADY) / 2000)


def test_a_jump_is_told_with_its_place_and_size() -> None:
    found = find_drift([180] * 6 + [140] * 4, SHOTS)
    assert (found.kind, found.at) == ("jump", 6)
    assert found.change == pytest.approx(-0.2)


def test_a_trend_is_told_with_its_size() -> None:
    found = find_drift([190 - 5 * turn for turn in range(10)], SHOTS)
    assert found.kind == "trend"
    assert found.change == pytest.approx(-45 / 200)


@pytest.mark.parametrize("ones", [[0] * 10, [200] * 10])
def test_shots_that_all_agree_show_no_drift(ones: list[int]) -> None:
    assert find_drift(ones, SHOTS).kind == "none"


def test_a_few_references_say_nothing() -> None:
    assert find_drift([200, 100, 0], [200] * 3).kind == "too few"


def test_a_trends_p_is_that_of_cochran_and_armitage() -> None:
    ones, shots = np.array([150, 161, 158, 170, 166, 172]), np.full(6, 200)
    share, turn = ones.sum() / shots.sum(), np.arange(6)
    mean = (turn * shots).sum() / shots.sum()
    top = ((turn - mean) * ones).sum() ** 2
    below = share * (1 - share) * (shots * (turn - mean) ** 2).sum()
    expected = chi2.sf(top / below, 1)
    assert find_drift([*map(int, ones)], [200] * 6).trend_p == pytest.approx(expected, rel=0.25)


def test_equal_counts_give_equal_answers() -> None:
    assert find_drift(STEADY, SHOTS) == find_drift(STEADY, SHOTS)


def test_correlations_are_those_of_numpy_and_words_count_one_by_one() -> None:
    values = [0.5, 2.0, 1.0, 3.0]
    (own,) = columns_of(values)
    assert worst_of(range(4), [own]) == pytest.approx(np.corrcoef(values, range(4))[0, 1])
    assert worst_of(range(4), columns_of(["a", "a", "b", "b"])) == pytest.approx(2 / 5**0.5)
    assert columns_of([1, 1.0, 1]) == []


def rate(generator: np.random.Generator, times: int, jump: float, reps: int) -> float:
    """How often an alarm is raised at shares of 0.9, or with a jump in the middle.

    `jump` is in units of the error of one reference's share.
    """
    shots = 400
    share = 0.9 - jump * (0.9 * 0.1 / shots) ** 0.5 * (np.arange(times) >= times // 2)
    drawn = generator.binomial(shots, share, size=(reps, times))
    return sum(find_drift([*map(int, row)], [shots] * times).is_drift for row in drawn) / reps


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_said_and_jumps_are_found() -> None:
    generator = np.random.default_rng(5)
    for times in (6, 20):
        found = rate(generator, times, 0.0, 600)
        assert found <= ALARM + 3 * (ALARM / 600) ** 0.5
    assert rate(generator, 20, 2.0, 100) > 0.8
