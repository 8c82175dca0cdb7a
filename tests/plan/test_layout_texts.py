"""Texts of a column too long for a table are those of its values, in whatever order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from qbatch.plan.layout import Texts, full_text

VALUES = [number / 7 for number in range(3_000)]
EXPECTED = [full_text(value) for value in VALUES]


def orders() -> dict[str, Sequence[int]]:
    shuffled = list(range(3_000))
    random.Random(1).shuffle(shuffled)
    return {
        "one after the other": range(3_000),
        "from the end": range(2_999, -1, -1),
        "counted from the end": range(-1, -3_001, -1),
        "counted from the end, forwards": range(-3_000, 0),
        "at random": shuffled,
        "some left out": range(0, 3_000, 3),
        "each twice": sorted([*range(3_000), *range(3_000)]),
        "the last, then the first": [-1, 0, 1, -3_000, 2_999, 0],
    }


@pytest.mark.parametrize("order", orders().values(), ids=orders())
def test_each_text_is_that_of_its_value(order: Sequence[int]) -> None:
    made = Texts(VALUES, full_text)
    assert [made[at] for at in order] == [EXPECTED[at] for at in order]


def test_reading_on_makes_many_at_once_and_reading_at_random_one() -> None:
    asked: list[int] = []

    def write(value: int) -> str:
        asked.append(value)
        return str(value)

    made = Texts(range(10_000), write)
    assert [made[at] for at in (5_000, 70, 9_999)] == ["5000", "70", "9999"]
    assert asked == [5_000, 70, 9_999]
    assert list(made) == list(map(str, range(10_000)))
    assert len(asked) == 10_003


def test_there_is_no_text_behind_the_last() -> None:
    made = Texts(VALUES, full_text)
    assert list(made) == EXPECTED
    with pytest.raises(IndexError):
        made[3_000]
