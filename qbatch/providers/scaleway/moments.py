"""Instants and durations as Scaleway writes them: text, or objects of seconds and nanos."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from qbatch.providers.kit.untrusted import number

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_instant(value: Any) -> float | None:
    """Read a timestamp: UTC, seconds since 1970; None for none, null, or the year 1.

    >>> read_instant("1970-01-01T00:01:00.5Z")
    60.5
    >>> read_instant({"seconds": "60", "nanos": 500000000})
    60.5
    """
    if isinstance(value, dict):
        seconds = number(value.get("seconds")) or 0.0
        found = seconds + (number(value.get("nanos")) or 0.0) * 1e-9
        return found if found > 0 else None
    if not isinstance(value, str):
        return None
    try:
        then = datetime.fromisoformat(_microseconds(value))
    except ValueError:
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    return (then - EPOCH).total_seconds() if then.year > 1 else None


def _microseconds(text: str) -> str:
    """Cut fractions of a second to what Python reads."""
    return re.sub(r"(\.\d{6})\d+", r"\1", text)


def read_duration(value: Any) -> float | None:
    """Read a duration, seconds: ``"3540s"``, an object, or a number.

    >>> read_duration("2.5s")
    2.5
    """
    if isinstance(value, dict):
        seconds, nanos = (number(value.get(key)) or 0.0 for key in ("seconds", "nanos"))
        return seconds + nanos * 1e-9
    if isinstance(value, str):
        return number(value.removesuffix("s"))
    return number(value)


def write_duration(seconds: float) -> str:
    """Write a duration as the service takes it."""
    return f"{max(1, round(seconds))}s"
