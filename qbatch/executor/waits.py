"""What held a run up, and for how long: one tally per backend.

Rule: a cause counts as long as at least one task of the backend waits for it, so that ten tasks
in one back-off for a minute are one minute. An entry and an exit cost a look at the clock each;
what does not wait is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import trio


class Cause(StrEnum):
    """What may hold up the jobs of a backend."""

    TARGET_LIMIT = "target limit"
    MANIFEST_LIMIT = "manifest limit"
    RUN_LIMIT = "run limit"
    RATE = "rate"
    FULL = "full"
    BACK_OFF = "back-off"
    PREPARATION = "preparation"
    BUDGET = "budget"
    QUEUE = "queue"

    @property
    def description(self) -> str:
        """In words."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS = {
    Cause.TARGET_LIMIT: "the target's limit of composite jobs in flight",
    Cause.MANIFEST_LIMIT: "the manifest's limits: in_flight",
    Cause.RUN_LIMIT: "the run's max_in_flight, shared by all backends",
    Cause.RATE: "the provider's limit of submissions per time",
    Cause.FULL: "the provider took no more: jobs, lanes or requests at their limit",
    Cause.BACK_OFF: "back-off after failures, or because the provider asked for it",
    Cause.PREPARATION: "the provider prepared or quoted",
    Cause.BUDGET: "what is reserved for other jobs was to be billed first",
    Cause.QUEUE: "jobs waited in the provider's queue",
}


@dataclass(frozen=True, slots=True)
class Wait:
    """One cause, added up.

    Attributes:
        times: Waits begun.
        seconds: During which at least one task or job waited.
        job_seconds: Summed over all that waited.
    """

    times: int = 0
    seconds: float = 0.0
    job_seconds: float = 0.0


@dataclass(slots=True)
class _Account:
    times: int = 0
    now: int = 0
    seconds: float = 0.0
    job_seconds: float = 0.0
    changed_at: float = 0.0

    def change(self, by: int) -> None:
        at = trio.current_time()
        if self.now > 0:
            passed = at - self.changed_at
            self.seconds += passed
            self.job_seconds += passed * self.now
        self.changed_at = at
        self.now += by
        self.times += max(by, 0)


class Waits:
    """The tally of one backend."""

    def __init__(self) -> None:
        self._accounts: dict[Cause, _Account] = {}

    def begin(self, cause: Cause, number: int = 1) -> None:
        """So many more wait than before; negative: fewer."""
        self._accounts.setdefault(cause, _Account()).change(number)

    def end(self, cause: Cause, number: int = 1) -> None:
        """So many wait no more."""
        self._accounts[cause].change(-number)

    @contextmanager
    def waiting(self, cause: Cause) -> Iterator[None]:
        """One waits while inside."""
        self.begin(cause)
        try:
            yield
        finally:
            self.end(cause)

    def totals(self) -> Mapping[Cause, Wait]:
        """What was waited for until now, the longest first; causes that cost no time left out."""
        for account in self._accounts.values():
            account.change(0)
        found = {
            cause: Wait(account.times, account.seconds, account.job_seconds)
            for cause, account in self._accounts.items()
            if account.seconds > 0
        }
        return dict(sorted(found.items(), key=lambda item: -item[1].seconds))
