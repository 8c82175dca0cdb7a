"""What a run may cost at most, and what of that is bought or reserved already.

Rules: a price is reserved before the intent of a purchase is written, in one step without waiting,
so the limit holds at any concurrency. What was bought in the run folder before counts; what the
provider certainly did not take is given back; units never add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from qbatch.errors import ConsentError, SelectionError
from qbatch.providers import Order, Price, Target

#: Units that prices come in; a target may bring its own.
UNITS = ("usd", "eur", "credits", "qpu_seconds")

#: Rounding of sums of prices is no excess.
SLACK = 1e-9


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
            raise SelectionError(f"--max-cost {text!r} is no price; write 5usd or 40credits")
        unit = match[2].lower()
        limits[unit] = min(float(match[1]), limits.get(unit, float("inf")))
    return limits


def check_units(limits: Mapping[str, float], targets: Iterable[Target]) -> None:
    """See that no limit is in a unit that nobody bills in: a misspelt one would limit nothing.

    Raises:
        SelectionError: One is.
    """
    known = dict.fromkeys([*UNITS, *(target.price.unit for target in targets)])
    for unit in limits:
        if unit not in known:
            names = ", ".join(name for name in known if name)
            raise SelectionError(f"--max-cost: nobody bills in {unit!r}; units are {names}")


def check_planned(limits: Mapping[str, float], planned: Mapping[str, float]) -> None:
    """Refuse a plan whose known price is over a limit; quotes come later, job by job.

    Raises:
        ConsentError: It is.
    """
    for unit, limit in limits.items():
        price = planned.get(unit, 0.0)
        if price > limit + SLACK:
            raise ConsentError(
                f"the plan costs {price:g} {unit}, and --max-cost allows {limit:g} {unit}; "
                "nothing was submitted"
            )


def expected_prices(
    orders: Sequence[Order], price: Price, quotes: Mapping[str, float]
) -> dict[str, float]:
    """Job id -> what buying it costs: as quoted, else by the target's formula."""
    if price.is_free:
        return {}
    prices = {order.id: quotes.get(order.id, price.of_job(order.shots)) for order in orders}
    if prices and price.per_composite:
        prices[orders[0].id] += price.per_composite
    return prices


class Budget:
    """The limits of one run and what counts against them.

    Args:
        limits: Unit -> most; units that are not in it are not limited.
    """

    def __init__(self, limits: Mapping[str, float] | None = None) -> None:
        self.limits = dict(limits or {})
        #: Unit -> job id (or attempt) -> price.
        self._taken: dict[str, dict[str, float]] = {unit: {} for unit in self.limits}
        self._totals = dict.fromkeys(self.limits, 0.0)

    def count(self, key: str, unit: str, price: float) -> None:
        """Count what was bought before: a job by its id, an earlier attempt by a key of its own."""
        if unit in self.limits:
            self._take(unit, key, price)

    def _take(self, unit: str, key: str, price: float) -> None:
        held = self._taken[unit]
        self._totals[unit] += price - held.get(key, 0.0)
        held[key] = price

    def taken(self, unit: str) -> float:
        """What counts against the limit of `unit` now."""
        return self._totals.get(unit, 0.0)

    def reserve(self, prices: Mapping[str, float], unit: str) -> str | None:
        """Reserve the prices of jobs, all or none; say why not where they do not fit."""
        if unit not in self.limits or not prices:
            return None
        limit, held = self.limits[unit], self._taken[unit]
        others = self._totals[unit] - sum(held.get(key, 0.0) for key in prices)
        asked = sum(prices.values())
        if others + asked > limit + SLACK:
            return (
                f"{asked:g} {unit} more would make {others + asked:g} {unit}; "
                f"--max-cost allows {limit:g} {unit}"
            )
        for key, price in prices.items():
            self._take(unit, key, price)
        return None

    def release(self, keys: Iterable[str]) -> None:
        """Give back what was certainly not bought."""
        for key in list(keys):
            for unit, held in self._taken.items():
                self._totals[unit] -= held.pop(key, 0.0)
