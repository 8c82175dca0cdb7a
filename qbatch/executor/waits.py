"""What holds a run up now, and what held it up for how long: one tally per backend.

Rules: a cause counts as long as at least one task of the backend waits for it, so that ten tasks
in one back-off for a minute are one minute. An entry and an exit cost a look at the clock each;
what does not wait is not counted. Whatever begins or ends is told at once. Trouble that asking
again may end (`trouble`) is one wait from the first refusal until the provider takes something.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum

import trio

from qbatch.frozen import dataclass


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

    @property
    def awaited(self) -> str:
        """In words, after "waits for"."""
        return _AWAITED[self]


_DESCRIPTIONS = {
    Cause.TARGET_LIMIT: "the target's limit of composite jobs in flight",
    Cause.MANIFEST_LIMIT: "the manifest's limits: in_flight",
    Cause.RUN_LIMIT: "the run's max_in_flight, shared by all backends",
    Cause.RATE: "the provider's limit of submissions per time",
    Cause.FULL: "the provider took no more: a limit of jobs, lanes or requests, or it is closed",
    Cause.BACK_OFF: "back-off after failures, or because the provider asked for it",
    Cause.PREPARATION: "the provider prepared or quoted",
    Cause.BUDGET: "what is reserved for other jobs was to be billed first",
    Cause.QUEUE: "jobs waited in the provider's queue",
}

_AWAITED = {
    Cause.TARGET_LIMIT: "room within the target's limit",
    Cause.MANIFEST_LIMIT: "room within limits: in_flight",
    Cause.RUN_LIMIT: "room within max_in_flight",
    Cause.RATE: "the limit of submissions per time",
    Cause.FULL: "the provider to take more",
    Cause.BACK_OFF: "the provider to answer",
    Cause.PREPARATION: "the provider to prepare or quote",
    Cause.BUDGET: "bills that are due, to have budget left",
    Cause.QUEUE: "the provider's queue",
}

#: What is told first, where there are several.
_RANKS = {
    cause: rank
    for rank, cause in enumerate(
        (
            Cause.BACK_OFF,
            Cause.FULL,
            Cause.BUDGET,
            Cause.RATE,
            Cause.PREPARATION,
            Cause.RUN_LIMIT,
            Cause.MANIFEST_LIMIT,
            Cause.TARGET_LIMIT,
            Cause.QUEUE,
        )
    )
}

#: A wait that begins again so soon after its end is the same one, seconds.
GAP_S = 2.0


@dataclass(frozen=True, slots=True)
class OpenWait:
    """A cause that holds a backend up now.

    Attributes:
        cause: What is waited for.
        since: When it began; UTC, seconds since 1970.
        until: When it ends, or is tried again; None: that is not known.
        why: Whose limit it is, or what the provider said; "" where `cause` says all.
        times: How often it began, or was refused again, since then.
    """

    cause: Cause
    since: float
    until: float | None = None
    why: str = ""
    times: int = 1


#: Called with what holds a backend up now, the most telling first; () when nothing does any more.
TellWaits = Callable[[tuple[OpenWait, ...]], None]


def _ignore(waits: tuple[OpenWait, ...]) -> None:
    del waits


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
    changed_at: float = -math.inf
    is_trouble: bool = False
    open: OpenWait | None = None

    @property
    def is_open(self) -> bool:
        return self.now > 0 or self.is_trouble

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
    """The tally of one backend.

    Args:
        now: The calendar's clock; UTC, seconds since 1970.
        tell: Called whenever a wait begins, ends or is explained anew.
    """

    def __init__(self, now: Callable[[], float] = time.time, tell: TellWaits = _ignore) -> None:
        self._accounts: dict[Cause, _Account] = {}
        self._now = now
        self._tell = tell

    def begin(
        self, cause: Cause, number: int = 1, *, why: str = "", for_s: float | None = None
    ) -> None:
        """So many more wait than before; negative: fewer.

        Args:
            cause: For what.
            number: How many.
            why: Whose limit it is, or what the provider said.
            for_s: How long it will be; None: that is not known.
        """
        account = self._accounts.setdefault(cause, _Account())
        was_open, ended_at = account.is_open, account.changed_at
        account.change(number)
        if account.is_open and not was_open:
            self._open(cause, account, ended_at, why, for_s)
        elif was_open and not account.is_open:
            self._told()

    def explain(self, cause: Cause, why: str) -> None:
        """Whose limit it is, or what the provider says, from now on."""
        account = self._accounts.get(cause)
        if account is None or account.open is None or account.open.why == why:
            return
        account.open = replace(account.open, why=why)
        if account.is_open:
            self._told()

    def end(self, cause: Cause, number: int = 1) -> None:
        """So many wait no more."""
        self.begin(cause, -number)

    def trouble(self, cause: Cause, why: str, for_s: float) -> None:
        """The provider refused, or did not answer: it is asked again in so many seconds."""
        account = self._accounts.setdefault(cause, _Account())
        was_open, account.is_trouble = account.is_open, True
        if account.open is None or not was_open:
            self._open(cause, account, -math.inf, why, for_s)
            return
        until, times = self._now() + for_s, account.open.times + 1
        account.open = replace(account.open, why=why or account.open.why, until=until, times=times)
        self._told()

    def trouble_ends(self, cause: Cause) -> None:
        """The provider answers again, or nobody asks it any more."""
        account = self._accounts.get(cause)
        if account is not None and account.is_trouble:
            account.is_trouble = False
            if not account.is_open:
                account.changed_at = trio.current_time()
                self._told()

    def _open(
        self, cause: Cause, account: _Account, ended_at: float, why: str, for_s: float | None
    ) -> None:
        now, before = self._now(), account.open
        is_same = before is not None and trio.current_time() - ended_at <= GAP_S
        account.open = OpenWait(
            cause,
            before.since if before is not None and is_same else now,
            None if for_s is None else now + for_s,
            why,
            before.times + 1 if before is not None and is_same else 1,
        )
        self._told()

    def _told(self) -> None:
        self._tell(self.open())

    def open(self) -> tuple[OpenWait, ...]:
        """What holds the backend up now, the most telling first."""
        found = [
            account.open
            for account in self._accounts.values()
            if account.is_open and account.open is not None
        ]
        return tuple(sorted(found, key=lambda wait: _RANKS[wait.cause]))

    @contextmanager
    def waiting(self, cause: Cause, *, why: str = "", for_s: float | None = None) -> Iterator[None]:
        """One waits while inside."""
        self.begin(cause, why=why, for_s=for_s)
        try:
            yield
        finally:
            self.end(cause)

    def totals(self) -> Mapping[Cause, Wait]:
        """What was waited for until now, the longest first; causes that cost no time left out."""
        for account in self._accounts.values():
            if account.now:
                account.change(0)
        found = {
            cause: Wait(account.times, account.seconds, account.job_seconds)
            for cause, account in self._accounts.items()
            if account.seconds > 0
        }
        return dict(sorted(found.items(), key=lambda item: -item[1].seconds))
