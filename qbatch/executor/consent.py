"""Consent: what counts as the person's word that a run may cost something.

One rule for the command line, Python and saved plans. A run that would buy at a backend that bills
needs one of:

    True               ``--yes``             whatever it costs
    a limit            ``--max-cost``        up to it, where every unit that is billed has one
    a saved plan       ``run --plan FILE``   exactly that, at the prices it was saved with
    an `Offer`                               the same, at no higher price than it was shown with
    a function         the question asked    shown the `Offer`, it says yes or no

A manifest's own budget is no consent: it limits, and may be a stranger's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from qbatch.errors import ConsentError, NotApproved, SnapshotError
from qbatch.executor.ages import wanted_by_age
from qbatch.executor.agreed import Agreed
from qbatch.executor.engine import WANTED, Settings
from qbatch.frozen import dataclass
from qbatch.plan import (
    Had,
    SavedPlan,
    begun,
    differences,
    jobs_in,
    load_plan,
    most_pieces_of,
    pieces_of,
)
from qbatch.plan.pricing.limits import (
    SLACK,
    Limit,
    check_planned,
    dump_limits,
    parse_limits,
    taken,
    unlimited,
)
from qbatch.plan.pricing.offer import Offer, prices_in_words
from qbatch.snapshot import Run
from qbatch.snapshot.quotes import recalled_prices

if TYPE_CHECKING:
    from qbatch.plan import Plan
    from qbatch.plan.points import Only
    from qbatch.providers import Driver, Target

#: Changes told when a plan is refused.
MAX_CHANGES = 10


Approve = bool | str | Path | SavedPlan | Mapping[str, float] | Offer | Callable[[Offer], bool]


@dataclass(frozen=True, slots=True)
class Asking:
    """A question that is asked only where a word that was given beforehand does not agree.

    Attributes:
        question: Is shown the offer; says yes or no.
        word: What was given.
        is_locked: Nothing may differ from the lock.
    """

    question: Callable[[Offer], bool]
    word: SavedPlan | bool
    is_locked: bool = False

    def __call__(self, offer: Offer) -> bool:
        """Ask it."""
        return self.question(offer)


def read_approval(approve: object) -> Approve | None:
    """See that `approve` is something that one can agree by; text is read as limit or path.

    Raises:
        TypeError: It is not.
        SelectionError: The saved plan cannot be read.
    """
    if isinstance(approve, str):
        if re.match(r"\s*[\d.]", approve) and not Path(approve).exists():
            return parse_limits([approve])
        approve = Path(approve)
    if isinstance(approve, Path):
        return load_plan(approve)
    if approve is None or isinstance(approve, (bool, SavedPlan, Mapping, Offer)):
        return approve
    if callable(approve):
        return approve
    raise TypeError(
        f"approve: {approve!r} agrees to nothing; give True, a limit (approve={{'usd': 5}}), "
        "a saved plan's file, the offer of a NotApproved error, or a function of an Offer"
    )


def limits_agreed(approve: Approve | None, max_cost: Mapping[str, float]) -> dict[str, float]:
    """Unit -> the most that a run may cost: as ``max_cost`` says, and as was agreed to."""
    agreed = approve if isinstance(approve, Mapping) else {}
    return {
        unit: min(limits[unit] for limits in (max_cost, agreed) if unit in limits)
        for unit in {**max_cost, **agreed}
    }


def begun_in(folder: Path) -> Collection[str]:
    """The points of which a run folder has shots, or may have."""
    with suppress(SnapshotError), Run(folder) as known:  # damaged: taking it will tell
        return begun(jobs_in(known))
    return ()


def offer_of(
    folder: Path | None,
    plan: Plan,
    targets: Mapping[str, Target],
    drivers: Mapping[str, Driver],
    only: Only | None,
    settings: Settings,
    now: Callable[[], float] = time.time,
) -> Offer:
    """What the run would buy beside what its folder has already; without one, all of it.

    The plan knows then what was quoted lately above what was shown; `now` says when that was.
    """
    states = WANTED[settings.only]
    plan.wanted = {**plan.wanted, **wanted_by_age(folder, plan, targets, only, now, states)}
    jobs: Mapping[str, list[Had]] = {}
    spent: dict[Limit, float] = {}
    shown = (target for target in targets.values() if target.takes or not target.price.is_free)
    if folder is not None and any(shown):
        with suppress(SnapshotError), Run(folder) as known:  # damaged: taking it will tell
            jobs = jobs_in(known)
            kept = dump_limits(settings.limits, settings.rates)
            spent = dict(taken(kept, known.ledger(), known.doubles()))
            plan.recalled = recalled_prices(known.meta, now())
    return Offer(
        plan=plan,
        targets=targets,
        drivers=drivers,
        only=only,
        pieces_of=pieces_of(jobs, targets, states),
        most_of=most_pieces_of(jobs, targets, states),
        limits=settings.limits,
        spent=spent,
        rates=settings.rates,
    )


def agree(approve: Approve | None, offer: Offer) -> None:
    """Go on only where what a run costs was agreed to.

    Args:
        approve: As `read_approval` returned it.
        offer: What would be bought. Its limits are those of `limits_agreed` too.

    Raises:
        NotApproved: Nobody agreed to a price, or to another one.
        ConsentError: The plan is not the one agreed to, or it costs more than a limit allows.
    """
    if isinstance(approve, SavedPlan):
        changed = differences(approve, offer.plan, offer.targets, offer.drivers)
        refuse_changes(f"saved plan {approve.path}", changed)
    asked = [limit for limit in offer.limits if limit.is_asked]
    if offer.costs:
        check_planned(asked, offer.left, offer.rates, offer.spent)
    if callable(approve):
        if not approve(offer):
            raise NotApproved("nothing was done; `approve` refused the offer", offer)
        return
    if not offer.costs or approve is True:
        return
    if isinstance(approve, (SavedPlan, Offer)):
        if isinstance(approve, Offer):
            _refuse_another(approve, offer)
        _refuse_dearer(approve, offer)
        return
    if not asked:
        raise NotApproved(
            f"{offer}: nobody agreed to that, and nothing was bought; agree with --yes or "
            "--max-cost, from Python with approve=, which takes the `offer` of this error",
            offer,
        )
    buying = {name: offer.paid[name] for name in _buying(offer)}
    # What units are worth is said by a file beside the manifest: that is no word of the person.
    if left_open := unlimited(asked, buying, rates={}):
        raise NotApproved(
            f"{offer}: {left_open}, and nothing was bought; agree with --max-cost in that unit",
            offer,
        )


def agreed_to(approve: Approve | None, offer: Offer) -> Agreed:
    """`agree`, and return what may be bought by that.

    Raises:
        NotApproved: As `agree` does.
        ConsentError: The same.
    """
    agree(approve, offer)
    return Agreed.to(offer, at_any_price=is_at_any_price(approve, offer))


def is_at_any_price(approve: Approve | None, offer: Offer) -> bool:
    """Whether what was agreed to holds for any quote: whatever it costs, or up to a limit."""
    if isinstance(approve, Asking):
        return is_at_any_price(approve.word, offer)
    if approve is True:
        return True
    if isinstance(approve, (SavedPlan, Offer)) or callable(approve):
        return False
    asked = [limit for limit in offer.limits if limit.is_asked]
    buying = {name: offer.paid[name] for name in _buying(offer)} if offer.costs else {}
    return bool(asked) and not unlimited(asked, buying, rates={})


def is_at_quotes(approve: Approve | None, offer: Offer) -> bool:
    """Whether what was agreed to has a price that was made of quotes: they are asked for anew."""
    word = approve.word if isinstance(approve, Asking) else approve
    if not isinstance(word, (SavedPlan, Offer)):
        return False
    quoted = {target.price.unit for target in offer.paid.values() if target.price.quoted}
    return any(price and unit in quoted for unit, price in word.adds[1].items())


def refuse_changes(what: str, lines: list[str]) -> None:
    """Refuse a plan that is not the one agreed to.

    Raises:
        ConsentError: There are changes.
    """
    if not lines:
        return
    more = [f"and {len(lines) - MAX_CHANGES} more"] if len(lines) > MAX_CHANGES else []
    told = "\n  ".join([*lines[:MAX_CHANGES], *more])
    raise ConsentError(f"{what}: refused, for this has changed:\n  {told}")


def _buying(offer: Offer) -> list[str]:
    return [each.backend for each in offer.most.backends if each.points]


def _refuse_another(agreed: Offer, offer: Offer) -> None:
    """See that an offer is of the plan, and at the prices, agreed to.

    Raises:
        NotApproved: It is not.
    """
    if any(old != new for old, new in zip_longest(agreed.plan.pins(), offer.plan.pins())):
        raise NotApproved(
            f"{offer}: that is not the plan agreed to; agree to this one; nothing was bought", offer
        )
    terms = {name: (each.name, each.price) for name, each in agreed.targets.items()}
    for name, target in offer.paid.items():
        if terms.get(name) != (target.name, target.price):
            raise NotApproved(
                f"{offer}: {name} is another target, or has another price, than agreed to; "
                "agree to this offer; nothing was bought",
                offer,
            )


def _refuse_dearer(agreed: SavedPlan | Offer, offer: Offer) -> None:
    """See that no more is to be bought than was agreed to: part of it may be bought since.

    Raises:
        NotApproved: It is.
    """
    jobs, prices = agreed.adds
    is_more = offer.most.jobs > jobs or any(
        price > prices.get(unit, -1.0) + SLACK for unit, price in offer.prices.items()
    )
    if is_more:
        raise NotApproved(
            f"{offer}: agreed to was {jobs} for {prices_in_words(prices)}; agree to this offer; "
            "nothing was bought",
            offer,
        )
