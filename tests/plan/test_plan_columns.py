"""Zipped axes are read as rows, and texts are kept short, without a point being another for it."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plan_making import plan_of

from qbatch.plan.columns import Columns, RowTables
from qbatch.plan.identity import id_of
from qbatch.plan.layout import full_text, text_writer
from qbatch.snapshot.schema import parameters_text

NAMES = ("a", "b", "c", "d", "e")
MANY = (
    'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
    + "".join(f"input float {name};\n" for name in (*NAMES, "f"))
    + "qubit q;\nbit c0;\n"
    + "".join(f"rx({name}) q;\n" for name in (*NAMES, "f"))
    + "c0 = measure q;\n"
)
ZIPPED = {name: [0.25 * k + at for k in range(4)] for at, name in enumerate(NAMES)}

numbers = st.floats(allow_nan=False, allow_infinity=False)
near = st.tuples(numbers, st.integers(-40, 40)).map(lambda pair: pair[0] * (1 + pair[1] * 1e-6))


@pytest.mark.parametrize("fewest", [1, 4, 100])
def test_points_of_zipped_axes_are_what_their_values_say(fewest, monkeypatch) -> None:
    monkeypatch.setattr("qbatch.plan.columns._FEWEST", fewest)
    sweep = {"zip": ZIPPED, "matrix": {"f": [1.5, 2.5], "shots": [10, 20]}, "repeat": 2}
    plan = plan_of(sweep, circuits={"many": {"qasm": MANY}})
    points = list(plan.points())
    assert len({point.id for point in points}) == len(points) == 4 * 2 * 2 * 2
    assert len({point.name for point in points}) == len(points)
    for point in points:
        assert point.id == id_of(plan.settings_of(point))
        values = dict(point.parameters)
        row = ZIPPED["a"].index(values["a"])
        assert [values[name] for name in NAMES] == [ZIPPED[name][row] for name in NAMES]
        assert all(f"{name}={full_text(values[name])}" in point.name for name in values)


def test_rows_are_made_once_and_not_where_they_would_be_many(monkeypatch) -> None:
    tables = RowTables()
    one, other = list(range(10)), list("abcdefghij")
    columns = Columns([(2, one)] * 4 + [(2, other), (0, "xy"), (-1, "z")], tables)
    assert columns.at((1, 0, 7, 0)) == (7, 7, 7, 7, "h", "y", "z")
    assert tables([one] * 4 + [other]) is tables([one] * 4 + [other])
    monkeypatch.setattr("qbatch.plan.columns._MOST_CELLS", 10)
    assert RowTables()([one, other]) is None
    assert Columns([(1, one)] * 5, RowTables()).at((0, 3)) == (3,) * 5


@given(st.lists(numbers | near, max_size=12), st.lists(near, min_size=1, max_size=1))
@example([0.1, 0.1000001], [0.2])
@example([0.0, -0.0], [1e-300])
@example([1.0, 2.0], [1.000001])
def test_six_digits_are_written_where_they_tell_all_values_apart(some, more) -> None:
    values = [*some, *more, *(value * (1 + 3e-7) for value in more)]
    values = [value for value in values if abs(value) < 1e308]
    short = {f"{value + 0.0:.6g}" for value in values}
    is_short = text_writer(values) is not full_text
    assert is_short == (len(short) == len(set(values)))


@given(st.lists(st.tuples(st.text(max_size=3), numbers | st.integers() | st.booleans())))
@example([("%s", 1.0), ("ä", -0.0), ('"', 1e16)])
@example([("a", float("nan"))])
def test_parameters_are_kept_as_json_writes_them(pairs) -> None:
    told = parameters_text(SimpleNamespace(parameters=tuple(pairs)))
    assert told == json.dumps(pairs, separators=(",", ":"), ensure_ascii=False)
