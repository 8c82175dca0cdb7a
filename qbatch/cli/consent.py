"""The person's word before anything is written or spent: what will run, and for how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.cli.quotes import quotes_table
from qbatch.cli.reasons import jobs_known
from qbatch.cli.runs import ask, folder_of
from qbatch.cli.words import headline
from qbatch.errors import ConsentError
from qbatch.exchange.exports import check_packages
from qbatch.executor.engine import WANTED
from qbatch.plan import (
    check_lock,
    differences,
    lock_path,
    notices,
    pieces_of,
    select,
    write_lock,
)
from qbatch.plan.pricing.limits import limits_of, shortfalls, unlimited
from qbatch.plan.pricing.quotes import sum_up
from qbatch.report import check_template

if TYPE_CHECKING:
    from qbatch.cli.progress import Teller
    from qbatch.executor import Options
    from qbatch.plan import Plan, PlanSummary, SavedPlan
    from qbatch.plan.packing import PiecesOf
    from qbatch.plan.points import Only
    from qbatch.providers import Driver, Target

#: Changes told when a plan is refused.
MAX_CHANGES = 10


@dataclass(frozen=True)
class Consent:
    """What the person asked for, held against the plan before anything is written or spent.

    Attributes:
        saved_plan: The only plan that may run, or None.
        frozen: Nothing may differ from the lock.
        yes: A price was agreed to beforehand.
    """

    saved_plan: Path | None = None
    frozen: bool = False
    yes: bool = False

    def give(
        self,
        saved: SavedPlan | None,
        options: Options,
        teller: Teller,
        plan: Plan,
        targets: Mapping[str, Target],
        drivers: Mapping[str, Driver],
    ) -> None:
        """Show what will run and cost; go on, ask, or refuse.

        What was bought before is not asked about again. A plan that overrides changed, or a part of
        one, is never locked.

        Raises:
            ConsentError: The plan is not the one agreed to, or the price was not.
            ExtraError: A file of the report could not be written at the end.
        """
        if template := plan.manifest.report.template:
            check_template(plan.manifest.folder, template)
        check_packages(plan.manifest.report.formats)
        if saved is not None:
            _refuse_changes(f"--plan {saved.path}", differences(saved, plan, targets, drivers))
        if self.frozen:
            _refuse_changes(f"--frozen {lock_path(plan)}", _unlocked(plan, targets, drivers))
        only = select(options.select, plan.axes, plan.manifest) if options.select else None
        summary = plan.summary(targets, only)
        teller.said(headline(plan.manifest.name, summary))
        limits, rates = limits_of(plan.manifest, options.max_cost), plan.prices.rates
        if left_open := unlimited(limits, targets, rates):
            teller.said(left_open)
        for notice in (*shortfalls(limits, summary, rates), *notices(plan, targets)):
            teller.said(notice)
        paid = {name: target for name, target in targets.items() if not target.price.is_free}
        if paid and (left := _left(plan, paid, only, options)).points:
            if left.points < sum(each.points for each in summary.backends if each.backend in paid):
                teller.said(f"of that is left to buy: {headline('', left)}")
            if table := quotes_table(sum_up(plan, paid, only, _wanted(plan, paid, options))):
                teller.said(table)
            ask("Run it?", yes=self.yes)
        if not (self.frozen or options.overrides or only):
            _lock(plan, targets, drivers, teller)


def _refuse_changes(what: str, lines: list[str]) -> None:
    if not lines:
        return
    more = [f"and {len(lines) - MAX_CHANGES} more"] if len(lines) > MAX_CHANGES else []
    told = "\n  ".join([*lines[:MAX_CHANGES], *more])
    raise ConsentError(f"{what}: refused, for this has changed:\n  {told}")


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


def _left(
    plan: Plan, paid: Mapping[str, Target], only: Only | None, options: Options
) -> PlanSummary:
    """Sum up the points that may be bought now: those that the run folder does not have yet."""
    return plan.summary(paid, only, pieces_of=_wanted(plan, paid, options))


def _wanted(plan: Plan, paid: Mapping[str, Target], options: Options) -> PiecesOf:
    """Say of a point what of it is to be bought: nothing where it is free."""
    folder = folder_of(plan.manifest, None if options.out is None else Path(options.out))
    jobs = {} if options.fresh else jobs_known(folder)
    wanted = pieces_of(jobs, WANTED[options.only])
    return lambda point: wanted(point) if point.backend in paid else ()
