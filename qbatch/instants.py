"""Instants as a person reads them: in the zone of this machine, which is named.

Rule: what goes to a terminal is told here, and nowhere else. Files, JSON and CSV have UTC; a page
has UTC too, each instant marked so that it is shown in the zone of whoever opens it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from typing import Literal

#: Format of each exactness.
_WRITTEN = {"second": "%Y-%m-%d %H:%M:%S", "minute": "%Y-%m-%d %H:%M"}

#: An instant of UTC within a text; none that is quoted, a value or of a file's name: these are told
#: as they were written.
_WITHIN = re.compile(
    r"(?<![\w'\"`=/.-])\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)(?![\w:/'\"`-]|\.\w)"
)

Instant = datetime | float | str


def moment(at: Instant) -> datetime:
    """Return an instant; one without a zone is UTC.

    Args:
        at: Or seconds since 1970, or ISO 8601.

    Raises:
        ValueError: The text is no instant.
    """
    if isinstance(at, float | int):
        return datetime.fromtimestamp(at, UTC)
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def in_zone(
    at: Instant, to: Literal["second", "minute"] = "second", zone: tzinfo | None = None
) -> str:
    """Write an instant for a person.

    Args:
        at: As `moment` takes it.
        to: How exactly.
        zone: Of the person; None: that of this machine (``TZ``).

    Raises:
        ValueError: The text is no instant.

    >>> in_zone("2026-11-30T16:20:05+00:00", zone=UTC)
    '2026-11-30 16:20:05 UTC'
    """
    here = moment(at).astimezone(zone)
    return f"{here:{_WRITTEN[to]}} {_name_of_zone(here)}"


def told_if_known(
    at: str | None, to: Literal["second", "minute"] = "second", zone: tzinfo | None = None
) -> str:
    """Write an instant that somebody else told; as they wrote it, where that cannot be read."""
    try:
        return in_zone(at, to, zone) if at else ""
    except ValueError:
        return at or ""


def told_within(text: str) -> str:
    """Write a text that files keep, each instant of UTC in it as `in_zone` writes it."""
    return _WITHIN.sub(lambda found: told_if_known(found[0], "minute"), text)


def told_briefly(at: Instant, now: Instant, zone: tzinfo | None = None) -> str:
    """Write an instant near the present one: its time alone where that is of the same day.

    >>> told_briefly(61, 600, zone=UTC), told_briefly(61, 100, zone=UTC)
    ('00:01', '00:01:01')
    """
    here, present = moment(at).astimezone(zone), moment(now).astimezone(zone)
    if here.date() != present.date():
        return in_zone(at, "minute", zone)
    is_near = abs((here - present).total_seconds()) < 60
    return f"{here:%H:%M:%S}" if is_near else f"{here:%H:%M}"


def _name_of_zone(here: datetime) -> str:
    """``CET``; where the system has no short name of letters, ``UTC+05:30``."""
    name = here.tzname() or ""
    if name.isascii() and name.isalpha() and len(name) <= 5:
        return name
    return f"UTC{here.isoformat()[-6:]}"
