"""A composite job from packed to released: the one mutable thing of a run,
owned by one task.

Rule: `rows` say what is durable; they change only after a commit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import trio

from qbatch.errors import Refused
from qbatch.job import JobState
from qbatch.providers import Answer, Batch, Intent, Order
from qbatch.purchase import (
    AT_WORK,
    TABLE,
    CompositeEvent,
    Event,
    Ledger,
    Next,
    Row,
    Stage,
    begins,
    comes_to,
    follows,
)
from qbatch.snapshot import JobRow

if TYPE_CHECKING:
    from qbatch.job import Job

MAX_ERROR_CHARS = 4_000

#: Who told what a job was charged, before all was over.
PROVIDER = "told by the provider"


class Bill(NamedTuple):
    """What a job was charged, in the target's unit, and who says so."""

    amount: float
    source: str = PROVIDER


class Move(NamedTuple):
    """Something that happened to a child: to be committed, then believed.

    Attributes:
        row: The child, where the table of purchases puts it.
        ledger: What the ledger does.
        bill: What the child was charged, as far as that is told.
    """

    row: JobRow
    ledger: Ledger
    bill: Bill | None = None


@dataclass(eq=False)
class ActiveJob:
    """One composite job.

    Attributes:
        batch: As packed; its composite job's memo is what is durable.
        rows: Job id -> what is durable of it.
        ordinal: Its row in the snapshot; None before the first commit.
        stage: What is durable of it as a whole.
        intent: What was or is about to be sent.
        deadline: When its children have been at work for too long; trio clock.
        not_before: The provider asked not to be asked earlier; trio clock.
        then: Child -> what is next for it, by the table of purchases.
        look_at: When to look for children of which that is next; trio clock.
        looks: How often that was done since it was sent.
        doubt: Why it is unclear.
        refusal: What the provider said to it, if it turns out that nothing was bought.
        failures: Why it could not be sent, once per attempt.
        turned_away_at: When the provider first would not have it, or could not be reached; trio
            clock.
        turned_away: How often in a row.
        ripe: Children the provider says are completed; their results are not here yet.
        doubts: Child -> how often in a row the provider said it knows nothing of it.
        said_at: Child -> since when something is said of it that counts only if it lasts; trio
            clock.
        was_cancelled: The time-out passed and cancelling was asked for.
        is_late: The time-out passed, and it is left where it is.
        bought: Child -> generation under which it was last sent.
    """

    batch: Batch
    rows: dict[str, JobRow]
    ordinal: int | None = None
    stage: Stage = "created"
    intent: Intent | None = None
    deadline: float = math.inf
    not_before: float = -math.inf
    then: dict[str, Next] = field(default_factory=dict)
    look_at: float = -math.inf
    looks: int = 0
    doubt: str = ""
    refusal: Refused | None = None
    failures: list[str] = field(default_factory=list)
    turned_away_at: float = math.inf
    turned_away: int = 0
    ripe: dict[str, Answer] = field(default_factory=dict)
    doubts: Counter[str] = field(default_factory=Counter)
    said_at: dict[str, float] = field(default_factory=dict)
    was_cancelled: bool = False
    is_late: bool = False
    bought: dict[str, int] = field(default_factory=dict)
    inbox: list[Answer] = field(default_factory=list)
    _gone: set[str] = field(default_factory=set)
    _bell: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self._orders = {order.id: order for order in self.batch.orders}
        for key, row in self.rows.items():
            self.then.setdefault(key, begins(row.job.state))

    @property
    def ids(self) -> list[str]:
        """Children this composite job still answers for, in the order sent."""
        return [key for key in self.batch.composite.job_ids if key not in self._gone]

    def ids_in(self, *states: JobState) -> list[str]:
        """Of these, the children in one of `states`."""
        rows, gone = self.rows, self._gone
        return [
            k for k in self.batch.composite.job_ids if rows[k].job.state in states and k not in gone
        ]

    @property
    def at_work(self) -> list[str]:
        """Children the provider still has work to do for, or results to give."""
        return self.ids_in(*AT_WORK)

    def ids_then(self, *nexts: Next) -> list[str]:
        """Of these, the children of which one of `nexts` is next."""
        return [key for key in self.ids if self.then[key] in nexts]

    @property
    def is_whole(self) -> bool:
        """Whether it still answers for all its children."""
        return not self._gone

    @property
    def comes_to(self) -> CompositeEvent | None:
        """What it comes to as a whole, by what is next for its children."""
        return comes_to({self.then[key] for key in self.ids}, is_whole=self.is_whole)

    def current(self) -> Batch:
        """The batch with the provider's ids as known now; none of children that are with another.

        Those may have been bought anew since, under ids that are no business of this one.
        """
        rows, gone = self.rows, self._gone
        ids = tuple(
            [
                None if key in gone else rows[key].job.provider_job_id
                for key in self.batch.composite.job_ids
            ]
        )
        if ids.count(None) < len(ids):
            return replace(self.batch, provider_job_ids=ids)
        return self.batch

    def remember(self, memo: Mapping[str, Any]) -> None:
        """Take over the driver's memo."""
        if memo == self.batch.composite.memo:
            return
        self.batch = replace(self.batch, composite=replace(self.batch.composite, memo=memo))

    def happens(self, key: str, event: Event, *, bill: Bill | None = None, **changes: Any) -> Move:
        """What follows, by the table of purchases, from an event to child `key`.

        Args:
            key: The child.
            event: What happened.
            bill: What it was charged; None: what was told before, if anything was.
            changes: To other attributes of the job.

        Raises:
            JobStateError: By the table that cannot happen.
        """
        row, job = self.rows[key], self.job(key)
        if "error" in changes:
            changes["error"] = changes["error"][:MAX_ERROR_CHARS]
        if bill is None and job.cost is not None:
            bill = Bill(job.cost)
        after = row.with_job(job.after(event, **changes))
        told = TABLE[job.state][event]
        self.then[key] = told.next
        return Move(after, told.ledger, bill)

    def hears(self, answer: Answer, event: Event) -> Row | None:
        """Note what is next for a child that an answer speaks of; None: it says nothing to it.

        Args:
            answer: The provider's.
            event: What it says by now.
        """
        key = answer.job_id
        row = follows(self.job(key).state, event)
        if row is None:
            return None
        self.then[key] = row.next
        if row.next is Next.FETCH:
            self.ripe[key] = answer
        else:
            self.ripe.pop(key, None)
        return row

    def noted(self, key: str, **changes: Any) -> JobRow:
        """The row of child `key` with other attributes, where it is."""
        row = self.rows[key]
        return row.with_job(row.job.with_changes(**changes))

    def job(self, key: str) -> Job:
        """The durable state of child `key`."""
        return self.rows[key].job

    def purchase(self, key: str) -> tuple[str, int]:
        """What budgets and the ledger call the purchase of child `key`, gone or not."""
        composite = self.batch.composite
        known = composite.generation if key in self._gone else self.job(key).generation
        return key, self.bought.get(key, known)

    def purchases(self) -> list[tuple[str, int]]:
        """The purchases that it alone answers for: none that others make again in its place."""
        mine = [self.purchase(key) for key in self.ids]
        gone = self._gone & self.bought.keys()
        return mine + [
            (key, self.bought[key])
            for key in gone
            if self.bought[key] != self.rows[key].job.generation
        ]

    def order(self, key: str) -> Order:
        """What child `key` asks for."""
        return self._orders[key]

    @contextmanager
    def one_attempt(self) -> Iterator[None]:
        """However many children say meanwhile why they were not taken, that is one attempt."""
        known = len(self.failures)
        yield
        del self.failures[known + 1 :]

    def deliver(self, answer: Answer) -> None:
        """Put news into the inbox."""
        self.inbox.append(answer)
        self._bell.set()

    async def wait_news(self) -> list[Answer]:
        """Wait until there is news, and take it all."""
        while not self.inbox:
            self._bell = trio.Event()
            await self._bell.wait()
        news, self.inbox = self.inbox, []
        return news

    def split_off(self, keys: Collection[str]) -> tuple[tuple[Order, ...], dict[str, JobRow]]:
        """Let go of some children; return their orders and rows, in the order sent."""
        self._gone |= set(keys)
        orders = tuple(order for order in self.batch.orders if order.id in keys)
        return orders, {order.id: self.rows[order.id] for order in orders}
