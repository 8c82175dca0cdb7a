"""What stands at clouds beside the ledger: bought under the run's names, and not ordered by it."""

from __future__ import annotations

from collections.abc import Iterable

from qbatch.notation import amount, listed
from qbatch.report.numbers import count_of
from qbatch.snapshot.doubles import Double, total_beside


def notes_beside(doubles: Iterable[Double]) -> list[str]:
    """Say what they cost together, then each by itself; [] where there are none."""
    found = [*doubles]
    if not found:
        return []
    costs = [amount(cost, unit) for unit, cost in total_beside(found).items()]
    unknown = sum(each.cost is None for each in found)
    told = " + ".join(costs) or ("price not known" if unknown == len(found) else "nothing")
    them = f"{count_of(len(found), 'job')} that the run did not order"
    if 0 < unknown < len(found):
        them += f", {unknown} of them at a price not known"
    counted = "; sums and budgets count it" if costs else ""
    return [f"beside the ledger: {told} for {them}{counted}", *map(_note, found)]


def _note(double: Double) -> str:
    cost = "price not known"
    if double.cost is not None:
        told = f"{amount(double.cost, double.unit)} {double.source}"
        is_plain = not double.cost and not double.is_guess
        cost = f"free {double.source}" if is_plain else told
    named = listed(double.points, 2)
    return f"{double.backend}: job {double.id} ({double.told_status}), also named {named}: {cost}"
