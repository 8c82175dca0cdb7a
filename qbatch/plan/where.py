"""Matching of points against a `where`.

A `where` names axes, each with a value or a list of values; a point matches when each named axis
has one of them. Numbers match within a relative 1e-9 (an absolute 1e-12 near zero): ``beta: pi/8``
means the grid's point there, whatever the last bit. Strings and booleans match only their like.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose

from qbatch.manifest.models import Value, Where


def same(one: Value, other: Value) -> bool:
    """Tell whether two axis values are the same to a person.

    >>> same(1, 1.0), same(0.1 + 0.2, 0.3), same(True, 1), same("1", 1)
    (True, True, False, False)
    """
    if isinstance(one, (str, bool)) or isinstance(other, (str, bool)):
        return one.__class__ is other.__class__ and one == other
    return one == other or isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def choices(wanted: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values that one axis of a `where` allows."""
    return tuple(wanted) if isinstance(wanted, (tuple, list)) else (wanted,)


def is_match(where: Where, values: Mapping[str, Value]) -> bool:
    """Tell whether the point with these axis `values` matches; an axis it lacks never does."""
    return all(
        name in values and any(same(values[name], choice) for choice in choices(wanted))
        for name, wanted in where.items()
    )
