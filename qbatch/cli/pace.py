"""How fast points come, and when the last of them may: what every teller of progress says.

Rules: the rate is that of late, not that of the whole run, for most runs are slower at their end;
a silence counts, and no time is told that is shorter than the silence; while a provider's limit
holds the run up, none is told at all. A run ends with the slowest of its
backends, and nobody knows when where one of those has not brought a point of late.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from qbatch.notation import duration

if TYPE_CHECKING:
    from qbatch.executor import BackendProgress

#: Of late: so many seconds, or this share of the time since the beginning if that is longer.
LATE_S, LATE_SHARE = 15.0, 0.25


class Pace:
    """How fast points come, of a run or of one of its backends.

    Args:
        now: Seconds, of any clock that does not jump.
        done: Points done by then.
    """

    def __init__(self, now: float, done: int = 0) -> None:
        self._began = now
        self._seen = deque([(now, done)])

    def rate(self, done: int, now: float) -> float:
        """Points per second of late; 0 where none came."""
        if done != self._seen[-1][1]:
            self._seen.append((now, done))
        late_s = max(LATE_S, LATE_SHARE * (now - self._began))
        while len(self._seen) > 1 and self._seen[1][0] < now - late_s:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / (now - since) if done > before and now > since else 0.0

    def left_s(self, done: int, total: int, now: float) -> float:
        """Seconds until all are done; infinite where nobody knows."""
        if done >= total:
            return 0.0
        rate = self.rate(done, now)
        return max((total - done) / rate, now - self._seen[-1][0]) if rate else math.inf


class RunPace:
    """Rate and time left of a run, which ends with the last of its backends.

    Args:
        now: Seconds, of any clock that does not jump.
        done: Points done by then.
        unit: What is counted, "point" or "job".

    >>> pace = RunPace(now=0.0)
    >>> pace.text(25, 100, now=5.0)
    '5.0 points/s, 15 s left'
    """

    def __init__(self, now: float, done: int = 0, unit: str = "point") -> None:
        self._began, self._unit = now, unit
        self._whole = Pace(now, done)
        self._of_backend: dict[str, Pace] = {}

    def text(
        self,
        done: int,
        total: int,
        now: float,
        backends: Mapping[str, BackendProgress] | None = None,
        *,
        is_held_up: bool = False,
    ) -> str:
        """Say both, or "" where no point came of late.

        Args:
            done: Points done by now.
            total: Points to be done, as far as is known by now.
            now: See the class.
            backends: How far each is, where that is known.
            is_held_up: By a limit, so that nobody knows when the next point comes.
        """
        lefts = [self._whole.left_s(done, total, now)]
        for name, one in (backends or {}).items():
            pace = self._of_backend.setdefault(name, Pace(self._began))
            ended = one.completed + one.failed + one.cancelled + one.held
            lefts.append(pace.left_s(ended, one.total, now))
        rate, left_s = self._whole.rate(done, now), max(lefts)
        if not rate:
            return ""
        is_known = 0 < left_s < math.inf and not is_held_up
        return format_rate(rate, self._unit) + (f", {duration(left_s)} left" if is_known else "")


def format_rate(rate: float, unit: str = "point") -> str:
    """``472 points/s``; below one a second, ``12 points/min``.

    >>> format_rate(0.2)
    '12 points/min'
    """
    if rate < 1:
        return f"{rate * 60:.3g} {unit}s/min"
    return f"{rate:,.0f} {unit}s/s" if rate >= 10 else f"{rate:.1f} {unit}s/s"
