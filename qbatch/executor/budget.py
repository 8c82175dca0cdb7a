"""What a run may cost at most, and what of that is bought or reserved already.

Rules: the most that a purchase may cost is reserved before its intent is written, in one step
without waiting, so limits hold at any concurrency; what was billed takes its place. What was
bought in the run folder before counts; what the provider certainly did not take is given back.
A job that nobody ordered (a double) counts from when it is seen, as far as its cost is told.
A quote is believed as far as bills bear it out: by how much one went beyond its quote is reserved
beside every later quote, and what is quoted at nothing is bought one at a time until a bill came.
Units add up only where a dated price file converts them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, NamedTuple

import trio

from qbatch.frozen import dataclass
from qbatch.notation import amount
from qbatch.plan.pricing.limits import SLACK, Limit, Rates, factor_of
from qbatch.providers import Order, Price
from qbatch.snapshot.doubles import read_doubles, with_figures
from qbatch.snapshot.ledger import AS_QUOTED, NOT_BOUGHT

if TYPE_CHECKING:
    from qbatch.snapshot import Entry, Snapshot
    from qbatch.snapshot.doubles import Double

#: A purchase: the point's id, and the generation of the attempt.
Key = tuple[str, int]


class Bid(NamedTuple):
    """What a purchase is said to cost, and at most."""

    quoted: float
    most: float


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a purchase was not reserved: it would go beyond `limit`, to `total` of its unit.

    Attributes:
        may_pass: Bills that are awaited are likely to leave enough of what is reserved for them.
        reason: Where it is none of these numbers.
        awaited: What bills that are awaited are likely to leave of the total.
    """

    limit: Limit
    asked: float
    total: float
    may_pass: bool = False
    reason: str = ""
    awaited: float = 0.0

    def leaves(self, share: float) -> bool:
        """Whether the limit leaves room for so much of what was asked, once bills have come."""
        others = self.total - self.asked - self.awaited
        return others + share * self.asked <= self.limit.amount + SLACK

    def __str__(self) -> str:
        limit = self.limit
        if self.reason:
            return f"{self.reason}; {limit.said_by} allows {limit.told}"
        return (
            f"{amount(self.asked, limit.unit)} more would make {amount(self.total, limit.unit)}; "
            f"{limit.said_by} allows {limit.told}"
        )


def expected_prices(
    orders: Sequence[Order], price: Price, quotes: Mapping[str, float]
) -> dict[str, float]:
    """Job id -> what buying it costs: as quoted, else by the target's formula."""
    if price.is_free:
        return {}
    prices = {order.id: quotes.get(order.id, price.of_job(order.shots)) for order in orders}
    if prices and price.per_composite:
        for order in orders:
            prices[order.id] += price.per_composite / len(orders)
    return prices


@dataclass(slots=True)
class _Account:
    """What counts against one limit."""

    limit: Limit
    held: dict[Key, float] = field(default_factory=dict)
    total: float = 0.0

    def take(self, key: Key, amount: float) -> None:
        self.total += amount - self.held.get(key, 0.0)
        self.held[key] = amount

    def drop(self, key: Key) -> None:
        self.total -= self.held.pop(key, 0.0)


class Budget:
    """The limits of one run and what counts against them.

    Args:
        limits: All of them hold at once.
        rates: By which amounts in other units count.
    """

    def __init__(self, limits: Iterable[Limit] = (), rates: Rates | None = None) -> None:
        self._accounts = [_Account(limit) for limit in limits]
        self._rates = rates or {}
        #: Purchase whose bill is awaited -> the share of its reservation that it will likely leave.
        self._awaited: dict[Key, float] = {}
        #: The same of purchases of earlier runs, until somebody awaits their bills.
        self._earlier: dict[Key, float] = {}
        #: Purchase -> where, and what it was quoted at, until its bill came and nobody awaits more.
        self._quoted: dict[Key, tuple[str, float]] = {}
        #: Purchases that cost what they were quoted at, for want of a bill.
        self._unbilled: set[Key] = set()
        #: Purchase of an earlier run -> the backend that its own was decided to be then.
        self._chosen: dict[Key, str] = {}
        #: Backend -> the most that a bill went beyond its quote there; none before the first bill.
        self._beyond: dict[str, float] = {}
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Those in force now: a person may have raised one."""
        return tuple(account.limit for account in self._accounts)

    def count(
        self, entries: Iterable[Entry], id_of: Mapping[int, str], chosen: Mapping[int, str]
    ) -> None:
        """Count what was bought before.

        Args:
            entries: Of the ledger.
            id_of: Row of a point -> its id.
            chosen: Row of a composite job -> the backend that its own was decided to be.
        """
        for entry in entries:
            key = (id_of[entry.ordinal], entry.generation)
            if entry.composite is not None and entry.composite in chosen:
                self._chosen[key] = chosen[entry.composite]
            self._quoted[key] = (entry.backend, entry.quoted)
            self._take(entry.backend, entry.unit, {key: entry.counted})
            if entry.billed is None:
                self._earlier[key] = _share(entry.reserved, entry.quoted)
            elif not entry.billed_by.startswith((AS_QUOTED, NOT_BOUGHT)):
                self._note_bill(key, entry.billed)

    def count_doubles(self, doubles: Iterable[Double]) -> None:
        """Count what is told now of jobs that the run did not order; each as it was told last."""
        for each in doubles:
            if each.cost is not None:
                self._take(each.backend, each.unit, {(f"double {each.id}", 0): each.cost})
        self._waiting.unpark_all()

    def taken(self, limit: Limit) -> float:
        """What counts against a limit now, in its unit."""
        return next(account.total for account in self._accounts if account.limit == limit)

    def limit_of(self, backend: str, unit: str) -> Limit | None:
        """Return a limit in which purchases at a backend count; None: nothing bounds them."""
        return next((account.limit for account, _ in self._concerned(backend, unit)), None)

    def bid(
        self, backend: str, unit: str, bids: Mapping[Key, Bid], *, is_certain: bool = True
    ) -> dict[Key, float] | Excess:
        """Reserve what purchases may be billed as far as earlier bills tell; see `reserve`.

        Args:
            backend: Where.
            unit: Of the amounts.
            bids: What each is said to cost.
            is_certain: The quotes are what is likely billed; else nobody knows.

        Returns:
            What was reserved for each, or why nothing was.
        """
        concerned = self._concerned(backend, unit)
        if concerned and self._is_unproved(backend, bids):
            limit = concerned[0][0].limit
            reason = f"what {backend} quotes at nothing is not billed yet"
            return Excess(limit, 0.0, self.taken(limit), may_pass=True, reason=reason)
        beyond = self._beyond.get(backend, 0.0) if concerned else 0.0
        amounts = {key: bid.most + beyond for key, bid in bids.items()}
        likely = {key: bid.quoted * is_certain + beyond for key, bid in bids.items()}
        if excess := self.reserve(backend, unit, amounts, likely):
            return excess
        self._quoted |= {key: (backend, bid.quoted) for key, bid in bids.items()}
        return amounts

    def _is_unproved(self, backend: str, bids: Mapping[Key, Bid]) -> bool:
        """Nothing is known of what comes of a quote of nothing, and one is on its way."""
        if backend in self._beyond or all(bid.most for bid in bids.values()):
            return False
        return any(
            self._quoted.get(key) == (backend, 0.0) for key in self._awaited if key not in bids
        )

    def reserve(
        self,
        backend: str,
        unit: str,
        amounts: Mapping[Key, float],
        expected: Mapping[Key, float] | None = None,
    ) -> Excess | None:
        """Reserve the most that purchases may cost, all or none; say why not where it is too much.

        Purchases that were reserved already are reserved anew.

        Args:
            backend: Where.
            unit: Of the amounts.
            amounts: The most that each may be billed.
            expected: What each is likely to be billed; None: as much.
        """
        for account, factor in self._concerned(backend, unit):
            others = account.total - sum(account.held.get(key, 0.0) for key in amounts)
            asked = factor * sum(amounts.values())
            if amounts and others + asked > account.limit.amount + SLACK:
                left = sum(
                    account.held.get(key, 0.0) * share
                    for key, share in self._awaited.items()
                    if key not in amounts
                )
                may_pass = others - left + asked <= account.limit.amount + SLACK
                return Excess(account.limit, asked, others + asked, may_pass, awaited=left)
        self._take(backend, unit, amounts)
        likely = amounts if expected is None else expected
        self._awaited |= {key: _share(amounts[key], likely[key]) for key in amounts}
        return None

    async def wait_for_change(self) -> None:
        """Wait until a bill came, or something was given back."""
        await self._waiting.park()

    def expect(self, keys: Iterable[Key]) -> None:
        """The bills of these purchases of an earlier run are awaited now."""
        for key in keys:
            self._awaited.setdefault(key, self._earlier.pop(key, 0.0))

    def give_up_on(self, keys: Iterable[Key]) -> None:
        """No bill is awaited for these any more: what is reserved for them stays so."""
        for key in keys:
            self._awaited.pop(key, None)
            where = self._quoted.pop(key, None)
            if where is not None and key in self._unbilled:
                self._beyond.setdefault(where[0], 0.0)  # there is no other bill than the quote
            self._unbilled.discard(key)
        self._waiting.unpark_all()

    def settle(
        self, backend: str, unit: str, amounts: Mapping[Key, float], *, is_quote: bool = False
    ) -> None:
        """Put what was billed in the place of what was reserved.

        Args:
            backend: Where.
            unit: Of the amounts.
            amounts: What each purchase was billed.
            is_quote: That is what it was quoted at, for no bill came with the result.
        """
        self._take(backend, unit, amounts)
        for key, each in amounts.items():
            if is_quote:
                self._unbilled.add(key)
                self._awaited.update({key: 0.0} if key in self._awaited else {})
            else:
                self._note_bill(key, each)
                self._awaited.pop(key, None)
        self._waiting.unpark_all()

    def _take(self, backend: str, unit: str, amounts: Mapping[Key, float]) -> None:
        for key, each in amounts.items():
            for account, factor in self._concerned(backend, unit, self._chosen.get(key)):
                account.take(key, factor * each)

    def _note_bill(self, key: Key, amount: float) -> None:
        if key in self._quoted:
            backend, quoted = self._quoted[key]
            self._beyond[backend] = max(self._beyond.get(backend, 0.0), amount - quoted)

    def release(self, keys: Iterable[Key]) -> None:
        """Give back what was certainly not bought."""
        keys = list(keys)
        for account in self._accounts:
            for key in keys:
                account.drop(key)
        self._unbilled.difference_update(keys)
        self.give_up_on(keys)

    def allow(self, limit: Limit, amount: float) -> None:
        """A person agreed to another amount."""
        for account in self._accounts:
            if account.limit == limit:
                account.limit = replace(limit, amount=amount)

    def _concerned(
        self, backend: str, unit: str, chosen: str | None = None
    ) -> list[tuple[_Account, float]]:
        """The accounts that a purchase counts in, each with how much one of its unit is there."""
        return [
            (account, factor)
            for account in self._accounts
            if (factor := factor_of(account.limit, backend, unit, self._rates, chosen)) is not None
        ]


def _share(reserved: float, expected: float) -> float:
    return max(0.0, 1.0 - expected / reserved) if reserved > 0 else 0.0


def open_budget(limits: Collection[Limit], rates: Rates, snapshot: Snapshot) -> Budget:
    """Return the budget of a run, with all that was bought in its folder before."""
    budget = Budget(limits, rates)
    if limits:
        entries = snapshot.ledger()
        rows = snapshot.rows_at({entry.ordinal for entry in entries})
        budget.count(entries, {row.ordinal: row.job.id for _, row in rows}, snapshot.chosen())
        names = {row.ordinal: point.name for point, row in rows}
        bought = ((names[entry.ordinal], entry) for entry in entries)
        budget.count_doubles(with_figures(read_doubles(snapshot.meta()).values(), bought))
    return budget
