"""Which of several targets a backend is, held against a plain reference; how long each takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from random import Random
from typing import get_args

import pytest

from qbatch.errors import Unavailable
from qbatch.manifest.any_of import AnyOf, Preference
from qbatch.plan.choosing import (
    Candidate,
    Error,
    UndecidedError,
    choose,
    compared,
    judged,
    unknown_of,
)
from qbatch.plan.pricing.spans import JOB_S, QUEUE_S, Span, span_of, together
from qbatch.plan.pricing.summary import BackendSummary
from qbatch.providers import Rate, Target

UNITS = ("usd", "eur", "credits")
#: What one is worth of the other, where a file says so: whole numbers, so that nothing is rounded.
WORTH = {("eur", "usd"): 2.0, ("usd", "eur"): 0.5}


def drawn(random: Random) -> list[Candidate]:
    """Candidates whose figures are small whole numbers, so that many are equal."""
    found = []
    for at in range(random.randint(1, 5)):
        price = random.choice([None, 0.0, 1.0, 2.0, 3.0, 4.0])
        low, more = random.randint(0, 3), random.choice([None, 0, 1, 2, 3])
        span = Span(float(low), None if more is None else float(low + more))
        found.append(
            Candidate(
                f"c{at}",
                out=random.choice(["", "", "", "too few qubits"]),
                price=price,
                unit=random.choice(UNITS) if price else "",
                span=random.choice([span, span, None]),
                error=random.choice([None, *(Error(float(n)) for n in range(1, 5))]),
            )
        )
    return found


def is_better(
    one: Candidate, other: Candidate, prefer: str, dollars: Mapping[str, Fraction | None]
) -> bool | None:
    """Whether one is preferred to another; None: neither. By what a person would say."""
    if prefer == "soonest":
        assert one.span is not None
        assert other.span is not None
        if (one.span.high_s is None) != (other.span.high_s is None):
            return other.span.high_s is None
        if one.span.high_s != other.span.high_s:
            assert one.span.high_s is not None
            assert other.span.high_s is not None
            return one.span.high_s < other.span.high_s
        if one.span.low_s != other.span.low_s:
            return one.span.low_s < other.span.low_s
    if prefer == "most_precise":
        assert one.error is not None
        assert other.error is not None
        if one.error.value != other.error.value:
            return one.error.value < other.error.value
    ours, theirs = dollars[one.name], dollars[other.name]
    if ours == theirs:
        return None
    return ours is not None and (theirs is None or ours < theirs)


def expected(prefer: str, given: Sequence[Candidate], *, has_rates: bool) -> str | None:
    """The name of who is chosen; None where it cannot be decided."""
    has = {
        "cheapest": lambda each: each.price is not None,
        "soonest": lambda each: each.span is not None,
        "most_precise": lambda each: each.error is not None,
    }[prefer]
    left = [each for each in given if each.out == "" and has(each)]
    if not left:
        return None
    units = {each.unit for each in left if each.unit}
    comparable = len(units) <= 1 or (has_rates and units == {"usd", "eur"})
    dollars: dict[str, Fraction | None] = {}
    for each in left:
        if each.price is None or not (comparable or each.unit == ""):
            dollars[each.name] = None
        else:
            dollars[each.name] = Fraction(each.price) * (2 if each.unit == "eur" else 1)
    if not comparable and not any(each.unit == "" and each.price == 0 for each in left):
        if prefer == "cheapest":
            return None
        dollars = dict.fromkeys(dollars)
    best = left[0]
    for each in left[1:]:
        if is_better(each, best, prefer, dollars):
            best = each
    return best.name


def test_who_is_chosen_is_who_a_plain_tournament_finds() -> None:
    random, undecided = Random(1), 0
    for _ in range(2_000):
        found, prefer = drawn(random), random.choice(get_args(Preference))
        question = asking(prefer, *(each.name for each in found))
        has_rates = random.random() < 0.5
        wanted = expected(prefer, found, has_rates=has_rates)
        rates = WORTH if has_rates else {}
        if wanted is None:
            undecided += 1
            with pytest.raises(UndecidedError):
                choose(question, found, rates)
        else:
            assert choose(question, found, rates).name == wanted
    assert 200 < undecided < 1_000


def test_who_could_not_be_asked_is_left_out_only_where_no_figures_of_it_would_decide() -> None:
    """Held against all figures that it could have: the choice is the same for each of them."""
    random, left_out = Random(3), 0
    failure = Unavailable("cloud: 503")
    for _ in range(600):
        found, prefer = drawn(random), random.choice(get_args(Preference))
        at = random.randrange(len(found))
        found[at] = Candidate(f"c{at}", out="cloud: 503", failure=failure)
        question = asking(prefer, *(each.name for each in found))
        rates = WORTH if random.random() < 0.5 else {}
        chosen = {
            expected(prefer, [*found[:at], one, *found[at + 1 :]], has_rates=bool(rates))
            for one in possible(f"c{at}")
        }
        is_settled = len(chosen) == 1 and None not in chosen
        assert (unknown_of(question, found, rates) == []) == is_settled, (prefer, found)
        left_out += is_settled
    assert left_out > 20


def possible(name: str) -> Iterator[Candidate]:
    """What a candidate could turn out to be."""
    yield Candidate(name, out="too few qubits")
    for price, unit in ((0.0, ""), *((n, unit) for n in (0.5, 9.0) for unit in UNITS)):
        for span in (Span(0.0, 0.0), Span(0.0, 9.0), Span(0.0, None)):
            for error in (None, Error(0.0), Error(9.0)):
                yield Candidate(name, price=price, unit=unit, span=span, error=error)


def asking(prefer: str, *names: str) -> AnyOf:
    return AnyOf.model_validate({"any_of": names, "prefer": prefer})


def test_who_tells_no_figure_of_the_kind_that_is_preferred_is_out_and_says_so() -> None:
    told = [Candidate("a", span=Span(1, 2)), Candidate("b", price=1.0, unit="usd")]
    assert [each.out for each in judged(asking("cheapest", "a", "b"), told)] == [
        "no price is known before it is bought",
        "",
    ]
    assert choose(asking("soonest", "a", "b"), told, {}).name == "a"


def test_prices_in_several_units_say_how_they_can_be_compared() -> None:
    told = [Candidate("a", price=1.0, unit="usd"), Candidate("b", price=3.0, unit="credits")]
    with pytest.raises(UndecidedError, match=r"a 1\.00 USD, b 3 credits.*`convert:`"):
        choose(asking("cheapest", "a", "b"), told, {})
    rates = {("credits", "usd"): 0.01}
    assert choose(asking("cheapest", "a", "b"), told, rates).name == "b"


def test_standard_errors_are_damped_by_kinds_of_errors_that_all_tell() -> None:
    """0.02 at a machine that leaves half of a number is 0.04 of what it would be without errors."""
    told = [
        Candidate("noisy", error=Error(0.02), left={"readout": 0.5, "two-qubit gates": 0.1}),
        Candidate("slow", error=Error(0.03), left={"readout": 1.0}),
    ]
    noisy, slow = compared(told)
    assert noisy.error is not None
    assert slow.error is not None
    assert (noisy.error.value, slow.error.value) == (0.04, 0.03)
    assert choose(asking("most_precise", "noisy", "slow"), [noisy, slow], {}).name == "slow"
    silent = [told[0], Candidate("silent", error=Error(0.03))]
    assert compared(silent) == silent


def test_a_machine_that_leaves_nothing_comes_last_and_is_told_as_json() -> None:
    """Of bits that are read by chance nothing is left: no standard error can be written down."""
    told = [
        Candidate("chance", error=Error(0.02), left={"readout": 0.0}),
        Candidate("deep", error=Error(0.02), left={"readout": 5e-324}),
        Candidate("slow", error=Error(0.03), left={"readout": 0.5}),
    ]
    found = compared(told)
    assert choose(asking("most_precise", *(each.name for each in told)), found, {}).name == "slow"
    facts = [json.loads(json.dumps(each.facts(), allow_nan=False)) for each in found]
    assert [each["error"] for each in facts] == [None, None, 0.06]
    assert "leave 0 of a number" in facts[0]["error_rests_on"]


def share(jobs: int, composites: int | None = None, **more: object) -> BackendSummary:
    numbers = jobs, jobs, jobs, 100 * jobs, jobs if composites is None else composites
    facts = {"price": None, "unit": "", "formula": "", "source": "", "certainty": ""}
    return BackendSummary("q", "t", *numbers, **{**facts, "seconds": None, **more})  # type: ignore[arg-type]


def makespan(
    jobs: int, target: Target, queue: tuple[float, float], opens_s: float, random: Random
) -> float:
    """When the last of some jobs is done that are sent as soon as places and the rate allow."""
    sent: list[float] = []
    done: list[float] = []
    for at in range(jobs):
        begins = 0.0 if at < target.in_flight else done[at - target.in_flight]
        for rate in target.rates:
            if at >= rate.calls:
                begins = max(begins, sent[at - rate.calls] + rate.window_s)
        sent.append(max(begins, sent[-1] if sent else 0.0))
        waits_s, runs_s = random.uniform(*queue), random.uniform(*JOB_S)
        free = done[-1] if done else 0.0
        done.append(max(free, opens_s, sent[-1] + waits_s) + runs_s)
    return done[-1]


def test_a_range_of_time_holds_whatever_waits_and_runs_are_assumed() -> None:
    random = Random(2)
    for _ in range(1_000):
        jobs, opens_s = random.randint(1, 60), random.choice([0, random.randint(1, 5_000)])
        ahead = random.choice([None, random.randint(0, 30)])
        target = Target(
            "t",
            in_flight=random.randint(1, 12),
            rates=random.choice([(), (Rate(10, 60.0), Rate(40, 3600.0))]),
            queue_depth=ahead,
            online=not opens_s,
            next_window_at=datetime.fromtimestamp(opens_s, UTC).isoformat() if opens_s else None,
        )
        queue = QUEUE_S if ahead is None else (ahead * JOB_S[0], ahead * JOB_S[1])
        span = span_of(share(jobs), target, 0.0)
        assert span is not None
        assert span.high_s is not None
        took_s = makespan(jobs, target, queue, float(opens_s), random)
        assert span.low_s - 1e-6 <= took_s <= span.high_s + 1e-6


def test_a_range_of_time_says_what_it_rests_on() -> None:
    told = Target("t", queue_s=90.0, rates=(Rate(10, 60.0),), in_flight=5)
    span = span_of(share(21), told, 0.0)
    assert span == Span(
        90.0 + 120.0,
        5 * 90.0 + 21 * 60.0 + 120.0,
        (
            "a queue of 1 min 30 s, at the worst before each of 5 rounds",
            "jobs of 1 s to 1 min each assumed",
            "2 min by the limit of 10 jobs a minute",
        ),
    )
    closed = Target("t", online=False, next_window_at="1970-01-01T02:00:00Z", queue_depth=0)
    span = span_of(share(1, price=3.0, unit="qpu_seconds"), closed, 3600.0)
    assert span == Span(
        3603.0,
        3603.0,
        (
            "closed for 1 h, until 1970-01-01T02:00:00Z",
            "0 jobs ahead",
            "3 s on the QPU, by the price",
        ),
    )
    nobody = span_of(share(1), Target("t", online=False), 0.0)
    assert nobody is not None
    assert nobody.high_s is None
    assert str(nobody) == "1 min 1 s or more"
    assert span_of(share(1, seconds=4.0), Target("t"), 0.0, is_local=True) == Span(4.0, 4.0)


def test_backends_take_their_time_side_by_side() -> None:
    assert together([Span(1, 5), Span(3, 4)]) == Span(3, 5)
    assert together([Span(1, 5), Span(3, None)]) == Span(3, None)
    assert together([Span(1, 5), None]) is None
    assert together([]) is None
