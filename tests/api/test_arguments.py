"""A wrong kind of argument is told at its name by every public function, before all else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import qbatch
from qbatch import arguments
from qbatch.executor.options import Options, _kinds

#: Word of an annotation -> values that are of that kind.
VALUES: dict[str, tuple[object, ...]] = {
    "str": ("nowhere", "", "1"),
    "float": (2.5, -1, 0),
    "int": (3,),
    "bool": (True,),
    "None": (None,),
    "Mapping": ({}, {"a": "b"}),
    "Sequence": ([], ()),
    "Callable": (print,),
    "nothing": (b"bytes", object(), 1j, [object()], {1: 2}, {"a": object()}),
}

#: What else is written of a kind.
WORDS = {
    "Path": "str",
    "Value": "str float int bool",
    "Comparable": "str",
    "BitOrder": "str",
    "Literal": "str",
    "Observer": "Callable",
    "Refresh": "Callable",
    "tuple": "Sequence",
    "Collection": "Sequence",
    "Iterable": "Sequence",
    "float": "int",
}

#: Where an argument takes more than its annotation tells, or has rules of its own.
ELSEWHERE = {"approve", "matrix", "repeat", "order", "seed", "put_aside"}

NAMES = [name for name in qbatch.__all__ if inspect.isfunction(getattr(qbatch, name))]


def kinds_of(annotation: str) -> set[str]:
    said = {word for word in {*VALUES, *WORDS} if word in annotation}
    return said.union(*(WORDS[word].split() for word in said if word in WORDS))


def wrong_for(name: str, annotation: str) -> Iterator[object]:
    """Values of every kind that an argument's annotation does not name."""
    said = kinds_of(annotation)
    for kind, values in VALUES.items():
        if kind == "str" and name in ("overrides", "points", "reuse", "max_cost"):
            continue  # one text stands for a list of one
        if kind == "Mapping" and name == "overrides":
            continue
        if kind not in said:
            yield from (one for one in values if not (kind == "nothing" and _may_hold(one, said)))


def _may_hold(value: object, said: set[str]) -> bool:
    """Whether the annotation says no more of what is in a map or a list."""
    return isinstance(value, (dict, list)) and bool(said & {"Mapping", "Sequence"})


def cases() -> Iterator[tuple[str, str, object]]:
    for function in NAMES:
        for name, parameter in inspect.signature(getattr(qbatch, function)).parameters.items():
            if name in ELSEWHERE or parameter.annotation in ("Any", inspect.Parameter.empty):
                continue
            for value in wrong_for(name, str(parameter.annotation)):
                yield function, name, value


def call(function: str, name: str, value: object) -> None:
    wanted = getattr(qbatch, function)
    parameters = inspect.signature(wanted).parameters
    first = next(iter(parameters))
    positional = {first: "nowhere"} | ({"second": "there"} if function == "diff" else {})
    given: dict[str, Any] = positional | {name: value}
    if function == "render" and name != "run":
        given["run"] = SimpleNamespace(targets={})
    before = [given.pop(each) for each in (first, "second") if each in given]
    if function == "sweep":
        before = [value] if name == "axes" else []
    found = wanted(*before, **given)
    if inspect.iscoroutine(found):
        found.close()


@pytest.mark.parametrize("function", NAMES)
def test_a_wrong_kind_of_argument_is_told_at_its_name(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = [(name, value) for of, name, value in cases() if of == function]
    assert ours
    for name, value in ours:
        with pytest.raises(TypeError) as told:
            call(function, name, value)
        assert str(told.value).startswith(f"{function}()"), told.value
        assert name in str(told.value) or "manifest" in str(told.value), (name, value)
        assert type(value).__name__ in str(told.value), (name, value)
        assert "give " in str(told.value) or "make " in str(told.value), (name, value)
    assert [*tmp_path.iterdir()] == []


OF_A_POINT = ("history_of", "circuit_of", "programs_of", "log_of", "raw_of")
WRONG_KINDS = [
    *((qbatch.Run, name, {"point": "theta=0"}) for name in OF_A_POINT),
    (qbatch.Run, "counts_array", {"register": 5}),
    (qbatch.Run, "counts_array", {"points": "all"}),
    (qbatch.Run, "counts_array", {"bit_order": None}),
    (qbatch.Figure, "save", {"path": 5}),
    (qbatch.Manifest, "save", {"path": b"a.yaml"}),
]


@pytest.mark.parametrize(("of", "method", "given"), WRONG_KINDS)
def test_a_wrong_kind_is_told_by_methods_too(of: Any, method: str, given: dict[str, Any]) -> None:
    ((name, value),) = given.items()
    said = rf"^{method}\(\): {name}: .* is of type {type(value).__name__}; give "
    with pytest.raises(TypeError, match=said):
        getattr(of, method)(None, **given)  # seen before anything of the object is


def test_each_option_of_a_run_has_its_kind() -> None:
    assert {each.name for each in fields(Options)} - {"approve"} == _kinds().keys()


@pytest.mark.parametrize(
    ("kind", "fits", "others"),
    [
        (arguments.NUMBER, [1, 0.5, np.float64(1), np.int8(1), Fraction(1, 2)], [True, "1", 1j]),
        (arguments.PATH, ["a", Path("a")], [b"a", 3, None]),
        (arguments.list_of("", arguments.TEXT), [[], ["a"], ("a",), {"a"}], ["a", {"a": 1}, [1]]),
        (arguments.map_of("", arguments.NUMBER), [{}, {"a": 1}], [{1: 1}, {"a": "b"}, ["a"]]),
    ],
)
def test_kinds_fit(kind: arguments.Kind, fits: list[Any], others: list[Any]) -> None:
    assert all(map(kind.fits, fits))
    assert not any(map(kind.fits, others))


def test_what_fits_goes_on() -> None:
    told: list[Callable[..., Any]] = []

    @arguments.takes(number=arguments.NUMBER)
    def double(number: float, *more: int) -> float:
        """Twice."""
        told.append(double)
        return 2 * number

    assert (double(2), double.__doc__) == (4, "Twice.")
    with pytest.raises(TypeError, match=r"double\(\): number: 'a' is of type str; give a number"):
        double("a")  # type: ignore[arg-type]
    assert len(told) == 1
