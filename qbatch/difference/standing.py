"""In which order the values of an axis stand, by each number at all else that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from qbatch.difference.judging import OUTCOMES, Difference, NumberChange, Word
from qbatch.difference.pairing import renamed_at
from qbatch.difference.sides import Asked, named
from qbatch.manifest.models import Value
from qbatch.report.numbers import plain, with_error
from qbatch.result import Estimate


@dataclass(slots=True)
class Standing:
    """The values of an axis by one number, the largest first.

    Attributes:
        number: Its name.
        where: What else is asked, by name.
        estimates: Value -> estimate, in order.
        apart: Whether each is told apart from the next one.
    """

    number: str
    where: str
    estimates: dict[Value, Estimate] = field(default_factory=dict)
    apart: list[bool] = field(default_factory=list)

    @property
    def order(self) -> str:
        """The values in order, with what stands between them."""
        told = [f"{plain(v)} {with_error(e.value, e.se)}" for v, e in self.estimates.items()]
        signs = (" > " if apart else " ≈ " for apart in (*self.apart, True))
        text = "".join(each + sign for each, sign in zip(told, signs, strict=True))
        return text.removesuffix(" > ")

    def __str__(self) -> str:
        return f"{self.where}: {self.order}" if self.where else self.order


def standings(found: Difference) -> Iterator[Standing]:
    """Yield how the values of the axis stand, number by number and in the order of the points.

    Two values have none, nor have outcomes: of each pair that is the one that differs most clearly.
    """
    if len(found.values) < 3:
        return
    for number, changes in found.numbers.items():
        together: dict[Asked, list[NumberChange]] = {}
        for one in changes if number != OUTCOMES else ():
            together.setdefault(renamed_at(one.asked, found.axis, ""), []).append(one)
        parts = found.varied - {found.axis}
        for asked, each in together.items():
            where = named(asked, parts, found.writers) if parts else ""
            yield _ordered(Standing(number, where), each, found)


def _ordered(standing: Standing, changes: list[NumberChange], found: Difference) -> Standing:
    here, there = found.sides
    estimates: dict[Value, Estimate] = {}
    words: dict[frozenset[Value], Word] = {}
    for one in changes:
        pair = [side.own(one.asked).values[found.axis] for side in (here, there)]
        estimates |= {pair[0]: one.here, pair[1]: one.there}
        words[frozenset(pair)] = one.word
    order = sorted(estimates, key=lambda value: -estimates[value].value)
    standing.estimates = {value: estimates[value] for value in order}
    standing.apart = [words.get(frozenset(two)) is Word.CHANGED for two in pairwise(order)]
    return standing
