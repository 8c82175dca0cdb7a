"""The person's word before anything is written or spent: what will run, and for how much.

What counts as consent is `executor.consent`'s; here it is shown, and asked for at the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qbatch.cli.accuracies import planned
from qbatch.cli.choices import shown_choice
from qbatch.cli.quotes import quotes_table
from qbatch.cli.runs import ask
from qbatch.cli.words import headline
from qbatch.errors import NotApproved
from qbatch.exchange.exports import check_packages
from qbatch.executor.consent import agree, refuse_changes
from qbatch.frozen import dataclass
from qbatch.manifest.bare import is_circuit
from qbatch.plan import check_lock, lock_path, notices, write_lock
from qbatch.plan.pricing.limits import shortfalls, unlimited
from qbatch.plan.pricing.quotes import sum_up
from qbatch.report import check_template

if TYPE_CHECKING:
    from qbatch.cli.progress import Teller
    from qbatch.executor import Offer
    from qbatch.plan import Plan, SavedPlan
    from qbatch.providers import Driver, Target


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person asked for, held against the plan before anything is written or spent.

    Attributes:
        saved: The only plan that may run, or None.
        frozen: Nothing may differ from the lock.
        yes: A price was agreed to beforehand.
    """

    saved: SavedPlan | None = None
    frozen: bool = False
    yes: bool = False

    def give(self, teller: Teller, offer: Offer) -> bool:
        """Show what will run and cost; go on, ask, or refuse.

        What was bought before is not asked about again. A plan that overrides changed, or a part of
        one, is never locked.

        Raises:
            ConsentError: The plan is not the one agreed to, or the price was not.
            ExtraError: A file of the report could not be written at the end.
        """
        plan, targets = offer.plan, offer.targets
        if template := plan.manifest.report.template:
            check_template(plan.manifest.folder, template)
        check_packages(plan.manifest.report.formats)
        if self.frozen:
            changed = _unlocked(plan, targets, offer.drivers)
            refuse_changes(f"--frozen {lock_path(plan)}", changed)
        _show(teller, offer)
        self._agree(offer)
        if not (self.frozen or plan.manifest.overrides or offer.only or _is_bare(plan)):
            _lock(plan, targets, offer.drivers, teller)
        return True

    def _agree(self, offer: Offer) -> None:
        try:
            agree(self.saved or self.yes, offer)
        except NotApproved:
            ask("Run it?", yes=self.yes)


def _is_bare(plan: Plan) -> bool:
    """Tell whether there is no manifest that a lock could stand beside."""
    return plan.manifest.path is not None and is_circuit(plan.manifest.path)


def _show(teller: Teller, offer: Offer) -> None:
    plan, targets, summary = offer.plan, offer.targets, offer.summary
    shots = sum(each.shots for each in summary.backends if each.backend in offer.paid)
    is_new = not offer.paid or offer.left.shots == shots
    teller.said(headline(plan.manifest.name, summary, is_priced=is_new))
    for decision in plan.manifest.decisions:
        for line in shown_choice(decision):
            teller.said(line)
    if left_open := unlimited(offer.limits, targets, offer.rates):
        teller.said(left_open)
    short = shortfalls(offer.limits, offer.left, offer.rates, offer.spent) if offer.costs else []
    for notice in (*planned(offer), *offer.reused, *offer.shares, *short, *notices(plan, targets)):
        teller.said(notice)
    if offer.costs:
        if not is_new:
            teller.said(_left(offer))
        if table := quotes_table(sum_up(plan, offer.paid, offer.only, offer.pieces_of)):
            teller.said(table)


def _left(offer: Offer) -> str:
    """What of a plan is left to buy; of accuracies, in the round that is due."""
    if offer.left.jobs:
        return f"of that is left to buy: {headline('', offer.left)}"
    return "nothing of that is left to buy now; what further rounds may buy at most is said above"


def _unlocked(
    plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, Driver]
) -> list[str]:
    """What the lock would have otherwise; targets that a selection leaves out were not asked."""
    absent = tuple(f"targets.{name}." for name in plan.manifest.backends if name not in targets)
    return [
        line for line in check_lock(plan, targets, drivers=drivers) if not line.startswith(absent)
    ]


def _lock(
    plan: Plan, targets: Mapping[str, Target], drivers: Mapping[str, Driver], teller: Teller
) -> None:
    """Pin the plan beside its manifest; a folder that cannot be written is no reason to stop."""
    try:
        write_lock(plan, targets, drivers=drivers)
    except OSError as error:
        teller.said(f"{lock_path(plan)} cannot be written ({error.strerror}): --frozen needs it")
