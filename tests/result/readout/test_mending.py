"""Numbers from which readout is taken out are what plain linear algebra makes of the counts.

The matrices of the tests are made outcome by outcome and inverted by numpy. Errors are held against
draws of both the shots and the calibration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qbatch.result import Counts, NotationError
from qbatch.result.observable import parse_observable
from qbatch.result.pattern import matches_of
from qbatch.result.readout.mending import mend
from qbatch.result.readout.methods import calibrations_of, readout_of
from qbatch.result.readout.told import UntoldError
from qbatch.result.readout.worth import OfObservable, OfPattern, Worth
from tests.daily import mostly_slow

RATES = ((0.02, 0.05), (0.1, 0.03), (0.01, 0.08))
PATTERNS = (
    *("1*0", "all=0 | all=1", "weight(all)<=1", "parity(all)=1", "c=*1*", "all=0 | *11 | 1**"),
    "weight(all)>=2 | all=0",
)
OBSERVABLES = ("Z0", "Z0 Z2", "parity(all)", "1 - 0.5 Z0 Z1 + 2 Z2", "weight(all)")


def matrix_of(rates: Sequence[tuple[float, float]], together: float = 0.0) -> np.ndarray:
    """Read, prepared -> probability; `together`: that the first two bits are both read wrongly."""
    size = 1 << len(rates)
    found = np.ones((size, size))
    for read in range(size):
        for was in range(size):
            for bit, (zero, one) in enumerate(rates):
                wrong = one if was >> bit & 1 else zero
                is_wrong = (read ^ was) >> bit & 1
                found[read, was] *= wrong if is_wrong else 1 - wrong
    swapped = found[[read ^ 3 for read in range(size)]] if together else found
    return (1 - together) * found + together * swapped


def counts_of(numbers: Sequence[int] | np.ndarray) -> Counts:
    width = (len(numbers) - 1).bit_length()
    return Counts.from_ints((("c", width),), list(range(len(numbers))), list(map(int, numbers)))


def worth_of(text: str, width: int = 3) -> Worth:
    registers = (("c", width),)
    if text in OBSERVABLES or text.startswith("Z"):
        return OfObservable(parse_observable(text, width, registers))
    return OfPattern(text, registers)


def expected_worth(text: str) -> np.ndarray:
    """What each of the eight outcomes is worth, from what the language says."""
    every = counts_of([1] * 8)
    worth = worth_of(text)
    return worth.of(every) if isinstance(worth, OfObservable) else 1.0 * matches_of(every, text)


def calibrated(
    method: str, matrix: np.ndarray, shots: int, rng: np.random.Generator | None = None
) -> Mapping[str, Counts]:
    """Counts of a calibration, drawn or as expected."""
    width = (len(matrix) - 1).bit_length()
    found = {}
    for text in calibrations_of(method, range(width), width):
        column = matrix[:, int(text, 2)]
        drawn = rng.multinomial(shots, column) if rng else np.rint(shots * column)
        found[text] = counts_of(drawn)
    return found


@pytest.mark.parametrize("method", ["tensored", "full", "mthree"])
@pytest.mark.parametrize("text", [*OBSERVABLES, *PATTERNS])
def test_a_mended_number_is_that_of_the_inverse(method: str, text: str) -> None:
    matrix = matrix_of(RATES)
    counts = counts_of(np.random.default_rng(1).multinomial(9_000, np.full(8, 1 / 8)))
    shots = 10**6  # all probabilities are whole numbers of these
    found = mend([(worth_of(text), counts)], readout_of(method, calibrated(method, matrix, shots)))
    true = np.linalg.inv(matrix) @ (counts.counts / counts.shots)
    assert found.value == pytest.approx(expected_worth(text) @ true, abs=1e-9)
    assert found.low < found.value < found.high


def test_bits_that_err_together_are_mended_by_the_whole_matrix_alone() -> None:
    matrix = matrix_of(RATES, together=0.1)
    true = np.array([0.5, 0, 0, 0, 0, 0, 0, 0.5])
    counts = counts_of(np.rint(10**7 * matrix @ true))
    values = {
        method: mend(
            [(worth_of("Z0"), counts), (worth_of("Z0 Z1"), counts)],
            readout_of(method, calibrated(method, matrix, 10**7)),
        ).value
        for method in ("full", "tensored")
    }
    assert values["full"] == pytest.approx(1.0, abs=1e-4)
    assert abs(values["tensored"] - 1.0) > 0.01


@pytest.mark.parametrize("method", ["tensored", "full", "mthree"])
@pytest.mark.parametrize("text", mostly_slow(["1 - 0.5 Z0 Z1 + 2 Z2", "Z0 Z2", "weight(all)<=1"]))
def test_the_error_is_that_of_shots_and_calibration_drawn_anew(method: str, text: str) -> None:
    matrix, rng = matrix_of(RATES), np.random.default_rng(7)
    true = np.array([0.3, 0.05, 0.1, 0.05, 0.1, 0.1, 0.1, 0.2])
    drawn = [
        mend(
            [(worth_of(text), counts_of(rng.multinomial(2_000, matrix @ true)))],
            readout_of(method, calibrated(method, matrix, 400, rng)),
        )
        for _ in range(250)
    ]
    spread = np.std([each.value for each in drawn])
    told = math.sqrt(np.mean([each.se**2 for each in drawn]))
    assert told == pytest.approx(spread, rel=0.2)  # 4.5 deviations of the spread of 250
    assert abs(np.mean([each.value for each in drawn]) - expected_worth(text) @ true) < spread / 3


def test_settings_share_the_error_of_their_calibration() -> None:
    """Of twice the same setting it counts once for both, not for each by itself."""
    matrix = matrix_of(RATES)
    counts = counts_of(np.rint(10**9 * matrix @ np.eye(8)[0]))
    readout = readout_of("tensored", calibrated("tensored", matrix, 1000))
    once = mend([(worth_of("Z0"), counts)], readout)
    twice = mend([(worth_of("Z0"), counts)] * 2, readout)
    assert twice.se == pytest.approx(2 * once.se, rel=1e-3)


@given(st.lists(st.integers(0, 40), min_size=8, max_size=8).filter(any), st.sampled_from(PATTERNS))
@settings(max_examples=60, deadline=None)
def test_without_errors_of_readout_a_number_stays(numbers: list[int], text: str) -> None:
    ideal = {"000": counts_of([500, *[0] * 7]), "111": counts_of([*[0] * 7, 500])}
    counts = counts_of(numbers)
    found = mend([(worth_of(text), counts)], readout_of("tensored", ideal))
    assert found.value == pytest.approx(matches_of(counts, text) @ counts.counts / sum(numbers))


def test_a_calibration_without_a_wrong_bit_still_leaves_something_open() -> None:
    ideal = {"0": counts_of([100, 0]), "1": counts_of([0, 100])}
    found = mend([(worth_of("Z0", 1), counts_of([10**6, 0]))], readout_of("tensored", ideal))
    assert found.value == 1
    assert found.high - found.low > 0.03  # 3 of 100 may well have been wrong


def test_quasi_probabilities_below_0_are_kept() -> None:
    calibration = {"0": counts_of([900, 100]), "1": counts_of([100, 900])}
    found = mend([(worth_of("1", 1), counts_of([995, 5]))], readout_of("full", calibration))
    assert found.value == pytest.approx((0.005 - 0.1) / 0.8)


@pytest.mark.parametrize("method", ["tensored", "full", "mthree"])
def test_a_readout_that_tells_nothing_gives_no_number(method: str) -> None:
    blind = {"0": counts_of([520, 480]), "1": counts_of([480, 520])}
    with pytest.raises(UntoldError, match="tells too little"):
        mend([(worth_of("Z0", 1), counts_of([7, 3]))], readout_of(method, blind))


@pytest.mark.parametrize("method", ["tensored", "full", "mthree"])
def test_a_calibration_that_is_not_whole_gives_no_number(method: str) -> None:
    with pytest.raises(UntoldError, match="not calibrated yet"):
        readout_of(method, {"111": counts_of([*[0] * 7, 100])})


def test_bits_that_are_never_written_are_read_without_error() -> None:
    calibration = {"000": counts_of([90, 10, *[0] * 6]), "001": counts_of([20, 80, *[0] * 6])}
    found = mend(
        [(worth_of("Z0 Z2"), counts_of([55, 45, *[0] * 6]))], readout_of("tensored", calibration)
    )
    assert found.value == pytest.approx((0.1 - 0.1) / 0.7, abs=1e-12)


def test_a_pattern_of_too_many_products_is_refused() -> None:
    wide = (("c", 14),)
    joined = " | ".join(f"weight(all)={n}, c={'*' * (13 - n)}1{'*' * n}" for n in range(14))
    with pytest.raises(NotationError, match="join fewer outcomes"):
        _ = OfPattern(joined, wide).products


def test_many_bits_are_mended_without_a_matrix() -> None:
    """Of 60 bits that are all 0: the product of 60 small inverses."""
    rng, width = np.random.default_rng(2), 60
    registers = (("c", width),)

    def read(prepared: int, shots: int) -> Counts:
        bits = np.full((shots, width), prepared) ^ (rng.random((shots, width)) < 0.01)
        rows = np.packbits(bits.astype(np.uint8), axis=1, bitorder="little")
        return Counts.from_shots(registers, rows)

    calibration = {"0" * width: read(0, 20_000), "1" * width: read(1, 20_000)}
    found = mend(
        [(OfPattern("all=0", registers), read(0, 2_000))], readout_of("tensored", calibration)
    )
    assert found.low < 1 < found.high
    assert found.high - found.low < 0.12
