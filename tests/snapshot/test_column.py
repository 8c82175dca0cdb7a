"""A column gives back what was put in, to the last bit and of the same kind."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from qbatch.snapshot.column import Column, packed

COLUMNS = {
    "floats": [0.1, 0.1 + 0.2, 1e300, 5e-324, 2.0, -0.0, 0.0],
    "no finite floats": [math.inf, -math.inf, 1.0],
    "whole numbers": [1, -2, 2**63 - 1],
    "numbers of two kinds": [1, 1.0, 2],
    "truths": [True, False, True],
    "truths and numbers": [True, 1, 0],
    "texts": ["a", "", "b,c", 'say "hi"', "a\nb", "π", "\ud800"],
    "texts with what parts texts": ["a\x7f", "b", ""],
    "what is missing": [None, 0.5, None],
    "one number": [0.25, 0.25, 0.25],
    "one text": ["x", "x"],
    "a zero of each sign": [0.0, -0.0],
    "equal, and written otherwise": [1, 1.0, True],
    "a single point": ["a"],
}


def kept_and_read(values: list[Any]) -> Column:
    return Column(json.loads(json.dumps(packed(values), ensure_ascii=False)), len(values))


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_a_column_gives_back_what_it_was_made_of(values: list[Any]) -> None:
    column = kept_and_read(values)
    assert list(map(repr, column.values)) == list(map(repr, values))
    assert len(column) == len(values)


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_texts_of_numbers_are_their_reprs(values: list[Any]) -> None:
    column = kept_and_read(values)
    if column.texts is not None:
        write = repr if column.is_of_numbers else str
        assert column.texts == [write(value) for value in values]


def test_what_all_points_have_is_kept_once() -> None:
    assert list(kept_and_read([7] * 100).only) == [7]
    assert not kept_and_read([7, 8]).only


@pytest.mark.parametrize("name", ["texts", "texts with what parts texts", "one text"])
def test_texts_are_changed_together_as_they_are_one_by_one(name: str) -> None:
    values = COLUMNS[name]
    assert kept_and_read(values).changed(str.upper) == [value.upper() for value in values]
