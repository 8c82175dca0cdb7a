"""Times with a unit: ``80us`` without quotes is a number of seconds, in quotes it is text.

Rule: on one axis either all values are times with a unit or none is, so that ``[20us, 50]`` is not
50 seconds without a word, nor ``[1s, 2p]`` a second and a text; 0 needs no unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from qbatch.arithmetic import is_number, names_in
from qbatch.manifest.nodes import Plain

#: Units of times that circuits know too -> what a number is followed by to be one of seconds.
_UNITS = {"s": "", "ms": "e-3", "us": "e-6", "µs": "e-6", "μs": "e-6", "ns": "e-9", "ps": "e-12"}
_TIME = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))\s*(s|ms|us|µs|μs|ns|ps)")

#: Keys, from some part of a manifest down.
Loc = tuple[str | int, ...]

#: Form of an axis -> which of its numbers are values.
_ENDS = {"linspace": (0, 1), "geomspace": (0, 1), "range": (0, 1, 2), "random": ("min", "max")}


def is_written_time(value: Any) -> bool:
    """Tell whether a value is a number with a unit of time."""
    return isinstance(value, str) and _TIME.fullmatch(value.strip()) is not None


def as_written_time(value: Any) -> Any:
    """Return a number with a unit of time (``80us``) in seconds, anything else as it is.

    >>> as_written_time("35 ns"), as_written_time("0.1ms"), as_written_time("pi")
    (3.5e-08, 0.0001, 'pi')
    """
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    return value if match is None else float(match[1] + _UNITS[match[2]])


def is_unquoted_time(value: Any) -> bool:
    """Tell whether a value of a manifest is a number with a unit of time, without quotes."""
    return type(value) is Plain and is_written_time(value)


def as_unquoted_time(value: Any) -> Any:
    """Return a time without quotes in seconds, anything else as it is."""
    return as_written_time(value) if type(value) is Plain else value


def values_of(axis: Any) -> Iterator[tuple[Loc, Any]]:
    """Yield the values of an axis as written, or the ends of its spacing, each with its place."""
    if isinstance(axis, tuple | list):
        yield from ((("values", i), value) for i, value in enumerate(axis))
    elif isinstance(axis, Mapping):
        for form, keys in _ENDS.items():
            ends = axis.get(form)
            pairs = ends if isinstance(ends, Mapping) else dict(enumerate(_list(ends)))
            yield from (((form, key), pairs[key]) for key in keys if key in pairs)


def _list(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else ()


def find_stray(
    values: Iterable[tuple[Loc, Any]], time: str, is_arithmetic: Callable[[str], bool]
) -> tuple[Loc, str] | None:
    """Return where the first value stands that does not fit beside a time, and what is wrong.

    Args:
        values: As written, each with its place.
        time: One of them, with its unit.
        is_arithmetic: Tells whether text without quotes is a number to be worked out.
    """
    for loc, value in values:
        if is_unquoted_time(value) or not isinstance(value, bool | int | float | str):
            continue
        if not is_number(value) and not (type(value) is Plain and is_arithmetic(value)):
            return loc, (
                f"is no time, and {time} beside it is read as {in_seconds(time)}; "
                f'write "{time}" in quotes if it is text, or a time here'
            )
        if value != 0 and not (isinstance(value, str) and names_in(value)):  # vars may be times
            return loc, (
                f"has no unit, and {time} beside it has one; write its unit too, as in {time} "
                "(without one it would be seconds)"
            )
    return None


def in_seconds(time: str) -> str:
    """Return a time with a unit in words.

    >>> in_seconds("1s"), in_seconds("80us")
    ('1 second', '8e-05 seconds')
    """
    seconds = as_written_time(time)
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
