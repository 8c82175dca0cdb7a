from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_making import PAIR, plan_of

from qbatch.errors import SelectionError
from qbatch.plan import select, select_meant

PLAN = plan_of(
    {"matrix": {"backend": ["ideal", "noisy"], "shots": [100, 1000]}, "repeat": 2},
    circuits={"pair": {"qasm": PAIR}},
    backends={
        "ideal": {"provider": "local"},
        "noisy": {"provider": "local", "noise": {"readout": 0.1}},
    },
)
WAVES = plan_of({"matrix": {"gamma": {"linspace": [0, 1.5707963267948966, 9]}, "beta": [1]}})


def chosen(expression: str, plan=PLAN) -> list[str]:
    meant = select(expression, plan.axes, plan.manifest)
    return [point.name for point in plan.points() if meant(point)]


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("backend=noisy", 4),
        ("backend == noisy and shots>=1000", 2),
        ("not backend=noisy", 4),
        ("not (backend=noisy or shots=100)", 2),
        ("backend=noisy or backend=ideal and shots=100", 6),
        ("backend!=noisy", 4),
        ("backend in (noisy, 'ideal')", 8),
        ("shots in (100, 7)", 4),
        ("not shots in (10**2)", 4),
        ("backend=no*", 4),
        ("shots=1000,100", 8),
        ("shots=100,7 and backend=noisy", 2),
        ("backend=noisy,'ideal',shots=100", 4),
        ("shots=100,1000#2", 4),
        ("noisy,shots=100", 2),
        ("backend!=?deal", 4),
        ("*noisy*#2", 2),
        ("shots=10*10", 4),
        ("shots=1?0", 4),
        ("shots<1000", 4),
        ("shots<=1e3", 8),
        ("repeat=2", 4),
        ("noisy", 4),
        ("'backend=noisy'", 4),
        ("circuit~ai", 8),
        ("shots~00", 8),
        ("name~'shots=1000#2'", 2),
        ("gamma=1", 0),
    ],
)
def test_an_expression_means_so_many_points(expression: str, count: int) -> None:
    meant = select(expression)
    assert sum(map(meant, PLAN.points())) == count


def test_a_points_name_selects_it() -> None:
    assert chosen("backend=noisy,shots=1000#2") == ["backend=noisy,shots=1000#2"]
    assert chosen("backend=noisy,shots=1000#1") == ["backend=noisy,shots=1000"]


CLOSE = plan_of({"matrix": {"gamma": [0.3, 0.1 + 0.2, 1000000.5, 1000001.5], "beta": [1]}})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("gamma=0.3", ["0.3"]),
        ("gamma=0.30000000000000004", ["0.30000000000000004"]),
        ("gamma=1000000.5", ["1000000.5"]),
        ("gamma!=0.3", ["0.30000000000000004", "1000000.5", "1000001.5"]),
        ("gamma=0.3000000000001", ["0.3", "0.30000000000000004"]),
    ],
)
def test_values_that_differ_in_the_last_digit_are_told_apart(
    expression: str, expected: list[str]
) -> None:
    assert sorted(chosen(expression, CLOSE)) == sorted(
        f"gamma={value},beta=1" for value in expected
    )


def test_every_point_of_close_values_has_a_name_of_its_own_that_selects_it() -> None:
    names = [point.name for point in CLOSE.points()]
    assert len(set(names)) == 4
    assert [chosen(name, CLOSE) for name in names] == [[name] for name in names]


@given(st.sampled_from(list(WAVES.points())))
def test_every_name_of_a_plan_selects_its_point(point) -> None:
    assert chosen(point.name, WAVES) == [point.name]


def test_the_beginning_of_an_id_selects_it() -> None:
    point = next(PLAN.points())
    assert chosen(point.id[:10]) == [point.name]


@pytest.mark.parametrize("value", ["pi/4", "0.7853981633974483", "0.785398", "pi / 4"])
def test_values_may_be_arithmetic_and_as_names_show_them(value: str) -> None:
    expression = f"gamma={value}" if " " not in value else "gamma>=pi/4 and gamma<=pi/4"
    assert chosen(expression, WAVES) == ["gamma=0.785398,beta=1"]


@pytest.mark.parametrize(
    ("expression", "message", "column"),
    [
        ("", "an expression is missing", 0),
        ("backend=", "a value is missing after '='", 8),
        ("bakend=noisy", "there is no axis 'bakend'", 0),
        ("shots>=1000 backend=noisy", "'and' or 'or' is missing here", 12),
        ("(shots>=1000", "this '(' is never closed", 0),
        ("shots>=many", "'>=' compares numbers; 'many' is none", 7),
        ("not", "a comparison or a word is missing here", 3),
        ("shots=1 and or", "a comparison or a word is missing here", 12),
        ('backend="noisy', "this cannot be read", 8),
        ("noisy#x", "the number of a copy follows '#'", 5),
        ("(" * 500, "nested too deep", 100),
    ],
)
def test_a_mistake_is_pointed_at(expression: str, message: str, column: int) -> None:
    with pytest.raises(SelectionError) as raised:
        select(expression, PLAN.axes)
    first, text, caret = str(raised.value).split("\n")
    assert first.startswith(f"-k: {message}")
    assert text == f"  {expression}"
    assert caret == "  " + " " * column + "^"


@given(st.text(max_size=30))
def test_no_text_ends_in_another_error(expression: str) -> None:
    try:
        meant = select(expression)
    except SelectionError:
        return
    assert all(meant(point) in (True, False) for point in PLAN.points())


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("backend=nosy", "no point has backend=nosy; did you mean 'noisy'?\n  backend=nosy\n  ^"),
        ("noisy and (shots>1000)", "no point has shots>1000; there are 100, 1000\n"),
        ("backend=noisy#3", "no point has #3; there are 1, 2\n  backend=noisy#3\n               ^"),
        ("nosy or shots=7", "no name has 'nosy', no id begins so; try axis=value\n"),
        ("circuit~tree", "no point has circuit~tree; there are pair\n"),
    ],
)
def test_what_fits_no_point_is_told_with_the_values_that_there_are(
    expression: str, told: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        select_meant(expression, PLAN.axes, PLAN.points())
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "is_any"),
    [
        ("backend=noisy", True),
        ("backend=nosy or backend=ideal", True),
        ("not backend=nosy", True),
        ("shots=100 and shots=1000", False),
    ],
)
def test_values_that_exist_may_select_nothing_together(expression: str, is_any: bool) -> None:
    assert select_meant(expression, PLAN.axes, PLAN.points()).is_any is is_any


def test_a_where_means_the_value_that_is_there_and_near_ones_only_without_it() -> None:
    axis = [0.3, 0.1 + 0.2, 0.5]
    for wanted, left in ((0.3, [0.1 + 0.2, 0.5]), (0.30000000000001, [0.5])):
        plan = plan_of({"matrix": {"gamma": axis, "beta": [1]}, "exclude": [{"gamma": wanted}]})
        assert [dict(point.parameters)["gamma"] for point in plan.points()] == left


@pytest.mark.parametrize(
    ("written", "names"),
    [("1e-14", ["1e-14"]), ("1.5e-14", []), ("2e-14", ["2e-14"]), ("9e-13", [])],
)
def test_tiny_values_are_told_apart_as_others_are(written: str, names: list[str]) -> None:
    """a=1.5e-14 matched 1e-14, 2e-14 and 3e-14: all lie within 1e-12."""
    plan = plan_of({"matrix": {"gamma": [1e-14, 2e-14, 3e-14], "beta": [1]}})
    found = chosen(f"gamma={written}", plan)
    assert [name.split("gamma=")[1].split(",")[0] for name in found] == names


def test_where_points_are_is_asked_once_and_only_if_it_is_meant() -> None:
    """P33."""
    asked = []

    def states() -> dict[str, str]:
        asked.append(1)
        return {point.id: "failed" for point in PLAN.points() if point.backend == "noisy"}

    def count(expression: str) -> int:
        meant = select(expression, PLAN.axes, PLAN.manifest, states=states)
        return sum(map(meant, PLAN.points()))

    assert count("shots=100") == 4
    assert not asked
    assert count("state=failed and shots=100") == 2
    assert count("state in (new, completed)") == 4
    assert len(asked) == 2
    with pytest.raises(SelectionError, match="there is no axis 'state'"):
        select("state=failed", PLAN.axes, PLAN.manifest)


def test_what_is_dropped_takes_no_pattern() -> None:
    with pytest.raises(SelectionError, match="named exactly"):
        select("backend=no*", PLAN.axes, PLAN.manifest, is_exact=True)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("shots in 100", "values in parentheses follow 'in'"),
        ("shots in ()", "a value, or ')', is missing"),
        ("shots in (100", "a value, or ')', is missing"),
        ("shoots in (100)", "did you mean 'shots'?"),
    ],
)
def test_a_list_of_values_that_cannot_be_read_is_told(expression: str, told: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(expression, PLAN.axes, PLAN.manifest)
    assert told in str(caught.value)


def test_a_state_that_is_none_is_told() -> None:
    with pytest.raises(SelectionError, match=r"'completd' is no state .* did you mean 'completed'"):
        select("state=completd", PLAN.axes, PLAN.manifest, states=dict)
