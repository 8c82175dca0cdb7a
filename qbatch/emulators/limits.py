"""Limits on requests that every emulated cloud enforces in its own words."""

from __future__ import annotations

from collections import deque

from qbatch.emulators.clock import Clock


class RateLimit:
    """At most `calls` in any `window_s` seconds.

    Args:
        clock: The emulation's.
        calls: 1 or more; may be changed later.
        window_s: Length of the sliding window, seconds.
    """

    def __init__(self, clock: Clock, calls: int, window_s: float) -> None:
        self._clock = clock
        self.calls = calls
        self._window_s = window_s
        self._at: deque[float] = deque()

    def left_s(self) -> float:
        """Return how long a caller must wait; 0 if a call is allowed now. Counts nothing."""
        now = self._clock.now_s()
        while self._at and now - self._at[0] >= self._window_s:
            self._at.popleft()
        if len(self._at) < self.calls:
            return 0.0
        return self._window_s - (now - self._at[-self.calls])

    def wait_s(self) -> float:
        """Count one call and return 0, or return how long the caller must wait, uncounted."""
        left_s = self.left_s()
        if not left_s:
            self._at.append(self._clock.now_s())
        return left_s
