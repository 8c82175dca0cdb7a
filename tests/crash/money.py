"""Whether a run's ledger says what the cloud's own book says, to the cent.

What is billed must be the book's; while bills are still open, the book lies between what is billed
and that with all that is reserved beside. What the cloud made of a request that was delivered twice
is not in the ledger: it is told beside it, with the book's price.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from qbatch.snapshot import Run
from qbatch.snapshot.doubles import Double, read_doubles
from qbatch.snapshot.ledger import total_up

#: Half of a hundredth of each unit: usd, eur, credits, seconds of a QPU.
NEARLY = 0.005


def compare(run: Run, ledger: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each sum that is not the book's.

    Args:
        ledger: All that the cloud accepted, of this run alone.
    """
    doubles = read_doubles(run.meta)
    ordered, beside = split_doubles(ledger, doubles)
    booked = _sums(ordered)
    words = []
    totals = {unit: each for (_, unit), each in total_up(p.entry for p in run.ledger()).items()}
    for unit in booked.keys() | totals.keys():
        book = booked.get(unit, 0.0)
        spent = totals[unit].spent if unit in totals else 0.0
        most = spent + (totals[unit].outstanding if unit in totals else 0.0)
        if not spent - NEARLY < book < most + NEARLY:
            words.append(
                f"the ledger has {spent:.3f} to {most:.3f} {unit}, the cloud's book {book:.3f}"
            )
    prices = {entry["id"]: entry["price"] for entry in beside}
    for double in doubles.values():
        price = prices.get(double.id)
        if price is None or not _may_be(double, price):
            words.append(f"told beside the ledger: {double}; the cloud's book: {price}")
    return words


def _may_be(double: Double, price: float) -> bool:
    """Whether the book may have it at this price: at what is told, or at most at a guess."""
    if double.cost is None:
        return True
    return double.is_guess * -double.cost - NEARLY <= price - double.cost <= NEARLY


def split_doubles(
    ledger: Sequence[Mapping[str, Any]], told: Container[str]
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Part the book into what was ordered, and what a run tells as doubles, by the cloud's id.

    At IBM a second job may stand under the id of an earlier one: the latest is the double.
    """
    ordered, beside = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    found = set[str]()
    for entry in reversed(ledger):
        is_double = entry["id"] in told and entry["id"] not in found
        found |= {entry["id"]} if is_double else set()
        (beside if is_double else ordered).append(entry)
    return ordered[::-1], beside[::-1]


def _sums(entries: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for entry in entries:
        sums[entry["unit"]] = sums.get(entry["unit"], 0.0) + entry["price"]
    return sums
