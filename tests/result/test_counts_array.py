"""Many counts as one array: what stands where, in either bit order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qbatch
from qbatch.result import Counts, CountsArray, bits

ONE = Counts.from_dict([("c", 3)], {"100": 5, "011": 7})
TWO = Counts.from_dict([("c", 3)], {"100": 1, "111": 2})
SPLIT = Counts.from_dict([("a", 1), ("b", 2)], {"01 1": 3, "10 0": 4})


def test_a_column_stands_for_every_outcome_that_came_and_zero_where_it_did_not() -> None:
    array = CountsArray.of([ONE, TWO])
    assert array.bitstrings == ("011", "100", "111")
    assert array.values.tolist() == [[7, 5, 0], [0, 1, 2]]


def test_the_left_order_turns_the_labels_round_and_leaves_the_columns() -> None:
    array = CountsArray.of([ONE, TWO], bit_order="left")
    assert array.bitstrings == ("110", "001", "111")
    assert array.values.tolist() == [[7, 5, 0], [0, 1, 2]]


def test_several_registers_turn_round_as_a_whole() -> None:
    assert CountsArray.of([SPLIT]).bitstrings == ("01 1", "10 0")
    assert CountsArray.of([SPLIT], bit_order="left").bitstrings == ("1 10", "0 01")


def test_a_pattern_is_read_in_the_order_of_the_labels() -> None:
    right, left = (CountsArray.of([ONE, TWO], bit_order=order) for order in ("right", "left"))
    assert right.like("1**").values.tolist() == [[5, 0], [1, 2]]
    assert left.like("1**").values.tolist() == [[7, 0], [0, 2]]
    assert right.like("000").values.shape == (2, 0)


def test_a_pattern_may_leave_the_spaces_out() -> None:
    array = CountsArray.of([SPLIT])
    assert array.like("** 1").values.tolist() == array.like("**1").values.tolist() == [[3]]


@pytest.mark.parametrize("pattern", ["1*", "1***", "1x*", ""])
def test_a_pattern_that_cannot_fit_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"bits; the outcomes have 3|is no pattern"):
        CountsArray.of([ONE]).like(pattern)


def test_one_register_is_summed_over_the_others_and_zero_where_it_is_missing() -> None:
    array = CountsArray.of([SPLIT, ONE], "b")
    assert (array.bitstrings, array.values.tolist()) == (("01", "10"), [[3, 4], [0, 0]])


def test_what_cannot_be_one_array_says_why() -> None:
    with pytest.raises(ValueError, match="name one: c, a, b"):
        CountsArray.of([ONE, SPLIT])
    with pytest.raises(KeyError, match="there are a, b"):
        CountsArray.of([SPLIT], "z")
    with pytest.raises(ValueError, match="write 'right' or 'left'"):
        CountsArray.of([ONE], bit_order="big")  # type: ignore[arg-type]


@pytest.mark.parametrize("num_bits", [3, 30, 70])
@given(data=st.data())
@pytest.mark.slow
def test_every_count_is_where_its_labels_say(num_bits: int, data: st.DataObject) -> None:
    outcomes = st.dictionaries(st.integers(0, 2**num_bits - 1), st.integers(1, 9), min_size=1)
    tables = data.draw(st.lists(outcomes, min_size=1, max_size=4))
    rows = [Counts.from_ints([("c", num_bits)], [*t], [*t.values()]) for t in tables]
    array = CountsArray.of(rows)
    for values, counts in zip(array.values, rows, strict=True):
        came = dict(zip(array.bitstrings, values.tolist(), strict=True))
        assert {bits: n for bits, n in came.items() if n} == counts.to_dict()


def test_as_xarray_both_dimensions_are_labelled() -> None:
    array = CountsArray.of([ONE, TWO], names=["x", "y"]).to_xarray()
    assert array.dims == ("result", "bitstring")
    assert int(array.sel(result="y", bitstring="111")) == 2
    assert array.dtype == np.int64


def test_columns_have_the_integer_of_their_outcome_in_either_bit_order() -> None:
    """P23: the integer bit coordinate was missing; bit k of it is classical bit k."""
    for order in ("right", "left"):
        array = CountsArray.of([ONE, TWO], bit_order=order)
        assert array.bits().tolist() == [0b011, 0b100, 0b111]
        assert array.bits().dtype == np.int64
        for label, integer in zip(array.bitstrings, array.bits(), strict=True):
            assert bits(label, bit_order=order) == integer
    assert CountsArray.of([SPLIT]).bits().tolist() == [0b011, 0b100]


@given(st.lists(st.integers(0, 2**100 - 1), min_size=1, max_size=5), st.sampled_from([63, 64, 101]))
def test_integers_of_columns_are_those_that_were_counted(outcomes: list[int], width: int) -> None:
    """P23."""
    outcomes = [outcome % 2**width for outcome in outcomes]
    array = CountsArray.of([Counts.from_ints([("c", width)], outcomes, [1] * len(outcomes))])
    assert array.bits().tolist() == sorted(set(outcomes))
    assert array.bits().dtype == (np.int64 if width < 64 else object)


def test_a_column_is_selected_by_its_integer_or_its_label(tmp_path) -> None:
    """P23."""
    xarray = pytest.importorskip("xarray")
    array = CountsArray.of([ONE, TWO], bit_order="left").to_xarray()
    assert array.sel(bit=bits("110", bit_order="left")).values.tolist() == [7, 0]
    assert array.sel(bitstring="110").values.tolist() == [7, 0]
    array.to_netcdf(tmp_path / "c.nc", engine="h5netcdf")
    with xarray.open_dataarray(tmp_path / "c.nc", engine="h5netcdf") as again:
        assert again["bit"].values.tolist() == [3, 4, 7]


def test_beyond_63_bits_an_array_has_labels_alone() -> None:
    """P23: no file format has such integers."""
    pytest.importorskip("xarray")
    wide = Counts.from_ints([("c", 70)], [1 << 69], [5])
    assert list(CountsArray.of([wide]).to_xarray().coords) == ["result", "bitstring"]


@pytest.mark.parametrize(
    ("text", "order", "integer"), [("011", "right", 3), ("110", "left", 3), ("01 1", "right", 3)]
)
def test_a_bitstring_is_an_integer(text: str, order, integer: int) -> None:
    """P23."""
    assert qbatch.bits(text, bit_order=order) == integer


@pytest.mark.parametrize(("text", "order"), [("", "right"), ("0x1", "right"), ("01", "big")])
def test_what_is_no_bitstring_is_no_integer(text: str, order) -> None:
    """P23."""
    with pytest.raises(ValueError, match=r"is no bitstring; write 0 or 1|bit_order: 'big' is none"):
        bits(text, bit_order=order)
