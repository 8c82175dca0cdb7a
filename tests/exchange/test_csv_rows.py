"""A column of a page stands in the file as the same values would one by one."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pytest

from qbatch.exchange.csv_rows import cell, texts_in_file
from qbatch.snapshot.column import Column, packed

COLUMNS = {
    "plain": ["a", "b", ""],
    "with commas": ["a=1,b=2", "c", ",", ""],
    "with quotation marks": ['word="-y"', "c", 'a,"b"'],
    "of several lines": ["a\nb", "c\rd", "e"],
    "taken for formulas": ["=1+1", "+a,b", "-0.5", "-x", "@x", "\t=1", "a=1"],
    "with per cent signs": ["50 %", "%s", "%"],
    "one for all": ["=a,b", "=a,b"],
    "numbers": [0.1, -1.5, 2.0, 1e300, math.inf],
    "whole numbers": [1, -2],
    "of several kinds": [1, 2.5, "=x", None],
    "missing": [None, None],
}


def by_csv_writer(value: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow((cell(value), "end"))
    return out.getvalue().removesuffix(",end\n")


@pytest.mark.parametrize("values", COLUMNS.values(), ids=COLUMNS)
def test_a_column_reads_as_the_standard_writer_has_it(values: list[Any]) -> None:
    found = texts_in_file(Column(packed(values), len(values)))
    told = [found] * len(values) if isinstance(found, str) else found
    assert told == [by_csv_writer(value) for value in values]


@pytest.mark.parametrize("is_swept", [True, False])
def test_truth_is_written_as_manifests_have_it_where_it_is_swept(*, is_swept: bool) -> None:
    for values in ([True, False], [True, True]):
        found = texts_in_file(Column(packed(values), 2), is_swept=is_swept)
        told = [found] * 2 if isinstance(found, str) else found
        words = {True: "true", False: "false"} if is_swept else {True: "True", False: "False"}
        assert told == [words[value] for value in values]
