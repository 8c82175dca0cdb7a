"""Jobs that stand at a cloud under a run's names, and that none of its jobs accounts for.

They are kept among the facts of the run as a whole, by the cloud's id: no table of jobs, and no
ledger, has a row for what the run did not order. What they cost counts in sums and budgets. Until
somebody tells it, what their twins may cost counts in its place: a twin is the purchase that the
run did make under the same name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from qbatch.frozen import dataclass

if TYPE_CHECKING:
    from qbatch.snapshot.ledger import Entry

#: Among the facts of a run.
DOUBLES = "doubles"

#: Who says what one costs.
BY_CLOUD, BY_FORMULA, BY_PERSON = "by the cloud", "by formula", "as a person told"

#: What is known of its twin, which stands for it until somebody says.
AS_TWIN = {
    "quoted": "as its twin was quoted",
    "reserved": "as was reserved for its twin",
    "billed": "as its twin was billed",
}


@dataclass(frozen=True, slots=True)
class Double:
    """One of them, as its cloud told of it last.

    Attributes:
        id: The cloud's.
        backend: In the manifest.
        points: Under whose names it stands.
        status: The cloud's word.
        is_over: It costs no more than it did.
        created_at: UTC, ISO 8601; "" where it is not told.
        cost: In `unit`; None: it is not known.
        source: Who says so; "" where nobody does.
    """

    id: str
    backend: str
    points: tuple[str, ...]
    status: str
    is_over: bool
    created_at: str
    cost: float | None
    unit: str
    source: str

    def __str__(self) -> str:
        """In words, with its price."""
        from qbatch.notation import amount, listed

        cost = "price not known, so budgets cannot count it"
        if self.cost is not None:
            cost = "free"
        if self.cost or self.is_guess:
            cost = f"{amount(self.cost or 0.0, self.unit)} {self.source}, which budgets count"
        return (
            f"job {self.id} ({self.told_status}) is a second one under the name of "
            f"{listed(self.points, 2)}, which the run did not order: not in the ledger; {cost}"
        )

    @property
    def told_status(self) -> str:
        """The cloud's word, which is an old one where a person has told since that it is over."""
        return self.status + (" when last seen" if self.source == BY_PERSON else "")

    @property
    def is_guess(self) -> bool:
        """Whether what its twin may cost stands for what it costs."""
        return self.source in AS_TWIN.values()

    @property
    def is_settled(self) -> bool:
        """Whether it is over, at a price that is neither a guess nor a person's word."""
        is_told = self.cost is not None and not self.is_guess and self.source != BY_PERSON
        return self.is_over and is_told

    def resolved(self, cost: float) -> Double:
        """Return it as over, at what a person tells that it cost."""
        return replace(self, is_over=True, cost=cost, source=BY_PERSON)

    def seen_after(self, before: Double | None, *, has_run: bool) -> Double:
        """Return it as it counts, seen now: with a figure told before, where there is none now.

        What its cloud tells goes before what a person told. That a person told it free is not
        kept of one that gave a result.

        Args:
            before: As it was known; None: it was not.
            has_run: It is completed, so it was not free for want of a beginning.
        """
        if before is None or before.cost is None or before.created_at != self.created_at:
            return self
        told = before.source == BY_CLOUD or (
            before.source == BY_PERSON and self.is_over and (before.cost > 0 or not has_run)
        )
        if self.source == BY_CLOUD or not told:
            return self
        return replace(self, cost=before.cost, unit=before.unit, source=before.source)


def figure_of_twin(entries: Iterable[Entry]) -> tuple[float, str, str] | None:
    """Return the most that is known of what twins may cost: amount, unit and source.

    None: nothing was quoted, reserved or billed, or not in one unit.
    """
    twins = [*entries]
    units = {each.unit for each in twins}
    if len(units) != 1:
        return None
    figures = {
        "quoted": sum(each.quoted for each in twins),
        "reserved": sum(each.reserved for each in twins),
        "billed": sum(each.billed or 0.0 for each in twins),
    }
    most = max(figures, key=lambda name: figures[name])
    return figures[most], units.pop(), AS_TWIN[most]


def with_figures(doubles: Iterable[Double], bought: Iterable[tuple[str, Entry]]) -> list[Double]:
    """Return doubles as they count: one of which nobody tells a figure, as its twins may cost.

    A folder of an earlier qbatch says of such a one only that its price is not known. Which attempt
    was its twin is not told there: the dearest at each of its points stands for it.

    Args:
        doubles: As they are kept.
        bought: Names of points, each with a purchase.
    """
    found = [*doubles]
    if all(each.cost is not None for each in found):
        return found
    dearest: dict[tuple[str, str], Entry] = {}
    for point, entry in bought:
        key = entry.backend, point
        if key not in dearest or _most(entry) > _most(dearest[key]):
            dearest[key] = entry
    return [each if each.cost is not None else _figured(each, dearest) for each in found]


def _most(entry: Entry) -> float:
    return max(entry.quoted, entry.reserved, entry.billed or 0.0)


def _figured(double: Double, dearest: Mapping[tuple[str, str], Entry]) -> Double:
    at = [(double.backend, point) for point in double.points]
    figure = figure_of_twin([dearest[key] for key in at if key in dearest])
    if figure is None:
        return double
    cost, unit, source = figure
    return replace(double, cost=cost, unit=unit, source=source)


def better_told(one: Double | None, other: Double) -> Double:
    """Choose what is known better of one that two folders know."""
    if one is None or not one.is_over:
        return other
    ranks = [(each.is_settled, each.source == BY_PERSON) for each in (one, other)]
    return one if ranks[0] > ranks[1] else other


def read_doubles(meta: Mapping[str, str]) -> dict[str, Double]:
    """Return those that are known: the cloud's id -> what is known of it."""
    rows = json.loads(meta.get(DOUBLES) or "[]")
    doubles = [Double(**{**row, "points": tuple(row["points"])}) for row in rows]
    return {each.id: each for each in doubles}


def dump_doubles(doubles: Mapping[str, Double]) -> str:
    """Write them as a fact."""
    return json.dumps([asdict(each) for each in doubles.values()])


def total_beside(doubles: Iterable[Double]) -> dict[str, float]:
    """Sum up what they cost, where that is told: unit -> cost."""
    sums: dict[str, float] = {}
    for each in doubles:
        if each.cost:
            sums[each.unit] = sums.get(each.unit, 0.0) + each.cost
    return sums
