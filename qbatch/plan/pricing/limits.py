"""The limits on what a run may cost: a manifest's ``budget`` and ``--max-cost``, against a plan.

What counts against them while a run goes on is `executor.budget`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from qbatch.errors import ConsentError, SelectionError
from qbatch.frozen import dataclass
from qbatch.notation import amount, spoken
from qbatch.providers import units

if TYPE_CHECKING:
    from qbatch.manifest import Manifest
    from qbatch.plan.pricing.summary import BackendSummary, PlanSummary
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
        also: Backends that are decided to be that one: what they cost counts, too.
    """

    said_by: str
    unit: str
    amount: float
    backend: str | None = None
    also: tuple[str, ...] = ()

    def concerns(self, backend: str, chosen: str | None = None) -> bool:
        """Whether what a backend costs counts.

        Args:
            backend: Its name.
            chosen: The backend that it was decided to be when that was bought; None: as it is now.
        """
        if self.backend is None or backend == self.backend:
            return True
        return backend in self.also if chosen is None else chosen == self.backend

    @property
    def told(self) -> str:
        """Its amount, for a person."""
        return amount(self.amount, self.unit)

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
    budget, also = manifest.budget, manifest.stands_for
    return (
        *(Limit(MAX_COST, unit, amount) for unit, amount in max_cost.items()),
        *(Limit("budget.total", unit, amount) for unit, amount in budget.total.items()),
        *(
            Limit(f"budget.{name}", unit, amount, name, tuple(n for n in also if also[n] == name))
            for name, amounts in budget.backends.items()
            for unit, amount in amounts.items()
        ),
    )


def check_units(
    limits: Sequence[Limit],
    targets: Mapping[str, Target],
    rates: Rates,
    several: Collection[str] = (),
) -> None:
    """See that every limit limits something: one in a unit that nobody bills in would not.

    Args:
        limits: Of the budget and of the command line.
        targets: Backend -> target, of all that the plan needs.
        rates: What units are worth.
        several: Backends that could be several targets: of their limits one that counts is enough,
            for the others may be of units that the other targets bill in.

    Raises:
        SelectionError: One does not.
    """
    _check_max_cost([each for each in limits if each.is_asked], targets, rates)
    for limit in limits:
        asked = [t for name, t in targets.items() if limit.concerns(name)]
        billed = {target.price.unit for target in asked if target.price.unit}
        known = billed if limit.backend is not None else billed | units()
        if not asked or limit.unit in known or any((u, limit.unit) in rates for u in billed):
            continue
        if limit.backend is not None and not billed:
            continue  # it is free, which is within any limit
        units_of_it = [each.unit for each in limits if each.backend == limit.backend]
        if limit.backend in several and all(
            _is_in_any(unit, units_of_it, rates) for unit in billed
        ):
            continue
        who = (
            "nobody bills" if limit.backend is None else f"backend {limit.backend!r} does not bill"
        )
        raise SelectionError(
            f"{limit.said_by}: {limit.told} limits nothing: {who} in "
            f"{limit.unit!r}; units are {', '.join(sorted(known))}"
        )


def _is_in_any(unit: str, units_of_limits: Collection[str], rates: Rates) -> bool:
    """Whether what is billed in a unit counts against one of these limits."""
    return any(unit == each or (unit, each) in rates for each in units_of_limits)


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
                f"{MAX_COST} {limit.told} bounds nothing here: this plan "
                f"is billed in {_in_words(map(spoken, billed))}; name one of these"
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
            told.append(f"{spoken(unit)}{where}")
    return f"no limit for {_in_words(told)}" if told else ""


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


def unbounded(limit: Limit, backend: str, source: str) -> str:
    """Say that a limit cannot bound what is bought at a price that nobody tells."""
    return (
        f"backend {backend!r}: its price is not told ({source}), so {limit.said_by} of "
        f"{limit.told} cannot bound it; write one into the file of "
        "`budget.prices`, or leave that limit out"
    )


def untold(limits: Iterable[Limit], left: PlanSummary, rates: Rates) -> list[str]:
    """Say which backends of a plan have a price that nobody tells, and a limit to bound it."""
    known = [*limits]
    found = {
        each: next((one for one in known if _counts(one, each, rates)), None)
        for each in left.backends
        if each.certainty == "unknown" and each.jobs
    }
    return [
        unbounded(limit, each.backend, each.source)
        for each, limit in found.items()
        if limit is not None
    ]


def _counts(limit: Limit, each: BackendSummary, rates: Rates) -> bool:
    return factor_of(limit, each.backend, each.unit, rates) is not None


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
        ConsentError: It does, or nobody tells its price.
    """
    limits = [*limits]
    for said in untold(limits, left, rates):
        raise ConsentError(
            f"{said}; bound it in a unit that it is billed in; nothing was submitted"
        )
    for limit in limits:
        price, before = planned(limit, left, rates), spent.get(limit, 0.0)
        if price + before > limit.amount + SLACK:
            after = f" after {amount(before, limit.unit)} that count already" if before else ""
            raise ConsentError(
                f"the plan costs {amount(price, limit.unit)}{after}, and {limit.said_by} allows "
                f"{limit.told}; allow more, or run less; nothing was submitted"
            )


def shortfalls(
    limits: Iterable[Limit],
    left: PlanSummary,
    rates: Rates,
    spent: Mapping[Limit, float] | None = None,
) -> list[str]:
    """Say which limits a plan is known to go beyond, in sentences; see `check_planned`."""
    limits = [*limits]
    told = [f"{said}: nothing will be bought there" for said in untold(limits, left, rates)]
    for limit in limits:
        price, before = planned(limit, left, rates), (spent or {}).get(limit, 0.0)
        if price + before > limit.amount + SLACK:
            after = f" beside {amount(before, limit.unit)} that count already" if before else ""
            told.append(
                f"{limit.said_by} allows {limit.told}, and the plan costs "
                f"{amount(price, limit.unit)}{after}: not all of it will be bought"
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
    counted = [
        _Cost(each.entry.backend, each.entry.unit, each.entry.counted, each.chosen)
        for each in purchases
    ]
    counted += [_Cost(each.backend, each.unit, each.cost or 0.0) for each in doubles]
    limits = [
        Limit(**{**each, "also": tuple(each.get("also", ()))}) for each in found.get("limits", ())
    ]
    return [(limit, _counted(limit, counted, rates)) for limit in limits]


class _Cost(NamedTuple):
    """What something cost; the last as `Limit.concerns` takes it."""

    backend: str
    unit: str
    amount: float
    chosen: str | None = None


def _counted(limit: Limit, costs: Iterable[_Cost], rates: Rates) -> float:
    return sum(
        cost.amount * (factor_of(limit, cost.backend, cost.unit, rates, cost.chosen) or 0.0)
        for cost in costs
    )


def factor_of(
    limit: Limit, backend: str, unit: str, rates: Rates, chosen: str | None = None
) -> float | None:
    """How much one of `unit` at a backend counts against a limit; None: not at all.

    Args:
        limit: Which.
        backend: Where it is bought.
        unit: Which it is billed in.
        rates: What units are worth in others.
        chosen: The backend that it was decided to be when that was bought; None: as it is now.
    """
    if not limit.concerns(backend, chosen):
        return None
    return 1.0 if unit == limit.unit else rates.get((unit, limit.unit))
