"""What was quoted, reserved, billed and refunded: for `status`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from qbatch.snapshot import Purchase, Run


def facts_of(run: Run) -> dict[str, Any]:
    """Return the ledger as `--json` has it: totals by backend and unit, budgets, and each job."""
    from qbatch.plan.pricing.limits import taken
    from qbatch.snapshot import total_up

    purchases = run.ledger()
    totals = total_up(each.entry for each in purchases)
    return {
        "totals": [
            {
                "backend": backend,
                "unit": unit,
                "jobs": total.jobs,
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
            {"limit": limit.said_by, "unit": limit.unit, "allowed": limit.amount, "taken": amount}
            for limit, amount in taken(run.meta.get("limits"), purchases)
        ],
        "jobs": [{"id": each.id, "point": each.point, **_figures(each)} for each in purchases],
    }


def _figures(purchase: Purchase) -> dict[str, Any]:
    facts = asdict(purchase.entry)
    del facts["ordinal"]
    return facts


def tell(facts: dict[str, Any]) -> None:
    """Tell what was spent, what may still be billed, and what budgets allow."""
    from qbatch.report.numbers import amount, at_most, count_of

    for total in facts["totals"]:
        unit = total["unit"]
        said = [f"{amount(total['billed'] - total['refunded'], unit)} billed"]
        if total["refunded"]:
            said.append(f"{amount(total['refunded'], unit)} of it refunded before")
        if total["outstanding"]:
            said.append(f"at most {at_most(total['outstanding'], unit)} more to come")
        jobs = count_of(total["jobs"], "job")
        click.echo(f"  {total['backend']}: {', '.join(said)}, for {jobs}")
    for one in facts["budgets"]:
        taken, allowed = at_most(one["taken"], one["unit"]), amount(one["allowed"], one["unit"])
        click.echo(f"  {one['limit']}: {taken} of {allowed} taken")
