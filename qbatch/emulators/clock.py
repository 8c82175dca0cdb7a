"""The emulated clouds' only source of time.

Rules: nothing in this package asks the operating system for the time or sleeps by itself. Time is
trio's: real when serving, virtual under `trio.testing.MockClock`, where hours of queue pass at
once. No task runs in the background: a state is computed from instants when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import trio


class Clock:
    """Seconds since the emulation began, and the calendar time that belongs to them.

    Args:
        began_at: Calendar time at second 0; by default now, whenever that is asked for first: a
            server that stood idle before is no calendar that is late.
        monotonic: Seconds from an arbitrary origin that never run backwards.
    """

    def __init__(
        self,
        began_at: datetime | None = None,
        monotonic: Callable[[], float] = trio.current_time,
    ) -> None:
        self._began_at = began_at
        self._monotonic = monotonic
        self._origin: float | None = None

    def now_s(self) -> float:
        """Return seconds since the first call."""
        if self._origin is None:
            self._origin = self._monotonic()
            self._began_at = self._began_at or datetime.now(UTC)
        return self._monotonic() - self._origin

    @property
    def began_at(self) -> datetime:
        """Calendar time at second 0."""
        self.now_s()
        assert self._began_at is not None
        return self._began_at

    def at(self, seconds: float) -> datetime:
        """Return the UTC instant at `seconds` since the beginning."""
        return self.began_at + timedelta(seconds=seconds)

    def utc(self) -> datetime:
        return self.at(self.now_s())

    def http_date(self, in_s: float) -> str:
        """Return the instant `in_s` from now as HTTP headers write it."""
        return format_datetime(self.utc() + timedelta(seconds=in_s), usegmt=True)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


def iso(instant: datetime) -> str:
    """Write an instant as ISO 8601 in UTC with microseconds and ``Z``."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
