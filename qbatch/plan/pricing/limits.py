"""The limits on what a run may cost: a manifest's ``budget`` and ``--max-cost``, against a plan.

What counts against them while a run goes on is `executor.budget`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from qbatch.errors import ConsentError, SelectionError
from qbatch.providers import units

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.plan.pricing.summary import PlanSummary
    from qbatch.providers import Target
    from qbatch.snapshot import Purchase
    from qbatch.snapshot.doubles import Double

#: The flag that limits a run beside its manifest.
MAX_COST = "--max-cost"

#: Rounding of sums of prices is no excess.
SLACK = 1e-9

#: (unit, unit) -> how much of the second one of the first is.
Rates = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that something may cost.

    Attributes:
        said_by: Where it stands: ``--max-cost``, ``budget.total``.
        unit: Of `amount`.
        backend: What it is about; None: all backends together.
    """

    said_by: str
    unit: str
    amount: float
    backend: str | None = None

    @property
    def is_asked(self) -> bool:
        """The person who runs it said so, now; a manifest may be a stranger's."""
        return self.said_by == MAX_COST


def parse_limits(texts: Iterable[str]) -> dict[str, float]:
    """Read ``--max-cost`` values: unit -> limit.

    >>> parse_limits(["5usd", "40 credits"])
    {'usd': 5.0, 'credits': 40.0}

    Raises:
        SelectionError: One is no amount with a unit.
    """
    limits: dict[str, float] = {}
    for text in texts:
        match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z_]+)\s*", text)
        if match is None:
            raise SelectionError(f"{text!r} is no price; write 5usd or 40credits")
        unit = match[2].lower()
        limits[unit] = min(float(match[1]), limits.get(unit, float("inf")))
    return limits


def limits_of(manifest: Manifest, max_cost: Mapping[str, float]) -> tuple[Limit, ...]:
    """Return the limits of a manifest's budget and those of the command line."""
    budget = manifest.budget
    return (
        *(Limit(MAX_COST, unit, amount) for unit, amount in max_cost.items()),
        *(Limit("budget.total", unit, amount) for unit, amount in budget.total.items()),
        *(
            Limit(f"budget.{name}", unit, amount, name)
            for name, amounts in budget.backends.items()
            for unit, amount in amounts.items()
        ),
    )


def check_units(limits: Sequence[Limit], targets: Mapping[str, Target], rates: Rates) -> None:
    """See that every limit limits something: one in a unit that nobody bills in would not.

    Raises:
        SelectionError: One does not.
    """
    _check_max_cost([each for each in limits if each.is_asked], targets, rates)
    for limit in limits:
        asked = [t for name, t in targets.items() if limit.backend in (None, name)]
        billed = {target.price.unit for target in asked if target.price.unit}
        known = billed if limit.backend is not None else billed | units()
        if not asked or limit.unit in known or any((u, limit.unit) in rates for u in billed):
            continue
        if limit.backend is not None and not billed:
            continue  # it is free, which is within any limit
        who = (
            "nobody bills" if limit.backend is None else f"backend {limit.backend!r} does not bill"
        )
        raise SelectionError(
            f"{limit.said_by}: {limit.amount:g} {limit.unit} limits nothing: {who} in "
            f"{limit.unit!r}; units are {', '.join(sorted(known))}"
        )


def _check_max_cost(limits: Sequence[Limit], targets: Mapping[str, Target], rates: Rates) -> None:
    """See that none of ``--max-cost`` bounds nothing, unless they bound all without it.

    Raises:
        SelectionError: One does.
    """
    billed = dict.fromkeys(t.price.unit for t in targets.values() if not t.price.is_free)
    bounded = {
        limit: {unit for unit in billed if factor_of(limit, "", unit, rates) is not None}
        for limit in limits
    }
    if not billed.keys() - set().union(*bounded.values()):
        return
    for limit, theirs in bounded.items():
        if not theirs:
            raise SelectionError(
                f"{MAX_COST} {limit.amount:g} {_spoken(limit.unit)} bounds nothing here: this plan "
                f"is billed in {_in_words(map(_spoken, billed))}"
            )


def unlimited(limits: Collection[Limit], targets: Mapping[str, Target], rates: Rates) -> str:
    """Say what limits leave open: ``no limit for credits at emerald``; "": nothing, or no limits.

    Args:
        limits: Of the budget and of the command line.
        targets: Backend -> target, of all that the plan needs.
        rates: What is converted is bounded by the limit in the other unit.
    """
    of_unit: dict[str, dict[str, bool]] = {}
    for name, target in targets.items():
        unit = target.price.unit
        if limits and not target.price.is_free:
            is_bounded = any(factor_of(each, name, unit, rates) is not None for each in limits)
            of_unit.setdefault(unit, {})[name] = is_bounded
    told = []
    for unit, backends in of_unit.items():
        left = [name for name, is_bounded in backends.items() if not is_bounded]
        if left:
            where = f" at {_in_words(left)}" if len(left) < len(backends) else ""
            told.append(f"{_spoken(unit)}{where}")
    return f"no limit for {_in_words(told)}" if told else ""


def _spoken(unit: str) -> str:
    if unit in ("usd", "eur"):
        return unit.upper()
    return unit.replace("qpu_", "QPU ").replace("_", " ")


def _in_words(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}" if most else last


def planned(limit: Limit, plan: PlanSummary, rates: Rates) -> float:
    """Return what a plan is known to cost of a limit, in its unit; quotes come later."""
    return sum(
        each.price * factor
        for each in plan.backends
        if each.price and (factor := factor_of(limit, each.backend, each.unit, rates)) is not None
    )


def check_planned(
    limits: Iterable[Limit], left: PlanSummary, rates: Rates, spent: Mapping[Limit, float]
) -> None:
    """Refuse what is known to go beyond a limit, before any of it is bought.

    Args:
        limits: Of what the run may cost in all.
        left: What is left to buy of the plan.
        rates: What is converted counts in the other unit.
        spent: What counts against each limit already, in its unit.

    Raises:
        ConsentError: It does.
    """
    for limit in limits:
        price, before = planned(limit, left, rates), spent.get(limit, 0.0)
        if price + before > limit.amount + SLACK:
            after = f" after {before:g} {limit.unit} that count already" if before else ""
            raise ConsentError(
                f"the plan costs {price:g} {limit.unit}{after}, and {limit.said_by} allows "
                f"{limit.amount:g} {limit.unit}; nothing was submitted"
            )


def shortfalls(
    limits: Iterable[Limit],
    left: PlanSummary,
    rates: Rates,
    spent: Mapping[Limit, float] | None = None,
) -> list[str]:
    """Say which limits a plan is known to go beyond, in sentences; see `check_planned`."""
    told = []
    for limit in limits:
        price, before = planned(limit, left, rates), (spent or {}).get(limit, 0.0)
        if price + before > limit.amount + SLACK:
            after = f" beside {before:g} {limit.unit} that count already" if before else ""
            told.append(
                f"{limit.said_by} allows {limit.amount:g} {limit.unit}, and the plan costs "
                f"{price:g} {limit.unit}{after}: not all of it will be bought"
            )
    return told


def dump_limits(limits: Iterable[Limit], rates: Rates) -> str:
    """Return limits and what units are worth as JSON, to be kept with the results."""
    return json.dumps(
        {
            "limits": [asdict(limit) for limit in limits],
            "rates": [[one, other, worth] for (one, other), worth in rates.items()],
        }
    )


def taken(
    kept: str | None, purchases: Iterable[Purchase], doubles: Iterable[Double]
) -> list[tuple[Limit, float]]:
    """Return each limit of the latest run with what counts against it, in its unit.

    Args:
        kept: What `dump_limits` made; None: nothing was kept.
        purchases: All of the run.
        doubles: What it did not order, and stands there under its names: it costs as much.
    """
    found = json.loads(kept or "{}")
    rates = {(one, other): worth for one, other, worth in found.get("rates", ())}
    counted = [(e.backend, e.unit, e.counted) for e in (each.entry for each in purchases)]
    counted += [(each.backend, each.unit, each.cost or 0.0) for each in doubles]
    limits = [Limit(**each) for each in found.get("limits", ())]
    return [(limit, _counted(limit, counted, rates)) for limit in limits]


def _counted(limit: Limit, costs: Iterable[tuple[str, str, float]], rates: Rates) -> float:
    """Sum up what counts of (backend, unit, cost)."""
    return sum(
        cost * (factor_of(limit, backend, unit, rates) or 0.0) for backend, unit, cost in costs
    )


def factor_of(limit: Limit, backend: str, unit: str, rates: Rates) -> float | None:
    """How much one of `unit` at a backend counts against a limit; None: not at all."""
    if limit.backend not in (None, backend):
        return None
    return 1.0 if unit == limit.unit else rates.get((unit, limit.unit))
