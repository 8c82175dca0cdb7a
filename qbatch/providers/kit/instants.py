"""Instants as clouds write them, read."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


def to_the_second(value: Any) -> str:
    """Return a timestamp as UTC, ISO 8601, to the second; "" for what is none.

    >>> to_the_second("2026-07-01T14:00:00.5+02:00"), to_the_second("soon")
    ('2026-07-01T12:00:00+00:00', '')
    >>> to_the_second("Wed, 12 Jun 2024 20:11:15 GMT")
    '2024-06-12T20:11:15+00:00'
    """
    if not isinstance(value, str):
        return ""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            then = read(value[:100])
            then = then if then.tzinfo else then.replace(tzinfo=UTC)
            return then.astimezone(UTC).isoformat(timespec="seconds")
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return ""
