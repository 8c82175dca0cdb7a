"""Times with a unit: ``80us`` without quotes is a number of seconds, in quotes it is text."""

from __future__ import annotations

import re
from typing import Any

from qbatch.manifest.nodes import Plain

#: Units of times that circuits know too -> what a number is followed by to be one of seconds.
_UNITS = {"s": "", "ms": "e-3", "us": "e-6", "µs": "e-6", "μs": "e-6", "ns": "e-9", "ps": "e-12"}
_TIME = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))\s*(s|ms|us|µs|μs|ns|ps)")


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
