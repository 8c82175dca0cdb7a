from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import plan_of

from qbatch.errors import Place, SourceError
from qbatch.manifest.models import Axis
from qbatch.plan.geometry.axes import count_values, expand_axis

PLACE = Place("m.yaml", 3, 5)

#: Written down once: they must never change, or ids would.
UNIFORM = [0.1715630747002972, 0.35616142509278315, 0.045525241479876244]
INTEGERS = [1, 4, 2]


def values(folder: Path = Path(), seed: int = 0, name: str = "x", **form: object) -> list[object]:
    axis = Axis.model_validate(form)
    return list(expand_axis(name, axis, seed=seed, folder=folder, place=PLACE))


def draw(n: int, distribution: str, low: float, high: float, **where: object) -> list[object]:
    form = {"distribution": distribution, "min": low, "max": high, "n": n}
    return values(random=form, **where)


def test_linspace_includes_both_ends_exactly() -> None:
    found = values(linspace=(0.1, 0.7, 4))
    assert found[0] == 0.1
    assert found[-1] == 0.7
    assert found[1:3] == pytest.approx([0.3, 0.5])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ((0, 5, 1), [0, 1, 2, 3, 4]),
        ((1.0, 1.3, 0.1), [1.0, 1.1, 1.2]),
        ((0.0, 1.0, 0.25), [0.0, 0.25, 0.5, 0.75]),
        ((5, 0, -2), [5, 3, 1]),
        ((0.0, 0.9, 0.2), [0.0, 0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_range_leaves_out_its_stop_also_when_missed_by_rounding(form, expected) -> None:
    assert values(range=form) == pytest.approx(expected)
    assert count_values(Axis.model_validate({"range": form})) == len(expected)


def test_a_range_without_a_step_goes_up_by_one() -> None:
    """P29."""
    plan = plan_of({"matrix": {"gamma": {"range": [3, 6]}, "beta": [1]}})
    assert [dict(point.parameters)["gamma"] for point in plan.points()] == [3, 4, 5]


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 40), st.integers(0, 9))
def test_spaced_and_drawn_shots_are_the_nearest_whole_numbers(low, high, n, seed) -> None:
    """P12; numpy's spacings are the independent answer."""
    low, high = sorted((low, high))
    for form, theirs in (
        ({"linspace": (low, high, n)}, np.linspace(low, high, n)),
        ({"geomspace": (low, high, n)}, np.geomspace(low, high, n)),
    ):
        found = np.array(values(name="shots", **form))
        assert found.dtype.kind == "i"
        assert np.all(np.abs(found - theirs) <= 0.5 + 1e-6)
    if low < high:
        drawn = draw(n, "loguniform", low, high, name="shots", seed=seed)
        assert all(type(shots) is int and low <= shots <= high for shots in drawn)


def test_integral_spacings_give_integers_for_templates_to_print() -> None:
    assert all(type(value) is int for value in values(range=(1, 6, 1)))
    assert values(linspace=(2.0, 10.0, 5)) == [2, 4, 6, 8, 10]
    assert all(type(value) is int for value in values(linspace=(2.0, 10.0, 5)))


def test_geomspace_hits_whole_powers_exactly() -> None:
    assert values(geomspace=(1.0, 1000.0, 4)) == [1, 10, 100, 1000]
    assert values(geomspace=(-8.0, -1.0, 4)) == [-8, -4, -2, -1]


def test_random_values_are_those_of_every_other_machine() -> None:
    assert draw(3, "uniform", 0, 1, seed=7, name="gamma") == UNIFORM
    assert draw(3, "integers", 0, 9, seed=7, name="gamma") == INTEGERS


def test_random_values_depend_on_the_name_and_the_seed() -> None:
    one = draw(5, "uniform", 0, 1, seed=7, name="gamma")
    assert one != draw(5, "uniform", 0, 1, seed=7, name="beta")
    assert one != draw(5, "uniform", 0, 1, seed=8, name="gamma")


@given(st.sampled_from(["uniform", "normal", "loguniform", "integers"]), st.integers(1, 40))
def test_more_random_values_keep_the_first_ones_and_all_lie_inside(distribution, n) -> None:
    more = draw(50, distribution, 1, 100)
    assert draw(n, distribution, 1, 100) == more[:n]
    assert all(1 <= value <= 100 for value in more)


@given(st.integers(-5, 5), st.integers(0, 60), st.data())
def test_random_integers_never_repeat(low: int, span: int, data) -> None:
    n = data.draw(st.integers(1, span + 1))
    found = draw(n, "integers", low, low + span)
    assert len(set(found)) == n


def test_too_many_distinct_integers_are_refused_with_how_many_there_are() -> None:
    with pytest.raises(SourceError, match="write n: 3 or less"):
        draw(4, "integers", 1, 3)


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0.2, 0.8, r"no integer from 0.2 to 0.8; move min and max apart"),
        (0, 1e30, r"integers from 0 to 1e\+30 have more than 64 bits; narrow min and max"),
    ],
)
def test_where_no_integer_lies_the_remedy_is_the_right_one(low, high, told) -> None:
    with pytest.raises(SourceError, match=told):
        draw(3, "integers", low, high)


def test_a_column_of_a_file_keeps_numbers_text_and_leading_zeros_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("gamma, bits\n1,010\n2.5,x\n1e-3,\n", "utf-8")
    form = {"from": {"file": "a.csv", "column": "gamma"}}
    assert values(tmp_path, **form) == [1, 2.5, 0.001]
    with pytest.raises(SourceError, match=r"a.csv:4: column 'bits' is empty here"):
        values(tmp_path, **{"from": {"file": "a.csv", "column": "bits"}})


@pytest.mark.parametrize("text", ["1e999", "-1e400"])
def test_a_number_of_a_column_that_no_float_can_hold_is_refused(tmp_path: Path, text: str) -> None:
    Path(tmp_path, "a.csv").write_text(f"theta\n0.5\n\n{text}\n")
    with pytest.raises(SourceError, match=rf"a.csv:4: column 'theta' has {text} here, which is no"):
        values(tmp_path, **{"from": {"file": "a.csv", "column": "theta"}})


@pytest.mark.parametrize(
    ("file", "column", "message"),
    [
        ("none.csv", "gamma", r"m.yaml:3:5: sweep axis 'x': cannot read 'none.csv': No such file"),
        ("a.csv", "gama", r"no column 'gama' \(gamma\); did you mean 'gamma'\?"),
        ("empty.csv", "gamma", "has no column"),
        ("latin.csv", "gamma", "not UTF-8 at byte 6"),
        ("only.csv", "gamma", "has no values"),
    ],
)
def test_a_file_of_no_use_is_explained(tmp_path: Path, file, column, message) -> None:
    (tmp_path / "a.csv").write_text("gamma\n1\n", "utf-8")
    (tmp_path / "empty.csv").write_text("", "utf-8")
    (tmp_path / "only.csv").write_text("gamma\n", "utf-8")
    (tmp_path / "latin.csv").write_bytes(b"gamma\n\xe9\n")
    with pytest.raises(SourceError, match=message):
        values(tmp_path, **{"from": {"file": file, "column": column}})


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("gamma\n1\n", "utf-8")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "a.csv").symlink_to(tmp_path / "out.csv")
    with pytest.raises(SourceError, match="outside the manifest's folder"):
        values(inside, **{"from": {"file": "a.csv", "column": "gamma"}})
