"""The interval of a sum over bases holds the truth as often as it says, and is judged as rarely.

Counts are drawn from states whose numbers are known, each basis by shots of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from qbatch.result import Counts, expectation_value, wilson
from qbatch.result.combined import combined, expectation_of
from qbatch.result.grouping import AS_WRITTEN, Basis, group, split
from qbatch.result.independent import Sample, sum_intervals
from qbatch.result.pauli import PauliSum, parse_pauli
from tests.proving import Allowance
from tests.result.coverage_of_combined import CASES, SHOTS, rates


def allowed(limit: float, number: int) -> float:
    return 4 * math.sqrt(limit * (1 - limit) / number)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_intervals_hold_the_truth_as_often_as_they_say(name: str) -> None:
    """94 to 97 % at 100 to 100,000 shots, and never refuted more than 2.5 % on a side."""
    allowance = Allowance(8.0)
    for shots in SHOTS:
        number = 200 if allowance.is_spent else 1000
        holds, above, below = rates(CASES[name], shots, number)
        assert 0.94 - allowed(0.06, number) <= holds <= 0.97 + allowed(0.03, number), (shots, holds)
        assert max(above, below) <= 0.025 + allowed(0.025, number), (shots, above, below)


def test_a_sum_of_rare_flips_is_held_and_not_refuted() -> None:
    """Arms joined by their squares refuted 3.5 % on one side where 2.5 % are allowed."""
    holds, above, below = rates(CASES["three correlations of a Bell pair"], 100, 120)
    assert holds >= 0.94 - allowed(0.06, 120)
    assert max(above, below) <= 0.025 + allowed(0.025, 120)


def two_valued(ones: int, shots: int) -> Sample:
    counts = [(value, n) for value, n in ((0.0, shots - ones), (1.0, ones)) if n]
    values, numbers = zip(*counts, strict=True)
    return Sample(np.array(values), np.array(numbers), (0.0, 1.0), True)


@pytest.mark.parametrize("ones", [(0, 0), (0, 3), (2, 5), (5, 5), (40, 50), (50, 50)])
def test_samples_of_one_chance_are_told_as_their_shots_together(ones: Sequence[int]) -> None:
    """Of equal samples the sum is twice what Wilson's interval of all shots says, where rare."""
    (low, high), (least, most) = sum_intervals([two_valued(k, 10_000) for k in ones], 0.95)
    pooled = wilson(sum(ones), 20_000)
    assert high / 2 == pytest.approx(pooled.high, rel=0.01)
    assert low / 2 == pytest.approx(pooled.low, rel=0.01, abs=1e-12)
    assert least / 2 == pytest.approx(pooled.judged[0], rel=0.01, abs=1e-12)
    assert most / 2 <= pooled.judged[1] * (1 + 4 / (sum(ones) + 4))


def test_many_shots_make_the_normal_interval() -> None:
    rng = np.random.default_rng(2)
    samples = [
        Sample(
            np.array([-2.0, 0.0, 1.0]), rng.multinomial(10**7, [0.2, 0.3, 0.5]), (-2.0, 3.0), False
        )
        for _ in range(4)
    ]
    value = sum(sample.mean for sample in samples)
    arm = 1.959964 * math.sqrt(sum(sample.squared_error for sample in samples))
    for low, high in sum_intervals(samples, 0.95):
        assert value - low == pytest.approx(arm, rel=1e-2)
        assert high - value == pytest.approx(arm, rel=1e-2)


def test_the_sign_of_a_sum_mirrors_its_interval() -> None:
    samples = [
        two_valued(3, 40),
        Sample(np.array([0.0, 1.0, 4.0]), np.array([5, 9, 2]), (-1.0, 4.0), False),
    ]
    told, judged = sum_intervals(samples, 0.9)
    other_told, other_judged = sum_intervals([sample.mirrored() for sample in samples], 0.9)
    assert told == pytest.approx((-other_told[1], -other_told[0]))
    assert judged == pytest.approx((-other_judged[1], -other_judged[0]))


def test_bases_of_which_all_shots_agree_keep_a_width() -> None:
    bell = parse_pauli("X0 X1 - Y0 Y1 + Z0 Z1 + 0.5", 2)
    bases = group([bell])
    agree = Counts.from_dict((("c", 2),), {"00": 500, "11": 500})
    differ = Counts.from_dict((("c", 2),), {"01": 490, "10": 510})
    found = expectation_of(bell, dict(zip(bases, (agree, agree, differ), strict=True)))
    assert (found.value, found.se, found.high) == (3.5, 0.0, 3.5)
    assert found.low == pytest.approx(3.5 - 2 * 3.8415 / 1000, abs=1e-4)
    assert found.judged[0] < 3.5


def test_what_one_basis_tells_is_estimated_as_ever() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 40, "11": 55, "01": 5})
    parts = split(parse_pauli("2 + Z0 + 0.3 Z0 Z1", 2), [AS_WRITTEN])
    assert combined([(parts[0], counts)]) == expectation_value(counts, parts[0])
    moved = expectation_of(
        parse_pauli("2 + X0", 2), {AS_WRITTEN: counts, Basis.parse("X0"): counts}
    )
    alone = expectation_of(parse_pauli("X0", 2), {Basis.parse("X0"): counts})
    assert (moved.value, moved.low) == pytest.approx((alone.value + 2, alone.low + 2))
    nothing = expectation_of(PauliSum({}), {AS_WRITTEN: counts})
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
