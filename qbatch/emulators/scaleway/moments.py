"""Instants and durations as the emulated Scaleway writes and reads them.

Two forms exist: RFC 3339 and ``"600s"``, and that of raw protobuf, ``{"seconds": text, "nanos":
whole}``, where the year 1 stands for "not yet" and 64-bit numbers are text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from qbatch.emulators.clock import Clock, iso

#: Seconds from 1970 to the year 1: "not yet" in raw protobuf.
YEAR_1_S = -62_135_596_800

_DURATION = re.compile(r"\d+(\.\d+)?s", re.ASCII)

#: 64-bit numbers.
_LONG = ("total_count", "waiting_job_count", "finished_job_count")


def snake(name: str) -> str:
    """Return a name in snake_case: the gateway takes ``providerName`` for ``provider_name``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def read_duration(value: Any) -> float | None:
    """Return seconds from ``"2.5s"`` or a bare number; None for anything else."""
    if isinstance(value, str) and _DURATION.fullmatch(value):
        return float(value[:-1])
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
        return float(value)
    return None


def write_duration(seconds: float) -> str:
    return f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"


def read_instant(text: str) -> datetime | None:
    """Return an RFC 3339 instant; None when it is none, or has no offset."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def write_instant(clock: Clock, seconds: float | None) -> str | None:
    """Write an instant given in seconds of the clock."""
    return None if seconds is None else iso(clock.at(seconds))


def in_protobuf_form(value: Any, name: str = "") -> Any:
    """Return an answer in the form of raw protobuf."""
    if isinstance(value, dict):
        return {key: in_protobuf_form(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [in_protobuf_form(one) for one in value]
    if name.endswith("_at"):
        return _split(YEAR_1_S if value is None else _since_1970(value))
    if name.endswith("_duration") and value is not None:
        return _split(float(value[:-1]))
    return str(value) if name in _LONG else value


def _since_1970(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def _split(seconds: float) -> dict[str, Any]:
    whole = int(seconds // 1)
    return {"seconds": str(whole), "nanos": round((seconds - whole) * 1e9)}
