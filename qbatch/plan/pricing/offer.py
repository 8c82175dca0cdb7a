"""An offer: a plan with what this call would buy of it, and for how much.

It is what a person is shown before anything is written or spent, and what can be agreed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from qbatch.fragments import line, table
from qbatch.notation import amount, spoken, whole

if TYPE_CHECKING:
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.plan import Plan
    from qbatch.plan.points import Only
    from qbatch.plan.pricing.limits import Limit, Rates
    from qbatch.plan.pricing.summary import BackendSummary, PlanSummary
    from qbatch.providers import Driver, Target


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a run would do and what that costs, before anything is written or spent.

    Attributes:
        plan: All of it.
        targets: Backend -> what it is, with its price.
        drivers: Backend -> its driver, open.
        only: Points that were chosen; None: all.
        pieces_of: What is left to buy of a point now.
        most_of: What may be bought of it in the end, where its shots are decided in rounds.
        limits: All that bound the run.
        spent: What counts against each limit already, in its unit.
        rates: What units are worth.
        reused: What comes from other runs, and need not be bought: a line each.
    """

    plan: Plan
    targets: Mapping[str, Target]
    drivers: Mapping[str, Driver] = field(default_factory=dict, repr=False)
    only: Only | None = field(default=None, repr=False)
    pieces_of: PiecesOf | None = field(default=None, repr=False)
    most_of: PiecesOf | None = field(default=None, repr=False)
    limits: tuple[Limit, ...] = ()
    spent: Mapping[Limit, float] = field(default_factory=dict)
    rates: Rates = field(default_factory=dict, repr=False)
    reused: tuple[str, ...] = ()

    @cached_property
    def paid(self) -> dict[str, Target]:
        """Backend -> target, of those that bill."""
        return {name: each for name, each in self.targets.items() if not each.price.is_free}

    @cached_property
    def summary(self) -> PlanSummary:
        """All that is planned, whether bought already or not."""
        return self.plan.summary(self.targets, self.only)

    @cached_property
    def left(self) -> PlanSummary:
        """What this call would buy at backends that bill."""
        paid, wanted = self.paid, self.pieces_of
        if wanted is None:
            return self.plan.summary(
                paid, lambda p: p.backend in paid and (self.only is None or self.only(p))
            )
        return self.plan.summary(
            paid, self.only, pieces_of=lambda p: wanted(p) if p.backend in paid else ()
        )

    @cached_property
    def most(self) -> PlanSummary:
        """What this call may buy at most at backends that bill; all rounds, and ages, counted."""
        paid, wanted = self.paid, self.most_of
        if wanted is None or not self.plan.may_want_more:
            return self.left
        return self.plan.summary(
            paid, self.only, pieces_of=lambda p: wanted(p) if p.backend in paid else ()
        )

    @cached_property
    def shared(self) -> PlanSummary | None:
        """What this call would send to machines that are shared and not billed; None: to none."""
        names = {name for name, each in self.targets.items() if each.takes}
        if not names:
            return None
        targets = {name: self.targets[name] for name in names}
        return self.plan.summary(
            targets,
            lambda p: p.backend in names and (self.only is None or self.only(p)),
            pieces_of=self.pieces_of,
        )

    @property
    def shares(self) -> list[str]:
        """Say what this call asks of machines that are shared and not billed, a line for each."""
        return shares(self.shared, self.targets) if self.shared is not None else []

    @property
    def costs(self) -> bool:
        """Whether this call would buy anything at a backend that bills."""
        return bool(self.paid) and self.most.jobs > 0

    @property
    def prices(self) -> dict[str, float]:
        """Unit -> what this call would add at most; 0 where each job is quoted first."""
        if not self.costs:
            return {}
        found = {each.unit: 0.0 for each in self.most.backends if each.unit}
        return found | self.most.prices

    @property
    def adds(self) -> tuple[int, Mapping[str, float]]:
        """Jobs that this call would buy at backends that bill, and `prices`."""
        return (self.most.jobs, self.prices) if self.costs else (0, {})

    def __str__(self) -> str:
        jobs, _ = self.adds
        most = "at most " if self.most is not self.left else ""
        told = f"{most}{jobs} job{'s' if jobs > 1 else ''} for {self._told_prices}"
        if not jobs:
            told = "nothing to buy" if self.paid else self._told_free
        return "; ".join([f"{self.plan.manifest.name}: {told}", *self.shares])

    @property
    def _told_prices(self) -> str:
        """What this call would add, with where nobody tells that."""
        silent = self.most.not_told if self.costs else []
        if not silent:
            return prices_in_words(self.prices)
        units = {each.unit for each in self.most.backends if each.backend not in silent}
        known = {unit: price for unit, price in self.prices.items() if unit in units}
        parts = [prices_in_words(known)] if known else []
        return " + ".join([*parts, f"a price that is not told at {', '.join(silent)}"])

    @property
    def _told_free(self) -> str:
        """What is planned, where nothing of it is billed."""
        points = self.summary.points
        return f"{whole(points)} point{'s' if points != 1 else ''}, free: nothing to buy"

    def _repr_html_(self) -> str:
        """Show what is planned, and what of it this call would buy and for how much."""
        rows = [
            (
                each.backend,
                each.target,
                whole(each.points),
                whole(each.shots),
                _told_price(each),
                f"{each.formula} ({each.source})" if each.price is not None and each.unit else "",
            )
            for each in self.summary.backends
        ]
        name, _, told = str(self).partition(": ")
        head = ("backend", "target", "points", "shots", "price", "formula")
        return line(name, told) + table(head, rows)


def _told_price(summary: BackendSummary) -> str:
    if not summary.unit:
        return "free"
    if summary.certainty == "unknown":
        return "not told"
    if summary.price is None:
        return f"{spoken(summary.unit)} as quoted"
    sure = f"{summary.certainty} " if summary.certainty != "exact" else ""
    return f"{sure}{amount(summary.price, summary.unit)}"


def shares(left: PlanSummary, targets: Mapping[str, Target]) -> list[str]:
    """Say what of a plan is asked of machines that are shared, and not billed here.

    Args:
        left: What is still to be sent.
        targets: Of its backends.
    """
    return [
        f"backend {each.backend!r}: {_so_many(each.composite_jobs, target.takes)}"
        for each in left.backends
        if (target := targets.get(each.backend)) and target.takes and each.composite_jobs
    ]


def _so_many(number: int, takes: str) -> str:
    """Say how many composite jobs take at most what each does; see `Target.takes`.

    >>> _so_many(1, "batch jobs of 1 cpu for 2h each, on your default account")
    '1 batch job of 1 cpu for 2h, on your default account'
    """
    if number == 1:
        return f"1 {takes}".replace("batch jobs of", "batch job of").replace(" each,", ",")
    return f"up to {number} {takes}"


def prices_in_words(prices: Mapping[str, float]) -> str:
    """Unit -> price as a person reads it: ``12.00 USD + credits as quoted``."""
    told = [
        amount(price, unit) if price else f"{spoken(unit)} as quoted"
        for unit, price in prices.items()
    ]
    return " + ".join(told) or "nothing"
