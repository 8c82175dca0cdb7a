"""How fast points come, and when the last of them may: what every teller of progress says.

Rules: the rate is that of late, not that of the whole run, for most runs are slower at their end;
a silence counts, and no time is told that is shorter than the silence; while a provider's limit
holds the run up, none is told at all.
"""

from __future__ import annotations

from collections import deque

from qbatch.report.numbers import duration

#: Of late: so many seconds, or this share of the time since the beginning if that is longer.
LATE_S, LATE_SHARE = 15.0, 0.25


class Pace:
    """Points per second and the time left.

    Args:
        total: Points to be done.
        now: Seconds, of any clock that does not jump.
        done: Points done by then.

    >>> pace = Pace(100, now=0.0)
    >>> pace.text(done=25, now=5.0)
    '5.0 points/s, 15 s left'
    """

    def __init__(self, total: int, now: float, done: int = 0) -> None:
        self._total = total
        self._began = now
        self._seen = deque([(now, done)])

    def text(self, done: int, now: float, *, is_held_up: bool = False) -> str:
        """Rate and time left, or "" where no point came of late.

        Args:
            done: Points done by now.
            now: See the class.
            is_held_up: By a limit, so that nobody knows when the next one comes.
        """
        if done != self._seen[-1][1]:
            self._seen.append((now, done))
        late_s = max(LATE_S, LATE_SHARE * (now - self._began))
        while len(self._seen) > 1 and self._seen[1][0] < now - late_s:
            self._seen.popleft()
        since, before = self._seen[0]
        new, elapsed = done - before, now - since
        if new <= 0 or elapsed <= 0:
            return ""
        rate = new / elapsed
        left = max((self._total - done) / rate, now - self._seen[-1][0])
        is_known = done < self._total and not is_held_up
        return format_rate(rate) + (f", {duration(left)} left" if is_known else "")


def format_rate(rate: float) -> str:
    """``472 points/s``; below one a second, ``12 points/min``.

    >>> format_rate(0.2)
    '12 points/min'
    """
    if rate < 1:
        return f"{rate * 60:.3g} points/min"
    return f"{rate:,.0f} points/s" if rate >= 10 else f"{rate:.1f} points/s"
