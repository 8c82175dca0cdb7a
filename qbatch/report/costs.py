"""What a report says of money: what each backend quoted, may still bill, billed and refunded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from qbatch.notation import amount, at_most, whole
from qbatch.plan.pricing.limits import taken
from qbatch.report.beside import notes_beside
from qbatch.report.numbers import emulated_of
from qbatch.report.overview import Overview
from qbatch.report.rows import Run
from qbatch.snapshot import Total, total_up
from qbatch.snapshot.doubles import Double
from qbatch.snapshot.ledger import UNTOLD

if TYPE_CHECKING:
    from qbatch.snapshot import Purchase

#: Heads of `Costs.rows`.
COST_HEADS = ("backend", "jobs", "quoted", "may still be billed", "billed", "refunded", "spent")

#: Notes told of what stands beside the run's orders.
MAX_NOTES = 20


@dataclass(frozen=True)
class Costs:
    """What a run cost so far.

    Attributes:
        run: Whose.
        overview: What one reading found.
    """

    run: Run
    overview: Overview

    @cached_property
    def purchases(self) -> Sequence[Purchase]:
        """Every purchase of the run, of earlier attempts and removed points too."""
        return self.run.ledger()

    @cached_property
    def doubles(self) -> Sequence[Double]:
        """What stands at clouds under the run's names, and was not ordered."""
        return self.run.doubles()

    @cached_property
    def totals(self) -> dict[tuple[str, str], Total]:
        """(backend, unit) -> what it cost; by the ledger, else as noted with the results."""
        totals = total_up(each.entry for each in self.purchases)
        known = {backend for backend, _ in totals}
        for name, share in self.overview.backends.items():
            for unit, cost in sorted(share.cost.items()):
                if name not in known:
                    totals[name, unit] = Total(jobs=share.measured, billed=cost)
        for each in self.doubles:
            beside = totals.setdefault((f"{each.backend}, not ordered", each.unit), Total())
            beside.jobs, beside.billed = beside.jobs + 1, beside.billed + (each.cost or 0.0)
        return totals

    @cached_property
    def spent(self) -> dict[str, float]:
        """Unit -> spent so far."""
        spent: dict[str, float] = {}
        for (_, unit), total in sorted(self.totals.items(), key=lambda one: one[0][1]):
            if total.jobs > total.open:
                spent[unit] = spent.get(unit, 0.0) + total.spent
        return spent

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """Rows under `COST_HEADS`: each backend's, then all that bill in one unit together."""
        rows = [_cost_row(name, unit, total) for (name, unit), total in self.totals.items()]
        sums: dict[str, list[Total]] = {}
        for (_, unit), total in self.totals.items():
            sums.setdefault(unit, []).append(total)
        return rows + [
            _cost_row("all", unit, Total.of(totals))
            for unit, totals in sums.items()
            if len(totals) > 1
        ]

    @property
    def notes(self) -> list[str]:
        """Who said what, and what budgets are taken."""
        targets = self.run.targets
        names = dict.fromkeys(name for name, _ in self.totals)
        told = [name for name in names if targets.get(name, {}).get("is_emulated")]
        notes = [f"No money: {', '.join(told)} emulated."] if told else []
        for (backend, _), total in self.totals.items():
            if total.sources:
                notes.append(f"{backend}: {'; '.join(total.sources)}.")
        for limit, used in taken(self.run.meta.get("limits"), self.purchases, self.doubles):
            of = f"{at_most(used, limit.unit)} of {limit.told}"
            mark = emulated_of(targets, limit.backend)
            notes.append(f"{limit.said_by}{mark}: {of} taken.")
        beside = notes_beside(self.doubles)
        return notes + [f"{note[0].upper()}{note[1:]}." for note in beside[:MAX_NOTES]]


def _cost_row(name: str, unit: str, total: Total) -> tuple[str, ...]:
    if total.untold == total.jobs:
        return (name, whole(total.jobs), *[UNTOLD] * (len(COST_HEADS) - 2))
    more = f", {whole(total.untold)} {UNTOLD}" if total.untold else ""
    quoted = amount(total.quoted, unit) + more
    due = at_most(total.outstanding, unit) + more
    ended = (amount(figure, unit) for figure in (total.billed, total.refunded, total.spent))
    return (name, whole(total.jobs), quoted, due, *ended)
