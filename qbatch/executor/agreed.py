"""What was agreed to, held against each purchase just before it is sent.

An `Offer` says what a run would buy of its plan, as the run folder was when the person was asked.
Until the folder is taken another runner may have changed it, and a plan, a price, an account need
not be what they were. So nothing is bought that lies outside of what was offered: other shots, or a
second job for the same ones; another content, backend, target or account; a higher price.

Rules: shots are counted only where they cost, or where others wait for the machine; what is in
flight as the folder is taken was agreed to when it was sent, and may be sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from qbatch.frozen import dataclass
from qbatch.manifest.accuracy import AdaptiveShots
from qbatch.notation import amount
from qbatch.plan.packing import all_of
from qbatch.plan.pricing.limits import SLACK
from qbatch.plan.pricing.summary import Kind, shown_quotes
from qbatch.shots import AgedShots, Shots, joined

if TYPE_CHECKING:
    from qbatch.executor.active import ActiveJob
    from qbatch.executor.backend_run import BackendRun
    from qbatch.plan.pricing.offer import Offer
    from qbatch.providers import Order, Price, Target
    from qbatch.snapshot import Entry, Snapshot


@dataclass(frozen=True, slots=True)
class Terms:
    """Where something may be bought.

    Attributes:
        target: Its name.
        account: With which.
        price: Of a job; free where nothing may be billed.
        counts_shots: Only the shots that were offered may be bought.
    """

    target: str
    account: str
    price: Price
    counts_shots: bool

    @classmethod
    def of(cls, target: Target, account: str) -> Terms:
        """The terms of a target as it was offered."""
        return cls(
            target.name, account, target.price, bool(target.takes) or not target.price.is_free
        )


class Beyond(NamedTuple):
    """Why a job may not be bought as it is about to be.

    Attributes:
        why: In words.
        quote: What it would cost alone, where that is more than was offered; else None.
    """

    why: str
    quote: float | None = None


@dataclass(eq=False)
class Agreed:
    """What may be bought.

    Attributes:
        terms: Backend -> its terms.
        offered: Backend and content -> the shots of each job that was offered.
        shown: Kind and shots of a job -> the quote that the offer's price was made of.
    """

    terms: Mapping[str, Terms]
    offered: Mapping[tuple[str, str], tuple[Shots, ...]]
    shown: Mapping[tuple[Kind, int], float] = field(default_factory=dict)
    #: Backend and content whose shots are decided on as the run goes on -> the most jobs for them.
    rounds: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: Whatever a provider quotes was agreed to; limits hold it.
    at_any_price: bool = False
    #: Jobs that were in flight.
    _sent: set[str] = field(default_factory=set)
    #: Backend, content and first shot of what was offered -> the job that buys of it.
    _used: dict[tuple[str, str, int], str] = field(default_factory=dict)
    #: Of rounds, the jobs that buy of what was offered.
    _bought: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    @classmethod
    def to(cls, offer: Offer, *, at_any_price: bool = False) -> Agreed:
        """What an offer says; at its prices, or whatever a provider quotes."""
        terms = {
            name: Terms.of(target, offer.drivers[name].account())
            for name, target in offer.targets.items()
        }
        counted = {name for name, each in terms.items() if each.counts_shots}
        offered: dict[tuple[str, str], tuple[Shots, ...]] = {}
        rounds: dict[tuple[str, str], int] = {}
        most_of = offer.most_of or offer.pieces_of
        for point in offer.plan.bought(offer.only) if counted else ():
            if point.backend in counted:
                bounds = offer.targets[point.backend].bounds
                pieces = most_of(point) if most_of else all_of(point, bounds)
                if runs := tuple((piece.start, piece.shots) for piece in pieces):
                    if isinstance(point.shots, AdaptiveShots | AgedShots):
                        rounds[point.backend, point.id], runs = len(runs), joined(runs)
                    offered[point.backend, point.id] = runs
        shown = shown_quotes(offer.plan)
        return cls(terms, offered, shown, rounds, at_any_price=at_any_price)

    def take_up(self, ids: Iterable[str]) -> None:
        """Jobs that are in flight were agreed to when they were sent."""
        self._sent.update(ids)

    def beyond(
        self,
        backend: BackendRun,
        active: ActiveJob,
        entries: Iterable[Entry],
        snapshot: Snapshot,
    ) -> dict[str, Beyond]:
        """Say of each child that may not be bought as it is about to be why not.

        Args:
            backend: Where.
            active: The composite job.
            entries: Its purchases, as the ledger would have them.
            snapshot: Knows which points they are of.
        """
        terms = self.terms.get(backend.name)
        if why := _other_terms(terms, backend):
            return dict.fromkeys(active.ids, Beyond(why))
        assert terms is not None
        share = terms.price.per_composite / len(active.ids)
        quoted = {entry.ordinal: entry.quoted - share for entry in entries}
        found = {}
        for key in active.ids:
            order, ordinal = active.order(key), active.rows[key].ordinal
            dearer = None
            if not self.at_any_price:
                dearer = self._dearer(backend.name, order, quoted.get(ordinal, 0.0), share)
            if dearer is not None:
                found[key] = dearer
            elif terms.counts_shots and key not in self._sent:
                why = self._other_shots(backend.name, order, ordinal, snapshot)
                found |= {key: Beyond(why)} if why else {}
        return found

    def _dearer(self, backend: str, order: Order, quoted: float, share: float) -> Beyond | None:
        """Say why a job costs more than was offered; None where it does not.

        Where no price was shown for it beforehand, whatever is quoted was agreed to.

        Args:
            backend: Where.
            order: The job.
            quoted: What it would cost alone.
            share: What it would bear of the composite job's own price.
        """
        price = self.terms[backend].price
        shown = self.shown.get(((backend, order.circuit.sha256, order.settings), order.shots))
        if price.quoted and shown is None:
            return None
        listed = 0.0 if price.is_free else price.of_job(order.shots)
        most = (shown or 0.0) if price.quoted else max(listed, shown or 0.0)
        if quoted <= most + SLACK:
            return None
        costs, offered = (amount(each + share, price.unit) for each in (quoted, most))
        told = f"it costs {costs}, offered was {offered}"
        return Beyond(f"{told}; --yes or --max-cost buys at such a quote", quoted)

    def _other_shots(self, backend: str, order: Order, ordinal: int, snapshot: Snapshot) -> str:
        """Say why an order buys other shots than were offered; "" where it does not."""
        content, end = order.id, order.start + order.shots
        if (backend, content) not in self.offered:  # further shots: the job has an id of its own
            ((point, _),) = snapshot.rows_at([ordinal])
            content = point.point_id
        for start, shots in self.offered.get((backend, content), ()):
            if start <= order.start and end <= start + shots:
                if (most := self.rounds.get((backend, content))) is not None:
                    jobs = self._bought.setdefault((backend, content), set())
                    jobs.add(order.id)
                    return "" if len(jobs) <= most else f"more than the {most} jobs offered"
                by = self._used.setdefault((backend, content, start), order.id)
                return "" if by == order.id else "a second job for shots that are bought"
        return f"its shots {order.start + 1} to {end} were not offered"


def _other_terms(terms: Terms | None, backend: BackendRun) -> str:
    """Say why nothing may be bought at a backend as it is; "" where something may."""
    if terms is None:
        return "nothing was offered there"
    if terms.target != backend.target.name:
        return f"its target is {backend.target.name}, offered was {terms.target}"
    if terms.account != backend.account:
        return f"its account is {backend.account or 'none'}, offered was {terms.account or 'none'}"
    if terms.price != backend.target.price:
        return "its price is another one than was offered"
    return ""
