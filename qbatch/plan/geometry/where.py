"""Matching of points against a `where`.

A `where` names axes, each with a value or a list of values; a point matches when each named axis
has one of them. Numbers match within a relative 1e-9 (zero within 1e-12): ``beta: pi/8``
means the grid's point there, whatever the last bit. But where the axis has just the value that is
written, that one alone is meant (`narrowed`): 0.3 is not 0.1 + 0.2 where the axis has both. Strings
and booleans match only their like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isclose

from qbatch.frozen import dataclass
from qbatch.manifest.models import Value, Where


def same(one: Value, other: Value) -> bool:
    """Tell whether two axis values are the same to a person.

    >>> same(1, 1.0), same(0.1 + 0.2, 0.3), same(True, 1), same("1", 1)
    (True, True, False, False)
    >>> same(1.2e-16, 0), same(1e-14, 1.5e-14)
    (True, False)
    """
    if isinstance(one, (str, bool)) or isinstance(other, (str, bool)):
        return one.__class__ is other.__class__ and one == other
    nothing = 0.0 if one and other else 1e-12
    return one == other or isclose(one, other, rel_tol=1e-9, abs_tol=nothing)


def choices(wanted: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values that one axis of a `where` allows."""
    return tuple(wanted) if isinstance(wanted, (tuple, list)) else (wanted,)


@dataclass(frozen=True, slots=True)
class Exactly:
    """A choice that means just this value."""

    value: Value


#: Axis -> what it may be.
Narrowed = Mapping[str, tuple["Value | Exactly", ...]]


def fits(value: Value, choice: Value | Exactly) -> bool:
    """Tell whether a point's value is what a choice means."""
    if isinstance(choice, Exactly):
        return value == choice.value and same(value, choice.value)
    return same(value, choice)


def narrowed_choices(
    wanted: Value | tuple[Value, ...], column: Iterable[Value]
) -> tuple[Value | Exactly, ...]:
    """Return the choices of one axis; those that its column has just so are meant exactly."""
    asked = choices(wanted)
    numbers = {choice for choice in asked if not isinstance(choice, str | bool)}
    there = numbers.intersection(v for v in column if not isinstance(v, str | bool))
    return tuple(
        Exactly(choice) if choice in there and not isinstance(choice, bool) else choice
        for choice in asked
    )


def narrowed(where: Where, axes: Mapping[str, Sequence[Value] | None]) -> Narrowed:
    """Return a `where` for `is_match`, given the values of the axes as far as they are known."""
    return {name: narrowed_choices(wanted, axes.get(name) or ()) for name, wanted in where.items()}


def is_void(where: Where, axes: Mapping[str, Sequence[Value] | None]) -> bool:
    """Tell whether no point can match, given the values of the axes as far as they are known."""
    return any(
        not has_any(values, where[name])
        for name, values in axes.items()
        if name in where and values is not None
    )


def has_any(column: Iterable[Value], wanted: Value | tuple[Value, ...]) -> bool:
    """Tell whether any of an axis' values is one that a `where` allows."""
    allowed = choices(wanted)
    return any(same(value, choice) for value in column for choice in allowed)


def is_match(where: Where | Narrowed, values: Mapping[str, Value]) -> bool:
    """Tell whether the point with these axis `values` matches; an axis it lacks never does."""
    return all(
        name in values
        and any(
            fits(values[name], choice)
            for choice in (wanted if isinstance(wanted, tuple | list) else (wanted,))
        )
        for name, wanted in where.items()
    )
