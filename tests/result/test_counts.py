"""Counts keep every outcome, in one bit order, whatever they were made from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.errors import SnapshotError
from qbatch.result import Counts, pool

widths = st.lists(st.integers(1, 70), min_size=1, max_size=4)
layouts = widths.map(lambda bits: tuple((f"r{i}", n) for i, n in enumerate(bits)))


@st.composite
def counted(draw: st.DrawFn) -> tuple[tuple[tuple[str, int], ...], dict[int, int]]:
    layout = draw(layouts)
    top = 2 ** sum(n for _, n in layout) - 1
    return layout, draw(st.dictionaries(st.integers(0, top), st.integers(1, 2**40), max_size=20))


def by_hand(layout: tuple[tuple[str, int], ...], outcome: int) -> str:
    words = []
    for _, num_bits in layout:
        words.append(format(outcome & (2**num_bits - 1), f"0{num_bits}b"))
        outcome >>= num_bits
    return " ".join(reversed(words))


@given(counted())
def test_text_puts_bit_0_rightmost_and_the_last_register_leftmost(
    given_counts: tuple[tuple[tuple[str, int], ...], dict[int, int]],
) -> None:
    layout, numbers = given_counts
    counts = Counts.from_ints(layout, list(numbers), list(numbers.values()))
    assert counts.to_dict() == {by_hand(layout, key): n for key, n in sorted(numbers.items())}
    assert counts.to_ints() == numbers


@given(counted())
def test_every_way_in_and_out_gives_the_same_counts(
    given_counts: tuple[tuple[tuple[str, int], ...], dict[int, int]],
) -> None:
    layout, numbers = given_counts
    counts = Counts.from_ints(layout, list(numbers), list(numbers.values()))
    unspaced = {key.replace(" ", ""): n for key, n in counts.to_dict().items()}
    assert Counts.from_dict(layout, counts.to_dict()) == counts
    assert Counts.from_dict(layout, unspaced) == counts
    assert Counts.unpack(counts.pack()) == counts
    assert Counts.unpack(counts.pack()).pack() == counts.pack()


@given(counted(), st.data())
def test_a_marginal_is_what_summing_by_hand_gives(
    given_counts: tuple[tuple[tuple[str, int], ...], dict[int, int]], data: st.DataObject
) -> None:
    layout, numbers = given_counts
    counts = Counts.from_ints(layout, list(numbers), list(numbers.values()))
    bits = data.draw(
        st.lists(st.integers(0, counts.num_bits - 1), min_size=1, max_size=9, unique=True)
    )
    expected: dict[int, int] = {}
    for outcome, n in numbers.items():
        key = sum((outcome >> bit & 1) << i for i, bit in enumerate(bits))
        expected[key] = expected.get(key, 0) + n
    assert counts.marginal(bits).to_ints() == expected


@given(counted(), st.data())
def test_damaged_bytes_are_refused(
    given_counts: tuple[tuple[tuple[str, int], ...], dict[int, int]], data: st.DataObject
) -> None:
    layout, numbers = given_counts
    packed = bytearray(Counts.from_ints(layout, list(numbers), list(numbers.values())).pack())
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SnapshotError):
        Counts.unpack(bytes(packed))
    with pytest.raises(SnapshotError):
        Counts.unpack(bytes(packed[:at]))


def test_repeated_outcomes_add_and_zeros_vanish() -> None:
    counts = Counts.from_ints((("c", 2),), [3, 0, 3, 1], [5, 2, 7, 0])
    assert counts.to_dict() == {"00": 2, "11": 12}
    assert counts.shots == 14


def test_shots_are_counted() -> None:
    rows = np.array([[1, 1], [0, 1], [1, 1]], dtype=np.uint8)
    assert Counts.from_shots((("c", 9),), rows).to_ints() == {256: 1, 257: 2}


def test_a_register_is_read_alone() -> None:
    counts = Counts.from_dict((("a", 2), ("b", 1)), {"1 00": 3, "0 01": 4, "1 01": 5})
    assert counts.register("a").to_dict() == {"00": 3, "01": 9}
    assert counts.register("b").to_dict() == {"0": 4, "1": 8}
    with pytest.raises(KeyError, match="there are a, b"):
        counts.register("c")


def test_pooled_repeats_add_up() -> None:
    one = Counts.from_dict((("c", 1),), {"0": 3, "1": 1})
    assert pool([one, one]) == one + one == Counts.from_dict((("c", 1),), {"0": 6, "1": 2})
    with pytest.raises(ValueError, match="2 different register layouts"):
        pool([one, Counts.from_dict((("d", 1),), {"0": 1})])


def test_counts_cannot_be_changed() -> None:
    counts = Counts.from_dict((("c", 1),), {"0": 3})
    with pytest.raises(ValueError, match="read-only"):
        counts.counts[0] = 4


def test_arrays_and_lists_of_integers_are_read_alike() -> None:
    registers = (("c", 70),)
    numbers = np.array([0, 2**63 - 1, 5], dtype=np.int64)
    assert Counts.from_ints(registers, numbers, [1, 2, 3]) == Counts.from_ints(
        registers, numbers.tolist(), [1, 2, 3]
    )


@pytest.mark.parametrize("key", ["0", "000", "0 0", "02", "é0", ""])
def test_a_bitstring_that_does_not_fit_is_shown(key: str) -> None:
    with pytest.raises(ValueError, match="counts: "):
        Counts.from_dict((("c", 2),), {key: 1})


@pytest.mark.parametrize("key", ["000", "00 0", "0  00"])
def test_spaces_stand_between_registers_or_nowhere(key: str) -> None:
    registers = (("a", 2), ("b", 1))
    if key == "000":
        assert Counts.from_dict(registers, {key: 1}).to_dict() == {"0 00": 1}
    else:
        with pytest.raises(ValueError, match=r"does not fit b\[1\] a\[2\]"):
            Counts.from_dict(registers, {key: 1})


@pytest.mark.parametrize("shots", [0.5, 1.0, "3", True, -1])
def test_probabilities_are_not_taken_for_counts(shots: object) -> None:
    with pytest.raises(ValueError, match=r"no count|impossible"):
        Counts.from_dict((("c", 1),), {"0": shots})  # type: ignore[dict-item]


@pytest.mark.parametrize("outcome", [-1, 4, 2**80])
def test_an_outcome_beyond_the_registers_is_refused(outcome: int) -> None:
    with pytest.raises(ValueError, match="counts: "):
        Counts.from_ints((("c", 2),), [outcome], [1])


def test_top_gives_the_most_frequent_first() -> None:
    counts = Counts.from_dict((("c", 2),), {"00": 4, "01": 9, "10": 4, "11": 1})
    assert counts.top(2) == [("01", 9), ("00", 4)]
    assert repr(counts) == "<Counts of 18 shots on c[2]: 01: 9, 00: 4, 10: 4, …>"
