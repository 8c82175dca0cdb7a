"""A drift of one circuit's outcomes is found, and where there is none hardly ever."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

import qbatch
from qbatch.result.correlation import columns_of, worst_of
from qbatch.result.drift import ALARM, find_drift
from tests.proving import patiently

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


# -- how often an alarm is raised: the guide's table ----------------------------------------------

SHARE, EACH = 0.9, 400
TIMES, JUMPS = (6, 10, 20, 40), (0.0, 1.0, 1.5, 2.0, 3.0)
GUIDE = Path(qbatch.__file__).parent / "guide" / "drift.md"


def rate(times: int, jump: float, rows: int, seed: int = 5) -> float:
    """How often an alarm is raised at a share of 0.9, or with a jump down in the middle.

    Args:
        times: References.
        jump: In units of the error of one reference's share.
        rows: Runs that are drawn.
    """
    generator = np.random.default_rng([seed, times, round(10 * jump)])
    steps = np.arange(times) >= times // 2
    share = SHARE - jump * (SHARE * (1 - SHARE) / EACH) ** 0.5 * steps
    drawn = generator.binomial(EACH, share, size=(rows, times))
    drawn = drawn[np.argsort(drawn.sum(axis=1))]  # what is drawn by chance is kept for one total
    return sum(find_drift([*map(int, row)], [EACH] * times).is_drift for row in drawn) / rows


def told(times: int) -> list[float]:
    """What the guide says of so many references."""
    (line,) = (each for each in GUIDE.read_text("utf-8").splitlines() if f"| {times} |" in each)
    return [float(text) / 100 for text in re.findall(r"([\d.]+) %", line)]


@pytest.mark.slow
@pytest.mark.parametrize("times", TIMES)
def test_false_alarms_are_as_rare_as_said_and_jumps_are_found_as_often(times: int) -> None:
    """Where nothing drifts, and at the jump that is found most nearly every second time."""
    rows, expected = patiently(3200 // times), dict(zip(JUMPS, told(times), strict=True))
    for jump in (0.0, min(JUMPS, key=lambda jump: abs(expected[jump] - 0.5))):
        found, as_told = rate(times, jump, rows), expected[jump]
        error = (max(as_told * (1 - as_told), ALARM / 4) / rows) ** 0.5
        assert abs(found - as_told) <= 4 * error, jump
        assert jump or found <= ALARM + 3 * (ALARM / rows) ** 0.5


def table(rows: int = 10_000) -> str:
    """The guide's table; `python -m tests.result.test_drift` prints it."""
    lines = ["| references | nothing | 1 | 1.5 | 2 | 3 |", "|---|---|---|---|---|---|"]
    for times in TIMES:
        found = (rate(times, jump, rows if not jump else rows // 4, seed=1) for jump in JUMPS)
        first, *others = found
        cells = [f"{100 * first:.2f} %", *(f"{100 * each:.0f} %" for each in others)]
        lines.append(f"| {times} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
