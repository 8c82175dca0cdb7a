"""What bounds a team of the emulated Marqov: submissions per time, and money."""

from __future__ import annotations

from math import ceil
from typing import Any

from qbatch.emulators.clouds import World
from qbatch.emulators.limits import RateLimit
from qbatch.emulators.marqov.access import NAME, Caller, Rejected

DAY_S = 86_400.0


class Allowances:
    """What users and teams have sent and spent. What is refused counts against nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._limits: dict[str, RateLimit] = {}
        #: team -> (second, USD) of each admitted job
        self._spent: dict[str, list[tuple[float, float]]] = {}

    def take(self, caller: Caller, price: float) -> None:
        """Count a submission that was admitted."""
        for limit in (f"user {caller.user}", f"team {caller.team}"):
            self._limits[limit].wait_s()
        self._spent[caller.team].append((self.world.clock.now_s(), price))

    def check_rate(self, caller: Caller) -> None:
        """Refuse the eleventh a minute of a user and the 101st a day of a team."""
        windows = [
            self._limit(f"user {caller.user}", self._switch("per_minute", 10), 60.0),
            self._limit(f"team {caller.team}", self._switch("per_day", 100), DAY_S),
        ]
        wait_s = max(window.left_s() for window in windows)
        if wait_s > 0:
            raise Rejected(429, "rate_limited", "too many submissions", retry_after_s=ceil(wait_s))

    def _limit(self, whose: str, calls: int, window_s: float) -> RateLimit:
        if whose not in self._limits:
            self._limits[whose] = RateLimit(self.world.clock, calls, window_s)
        self._limits[whose].calls = calls
        return self._limits[whose]

    def check_budget(self, caller: Caller, price: float) -> None:
        """Refuse what the team's budgets do not cover, and say what remains."""
        now = self.world.clock.now_s()
        spent = self._spent.setdefault(caller.team, [])
        budgets = (
            ("job", self._switch("job_usd", 100.0), 0.0),
            ("day", self._switch("day_usd", 100.0), DAY_S),
            ("month", self._switch("month_usd", 1000.0), 30 * DAY_S),
        )
        for period, limit, window_s in budgets:
            remaining = limit - sum(usd for at, usd in spent if now - at < window_s)
            if price > remaining + 1e-9:
                text = f"costs {price:.2f} USD; {remaining:.2f} USD of the {period}'s budget remain"
                more = {"period": period, "limit_usd": limit, "remaining_usd": round(remaining, 6)}
                raise Rejected(402, "spend_limit_exceeded", text, more={"budget": more})

    def _switch(self, name: str, default: Any) -> Any:
        return self.world.faults.switch(NAME, name, default)
