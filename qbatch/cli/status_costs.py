"""What was quoted, reserved, billed and refunded: for `status`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from qbatch.cli.tables import say

if TYPE_CHECKING:
    from qbatch.snapshot import Purchase, Run


def facts_of(run: Run) -> dict[str, Any]:
    """Return the ledger as `--json` has it: totals by backend and unit, budgets, and each job."""
    from qbatch.plan.pricing.limits import taken
    from qbatch.snapshot import total_up

    purchases, doubles = run.ledger(), run.doubles()
    totals = total_up(each.entry for each in purchases)
    return {
        "totals": [
            {
                "backend": backend,
                "unit": unit,
                "jobs": total.jobs,
                "open": total.open,
                "untold": total.untold,
                "charged": total.charged,
                "quoted": total.quoted,
                "reserved": total.reserved,
                "outstanding": total.outstanding,
                "billed": total.billed,
                "refunded": total.refunded,
                "sources": list(total.sources),
            }
            for (backend, unit), total in totals.items()
        ],
        "budgets": [
            {
                "limit": limit.said_by,
                "backend": limit.backend,
                "unit": limit.unit,
                "allowed": limit.amount,
                "taken": amount,
            }
            for limit, amount in taken(run.meta.get("limits"), purchases, doubles)
        ],
        "jobs": [{"id": each.id, "point": each.point, **_figures(each)} for each in purchases],
        "beside": [asdict(each) for each in doubles],
    }


def _figures(purchase: Purchase) -> dict[str, Any]:
    facts = {name: purchase.entry.figure(name) for name in asdict(purchase.entry)}
    del facts["ordinal"], facts["composite"]
    return {**facts, "purchase": purchase.key, "account": purchase.account}


def _said(total: Mapping[str, Any]) -> Iterator[str]:
    """What became of purchases, each part with how many jobs it is about."""
    from qbatch.notation import amount, at_most
    from qbatch.report.numbers import count_of

    unit, charged, open_ = total["unit"], total["charged"], total["open"]
    if charged:
        back = total["refunded"]
        after = f" after {amount(back, unit)} were refunded" if back else ""
        told = amount(total["billed"] - back, unit)
        yield f"{told} billed for {count_of(charged, 'job')}{after}"
    if known := open_ - total["untold"]:
        due = at_most(total["outstanding"], unit)
        yield f"at most {due} more to come for {count_of(known, 'job')}"
    if total["untold"]:
        yield f"{count_of(total['untold'], 'job')} at a price that is not told"
    if free := total["jobs"] - charged - open_:
        yield f"{count_of(free, 'job')} not charged"


def tell_costs(facts: dict[str, Any], targets: Mapping[str, Any]) -> None:
    """Tell what was spent, what may still be billed, and what budgets allow.

    Args:
        facts: As `facts_of` returned them.
        targets: Backend -> what is kept of its target.
    """
    from qbatch.notation import amount, at_most
    from qbatch.report.beside import notes_beside
    from qbatch.report.numbers import emulated_of
    from qbatch.snapshot.doubles import Double

    for total in facts["totals"]:
        name = total["backend"]
        say(f"  {name}{emulated_of(targets, name)}: {', '.join(_said(total))}")
    for one in facts["budgets"]:
        taken, allowed = at_most(one["taken"], one["unit"]), amount(one["allowed"], one["unit"])
        mark = emulated_of(targets, one["backend"])
        say(f"  {one['limit']}{mark}: {taken} of {allowed} taken")
    for note in notes_beside(Double(**one) for one in facts["beside"]):
        say(f"  {note}")
