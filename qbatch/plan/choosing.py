"""Which of several targets a backend is: `choose`, by figures that were gathered before. Pure.

What cannot run the points, or tells no figure of the kind that is preferred, is out, and says why.
What could not be asked is out only where it would not be chosen at its best (`unknown_of`).
Of the others

===============  ==================================================================================
cheapest         the least price. Free is the least in any unit; else, of several units, all are
                 converted to one by the manifest's price file, or nothing is decided
soonest          who is done first at the worst; then who may be done first. Who cannot tell when
                 it begins comes last
most_precise     the least standard error: of the worst number at the worst point, divided by what
                 the errors of gates and readout leave of a number. Of these, kinds count that are
                 told of all candidates alike; where none is, standard errors alone
===============  ==================================================================================

and of equals the cheaper one, where that can be said, then the one written first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

from qbatch.frozen import dataclass
from qbatch.notation import amount, listed
from qbatch.plan.pricing.spans import Span

if TYPE_CHECKING:
    from qbatch.errors import ProviderError
    from qbatch.manifest.any_of import AnyOf
    from qbatch.plan.pricing.limits import Rates

#: A part of 10^9 is no difference between figures that were added up in another order.
_SAME = 1e-9


@dataclass(frozen=True, slots=True)
class Error:
    """How well numbers would be known there.

    Attributes:
        value: The largest standard error, of all numbers and points.
        rests_on: What told it, in words.
    """

    value: float
    rests_on: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of one of the targets that a backend may be.

    Attributes:
        name: As the manifest has it: a target, or a backend.
        target: As its provider resolved it; "" where it was not reached.
        out: Why it cannot be chosen; "": it can.
        price: Of all points, in `unit`; None: not known.
        unit: "" where it is free.
        formula: How the price comes about.
        span: When it would be done; None: not known.
        error: None: no number is wanted, or not known.
        left: Kind of error that is told of it -> which share of a number that leaves, 0 to 1.
        is_emulated: An emulator stands in for the cloud.
        has_points: The plan has points there; of one without, nothing was asked.
        failure: What its provider raised, where something of it could not be asked: it may be
            better than is known.
    """

    name: str
    target: str = ""
    out: str = ""
    price: float | None = None
    unit: str = ""
    formula: str = ""
    span: Span | None = None
    error: Error | None = None
    left: Mapping[str, float] = field(default_factory=dict)
    is_emulated: bool = False
    has_points: bool = True
    failure: ProviderError | None = field(default=None, compare=False)

    @property
    def is_free(self) -> bool:
        """Whether it costs nothing."""
        return self.price is not None and not self.unit

    def facts(self) -> dict[str, Any]:
        """Return it as JSON, which has no number for an error that is without end."""
        error = math.inf if self.error is None else self.error.value
        return {
            "target": self.target,
            "out": self.out,
            "price": self.price,
            "unit": self.unit,
            "formula": self.formula,
            "time": None if self.span is None else self.span.facts(),
            "error": error if math.isfinite(error) else None,
            "error_rests_on": "" if self.error is None else self.error.rests_on,
            "left": dict(self.left),
            "is_emulated": self.is_emulated,
        }


class UndecidedError(ValueError):
    """It cannot be decided; the text says why, and how it can."""


def choose(question: AnyOf, candidates: Sequence[Candidate], rates: Rates) -> Candidate:
    """Return which of several targets a backend is.

    Args:
        question: What is preferred.
        candidates: In the order written.
        rates: What units are worth.

    Raises:
        UndecidedError: None is left, or their prices cannot be compared.
    """
    left = [each for each in judged(question, candidates) if not each.out]
    if not left:
        raise UndecidedError("none of its candidates can be taken; `qbatch plan` says why of each")
    prices = _in_one_unit(left, rates)
    if prices is None and any(each.is_free for each in left):
        prices = {each.name: 0.0 for each in left if each.is_free}
    if question.prefer == "cheapest" and prices is None:
        told = listed(
            f"{each.name} {amount(each.price, each.unit)}"
            for each in left
            if each.unit and each.price is not None
        )
        raise UndecidedError(
            f"prices in several units cannot be compared ({told}); say what one is worth of the "
            "other under `convert:` in the file of `budget.prices`, or prefer another figure"
        )
    keys = _KEYS[question.prefer]
    return min(left, key=lambda each: (*keys(each, prices or {}), *_price_key(each, prices or {})))


def unknown_of(question: AnyOf, candidates: Sequence[Candidate], rates: Rates) -> list[Candidate]:
    """Return those candidates that could not be asked and might be the one, for all that is known.

    None may be left out by a failure that passes: each is judged by the best figures that it could
    have. What is chosen against those is chosen whatever they are.
    """
    return [
        each
        for each in candidates
        if each.failure is not None and _may_decide(question, each, candidates, rates)
    ]


def _may_decide(
    question: AnyOf, candidate: Candidate, candidates: Sequence[Candidate], rates: Rates
) -> bool:
    """Whether what is chosen depends on what a candidate is that could not be asked."""
    best = _at_best(candidate)
    chosen = set()
    for one in (best, replace(best, price=1.0, unit="a unit of its own")):
        rivals = [
            one if each is candidate else each
            for each in candidates
            if each.failure is None or each is candidate
        ]
        try:
            chosen.add(choose(question, compared(rivals), rates).name)
        except UndecidedError:
            return True
    return chosen == {candidate.name} or len(chosen) > 1


def _at_best(candidate: Candidate) -> Candidate:
    """Return it with the best that figures can be where they are not known."""
    is_priced = candidate.price is not None
    return replace(
        candidate,
        out="",
        price=candidate.price if is_priced else 0.0,
        unit=candidate.unit if is_priced else "",
        span=candidate.span or Span(0.0, 0.0),
        error=Error(0.0),
        left={},
    )


def compared(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates whose standard errors can be compared: damped by what is told of all."""
    rivals = [each for each in candidates if each.error is not None and not each.out]
    told = [each.left.keys() for each in rivals]
    kinds = [kind for kind in (told[0] if told else ()) if all(kind in each for each in told)]
    return [_damped(each, kinds) if kinds and each in rivals else each for each in candidates]


def _damped(candidate: Candidate, kinds: Sequence[str]) -> Candidate:
    left = math.prod(candidate.left[kind] for kind in kinds)
    assert candidate.error is not None, "only rivals have one"
    value = candidate.error.value / left if left > 0 else math.inf
    told = f"{candidate.error.rests_on}, and errors of {listed(kinds)} leave {left:.3g} of a number"
    return replace(candidate, error=Error(value, told))


def judged(question: AnyOf, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return candidates, of which those are out that lack the figure that is preferred."""
    lacks, said = _LACKS[question.prefer]
    return [
        replace(each, out=said) if not each.out and lacks(each) else each for each in candidates
    ]


_LACKS: Mapping[str, tuple[Callable[[Candidate], bool], str]] = {
    "cheapest": (lambda each: each.price is None, "no price is known before it is bought"),
    "soonest": (lambda each: each.span is None, "nothing is known of how long it takes"),
    "most_precise": (lambda each: each.error is None, "no standard error can be told"),
}

_Prices = Mapping[str, float]


def _price_key(candidate: Candidate, prices: _Prices) -> tuple[float, ...]:
    return (_rounded(prices.get(candidate.name, math.inf)),)


def _time_key(candidate: Candidate, prices: _Prices) -> tuple[float, ...]:
    del prices
    span = candidate.span
    assert span is not None, "who has none is out"
    high_s = math.inf if span.high_s is None else span.high_s
    return _rounded(high_s), _rounded(span.low_s)


def _error_key(candidate: Candidate, prices: _Prices) -> tuple[float, ...]:
    del prices
    assert candidate.error is not None, "who has none is out"
    return (_rounded(candidate.error.value),)


_KEYS: Mapping[str, Callable[[Candidate, _Prices], tuple[float, ...]]] = {
    "cheapest": _price_key,
    "soonest": _time_key,
    "most_precise": _error_key,
}


def _rounded(value: float) -> float:
    """Return a figure to nine digits: sums of the same parts are the same."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, 9 - math.ceil(math.log10(abs(value))))


def _in_one_unit(candidates: Sequence[Candidate], rates: Rates) -> dict[str, float] | None:
    """Name -> price in a unit that all can be told in; None where there is none."""
    known = [each for each in candidates if each.price is not None]
    units = dict.fromkeys(each.unit for each in known if each.unit)
    for unit in units or {"": None}:
        worth = {each: 1.0 if each == unit else rates.get((each, unit)) for each in units}
        if None not in worth.values():
            return {
                each.name: (each.price or 0.0) * (worth.get(each.unit) or 0.0) for each in known
            }
    return None
