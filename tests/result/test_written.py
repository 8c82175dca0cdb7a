"""Sums that are read at once are what the reader of all sums makes of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qbatch.result.expression import LONGEST
from qbatch.result.pauli import _Reader, from_terms, parse_pauli, write_sum
from qbatch.result.written import is_written, read_written

products = st.dictionaries(st.integers(0, 5), st.sampled_from("XYZ"), max_size=4)
numbers = st.floats(-1e9, 1e9, allow_nan=False).filter(lambda number: abs(number) > 1e-100)


@given(st.lists(st.tuples(products, numbers), min_size=1, max_size=8))
def test_what_is_read_at_once_is_what_is_read_in_turn(
    parts: list[tuple[dict[int, str], float]],
) -> None:
    whole = from_terms({tuple(sorted(product.items())): number for product, number in parts})
    text = write_sum(whole)
    assert is_written(text)
    found = read_written(text)
    assert found is not None
    assert from_terms(found) == _Reader(text, 6, ()).pauli_sum() == whole


@pytest.mark.parametrize(
    "text",
    [
        "0.5 X0",
        "+ X0",
        "+ 0.5 X1 X0",
        "+ 0.5 X0 X0",
        "+ 0.5 X0 + 0.25 X0",
        "+ 0.5 X0 -",
        "+ 0 X0",
        "+ 1.0 X",
        "+ 1e400 X0",
        "+ ",
        "",
    ],
)
def test_what_is_not_written_so_is_left_to_the_reader_of_all_sums(text: str) -> None:
    assert read_written(text) is None


def test_a_bit_that_there_is_not_is_told_with_its_column_where_the_text_is_short() -> None:
    for text in ("+ 0.5 X0 + 0.5 X7", "+ 0.5 Z0 + 0.5 Z7"):
        with pytest.raises(
            ValueError, match="7': the circuit has the classical bits 0 to 1"
        ) as one:
            parse_pauli(text, 2)
        assert getattr(one.value, "column", None) == 16
    assert len("+ 0.5 X0") < LONGEST
