"""A few bitstrings are read one by one, and give what many, read as arrays, would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result import Counts
from qbatch.result.few import FEW, read_few

sizes = st.integers(1, 70)


@given(sizes.flatmap(lambda n: st.tuples(st.just(n), st.dictionaries(
    st.integers(0, 2**n - 1), st.integers(1, 2**40), min_size=1, max_size=FEW))))  # fmt: skip
def test_counts_are_those_of_their_integers(case: tuple[int, dict[int, int]]) -> None:
    num_bits, numbers = case
    layout = (("c", num_bits),)
    told = {format(outcome, f"0{num_bits}b"): shots for outcome, shots in numbers.items()}
    assert read_few(num_bits, told) is not None
    counts = Counts.from_dict(layout, told)
    expected = Counts.from_ints(layout, list(numbers), list(numbers.values()))
    assert counts == expected
    assert counts.pack() == expected.pack()
    for mine, theirs in (
        (counts.outcomes, expected.outcomes),
        (counts.counts, expected.counts),
    ):
        assert (mine.dtype, mine.shape) == (theirs.dtype, theirs.shape)
        assert mine.flags.c_contiguous
        assert not mine.flags.writeable


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"00": 0, "11": 4}, {"11": 4}),
        ({"00": np.int64(3)}, {"00": 3}),
        ({}, {}),
        ({"01": 1 << 50}, {"01": 1 << 50}),
    ],
)
def test_what_is_out_of_the_ordinary_is_read_as_before(
    told: dict[str, int], expected: dict[str, int]
) -> None:
    assert read_few(2, told) is None
    assert Counts.from_dict((("c", 2),), told).to_dict() == expected


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"00": True}, "True is no count"),
        ({"00": 1.5}, r"1\.5 is no count"),
        ({"00": -1}, "-1 shots is impossible"),
        ({"0": 1, "11": 1}, "'0' does not fit"),
        ({"0b": 1}, "'0b' does not fit"),
        ({" 1": 1}, "' 1' does not fit"),
        ({"1_": 1}, "'1_' does not fit"),
        ({"-1": 1}, "'-1' does not fit"),
        ({"٠١": 1}, "other characters"),
    ],
)
def test_mistakes_are_told_as_those_of_many(told: dict[str, int], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Counts.from_dict((("c", 2),), told)


def test_more_than_a_few_are_read_as_arrays() -> None:
    def many(n: int) -> dict[str, int]:
        return {f"{k:05b}": k + 1 for k in range(n)}

    assert read_few(5, many(FEW)) is not None
    assert read_few(5, many(FEW + 1)) is None
    for n in (FEW, FEW + 1):
        assert Counts.from_dict((("c", 5),), many(n)).to_dict() == many(n)
